import type { KvReader, KvTransaction } from '../../kv/kv.ts';
import type { Closable } from '../../scope.ts';
import type { BlobId } from '../blobs.ts';
import type { RecallWish, SegmentHealth } from '../segment-store.ts';
import type { LowerTier } from '../tier.ts';

/** A blob that shall have a copy in a lower tier. */
export interface BlobToStore {
  readonly id: BlobId;
  /** Its bytes as they are read; not changed until `store` resolves. */
  readonly bytes: Uint8Array;
  /** Lies beside its recipe in a segment, sealed; opaque here. At most `BLOB_LABEL_BYTES_MAX`. */
  readonly label: Uint8Array;
}

/** A blob that has a copy, of which something else is said from now on. */
export type BlobToDescribe = Omit<BlobToStore, 'bytes'>;

/** A blob whose chunks are all in segments of the store, verified, while no durable row says that it is made of them. */
export interface StoredBlob {
  readonly id: BlobId;
  readonly length: number;
}

export interface ScrubStep extends SegmentHealth {
  /** Blobs that turned out to have lost something; maybe in other segments than this step's. */
  readonly lost: readonly BlobId[];
  /** How many segments could not be asked for, and were passed over. */
  readonly unknown: number;
}

/** In bytes, where nothing else is said. */
export interface ChunkStoreUsage {
  readonly blobs: number;
  /** With the descriptions of blobs, here and below. */
  readonly chunks: number;
  /** Of these, how many are kept as what differs from another one. */
  readonly deltas: number;
  readonly segments: number;
  /** Of all blobs, as they are read. */
  readonly bytesLogical: number;
  /** Of the distinct chunks, before compression. */
  readonly bytesUnique: number;
  /** Of their frames. */
  readonly bytesLive: number;
  /** Of all segments, with what is dead in them. */
  readonly bytesStored: number;
}

/**
 * One lower tier as a store of blobs: content is cut, deduplicated within the tier, compressed, sealed and packed into segments.
 * A blob here is a recipe, which is a row with the fingerprints of its chunks; a chunk is a row that says where its frame
 * is and how many recipes name it.
 */
export interface ChunkStore extends Closable {
  readonly tier: LowerTier;
  /** Content must be recalled before it is read: until then reads are Fault('recall-pending', 'store'). */
  readonly isStaged: boolean;
  /**
   * Resolves when all content of the blobs is durable in the store and was read back. A crash forgets what is not attached.
   * Give it batches of several MiB: each makes segments of its own. Faults of the segment store.
   */
  store(blobs: readonly BlobToStore[]): Promise<readonly StoredBlob[]>;
  /**
   * Writes the recipe: after this commit the blob has a copy here. Fault('conflict', 'blob') when a chunk that it shares
   * with others has gone since: store it again.
   */
  attach(tx: KvTransaction, stored: StoredBlob): Promise<void>;
  /** Forgets what will not be attached. */
  discard(stored: StoredBlob): void;
  /**
   * Gives copies another label, which is durable in the store when it resolves. Blobs without a copy here are passed over, and
   * those that are stored anew meanwhile. Faults of the segment store.
   */
  describe(blobs: readonly BlobToDescribe[]): Promise<void>;
  /** Takes the recipe away, with its references to chunks. False when there is none. */
  release(tx: KvTransaction, id: BlobId): Promise<boolean>;
  /** The length of each blob that has a copy here. */
  lengthsOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (number | undefined)[]>;
  /** Blobs that have a copy here, ascending by id after `after`. */
  blobsAfter(after: BlobId, countMax: number): Promise<readonly StoredBlob[]>;
  /**
   * Exactly `length` bytes from `offset`, opened and compared. Fault('not-found', 'blob') when there is no copy here,
   * 'corrupt' when it is damaged beyond repair, else faults of the segment store.
   */
  read(id: BlobId, offset: number, length: number): Promise<Uint8Array>;
  /** Begins to bring back what `read` of this blob needs; `false` while it is under way. See SegmentStore.recall. */
  recall(id: BlobId, wish?: RecallWish): Promise<boolean>;
  /** One bounded unit of work on dead chunks, sparse segments and segments that nobody names; false when there is none. */
  collect(): Promise<boolean>;
  /** Checks the next segment; `undefined` at the end of a round, after which the next call begins another. */
  scrub(): Promise<ScrubStep | undefined>;
  /** Gives up the round of scrubbing that is under way: the next `scrub` begins another. */
  restartScrub(): Promise<void>;
  usage(): ChunkStoreUsage;
}
