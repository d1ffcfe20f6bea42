import { BODY_WIDE_BYTES } from '../../limits.ts';
import type { BodyBudget, Hold } from './body-budget.ts';

/** What one request may hold of the common budget. */
export class Allowance {
  readonly #budget: BodyBudget;
  readonly #peer: string;
  #wide: Hold | undefined;
  readonly #kept: Hold[] = [];

  constructor(budget: BodyBudget, peer: string) {
    this.#budget = budget;
    this.#peer = peer;
  }

  /** Whether content may be held in batches of the full size. */
  get isWide(): boolean {
    return this.#wide !== undefined;
  }

  /** Whether it now may. */
  widen(): boolean {
    this.#wide ??= this.#budget.take(this.#peer, BODY_WIDE_BYTES);
    return this.isWide;
  }

  narrow(): void {
    this.#wide?.release();
    this.#wide = undefined;
  }

  /** Whether others would find nothing left. */
  get isWanted(): boolean {
    return this.#budget.isShort(this.#peer, BODY_WIDE_BYTES);
  }

  /** Whether so many bytes more may be held until the request is over. */
  keep(bytes: number): boolean {
    const hold = this.#budget.take(this.#peer, bytes);
    if (hold !== undefined) this.#kept.push(hold);
    return hold !== undefined;
  }

  /** The request is over. */
  release(): void {
    this.narrow();
    for (const hold of this.#kept.splice(0)) hold.release();
  }
}
