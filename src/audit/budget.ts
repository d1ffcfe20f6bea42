import type { MonotonicMs } from '../environment.ts';

export interface BudgetOptions {
  readonly burst: number;
  readonly perSecond: number;
}

/** So many at once, and so many a second after that. */
export class Budget {
  readonly #options: BudgetOptions;
  #left: number;
  #at: MonotonicMs;

  constructor(options: BudgetOptions, now: MonotonicMs) {
    this.#options = options;
    this.#left = options.burst;
    this.#at = now;
  }

  /** Takes one, if there is one. */
  take(now: MonotonicMs): boolean {
    const { burst, perSecond } = this.#options;
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
