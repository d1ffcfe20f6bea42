/**
 * What was read last, by key; bounded by weight, the oldest out first. Rows that were read before something was forgotten are
 * not kept: they may be what was forgotten.
 */
export class Recent<Key, Value> {
  readonly #weightMax: number;
  readonly #weightOf: (value: Value) => number;
  /** In the order of their last use: a map keeps the order of insertion. */
  readonly #entries = new Map<Key, Value>();
  #weight = 0;
  #forgotten = 0;

  constructor(weightMax: number, weightOf: (value: Value) => number) {
    this.#weightMax = weightMax;
    this.#weightOf = weightOf;
  }

  find(key: Key): Value | undefined {
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  /** Call it before the rows are read, and what it returns with each of them. */
  reading(): (key: Key, value: Value) => void {
    const before = this.#forgotten;
    return (key, value) => {
      if (before === this.#forgotten) this.#put(key, value);
    };
  }

  forget(key: Key): void {
    this.#forgotten += 1;
    this.#remove(key);
  }

  #put(key: Key, value: Value): void {
    this.#remove(key);
    this.#entries.set(key, value);
    this.#weight += this.#weightOf(value);
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#weightMax) return;
      this.#remove(oldest);
    }
  }

  #remove(key: Key): void {
    const found = this.#entries.get(key);
    if (found === undefined) return;
    this.#entries.delete(key);
    this.#weight -= this.#weightOf(found);
  }
}
