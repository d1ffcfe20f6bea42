/** Who works on which key: one at a time, in the order in which they came. */
export class KeyLocks {
  readonly #last = new Map<string, Promise<void>>();

  /** Of several keys: sorted and each once, so that nobody waits in a circle. Call what it resolves to in the end. */
  async take(keys: Iterable<string>): Promise<() => void> {
    const releases: (() => void)[] = [];
    for (const key of [...new Set(keys)].sort()) releases.push(await this.#takeOne(key));
    return () => releases.forEach((release) => release());
  }

  /** `undefined` while somebody has it. */
  tryTake(key: string): Promise<() => void> | undefined {
    return this.#last.has(key) ? undefined : this.#takeOne(key);
  }

  async #takeOne(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    let end = (): void => undefined;
    const mine = new Promise<void>((resolve) => (end = resolve));
    this.#last.set(key, mine);
    await before;
    return () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      end();
    };
  }
}
