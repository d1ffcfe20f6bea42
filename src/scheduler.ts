import assert from 'node:assert/strict';
import type { Environment } from './environment.ts';
import { Fault } from './fault.ts';
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
  readonly failure?: string;
  readonly isHealthy: boolean;
}

/** Runs, paces, shows and pauses all background work of a gateway. */
export class Scheduler implements Closable {
  readonly #environment: Environment;
  readonly #paused: ReadonlySet<string>;
  readonly #loops = new Map<string, Loop>();
  #isClosed = false;

  /** `paused`: the names of steps that do not run a single unit before they are resumed. */
  constructor(environment: Environment, paused: ReadonlySet<string> = new Set()) {
    this.#environment = environment;
    this.#paused = paused;
  }

  /** Begins to run `step` again and again until `close`. Names are unique. */
  start(name: string, step: Step): void {
    assert(!this.#loops.has(name), `background step ${name} runs already`);
    assert(!this.#isClosed, 'the scheduler is closed');
    const isPaused = this.#paused.has(name);
    this.#loops.set(name, new Loop(name, step, { environment: this.#environment, isPaused }));
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

  /** Also while the unit under way ends. */
  isPaused(name: string): boolean {
    return this.#loop(name).isPaused();
  }

  states(): readonly StepState[] {
    return [...this.#loops.values()].map((loop) => loop.state());
  }

  /** Shows the steps that have been started. */
  observe(metrics: Metrics): void {
    const labels = { step: [...this.#loops.keys()] };
    metrics.observed({ name: 'step_units_done', help: 'Units of background work done', labels }, (gauge) => {
      for (const { name, unitsDone } of this.states()) gauge.set({ step: name }, unitsDone);
    });
    metrics.observed(
      { name: 'step_failures_in_row', help: 'Failures of background work', labels },
      (gauge) => {
        for (const { name, failuresInRow } of this.states()) gauge.set({ step: name }, failuresInRow);
      },
    );
  }

  /** Resolves when no step runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#loops.values()].map((loop) => loop.stop()));
  }

  #loop(name: string): Loop {
    const loop = this.#loops.get(name);
    assert(loop !== undefined, `there is no background step ${name}`);
    return loop;
  }
}

class Loop {
  readonly #ended: Promise<void>;
  readonly #name: string;
  readonly #step: Step;
  readonly #environment: Environment;
  #waking = new AbortController();
  #isStopping = false;
  #isRunning = false;
  #isPaused: boolean;
  #unitsDone = 0;
  #idleMs = STEP_IDLE_MS_MIN;
  #failuresInRow = 0;
  #failure: string | undefined;

  constructor(
    name: string,
    step: Step,
    { environment, isPaused }: { readonly environment: Environment; readonly isPaused: boolean },
  ) {
    this.#name = name;
    this.#step = step;
    this.#environment = environment;
    this.#isPaused = isPaused;
    this.#ended = this.#run();
  }

  stop(): Promise<void> {
    this.#isStopping = true;
    this.wake();
    return this.#ended;
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

  isPaused(): boolean {
    return this.#isPaused;
  }

  state(): StepState {
    return {
      name: this.#name,
      state: this.#stateName(),
      unitsDone: this.#unitsDone,
      failuresInRow: this.#failuresInRow,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
      isHealthy: this.#failuresInRow <= STEP_FAILURES_HEALTHY_MAX,
    };
  }

  #stateName(): StepState['state'] {
    if (this.#isRunning) return 'running';
    if (this.#isPaused) return 'paused';
    return this.#failuresInRow > 0 ? 'failing' : 'waiting';
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
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
      // What it waited for does not come any more: the next process does this unit.
      if (this.#isStopping && error instanceof Fault) {
        this.#environment.log.info('background step broken off', { step: this.#name, error });
        return 0;
      }
      // Background work has no caller: its boundary is here, and /v1/status tells what failed.
      this.#failuresInRow += 1;
      this.#failure = error instanceof Error ? error.message : String(error);
      this.#environment.log.error('background step failed', { step: this.#name, error });
      return Math.min(STEP_FAILED_MS_MIN * 2 ** (this.#failuresInRow - 1), STEP_FAILED_MS_MAX);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Ends early on `wake`. Also a rest of 0 ms lets the event loop turn. */
  async #rest(ms: number): Promise<void> {
    const { signal } = this.#waking;
    try {
      await this.#environment.clock.sleep(ms, signal);
    } catch (cause) {
      if (!signal.aborted) throw cause;
    }
  }
}
