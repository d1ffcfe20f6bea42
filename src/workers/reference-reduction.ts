import assert from 'node:assert/strict';
import { Fault } from '../fault.ts';
import { blake3 } from './blake3.ts';
import { crc32c } from './crc.ts';
import type { ShardPart } from './erasure.ts';
import { isIntactFrame, readFrameHead, viewOf, type FrameCodec } from './frame.ts';
import type {
  Chunk,
  Chunking,
  Packed,
  Packing,
  PackItem,
  PlacedFrame,
  Reduction,
  StripeBlocks,
} from './reduction.ts';
import { cutLengths } from './reference-chunking.ts';
import { referenceErasure } from './reference-erasure.ts';
import { openReferenceFrame, openReferenceLabel, referenceFrame } from './reference-frame.ts';
import { Layout, smallestPlacing } from './reference-layout.ts';
import { superFeaturesWith } from './reference-similarity.ts';
import {
  blockBytesOf,
  ENTRY_FIXED_BYTES,
  isSameStripe,
  readShardHeader,
  SEGMENT_MAGIC,
  SEGMENT_VERSION,
  SHARD_BLOCK_BYTES_MIN,
  SHARD_FIXED_BYTES,
  SHARD_HEADER_BYTES,
  SHARD_MAGIC,
  TRAILER_BYTES,
  type ShardHeader,
} from './segment.ts';

const erasure = referenceErasure();

/** `Reduction` in plain TypeScript: the oracle of the native one, and the one that simulations run. */
export function referenceReduction(): Reduction {
  return {
    cut,
    fingerprint: blake3,
    pack,
    open: openReferenceFrame,
    openLabel: openReferenceLabel,
    recover,
    rebuild,
    damaged: (bytes, firstBlock, part) => {
      const header = readShardHeader(bytes);
      assert(header !== undefined, 'no header of a shard');
      return damagedBlocks(header, firstBlock, part);
    },
  };
}

function cut(chunking: Chunking, bytes: Uint8Array): readonly Chunk[] {
  const superFeatures = chunking.hasSuperFeatures ? superFeaturesWith(chunking) : () => new Uint8Array();
  let offset = 0;
  return cutLengths(chunking, bytes).map((length) => {
    const plain = bytes.subarray(offset, offset + length);
    const fingerprint = blake3(chunking.fingerprintKey, plain);
    const chunk = { offset, length, fingerprint, superFeatures: superFeatures(plain) };
    offset += length;
    return chunk;
  });
}

async function pack(packing: Packing, items: readonly PackItem[]): Promise<Packed> {
  const { shape, imageBytesMax } = packing;
  const shardBytesMax =
    Math.floor(imageBytesMax / shape.data / SHARD_BLOCK_BYTES_MIN) * SHARD_BLOCK_BYTES_MIN;
  const layout = new Layout(shape.data, shardBytesMax);
  const frames: { bytes: Uint8Array; headBytes: number; codec: FrameCodec }[] = [];
  for (const item of items) {
    const bytes = item.kind === 'chunk' ? referenceFrame(item, packing) : item.bytes;
    const head = isIntactFrame(bytes) ? readFrameHead(bytes) : undefined;
    if (head === undefined)
      throw new Fault('corrupt', 'blob', 'a frame that was to be taken over is damaged');
    if (layout.place({ bytes: bytes.length, headBytes: head.headBytes }) === undefined) break;
    frames.push({ bytes, headBytes: head.headBytes, codec: head.codec });
  }
  assert(frames.length > 0 || items.length === 0, 'an item larger than an image');
  const pieces = frames.map(({ bytes, headBytes }) => ({ bytes: bytes.length, headBytes }));
  const placing = smallestPlacing(shape.data, shardBytesMax, pieces);
  assert(placing !== undefined);
  const image = new Uint8Array(placing.shardBytes * shape.data);
  const placed = frames.map(({ bytes, headBytes, codec }, index) => {
    const start = placing.starts[index] ?? 0;
    image.set(bytes, start);
    return { start, length: bytes.length, headBytes, codec };
  });
  writeFooter(packing.id, placed, image);
  return { shardBytes: placing.shardBytes, shards: await encode(packing, image), placed };
}

function writeFooter(id: Uint8Array, placed: readonly PlacedFrame[], image: Uint8Array): void {
  const entries = placed.map(({ start, headBytes }) => {
    const entry = Buffer.alloc(ENTRY_FIXED_BYTES + headBytes);
    entry.writeUInt32LE(start, 0);
    entry.writeUInt32LE(headBytes, 4);
    entry.set(image.subarray(start, start + headBytes), ENTRY_FIXED_BYTES);
    return entry;
  });
  const index = Buffer.concat(entries);
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.write(SEGMENT_MAGIC);
  trailer.writeUInt16LE(SEGMENT_VERSION, 4);
  trailer.writeUInt32LE(placed.length, 8);
  trailer.writeUInt32LE(index.length, 12);
  trailer.writeUInt32LE(crc32c(index), 16);
  trailer.writeUInt32LE(image.length, 20);
  trailer.set(id, 24);
  trailer.writeUInt32LE(crc32c(trailer.subarray(0, TRAILER_BYTES - 4)), TRAILER_BYTES - 4);
  image.set(trailer, image.length - TRAILER_BYTES);
  image.set(index, image.length - TRAILER_BYTES - index.length);
}

async function encode({ shape, id, generation }: Packing, image: Uint8Array): Promise<readonly Uint8Array[]> {
  const shardBytes = image.length / shape.data;
  const data = Array.from({ length: shape.data }, (_, index) =>
    image.subarray(index * shardBytes, (index + 1) * shardBytes),
  );
  const bodies = [...data, ...(await erasure.encode(shape, data))];
  const blockBytes = blockBytesOf(shape, shardBytes);
  const checksums = Uint32Array.from(bodies.flatMap((body) => checksumsOf(body, blockBytes)));
  const stripe = { shape, shardBytes, blockBytes, id, generation, checksums };
  return bodies.map((body, index) => Buffer.concat([headerBytes({ ...stripe, index }), body]));
}

function checksumsOf(body: Uint8Array, blockBytes: number): readonly number[] {
  const count = Math.ceil(body.length / blockBytes);
  return Array.from({ length: count }, (_, at) =>
    crc32c(body.subarray(at * blockBytes, (at + 1) * blockBytes)),
  );
}

function headerBytes(header: ShardHeader): Uint8Array {
  const bytes = Buffer.alloc(SHARD_HEADER_BYTES);
  const view = viewOf(bytes);
  header.checksums.forEach((checksum, at) => view.setUint32(SHARD_FIXED_BYTES + 4 * at, checksum, true));
  const table = bytes.subarray(SHARD_FIXED_BYTES, SHARD_FIXED_BYTES + 4 * header.checksums.length);
  bytes.write(SHARD_MAGIC);
  bytes.writeUInt16LE(SEGMENT_VERSION, 4);
  bytes.writeUInt16LE(header.shape.data, 6);
  bytes.writeUInt16LE(header.shape.parity, 8);
  bytes.writeUInt16LE(header.index, 10);
  bytes.writeUInt32LE(header.shardBytes, 12);
  bytes.writeUInt32LE(header.blockBytes, 16);
  bytes.writeUInt32LE(crc32c(table), 20);
  bytes.set(header.id, 24);
  bytes.writeBigUInt64LE(BigInt(header.generation), 40);
  const checksumAt = SHARD_HEADER_BYTES - 4;
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, checksumAt)), checksumAt);
  return bytes;
}

function damagedBlocks(
  { shape, shardBytes, blockBytes, checksums }: ShardHeader,
  firstBlock: number,
  { index, bytes }: ShardPart,
): readonly number[] {
  const end = firstBlock * blockBytes + bytes.length;
  const isWhole = end === shardBytes || bytes.length % blockBytes === 0;
  assert(index < shape.data + shape.parity && end <= shardBytes && isWhole, 'no whole blocks of a shard');
  const first = index * Math.ceil(shardBytes / blockBytes) + firstBlock;
  return checksumsOf(bytes, blockBytes).flatMap((checksum, at) =>
    checksum === checksums[first + at] ? [] : [firstBlock + at],
  );
}

async function recover(
  blocks: StripeBlocks,
  wanted: readonly number[],
): Promise<readonly Uint8Array[] | undefined> {
  const header = readShardHeader(blocks.header);
  assert(header?.shape.data === blocks.present.length, 'not as many shards as hold data');
  const isIntact = (part: ShardPart): boolean => damagedBlocks(header, blocks.firstBlock, part).length === 0;
  if (!blocks.present.every(isIntact)) return undefined;
  const recovered = await erasure.decode(header.shape, blocks.present, wanted);
  return recovered.every((bytes, at) => isIntact({ index: wanted[at] ?? 0, bytes })) ? recovered : undefined;
}

async function rebuild(
  present: readonly Uint8Array[],
  wanted: readonly number[],
): Promise<readonly Uint8Array[] | undefined> {
  const parts = present.map((shard) => ({
    header: readShardHeader(shard.subarray(0, SHARD_HEADER_BYTES)),
    bytes: shard.subarray(SHARD_HEADER_BYTES),
  }));
  const first = parts[0]?.header;
  if (first === undefined) return undefined;
  const shards: ShardPart[] = [];
  for (const { header, bytes } of parts) {
    const isOne = header !== undefined && isSameStripe(header, first) && bytes.length === first.shardBytes;
    if (!isOne || shards.some(({ index }) => index === header.index)) return undefined;
    shards.push({ index: header.index, bytes });
  }
  const header = headerBytes(first);
  const recovered = await recover({ header, firstBlock: 0, present: shards }, wanted);
  return recovered?.map((body, at) =>
    Buffer.concat([headerBytes({ ...first, index: wanted[at] ?? 0 }), body]),
  );
}
