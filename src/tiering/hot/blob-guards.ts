import assert from 'node:assert/strict';
import type { BlobGuard, BlobId } from '../blobs.ts';

/** A point in the order of guards and of garbage. */
export type Epoch = number & { readonly brand: 'Epoch' };

/** Something to forget when no guard made before `epoch` can still ask for it. */
interface Departed {
  readonly epoch: Epoch;
  readonly forget: () => void;
}

/**
 * Who may still read what. Whoever makes a guard first and then reads an id out of the namespace finds only blobs that
 * nobody had given up when the guard was made. So what was given up before an epoch is free when every guard from before
 * that epoch has gone or has narrowed to other ids: a grace period, without a word written per blob or read.
 */
export class BlobGuards {
  #epoch = 0 as Epoch;
  /** Guards that keep everything, by the epoch at which they were made: the first is the oldest. */
  readonly #wide = new Set<Epoch>();
  /** How many narrow guards and reads under way keep a blob. */
  readonly #pins = new Map<BlobId, number>();
  readonly #departed = new Map<BlobId, Departed>();

  /** A new epoch: later than every guard there is, earlier than every guard to come. */
  advance(): Epoch {
    return ++this.#epoch as Epoch;
  }

  guard(): BlobGuard {
    const epoch = this.advance();
    this.#wide.add(epoch);
    let pinned: readonly BlobId[] = [];
    let isReleased = false;
    return {
      narrow: (ids) => {
        assert(!isReleased, 'a released guard cannot narrow');
        const before = pinned;
        pinned = [...ids];
        for (const id of pinned) this.pin(id);
        this.#wide.delete(epoch);
        for (const id of before) this.#unpin(id);
        this.#sweep();
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#wide.delete(epoch);
        for (const id of pinned) this.#unpin(id);
        this.#sweep();
      },
    };
  }

  /** Keeps one blob until `unpin`. */
  pin(id: BlobId): void {
    this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1);
  }

  unpin(id: BlobId): void {
    this.#unpin(id);
    if (this.#departed.has(id)) this.#sweep();
  }

  /** True while a guard may still read a blob that was given up before `epoch`. */
  isKept(id: BlobId, epoch: Epoch): boolean {
    return this.#pins.has(id) || this.isGrace(epoch);
  }

  /** True while a guard from before `epoch` keeps everything. */
  isGrace(epoch: Epoch): boolean {
    const [oldest] = this.#wide;
    return oldest !== undefined && oldest < epoch;
  }

  /** Runs `forget` when nobody can read the blob any more: now, or with the end of a guard. */
  depart(id: BlobId, departed: Departed): void {
    assert(!this.#departed.has(id), `blob ${id} departs twice`);
    if (this.isKept(id, departed.epoch)) this.#departed.set(id, departed);
    else departed.forget();
  }

  isDeparted(id: BlobId): boolean {
    return this.#departed.has(id);
  }

  #unpin(id: BlobId): void {
    const count = this.#pins.get(id);
    assert(count !== undefined, `blob ${id} is not pinned`);
    if (count === 1) this.#pins.delete(id);
    else this.#pins.set(id, count - 1);
  }

  #sweep(): void {
    for (const [id, departed] of this.#departed) {
      if (this.isKept(id, departed.epoch)) continue;
      this.#departed.delete(id);
      departed.forget();
    }
  }
}
