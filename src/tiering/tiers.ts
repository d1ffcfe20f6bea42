import type { BlobId } from './blobs.ts';
import type { PackedBecause } from './native-layout/native-layout.ts';
import type { RecallWish } from './segment-store.ts';
import type { ChunkStoreUsage } from './reduction/chunk-store.ts';
import type { LowerTier, Tier } from './tier.ts';

/** Where a blob has copies, warmest first; the first one answers reads. */
export interface BlobPlaces {
  readonly length: number;
  readonly tiers: readonly Tier[];
}

/** Decayed rates of one blob; all 0 for one that nobody has touched for long. */
export interface Heat {
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
}

export type MigrationTrigger = 'order' | 'policy' | 'pressure' | 'read' | 'repair';

/** What shall be where. */
export interface MigrationOrder {
  /** At most `MIGRATION_BLOBS_MAX`. Those that are gone or there already are passed over. */
  readonly blobs: readonly BlobId[];
  /**
   * Afterwards `to` is the warmest tier that has them. Colder copies stay: they are what makes a warm copy cheap to drop.
   */
  readonly to: Tier;
  readonly trigger: MigrationTrigger;
  /** Whose history it belongs to; absent for none. */
  readonly policy?: string;
}

/** One migration that has ended. */
export interface MigrationRecord {
  readonly id: number;
  /** Where most of its bytes came from. */
  readonly from: Tier;
  readonly to: Tier;
  readonly trigger: MigrationTrigger;
  readonly policy?: string;
  readonly blobs: number;
  readonly bytes: number;
  /** Seconds since 1970. */
  readonly startedAt: number;
  readonly milliseconds: number;
  readonly outcome: 'completed' | 'failed';
  readonly error?: string;
}

export interface MigrationTotals {
  readonly completed: number;
  readonly failed: number;
  readonly bytes: number;
  readonly queued: number;
  readonly running: number;
}

/** How writers are treated, by how full the hot tier is with what cannot be dropped. */
export type FlashMode = 'normal' | 'critical' | 'write-through';

export interface ScrubReport {
  /** Shards, objects and hot blobs that were read. */
  readonly checked: number;
  readonly corrupt: number;
  readonly healed: number;
  readonly unrecoverable: number;
  /** Segments that their store did not answer for: how they are is not known. */
  readonly unknown: number;
}

/** How a blob lies in the cold tier: in an object under its own key, or in segments, and why not otherwise where it should be. */
export type ColdForm =
  | { readonly kind: 'own-key'; readonly key: string }
  | { readonly kind: 'attached' }
  | { readonly kind: 'packed'; readonly because: PackedBecause | undefined };

/** Keys in the cold store under which others have put something where objects of ours lie, or were to. */
export interface ChangedKeys {
  readonly keys: readonly string[];
  /** Of those, what of ours was there and is nowhere else. */
  readonly lost: readonly string[];
}

/** What operators and policies see and order of the tiers. Nothing here knows names: who orders brings ids of blobs. */
export interface Tiers {
  /** Those that are configured, warmest first. */
  readonly present: readonly Tier[];
  /** Those whose content must be recalled before it is read. */
  readonly staged: readonly Tier[];
  placesOf(ids: readonly BlobId[]): Promise<readonly (BlobPlaces | undefined)[]>;
  heatOf(id: BlobId): Heat;
  /** `undefined`: it has no copy there. */
  coldFormOf(id: BlobId): Promise<ColdForm | undefined>;
  changedOutside(): ChangedKeys;
  /** Whether content that is only in a colder tier may come up there for longer: not while it would soon have to go again. */
  takesBack(tier: Tier): boolean;
  /** Resolves when it has ended, either way. Fault('throttled', 'blob') when too many wait. */
  migrate(order: MigrationOrder): Promise<MigrationRecord>;
  /**
   * Begins to bring back what reads of the blob need; `false` while it is under way, at once true for what needs none. With a
   * wish, what can be read already stays so for those days. Faults of the store.
   */
  recall(id: BlobId, wish?: RecallWish): Promise<boolean>;
  /**
   * The metadata as they are count, although newer ones have put content into that tier: what only those know is given up.
   * False where nothing is held for them.
   */
  accept(tier: LowerTier): Promise<boolean>;
  /** The last ones of a policy, or of those without, newest first. */
  history(policy?: string): Promise<readonly MigrationRecord[]>;
  totals(): MigrationTotals;
  flashMode(): FlashMode;
  usage(): {
    readonly hot: { readonly bytesTotal: number; readonly bytesFree: number };
  } & Readonly<
    Partial<Record<LowerTier, ChunkStoreUsage & { readonly bytesTotal: number; readonly bytesFree: number }>>
  >;
  /** Reads everything of all tiers once and mends what it can; `progress` hears of each step. */
  scrub(progress: (soFar: ScrubReport) => void): Promise<ScrubReport>;
}
