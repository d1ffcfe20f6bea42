import type { Clock } from '../environment.ts';

interface PassOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** One pass; each yield is the end of a bounded unit. */
  readonly pass: () => AsyncGenerator<undefined, void>;
  /** Between the ends of two passes, at least, and as a multiple of how long a pass takes. */
  readonly restMsMin: number;
  readonly restFactor: number;
}

/** Passes over something, again and again, as a step of the scheduler. One that failed begins again after a rest. */
export class Passes {
  readonly #options: PassOptions;
  #pass: AsyncGenerator<undefined, void> | undefined;
  #startedAt = 0;
  #dueAtMs = Number.NEGATIVE_INFINITY;
  #done = 0;

  constructor(options: PassOptions) {
    this.#options = options;
  }

  /** Those that came to their end. */
  get done(): number {
    return this.#done;
  }

  /** There is to be one soon: also after the one under way, which may have gone by what has changed. */
  hurry(): void {
    this.#dueAtMs = Number.NEGATIVE_INFINITY;
  }

  /** One bounded unit. */
  async step(): Promise<'busy' | 'idle'> {
    const now = this.#options.clock.monotonic();
    if (this.#pass === undefined) {
      if (now < this.#dueAtMs) return 'idle';
      this.#startedAt = now;
      this.#dueAtMs = Number.POSITIVE_INFINITY;
      this.#pass = this.#options.pass();
    }
    const pass = this.#pass;
    let isOver = true;
    try {
      isOver = (await pass.next()).done === true;
    } finally {
      if (isOver) this.#rest();
    }
    if (!isOver) return 'busy';
    this.#done += 1;
    return 'idle';
  }

  #rest(): void {
    const { clock, restMsMin, restFactor } = this.#options;
    const now = clock.monotonic();
    this.#pass = undefined;
    this.#dueAtMs = Math.min(this.#dueAtMs, now + Math.max(restMsMin, (now - this.#startedAt) * restFactor));
  }
}
