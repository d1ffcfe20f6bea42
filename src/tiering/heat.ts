import type { Clock } from '../environment.ts';
import { HEAT_BLOBS_MAX, HEAT_HALF_LIFE_MS } from '../limits/tiering.ts';
import type { BlobId } from './blobs.ts';
import type { Heat } from './tiers.ts';

/** Counts that have decayed until `at`. */
interface Counts {
  reads: number;
  writes: number;
  at: number;
}

const COLD: Heat = { readsPerSecond: 0, writesPerSecond: 0 };
/** Of a count that decays by half in the half-life, this share is lost each second. */
const RATE_PER_COUNT = (Math.LN2 * 1000) / HEAT_HALF_LIFE_MS;

/**
 * How often each blob is read and written, as counters that decay exponentially. In bounded memory: who has not been touched
 * for longest is forgotten first, and then counts as cold.
 */
export class HeatMap {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #blobsMax: number;
  /** In the order in which they were touched last. */
  readonly #counts = new Map<BlobId, Counts>();

  constructor(clock: Pick<Clock, 'monotonic'>, blobsMax = HEAT_BLOBS_MAX) {
    this.#clock = clock;
    this.#blobsMax = blobsMax;
  }

  read(id: BlobId): void {
    this.#touch(id).reads += 1;
  }

  write(id: BlobId): void {
    this.#touch(id).writes += 1;
  }

  forget(id: BlobId): void {
    this.#counts.delete(id);
  }

  of(id: BlobId): Heat {
    const counts = this.#counts.get(id);
    if (counts === undefined) return COLD;
    const rate = RATE_PER_COUNT * this.#decay(counts);
    return { readsPerSecond: counts.reads * rate, writesPerSecond: counts.writes * rate };
  }

  /** Milliseconds since the blob was touched; `undefined` when that was longer ago than this remembers. */
  idleMs(id: BlobId): number | undefined {
    const counts = this.#counts.get(id);
    return counts && this.#clock.monotonic() - counts.at;
  }

  #decay({ at }: Counts): number {
    return 2 ** ((at - this.#clock.monotonic()) / HEAT_HALF_LIFE_MS);
  }

  #touch(id: BlobId): Counts {
    const now = this.#clock.monotonic();
    const counts = this.#counts.get(id);
    if (counts === undefined) return this.#add(id, now);
    const decay = this.#decay(counts);
    counts.reads *= decay;
    counts.writes *= decay;
    counts.at = now;
    this.#counts.delete(id);
    this.#counts.set(id, counts);
    return counts;
  }

  #add(id: BlobId, at: number): Counts {
    const counts = { reads: 0, writes: 0, at };
    this.#counts.set(id, counts);
    if (this.#counts.size > this.#blobsMax) {
      const oldest = this.#counts.keys().next();
      if (oldest.done !== true) this.#counts.delete(oldest.value);
    }
    return counts;
  }
}
