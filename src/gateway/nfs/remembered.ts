import type { Clock, MonotonicMs } from '../../environment.ts';

interface RememberedOptions<Key, Value> {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly entriesMax: number;
  /** How long an answer is not asked for again. */
  readonly freshMs: number;
  /** How long a question that nobody has answered is not asked again. */
  readonly retryMs: number;
  /** How long, from its asking on, an answer stands in when there is no newer one to be had. */
  readonly staleMs: number;
  /** What stands in when there is no answer at all. */
  readonly unknown: Value;
  /** Told when nobody answers who did before, or was never asked; not each time that it goes on. */
  readonly failed: (key: Key, failure: unknown) => void;
}

interface Entry<Value> {
  readonly value: Value;
  readonly askedAt: MonotonicMs;
  /** When to ask again. */
  readonly until: number;
  readonly isFailing: boolean;
}

/** Answers of somebody outside who may be slow, wrong or away: each is asked for once at a time and kept for a while. */
export class Remembered<Key, Value> {
  readonly #options: RememberedOptions<Key, Value>;
  readonly #entries = new Map<Key, Entry<Value>>();
  readonly #asking = new Map<Key, Promise<Value>>();

  constructor(options: RememberedOptions<Key, Value>) {
    this.#options = options;
  }

  /** Never rejects. */
  get(key: Key, ask: () => Promise<Value>): Value | Promise<Value> {
    const known = this.#entries.get(key);
    if (known !== undefined && this.#options.clock.monotonic() < known.until) return known.value;
    const asking = this.#asking.get(key) ?? this.#ask(key, ask);
    return asking;
  }

  #ask(key: Key, ask: () => Promise<Value>): Promise<Value> {
    const asking = ask()
      .then(
        (value) => this.#answered(key, value),
        (failure: unknown) => this.#failed(key, failure),
      )
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  #answered(key: Key, value: Value): Value {
    const { clock, freshMs } = this.#options;
    const askedAt = clock.monotonic();
    return this.#keep(key, { value, askedAt, until: askedAt + freshMs, isFailing: false });
  }

  #failed(key: Key, failure: unknown): Value {
    const { clock, retryMs, staleMs, unknown, failed } = this.#options;
    const known = this.#entries.get(key);
    if (known?.isFailing !== true) failed(key, failure);
    const now = clock.monotonic();
    const isGood = known !== undefined && now - known.askedAt < staleMs;
    const { value, askedAt } = isGood ? known : { value: unknown, askedAt: now };
    return this.#keep(key, { value, askedAt, until: now + retryMs, isFailing: true });
  }

  #keep(key: Key, entry: Entry<Value>): Value {
    const { entriesMax } = this.#options;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > entriesMax && oldest.done !== true) this.#entries.delete(oldest.value);
    return entry.value;
  }
}
