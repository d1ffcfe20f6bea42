import type { ContentKey } from '../../keyring/encryption.ts';
import {
  BODY_GATHER_BYTES,
  BODY_NARROW_BYTES,
  BODY_SMALL_BYTES_MAX,
  DOCUMENT_PARSED_FACTOR,
  PUT_BYTES_MAX,
  XML_BYTES_MAX,
} from '../../limits/s3.ts';
import type { Checksum, Draft } from '../../namespace/namespace.ts';
import type { Compute, DigestAlgorithm, Digests } from '../../workers/compute.ts';
import type { PayloadSigning } from './authenticate.ts';
import {
  badChecksum,
  base64,
  checksumClaim,
  checksumOf,
  checkValue,
  digestOf,
  type ChecksumClaim,
  type ChecksumRow,
} from './checksums.ts';
import { ChunkedBody, lengthOf } from './chunked.ts';
import { S3Error } from './errors.ts';
import type { RequestBody } from './http.ts';
import type { S3Context } from './operation.ts';
import type { LengthBounds } from './post-policy.ts';
import type { S3Request } from './request.ts';

/** What the headers promise about a body; all of it holds before anything is committed. */
interface Promised {
  /** Decoded bytes; `undefined` when the request has no body at all, or one whose length shows at its end. */
  readonly length: number | undefined;
  /** What the length must be when it shows at the end. */
  readonly lengths: LengthBounds | undefined;
  /** Base64, from Content-MD5. */
  readonly md5: string | undefined;
  /** Hexadecimal, from x-amz-content-sha256. */
  readonly sha256: string | undefined;
  readonly checksum: ChecksumClaim | undefined;
}

/** What a verified body turned out to be. */
export interface Received {
  readonly length: number;
  readonly md5: Uint8Array;
  /** Of the algorithms that were asked for, in that order. */
  readonly checksums: readonly Checksum[];
}

export interface Payload {
  readonly promised: Promised;
  readonly body: RequestBody;
  readonly trailers: ReadonlyMap<string, string>;
}

const noTrailers: ReadonlyMap<string, string> = new Map();

/** The body of a request, decoded and with what must hold of it. */
export function payloadOf(request: S3Request, signing: PayloadSigning, compute: Compute): Payload {
  const { headers } = request;
  const claim = checksumClaim(headers);
  const isChunked = signing.kind === 'chunked';
  if (claim?.value === undefined && claim !== undefined && !(isChunked && signing.trailer))
    throw new S3Error('MalformedTrailerError');
  const promised: Promised = {
    length: isChunked ? decodedLength(headers) : plainLength(headers),
    lengths: signing.kind === 'form' ? signing.lengths : undefined,
    md5: contentMd5(headers['content-md5']),
    sha256: signing.kind === 'sha256' ? signing.hex : undefined,
    checksum: claim,
  };
  if (!isChunked) return { promised, body: request.body, trailers: noTrailers };
  const body = new ChunkedBody(request.body, compute, signing);
  return { promised, body, trailers: body.trailers };
}

function decodedLength(headers: Readonly<Record<string, string>>): number {
  const text = headers['x-amz-decoded-content-length'];
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw new S3Error('MissingContentLength');
  return Number(text);
}

function plainLength(headers: Readonly<Record<string, string>>): number | undefined {
  const text = headers['content-length'];
  if (text !== undefined) return Number(text);
  if (headers['transfer-encoding'] !== undefined) throw new S3Error('MissingContentLength');
  return undefined;
}

function contentMd5(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== value) throw new S3Error('InvalidDigest');
  return value;
}

/** The whole body of a request that carries a document: bounded, verified. */
export async function readDocument(compute: Compute, payload: Payload): Promise<readonly Uint8Array[]> {
  const { parts, length } = await readAll(payload, XML_BYTES_MAX);
  const algorithms = algorithmsFor(payload.promised, []);
  verify(payload, length, algorithms.length === 0 ? {} : compute.digest(algorithms, parts));
  return parts;
}

/** A body and what is to be made of it. */
export interface Receivable {
  readonly payload: Payload;
  readonly wanted: readonly ChecksumRow[];
  /** Of the draft; `undefined`: the content stays plain. */
  readonly contentKey: ContentKey | undefined;
}

/**
 * Receives a body into a draft and hands both to `publish`. Nothing is published unless length, digests, signatures
 * and trailer are what the request promised; whatever goes wrong, the draft is discarded.
 */
export async function receive<Result>(
  context: S3Context,
  given: Receivable,
  publish: (draft: Draft, received: Received) => Promise<Result>,
): Promise<Result> {
  const { length, lengths } = given.payload.promised;
  if (lengths !== undefined) return receiveLarge(context, given, publish);
  if (length === undefined) throw new S3Error('MissingContentLength');
  if (length > PUT_BYTES_MAX)
    throw new S3Error('EntityTooLarge', { members: { ProposedSize: length, MaxSizeAllowed: PUT_BYTES_MAX } });
  const take = length <= BODY_SMALL_BYTES_MAX ? receiveSmall : receiveLarge;
  return take(context, given, publish);
}

type Receive = typeof receive;

/** Read, hashed on the event loop and verified before the namespace hears of it. */
const receiveSmall: Receive = async (context, { payload, wanted, contentKey }, publish) => {
  const { parts, length } = await readAll(payload, BODY_SMALL_BYTES_MAX);
  const digests = context.parts.compute.digest(algorithmsFor(payload.promised, ['md5'], wanted), parts);
  verify(payload, length, digests);
  return drafting(context, contentKey, async (draft) => {
    if (length > 0) await draft.write(parts);
    return publish(draft, received(length, digests, wanted));
  });
};

/** Hashing, writing and reading the next batch go on at the same time; at most two batches are in memory. */
const receiveLarge: Receive = async (context, { payload, wanted, contentKey }, publish) =>
  drafting(context, contentKey, async (draft) => {
    const hasher = context.parts.compute.hasher(algorithmsFor(payload.promised, ['md5'], wanted));
    const { promised } = payload;
    const lengthMax = promised.lengths?.max ?? promised.length ?? 0;
    let length = 0;
    for (let batch = await payload.body.next(); batch !== undefined; batch = await payload.body.next()) {
      const bytes = lengthOf(batch);
      length += bytes;
      if (length > lengthMax) checkLength(promised, length);
      const done = whenAll(2, () => payload.body.letGo(batch));
      await Promise.all([Promise.resolve(hasher.update(batch)).then(done), draft.write(batch, done)]);
      // Memory is short: what does not fill a blob must not wait for a client that may take its time.
      if (bytes < BODY_GATHER_BYTES / 2) await draft.relieve();
    }
    const digests = hasher.digests();
    verify(payload, length, digests);
    return publish(draft, received(length, digests, wanted));
  });

/** Calls `done` when it was called so often itself. */
function whenAll(count: number, done: () => void): () => void {
  let left = count;
  return () => {
    left -= 1;
    if (left === 0) done();
  };
}

async function drafting<Result>(
  context: S3Context,
  contentKey: ContentKey | undefined,
  work: (draft: Draft) => Promise<Result>,
): Promise<Result> {
  const draft = await context.parts.objects.draft(context.principal.caller, contentKey);
  try {
    return await work(draft);
  } catch (failure) {
    await draft.discard();
    throw failure;
  }
}

async function readAll(
  payload: Payload,
  lengthMax: number,
): Promise<{ parts: Uint8Array[]; length: number }> {
  const promised = payload.promised.length ?? 0;
  if (promised > lengthMax) throw new S3Error('MaxMessageLengthExceeded');
  const parts: Uint8Array[] = [];
  let length = 0;
  if (payload.promised.length === undefined) return { parts, length };
  const room = new DocumentRoom(payload.body, promised);
  for (;;) {
    room.require(length + BODY_NARROW_BYTES);
    const batch = await payload.body.next();
    if (batch === undefined) return { parts, length };
    for (const part of batch) {
      parts.push(part);
      length += part.length;
    }
    if (length > promised) throw new S3Error('IncompleteBody');
  }
}

/** What a document holds of the common memory: what has come and the next batch, as it will be when it is parsed. */
class DocumentRoom {
  readonly #body: RequestBody;
  readonly #lengthMax: number;
  #length = 0;

  constructor(body: RequestBody, lengthMax: number) {
    this.#body = body;
    this.#lengthMax = lengthMax;
  }

  /** Room for so much of it. Small ones need none. */
  require(length: number): void {
    if (this.#lengthMax <= BODY_SMALL_BYTES_MAX) return;
    const wanted = Math.min(length, this.#lengthMax);
    if (!this.#body.keep((wanted - this.#length) * DOCUMENT_PARSED_FACTOR)) throw new S3Error('SlowDown');
    this.#length = wanted;
  }
}

function algorithmsFor(
  promised: Promised,
  always: readonly DigestAlgorithm[],
  wanted: readonly ChecksumRow[] = [],
): DigestAlgorithm[] {
  const algorithms = [...always];
  const add = (algorithm: DigestAlgorithm): void => {
    if (!algorithms.includes(algorithm)) algorithms.push(algorithm);
  };
  if (promised.md5 !== undefined) add('md5');
  if (promised.sha256 !== undefined) add('sha256');
  if (promised.checksum !== undefined) add(promised.checksum.row.digest);
  for (const row of wanted) add(row.digest);
  return algorithms;
}

function verify(payload: Payload, length: number, digests: Digests): void {
  const { promised } = payload;
  checkLength(promised, length);
  verifySha256(promised.sha256, digests);
  verifyMd5(promised.md5, digests);
  if (promised.checksum !== undefined) verifyChecksum(promised.checksum, payload.trailers, digests);
}

/** AWS: the length of a form's file has bounds, and an error that tells them; every other body has one length. */
function checkLength({ length: promised, lengths }: Promised, length: number): void {
  if (lengths === undefined) {
    if (length !== (promised ?? 0)) throw new S3Error('IncompleteBody');
    return;
  }
  const { min, max } = lengths;
  if (length > max)
    throw new S3Error('EntityTooLarge', { members: { ProposedSize: length, MaxSizeAllowed: max } });
  if (length < min)
    throw new S3Error('EntityTooSmall', { members: { ProposedSize: length, MinSizeAllowed: min } });
}

function verifySha256(promised: string | undefined, digests: Digests): void {
  if (promised === undefined) return;
  const computed = Buffer.from(digestOf(digests, 'sha256')).toString('hex');
  if (computed !== promised)
    throw new S3Error('XAmzContentSHA256Mismatch', {
      members: { ClientComputedContentSHA256: promised, S3ComputedContentSHA256: computed },
    });
}

function verifyMd5(promised: string | undefined, digests: Digests): void {
  if (promised === undefined) return;
  const computed = base64(digestOf(digests, 'md5'));
  if (computed !== promised)
    throw new S3Error('BadDigest', { members: { ExpectedDigest: promised, CalculatedDigest: computed } });
}

function verifyChecksum(
  { row, value }: ChecksumClaim,
  trailers: ReadonlyMap<string, string>,
  digests: Digests,
): void {
  const promised = value ?? trailers.get(row.header);
  if (promised === undefined) throw new S3Error('MalformedTrailerError');
  if (value === undefined) checkValue(row, promised);
  if (base64(digestOf(digests, row.digest)) !== promised) throw badChecksum(row);
}

const received = (length: number, digests: Digests, wanted: readonly ChecksumRow[]): Received => ({
  length,
  md5: digestOf(digests, 'md5'),
  checksums: wanted.map((row) => checksumOf(row, digestOf(digests, row.digest))),
});
