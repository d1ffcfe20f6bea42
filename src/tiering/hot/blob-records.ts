import assert from 'node:assert/strict';
import { BLOB_BYTES_MAX, BLOB_EXTENTS_MAX } from '../../limits.ts';
import type { Key, KeyRange, Value } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import { BLOCK_BYTES, type DeviceExtent } from './device.ts';

/**
 * First byte of the keys of each table; the blob's id follows as u64, big endian. A blob has a row either in `device`
 * or in `inline`: two tables, so that the scan at start need not read the content of small blobs.
 */
export interface BlobTables {
  readonly device: number;
  /** Reference counts of two and more; a blob without a row has one reference, or none when it is garbage. */
  readonly references: number;
  readonly garbage: number;
  readonly inline: number;
  /** One row: which device the other rows describe. */
  readonly identity: number;
}

export const BLOB_TABLES: BlobTables = {
  device: 0x40,
  references: 0x41,
  garbage: 0x42,
  inline: 0x43,
  identity: 0x44,
};

/** Where a blob lies that is not inline: its bytes fill `extents` in order; one CRC32C for each block. */
export interface DeviceBlob {
  readonly length: number;
  readonly extents: readonly DeviceExtent[];
  readonly checksums: Uint32Array;
}

const VERSION = 1;
/** version, length, count of extents */
const HEADER_BYTES = 1 + 4 + 4;
/** first block as u48, count of blocks as u32 */
const EXTENT_BYTES = 6 + 4;
const CHECKSUM_BYTES = 4;
const REFERENCES_BYTES = 1 + 4;
const GARBAGE_BYTES = 1 + 8;

export function blobKey(table: number, id: BlobId): Key {
  assert(Number.isSafeInteger(id) && id >= 0, `blob id ${id}`);
  const key = new Uint8Array(9);
  const view = new DataView(key.buffer);
  key[0] = table;
  view.setUint32(1, Math.floor(id / 2 ** 32));
  view.setUint32(5, id % 2 ** 32);
  return key;
}

export function blobIdOf(key: Key): BlobId {
  assert(key.length === 9, `a blob key of ${key.length} bytes`);
  const view = viewOf(key);
  return (view.getUint32(1) * 2 ** 32 + view.getUint32(5)) as BlobId;
}

/** The rows of a table from `first` on. */
export function tableRange(table: number, first: BlobId): KeyRange {
  return { start: blobKey(table, first), end: Uint8Array.of(table + 1) };
}

export function encodeDeviceBlob(blob: DeviceBlob): Value {
  assertDeviceBlob(blob);
  const { length, extents, checksums } = blob;
  const value = new Uint8Array(
    HEADER_BYTES + extents.length * EXTENT_BYTES + checksums.length * CHECKSUM_BYTES,
  );
  const view = viewOf(value);
  view.setUint8(0, VERSION);
  view.setUint32(1, length);
  view.setUint32(5, extents.length);
  let at = HEADER_BYTES;
  for (const extent of extents) {
    const block = extent.offset / BLOCK_BYTES;
    view.setUint16(at, Math.floor(block / 2 ** 32));
    view.setUint32(at + 2, block % 2 ** 32);
    view.setUint32(at + 6, extent.length / BLOCK_BYTES);
    at += EXTENT_BYTES;
  }
  for (const checksum of checksums) {
    view.setUint32(at, checksum);
    at += CHECKSUM_BYTES;
  }
  return value;
}

export function decodeDeviceBlob(value: Value): DeviceBlob {
  const view = viewOf(value);
  assert(value.length >= HEADER_BYTES, 'a blob row is too short');
  assert(view.getUint8(0) === VERSION, `a blob row of unknown version ${view.getUint8(0)}`);
  const length = view.getUint32(1);
  const extentCount = view.getUint32(5);
  const checksumCount = Math.ceil(length / BLOCK_BYTES);
  const bytesExpected = HEADER_BYTES + extentCount * EXTENT_BYTES + checksumCount * CHECKSUM_BYTES;
  assert(value.length === bytesExpected, 'a blob row of the wrong length');
  const extents = Array.from({ length: extentCount }, (_, index) => {
    const at = HEADER_BYTES + index * EXTENT_BYTES;
    return {
      offset: (view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2)) * BLOCK_BYTES,
      length: view.getUint32(at + 6) * BLOCK_BYTES,
    };
  });
  const checksums = new Uint32Array(checksumCount);
  const checksumsAt = HEADER_BYTES + extentCount * EXTENT_BYTES;
  for (let index = 0; index < checksumCount; index++) {
    checksums[index] = view.getUint32(checksumsAt + index * CHECKSUM_BYTES);
  }
  const blob = { length, extents, checksums };
  assertDeviceBlob(blob);
  return blob;
}

/** One copy of the parts, behind the version byte. */
export function encodeInlineBlob(parts: readonly Uint8Array[]): Value {
  const value = new Uint8Array(1 + parts.reduce((sum, part) => sum + part.length, 0));
  value[0] = VERSION;
  let at = 1;
  for (const part of parts) {
    value.set(part, at);
    at += part.length;
  }
  return value;
}

/** The content, as a view of the row. */
export function decodeInlineBlob(value: Value): Uint8Array {
  assert(value[0] === VERSION, `an inline blob row of unknown version ${value[0]}`);
  return value.subarray(1);
}

export function encodeReferences(count: number): Value {
  assert(Number.isInteger(count) && count >= 2, `a reference row that counts ${count}`);
  assert(count < 2 ** 32, 'too many references');
  const value = new Uint8Array(REFERENCES_BYTES);
  value[0] = VERSION;
  viewOf(value).setUint32(1, count);
  return value;
}

export function decodeReferences(value: Value): number {
  assert(value.length === REFERENCES_BYTES, 'a reference row of the wrong length');
  assert(value[0] === VERSION, `a reference row of unknown version ${value[0]}`);
  const count = viewOf(value).getUint32(1);
  assert(count >= 2, `a reference row that counts ${count}`);
  return count;
}

export function identityKey(tables: BlobTables): Key {
  return Uint8Array.of(tables.identity);
}

export function encodeIdentity(deviceId: string): Value {
  return Buffer.concat([Uint8Array.of(VERSION), Buffer.from(deviceId)]);
}

export function decodeIdentity(value: Value): string {
  assert(value[0] === VERSION, `an identity row of unknown version ${value[0]}`);
  return Buffer.from(value.subarray(1)).toString();
}

/** `turn` tells two garbage rows of one blob apart, when it was resurrected in between. */
export function encodeGarbage(turn: number): Value {
  const value = new Uint8Array(GARBAGE_BYTES);
  value[0] = VERSION;
  viewOf(value).setFloat64(1, turn);
  return value;
}

export function isSameGarbage(a: Value, b: Value | undefined): boolean {
  assert(a.length === GARBAGE_BYTES, 'a garbage row of the wrong length');
  assert(a[0] === VERSION, `a garbage row of unknown version ${a[0]}`);
  return b !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function assertDeviceBlob({ length, extents, checksums }: DeviceBlob): void {
  assert(length > 0 && length <= BLOB_BYTES_MAX, `a blob of ${length} bytes`);
  assert(extents.length > 0 && extents.length <= BLOB_EXTENTS_MAX, `a blob of ${extents.length} extents`);
  assert(checksums.length === Math.ceil(length / BLOCK_BYTES), 'one checksum a block');
  let blocks = 0;
  for (const extent of extents) {
    assert(extent.offset % BLOCK_BYTES === 0 && extent.length % BLOCK_BYTES === 0, 'extents are aligned');
    assert(extent.length > 0, 'an extent is not empty');
    blocks += extent.length / BLOCK_BYTES;
  }
  assert(blocks === checksums.length, 'extents hold exactly the blocks of the blob');
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
