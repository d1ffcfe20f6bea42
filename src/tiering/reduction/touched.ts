import { AUDIT_CHUNKS_MAX } from '../../limits/tiering.ts';
import type { FingerprintText } from './tables.ts';

/** Chunks whose references change while somebody counts them: what was counted of these says nothing. */
export class Touched {
  #chunks: Set<FingerprintText> | undefined;
  #isFull = false;

  begin(): void {
    this.#chunks = new Set();
    this.#isFull = false;
  }

  end(): void {
    this.#chunks = undefined;
  }

  /** Also by a transaction that fails. */
  add(fingerprint: FingerprintText): void {
    if (this.#chunks === undefined || this.#isFull) return;
    if (this.#chunks.size < AUDIT_CHUNKS_MAX) this.#chunks.add(fingerprint);
    else this.#isFull = true;
  }

  has(fingerprint: FingerprintText): boolean {
    return this.#isFull || this.#chunks?.has(fingerprint) !== false;
  }
}
