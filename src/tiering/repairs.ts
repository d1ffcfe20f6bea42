import type { Log } from '../environment.ts';
import { Fault } from '../fault.ts';
import { REPAIRS_WAITING_MAX } from '../limits/tiering.ts';
import type { BlobLabels } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import type { Copies } from './copies.ts';
import { heal } from './heal.ts';
import type { Tier } from './tier.ts';

interface Parts {
  readonly copies: Copies;
  readonly labels: BlobLabels;
  readonly log: Log;
  /** Says that `step` has work. */
  readonly wake: () => void;
}

/** Copies that a reader has found damaged while another one answered: they are made anew in the background. */
export class Repairs {
  readonly #parts: Parts;
  readonly #waiting = new Map<string, { readonly id: BlobId; readonly tier: Tier }>();
  #healed = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Copies that were made anew since the start. */
  get healed(): number {
    return this.#healed;
  }

  /** Passed over when too many wait: scrubbing finds it again. */
  add(id: BlobId, tier: Tier): void {
    if (this.#waiting.size >= REPAIRS_WAITING_MAX) return;
    this.#waiting.set(`${tier} ${id}`, { id, tier });
    this.#parts.wake();
  }

  async step(): Promise<'busy' | 'idle'> {
    const [next] = this.#waiting;
    if (next === undefined) return 'idle';
    const [name, damaged] = next;
    this.#waiting.delete(name);
    const { copies, labels, log } = this.#parts;
    try {
      const outcome = await heal({ copies, labels }, damaged);
      if (outcome === 'healed') this.#healed += 1;
      log.warn('tiering: a damaged copy was met', { ...damaged, blob: damaged.id, outcome });
    } catch (cause) {
      // The other copy, or the tier, does not answer now: the next reader says again what is damaged.
      if (!(cause instanceof Fault)) throw cause;
      log.warn('tiering: a damaged copy waits for another one', { ...damaged, failure: cause });
    }
    return 'busy';
  }
}
