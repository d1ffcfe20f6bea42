import {
  READ_AHEAD_BYTES_MAX,
  READ_AHEAD_BYTES_MIN,
  READ_AHEAD_FILES_MAX,
  READ_AHEAD_TOTAL_BYTES_MAX,
} from '../limits.ts';
import type { Range } from './extents.ts';
import type { Ino } from './namespace.ts';

/** Where a reader of one file is. In bytes of the file. */
interface Stream {
  /** Behind the furthest read that continued the stream. */
  next: number;
  /** Up to here content was asked for ahead of its reader. */
  ahead: number;
  /** How far to be ahead; 0 until the second read in a row. */
  window: number;
}

/** A client has several reads under way, which do not arrive in order. */
const isNear = (stream: Stream, offset: number): boolean =>
  Math.abs(offset - stream.next) <= READ_AHEAD_BYTES_MAX;

/**
 * Which files are read from front to back, and what to bring into memory before it is asked for. Remembers one stream of
 * each of the files that were read last; the distance doubles while a stream goes on.
 */
export class ReadAhead {
  readonly #streams = new Map<Ino, Stream>();
  readonly #running = new Set<Promise<unknown>>();
  #bytesRunning = 0;

  /** What to bring now that `range` is being read; `undefined`: nothing. */
  wanted(ino: Ino, { start, end }: Range, size: number): Range | undefined {
    const stream = this.#streams.get(ino);
    if (stream === undefined || !isNear(stream, start)) {
      // Who begins at the beginning mostly goes on to the end.
      const window = start === 0 ? READ_AHEAD_BYTES_MIN : 0;
      this.#remember(ino, { next: end, ahead: end, window });
      return undefined;
    }
    const hasAdvanced = end > stream.next;
    stream.next = Math.max(stream.next, end);
    if (!hasAdvanced) return undefined;
    if (stream.window === 0) stream.window = READ_AHEAD_BYTES_MIN;
    if (stream.ahead - stream.next > stream.window / 2) return undefined;
    const from = Math.max(stream.ahead, stream.next);
    const until = Math.min(size, stream.next + stream.window);
    stream.window = Math.min(2 * stream.window, READ_AHEAD_BYTES_MAX);
    if (from >= until || this.#bytesRunning + until - from > READ_AHEAD_TOTAL_BYTES_MAX) return undefined;
    stream.ahead = until;
    return { start: from, end: until };
  }

  /** Runs `bring` for a range beside everything else. A failure is met again by the read that needs the content. */
  run({ start, end }: Range, bring: () => Promise<unknown>): void {
    this.#bytesRunning += end - start;
    const running = bring()
      .catch(() => undefined)
      .finally(() => {
        this.#bytesRunning -= end - start;
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  #remember(ino: Ino, stream: Stream): void {
    this.#streams.delete(ino);
    this.#streams.set(ino, stream);
    if (this.#streams.size <= READ_AHEAD_FILES_MAX) return;
    const oldest = this.#streams.keys().next();
    if (oldest.done !== true) this.#streams.delete(oldest.value);
  }
}
