import assert from 'node:assert/strict';
import type { Environment } from './environment.ts';
import {
  STEP_FAILED_MS_MAX,
  STEP_FAILED_MS_MIN,
  STEP_FAILURES_HEALTHY_MAX,
  STEP_IDLE_MS_MAX,
  STEP_IDLE_MS_MIN,
} from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { Closable } from './scope.ts';

/** One bounded unit of background work; says whether there is probably more to do at once. */
export type Step = () => Promise<'busy' | 'idle'>;

export interface StepState {
  readonly name: string;
  readonly state: 'running' | 'waiting' | 'paused' | 'failing';
  readonly unitsDone: number;
  readonly failuresInRow: number;
  /** Message of the last failure; absent after a success. */
  readonly failure: string | undefined;
  readonly isHealthy: boolean;
}

/** Runs, paces, shows and pauses all background work of a gateway. */
export class Scheduler implements Closable {
  readonly #environment: Environment;
  readonly #loops = new Map<string, Loop>();
  readonly #stopping = new AbortController();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Begins to run `step` again and again until `close`. Names are unique. */
  start(name: string, step: Step): void {
    assert(!this.#loops.has(name), `background step ${name} runs already`);
    assert(!this.#stopping.signal.aborted, 'the scheduler is closed');
    this.#loops.set(name, new Loop(name, step, this.#environment, this.#stopping.signal));
  }

  /** Runs the step soon, even when it was idle or failing. */
  wake(name: string): void {
    this.#loop(name).wake();
  }

  /** The unit under way ends, then the step rests until `resume`. */
  pause(name: string): void {
    this.#loop(name).pause();
  }

  resume(name: string): void {
    this.#loop(name).resume();
  }

  states(): readonly StepState[] {
    return [...this.#loops.values()].map((loop) => loop.state());
  }

  /** Counters of every step; the names are those of the steps that have been started. */
  observe(metrics: Metrics): void {
    for (const [name, loop] of this.#loops) {
      const metric = name.replace(/[^a-z0-9]/gi, '_');
      metrics.observed(
        { name: `step_${metric}_units_done`, help: `Units of background work done by ${name}`, labels: {} },
        () => loop.state().unitsDone,
      );
      metrics.observed(
        { name: `step_${metric}_failures_in_row`, help: `Failures in a row of ${name}`, labels: {} },
        () => loop.state().failuresInRow,
      );
    }
  }

  /** Resolves when no step runs any more. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#loops.values()].map((loop) => loop.ended));
  }

  #loop(name: string): Loop {
    const loop = this.#loops.get(name);
    assert(loop !== undefined, `there is no background step ${name}`);
    return loop;
  }
}

class Loop {
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #step: Step;
  readonly #environment: Environment;
  readonly #stopping: AbortSignal;
  #waking = new AbortController();
  #isRunning = false;
  #isPaused = false;
  #unitsDone = 0;
  #idleMs = STEP_IDLE_MS_MIN;
  #failuresInRow = 0;
  #failure: string | undefined;

  constructor(name: string, step: Step, environment: Environment, stopping: AbortSignal) {
    this.#name = name;
    this.#step = step;
    this.#environment = environment;
    this.#stopping = stopping;
    this.ended = this.#run();
  }

  wake(): void {
    this.#waking.abort();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.wake();
  }

  state(): StepState {
    return {
      name: this.#name,
      state: this.#stateName(),
      unitsDone: this.#unitsDone,
      failuresInRow: this.#failuresInRow,
      failure: this.#failure,
      isHealthy: this.#failuresInRow <= STEP_FAILURES_HEALTHY_MAX,
    };
  }

  #stateName(): StepState['state'] {
    if (this.#isRunning) return 'running';
    if (this.#isPaused) return 'paused';
    return this.#failuresInRow > 0 ? 'failing' : 'waiting';
  }

  async #run(): Promise<void> {
    while (!this.#stopping.aborted) {
      // Before the unit, not after it: a wake while it runs must not be lost.
      this.#waking = new AbortController();
      const restMs = this.#isPaused ? STEP_IDLE_MS_MAX : await this.#unit();
      await this.#rest(restMs);
    }
  }

  /** Does one unit; the milliseconds to rest after it. */
  async #unit(): Promise<number> {
    this.#isRunning = true;
    try {
      const outcome = await this.#step();
      this.#failuresInRow = 0;
      this.#failure = undefined;
      if (outcome === 'busy') this.#unitsDone += 1;
      this.#idleMs = outcome === 'busy' ? STEP_IDLE_MS_MIN : Math.min(this.#idleMs * 2, STEP_IDLE_MS_MAX);
      return outcome === 'busy' ? 0 : this.#idleMs;
    } catch (error) {
      // Background work has no caller: its boundary is here, and /v1/status tells what failed.
      this.#failuresInRow += 1;
      this.#failure = error instanceof Error ? error.message : String(error);
      this.#environment.log.error('background step failed', { step: this.#name, error });
      return Math.min(STEP_FAILED_MS_MIN * 2 ** (this.#failuresInRow - 1), STEP_FAILED_MS_MAX);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Ends early on `wake` and on `close`. Also a rest of 0 ms lets the event loop turn. */
  async #rest(ms: number): Promise<void> {
    const early = AbortSignal.any([this.#stopping, this.#waking.signal]);
    try {
      await this.#environment.clock.sleep(ms, early);
    } catch (cause) {
      if (!early.aborted) throw cause;
    }
  }
}
