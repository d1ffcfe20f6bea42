import assert from 'node:assert/strict';
import { WARM_SHARD_EXTENTS_MAX } from '../../../limits/tiering.ts';
import { crc32c } from '../../../workers/crc.ts';
import { viewOf } from '../../../workers/frame.ts';
import { IMAGE_BYTES_MAX, SEGMENT_ID_BYTES, SHARD_HEADER_BYTES } from '../../../workers/segment.ts';
import { BLOCK_BYTES, type DeviceExtent } from '../../hot/device.ts';
import type { SegmentId } from '../../segment-store.ts';
import type { ShardName } from '../shard-device.ts';
import { ENTRIES_PER_BLOCK, type Geometry } from './superblock.ts';

/** One shard: its name, how long it is and where it lies. */
export interface CatalogueEntry {
  readonly name: ShardName;
  readonly bytes: number;
  /** Of two entries that cannot both be true the greater one is: it grows with every shard that is put. */
  readonly sequence: number;
  readonly extents: readonly DeviceExtent[];
}

/** Which block of which device it is, and which of its versions. */
export interface BlockHead {
  readonly device: string;
  readonly number: number;
  /** Grows with every change of the block; its lowest bit says in which home the version lies. */
  readonly sequence: number;
}

const MAGIC = 'TWCT';
const VERSION = 1;
const CHECKSUM_OFFSET = 124;
const ENTRY_BYTES = 128;
const EXTENTS_OFFSET = 40;
const EXTENT_BYTES = 8;
const SHARD_BYTES_MAX = SHARD_HEADER_BYTES + IMAGE_BYTES_MAX;

/** A block without shards. */
export const emptyBlock = (): Uint8Array => new Uint8Array(BLOCK_BYTES);

/** The head of a version of a block as it lay on a device; `undefined` for anything that is none, whatever it is. */
export function readBlockHead(bytes: Uint8Array): BlockHead | undefined {
  if (bytes.length !== BLOCK_BYTES) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isOurs =
    text.toString('latin1', 0, 4) === MAGIC &&
    text.readUInt16LE(4) === VERSION &&
    text.readUInt32LE(CHECKSUM_OFFSET) === checksumOf(bytes);
  const sequence = isOurs ? Number(text.readBigUInt64LE(32)) : NaN;
  if (!Number.isSafeInteger(sequence)) return undefined;
  return { device: text.toString('hex', 16, 32), number: text.readUInt32LE(8), sequence };
}

/** A copy with another head: what is to be written. */
export function sealedBlock(bytes: Uint8Array, { device, number, sequence }: BlockHead): Uint8Array {
  const sealed = Buffer.from(bytes);
  sealed.write(MAGIC, 0, 'latin1');
  sealed.writeUInt16LE(VERSION, 4);
  sealed.writeUInt32LE(number, 8);
  sealed.write(device, 16, 'hex');
  sealed.writeBigUInt64LE(BigInt(sequence), 32);
  sealed.writeUInt32LE(checksumOf(sealed), CHECKSUM_OFFSET);
  return sealed;
}

/** A copy with another entry, or without one. */
export function withEntry(
  bytes: Uint8Array,
  position: number,
  entry: CatalogueEntry | undefined,
): Uint8Array {
  const changed = Buffer.from(bytes);
  const at = offsetOf(position);
  changed.fill(0, at, at + ENTRY_BYTES);
  if (entry === undefined) return changed;
  const { name, extents } = entry;
  assert(
    extents.length > 0 && extents.length <= WARM_SHARD_EXTENTS_MAX,
    'an entry has room for some extents',
  );
  changed.write(name.id, at, 'hex');
  changed.writeBigUInt64LE(BigInt(name.generation), at + 16);
  changed.writeBigUInt64LE(BigInt(entry.sequence), at + 24);
  changed.writeUInt32LE(entry.bytes, at + 32);
  changed.writeUInt16LE(name.index, at + 36);
  changed.writeUInt16LE(extents.length, at + 38);
  for (const [nth, { offset, length }] of extents.entries()) {
    const extentAt = at + EXTENTS_OFFSET + nth * EXTENT_BYTES;
    changed.writeUIntLE(offset / BLOCK_BYTES, extentAt, 5);
    changed.writeUIntLE(length / BLOCK_BYTES, extentAt + 5, 3);
  }
  return changed;
}

/** `undefined` where there is none, or nothing that can be one on a device of this geometry. */
export function entryAt(bytes: Uint8Array, position: number, geometry: Geometry): CatalogueEntry | undefined {
  const at = offsetOf(position);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, ENTRY_BYTES);
  const count = text.readUInt16LE(38);
  const length = text.readUInt32LE(32);
  const generation = Number(text.readBigUInt64LE(16));
  const sequence = Number(text.readBigUInt64LE(24));
  if (count === 0 || count > WARM_SHARD_EXTENTS_MAX || length === 0 || length > SHARD_BYTES_MAX) {
    return undefined;
  }
  if (!Number.isSafeInteger(generation) || !Number.isSafeInteger(sequence)) return undefined;
  const extents = Array.from({ length: count }, (_, nth) => extentAt(text, nth));
  const blocks = extents.reduce((sum, extent) => sum + extent.length, 0) / BLOCK_BYTES;
  if (blocks !== Math.ceil(length / BLOCK_BYTES)) return undefined;
  if (!extents.every((extent) => isWithin(extent, geometry))) return undefined;
  const id = text.toString('hex', 0, SEGMENT_ID_BYTES) as SegmentId;
  return { name: { id, generation, index: text.readUInt16LE(36) }, bytes: length, sequence, extents };
}

function extentAt(entry: Buffer, nth: number): DeviceExtent {
  const at = EXTENTS_OFFSET + nth * EXTENT_BYTES;
  return {
    offset: entry.readUIntLE(at, 5) * BLOCK_BYTES,
    length: entry.readUIntLE(at + 5, 3) * BLOCK_BYTES,
  };
}

const isWithin = ({ offset, length }: DeviceExtent, { dataStart, dataEnd }: Geometry): boolean =>
  length > 0 && offset >= dataStart && offset + length <= dataEnd;

function offsetOf(position: number): number {
  assert(position >= 0 && position < ENTRIES_PER_BLOCK, `entry ${position} of a block`);
  return ENTRY_BYTES * (1 + position);
}

/** Over all of the block but the checksum itself. */
function checksumOf(bytes: Uint8Array): number {
  const whole = Uint8Array.from(bytes);
  viewOf(whole).setUint32(CHECKSUM_OFFSET, 0, true);
  return crc32c(whole);
}
