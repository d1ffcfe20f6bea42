import assert from 'node:assert/strict';
import { BODY_GIVEN_WAY_BYTES, BODY_WIDE_BYTES } from '../../limits/s3.ts';
import type { BodyBudget, BodyClaim } from './body-budget.ts';

/** What one request holds of the common budget. */
export class Allowance {
  readonly #budget: BodyBudget;
  readonly #content: BodyClaim;
  readonly #document: BodyClaim;
  #contentBytes = 0;
  /** Of the budget, when this one became wide. */
  #refusalsBefore = 0;
  /** It gave way, and stays narrow while more than this is left. */
  #narrowAbove = Infinity;
  #documentBytes = 0;
  #isOver = false;

  constructor(budget: BodyBudget, peer: string) {
    this.#budget = budget;
    this.#content = { peer, purpose: 'content' };
    this.#document = { peer, purpose: 'document' };
  }

  /** Whether content may be held in batches of the full size. */
  get isWide(): boolean {
    return this.#contentBytes > 0;
  }

  /** Whether it now may, where `contentBytes` are still to come or to go: more than those it never holds. */
  widen(contentBytes: number): boolean {
    if (this.isWide) return true;
    const bytes = Math.min(contentBytes, BODY_WIDE_BYTES);
    if (this.#isOver || contentBytes > this.#narrowAbove) return false;
    if (!this.#budget.take(this.#content, bytes)) return false;
    this.#contentBytes = bytes;
    this.#refusalsBefore = this.#budget.refusals;
    return true;
  }

  /** Leaves the room to others, with so many bytes still to come or to go, and takes none for a while. */
  giveWay(contentBytes: number): void {
    this.narrow(0);
    this.#narrowAbove = contentBytes - BODY_GIVEN_WAY_BYTES;
  }

  /** Content holds no more than so much from now on. */
  narrow(bytesMax: number): void {
    const spare = this.#contentBytes - bytesMax;
    if (spare <= 0) return;
    this.#contentBytes = bytesMax;
    this.#budget.giveBack(this.#content.peer, spare);
  }

  /** Whether this one is wide, others have found no room since, and would find none now. */
  get isWanted(): boolean {
    if (!this.isWide || this.#budget.refusals === this.#refusalsBefore) return false;
    return this.#budget.isShort(this.#content, BODY_WIDE_BYTES);
  }

  /** Whether so many bytes more may be held until the request is over. */
  keep(bytes: number): boolean {
    assert(!this.#isOver, 'a request that is over keeps nothing');
    const isTaken = this.#budget.take(this.#document, bytes);
    if (isTaken) this.#documentBytes += bytes;
    return isTaken;
  }

  /** The request is over. What its client still sends is nobody’s: it takes no room any more. */
  release(): void {
    this.#isOver = true;
    this.narrow(0);
    this.#budget.giveBack(this.#document.peer, this.#documentBytes);
    this.#documentBytes = 0;
  }
}
