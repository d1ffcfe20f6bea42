import { DEAD_CHUNKS_MAX, SEGMENT_LEADS_MAX } from '../../limits/tiering.ts';
import type { SegmentId } from '../segment-store.ts';
import type { FingerprintText } from './tables.ts';

/**
 * What the collector should look at, as far as this process knows: chunks whose last reference has gone, segments that have
 * lost chunks or were left unfinished. Only leads: rows decide. What is too much is found by the next round over all tables.
 */
export class Leads {
  readonly #chunks = new Set<FingerprintText>();
  readonly #segments = new Set<SegmentId>();
  #isIncomplete = true;

  /** True until a round over all tables begins: at the start nothing is known. */
  get isIncomplete(): boolean {
    return this.#isIncomplete;
  }

  roundBegins(): void {
    this.#isIncomplete = false;
  }

  chunk(fingerprint: FingerprintText): void {
    if (this.#chunks.size < DEAD_CHUNKS_MAX) this.#chunks.add(fingerprint);
    else this.#isIncomplete = true;
  }

  segment(id: SegmentId): void {
    if (this.#segments.size < SEGMENT_LEADS_MAX) this.#segments.add(id);
    else this.#isIncomplete = true;
  }

  takeChunks(count: number): readonly FingerprintText[] {
    return take(this.#chunks, count);
  }

  takeSegments(count: number): readonly SegmentId[] {
    return take(this.#segments, count);
  }
}

function take<Item>(from: Set<Item>, count: number): readonly Item[] {
  const taken = [...from].slice(0, count);
  for (const item of taken) from.delete(item);
  return taken;
}
