import type { Environment } from '../environment.ts';
import { LIFECYCLE_PASS_SECONDS_MIN, LIFECYCLE_PASSES_PER_DAY } from '../limits.ts';
import type { ObjectStore } from '../namespace/namespace.ts';
import type { Calendar } from './calendar.ts';
import { outcomes, type Outcome } from './sweep-unit.ts';
import { sweep } from './sweep.ts';

export interface LifecycleJobParts {
  readonly objects: ObjectStore;
  readonly environment: Environment;
  readonly calendar: Calendar;
  /** Hears of each thing that was done or refused. */
  readonly count: (outcome: Outcome) => void;
}

/** Counted since the start of the process. */
export interface LifecycleStatus {
  readonly secondsPerDay: number;
  /** Passes over all buckets that came to their end. */
  readonly passes: number;
  readonly counts: Readonly<Record<Outcome, number>>;
}

/**
 * Carries out the lifecycle rules of all buckets, as a step of the scheduler. A pass begins when the process starts, when
 * some rules have changed, and LIFECYCLE_PASSES_PER_DAY times in a day of the rules.
 */
export class LifecycleJob {
  readonly #parts: LifecycleJobParts;
  readonly #counts: Record<Outcome, number>;
  #pass: AsyncGenerator<undefined, void> | undefined;
  #passes = 0;
  #isDue = true;
  #endedAtMs = 0;

  constructor(parts: LifecycleJobParts) {
    this.#parts = parts;
    this.#counts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  }

  get calendar(): Calendar {
    return this.#parts.calendar;
  }

  /** There is to be a pass with the rules as they are now. */
  changed(): void {
    this.#isDue = true;
  }

  /** One bounded unit. A pass that failed begins again at the next call. */
  async step(): Promise<'busy' | 'idle'> {
    const { clock } = this.#parts.environment;
    const { secondsPerDay } = this.#parts.calendar;
    if (this.#pass === undefined) {
      const pauseSeconds = Math.max(secondsPerDay / LIFECYCLE_PASSES_PER_DAY, LIFECYCLE_PASS_SECONDS_MIN);
      if (!this.#isDue && clock.monotonic() - this.#endedAtMs < pauseSeconds * 1000) return 'idle';
      this.#isDue = false;
      this.#pass = sweep({ ...this.#parts, count: (outcome) => this.#count(outcome) });
    }
    try {
      const { done = false } = await this.#pass.next();
      if (!done) return 'busy';
    } catch (failure) {
      this.#pass = undefined;
      this.#isDue = true;
      throw failure;
    }
    this.#pass = undefined;
    this.#passes += 1;
    this.#endedAtMs = clock.monotonic();
    return 'busy';
  }

  status(): LifecycleStatus {
    const { secondsPerDay } = this.#parts.calendar;
    return { secondsPerDay, passes: this.#passes, counts: { ...this.#counts } };
  }

  #count(outcome: Outcome): void {
    this.#counts[outcome] += 1;
    this.#parts.count(outcome);
  }
}
