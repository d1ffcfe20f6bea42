import type { Clock } from '../environment.ts';

/** Keeps work at a rate on average: each unit is paid for by waiting before the next. */
export class Pace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** 0: no limit. */
  readonly #bytesPerSecond: number;
  #notBefore = -Infinity;

  constructor(clock: Pick<Clock, 'monotonic'>, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  spend(bytes: number): void {
    if (this.#bytesPerSecond === 0) return;
    const now = this.#clock.monotonic();
    this.#notBefore = Math.max(now, this.#notBefore) + (bytes * 1000) / this.#bytesPerSecond;
  }

  /** Milliseconds until the next unit; 0: now. */
  waitMs(): number {
    return Math.max(0, this.#notBefore - this.#clock.monotonic());
  }
}
