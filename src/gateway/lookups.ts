import type { Clock } from '../environment.ts';
import { Fault } from '../fault.ts';
import { LOOKUP_MS_MAX, LOOKUPS_PARALLEL_MAX, LOOKUPS_WAITING_MAX } from '../limits/nfs.ts';

/**
 * Look-ups of one source of names or groups, which may hang for as long as their server does. Only so many run, wait, and are
 * waited for. One for each source: those who ask one that answers do not wait for one that hangs.
 */
export class Lookups {
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock;
  }

  /** Fault('throttled') when too many wait, Fault('unavailable') after LOOKUP_MS_MAX; a look-up goes on then and keeps its place. */
  async run<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= LOOKUPS_WAITING_MAX)
      throw new Fault('throttled', 'request', 'too many look-ups of names and groups wait');
    const timer = new AbortController();
    const late = this.#clock.sleep(LOOKUP_MS_MAX, timer.signal).then(() => {
      throw new Fault('unavailable', 'request', `a look-up takes longer than ${LOOKUP_MS_MAX} ms`);
    });
    try {
      return await Promise.race([this.#inTurn(ask), late]);
    } finally {
      timer.abort();
      // The timer's own end is no failure.
      late.catch(() => undefined);
    }
  }

  async #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#running >= LOOKUPS_PARALLEL_MAX) await new Promise<void>((go) => this.#waiting.push(go));
    else this.#running += 1;
    try {
      return await ask();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
