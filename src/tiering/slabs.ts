import assert from 'node:assert/strict';
import { SLABS_IDLE_MAX } from '../limits.ts';
import { FRAME_BYTES } from '../workers/cipher.ts';

/** Memory of `FRAME_BYTES`, for as long as somebody holds it. */
export interface Slab {
  readonly bytes: Uint8Array;
  /** How many hold it. */
  holders: number;
}

/**
 * Memory of one size that is counted by hand and used again, so that a stream of content leaves no garbage. Who forgets to
 * let go costs one allocation, no more: the slab is then an ordinary array that the collector frees.
 */
export class Slabs {
  readonly #idle: Slab[] = [];

  /** Held by the caller. Its content is anything. */
  take(): Slab {
    const slab = this.#idle.pop() ?? { bytes: Buffer.allocUnsafeSlow(FRAME_BYTES), holders: 0 };
    assert(slab.holders === 0, 'an idle slab is held');
    slab.holders = 1;
    return slab;
  }

  hold(slab: Slab): void {
    assert(slab.holders > 0, 'nobody holds the slab: it may be something else already');
    slab.holders += 1;
  }

  letGo(slab: Slab): void {
    assert(slab.holders > 0, 'a slab is let go twice');
    slab.holders -= 1;
    if (slab.holders === 0 && this.#idle.length < SLABS_IDLE_MAX) this.#idle.push(slab);
  }
}
