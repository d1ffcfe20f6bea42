import type { StoragePolicy } from './policy.ts';

/** Asks for the value of a query; `undefined` when nobody answers, or not with a number. */
export type Query = (query: string) => Promise<number | undefined>;

/** How busy the targets of policies are by the word of a monitoring system. */
export class Scores {
  readonly #ask: Query | undefined;
  readonly #known = new Map<string, number | undefined>();

  /** `undefined`: no monitoring system is configured. */
  constructor(ask: Query | undefined) {
    this.#ask = ask;
  }

  /** To be called before the objects of a policy are looked at. */
  async refresh({ name, query }: Pick<StoragePolicy, 'name' | 'query'>): Promise<void> {
    if (query === undefined) this.#known.delete(name);
    else this.#known.set(name, await this.#ask?.(query));
  }

  forget(name: string): void {
    this.#known.delete(name);
  }

  of({ name }: Pick<StoragePolicy, 'name'>): number | undefined {
    return this.#known.get(name);
  }

  /** The names of policies whose last question has not been answered: nothing moves by them. */
  unanswered(): readonly string[] {
    return [...this.#known].flatMap(([name, value]) => (value === undefined ? [name] : []));
  }
}
