import { COLD_GATHER_BYTES_MAX, COLD_GATHER_GAP_BYTES_MAX } from '../../limits/tiering.ts';
import type { ObjectRange } from './object-store.ts';

interface Wanted extends ObjectRange {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (cause: unknown) => void;
}

/** Several ranges and the one that covers them. */
export interface Gathered<Range extends ObjectRange> extends ObjectRange {
  readonly ranges: readonly Range[];
}

/** Ranges next to one another, with small gaps, as one; in the order of their offsets. */
export function gather<Range extends ObjectRange>(ranges: readonly Range[]): readonly Gathered<Range>[] {
  const gathered: Gathered<Range>[] = [];
  for (const range of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const last = gathered.at(-1);
    const end = range.offset + range.length;
    const isNear =
      last !== undefined &&
      range.offset <= last.offset + last.length + COLD_GATHER_GAP_BYTES_MAX &&
      end - last.offset <= COLD_GATHER_BYTES_MAX;
    if (!isNear) {
      gathered.push({ offset: range.offset, length: range.length, ranges: [range] });
      continue;
    }
    const length = Math.max(last.length, end - last.offset);
    gathered[gathered.length - 1] = { offset: last.offset, length, ranges: [...last.ranges, range] };
  }
  return gathered;
}

/**
 * Ranges of one object that are asked for in one turn of the loop become few requests: a request costs more than what lies
 * between neighbours. What is given out are views of what was read.
 */
export class RangeGathering {
  readonly #read: (key: string, range: ObjectRange) => Promise<Uint8Array>;
  readonly #wanted = new Map<string, Wanted[]>();

  constructor(read: (key: string, range: ObjectRange) => Promise<Uint8Array>) {
    this.#read = read;
  }

  read(key: string, { offset, length }: ObjectRange): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const one = { offset, length, resolve, reject };
      const others = this.#wanted.get(key);
      if (others !== undefined) {
        others.push(one);
        return;
      }
      this.#wanted.set(key, [one]);
      queueMicrotask(() => this.#send(key));
    });
  }

  #send(key: string): void {
    const wanted = this.#wanted.get(key) ?? [];
    this.#wanted.delete(key);
    for (const { offset, length, ranges } of gather(wanted)) {
      this.#read(key, { offset, length }).then(
        (bytes) => {
          for (const it of ranges)
            it.resolve(bytes.subarray(it.offset - offset, it.offset - offset + it.length));
        },
        (cause: unknown) => {
          for (const it of ranges) it.reject(cause);
        },
      );
    }
  }
}
