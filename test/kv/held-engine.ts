import type { KvEngine, Page, PageOptions, Write } from '../../src/kv/engine.ts';
import type { Key, KeyRange, Value } from '../../src/kv/kv.ts';

/**
 * An engine whose writes wait until the test lets them go, in order, so that commits stay in flight for as long as the
 * test looks at them. Reads can be held back too, after the engine has answered: the answer is then an old one.
 */
export class HeldEngine implements KvEngine {
  readonly inner: KvEngine;
  isHolding = true;
  isHoldingReads = false;
  readonly #writes: (() => void)[] = [];
  readonly #reads: (() => void)[] = [];
  #before: Promise<unknown> = Promise.resolve();

  constructor(inner: KvEngine) {
    this.inner = inner;
  }

  get writesHeld(): number {
    return this.#writes.length;
  }

  get readsHeld(): number {
    return this.#reads.length;
  }

  release(count = Infinity): void {
    for (const go of this.#writes.splice(0, count)) go();
  }

  releaseReads(): void {
    for (const go of this.#reads.splice(0)) go();
  }

  getMany(keys: readonly Key[]): readonly (Value | undefined)[] | Promise<readonly (Value | undefined)[]> {
    return this.#held(this.inner.getMany(keys));
  }

  page(range: KeyRange, options: PageOptions): Page | Promise<Page> {
    return this.#held(this.inner.page(range, options));
  }

  async write(batch: readonly Write[], durable: boolean): Promise<void> {
    const turn = Promise.all([
      this.#before,
      this.isHolding && new Promise<void>((go) => this.#writes.push(go)),
    ]);
    this.#before = turn;
    await turn;
    await this.inner.write(batch, durable);
  }

  sync(): Promise<void> {
    return this.inner.sync();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  #held<T>(answer: T | Promise<T>): T | Promise<T> {
    if (!this.isHoldingReads) return answer;
    return (async () => {
      const read = await answer;
      await new Promise<void>((go) => this.#reads.push(go));
      return read;
    })();
  }
}
