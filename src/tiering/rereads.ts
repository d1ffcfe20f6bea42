import { PROMOTIONS_WAITING_MAX, REREAD_BLOBS_MAX } from '../limits/tiering.ts';
import type { BlobId } from './blobs.ts';

/**
 * Which blobs of lower tiers deserve a hot copy: those of which the same bytes were read again within the memory of this.
 * A pass from front to back, however small its steps, is one read, so that scans promote nothing.
 */
export class Rereads {
  readonly #blobsMax: number;
  /** How far each was read in this pass; in the order in which they were read last. */
  readonly #readTo = new Map<BlobId, number>();
  /** Where each was read again. */
  readonly #waiting = new Map<BlobId, number>();

  constructor(blobsMax = REREAD_BLOBS_MAX) {
    this.#blobsMax = blobsMax;
  }

  /** Bytes of a blob were read from a lower tier. True when it now waits to be promoted. */
  read(id: BlobId, offset: number, length: number): boolean {
    const readTo = this.#readTo.get(id);
    this.#readTo.delete(id);
    if (readTo !== undefined && offset < readTo && length > 0) {
      if (this.#waiting.size < PROMOTIONS_WAITING_MAX) this.#waiting.set(id, offset);
      return this.#waiting.has(id);
    }
    this.#readTo.set(id, offset + length);
    if (this.#readTo.size > this.#blobsMax) {
      const oldest = this.#readTo.keys().next();
      if (oldest.done !== true) this.#readTo.delete(oldest.value);
    }
    return false;
  }

  /** Some that wait, which then do not any more. */
  take(countMax: number): readonly { readonly id: BlobId; readonly offset: number }[] {
    const taken = [...this.#waiting].slice(0, countMax).map(([id, offset]) => ({ id, offset }));
    for (const { id } of taken) this.#waiting.delete(id);
    return taken;
  }
}
