/** Lets so many pass at a time; others wait in the order in which they came. Whoever sends them bounds how many wait. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(passingMax: number) {
    this.#free = passingMax;
  }

  async pass<T>(run: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
