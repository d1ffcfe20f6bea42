import type { Clock, MonotonicMs } from '../../../src/environment.ts';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that moves only when somebody waits and nothing else happens. */
export class ManualClock implements Clock {
  #now = 0;
  #sleepers: Sleeper[] = [];

  wall(): { seconds: number; nanoseconds: number } {
    return { seconds: Math.floor(this.#now / 1000), nanoseconds: 0 };
  }

  monotonic(): MonotonicMs {
    return this.#now as MonotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((it) => it !== sleeper);
        reject(signal.reason as Error);
      });
    });
  }

  /** Moves on, and wakes nobody: who sleeps is woken by the next `run`. */
  pass(ms: number): void {
    this.#now += ms;
  }

  /** Runs until `work` settles; time passes only when nothing else can happen. */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { isSettled: false };
    const settled = (): void => void (state.isSettled = true);
    work.then(settled, settled);
    for (;;) {
      await turn();
      if (state.isSettled) return work;
      if (!this.#wakeNext()) throw new Error('it waits for something that never comes');
    }
  }

  /** Runs until nobody sleeps: what was given up has ended, too. */
  async settle(): Promise<void> {
    do await turn();
    while (this.#wakeNext());
  }

  #wakeNext(): boolean {
    const next = this.#sleepers.reduce<Sleeper | undefined>(
      (first, it) => (first === undefined || it.at < first.at ? it : first),
      undefined,
    );
    if (next === undefined) return false;
    this.#now = Math.max(this.#now, next.at);
    this.#sleepers = this.#sleepers.filter((it) => it !== next);
    next.wake();
    return true;
  }
}

/** Everything that is ready has run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
