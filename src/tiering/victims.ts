import type { Clock } from '../environment.ts';
import { EVICTION_PAGE_ROWS, EVICTION_SAMPLE_BLOBS } from '../limits/tiering.ts';
import type { BlobId } from './blobs.ts';
import type { HeatMap } from './heat.ts';

/** A copy that might go, and how much room it takes. */
export interface Candidate {
  readonly id: BlobId;
  readonly bytesTaken: number;
  /** A colder tier has it already: nothing needs to be copied. */
  readonly isBelow?: boolean;
}

interface Parts {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly heat: HeatMap;
  /** Copies of the tier, ascending by id after `after`. */
  readonly after: (after: BlobId, countMax: number) => Promise<readonly Candidate[]>;
  /** Those of them that may go. */
  readonly select: (found: readonly Candidate[]) => Promise<readonly Candidate[]>;
}

interface Victim {
  readonly candidate: Candidate;
  readonly score: number;
}

/** Age of what nobody has touched for as long as heat is remembered: older than everything that is. */
const FORGOTTEN_MS = 3_600_000;

/**
 * Which copies of a tier go to a colder one first: those that are old and large. Nothing is remembered per blob but what was
 * touched of late, so memory is bounded.
 */
export class Victims {
  readonly #parts: Parts;
  readonly #startedAt: number;
  /** Chosen and not taken yet, best last. */
  #chosen: Victim[] = [];
  /** Up to where the table of the tier was looked through. */
  #cursor = 0 as BlobId;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonic();
  }

  /** Looks for some, unless there are some left. */
  async refill(): Promise<void> {
    if (this.#chosen.length === 0) await this.#sample();
  }

  /** The best ones, until they take `bytesMin`; none when there are none left. */
  take(bytesMin: number): readonly Candidate[] {
    const taken: Candidate[] = [];
    let bytes = 0;
    for (let victim = this.#chosen.pop(); victim !== undefined; victim = this.#chosen.pop()) {
      taken.push(victim.candidate);
      bytes += victim.candidate.bytesTaken;
      if (bytes >= bytesMin) break;
    }
    return taken;
  }

  /**
   * Looks through the next part of the table and keeps the better half of what it finds there; in the order of their making,
   * so that among blobs that nobody has touched the older ones go first.
   */
  async #sample(): Promise<void> {
    const found: Candidate[] = [];
    const first = this.#cursor;
    let hasWrapped = false;
    while (found.length < EVICTION_SAMPLE_BLOBS) {
      const page = await this.#parts.after(this.#cursor, EVICTION_PAGE_ROWS);
      found.push(...page);
      this.#cursor = page.at(-1)?.id ?? (0 as BlobId);
      if (page.length > 0) continue;
      if (hasWrapped || first === 0) break;
      hasWrapped = true;
    }
    const selected = await this.#parts.select(found);
    const victims = selected
      .map((candidate) => ({ candidate, score: this.#scoreOf(candidate) }))
      .sort((a, b) => a.score - b.score);
    this.#chosen = victims.slice(found.length < EVICTION_SAMPLE_BLOBS ? 0 : victims.length >> 1);
  }

  #scoreOf({ id, bytesTaken, isBelow }: Candidate): number {
    if (isBelow === true) return Infinity;
    const { heat, clock } = this.#parts;
    const idleMs = heat.idleMs(id) ?? clock.monotonic() - this.#startedAt + FORGOTTEN_MS;
    return idleMs * bytesTaken;
  }
}
