import assert from 'node:assert/strict';

const WORD = 0x1_0000_0000;

/** Writes a whole number below 2^53 as 8 bytes big endian, so that byte order is number order. */
export function putU64(target: Uint8Array, offset: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) assert.fail('not a whole number below 2^53');
  const high = Math.floor(value / WORD);
  const low = value >>> 0;
  target[offset] = high >>> 24;
  target[offset + 1] = high >>> 16;
  target[offset + 2] = high >>> 8;
  target[offset + 3] = high;
  target[offset + 4] = low >>> 24;
  target[offset + 5] = low >>> 16;
  target[offset + 6] = low >>> 8;
  target[offset + 7] = low;
}

export function encodeU64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  putU64(bytes, 0, value);
  return bytes;
}

export function decodeU64(bytes: Uint8Array, offset: number): number {
  if (bytes.length < offset + 8) assert.fail('a number of 8 bytes ends early');
  const value = readU32(bytes, offset) * WORD + readU32(bytes, offset + 4);
  if (!Number.isSafeInteger(value)) assert.fail('a number beyond 2^53');
  return value;
}

const readU32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

/** Key of a table: its prefix byte, then numbers of 8 bytes, then raw bytes that must be the last member. */
export function tupleKey(table: number, numbers: readonly number[], tail?: Uint8Array): Uint8Array {
  const head = 1 + numbers.length * 8;
  const key = new Uint8Array(tail === undefined ? head : head + tail.length);
  key[0] = table;
  for (let index = 0; index < numbers.length; index += 1)
    putU64(key, 1 + index * 8, numbers[index] as number);
  if (tail !== undefined) key.set(tail, head);
  return key;
}

/** The smallest key above every key that starts with `prefix`; `prefix` must not be all 0xff. */
export function successorOfPrefix(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  assert(length > 0, 'a prefix of only 0xff has no successor');
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}

export const prefixRange = (prefix: Uint8Array): { start: Uint8Array; end: Uint8Array } => ({
  start: prefix,
  end: successorOfPrefix(prefix),
});
