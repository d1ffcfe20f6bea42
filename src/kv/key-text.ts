import type { Key } from './kv.ts';

/**
 * A key as a string of one code unit per byte. JavaScript compares such strings in unsigned bytewise order and hashes
 * them, which neither works for a `Uint8Array`.
 */
export type KeyText = string;

export interface TextRange {
  readonly start: KeyText;
  readonly end: KeyText;
}

/** Node's own, which works on any `Uint8Array` and is faster than making a Buffer first to call `toString`. */
const { latin1Slice } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string;
};

export function keyText(key: Key): KeyText {
  return latin1Slice.call(key, 0, key.length);
}

export function textKey(text: KeyText): Key {
  return Buffer.from(text, 'latin1');
}

/** The least key above `text`. */
export function textAfter(text: KeyText): KeyText {
  return `${text}\0`;
}

export function compareTexts(left: KeyText, right: KeyText): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
