/**
 * One call of one client, as it was seen from outside. Times are places in the order of all events of the history: no two
 * are the same.
 */
export interface Call<Model> {
  readonly client: number;
  readonly name: string;
  readonly invokedAt: number;
  /** Infinity: it was never answered, and may have taken effect or not. */
  readonly returnedAt: number;
  /** What it came to, a fault as `!code`; `undefined`: it was never answered. */
  readonly outcome: string | undefined;
  /**
   * Carries the call out on a model, which it changes, and answers what that comes to. `seen` is what the real one came
   * to: it tells what the model leaves open, such as numbers of inodes.
   */
  apply(model: Model, seen: string | undefined): string;
}

/** Calls in the order in which they are made and answered. */
export class History<Model> {
  readonly calls: Call<Model>[] = [];
  #events = 0;

  /** Runs a call and keeps it with its outcome; one that throws something unexpected is not kept. */
  async record(
    call: Pick<Call<Model>, 'client' | 'name' | 'apply'>,
    run: () => Promise<string>,
  ): Promise<string> {
    const invokedAt = this.#events++;
    const outcome = await run();
    this.calls.push({ ...call, invokedAt, returnedAt: this.#events++, outcome });
    return outcome;
  }
}

/** One line for each call, by the time of its invocation: what a failing test prints. */
export const historyText = (calls: readonly Call<never>[]): string =>
  calls
    .toSorted((one, other) => one.invokedAt - other.invokedAt)
    .map(
      ({ client, name, invokedAt, returnedAt, outcome }) =>
        `  client ${client}  ${String(invokedAt).padStart(3)}..${String(returnedAt).padStart(3)}  ${name} -> ${outcome}`,
    )
    .join('\n');
