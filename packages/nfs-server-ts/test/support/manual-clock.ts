import type { Clock } from '../../src/environment.ts';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time stands still until `advance`. */
export class ManualClock implements Clock {
  #now = 0;
  #sleepers: Sleeper[] = [];

  monotonic(): number {
    return this.#now;
  }

  wall(): { seconds: number; nanoseconds: number } {
    return {
      seconds: 1_700_000_000 + Math.floor(this.#now / 1000),
      nanoseconds: (this.#now % 1000) * 1_000_000,
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(new Error('aborted'));
      };
      const wake = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const sleeper: Sleeper = { at: this.#now + ms, wake };
      this.#sleepers.push(sleeper);
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Moves time in steps of at most `stepMs`, so that what sleeps again on waking wakes again. */
  async advance(ms: number, stepMs = 1000): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.#now += Math.min(left, stepMs);
      const due = this.#sleepers.filter(({ at }) => at <= this.#now);
      this.#sleepers = this.#sleepers.filter(({ at }) => at > this.#now);
      for (const { wake } of due) wake();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
