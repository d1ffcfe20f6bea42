import assert from 'node:assert/strict';
import type { SegmentId } from '../segment-store.ts';

/**
 * Segments that this process has made and that may still get chunks, by how many want that: nobody takes them for orphans
 * or for empty ones. A segment that nobody wants any more is handed to `left`.
 */
export class OpenSegments {
  readonly #pins = new Map<SegmentId, number>();
  readonly #left: (id: SegmentId) => void;

  constructor(left: (id: SegmentId) => void) {
    this.#left = left;
  }

  /** Before a row names it. */
  pin(id: SegmentId): void {
    this.#pins.set(id, (this.#pins.get(id) ?? 0) + 1);
  }

  unpin(id: SegmentId): void {
    const pins = this.#pins.get(id);
    assert(pins !== undefined, `segment ${id} is not open`);
    if (pins > 1) {
      this.#pins.set(id, pins - 1);
      return;
    }
    this.#pins.delete(id);
    this.#left(id);
  }

  has(id: SegmentId): boolean {
    return this.#pins.has(id);
  }
}
