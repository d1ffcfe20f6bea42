/**
 * Lets so many pass at a time; of those who wait, one of each party after the other, and within a party in the order in which they
 * came: who sends thousands of calls waits for them himself. Whoever sends them bounds how many wait.
 */
export class Gate {
  #free: number;
  /** The party whose turn it is comes first. None is empty. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(passingMax: number) {
    this.#free = passingMax;
  }

  async pass<T>(run: () => Promise<T>, party = ''): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(party);
    try {
      return await run();
    } finally {
      this.#next();
    }
  }

  #turn(party: string): Promise<void> {
    const queue = this.#waiting.get(party) ?? [];
    this.#waiting.set(party, queue);
    return new Promise((resolve) => queue.push(resolve));
  }

  #next(): void {
    for (const [party, queue] of this.#waiting) {
      const go = queue.shift();
      this.#waiting.delete(party);
      if (queue.length > 0) this.#waiting.set(party, queue);
      if (go === undefined) continue;
      go();
      return;
    }
    this.#free += 1;
  }
}
