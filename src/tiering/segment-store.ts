import type { Closable } from '../scope.ts';
import type { StripeShape } from '../workers/erasure.ts';
import type { Packed } from '../workers/reduction.ts';
import type { LowerTier } from './tier.ts';

/** The 16 bytes of a segment as 32 hexadecimal digits. Never reused; ascending in the order in which they were made. */
export type SegmentId = string & { readonly brand: 'SegmentId' };

/** What a store is, as data. */
export interface StoreTraits {
  readonly tier: LowerTier;
  /** How segments for it must be encoded. It may change while the gateway runs: ask before each segment. */
  readonly shape: StripeShape;
  /** `staged` stores answer reads with Fault('recall-pending', 'store') until `recall` has brought the segment back. */
  readonly access: 'immediate' | 'staged';
  /** Of an image; a store that bills small objects like larger ones wants more. */
  readonly imageBytesMax: number;
}

/** How content is to be brought back: for how many days at least, and how fast (S3: the tier of a restore). */
export interface RecallWish {
  readonly days: number;
  readonly speed: 'Expedited' | 'Standard' | 'Bulk';
}

/** What was found wrong with one segment, in shards (warm) or objects (cold). */
export interface SegmentHealth {
  readonly checked: number;
  /** Damaged or missing. */
  readonly corrupt: number;
  /** Of these, written anew and read back. */
  readonly healed: number;
  /** False: some bytes of the image are gone. */
  readonly isWhole: boolean;
}

/**
 * Keeps immutable segments. Every call is idempotent. Faults of `store`: 'unavailable' when it cannot be asked now and may
 * be later, 'no-space', 'throttled' when too much waits, 'not-found' and 'corrupt' for what is gone for good.
 */
export interface SegmentStore extends Closable {
  readonly traits: StoreTraits;
  /** All or nothing: when it resolves, the segment survives power loss and was read back from where it lies. */
  put(id: SegmentId, packed: Packed): Promise<void>;
  /**
   * Exactly these bytes of the image. What redundancy the store has is used to answer when parts are gone, damaged or slow.
   * A store compares with checksums where it has them; who opens frames and finds them damaged calls `scrub` and reads again.
   */
  read(id: SegmentId, offset: number, length: number): Promise<Uint8Array>;
  /** How long the image of a segment is: for who has no rows that say it. */
  imageBytes(id: SegmentId): Promise<number>;
  /** Absent is success. */
  delete(id: SegmentId): Promise<void>;
  /** Ascending by id, strictly after `after`. For collection and scrubbing, never for a request. */
  list(after?: SegmentId): AsyncIterable<readonly SegmentId[]>;
  /** Reads all of a segment, compares every byte with its checksums and writes anew what redundancy gives back. */
  scrub(id: SegmentId): Promise<SegmentHealth>;
  /**
   * Some segments that have less redundancy than what is written now: who knows what is in them moves that to new ones. Each is
   * answered once for a while, and again when it is still there later.
   */
  weak?(): readonly SegmentId[];
  /**
   * Begins to bring a segment of a staged store back; at once done for others. `false` while it is under way. With a wish, one that
   * can be read already stays so for those days; without one it is the store's own.
   */
  recall(id: SegmentId, wish?: RecallWish): Promise<boolean>;
  /** In bytes; `bytesTotal` is Infinity where nobody knows. */
  usage(): { readonly bytesTotal: number; readonly bytesFree: number };
}
