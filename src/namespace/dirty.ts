import assert from 'node:assert/strict';
import { DIRTY_RANGE_OVERHEAD_BYTES } from '../limits.ts';

/** Bytes of a file that are written but have no blob yet. The bytes are never changed in place. */
export interface DirtyRange {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const endOf = (range: DirtyRange): number => range.offset + range.bytes.length;

/** What is left of a long buffer must not keep all its memory. */
export const withoutRest = (bytes: Uint8Array): Uint8Array =>
  bytes.length < bytes.buffer.byteLength / 2 ? Uint8Array.prototype.slice.call(bytes) : bytes;

/** What of `range` lies outside [start, end): none, one or two pieces. */
function outside(range: DirtyRange, start: number, end: number): readonly DirtyRange[] {
  const pieces: DirtyRange[] = [];
  if (range.offset < start) {
    pieces.push({ offset: range.offset, bytes: withoutRest(range.bytes.subarray(0, start - range.offset)) });
  }
  if (endOf(range) > end) {
    const skipped = Math.max(0, end - range.offset);
    pieces.push({ offset: range.offset + skipped, bytes: withoutRest(range.bytes.subarray(skipped)) });
  }
  return pieces;
}

/** An ordered set of ranges without overlap; a later write covers an earlier one. */
export class DirtyRanges {
  #ranges: DirtyRange[] = [];
  #bytes = 0;

  /** Sum of the lengths. */
  bytes(): number {
    return this.#bytes;
  }

  /** What they take of the memory: many short ones are more than their bytes. */
  weight(): number {
    return this.#bytes + this.#ranges.length * DIRTY_RANGE_OVERHEAD_BYTES;
  }

  all(): readonly DirtyRange[] {
    return this.#ranges;
  }

  /** As they are now; the bytes are shared, for they never change. */
  copy(): DirtyRanges {
    const copy = new DirtyRanges();
    copy.#ranges = [...this.#ranges];
    copy.#bytes = this.#bytes;
    return copy;
  }

  write(offset: number, bytes: Uint8Array): void {
    assert(bytes.length > 0);
    const fresh = { offset, bytes };
    const last = this.#ranges.at(-1);
    if (last === undefined || endOf(last) <= offset) {
      this.#ranges.push(fresh);
      this.#bytes += bytes.length;
      return;
    }
    const end = offset + bytes.length;
    const first = this.#firstEndingAfter(offset);
    let behind = first;
    const pieces: DirtyRange[] = [];
    for (let range = this.#ranges[behind]; range !== undefined && range.offset < end;) {
      pieces.push(...outside(range, offset, end));
      this.#bytes -= range.bytes.length;
      behind += 1;
      range = this.#ranges[behind];
    }
    pieces.push(fresh);
    pieces.sort((one, other) => one.offset - other.offset);
    this.#ranges.splice(first, behind - first, ...pieces);
    for (const piece of pieces) this.#bytes += piece.bytes.length;
  }

  /** The parts of ranges that lie in [start, end), ascending; views. */
  within(start: number, end: number): readonly DirtyRange[] {
    const found: DirtyRange[] = [];
    if (start >= end) return found;
    for (let index = this.#firstEndingAfter(start); index < this.#ranges.length; index += 1) {
      const range = this.#ranges[index];
      if (range === undefined || range.offset >= end) break;
      const from = Math.max(start, range.offset);
      found.push({ offset: from, bytes: range.bytes.subarray(from - range.offset, end - range.offset) });
    }
    return found;
  }

  /** Index of the first range whose end lies behind `offset`. */
  #firstEndingAfter(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = this.#ranges[middle];
      if (range !== undefined && endOf(range) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Neighbouring ranges joined to runs: each starts where the one before has not ended. */
export function runsOf(ranges: readonly DirtyRange[]): readonly { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = [];
  for (const range of ranges) {
    const last = runs.at(-1);
    if (last !== undefined && last.end === range.offset) last.end = endOf(range);
    else runs.push({ start: range.offset, end: endOf(range) });
  }
  return runs;
}
