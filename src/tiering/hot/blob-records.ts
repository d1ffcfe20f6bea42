import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import { BLOB_BYTES_MAX, BLOB_EXTENTS_MAX } from '../../limits.ts';
import type { Key, KeyRange, Value } from '../../kv/kv.ts';
import { decodeU64, putU64, tupleKey } from '../../kv/tuple.ts';
import { plainBytes, sealedBytes } from '../../workers/cipher.ts';
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
  /** Blocks of the device that fail: prefix, number of the block (u64); a version alone (failed-space.ts). */
  readonly retired: number;
}

export const BLOB_TABLES: BlobTables = {
  device: 0x40,
  references: 0x41,
  garbage: 0x42,
  inline: 0x43,
  identity: 0x44,
  retired: 0x45,
};

/** Which data key has sealed a blob where it lies; `undefined`: it lies there as it was given. */
export type KeyId = number | undefined;

/** Where a blob lies that is not inline: its bytes, sealed or not, fill `extents` in order; one CRC32C for each block. */
export interface DeviceBlob {
  /** Of the plain bytes. */
  readonly length: number;
  readonly keyId: KeyId;
  readonly extents: readonly DeviceExtent[];
  readonly checksums: Uint32Array;
}

/** A blob that lies in its row. */
export interface InlineBlob {
  /** Of the plain bytes. */
  readonly length: number;
  readonly keyId: KeyId;
  /** As they lie: a view of the row. */
  readonly stored: Uint8Array;
}

const VERSION = 1;
/** Of rows of blobs that are sealed: the id of the key stands behind the version. */
const SEALED_VERSION = 2;
const KEY_ID_BYTES = 8;
/** length, count of extents; behind the version, and the id of the key */
const COUNTS_BYTES = 4 + 4;
/** first block as u48, count of blocks as u32 */
const EXTENT_BYTES = 6 + 4;
const CHECKSUM_BYTES = 4;
const REFERENCES_BYTES = 1 + 4;
const GARBAGE_BYTES = 1 + 8;

export function blobKey(table: number, id: BlobId): Key {
  return tupleKey(table, [id]);
}

export function blobIdOf(key: Key): BlobId {
  assert(key.length === 9, 'a blob key of another length');
  return decodeU64(key, 1) as BlobId;
}

/** The rows of a table from `first` on. */
export function tableRange(table: number, first: BlobId): KeyRange {
  return { start: blobKey(table, first), end: Uint8Array.of(table + 1) };
}

/** Bytes that a blob takes where it lies. */
export const bytesStored = ({ length, keyId }: Pick<DeviceBlob, 'length' | 'keyId'>): number =>
  keyId === undefined ? length : sealedBytes(length);

export function encodeDeviceBlob(blob: DeviceBlob): Value {
  assertDeviceBlob(blob);
  const { length, keyId, extents, checksums } = blob;
  const tailBytes = COUNTS_BYTES + extents.length * EXTENT_BYTES + checksums.length * CHECKSUM_BYTES;
  const value = headed(keyId, tailBytes);
  const view = viewOf(value);
  let at = value.length - tailBytes;
  view.setUint32(at, length);
  view.setUint32(at + 4, extents.length);
  at += COUNTS_BYTES;
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
  const { keyId, headBytes } = headOf(value);
  assert(value.length >= headBytes + COUNTS_BYTES, 'a blob row is too short');
  const view = viewOf(value);
  const length = view.getUint32(headBytes);
  const extentCount = view.getUint32(headBytes + 4);
  const extentsAt = headBytes + COUNTS_BYTES;
  const checksumsAt = extentsAt + extentCount * EXTENT_BYTES;
  const checksumCount = Math.ceil(bytesStored({ length, keyId }) / BLOCK_BYTES);
  assert(value.length === checksumsAt + checksumCount * CHECKSUM_BYTES, 'a blob row of the wrong length');
  const extents = Array.from({ length: extentCount }, (_, index) => {
    const at = extentsAt + index * EXTENT_BYTES;
    return {
      offset: (view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2)) * BLOCK_BYTES,
      length: view.getUint32(at + 6) * BLOCK_BYTES,
    };
  });
  const checksums = new Uint32Array(checksumCount);
  for (let index = 0; index < checksumCount; index++) {
    checksums[index] = view.getUint32(checksumsAt + index * CHECKSUM_BYTES);
  }
  const blob = { length, keyId, extents, checksums };
  assertDeviceBlob(blob);
  return blob;
}

/** One copy of the parts, which are sealed when there is a key. */
export function encodeInlineBlob(parts: readonly Uint8Array[], keyId: KeyId): Value {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  const value = headed(keyId, bytes);
  let at = value.length - bytes;
  for (const part of parts) {
    value.set(part, at);
    at += part.length;
  }
  return value;
}

/** The row of a blob whose `bytes` sealed ones have yet to be put into `stored`, a view of it. */
export function roomForInlineBlob(
  keyId: number,
  bytes: number,
): { readonly row: Value; readonly keyId: number; readonly stored: Uint8Array } {
  const headBytes = 1 + KEY_ID_BYTES;
  const row = Buffer.allocUnsafeSlow(headBytes + bytes);
  row[0] = SEALED_VERSION;
  putU64(row, 1, keyId);
  return { row, keyId, stored: row.subarray(headBytes) };
}

export function decodeInlineBlob(value: Value): InlineBlob {
  const { keyId, headBytes } = headOf(value);
  const stored = value.subarray(headBytes);
  const length = keyId === undefined ? stored.length : plainBytes(stored.length);
  if (length === undefined) throw new Fault('corrupt', 'blob', 'a sealed row of no length of frames');
  return { length, keyId, stored };
}

/** A row of `bytes` behind what says how it is sealed. */
function headed(keyId: KeyId, bytes: number): Value {
  const headBytes = keyId === undefined ? 1 : 1 + KEY_ID_BYTES;
  const value = new Uint8Array(headBytes + bytes);
  value[0] = keyId === undefined ? VERSION : SEALED_VERSION;
  if (keyId !== undefined) putU64(value, 1, keyId);
  return value;
}

function headOf(value: Value): { readonly keyId: KeyId; readonly headBytes: number } {
  if (value[0] === VERSION) return { keyId: undefined, headBytes: 1 };
  assert(value[0] === SEALED_VERSION, `a blob row of unknown version ${value[0]}`);
  return { keyId: decodeU64(value, 1), headBytes: 1 + KEY_ID_BYTES };
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

function assertDeviceBlob({ length, keyId, extents, checksums }: DeviceBlob): void {
  const bytes = bytesStored({ length, keyId });
  assert(length > 0 && bytes <= BLOB_BYTES_MAX, `a blob of ${length} bytes`);
  assert(extents.length > 0 && extents.length <= BLOB_EXTENTS_MAX, `a blob of ${extents.length} extents`);
  assert(checksums.length === Math.ceil(bytes / BLOCK_BYTES), 'one checksum a block');
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
