import { CLEAN_COPIES_MAX, CLEAN_GHOSTS_MAX, CLEAN_REUSES_MAX } from '../limits/tiering.ts';
import type { BlobId } from './blobs.ts';
import { FrameQueue, type Queued } from './frame-queue.ts';

interface CleanCopy extends Queued {
  readonly id: BlobId;
  /** How often it was read since it was looked at last. */
  reuses: number;
  /** Left the tier by another way; its queue meets it later. */
  isGone: boolean;
}

/** Share of all clean copies that those may have which nobody has read here yet. */
const PROBATION_SHARE = 0.1;

/**
 * Hot copies whose blob has another one in a lower tier: the read cache. Which of them to drop is decided by S3-FIFO (Yang
 * et al., SOSP 2023): a short queue for what is new, a long one for what was read again there or soon after it had left,
 * and the names of what has left. In memory, and so known only since the start: the rest is found by looking through the
 * table of blobs.
 */
export class CleanCopies {
  readonly #copiesMax: number;
  readonly #copies = new Map<BlobId, CleanCopy>();
  readonly #probation = new FrameQueue<CleanCopy>();
  readonly #main = new FrameQueue<CleanCopy>();
  readonly #ghosts = new Set<BlobId>();
  #bytes = 0;

  constructor(copiesMax = CLEAN_COPIES_MAX) {
    this.#copiesMax = copiesMax;
  }

  /** Of device space. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When there is no room for it, it is found again by looking through the table. */
  add(id: BlobId, bytesTaken: number): void {
    if (bytesTaken === 0 || this.#copies.has(id) || this.#copies.size >= this.#copiesMax) return;
    const copy: CleanCopy = { id, weight: bytesTaken, next: undefined, reuses: 0, isGone: false };
    this.#copies.set(id, copy);
    this.#bytes += bytesTaken;
    (this.#ghosts.delete(id) ? this.#main : this.#probation).add(copy);
  }

  /** Somebody has read it. */
  touch(id: BlobId): void {
    const copy = this.#copies.get(id);
    if (copy !== undefined && copy.reuses < CLEAN_REUSES_MAX) copy.reuses += 1;
  }

  /** It is no clean copy any more. */
  forget(id: BlobId): void {
    const copy = this.#copies.get(id);
    if (copy === undefined) return;
    copy.isGone = true;
    this.#copies.delete(id);
    this.#bytes -= copy.weight;
  }

  /** The one to drop next, which is forgotten; `undefined` when there is none. */
  take(): BlobId | undefined {
    // Each turn takes a member out or lowers its reuses: they are bounded.
    while (this.#probation.weight + this.#main.weight > 0) {
      const isProbationFull = this.#probation.weight > this.#bytes * PROBATION_SHARE;
      const isNew = this.#probation.weight > 0 && (isProbationFull || this.#main.weight === 0);
      const copy = isNew ? this.#probation.take() : this.#main.take();
      if (copy === undefined || copy.isGone) continue;
      if (copy.reuses > 0) {
        copy.reuses = isNew ? 0 : copy.reuses - 1;
        this.#main.add(copy);
        continue;
      }
      this.forget(copy.id);
      if (isNew) this.#remember(copy.id);
      return copy.id;
    }
    return undefined;
  }

  #remember(id: BlobId): void {
    this.#ghosts.add(id);
    if (this.#ghosts.size <= CLEAN_GHOSTS_MAX) return;
    const oldest = this.#ghosts.values().next();
    if (oldest.done !== true) this.#ghosts.delete(oldest.value);
  }
}
