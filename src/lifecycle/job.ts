import type { Environment } from '../environment.ts';
import { LIFECYCLE_PASS_SECONDS_MIN, LIFECYCLE_PASSES_PER_DAY } from '../limits.ts';
import type { ObjectStore } from '../namespace/namespace.ts';
import type { RuleBook } from './rule-book.ts';
import { outcomes, type Outcome } from './sweep-unit.ts';
import { sweep } from './sweep.ts';

export interface LifecycleJobParts {
  readonly objects: ObjectStore;
  readonly environment: Environment;
  readonly rules: RuleBook;
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
  #dueAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: LifecycleJobParts) {
    this.#parts = parts;
    this.#counts = Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  }

  /** There is to be a pass with the rules as they are now: soon, so that one is enough for several changes. */
  changed(): void {
    const { clock } = this.#parts.environment;
    this.#dueAtMs = Math.min(this.#dueAtMs, clock.monotonic() + LIFECYCLE_PASS_SECONDS_MIN * 1000);
  }

  /** One bounded unit. A pass that failed begins again at the next call. */
  async step(): Promise<'busy' | 'idle'> {
    const { clock } = this.#parts.environment;
    const { secondsPerDay } = this.#parts.rules.calendar;
    if (this.#pass === undefined) {
      if (clock.monotonic() < this.#dueAtMs) return 'idle';
      this.#dueAtMs = Number.POSITIVE_INFINITY;
      this.#pass = sweep({ ...this.#parts, count: (outcome) => this.#count(outcome) });
    }
    try {
      const { done = false } = await this.#pass.next();
      if (!done) return 'busy';
    } catch (failure) {
      this.#pass = undefined;
      this.#dueAtMs = clock.monotonic();
      throw failure;
    }
    this.#pass = undefined;
    this.#passes += 1;
    const pauseSeconds = Math.max(secondsPerDay / LIFECYCLE_PASSES_PER_DAY, LIFECYCLE_PASS_SECONDS_MIN);
    this.#dueAtMs = Math.min(this.#dueAtMs, clock.monotonic() + pauseSeconds * 1000);
    return 'busy';
  }

  status(): LifecycleStatus {
    const { secondsPerDay } = this.#parts.rules.calendar;
    return { secondsPerDay, passes: this.#passes, counts: { ...this.#counts } };
  }

  #count(outcome: Outcome): void {
    this.#counts[outcome] += 1;
    this.#parts.count(outcome);
  }
}
