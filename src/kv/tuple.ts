import assert from 'node:assert/strict';

const WORD = 0x1_0000_0000;

/** Writes a whole number below 2^53 as 8 bytes big endian, so that byte order is number order. */
export function putU64(target: Uint8Array, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0);
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
  const bytes = Buffer.allocUnsafe(8);
  putU64(bytes, 0, value);
  return bytes;
}

export function decodeU64(bytes: Uint8Array, offset: number): number {
  assert(bytes.length >= offset + 8);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const value = view.readUInt32BE(offset) * WORD + view.readUInt32BE(offset + 4);
  assert(Number.isSafeInteger(value));
  return value;
}

/** Key of a table: its prefix byte, then numbers of 8 bytes, then raw bytes that must be the last member. */
export function tupleKey(table: number, numbers: readonly number[], tail?: Uint8Array): Uint8Array {
  const head = 1 + numbers.length * 8;
  const key = Buffer.allocUnsafe(head + (tail?.length ?? 0));
  key[0] = table;
  for (const [index, number] of numbers.entries()) putU64(key, 1 + index * 8, number);
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
