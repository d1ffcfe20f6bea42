import { invalidArgument } from './errors.ts';
import { keyBytes, keyText } from './members.ts';

/** Where a listing goes on: after a key, or after everything below a rolled-up prefix. */
export interface Position {
  readonly kind: 'key' | 'prefix';
  readonly bytes: Uint8Array;
}

const form = 1;

/** A token that clients pass back unread: form, kind, position, check byte. It holds nothing but what the page showed. */
export function continuationToken({ kind, bytes }: Position): string {
  const token = Buffer.alloc(bytes.length + 3);
  token[0] = form;
  token[1] = kind === 'key' ? 0 : 1;
  token.set(bytes, 2);
  token[token.length - 1] = checkByte(token.subarray(0, -1));
  return token.toString('base64');
}

/** The position of a token, refused when no gateway made it. AWS API reference, ListObjectsV2. */
export function positionOf(token: string): Position {
  const position = readToken(token);
  if (position === undefined)
    throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token);
  return position;
}

function readToken(token: string): Position | undefined {
  const bytes = Buffer.from(token, 'base64');
  const isGenuine =
    bytes.length >= 3 &&
    bytes[0] === form &&
    bytes.at(-1) === checkByte(bytes.subarray(0, -1)) &&
    bytes.toString('base64') === token;
  return isGenuine ? { kind: bytes[1] === 0 ? 'key' : 'prefix', bytes: bytes.subarray(2, -1) } : undefined;
}

/** Begins a marker that is a token: the last character for private use, which no key is likely to begin with. */
const SIGN = '\u{10fffd}';

/**
 * A marker that leads on behind a position, for listings that go on by keys: the text of the position, or a token where
 * that text does not say which bytes it was made from. Names that NFS made may be no UTF-8, and several of them one text.
 */
export function markerOf(position: Position): string {
  const text = keyText(position.bytes);
  const isExact = !text.startsWith(SIGN) && Buffer.compare(keyBytes(text), position.bytes) === 0;
  return isExact ? text : SIGN + continuationToken(position);
}

/** `undefined`: the marker is a text. */
export const positionOfMarker = (marker: string): Position | undefined =>
  marker.startsWith(SIGN) ? readToken(marker.slice(SIGN.length)) : undefined;

const checkByte = (bytes: Uint8Array): number => {
  let sum = 0x5a;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) & 0xff;
  return sum;
};
