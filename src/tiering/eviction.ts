import type { Clock } from '../environment.ts';
import type { Fault } from '../fault.ts';
import {
  EVICTION_DROPS_MAX,
  EVICTION_PAGE_ROWS,
  EVICTION_SAMPLE_BLOBS,
  LOWER_FREE_SHARE_MIN,
  MIGRATION_BATCH_BYTES_MAX,
} from '../limits/tiering.ts';
import type { BlobId, BlobUsage } from './blobs.ts';
import type { CleanCopies } from './clean-copies.ts';
import type { Copies } from './copies.ts';
import type { HeatMap } from './heat.ts';
import type { HotCopy } from './hot/hot-blobs.ts';
import type { Migrations } from './migration.ts';
import type { LowerTier } from './tier.ts';

interface Parts {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly copies: Copies;
  readonly clean: CleanCopies;
  readonly heat: HeatMap;
  readonly migrations: Pick<Migrations, 'run'>;
  /** Space of a lower tier. */
  readonly usageOf: (tier: LowerTier) => BlobUsage;
}

/** What one round of eviction has done. */
export interface Evicted {
  /** Of device space, given up; readers under way may keep it for a moment. */
  readonly bytes: number;
  /** Why nothing more could be done, if a tier said so. */
  readonly fault?: Fault;
}

/** A blob without any other copy, and how much would be won by moving it. */
interface Victim {
  readonly id: BlobId;
  readonly bytesTaken: number;
  readonly score: number;
}

/** Age of what nobody has touched for as long as heat is remembered: older than everything that is. */
const FORGOTTEN_MS = 3_600_000;

/** Makes room in the hot tier: drops clean copies first, then moves what is old and large to the next lower tier. */
export class Eviction {
  readonly #parts: Parts;
  readonly #startedAt: number;
  /** Victims that were chosen and not moved yet, best last. */
  #victims: Victim[] = [];
  /** Up to where the table of blobs was looked through. */
  #cursor = 0 as BlobId;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
  }

  /** Gives up at least `bytesMin` of clean copies, or all there are; without any, as much as one round can move down. */
  async round(bytesMin: number): Promise<Evicted> {
    const known = await this.dropClean(bytesMin);
    if (known > 0) return { bytes: known };
    if (this.#victims.length === 0) await this.#sample();
    const found = await this.dropClean(bytesMin);
    return found > 0 ? { bytes: found } : this.#demote();
  }

  /** In bytes of device space, what was dropped. */
  async dropClean(bytesMin: number): Promise<number> {
    let bytes = 0;
    while (bytes < bytesMin) {
      const ids: BlobId[] = [];
      for (let id = this.#parts.clean.take(); id !== undefined; id = this.#parts.clean.take()) {
        if (ids.push(id) === EVICTION_DROPS_MAX) break;
      }
      if (ids.length === 0) break;
      bytes += await this.#drop(ids);
    }
    return bytes;
  }

  /** Drops what this very transaction sees another copy of. */
  #drop(ids: readonly BlobId[]): Promise<number> {
    const { copies } = this.#parts;
    return copies.kv.transact('durable', async (tx) => {
      let bytes = 0;
      for (const blob of await copies.of(tx, ids)) {
        if (blob?.hot === undefined || blob.lower.length === 0) continue;
        copies.hot.drop(tx, blob.hot);
        bytes += blob.hot.bytesTaken;
      }
      return bytes;
    });
  }

  async #demote(): Promise<Evicted> {
    const chosen: Victim[] = [];
    let bytes = 0;
    for (let victim = this.#victims.pop(); victim !== undefined; victim = this.#victims.pop()) {
      chosen.push(victim);
      bytes += victim.bytesTaken;
      if (bytes >= MIGRATION_BATCH_BYTES_MAX) break;
    }
    if (chosen.length === 0) return { bytes: 0 };
    return this.#moveDown(chosen);
  }

  /** To the warmest of the lower tiers that has room and answers. */
  async #moveDown(chosen: readonly Victim[]): Promise<Evicted> {
    const { copies, migrations } = this.#parts;
    let fault: Fault | undefined;
    for (const { tier } of copies.lower.stores) {
      if (!this.#hasRoom(tier)) continue;
      const order = { blobs: chosen.map(({ id }) => id), to: tier, trigger: 'pressure' } as const;
      const ended = await migrations.run(order);
      if (ended.fault === undefined) {
        return { bytes: chosen.reduce((sum, { bytesTaken }) => sum + bytesTaken, 0) };
      }
      // A tier that may answer again counts for more than one that is full.
      if (fault === undefined || fault.code === 'no-space') fault = ended.fault;
    }
    return { bytes: 0, ...(fault !== undefined && { fault }) };
  }

  #hasRoom(tier: LowerTier): boolean {
    const { bytesTotal, bytesFree } = this.#parts.usageOf(tier);
    return (
      bytesTotal === Infinity || bytesFree - MIGRATION_BATCH_BYTES_MAX > bytesTotal * LOWER_FREE_SHARE_MIN
    );
  }

  /**
   * Looks through the next part of the table of blobs and keeps the better half of what it finds there; in the order of their
   * making, so that among blobs that nobody has touched the older ones go first.
   */
  async #sample(): Promise<void> {
    const found: HotCopy[] = [];
    const first = this.#cursor;
    let hasWrapped = false;
    while (found.length < EVICTION_SAMPLE_BLOBS) {
      const page = await this.#parts.copies.hot.copiesAfter(this.#cursor, EVICTION_PAGE_ROWS);
      found.push(...page);
      this.#cursor = page.at(-1)?.id ?? (0 as BlobId);
      if (page.length > 0) continue;
      if (hasWrapped || first === 0) break;
      hasWrapped = true;
    }
    const dirty = await this.#withoutClean(found);
    const victims = dirty.map((copy) => this.#victim(copy)).sort((a, b) => a.score - b.score);
    this.#victims = victims.slice(found.length < EVICTION_SAMPLE_BLOBS ? 0 : victims.length >> 1);
  }

  /** Those that are clean and not known as such, since before the start of this process, are so from now on. */
  async #withoutClean(found: readonly HotCopy[]): Promise<readonly HotCopy[]> {
    const { copies, clean } = this.#parts;
    const lower = await copies.lower.placesOf(
      copies.kv,
      found.map(({ id }) => id),
    );
    return found.filter(({ id, bytesTaken }, index) => {
      if (lower[index] === undefined) return true;
      clean.add(id, bytesTaken);
      return false;
    });
  }

  #victim({ id, bytesTaken }: HotCopy): Victim {
    const idleMs =
      this.#parts.heat.idleMs(id) ?? this.#parts.clock.monotonic() - this.#startedAt + FORGOTTEN_MS;
    return { id, bytesTaken, score: idleMs * bytesTaken };
  }
}
