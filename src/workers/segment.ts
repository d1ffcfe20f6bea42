import assert from 'node:assert/strict';
import { crc32c } from './crc.ts';
import { isStripeShape, type StripeShape } from './erasure.ts';
import { frameBytes, magicOf, readFrameHead, viewOf, type FrameHead } from './frame.ts';

/**
 * A segment is an image: frames, then a footer with an index of them. On cold stores it lies as it is. On warm ones it is cut
 * into as many shards as hold data, all of the same length; parity shards are added; each has a header block before it.
 * Layouts: docs/formats.md.
 */
export const SEGMENT_ID_BYTES = 16;
/** Of an image; no decoder takes more. */
export const IMAGE_BYTES_MAX = 64 << 20;
/** Lengths of shards are multiples of it. */
export const SHARD_BLOCK_BYTES_MIN = 4096;
export const SHARD_HEADER_BYTES = 4096;
export const SHARD_FIXED_BYTES = 64;
/** Checksums that a header has room for. */
const checksumsMax = (SHARD_HEADER_BYTES - 4 - SHARD_FIXED_BYTES) / 4;
export const SHARD_MAGIC = 'TSHD';
export const SEGMENT_MAGIC = 'TSEG';
/** Of both. */
export const SEGMENT_VERSION = 1;
export const TRAILER_BYTES = 64;
/** Of an entry of the index, before the head of its frame. */
export const ENTRY_FIXED_BYTES = 8;

/** One frame of an image. */
export interface SegmentEntry {
  /** In bytes of the image. */
  readonly start: number;
  readonly head: FrameHead;
}

export interface SegmentFooter {
  readonly id: Uint8Array;
  readonly imageBytes: number;
  readonly entries: readonly SegmentEntry[];
}

/** What the header of a shard says of it and of its stripe. */
export interface ShardHeader {
  readonly shape: StripeShape;
  readonly index: number;
  /** Of each shard of the stripe without its header. */
  readonly shardBytes: number;
  /** What one checksum covers; the last block of a shard may be shorter. */
  readonly blockBytes: number;
  readonly id: Uint8Array;
  readonly generation: number;
  /** CRC32C of each block of each shard, shard after shard. */
  readonly checksums: Uint32Array;
}

/** How long the footer of an image is, from its last `TRAILER_BYTES`; `undefined` for anything but a trailer. */
export function footerBytes(trailer: Uint8Array): number | undefined {
  const view = viewOf(trailer);
  const isOurs =
    trailer.length === TRAILER_BYTES &&
    magicOf(trailer) === SEGMENT_MAGIC &&
    view.getUint16(4, true) === SEGMENT_VERSION &&
    crc32c(trailer.subarray(0, 60)) === view.getUint32(60, true);
  return isOurs ? TRAILER_BYTES + view.getUint32(12, true) : undefined;
}

/** The index of an image, from all of it or from its end with the whole footer; `undefined` unless all of it is sound. */
export function readFooter(bytes: Uint8Array): SegmentFooter | undefined {
  const indexEnd = bytes.length - TRAILER_BYTES;
  const trailer = bytes.subarray(Math.max(0, indexEnd));
  const length = footerBytes(trailer);
  if (length === undefined || length > bytes.length) return undefined;
  const view = viewOf(trailer);
  const imageBytes = view.getUint32(20, true);
  const index = bytes.subarray(bytes.length - length, indexEnd);
  const isSound =
    imageBytes <= IMAGE_BYTES_MAX && bytes.length <= imageBytes && crc32c(index) === view.getUint32(16, true);
  const entries = isSound ? readEntries(index, imageBytes - length) : undefined;
  if (entries?.length !== view.getUint32(8, true)) return undefined;
  return { id: trailer.subarray(24, 24 + SEGMENT_ID_BYTES), imageBytes, entries };
}

function readEntries(index: Uint8Array, framesEnd: number): readonly SegmentEntry[] | undefined {
  const view = viewOf(index);
  const entries: SegmentEntry[] = [];
  let at = 0;
  while (at < index.length) {
    if (at + ENTRY_FIXED_BYTES > index.length) return undefined;
    const start = view.getUint32(at, true);
    const headBytes = view.getUint32(at + 4, true);
    const headAt = at + ENTRY_FIXED_BYTES;
    const head = readFrameHead(index.subarray(headAt, headAt + headBytes));
    if (head?.headBytes !== headBytes || start + frameBytes(head) > framesEnd) return undefined;
    entries.push({ start, head });
    at = headAt + headBytes;
  }
  return entries;
}

/** What one checksum covers: as little as a header has room for. */
export function blockBytesOf({ data, parity }: StripeShape, shardBytes: number): number {
  let blockBytes = SHARD_BLOCK_BYTES_MIN;
  while ((data + parity) * Math.ceil(shardBytes / blockBytes) > checksumsMax) blockBytes *= 2;
  return blockBytes;
}

/** The header in the first `SHARD_HEADER_BYTES` of a shard; `undefined` for anything else, whatever it is. */
export function readShardHeader(bytes: Uint8Array): ShardHeader | undefined {
  if (bytes.length !== SHARD_HEADER_BYTES || magicOf(bytes) !== SHARD_MAGIC) return undefined;
  const view = viewOf(bytes);
  const checksumAt = SHARD_HEADER_BYTES - 4;
  const shape = { data: view.getUint16(6, true), parity: view.getUint16(8, true) };
  const index = view.getUint16(10, true);
  const shardBytes = view.getUint32(12, true);
  const isOurs =
    view.getUint16(4, true) === SEGMENT_VERSION &&
    crc32c(bytes.subarray(0, checksumAt)) === view.getUint32(checksumAt, true) &&
    isStripeShape(shape) &&
    index < shape.data + shape.parity &&
    shardBytes > 0 &&
    shardBytes % SHARD_BLOCK_BYTES_MIN === 0 &&
    shardBytes * shape.data <= IMAGE_BYTES_MAX;
  const generation = Number(view.getBigUint64(40, true));
  if (!isOurs || !Number.isSafeInteger(generation)) return undefined;
  const blockBytes = blockBytesOf(shape, shardBytes);
  const count = (shape.data + shape.parity) * Math.ceil(shardBytes / blockBytes);
  const table = bytes.subarray(SHARD_FIXED_BYTES, SHARD_FIXED_BYTES + 4 * count);
  if (view.getUint32(16, true) !== blockBytes || view.getUint32(20, true) !== crc32c(table)) {
    return undefined;
  }
  const checksums = Uint32Array.from({ length: count }, (_, at) =>
    view.getUint32(SHARD_FIXED_BYTES + 4 * at, true),
  );
  const id = bytes.subarray(24, 24 + SEGMENT_ID_BYTES);
  return { shape, index, shardBytes, blockBytes, id, generation, checksums };
}

/** Whether two shards come from one encoding of one segment, so that one may help to decode the other. */
export const isSameStripe = (a: ShardHeader, b: ShardHeader): boolean =>
  a.shape.data === b.shape.data &&
  a.shape.parity === b.shape.parity &&
  a.shardBytes === b.shardBytes &&
  a.generation === b.generation &&
  Buffer.compare(a.id, b.id) === 0 &&
  Buffer.compare(bytesOf(a.checksums), bytesOf(b.checksums)) === 0;

const bytesOf = (words: Uint32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);

/** A run of bytes within one shard, without its header. */
export interface ShardRange {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

/** Where `length` bytes of the image from `start` lie: one range, unless they go over several shards. */
export function shardRanges(shardBytes: number, start: number, length: number): readonly ShardRange[] {
  assert(shardBytes > 0 && start >= 0 && length >= 0);
  const ranges: ShardRange[] = [];
  for (let at = start; at < start + length;) {
    const index = Math.floor(at / shardBytes);
    const end = Math.min(start + length, (index + 1) * shardBytes);
    ranges.push({ index, offset: at - index * shardBytes, length: end - at });
    at = end;
  }
  return ranges;
}

/** The whole blocks that cover a range: what a degraded read takes from each other shard. */
export function coveringBlocks(
  { blockBytes, shardBytes }: Pick<ShardHeader, 'blockBytes' | 'shardBytes'>,
  { offset, length }: Pick<ShardRange, 'offset' | 'length'>,
): { readonly firstBlock: number; readonly offset: number; readonly length: number } {
  const firstBlock = Math.floor(offset / blockBytes);
  const end = Math.min(shardBytes, Math.ceil((offset + length) / blockBytes) * blockBytes);
  return { firstBlock, offset: firstBlock * blockBytes, length: end - firstBlock * blockBytes };
}
