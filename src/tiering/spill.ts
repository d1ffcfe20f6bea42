import type { Clock } from '../environment.ts';
import { MIGRATION_BATCH_BYTES_MAX, SPILL_REST_MS } from '../limits/tiering.ts';
import type { BlobUsage } from './blobs.ts';
import type { Copies } from './copies.ts';
import { bytesToFree } from './fill-level.ts';
import type { HeatMap } from './heat.ts';
import type { Migrations } from './migration.ts';
import type { ChunkStore } from './reduction/chunk-store.ts';
import { Victims, type Candidate } from './victims.ts';

interface Parts {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly copies: Copies;
  readonly heat: HeatMap;
  readonly migrations: Pick<Migrations, 'run'>;
  readonly from: ChunkStore;
  readonly to: ChunkStore;
  /** What `from` could hold, and how much of that is free. */
  readonly space: () => BlobUsage;
  /** Whether segments of `from` are given up: what is moved away makes no room otherwise. */
  readonly givesUp: () => boolean;
}

/**
 * Keeps a lower tier between the marks that the hot one has: what is old and large goes to the next colder tier, where it was
 * read back before the copy here is given up. What has a hot copy stays: it is read. Space comes free only when segments are
 * collected, so what was moved is waited for before more is.
 */
export class Spill {
  readonly #parts: Parts;
  readonly #victims: Victims;
  /** Above the high mark, until the low one is reached. */
  #isUnderWay = false;
  /** Content that is still to be moved before space is looked at again. */
  #bytesLeft = 0;
  #restUntil = -Infinity;
  #bytesStoredBefore = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { clock, heat, from } = parts;
    this.#victims = new Victims({
      ...{ clock, heat },
      after: async (after, countMax) => {
        const found = await from.blobsAfter(after, countMax);
        return found.map(({ id, length }) => ({ id, bytesTaken: length }));
      },
      select: (found) => this.#select(found),
    });
  }

  /** One batch, where it is time for it. Faults of the tiers. */
  async step(): Promise<'busy' | 'idle'> {
    const wanted = this.#bytesWanted();
    this.#isUnderWay = wanted > 0;
    this.#bytesLeft = Math.min(this.#bytesLeft, wanted);
    if (!this.#isUnderWay || !this.#parts.givesUp()) return 'idle';
    if (this.#bytesLeft === 0) {
      if (!this.#hasSettled()) return 'idle';
      this.#bytesLeft = wanted;
    }
    await this.#victims.refill();
    const chosen = this.#victims.take(Math.min(this.#bytesLeft, MIGRATION_BATCH_BYTES_MAX));
    if (chosen.length > 0) await this.#moveDown(chosen);
    else this.#bytesLeft = 0;
    if (this.#bytesLeft > 0) return 'busy';
    this.#rest();
    return 'idle';
  }

  /** Of content as it is read, which takes less where it lies, or more. */
  #bytesWanted(): number {
    const { space, from } = this.#parts;
    const { bytesLogical, bytesLive } = from.usage();
    if (bytesLive === 0) return 0;
    const bytes = bytesToFree(space(), this.#isUnderWay);
    return Math.min(bytesLogical, Math.ceil((bytes * bytesLogical) / bytesLive));
  }

  async #moveDown(chosen: readonly Candidate[]): Promise<void> {
    const { migrations, to } = this.#parts;
    const blobs = chosen.map(({ id }) => id);
    const { fault, record } = await migrations.run({ blobs, to: to.tier, trigger: 'pressure' });
    // Some that nobody can read do not keep the others.
    if (fault !== undefined && record.bytes === 0) throw fault;
    const bytes = chosen.reduce((sum, { bytesTaken }) => sum + bytesTaken, 0);
    this.#bytesLeft = Math.max(0, this.#bytesLeft - bytes);
  }

  /** Whether collection has given back what it can of what was moved. */
  #hasSettled(): boolean {
    const { clock, from } = this.#parts;
    if (clock.monotonic() < this.#restUntil) return false;
    if (from.usage().bytesStored >= this.#bytesStoredBefore) return true;
    this.#rest();
    return false;
  }

  #rest(): void {
    const { clock, from } = this.#parts;
    this.#restUntil = clock.monotonic() + SPILL_REST_MS;
    this.#bytesStoredBefore = from.usage().bytesStored;
  }

  async #select(found: readonly Candidate[]): Promise<readonly Candidate[]> {
    const { copies, from, to } = this.#parts;
    const ids = found.map(({ id }) => id);
    const places = await copies.of(copies.kv, ids);
    return found.flatMap((candidate, index) => {
      const blob = places[index];
      if (blob === undefined || blob.hot !== undefined || !blob.lower.includes(from.tier)) return [];
      return [{ ...candidate, isBelow: blob.lower.includes(to.tier) }];
    });
  }
}
