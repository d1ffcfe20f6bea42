import { FORM_BOUNDARY_CHARS_MAX, FORM_FIELDS_BYTES_MAX } from '../../limits/s3.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { RequestBody } from './http.ts';

/** What stands before the file of a form. Text is one character a byte, as it was on the wire. */
export interface FormFields {
  /** By lower-case name; values of equal names are joined by ','. */
  readonly values: ReadonlyMap<string, string>;
  /** What the client calls the file, perhaps with its folders; absent when it does not say. */
  readonly filename: string | undefined;
}

const malformed = (): S3Error => new S3Error('MalformedPOSTRequest');

/** AWS sends InvalidArgument, though its list of errors has a code of its own for it. */
const notOneFile = (count: number): S3Error =>
  invalidArgument('POST requires exactly one file upload per request.', 'file', String(count));

const fieldsTooLong = (): S3Error =>
  new S3Error('MaxPostPreDataLengthExceeded', {
    members: { MaxPostPreDataLengthBytes: FORM_FIELDS_BYTES_MAX },
  });

/** The boundary of a multipart/form-data content type; `undefined` when it is another type. RFC 2046 §5.1.1. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const [type = '', ...parameters] = (contentType ?? '').split(';');
  if (type.trim().toLowerCase() !== 'multipart/form-data') return undefined;
  const given = parameters.map((it) => it.trim()).find((it) => /^boundary=/i.test(it));
  const value = given?.slice('boundary='.length) ?? '';
  const boundary = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  if (boundary.length === 0 || boundary.length > FORM_BOUNDARY_CHARS_MAX || !/^[\x20-\x7e]+$/.test(boundary))
    throw malformed();
  return boundary;
}

const lineEnd = '\r\n';
const headersEnd = Buffer.from('\r\n\r\n');

/**
 * A multipart/form-data body with one file (RFC 7578): first `fields`, then, as a body of its own, the content of the
 * file. Pieces of the content are views of what was received. Fields behind the file are ignored, as S3 does.
 */
export class MultipartForm implements RequestBody {
  readonly #body: RequestBody;
  /** A line end belongs to it, so that '\r' stands at its start and nowhere else. */
  readonly #delimiter: Buffer;
  /** Received and not yet taken; starts as if a line had ended before the body. */
  #buffer: Buffer = Buffer.from(lineEnd);
  #state: 'fields' | 'file' | 'ended' = 'fields';

  constructor(body: RequestBody, boundary: string) {
    this.#body = body;
    this.#delimiter = Buffer.from(`${lineEnd}--${boundary}`, 'latin1');
  }

  /** Everything up to the content of the file. */
  async fields(): Promise<FormFields> {
    const values = new Map<string, string>();
    const allowance = { bytes: FORM_FIELDS_BYTES_MAX };
    await this.#skipTo(this.#delimiter, allowance);
    while (await this.#opensPart(allowance)) {
      const { name, filename } = disposition(await this.#headers(allowance));
      if (name === 'file') {
        this.#state = 'file';
        return { values, filename };
      }
      const value = (await this.#skipTo(this.#delimiter, allowance)).toString('latin1');
      const earlier = values.get(name);
      values.set(name, earlier === undefined ? value : `${earlier},${value}`);
    }
    throw notOneFile(0);
  }

  keep(bytes: number): boolean {
    return this.#body.keep(bytes);
  }

  /** Not what came from below: the form may hold a part of it back. */
  letGo(): void {
    return;
  }

  /** Content of the file; at its end the rest of the form has been checked. */
  async next(): Promise<readonly Uint8Array[] | undefined> {
    if (this.#state !== 'file') return undefined;
    const content: Uint8Array[] = [];
    // What `fields` has received too much comes first, and is alone when it has any content.
    if (this.#buffer.length > 0 && this.#takeContent([], content)) await this.#finish();
    while (content.length === 0 && this.#state === 'file') {
      const batch = await this.#body.next();
      if (batch === undefined) throw malformed();
      if (this.#takeContent(batch, content)) await this.#finish();
    }
    return content.length === 0 ? undefined : content;
  }

  /** Appends content to `into`; true at the delimiter, behind which the buffer then stands. */
  #takeContent(batch: readonly Uint8Array[], into: Uint8Array[]): boolean {
    const pieces = this.#buffer.length > 0 ? [this.#buffer, ...batch] : batch;
    this.#buffer = Buffer.alloc(0);
    for (let index = 0; index < pieces.length; index += 1) {
      const piece = this.#withHeld(pieces[index] as Uint8Array, into);
      const at = piece.indexOf(this.#delimiter);
      if (at >= 0) {
        push(into, piece.subarray(0, at));
        const rest = pieces.slice(index + 1);
        this.#buffer = Buffer.concat([piece.subarray(at + this.#delimiter.length), ...rest]);
        return true;
      }
      const kept = piece.length - this.#startedAtEnd(piece);
      push(into, piece.subarray(0, kept));
      this.#buffer = piece.subarray(kept);
    }
    return false;
  }

  /** The piece with what was held back before it, which is content after all unless the piece goes on with a delimiter. */
  #withHeld(piece: Uint8Array, into: Uint8Array[]): Buffer {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    const held = this.#buffer;
    if (held.length === 0) return bytes;
    const wanted = this.#delimiter.subarray(held.length, held.length + bytes.length);
    if (bytes.subarray(0, wanted.length).equals(wanted)) return Buffer.concat([held, bytes]);
    into.push(held);
    return bytes;
  }

  /** How many of the last bytes may be the start of a delimiter. */
  #startedAtEnd(piece: Buffer): number {
    const from = piece.lastIndexOf('\r');
    const length = piece.length - from;
    if (from < 0 || length >= this.#delimiter.length) return 0;
    return piece.subarray(from).equals(this.#delimiter.subarray(0, length)) ? length : 0;
  }

  async #finish(): Promise<void> {
    this.#state = 'ended';
    const allowance = { bytes: FORM_FIELDS_BYTES_MAX };
    while (await this.#opensPart(allowance)) {
      if (disposition(await this.#headers(allowance)).name === 'file') throw notOneFile(2);
      await this.#skipTo(this.#delimiter, allowance);
    }
  }

  /** Whether the delimiter just passed begins a part; else it ends the form. RFC 2046 §5.1.1. */
  async #opensPart(allowance: Allowance): Promise<boolean> {
    while (this.#buffer.length < 2) await this.#receive(allowance);
    if (this.#buffer.toString('latin1', 0, 2) === '--') return false;
    const padding = (await this.#skipTo(Buffer.from(lineEnd), allowance, 'stays')).toString('latin1');
    if (!/^[ \t]*$/.test(padding)) throw malformed();
    return true;
  }

  async #headers(allowance: Allowance): Promise<string> {
    return (await this.#skipTo(headersEnd, allowance)).toString('latin1');
  }

  /** The bytes before `mark`, which is taken too unless it `stays`. */
  async #skipTo(mark: Buffer, allowance: Allowance, after: 'taken' | 'stays' = 'taken'): Promise<Buffer> {
    let at = this.#buffer.indexOf(mark);
    for (let from = 0; at < 0; at = this.#buffer.indexOf(mark, from)) {
      from = Math.max(0, this.#buffer.length - mark.length + 1);
      await this.#receive(allowance);
    }
    const skipped = this.#buffer.subarray(0, at);
    const end = at + (after === 'taken' ? mark.length : 0);
    allowance.bytes -= end;
    if (allowance.bytes < 0) throw fieldsTooLong();
    this.#buffer = this.#buffer.subarray(end);
    return skipped;
  }

  async #receive(allowance: Allowance): Promise<void> {
    if (this.#buffer.length > allowance.bytes) throw fieldsTooLong();
    const batch = await this.#body.next();
    if (batch === undefined) throw malformed();
    this.#buffer = Buffer.concat([this.#buffer, ...batch]);
  }
}

/** Bytes that fields may still take. */
interface Allowance {
  bytes: number;
}

const push = (into: Uint8Array[], piece: Uint8Array): void => {
  if (piece.length > 0) into.push(piece);
};

/** Name (lower case: S3 ignores the case of field names) and file name of a part. RFC 7578 §4.2, RFC 8187. */
function disposition(headers: string): { readonly name: string; readonly filename: string | undefined } {
  const line = headers.split(lineEnd).find((it) => /^content-disposition:/i.test(it)) ?? '';
  const name = parameter(line, 'name');
  if (!/^content-disposition:\s*form-data\s*;/i.test(line) || name === undefined) throw malformed();
  return { name: name.toLowerCase(), filename: extendedFilename(line) ?? parameter(line, 'filename') };
}

function parameter(line: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\[^])*)"|([^";\\s]+))`, 'i').exec(line);
  // Only quotes are escaped: browsers of old send paths with backslashes as they are.
  return (found?.[1] ?? found?.[2])?.replaceAll('\\"', '"');
}

function extendedFilename(line: string): string | undefined {
  const encoded = /;\s*filename\*=utf-8''([^;\s]*)/i.exec(line)?.[1];
  return encoded?.replace(/%([0-9a-f]{2})/gi, (_escape, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  );
}
