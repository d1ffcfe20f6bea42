/**
 * Lets callers share the runs of a piece of work: one run at a time, and each caller gets one that begins after the call. Those
 * who come while one is under way share the one that follows it.
 */
export class SharedRuns {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Also between a run and the one that follows it. */
  isBusy(): boolean {
    return this.#running !== undefined;
  }

  /** Faults: those of the run that the caller shares. */
  run(): Promise<void> {
    if (this.#running === undefined) return this.#start();
    this.#following ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#following = undefined;
        return this.#start();
      });
    return this.#following;
  }

  #start(): Promise<void> {
    this.#running = this.#work().finally(() => {
      // Who follows begins a few turns later; a caller in between shares that run, or two would be under way.
      if (this.#following === undefined) this.#running = undefined;
    });
    return this.#running;
  }
}
