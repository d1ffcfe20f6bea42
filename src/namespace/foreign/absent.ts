import type { Clock } from '../../environment.ts';
import { ABSENT_KEYS_MAX, ABSENT_MS } from '../../limits/tiering.ts';
import type { BindingId } from '../../tiering/foreign/foreign-records.ts';

/** Keys that were asked for by name a short while ago and were not there: clients look for the same names again and again. */
export class Absent {
  readonly #clock: Clock;
  /** When it is asked for again; oldest first. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(binding: BindingId, key: string): boolean {
    return (this.#until.get(`${binding}:${key}`) ?? 0) > this.#clock.monotonic();
  }

  add(binding: BindingId, key: string): void {
    const name = `${binding}:${key}`;
    this.#until.delete(name);
    this.#until.set(name, this.#clock.monotonic() + ABSENT_MS);
    if (this.#until.size <= ABSENT_KEYS_MAX) return;
    for (const oldest of this.#until.keys()) {
      this.#until.delete(oldest);
      break;
    }
  }

  clear(): void {
    this.#until.clear();
  }
}
