import type { Clock, MonotonicMs } from '../../environment.ts';

interface RememberedOptions<Value> {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly entriesMax: number;
  /** How long an answer is not asked for again. */
  readonly freshMs: number;
  /** How long, from its asking on, an answer stands in when there is no newer one to be had. */
  readonly staleMs: number;
  /** What stands in when there is no answer at all. */
  readonly unknown: Value;
}

interface Entry<Value> {
  readonly value: Value;
  readonly askedAt: MonotonicMs;
  /** When to ask again. */
  readonly until: number;
}

/** Answers of somebody outside who may be slow, wrong or away: each is asked for once at a time and kept for a while. */
export class Remembered<Key, Value> {
  readonly #options: RememberedOptions<Value>;
  readonly #entries = new Map<Key, Entry<Value>>();
  readonly #asking = new Map<Key, Promise<Value>>();

  constructor(options: RememberedOptions<Value>) {
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
        (value) => this.#keep(key, { value, askedAt: this.#options.clock.monotonic() }),
        () => this.#keep(key, this.#standIn(key)),
      )
      .finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  #standIn(key: Key): Pick<Entry<Value>, 'value' | 'askedAt'> {
    const { clock, staleMs, unknown } = this.#options;
    const known = this.#entries.get(key);
    const now = clock.monotonic();
    return known !== undefined && now - known.askedAt < staleMs ? known : { value: unknown, askedAt: now };
  }

  #keep(key: Key, { value, askedAt }: Pick<Entry<Value>, 'value' | 'askedAt'>): Value {
    const { clock, freshMs, entriesMax } = this.#options;
    this.#entries.delete(key);
    this.#entries.set(key, { value, askedAt, until: clock.monotonic() + freshMs });
    const oldest = this.#entries.keys().next();
    if (this.#entries.size > entriesMax && oldest.done !== true) this.#entries.delete(oldest.value);
    return value;
  }
}
