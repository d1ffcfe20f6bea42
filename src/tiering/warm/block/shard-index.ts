const CELLS_MIN = 1_024;

/**
 * In which slots of a catalogue a shard may have its entry: by a fingerprint of its name, so that it takes 16 to 32 bytes of
 * memory a shard. The entry itself says whether it is.
 */
export class ShardIndex {
  #fingerprints = new Uint32Array(CELLS_MIN);
  /** The slot and 1; 0: the cell is free. */
  #slots = new Uint32Array(CELLS_MIN);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(fingerprint: number, slot: number): void {
    if (this.#count * 2 >= this.#slots.length) this.#enlarge();
    this.#put(fingerprint, slot + 1);
    this.#count += 1;
  }

  /** All slots of this fingerprint. */
  *slotsOf(fingerprint: number): Generator<number> {
    const mask = this.#slots.length - 1;
    for (let at = fingerprint & mask; this.#slots[at] !== 0; at = (at + 1) & mask) {
      if (this.#fingerprints[at] === fingerprint) yield this.#slots[at]! - 1;
    }
  }

  has(fingerprint: number, slot: number): boolean {
    return this.#cellOf(fingerprint, slot) !== undefined;
  }

  remove(fingerprint: number, slot: number): void {
    const cell = this.#cellOf(fingerprint, slot);
    if (cell === undefined) return;
    this.#count -= 1;
    this.#slots[cell] = 0;
    // What comes behind it may have been put there because it was taken.
    const mask = this.#slots.length - 1;
    for (let at = (cell + 1) & mask; this.#slots[at] !== 0; at = (at + 1) & mask) {
      const [moved, taken] = [this.#fingerprints[at]!, this.#slots[at]!];
      this.#slots[at] = 0;
      this.#put(moved, taken);
    }
  }

  #cellOf(fingerprint: number, slot: number): number | undefined {
    const mask = this.#slots.length - 1;
    for (let at = fingerprint & mask; this.#slots[at] !== 0; at = (at + 1) & mask) {
      if (this.#fingerprints[at] === fingerprint && this.#slots[at] === slot + 1) return at;
    }
    return undefined;
  }

  #put(fingerprint: number, taken: number): void {
    const mask = this.#slots.length - 1;
    let at = fingerprint & mask;
    while (this.#slots[at] !== 0) at = (at + 1) & mask;
    this.#fingerprints[at] = fingerprint;
    this.#slots[at] = taken;
  }

  #enlarge(): void {
    const [fingerprints, slots] = [this.#fingerprints, this.#slots];
    this.#fingerprints = new Uint32Array(slots.length * 2);
    this.#slots = new Uint32Array(slots.length * 2);
    for (const [at, taken] of slots.entries()) if (taken !== 0) this.#put(fingerprints[at]!, taken);
  }
}
