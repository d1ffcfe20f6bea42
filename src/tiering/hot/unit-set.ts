/** A set of numbers from 0 on, a bit each. */
export class UnitSet {
  #words = new Uint32Array(0);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(unit: number): void {
    const word = unit >>> 5;
    if (word >= this.#words.length) this.#enlarge(word + 1);
    const before = this.#words[word]!;
    const after = (before | (1 << (unit & 31))) >>> 0;
    if (after === before) return;
    this.#words[word] = after;
    this.#count += 1;
  }

  delete(unit: number): void {
    if (!this.has(unit)) return;
    const word = unit >>> 5;
    this.#words[word] = (this.#words[word]! & ~(1 << (unit & 31))) >>> 0;
    this.#count -= 1;
  }

  has(unit: number): boolean {
    const word = this.#words[unit >>> 5] ?? 0;
    return ((word >>> (unit & 31)) & 1) === 1;
  }

  /** The first member from `unit` on. */
  next(unit: number): number | undefined {
    if (this.#count === 0) return undefined;
    for (let at = unit; at < this.#words.length * 32;) {
      if (this.#words[at >>> 5] === 0) at = ((at >>> 5) + 1) << 5;
      else if (this.has(at)) return at;
      else at += 1;
    }
    return undefined;
  }

  *[Symbol.iterator](): Generator<number, void> {
    for (let unit = this.next(0); unit !== undefined; unit = this.next(unit + 1)) yield unit;
  }

  #enlarge(wordsMin: number): void {
    const words = new Uint32Array(Math.max(wordsMin, this.#words.length * 2));
    words.set(this.#words);
    this.#words = words;
  }
}
