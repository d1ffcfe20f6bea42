import type { SegmentId } from '../segment-store.ts';

/** Whoever changes where a segment lies does so alone; segments do not wait for each other. Readers take no part. */
export class SegmentLocks {
  readonly #tails = new Map<SegmentId, Promise<unknown>>();

  /** Runs `body` when all before it have ended. */
  async run<T>(id: SegmentId, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(id) ?? Promise.resolve();
    const mine = before.then(body);
    const tail = mine.catch(() => undefined);
    this.#tails.set(id, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(id) === tail) this.#tails.delete(id);
    }
  }
}
