import { Fault } from '../fault.ts';

/** RFC 3986 unreserved characters: what SigV4 leaves as it is. */
const isUnreserved = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~')
  isUnreserved[character.charCodeAt(0)] = 1;

const encodedByte = Array.from(
  { length: 256 },
  (_, byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
);

const plain = /^[A-Za-z0-9\-._~]*$/;
const plainOrSlash = /^[A-Za-z0-9\-._~/]*$/;

const ascii = /^[\x00-\x7f]*$/;

/**
 * Text of percent-encoded bytes. Characters above 0x7f are bytes that came unencoded. Names are UTF-8: anything else is
 * Fault('invalid-argument', 'request').
 */
export function decodePercent(text: string): string {
  if (!text.includes('%') && ascii.test(text)) return text;
  try {
    return decodeURIComponent(ascii.test(text) ? text : encodeHigh(text));
  } catch (cause) {
    throw new Fault('invalid-argument', 'request', 'percent-encoded bytes that are no UTF-8', { cause });
  }
}

const encodeHigh = (text: string): string =>
  text.replace(/[^\x00-\x7f]/g, (one) => encodedByte[one.charCodeAt(0) & 0xff]!);

/** AWS UriEncode(): every byte of the UTF-8 form but the unreserved ones. */
export function encodePercent(text: string): string {
  return plain.test(text) ? text : encodeBytes(text, false);
}

/** The same for paths: '/' stays. */
export function encodePercentPath(text: string): string {
  return plainOrSlash.test(text) ? text : encodeBytes(text, true);
}

function encodeBytes(text: string, slashStays: boolean): string {
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const stays = isUnreserved[byte] === 1 || (slashStays && byte === 0x2f);
    encoded += stays ? String.fromCharCode(byte) : encodedByte[byte]!;
  }
  return encoded;
}

/** A path as SigV4 wants it in the canonical request: decoded once and encoded the one right way, never normalised. */
export function canonicalPath(path: string): string {
  return plainOrSlash.test(path) ? path : encodePercentPath(decodePercent(path));
}
