import type { Clock, Log } from '../environment.ts';
import { Fault } from '../fault.ts';
import { REPAIR_REST_MS_MAX, REPAIR_REST_MS_MIN, REPAIRS_WAITING_MAX } from '../limits/tiering.ts';
import type { BlobLabels } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import type { Copies } from './copies.ts';
import { heal, type Healed } from './heal.ts';
import type { Tier } from './tier.ts';

interface Parts {
  readonly copies: Copies;
  readonly labels: BlobLabels;
  readonly clock: Clock;
  readonly log: Log;
  /** Says that `step` has work. */
  readonly wake: () => void;
}

interface Damaged {
  readonly id: BlobId;
  readonly tier: Tier;
  restsUntil: number;
  restMs: number;
  /** No copy could be read when it was last looked at. */
  isLost: boolean;
}

/**
 * Copies that a reader has found damaged: they are made anew in the background. Those that no other copy can give are looked at again
 * and again, since a device, or a store, may come back.
 */
export class Repairs {
  readonly #parts: Parts;
  /** Whoever was looked at goes to the end. */
  readonly #waiting = new Map<string, Damaged>();
  #healed = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Copies that were made anew since the start. */
  get healed(): number {
    return this.#healed;
  }

  /** Blobs that cannot be read in any tier, as far as readers have met them. */
  get lost(): number {
    return [...this.#waiting.values()].filter(({ isLost }) => isLost).length;
  }

  /** Passed over when too many wait: scrubbing finds it again. */
  add(id: BlobId, tier: Tier): void {
    const name = `${tier} ${id}`;
    if (this.#waiting.has(name) || this.#waiting.size >= REPAIRS_WAITING_MAX) return;
    this.#waiting.set(name, { id, tier, restsUntil: -Infinity, restMs: REPAIR_REST_MS_MIN, isLost: false });
    this.#parts.wake();
  }

  async step(): Promise<'busy' | 'idle'> {
    const now = this.#parts.clock.monotonic();
    for (const [name, damaged] of this.#waiting) {
      if (damaged.restsUntil > now) continue;
      const outcome = await this.#heal(damaged);
      this.#waiting.delete(name);
      if (outcome === 'healed') this.#healed += 1;
      if (outcome === 'lost' || outcome === 'later') {
        damaged.restsUntil = now + damaged.restMs;
        damaged.restMs = Math.min(2 * damaged.restMs, REPAIR_REST_MS_MAX);
        damaged.isLost = outcome === 'lost';
        this.#waiting.set(name, damaged);
      }
      return 'busy';
    }
    return 'idle';
  }

  /** `later`: another copy, or the tier, does not answer now. */
  async #heal({ id, tier, isLost }: Damaged): Promise<Healed | 'later'> {
    const { copies, labels, log } = this.#parts;
    try {
      const outcome = await heal({ copies, labels }, { id, tier });
      const isNews = outcome !== 'lost' || !isLost;
      if (isNews) log.warn('tiering: a damaged copy was met', { blob: id, tier, outcome });
      return outcome;
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      log.warn('tiering: a damaged copy waits for another one', { blob: id, tier, failure: cause });
      return 'later';
    }
  }
}
