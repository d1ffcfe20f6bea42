import { Unanswered } from './doors.ts';

/**
 * One call of one client, as it was seen from outside. Times are places in the order of all events of the history: no two
 * are the same.
 */
export interface Call<Model> {
  readonly client: number;
  readonly name: string;
  readonly invokedAt: number;
  /** Of one that was never answered: when at the latest it took effect, if it did; Infinity where nothing tells. */
  readonly returnedAt: number;
  /** What it came to, a fault as `!code`; `undefined`: it was never answered. */
  readonly outcome: string | undefined;
  /**
   * Carries the call out on a model, which it changes, and answers what that comes to. `seen` is what the real one came
   * to: it tells what the model leaves open, such as numbers of inodes.
   */
  apply(model: Model, seen: string | undefined): string;
  /** It changes nothing, whatever it comes to. */
  readonly isPure?: boolean;
}

type Asked<Model> = Pick<Call<Model>, 'client' | 'name' | 'apply' | 'isPure'>;

/** What one call tells of several things, each of which may have been looked at in a moment of its own. */
export type Parts<Model> = readonly Pick<Call<Model>, 'name' | 'outcome' | 'apply'>[];

/** Calls in the order in which they are made and answered. */
export class History<Model> {
  readonly calls: Call<Model>[] = [];
  readonly #open = new Map<number, Asked<Model>>();
  #events = 0;

  /**
   * Runs a call and keeps it with its outcome; `undefined` when there was no answer. `partsOf` an outcome, where it has
   * any, are kept as calls without effect at the same time, in the place of the call itself.
   */
  async record(
    call: Asked<Model>,
    run: () => Promise<string>,
    partsOf: (outcome: string) => Parts<Model> | undefined = () => undefined,
  ): Promise<string | undefined> {
    const invokedAt = this.#events++;
    this.#open.set(invokedAt, call);
    let outcome: string;
    try {
      outcome = await run();
    } catch (failure) {
      if (failure instanceof Unanswered) return undefined;
      throw failure;
    }
    // An answer from before a power loss that arrives after it: nobody was there to hear it.
    if (!this.#open.delete(invokedAt)) return undefined;
    const returnedAt = this.#events++;
    const { client, isPure = false } = call;
    const parts = partsOf(outcome)?.map((part) => ({ ...part, isPure: true })) ?? [
      { ...call, isPure, outcome },
    ];
    for (const part of parts) this.calls.push({ client, invokedAt, returnedAt, ...part });
    return outcome;
  }

  /** The server has died: what was under way took effect before this moment, or never will. */
  interrupt(): void {
    const returnedAt = this.#events++;
    for (const [invokedAt, call] of this.#open)
      if (call.isPure !== true) this.calls.push({ ...call, invokedAt, returnedAt, outcome: undefined });
    this.#open.clear();
  }
}

const OUTCOME_CHARS_MAX = 100;

/** One line for each call, by the time of its invocation: what a failing test prints. */
export const historyText = (calls: readonly Call<never>[]): string =>
  calls
    .toSorted((one, other) => one.invokedAt - other.invokedAt)
    .map(
      ({ client, name, invokedAt, returnedAt, outcome }) =>
        `  client ${client}  ${String(invokedAt).padStart(3)}..${String(returnedAt).padStart(3)}  ${name} -> ${outcome?.slice(0, OUTCOME_CHARS_MAX)}`,
    )
    .join('\n');
