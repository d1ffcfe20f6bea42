import { Fault } from '../fault.ts';
import type { Commit } from './history.ts';

export interface FlightsOptions {
  /** After one or more commits have landed. */
  readonly landed: () => void;
  readonly stopped: (cause: unknown) => void;
}

export interface Ticket {
  readonly sequence: number;
  readonly bytes: number;
  /** A durable commit is its own basis. */
  readonly basis: Commit | 'itself' | undefined;
}

class Flight implements Commit {
  readonly sequence: number;
  readonly bytes: number;
  readonly basis: Commit | undefined;
  hasLanded = false;
  hasArrived = false;
  #failure: Fault | undefined;
  #landing: Promise<void> | undefined;
  #resolve: (() => void) | undefined;
  #reject: ((failure: Fault) => void) | undefined;

  constructor({ sequence, bytes, basis }: Ticket) {
    this.sequence = sequence;
    this.bytes = bytes;
    this.basis = basis === 'itself' ? this : basis;
  }

  /** Made when somebody asks: nobody may be waiting, as for a buffered commit, which has been acknowledged already. */
  get landing(): Promise<void> {
    return (this.#landing ??= this.#wait());
  }

  land(): void {
    this.hasLanded = true;
    this.#resolve?.();
  }

  fail(failure: Fault): void {
    this.#failure = failure;
    this.#reject?.(failure);
  }

  #wait(): Promise<void> {
    if (this.hasLanded) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }
}

/**
 * Commits on their way to the engine. They land in the order in which they were made. A write that fails stops the
 * store for good: what the engine holds then is unknown, so nothing after it may be acknowledged.
 */
export class Flights {
  readonly #options: FlightsOptions;
  readonly #queue: Flight[] = [];
  #bytes = 0;
  #failure: Fault | undefined;

  constructor(options: FlightsOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldest(): Commit | undefined {
    return this.#queue[0];
  }

  get hasStopped(): boolean {
    return this.#failure !== undefined;
  }

  checkRunning(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Calls `write` before it returns, so that the order of the calls is the order of the commits. */
  launch(ticket: Ticket, write: () => Promise<void>): Commit {
    const flight = new Flight(ticket);
    this.#queue.push(flight);
    this.#bytes += ticket.bytes;
    const arrived = (): void => {
      flight.hasArrived = true;
      this.#land();
    };
    try {
      write().then(arrived, (cause: unknown) => this.#stop(cause));
    } catch (cause) {
      this.#stop(cause);
    }
    return flight;
  }

  /** Resolves when everything launched before the call is durable. */
  async sync(sync: () => Promise<void>): Promise<void> {
    this.checkRunning();
    try {
      await sync();
    } catch (cause) {
      this.#stop(cause);
    }
    this.checkRunning();
  }

  #land(): void {
    let count = 0;
    for (const flight of this.#queue) {
      if (!flight.hasArrived) break;
      this.#bytes -= flight.bytes;
      flight.land();
      count += 1;
    }
    if (count === 0) return;
    this.#queue.splice(0, count);
    this.#options.landed();
  }

  #stop(cause: unknown): void {
    if (this.#failure !== undefined) return;
    const detail = cause instanceof Error ? cause.message : String(cause);
    this.#failure = new Fault('unavailable', 'store', `stopped after a failed write: ${detail}`, { cause });
    for (const flight of this.#queue.splice(0)) flight.fail(this.#failure);
    this.#bytes = 0;
    this.#options.stopped(cause);
  }
}
