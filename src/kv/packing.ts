import assert from 'node:assert';
import type { Page, Write } from './engine.ts';
import type { Entry, Key, Value } from './kv.ts';

// Rows in one buffer, so that the border to native code is crossed once per batch or page. All lengths are
// little-endian u32. The other side is native/core/src/kv/packing.rs.

/** In place of a value's length: a deletion, or nothing found. */
const ABSENT = 0xffff_ffff;
const LENGTH_BYTES = 4;

/** Length of key, length of value or ABSENT, key, value, for each row. */
export function packBatch(batch: readonly Write[]): Buffer {
  let length = 0;
  for (const { key, value } of batch) length += 2 * LENGTH_BYTES + key.length + (value?.length ?? 0);
  const packed = Buffer.allocUnsafe(length);
  let offset = 0;
  for (const { key, value } of batch) {
    putLength(packed, offset, key.length);
    putLength(packed, offset + LENGTH_BYTES, value === undefined ? ABSENT : value.length);
    offset += 2 * LENGTH_BYTES;
    packed.set(key, offset);
    offset += key.length;
    if (value === undefined) continue;
    packed.set(value, offset);
    offset += value.length;
  }
  return packed;
}

/** Length and key, for each. */
export function packKeys(keys: readonly Key[]): Buffer {
  let length = 0;
  for (const key of keys) length += LENGTH_BYTES + key.length;
  const packed = Buffer.allocUnsafe(length);
  let offset = 0;
  for (const key of keys) {
    putLength(packed, offset, key.length);
    packed.set(key, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + key.length;
  }
  return packed;
}

/** Length or ABSENT, and value, for each of the keys asked for. The values are views of `packed`. */
export function unpackValues(packed: Buffer, count: number): (Value | undefined)[] {
  const values: (Value | undefined)[] = [];
  let offset = 0;
  for (let index = 0; index < count; index++) {
    const length = getLength(packed, offset);
    offset += LENGTH_BYTES;
    values.push(length === ABSENT ? undefined : view(packed, offset, length));
    if (length !== ABSENT) offset += length;
  }
  assert.equal(offset, packed.length);
  return values;
}

/** One byte, 1 for the last page; then the rows, as in a batch. Keys and values are views of `packed`. */
export function unpackPage(packed: Buffer): Page {
  const entries: Entry[] = [];
  let offset = 1;
  while (offset < packed.length) {
    const keyLength = getLength(packed, offset);
    const valueLength = getLength(packed, offset + LENGTH_BYTES);
    const keyOffset = offset + 2 * LENGTH_BYTES;
    offset = keyOffset + keyLength + valueLength;
    const key = view(packed, keyOffset, keyLength);
    entries.push({ key, value: view(packed, keyOffset + keyLength, valueLength) });
  }
  assert.equal(offset, packed.length);
  return { entries, isLast: packed[0] === 1 };
}

function view(packed: Buffer, offset: number, length: number): Uint8Array {
  return new Uint8Array(packed.buffer, packed.byteOffset + offset, length);
}

function putLength(packed: Buffer, offset: number, length: number): void {
  packed[offset] = length;
  packed[offset + 1] = length >>> 8;
  packed[offset + 2] = length >>> 16;
  packed[offset + 3] = length >>> 24;
}

function getLength(packed: Buffer, offset: number): number {
  return packed.readUInt32LE(offset);
}
