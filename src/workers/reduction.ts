import type { ShardPart, StripeShape } from './erasure.ts';
import type { FrameCipher, FrameCodec } from './frame.ts';

/** How content is cut: FastCDC of 2020 with normalisation 1. Lengths in bytes, even. */
export interface Chunking {
  readonly bytesMin: number;
  readonly bytesAverage: number;
  readonly bytesMax: number;
  /** 8 bytes of the store, so that lengths of chunks give no content away. */
  readonly seed: Uint8Array;
  /** 32 bytes of the store, or none: then fingerprints are plain BLAKE3, which whoever has the content can compute. */
  readonly fingerprintKey: Uint8Array;
  /** Whether the super-features of chunks are wanted as well. */
  readonly hasSuperFeatures: boolean;
}

/** A content-defined piece. */
export interface Chunk {
  readonly offset: number;
  readonly length: number;
  /** BLAKE3, 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** What it resembles: src/workers/similarity.ts. Nothing unless it was asked for, or for a chunk too short or monotonous to say. */
  readonly superFeatures: Uint8Array;
}

/** A chunk that becomes a frame. */
export interface ChunkItem {
  readonly kind: 'chunk';
  readonly plain: Uint8Array;
  readonly fingerprint: Uint8Array;
  /** 32 random bytes, never used before: they make the keys of its content and of its label. */
  readonly salts: Uint8Array;
  /** Opaque here; sealed like the content. */
  readonly label: Uint8Array;
  /** A chunk like it: the frame becomes a delta if that takes less than three quarters of what Zstandard makes of the chunk alone. */
  readonly base?: { readonly plain: Uint8Array; readonly fingerprint: Uint8Array };
}

/** A frame of another segment that is taken over as it is, with its label and key. */
export interface FrameItem {
  readonly kind: 'frame';
  readonly bytes: Uint8Array;
}

export type PackItem = ChunkItem | FrameItem;

export interface Packing {
  /** `{ data: 1, parity: 0 }` for a store that needs no shards. */
  readonly shape: StripeShape;
  /** Of an image; it becomes shorter when there is less. */
  readonly imageBytesMax: number;
  /** 16 bytes, never used before. */
  readonly id: Uint8Array;
  /** Of the encoding: another one of the same segment must have another. */
  readonly generation: number;
  readonly compression: {
    /** Of chunks without a base, and of those that gain too little from theirs. */
    readonly codec: Exclude<FrameCodec, 'zstd-delta'>;
    /** 1 to 19; of Zstandard only. */
    readonly level: number;
  };
  readonly seal: FrameSeal;
}

export interface FrameSeal {
  readonly cipher: FrameCipher;
  /** 32 bytes; empty for no cipher. */
  readonly secret: Uint8Array;
  /** Says which secret it is; opaque. */
  readonly keyId: number;
}

/** Where an item is, in bytes of the image. */
export interface PlacedFrame {
  readonly start: number;
  readonly length: number;
  /** Of its head: enough to read its label. */
  readonly headBytes: number;
  /** What it became. */
  readonly codec: FrameCodec;
}

export interface Packed {
  /** Of each shard without its header. */
  readonly shardBytes: number;
  /** All shards with their headers, data first. The bytes behind the headers of the data shards are the image. */
  readonly shards: readonly Uint8Array[];
  /** Of the items that were taken, which are the first ones: the next one had no room. */
  readonly placed: readonly PlacedFrame[];
}

export interface FrameOpening {
  /** What `keyId` of the head stands for; empty for no cipher. */
  readonly secret: Uint8Array;
  /** The chunk that a delta needs; empty for others. */
  readonly base: Uint8Array;
}

/** Blocks of shards of one stripe, the same ones of each. */
export interface StripeBlocks {
  /** The header block of any shard of the stripe: it has the checksums of all. */
  readonly header: Uint8Array;
  readonly firstBlock: number;
  readonly present: readonly ShardPart[];
}

/**
 * The way of content into segments and back: cut, compress, seal, pack, encode; read, decode. Each call does a whole step.
 * The caller must not change what it gave until the result is there; results belong to the caller.
 *
 * Implemented by the native addon, by a pool of workers around it, and in plain TypeScript as oracle and for simulation.
 * All write the same bytes, but for compressed ones, and read what the others wrote; the plain one has no Zstandard: it
 * writes LZ4 in its place, and reads no deltas but its own.
 */
export interface Reduction {
  /** The chunks of `bytes`, in order. Cuts depend on what is around them only, so that equal content has equal chunks. */
  cut(chunking: Chunking, bytes: Uint8Array): readonly Chunk[] | Promise<readonly Chunk[]>;
  /** What `cut` gives for a chunk of these bytes, to compare with what was opened. */
  fingerprint(fingerprintKey: Uint8Array, bytes: Uint8Array): Uint8Array;
  /**
   * One segment of as many of the first items as have room in it. Frames lie within one shard, where that can be helped.
   * Fault('corrupt', 'blob') when a frame that is taken over is damaged; a first item that is larger than an image is a
   * programmer error.
   */
  pack(packing: Packing, items: readonly PackItem[]): Packed | Promise<Packed>;
  /** The chunk of a whole frame; `undefined` when it is damaged or was sealed with another secret. */
  open(opening: FrameOpening, frame: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** The label of a frame; `undefined` when it was sealed with another secret. */
  openLabel(secret: Uint8Array, head: Uint8Array): Uint8Array | undefined;
  /**
   * The same blocks of the shards `wanted`, from exactly as many others as hold data. All blocks, given and made, are compared
   * with their checksums: `undefined` when one differs, then `damaged` says which.
   */
  recover(
    blocks: StripeBlocks,
    wanted: readonly number[],
  ): readonly Uint8Array[] | undefined | Promise<readonly Uint8Array[] | undefined>;
  /** Whole shards `wanted`, with their headers, from exactly as many others as hold data; else like `recover`. */
  rebuild(
    present: readonly Uint8Array[],
    wanted: readonly number[],
  ): readonly Uint8Array[] | undefined | Promise<readonly Uint8Array[] | undefined>;
  /** The numbers of the blocks of a part of a shard that are not what was written. */
  damaged(
    header: Uint8Array,
    firstBlock: number,
    part: ShardPart,
  ): readonly number[] | Promise<readonly number[]>;
}
