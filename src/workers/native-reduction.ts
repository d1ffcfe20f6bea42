import assert from 'node:assert/strict';
import { Fault } from '../fault.ts';
import { REDUCTION_INLINE_BYTES_MAX } from '../limits.ts';
import type { NativeReduction } from '../native.ts';
import {
  FINGERPRINT_BYTES,
  FRAME_SALT_BYTES,
  frameCiphers,
  frameCodecs,
  isIntactFrame,
  LABEL_BYTES_MAX,
  readFrameHead,
  viewOf,
} from './frame.ts';
import type {
  Chunk,
  Chunking,
  FrameOpening,
  Packed,
  Packing,
  PackItem,
  Reduction,
  StripeBlocks,
} from './reduction.ts';
import { readShardHeader, SHARD_BLOCK_BYTES_MIN, SHARD_HEADER_BYTES } from './segment.ts';
import { SUPER_FEATURES_BYTES } from './similarity.ts';

const chunkEntryBytes = 4 + FINGERPRINT_BYTES;
const none = new Uint8Array();
const recordBytes = 1 + FINGERPRINT_BYTES + 2 * FRAME_SALT_BYTES + FINGERPRINT_BYTES;

/** Makes the memory that results are in: by default what the garbage collector frees. */
export type Allocate = (bytes: number) => Uint8Array;

/**
 * `Reduction` in the native addon. It works on the thread that calls it, but for frames of more than
 * `REDUCTION_INLINE_BYTES_MAX`: what takes milliseconds belongs to a pool (`reductionPool`).
 */
export function nativeReduction(
  addon: NativeReduction,
  allocate: Allocate = (bytes) => Buffer.allocUnsafeSlow(bytes),
): Reduction {
  return {
    cut: (chunking, bytes) => cut(addon, chunking, bytes),
    fingerprint: (fingerprintKey, bytes) => {
      const output = new Uint8Array(FINGERPRINT_BYTES);
      assert(addon.chunkFingerprint(fingerprintKey, bytes, output), 'a key of the wrong length');
      return output;
    },
    pack: (packing, items) => pack({ addon, allocate }, packing, items),
    open: (opening, frame) => open(addon, opening, frame),
    openLabel: (secret, head) => {
      const output = Buffer.allocUnsafe(LABEL_BYTES_MAX);
      const length = addon.openFrameLabel(secret, head, output);
      return length < 0 ? undefined : output.subarray(0, length);
    },
    recover: (blocks, wanted) => recover(addon, blocks, wanted),
    rebuild: (present, wanted) => {
      const targets = wanted.map(() => allocate(present[0]?.length ?? 0));
      return addon.rebuildShards(present, Uint8Array.from(wanted), targets) ? targets : undefined;
    },
    damaged: (header, firstBlock, { index, bytes }) => {
      const blocks = new Uint32Array(Math.ceil(bytes.length / SHARD_BLOCK_BYTES_MIN));
      const count = addon.damagedBlocks(header, index, firstBlock, bytes, blocks);
      assert(count >= 0, 'no whole blocks of a shard');
      return [...blocks.subarray(0, count)];
    },
  };
}

function cut(addon: NativeReduction, chunking: Chunking, bytes: Uint8Array): readonly Chunk[] {
  const { bytesMin, bytesAverage, bytesMax, seed, fingerprintKey, hasSuperFeatures } = chunking;
  const entryBytes = chunkEntryBytes + (hasSuperFeatures ? SUPER_FEATURES_BYTES : 0);
  const entries = new Uint8Array((Math.ceil(bytes.length / bytesMin) + 1) * entryBytes);
  const sizes = { min: bytesMin, average: bytesAverage, max: bytesMax, hasSuperFeatures };
  const count = addon.cutChunks(sizes, seed, fingerprintKey, bytes, entries);
  assert(count >= 0, 'lengths that the chunker cannot do, or a key of the wrong length');
  const view = viewOf(entries);
  const chunks: Chunk[] = [];
  let offset = 0;
  for (let at = 0; at < count * entryBytes; at += entryBytes) {
    const length = view.getUint32(at, true);
    const fingerprint = entries.subarray(at + 4, at + chunkEntryBytes);
    const features = entries.subarray(at + chunkEntryBytes, at + entryBytes);
    const superFeatures = features.some((byte) => byte !== 0) ? features : none;
    chunks.push({ offset, length, fingerprint, superFeatures });
    offset += length;
  }
  return chunks;
}

function pack(
  { addon, allocate }: { readonly addon: NativeReduction; readonly allocate: Allocate },
  packing: Packing,
  items: readonly PackItem[],
): Packed {
  const { shape, imageBytesMax, generation, compression, seal } = packing;
  const shards = shape.data + shape.parity;
  const output = allocate(shards * (SHARD_HEADER_BYTES + shardBytesMax(packing)));
  const placed = new Uint32Array(4 * items.length + 1);
  const settings = {
    ...shape,
    imageBytesMax,
    generation,
    codec: frameCodecs.indexOf(compression.codec),
    level: compression.level,
    cipher: frameCiphers.indexOf(seal.cipher),
    keyId: seal.keyId,
  };
  const { records, parts } = packItems(items);
  const count = addon.packSegment(settings, packing.id, seal.secret, records, parts, output, placed);
  if (count < 0) refuse(items);
  const shardBytes = placed[4 * count] ?? 0;
  const step = SHARD_HEADER_BYTES + shardBytes;
  return {
    shardBytes,
    shards: Array.from({ length: shards }, (_, at) => output.subarray(at * step, (at + 1) * step)),
    placed: Array.from({ length: count }, (_, at) => {
      const [start = 0, length = 0, headBytes = 0, number = 0] = placed.subarray(4 * at, 4 * at + 4);
      const codec = frameCodecs[number];
      assert(codec !== undefined, 'a frame of no codec');
      return { start, length, headBytes, codec };
    }),
  };
}

/** Of a shard without its header. */
const shardBytesMax = ({ shape, imageBytesMax }: Packing): number =>
  Math.floor(imageBytesMax / shape.data / SHARD_BLOCK_BYTES_MIN) * SHARD_BLOCK_BYTES_MIN;

/** The form in which the addon takes them: native/bridge/src/reduction.rs. */
function packItems(items: readonly PackItem[]): {
  readonly records: Uint8Array;
  readonly parts: readonly Uint8Array[];
} {
  const records = new Uint8Array(items.length * recordBytes);
  const parts = items.flatMap((item, index) => {
    const record = records.subarray(index * recordBytes, (index + 1) * recordBytes);
    if (item.kind === 'frame') {
      record[0] = 1;
      return [item.bytes, none, none];
    }
    assert(item.fingerprint.length === FINGERPRINT_BYTES && item.salts.length === 2 * FRAME_SALT_BYTES);
    record.set(item.fingerprint, 1);
    record.set(item.salts, 1 + FINGERPRINT_BYTES);
    record.set(item.base?.fingerprint ?? none, 1 + FINGERPRINT_BYTES + 2 * FRAME_SALT_BYTES);
    return [item.plain, item.label, item.base?.plain ?? none];
  });
  return { records, parts };
}

function refuse(items: readonly PackItem[]): never {
  for (const item of items) {
    if (item.kind === 'frame' && !isIntactFrame(item.bytes)) {
      throw new Fault('corrupt', 'blob', 'a frame that was to be taken over is damaged');
    }
  }
  assert.fail('a length, a key or a shape that cannot be, or an item larger than an image');
}

function open(
  addon: NativeReduction,
  { secret, base }: FrameOpening,
  frame: Uint8Array,
): Uint8Array | undefined | Promise<Uint8Array | undefined> {
  const head = readFrameHead(frame);
  if (head === undefined) return undefined;
  const plain = Buffer.allocUnsafe(head.plainBytes);
  if (head.plainBytes <= REDUCTION_INLINE_BYTES_MAX) {
    return addon.openFrame(secret, base, frame, plain) ? plain : undefined;
  }
  return addon.openFrameElsewhere(secret, base, frame, plain).then((isOpen) => (isOpen ? plain : undefined));
}

function recover(
  addon: NativeReduction,
  { header, firstBlock, present }: StripeBlocks,
  wanted: readonly number[],
): readonly Uint8Array[] | undefined {
  const shape = readShardHeader(header)?.shape;
  assert(shape?.data === present.length, 'not as many shards as hold data');
  const sources = present.map(({ bytes }) => bytes);
  const targets = wanted.map(() => Buffer.allocUnsafe(sources[0]?.length ?? 0));
  const indexes = Uint8Array.from(present, ({ index }) => index);
  return addon.recoverBlocks(header, firstBlock, indexes, sources, Uint8Array.from(wanted), targets)
    ? targets
    : undefined;
}
