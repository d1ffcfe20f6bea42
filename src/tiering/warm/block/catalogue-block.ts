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
const GENERATION_OFFSET = 16;
const INDEX_OFFSET = 24;
const NAME_BYTES = 26;
const COUNT_OFFSET = 26;
const BYTES_OFFSET = 28;
const SEQUENCE_OFFSET = 32;
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
  changed.set(nameBytes(name), at);
  changed.writeUInt16LE(extents.length, at + COUNT_OFFSET);
  changed.writeUInt32LE(entry.bytes, at + BYTES_OFFSET);
  changed.writeBigUInt64LE(BigInt(entry.sequence), at + SEQUENCE_OFFSET);
  for (const [nth, { offset, length }] of extents.entries()) {
    const extentAt = at + EXTENTS_OFFSET + nth * EXTENT_BYTES;
    changed.writeUIntLE(offset / BLOCK_BYTES, extentAt, 5);
    changed.writeUIntLE(length / BLOCK_BYTES, extentAt + 5, 3);
  }
  return changed;
}

/** An entry without its name. */
export interface EntryPlace {
  readonly fingerprint: number;
  readonly bytes: number;
  readonly sequence: number;
  readonly extents: readonly DeviceExtent[];
}

/** `undefined` where there is none, or nothing that can be one on a device of this geometry. */
export function entryAt(bytes: Uint8Array, position: number, geometry: Geometry): CatalogueEntry | undefined {
  const place = entryPlaceAt(bytes, position, geometry);
  if (place === undefined) return undefined;
  const text = entryBytes(bytes, position);
  const id = text.toString('hex', 0, SEGMENT_ID_BYTES) as SegmentId;
  const generation = Number(text.readBigUInt64LE(GENERATION_OFFSET));
  const name = { id, generation, index: text.readUInt16LE(INDEX_OFFSET) };
  return { name, bytes: place.bytes, sequence: place.sequence, extents: place.extents };
}

/** What a start needs of millions of entries: as `entryAt`, and cheaper. */
export function entryPlaceAt(
  bytes: Uint8Array,
  position: number,
  { dataStart, dataEnd }: Geometry,
): EntryPlace | undefined {
  const text = entryBytes(bytes, position);
  const count = text.readUInt16LE(COUNT_OFFSET);
  const length = text.readUInt32LE(BYTES_OFFSET);
  if (count === 0 || count > WARM_SHARD_EXTENTS_MAX || length === 0 || length > SHARD_BYTES_MAX) {
    return undefined;
  }
  const sequence = wordAt(text, SEQUENCE_OFFSET);
  if (sequence > Number.MAX_SAFE_INTEGER) return undefined;
  if (wordAt(text, GENERATION_OFFSET) > Number.MAX_SAFE_INTEGER) return undefined;
  const extents: DeviceExtent[] = [];
  let total = 0;
  for (let nth = 0; nth < count; nth++) {
    const extent = extentAt(text, nth);
    const isWithin = extent.offset >= dataStart && extent.offset + extent.length <= dataEnd;
    if (extent.length === 0 || !isWithin) return undefined;
    total += extent.length;
    extents.push(extent);
  }
  if (total !== Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES) return undefined;
  return { fingerprint: crc32c(text.subarray(0, NAME_BYTES)), bytes: length, sequence, extents };
}

function extentAt(entry: Buffer, nth: number): DeviceExtent {
  const at = EXTENTS_OFFSET + nth * EXTENT_BYTES;
  return {
    offset: entry.readUIntLE(at, 5) * BLOCK_BYTES,
    length: entry.readUIntLE(at + 5, 3) * BLOCK_BYTES,
  };
}

/** Exact up to the greatest safe integer; greater ones stay greater. */
const wordAt = (entry: Buffer, at: number): number =>
  entry.readUInt32LE(at) + entry.readUInt32LE(at + 4) * 2 ** 32;

const entryBytes = (bytes: Uint8Array, position: number): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset + offsetOf(position), ENTRY_BYTES);

/** Of a name as it stands at the beginning of its entry. */
export const fingerprintOf = (name: ShardName): number => crc32c(nameBytes(name));

function nameBytes({ id, generation, index }: ShardName): Buffer {
  const bytes = Buffer.alloc(NAME_BYTES);
  bytes.write(id, 0, 'hex');
  bytes.writeBigUInt64LE(BigInt(generation), GENERATION_OFFSET);
  bytes.writeUInt16LE(index, INDEX_OFFSET);
  return bytes;
}

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
