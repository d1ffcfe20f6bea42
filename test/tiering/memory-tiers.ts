import { Fault } from '../../src/fault.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import type { RecallWish } from '../../src/tiering/segment-store.ts';
import { tiers as allTiers, type Tier } from '../../src/tiering/tier.ts';
import type { BlobPlaces, Heat, MigrationOrder, MigrationRecord, Tiers } from '../../src/tiering/tiers.ts';

/** How content comes back, for who opens storage policies. */
export const recalling = {
  recall: { days: 1, speed: 'Standard' },
  isAttached: () => false,
  wakeRestores: () => undefined,
} as const;

const nowhere = {
  ...{
    blobs: 0,
    chunks: 0,
    deltas: 0,
    segments: 0,
    bytesLogical: 0,
    bytesUnique: 0,
    bytesLive: 0,
    bytesStored: 0,
  },
  ...{ bytesTotal: Infinity, bytesFree: Infinity },
};

/** Tiers in which every blob is hot until it is ordered elsewhere, and a move is done at once. */
export class MemoryTiers implements Tiers {
  readonly present: readonly Tier[];
  readonly orders: MigrationOrder[] = [];
  readonly heat = new Map<BlobId, number>();
  readonly places = new Map<BlobId, readonly Tier[]>();
  staged: readonly Tier[] = [];
  /** What is too full to take anything back. */
  readonly draining = new Set<Tier>();
  /** Of staged tiers: what can be read, and what it was asked for with. */
  readonly recalled = new Set<BlobId>();
  readonly wishes: [BlobId, RecallWish | undefined][] = [];
  /** Why the next orders fail. */
  failure: string | undefined;
  #ended = 0;

  constructor(present: readonly Tier[] = allTiers) {
    this.present = present;
  }

  async placesOf(ids: readonly BlobId[]): Promise<readonly (BlobPlaces | undefined)[]> {
    return ids.map((id) => ({ length: 100, tiers: this.places.get(id) ?? ['hot'] }));
  }

  heatOf(id: BlobId): Heat {
    return { readsPerSecond: this.heat.get(id) ?? 0, writesPerSecond: 0 };
  }

  takesBack(tier: Tier): boolean {
    return !this.draining.has(tier);
  }

  async migrate(order: MigrationOrder): Promise<MigrationRecord> {
    this.orders.push(order);
    const { blobs, to, trigger, policy } = order;
    const record = {
      ...{ id: ++this.#ended, from: 'hot' as const, to, trigger },
      ...(policy !== undefined && { policy }),
      ...{ blobs: blobs.length, bytes: 100 * blobs.length, startedAt: 0, milliseconds: 1 },
    };
    if (this.failure !== undefined) return { ...record, outcome: 'failed', error: this.failure };
    for (const id of blobs) this.places.set(id, [to]);
    return { ...record, outcome: 'completed' };
  }

  async recall(id: BlobId, wish?: RecallWish): Promise<boolean> {
    this.wishes.push([id, wish]);
    const [warmest] = this.places.get(id) ?? ['hot'];
    return warmest === undefined || !this.staged.includes(warmest) || this.recalled.has(id);
  }

  async coldFormOf(): Promise<undefined> {
    return undefined;
  }

  changedOutside(): ReturnType<Tiers['changedOutside']> {
    return { keys: [], lost: [] };
  }

  async accept(): Promise<boolean> {
    return false;
  }

  async history(): Promise<readonly MigrationRecord[]> {
    return [];
  }

  totals(): ReturnType<Tiers['totals']> {
    return { completed: this.#ended, failed: 0, bytes: 0, queued: 0, running: 0 };
  }

  flashMode(): 'normal' {
    return 'normal';
  }

  usage(): ReturnType<Tiers['usage']> {
    return {
      hot: { bytesTotal: 1000, bytesFree: 500 },
      ...(this.present.includes('warm') && { warm: nowhere }),
      ...(this.present.includes('cold') && { cold: nowhere }),
    };
  }

  scrub(): never {
    throw new Fault('not-supported', 'store', 'a double has nothing to scrub');
  }
}
