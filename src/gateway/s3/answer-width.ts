import { BODY_GIVEN_WAY_BYTES, BODY_NARROW_BYTES } from '../../limits/s3.ts';
import type { Allowance } from './allowance.ts';

/**
 * How far ahead the content of an answer is read. It holds no more of the common budget than is still to be sent, and when others
 * find nothing left it gives way to them for a while.
 */
export class AnswerWidth {
  readonly #allowance: Allowance;
  /** It stays narrow while more than this is left. */
  #narrowAbove = Infinity;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  /** To be asked before each piece, with what is left to be sent. */
  aheadBytesMax(leftBytes: number): number {
    if (this.#allowance.isWide) return this.#whileWide(leftBytes);
    const isEnough = leftBytes <= BODY_NARROW_BYTES || leftBytes > this.#narrowAbove;
    return !isEnough && this.#allowance.widen(leftBytes) ? Infinity : BODY_NARROW_BYTES;
  }

  #whileWide(leftBytes: number): number {
    if (leftBytes > BODY_NARROW_BYTES && this.#allowance.isWanted) {
      this.#allowance.narrow(0);
      this.#narrowAbove = leftBytes - BODY_GIVEN_WAY_BYTES;
      return BODY_NARROW_BYTES;
    }
    this.#allowance.narrow(leftBytes);
    return Infinity;
  }
}
