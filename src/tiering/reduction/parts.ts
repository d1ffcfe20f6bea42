import type { Environment, MonotonicMs } from '../../environment.ts';
import type { Kv } from '../../kv/kv.ts';
import type { FrameCipher } from '../../workers/frame.ts';
import type { Chunking, Packing, Reduction } from '../../workers/reduction.ts';
import type { BlobId } from '../blobs.ts';
import type { DataKeys } from '../data-keys.ts';
import type { SegmentHealth, SegmentId, SegmentStore } from '../segment-store.ts';
import type { Hold } from '../hold.ts';
import type { LowerTier } from '../tier.ts';
import type { Leads } from './leads.ts';
import type { OpenSegments } from './open-segments.ts';
import type { Readers } from './readers.ts';
import type { Recent } from './recent.ts';
import type { ChunkRow, Recipe } from './records.ts';
import type { ChunkTables, FingerprintText } from './tables.ts';
import type { Touched } from './touched.ts';
import type { Usage } from './usage.ts';

export interface ReductionSettings {
  /** Of chunks when they are stored. */
  readonly compression: Packing['compression'];
  readonly cipher: FrameCipher;
  /** New chunks that resemble others become deltas of them. What is a delta already stays one, whatever is said here. */
  readonly usesSimilarity: boolean;
  /** A segment is compacted when less than this share of it is live. */
  readonly sparseShare: number;
  /** Segments older than `afterSeconds` that nobody has read for as long are compressed again with Zstandard; `undefined`: never. */
  readonly background: { readonly level: number; readonly afterSeconds: number } | undefined;
  /** In bytes; as content is cut once it must be cut for ever, else nothing is found again. */
  readonly chunkLengths: Pick<Chunking, 'bytesMin' | 'bytesAverage' | 'bytesMax'>;
}

/** What the files of a chunk store share. */
export interface ChunkParts {
  readonly kv: Kv;
  readonly environment: Environment;
  readonly segments: SegmentStore;
  readonly reduction: Reduction;
  readonly dataKeys: DataKeys;
  readonly tier: LowerTier;
  readonly settings: ReductionSettings;
  readonly chunking: Chunking;
  readonly tables: ChunkTables;
  readonly usage: Usage;
  readonly open: OpenSegments;
  readonly leads: Leads;
  readonly touched: Touched;
  readonly readers: Readers;
  readonly recipes: Recent<BlobId, Recipe>;
  readonly chunks: Recent<FingerprintText, ChunkRow>;
  /** When segments were read last, for a blob. */
  readonly reads: Recent<SegmentId, MonotonicMs>;
  readonly ids: SegmentIds;
  readonly hold?: Hold;
  /** See secrets.ts. */
  readonly sealedSecrets: (keyId: number) => Uint8Array;
  /** By data key; see key-frames.ts. */
  readonly keyFrames: Map<number, Uint8Array>;
  /** Under way. */
  readonly scrubs: Map<SegmentId, Promise<SegmentHealth>>;
  /** How many plain bytes have become one stored byte of late; for guessing how many a segment takes. */
  readonly density: { ratio: number };
}

export interface SegmentIds {
  next(): SegmentId;
  /** Whether this store made it, and not this process. */
  isForeign(id: SegmentId): boolean;
  /** Whether this store made it, and not after `before`, an id that it has just made. */
  isOlder(id: SegmentId, before: SegmentId): boolean;
}
