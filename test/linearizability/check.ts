import assert from 'node:assert/strict';
import type { Call } from './history.ts';

/** A sequential specification. */
export interface Specification<Model> {
  /** The state before the first call. */
  readonly initial: Model;
  /** A copy that shares nothing that calls change. */
  clone(model: Model): Model;
  /** The same text for states that no call can tell apart. */
  text(model: Model): string;
}

/** States looked at before a check gives up: a history of so many open questions is a mistake of the test. */
const STATES_MAX = 2_000_000;

/**
 * An order of the calls in which each one answers what the specification answers, and which keeps every call behind those
 * that had returned when it was made: then the history is linearizable (Herlihy and Wing, 1990). `undefined`: there is
 * none. A search with memory of what was tried (Wing and Gong, 1993; Lowe, "Testing for linearizability", 2017).
 */
export function linearization<Model>(
  calls: readonly Call<Model>[],
  specification: Specification<Model>,
): readonly Call<Model>[] | undefined {
  const search = new Search(calls, specification);
  return search.from(specification.initial) ? search.order : undefined;
}

/** Of a history without an order: its effects, and only those of its reads that contradict them. */
export function contradiction<Model>(
  calls: readonly Call<Model>[],
  specification: Specification<Model>,
): readonly Call<Model>[] {
  let needed = calls;
  for (const call of calls) {
    if (call.isPure !== true) continue;
    const fewer = needed.filter((other) => other !== call);
    if (linearization(fewer, specification) === undefined) needed = fewer;
  }
  return needed;
}

class Search<Model> {
  readonly order: Call<Model>[] = [];
  readonly #calls: readonly Call<Model>[];
  readonly #specification: Specification<Model>;
  readonly #isDone: boolean[];
  readonly #tried = new Set<string>();

  constructor(calls: readonly Call<Model>[], specification: Specification<Model>) {
    this.#calls = calls.toSorted((one, other) => one.invokedAt - other.invokedAt);
    this.#specification = specification;
    this.#isDone = calls.map(() => false);
  }

  /** Whether what is left can follow a state. */
  from(model: Model): boolean {
    const left = this.#calls.filter((call, index) => !this.#isDone[index] && call.outcome !== undefined);
    if (left.length === 0) return true;
    const state = `${this.#isDone.map(Number).join('')} ${this.#specification.text(model)}`;
    if (this.#tried.has(state)) return false;
    this.#tried.add(state);
    assert(this.#tried.size < STATES_MAX, 'too many states: shorten the history');
    const firstReturn = Math.min(...left.map(({ returnedAt }) => returnedAt));
    for (const [index, call] of this.#calls.entries()) {
      // Whatever was made after another had returned must come behind it.
      if (call.invokedAt > firstReturn) break;
      if (this.#isDone[index] || this.#isTooLate(call)) continue;
      if (this.#follows(call, index, model)) return true;
      // What is answered right and changes nothing can come first: if the rest does not follow now, it never does.
      if (call.isPure === true && this.#isAnswered(call, model)) return false;
    }
    return false;
  }

  /** What was never answered took effect before its time was up. */
  #isTooLate(call: Call<Model>): boolean {
    return call.outcome === undefined && this.order.some(({ invokedAt }) => invokedAt > call.returnedAt);
  }

  #isAnswered(call: Call<Model>, model: Model): boolean {
    return call.apply(this.#specification.clone(model), call.outcome) === call.outcome;
  }

  #follows(call: Call<Model>, index: number, model: Model): boolean {
    const next = this.#specification.clone(model);
    const { outcome } = call;
    if (call.apply(next, outcome) !== outcome && outcome !== undefined) return false;
    this.#isDone[index] = true;
    this.order.push(call);
    if (this.from(next)) return true;
    this.#isDone[index] = false;
    this.order.pop();
    return false;
  }
}
