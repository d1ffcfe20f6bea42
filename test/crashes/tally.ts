/** What a run has seen, for its report. */
export interface Totals {
  readonly acknowledged: Readonly<Record<string, number>>;
  /** "No room" and "come again", by operation and code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Operations that a kill has left without an answer. */
  readonly unanswered: number;
  /** Unstable writes that were sent again after a restart. */
  readonly sentAgain: number;
  /** Names that were compared with what must be there, through both doors. */
  readonly compared: number;
}

export class Tally {
  readonly #acknowledged = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  #unanswered = 0;
  #sentAgain = 0;
  #compared = 0;

  acknowledged(name: string): void {
    this.#acknowledged.set(name, (this.#acknowledged.get(name) ?? 0) + 1);
  }

  refused(name: string): void {
    this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
  }

  unanswered(): void {
    this.#unanswered += 1;
  }

  sentAgain(writes: number): void {
    this.#sentAgain += writes;
  }

  looked(names: number): void {
    this.#compared += names;
  }

  /** How many operations have been acknowledged. */
  count(): number {
    return [...this.#acknowledged.values()].reduce((sum, each) => sum + each, 0);
  }

  totals(): Totals {
    const sorted = (counts: ReadonlyMap<string, number>): Record<string, number> =>
      Object.fromEntries([...counts].sort(([one], [other]) => (one < other ? -1 : 1)));
    return {
      acknowledged: sorted(this.#acknowledged),
      refused: sorted(this.#refused),
      unanswered: this.#unanswered,
      sentAgain: this.#sentAgain,
      compared: this.#compared,
    };
  }
}
