/** Who reads by rows that may change meanwhile. What rows have ceased to name is deleted when everybody who saw them has gone. */
export class Readers {
  readonly #active = new Set<Promise<unknown>>();

  /** Runs `read`, which looks up its rows after this call. */
  async run<T>(read: () => Promise<T>): Promise<T> {
    const reading = read();
    this.#active.add(reading);
    try {
      return await reading;
    } finally {
      this.#active.delete(reading);
    }
  }

  /** Resolves when all that run now have ended; those that begin meanwhile are not waited for. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#active]);
  }
}
