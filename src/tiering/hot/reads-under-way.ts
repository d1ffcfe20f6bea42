import assert from 'node:assert/strict';
import type { BlobId } from '../blobs.ts';

/** Who reads the hot copy of which blob right now. A copy that is taken away keeps its space until they have ended. */
export class ReadsUnderWay {
  readonly #counts = new Map<BlobId, number>();
  readonly #effects = new Map<BlobId, (() => void)[]>();

  begin(id: BlobId): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  end(id: BlobId): void {
    const count = this.#counts.get(id);
    assert(count !== undefined, `no read of blob ${id} is under way`);
    if (count > 1) {
      this.#counts.set(id, count - 1);
      return;
    }
    this.#counts.delete(id);
    const effects = this.#effects.get(id);
    this.#effects.delete(id);
    for (const effect of effects ?? []) effect();
  }

  /** Runs `effect` when every read that began before this call has ended: now, where there is none. */
  afterwards(id: BlobId, effect: () => void): void {
    if (!this.#counts.has(id)) effect();
    else this.#effects.set(id, [...(this.#effects.get(id) ?? []), effect]);
  }
}
