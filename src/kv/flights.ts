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

interface Flight extends Commit {
  basis: Commit | undefined;
  hasArrived: boolean;
  readonly resolve: () => void;
  readonly reject: (failure: Fault) => void;
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
    const flight = flightOf(ticket);
    this.#queue.push(flight);
    this.#bytes += ticket.bytes;
    void this.#fly(flight, write);
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

  async #fly(flight: Flight, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (cause) {
      this.#stop(cause);
      return;
    }
    flight.hasArrived = true;
    this.#land();
  }

  #land(): void {
    let count = 0;
    for (const flight of this.#queue) {
      if (!flight.hasArrived) break;
      flight.hasLanded = true;
      this.#bytes -= flight.bytes;
      flight.resolve();
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
    for (const flight of this.#queue.splice(0)) flight.reject(this.#failure);
    this.#bytes = 0;
    this.#options.stopped(cause);
  }
}

function flightOf(ticket: Ticket): Flight {
  let resolve: () => void = () => undefined;
  let reject: (failure: Fault) => void = () => undefined;
  const landing = new Promise<void>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  // Nobody may be waiting: a buffered commit has been acknowledged already.
  landing.catch(() => undefined);
  const { sequence, bytes } = ticket;
  const basis = ticket.basis === 'itself' ? undefined : ticket.basis;
  const flight: Flight = {
    sequence,
    bytes,
    basis,
    landing,
    hasLanded: false,
    hasArrived: false,
    resolve,
    reject,
  };
  if (ticket.basis === 'itself') flight.basis = flight;
  return flight;
}
