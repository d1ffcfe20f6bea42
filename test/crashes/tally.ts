/** How often something has happened, by its name. */
export class Count {
  readonly #counts = new Map<string, number>();

  add(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  sum(): number {
    return [...this.#counts.values()].reduce((sum, each) => sum + each, 0);
  }

  byName(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}

/** What clients have seen, for the report. */
export class Tally {
  readonly acknowledged = new Count();
  /** "No room" and "come again", by operation and code. */
  readonly refused = new Count();
  /** Operations that a kill has left without an answer. */
  unanswered = 0;
  /** Unstable writes that were sent again after a restart. */
  sentAgain = 0;
  /** Names and versions that were compared with what must be there. */
  compared = 0;
}
