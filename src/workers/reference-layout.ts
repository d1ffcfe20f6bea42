import { ENTRY_FIXED_BYTES, SHARD_BLOCK_BYTES_MIN, TRAILER_BYTES } from './segment.ts';

/** Frames start at multiples of it. */
const alignment = 16;
/** Lengths of shards that are tried until everything fits. */
const tries = 64;

export interface Piece {
  readonly bytes: number;
  readonly headBytes: number;
}

export interface Placing {
  readonly shardBytes: number;
  readonly starts: readonly number[];
}

/** Where frames go in an image, as native/core/src/segment/layout.rs decides it. */
export class Layout {
  readonly #shardBytes: number;
  readonly #filled: number[];
  #footerBytes = TRAILER_BYTES;

  constructor(data: number, shardBytes: number) {
    this.#shardBytes = shardBytes;
    this.#filled = new Array<number>(data).fill(0);
  }

  /** The place for a frame: in the first shard that has room for all of it. Only a larger one goes over several. */
  place({ bytes, headBytes }: Piece): number | undefined {
    const footerBytes = this.#footerBytes + ENTRY_FIXED_BYTES + headBytes;
    const end = this.#filled.length * this.#shardBytes - footerBytes;
    const isCovered = this.#filled.some((filled, index) => filled > 0 && this.#cursor(index) > end);
    if (end < 0 || bytes === 0 || isCovered) return undefined;
    const index = this.#filled.findIndex((_, at) => this.#fits(at, bytes, end));
    if (index < 0) return undefined;
    const start = this.#cursor(index);
    this.#occupy(start, bytes);
    this.#footerBytes = footerBytes;
    return start;
  }

  #cursor(index: number): number {
    return index * this.#shardBytes + (this.#filled[index] ?? 0);
  }

  #fits(index: number, bytes: number, end: number): boolean {
    const start = this.#cursor(index);
    if (bytes <= this.#shardBytes) return start + bytes <= Math.min(end, (index + 1) * this.#shardBytes);
    const last = Math.floor((start + bytes - 1) / this.#shardBytes);
    const others = this.#filled.slice(index + 1, last + 1);
    return (
      (this.#filled[index] ?? 0) < this.#shardBytes &&
      start + bytes <= end &&
      others.every((filled) => filled === 0)
    );
  }

  #occupy(start: number, bytes: number): void {
    const end = Math.ceil((start + bytes) / alignment) * alignment;
    this.#filled.forEach((_, index) => {
      const from = index * this.#shardBytes;
      if (end > from && start < from + this.#shardBytes) {
        this.#filled[index] = Math.min(end - from, this.#shardBytes);
      }
    });
  }
}

/** The places of all `pieces` in the smallest image: whole in their shards, unless that makes it a quarter larger. */
export function smallestPlacing(
  data: number,
  shardBytesMax: number,
  pieces: readonly Piece[],
): Placing | undefined {
  const total = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  const largest = pieces.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  const from = Math.floor(total / data);
  const dense = firstThatFits(data, { from, to: shardBytesMax }, pieces);
  if (dense === undefined || largest <= dense.shardBytes) return dense;
  const to = Math.min(dense.shardBytes + Math.floor(dense.shardBytes / 4), shardBytesMax);
  return firstThatFits(data, { from: largest, to }, pieces) ?? dense;
}

const roundedUp = (bytes: number): number =>
  Math.max(1, Math.ceil(bytes / SHARD_BLOCK_BYTES_MIN)) * SHARD_BLOCK_BYTES_MIN;

function firstThatFits(
  data: number,
  bounds: { readonly from: number; readonly to: number },
  pieces: readonly Piece[],
): Placing | undefined {
  const from = roundedUp(bounds.from);
  const to = Math.floor(bounds.to / SHARD_BLOCK_BYTES_MIN) * SHARD_BLOCK_BYTES_MIN;
  const step = roundedUp(Math.floor(Math.max(0, to - from) / tries));
  for (let shardBytes = from; shardBytes <= to;) {
    const layout = new Layout(data, shardBytes);
    const starts = pieces.map((piece) => layout.place(piece));
    const placed = starts.filter((start) => start !== undefined);
    if (placed.length === pieces.length) return { shardBytes, starts: placed };
    shardBytes = shardBytes < to ? Math.min(shardBytes + step, to) : to + 1;
  }
  return undefined;
}
