import { S3Error } from './errors.ts';

/** Bytes `offset` to `offset + length - 1`. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

const unit = 'bytes=';

/**
 * The part of `size` bytes that a Range header asks for; `undefined` for the whole: none was given, it is malformed, or
 * it asks for several ranges, which S3 does not serve. Throws InvalidRange when no byte of it exists.
 * RFC 9110 §14.1.2; AWS API reference, GetObject.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  if (header === undefined || header.slice(0, unit.length).toLowerCase() !== unit) return undefined;
  const text = header.slice(unit.length).trim();
  const dash = text.indexOf('-');
  if (dash < 0) return undefined;
  const first = position(text.slice(0, dash));
  const last = position(text.slice(dash + 1));
  if (first === 'malformed' || last === 'malformed') return undefined;
  if (first === undefined) return last === undefined ? undefined : suffix(last, { header, size });
  if (last !== undefined && last < first) return undefined;
  if (first >= size) throw unsatisfiable(header, size);
  return { offset: first, length: Math.min(last ?? size - 1, size - 1) - first + 1 };
}

function suffix(length: number, { header, size }: { header: string; size: number }): ByteRange {
  if (length === 0 || size === 0) throw unsatisfiable(header, size);
  const taken = Math.min(length, size);
  return { offset: size - taken, length: taken };
}

/** Digits only; absent when empty. Numbers beyond 2^53 lie behind every object, so their exact value is no matter. */
function position(text: string): number | 'malformed' | undefined {
  if (text === '') return undefined;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x30 || code > 0x39) return 'malformed';
  }
  return Number(text);
}

const unsatisfiable = (header: string, size: number): S3Error =>
  new S3Error('InvalidRange', {
    members: { RangeRequested: header, ActualObjectSize: size },
    headers: ['Content-Range', `bytes */${size}`],
  });

/** The source range of UploadPartCopy: `bytes=first-last`, both inside the source. AWS API reference, UploadPartCopy. */
export function parseCopyRange(header: string, size: number): ByteRange {
  const found = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header);
  const first = Number(found?.[1]);
  const last = Number(found?.[2]);
  if (found === null || last < first)
    throw new S3Error('InvalidArgument', {
      message:
        'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
      members: { ArgumentName: 'x-amz-copy-source-range', ArgumentValue: header },
    });
  if (last >= size)
    throw new S3Error('InvalidRange', {
      message: `Range specified is not valid for source object of size: ${size}`,
      members: { RangeRequested: header, ActualObjectSize: size },
    });
  return { offset: first, length: last - first + 1 };
}

export const contentRange = ({ offset, length }: ByteRange, size: number): string =>
  `bytes ${offset}-${offset + length - 1}/${size}`;
