import type { Clock } from '../environment.ts';
import type { Fault } from '../fault.ts';
import { EVICTION_DROPS_MAX, MIGRATION_BATCH_BYTES_MAX } from '../limits/tiering.ts';
import type { BlobLabels, ShiftedBlob } from './blob-labels.ts';
import type { BlobId, BlobUsage } from './blobs.ts';
import type { CleanCopies } from './clean-copies.ts';
import type { Copies } from './copies.ts';
import { hasRoomFor } from './fill-level.ts';
import type { HeatMap } from './heat.ts';
import type { Migrations } from './migration.ts';
import type { LowerTier } from './tier.ts';
import { Victims, type Candidate } from './victims.ts';

interface Parts {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly copies: Copies;
  readonly clean: CleanCopies;
  readonly labels: Pick<BlobLabels, 'shifted'>;
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

/** Makes room in the hot tier: drops clean copies first, then moves what is old and large to the next lower tier. */
export class Eviction {
  readonly #parts: Parts;
  readonly #victims: Victims;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { clock, heat, copies } = parts;
    this.#victims = new Victims({
      ...{ clock, heat },
      after: (after, countMax) => copies.hot.copiesAfter(after, countMax),
      select: (found) => this.#withoutClean(found),
    });
  }

  /** Gives up at least `bytesMin` of clean copies, or all there are; without any, as much as one round can move down. */
  async round(bytesMin: number): Promise<Evicted> {
    const known = await this.dropClean(bytesMin);
    if (known > 0) return { bytes: known };
    await this.#victims.refill();
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
    const { copies, labels } = this.#parts;
    return copies.kv.transact('durable', async (tx) => {
      let bytes = 0;
      const shifted: ShiftedBlob[] = [];
      for (const blob of await copies.of(tx, ids)) {
        const to = blob?.lower[0];
        if (blob?.hot === undefined || to === undefined) continue;
        shifted.push({ id: blob.id, length: blob.length, from: 'hot', to });
        copies.hot.drop(tx, blob.hot);
        bytes += blob.hot.bytesTaken;
      }
      await labels.shifted(tx, shifted);
      return bytes;
    });
  }

  async #demote(): Promise<Evicted> {
    const chosen = this.#victims.take(MIGRATION_BATCH_BYTES_MAX);
    return chosen.length === 0 ? { bytes: 0 } : this.#moveDown(chosen);
  }

  /** To the warmest of the lower tiers that has room and answers. */
  async #moveDown(chosen: readonly Candidate[]): Promise<Evicted> {
    const { copies, migrations } = this.#parts;
    let fault: Fault | undefined;
    for (const { tier } of copies.lower.stores) {
      if (!hasRoomFor(this.#parts.usageOf(tier), MIGRATION_BATCH_BYTES_MAX)) continue;
      const order = { blobs: chosen.map(({ id }) => id), to: tier, trigger: 'pressure' } as const;
      const { fault: failure, record } = await migrations.run(order);
      if (failure === undefined) {
        return { bytes: chosen.reduce((sum, { bytesTaken }) => sum + bytesTaken, 0) };
      }
      // Some that nobody can read do not keep the others.
      if (record.bytes > 0) return { bytes: record.bytes };
      // A tier that may answer again counts for more than one that is full.
      if (fault === undefined || fault.code === 'no-space') fault = failure;
    }
    return { bytes: 0, ...(fault !== undefined && { fault }) };
  }

  /** Those that are clean and not known as such, since before the start of this process, are so from now on. */
  async #withoutClean(found: readonly Candidate[]): Promise<readonly Candidate[]> {
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
}
