import type { Environment, Time } from '../../../environment.ts';
import { Fault } from '../../../fault.ts';
import { COLD_FAILURES_MAX, COLD_PAUSE_MS_MAX, COLD_PAUSE_MS_MIN } from '../../../limits/tiering.ts';
import { surrounding, type ObjectStoreLayer } from '../object-store.ts';

/** Since when nothing goes to the store, and why. */
export interface Outage {
  readonly since: Time;
  /** A sentence for the operator. */
  readonly reason: string;
}

interface Pause {
  readonly outage: Outage;
  readonly ms: number;
  readonly until: number;
}

/**
 * A circuit breaker: after `COLD_FAILURES_MAX` failures of the store in a row, calls fail at once with
 * Fault('unavailable', 'store'). After a pause one call goes through; when it succeeds all do again, else the pause begins
 * anew, twice as long. Faults about an object or a request, and 'throttled', say that the store is alive.
 */
export class Breaker {
  readonly #environment: Environment;
  readonly #name: string;
  #failures = 0;
  #firstFailureAt: Time | undefined;
  #pause: Pause | undefined;
  #isProbing = false;

  /** `name`: the store, for the log. */
  constructor(environment: Environment, name: string) {
    this.#environment = environment;
    this.#name = name;
  }

  readonly layer: ObjectStoreLayer = surrounding(async (_, signal, call) => {
    const isProbe = this.#admit();
    try {
      const answer = await call(signal);
      this.#succeeded();
      return answer;
    } catch (failure) {
      if (signal.aborted || !(failure instanceof Fault) || failure.code === 'throttled') throw failure;
      if (failure.subject === 'object' || failure.subject === 'request') this.#succeeded();
      else this.#failed(failure, isProbe);
      throw failure;
    } finally {
      if (isProbe) this.#isProbing = false;
    }
  });

  /** `undefined` while calls go through. */
  outage(): Outage | undefined {
    return this.#pause?.outage;
  }

  /** Whether the call that is made begins the way back. */
  #admit(): boolean {
    if (this.#pause === undefined) return false;
    if (this.#isProbing || this.#environment.clock.monotonic() < this.#pause.until) {
      throw new Fault('unavailable', 'store', this.#pause.outage.reason);
    }
    this.#isProbing = true;
    return true;
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#firstFailureAt = undefined;
    if (this.#pause === undefined) return;
    this.#pause = undefined;
    this.#environment.log.info('the cold store answers again', { store: this.#name });
  }

  #failed({ detail: reason }: Fault, isProbe: boolean): void {
    const { clock, random, log } = this.#environment;
    this.#failures += 1;
    this.#firstFailureAt ??= clock.wall();
    if (this.#pause === undefined && this.#failures < COLD_FAILURES_MAX) return;
    const isFirst = this.#pause === undefined;
    // What was sent before the pause began and fails in it says nothing new.
    if (!isFirst && !isProbe) return;
    const ms = Math.min(COLD_PAUSE_MS_MAX, (this.#pause?.ms ?? COLD_PAUSE_MS_MIN / 2) * 2);
    const since = this.#pause?.outage.since ?? this.#firstFailureAt;
    const until = clock.monotonic() + ms / 2 + random.below(Math.ceil(ms / 2));
    this.#pause = { outage: { since, reason }, ms, until };
    if (isFirst) log.warn('the cold store is left alone for a while', { store: this.#name, reason });
  }
}
