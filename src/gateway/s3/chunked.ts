import {
  BODY_SMALL_BYTES_MAX,
  CHUNK_BYTES_MIN,
  CHUNK_LINE_BYTES_MAX,
  CHUNK_TRAILERS_MAX,
} from '../../limits/s3.ts';
import type { ChunkSigner } from '../../signing/sigv4.ts';
import type { Compute, Digests, Hasher } from '../../workers/compute.ts';
import { digestOf } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { RequestBody } from './http.ts';

/** What the framing says, in order. `chunk-end` comes after all data of a chunk, also of the empty last one. */
export type ChunkEvent =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'chunk-end'; readonly signature: string | undefined };

const malformed = (): S3Error =>
  new S3Error('IncompleteBody', { message: 'The request body terminated unexpectedly' });

type State = 'size' | 'data' | 'data-end' | 'trailer' | 'done';

const hexSize = /^[0-9a-fA-F]{1,12}$/;

/**
 * The framing of aws-chunked: `size[;chunk-signature=hex]CRLF data CRLF`, a chunk of size 0, trailer lines, an empty
 * line. Data comes out as views of what was pushed. Every line and count is bounded.
 * AWS: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple Chunks".
 */
export class ChunkDecoder {
  readonly #isSigned: boolean;
  readonly #hasTrailer: boolean;
  readonly trailers = new Map<string, string>();
  #state: State = 'size';
  #line = '';
  #signature: string | undefined;
  #left = 0;
  #chunks = 0;
  #shortChunkBytes: number | undefined;

  constructor(options: { readonly isSigned: boolean; readonly hasTrailer: boolean }) {
    this.#isSigned = options.isSigned;
    this.#hasTrailer = options.hasTrailer;
  }

  push(piece: Uint8Array, events: ChunkEvent[]): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#state === 'data') {
        const length = Math.min(this.#left, piece.length - at);
        events.push({ kind: 'data', bytes: piece.subarray(at, at + length) });
        at += length;
        this.#left -= length;
        if (this.#left === 0) this.#state = 'data-end';
      } else {
        at = this.#takeLine(piece, at, events);
      }
    }
  }

  /** The body is over: was it all? */
  finish(): void {
    if (this.#state === 'trailer' && this.#hasTrailer) throw new S3Error('MalformedTrailerError');
    if (this.#state !== 'done') throw malformed();
  }

  #takeLine(piece: Uint8Array, at: number, events: ChunkEvent[]): number {
    if (this.#state === 'done') throw malformed();
    const newline = piece.indexOf(0x0a, at);
    const end = newline < 0 ? piece.length : newline;
    if (this.#line.length + end - at > CHUNK_LINE_BYTES_MAX) throw this.#lineTooLong();
    this.#line += Buffer.from(piece.buffer, piece.byteOffset + at, end - at).toString('latin1');
    if (newline < 0) return end;
    const line = this.#line;
    this.#line = '';
    if (this.#state === 'trailer') this.#trailerLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    else if (!line.endsWith('\r')) throw malformed();
    else if (this.#state === 'size') this.#sizeLine(line.slice(0, -1), events);
    else this.#dataEnd(line, events);
    return newline + 1;
  }

  #lineTooLong(): S3Error {
    return this.#state === 'trailer' ? new S3Error('MalformedTrailerError') : malformed();
  }

  #sizeLine(line: string, events: ChunkEvent[]): void {
    const semicolon = line.indexOf(';');
    const size = semicolon < 0 ? line : line.slice(0, semicolon);
    if (!hexSize.test(size)) throw malformed();
    this.#signature = semicolon < 0 ? undefined : signatureOf(line.slice(semicolon + 1));
    if (this.#isSigned && this.#signature === undefined) throw malformed();
    const length = parseInt(size, 16);
    this.#chunks += 1;
    if (length === 0) {
      events.push({ kind: 'chunk-end', signature: this.#signature });
      this.#state = 'trailer';
      return;
    }
    this.#refuseAfterShort();
    if (length < CHUNK_BYTES_MIN) this.#shortChunkBytes = length;
    this.#left = length;
    this.#state = 'data';
  }

  #refuseAfterShort(): void {
    if (this.#shortChunkBytes === undefined) return;
    throw new S3Error('InvalidChunkSizeError', {
      members: { Chunk: this.#chunks - 1, BadChunkSize: this.#shortChunkBytes },
    });
  }

  #dataEnd(line: string, events: ChunkEvent[]): void {
    if (line !== '\r') throw malformed();
    events.push({ kind: 'chunk-end', signature: this.#signature });
    this.#state = 'size';
  }

  #trailerLine(line: string): void {
    if (line === '') {
      // AWS's own description puts an empty line before x-amz-trailer-signature; SDKs do not.
      const isBeforeSignature =
        this.#isSigned && this.#hasTrailer && !this.trailers.has('x-amz-trailer-signature');
      if (isBeforeSignature && this.trailers.size > 0) return;
      this.#state = 'done';
      return;
    }
    const colon = line.indexOf(':');
    if (!this.#hasTrailer || colon <= 0 || this.trailers.size >= CHUNK_TRAILERS_MAX)
      throw new S3Error('MalformedTrailerError');
    const name = line.slice(0, colon).trim().toLowerCase();
    if (this.trailers.has(name)) throw new S3Error('MalformedTrailerError');
    this.trailers.set(name, line.slice(colon + 1).trim());
  }
}

function signatureOf(extension: string): string | undefined {
  const name = 'chunk-signature=';
  return extension.startsWith(name) ? extension.slice(name.length).trim() : undefined;
}

/** The decoded bytes of an aws-chunked body, every chunk's signature checked when it is signed. */
export class ChunkedBody implements RequestBody {
  readonly #source: RequestBody;
  readonly #compute: Compute;
  readonly #signer: ChunkSigner | undefined;
  readonly #decoder: ChunkDecoder;
  readonly #hasTrailer: boolean;
  /** What the data that was given out are views of. */
  readonly #sources = new WeakMap<readonly Uint8Array[], readonly Uint8Array[]>();
  #chunk: Hasher | undefined;

  constructor(
    source: RequestBody,
    compute: Compute,
    options: { readonly signer: ChunkSigner | undefined; readonly trailer: boolean },
  ) {
    this.#source = source;
    this.#compute = compute;
    this.#signer = options.signer;
    this.#hasTrailer = options.trailer;
    this.#decoder = new ChunkDecoder({ isSigned: options.signer !== undefined, hasTrailer: options.trailer });
  }

  /** By lower-case name; complete once `next` has answered `undefined`. */
  get trailers(): ReadonlyMap<string, string> {
    return this.#decoder.trailers;
  }

  keep(bytes: number): boolean {
    return this.#source.keep(bytes);
  }

  async next(): Promise<readonly Uint8Array[] | undefined> {
    for (;;) {
      const batch = await this.#source.next();
      if (batch === undefined) {
        this.#decoder.finish();
        this.#checkTrailer();
        return undefined;
      }
      const events: ChunkEvent[] = [];
      for (const piece of batch) this.#decoder.push(piece, events);
      const data = await this.#accept(events);
      if (data.length > 0) {
        this.#sources.set(data, batch);
        return data;
      }
      this.#source.letGo(batch);
    }
  }

  letGo(data: readonly Uint8Array[]): void {
    const batch = this.#sources.get(data);
    if (batch !== undefined) this.#source.letGo(batch);
  }

  async #accept(events: readonly ChunkEvent[]): Promise<Uint8Array[]> {
    const data: Uint8Array[] = [];
    let pending: Uint8Array[] = [];
    for (const event of events) {
      if (event.kind === 'data') {
        data.push(event.bytes);
        pending.push(event.bytes);
      } else {
        if (this.#signer !== undefined) await this.#checkChunk(this.#signer, pending, event.signature ?? '');
        pending = [];
      }
    }
    if (this.#signer !== undefined && pending.length > 0) {
      this.#chunk ??= this.#compute.hasher(['sha256']);
      await this.#chunk.update(pending);
    }
    return data;
  }

  async #checkChunk(signer: ChunkSigner, last: readonly Uint8Array[], signature: string): Promise<void> {
    const sha256 = await this.#chunkSha256(last);
    this.#chunk = undefined;
    if (!signer.acceptsChunk(signature, sha256)) throw new S3Error('SignatureDoesNotMatch');
  }

  async #chunkSha256(last: readonly Uint8Array[]): Promise<string> {
    if (this.#chunk === undefined && lengthOf(last) <= BODY_SMALL_BYTES_MAX)
      return hexSha256(this.#compute.digest(['sha256'], last));
    const hasher = this.#chunk ?? this.#compute.hasher(['sha256']);
    await hasher.update(last);
    return hexSha256(hasher.digests());
  }

  #checkTrailer(): void {
    if (!this.#hasTrailer || this.#signer === undefined) return;
    const signature = this.#decoder.trailers.get('x-amz-trailer-signature');
    if (signature === undefined) throw new S3Error('MalformedTrailerError');
    let canonical = '';
    for (const [name, value] of this.#decoder.trailers) {
      if (name !== 'x-amz-trailer-signature') canonical += `${name}:${value}\n`;
    }
    const sha256 = hexSha256(this.#compute.digest(['sha256'], [Buffer.from(canonical, 'latin1')]));
    if (!this.#signer.acceptsTrailer(signature, sha256)) throw new S3Error('SignatureDoesNotMatch');
  }
}

const hexSha256 = (digests: Digests): string => Buffer.from(digestOf(digests, 'sha256')).toString('hex');

export function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
