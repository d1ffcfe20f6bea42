import assert from 'node:assert/strict';
import { WARM_CATALOGUE_GROUPS_MAX, WARM_DISK_BYTES_MIN } from '../../../limits/tiering.ts';
import { crc32c } from '../../../workers/crc.ts';
import { viewOf } from '../../../workers/frame.ts';
import { BLOCK_BYTES } from '../../hot/device.ts';
import type { DeviceIdentity } from '../shard-device.ts';

/** What comes before the catalogue: two superblocks and a block for probes; the rest is zero. */
export const REGION_BYTES = 1 << 20;
export const SUPERBLOCK_OFFSETS = [0, REGION_BYTES / 2] as const;
export const PROBE_OFFSET = REGION_BYTES / 4;
/** A group of the catalogue: each of its blocks has two homes, half a group apart. */
export const GROUP_BYTES = 1 << 20;
export const BLOCKS_PER_GROUP = GROUP_BYTES / BLOCK_BYTES / 2;
export const ENTRIES_PER_BLOCK = 31;
/** Of the device for each entry: shards are seldom shorter. */
const BYTES_PER_ENTRY = 128 << 10;
const BYTES_PER_GROUP = BLOCKS_PER_GROUP * ENTRIES_PER_BLOCK * BYTES_PER_ENTRY;

const MAGIC = 'TERRACEw';
const VERSION = 1;
const ID_BYTES = 16;
const CHECKED_BYTES = 72;

/** Where things lie on a device, all in bytes but `groups`. */
export interface Geometry {
  /** Groups of the catalogue, from `REGION_BYTES`. */
  readonly groups: number;
  readonly dataStart: number;
  readonly dataEnd: number;
}

/** What a superblock says of its device. */
export interface Superblock extends DeviceIdentity {
  /** Grows with every change; of two copies the greater counts. */
  readonly generation: number;
  readonly geometry: Geometry;
}

/** What one copy turned out to be. */
export type SuperblockCopy =
  | { readonly state: 'ours'; readonly superblock: Superblock }
  | { readonly state: 'newer'; readonly version: number }
  | { readonly state: 'damaged' | 'foreign' | 'zero' };

/** Of a device of this length; `undefined` where that is too short. */
export function geometryOf(bytes: number): Geometry | undefined {
  if (bytes < WARM_DISK_BYTES_MIN) return undefined;
  const groups = Math.min(
    WARM_CATALOGUE_GROUPS_MAX,
    Math.ceil((bytes - REGION_BYTES) / (BYTES_PER_GROUP + GROUP_BYTES)),
  );
  const dataEnd = bytes - (bytes % BLOCK_BYTES);
  return { groups, dataStart: REGION_BYTES + groups * GROUP_BYTES, dataEnd };
}

/** What the catalogue keeps room for, in entries times the bytes that each stands for. */
export const bytesOfEntries = (count: number): number => count * BYTES_PER_ENTRY;

export function encodeSuperblock({ pool, device, generation, geometry }: Superblock): Uint8Array {
  const bytes = Buffer.alloc(BLOCK_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, 8);
  bytes.set(idBytes(pool), 16);
  bytes.set(idBytes(device), 32);
  bytes.writeBigUInt64LE(BigInt(generation), 48);
  bytes.writeBigUInt64LE(BigInt(geometry.dataEnd), 56);
  bytes.writeUInt32LE(geometry.groups, 64);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, CHECKED_BYTES)), CHECKED_BYTES);
  return bytes;
}

/** Of one block, whatever it is. */
export function decodeSuperblock(bytes: Uint8Array): SuperblockCopy {
  assert.equal(bytes.length, BLOCK_BYTES, 'a superblock is a block');
  if (bytes.every((byte) => byte === 0)) return { state: 'zero' };
  const view = viewOf(bytes);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (text.toString('latin1', 0, 8) !== MAGIC) return { state: 'foreign' };
  // The version comes before the checksum: a newer format may keep its checksum elsewhere.
  const version = view.getUint32(8, true);
  if (version > VERSION) return { state: 'newer', version };
  const isSound =
    version === VERSION && view.getUint32(CHECKED_BYTES, true) === crc32c(bytes.subarray(0, CHECKED_BYTES));
  const generation = Number(view.getBigUint64(48, true));
  const dataEnd = Number(view.getBigUint64(56, true));
  const groups = view.getUint32(64, true);
  const dataStart = REGION_BYTES + groups * GROUP_BYTES;
  const isPossible =
    Number.isSafeInteger(generation) &&
    Number.isSafeInteger(dataEnd) &&
    dataEnd % BLOCK_BYTES === 0 &&
    groups > 0 &&
    groups <= WARM_CATALOGUE_GROUPS_MAX &&
    dataStart < dataEnd;
  if (!isSound || !isPossible) return { state: 'damaged' };
  const id = (at: number): string => text.toString('hex', at, at + ID_BYTES);
  const superblock = { pool: id(16), device: id(32), generation, geometry: { groups, dataStart, dataEnd } };
  return { state: 'ours', superblock };
}

function idBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'hex');
  assert.equal(bytes.length, ID_BYTES, 'an id has 16 bytes');
  return bytes;
}
