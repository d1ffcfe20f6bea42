import type { Entry, KeyRange } from '../../kv/kv.ts';
import {
  COLLECT_ROUND_MS,
  COLLECT_ROWS,
  SEGMENT_LEADS_MAX,
  SMALL_SEGMENTS_MIN,
} from '../../limits/tiering.ts';
import { Fault } from '../../fault.ts';
import type { SegmentId } from '../segment-store.ts';
import { Audit } from './audit.ts';
import { compactSegments, recompressSegment } from './compact.ts';
import type { ChunkParts } from './parts.ts';
import { dropSegment, segmentStates, sweepChunks, type SegmentState } from './sweep.ts';
import { fingerprintOfKey, segmentOfKey, type FingerprintText } from './tables.ts';

/** One unit; false at the end of its part of a round. */
type RoundStep = () => Promise<boolean>;

/**
 * Finds what nothing names any more: by leads of this process at once, by rounds over all tables what leads miss (those of
 * earlier processes, and segments that lie in the store without a row). One unit at a time.
 */
export class Collector {
  readonly #parts: ChunkParts;
  readonly #audit: Audit;
  /** So small that several make one. */
  readonly #small = new Set<SegmentId>();
  readonly #sparse = new Set<SegmentId>();
  readonly #old = new Set<SegmentId>();
  #round: readonly RoundStep[] = [];
  #roundEndedAt: number | undefined;
  #collecting: Promise<boolean> | undefined;

  constructor(parts: ChunkParts) {
    this.#parts = parts;
    this.#audit = new Audit(parts);
  }

  /** Concurrent calls share a unit. */
  collect(): Promise<boolean> {
    this.#collecting ??= this.#collect().finally(() => (this.#collecting = undefined));
    return this.#collecting;
  }

  async #collect(): Promise<boolean> {
    const { leads } = this.#parts;
    const dead = leads.takeChunks(COLLECT_ROWS);
    if (dead.length > 0)
      return this.#restoring(
        dead,
        (it) => leads.chunk(it),
        () => this.#sweep(dead),
      );
    const [segment] = leads.takeSegments(1);
    if (segment !== undefined) {
      return this.#restoring(
        [segment],
        (it) => leads.segment(it),
        () => this.#look(segment),
      );
    }
    if (await this.#compact()) return true;
    return this.#goRound();
  }

  /** What could not be done stays to be done. */
  async #restoring<Item>(
    items: readonly Item[],
    restore: (item: Item) => void,
    work: () => Promise<unknown>,
  ): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (failure) {
      items.forEach(restore);
      throw failure;
    }
  }

  #sweep(fingerprints: readonly FingerprintText[]): Promise<number> {
    return sweepChunks(this.#parts, fingerprints);
  }

  /** Decides what becomes of a segment. */
  async #look(id: SegmentId): Promise<void> {
    this.#forget(id);
    if (this.#parts.open.has(id)) return;
    const state = (await segmentStates(this.#parts, [id])).get(id);
    if (state === undefined) return;
    if (isOver(state)) await dropSegment(this.#parts, id);
    else this.#note(id, state);
  }

  /** Sparse is what has lost frames, whatever else an image has in it: so no segment is sparse when it is made. */
  #note(id: SegmentId, { bytesLive, imageBytes, frameBytes, madeAt, isDense }: SegmentState): void {
    const { settings, segments, environment } = this.#parts;
    const { access, imageBytesMax } = segments.traits;
    // To read from a staged store costs time and money: there only empty segments go.
    if (access === 'staged') return;
    if (bytesLive < frameBytes * settings.sparseShare) this.#sparse.add(id);
    else if (imageBytes <= imageBytesMax / SMALL_SEGMENTS_MIN) this.#small.add(id);
    else if (settings.background !== undefined && !isDense) {
      const { afterSeconds } = settings.background;
      const { clock } = environment;
      const readAt = this.#parts.reads.find(id);
      const isQuiet = readAt === undefined || clock.monotonic() - readAt >= 1000 * afterSeconds;
      if (isQuiet && clock.wall().seconds - madeAt >= afterSeconds) this.#old.add(id);
    }
    for (const waiting of [this.#sparse, this.#small, this.#old]) {
      const [oldest] = waiting;
      if (waiting.size > SEGMENT_LEADS_MAX && oldest !== undefined) waiting.delete(oldest);
    }
  }

  #forget(id: SegmentId): void {
    this.#sparse.delete(id);
    this.#small.delete(id);
    this.#old.delete(id);
  }

  async #compact(): Promise<boolean> {
    const sources = this.#sources();
    if (sources.length > 0) {
      await this.#moved(sources, () => compactSegments(this.#parts, sources));
      return true;
    }
    const { background } = this.#parts.settings;
    const [old] = this.#old;
    if (old === undefined || background === undefined) return false;
    await this.#moved([old], () => recompressSegment(this.#parts, old, background.level));
    return true;
  }

  /** Segments to make one of: sparse ones, with small ones to fill it; or many small ones. */
  #sources(): readonly SegmentId[] {
    if (this.#sparse.size === 0 && this.#small.size < SMALL_SEGMENTS_MIN) return [];
    return [...this.#sparse, ...this.#small].slice(0, 2 * SMALL_SEGMENTS_MIN);
  }

  /** A segment that cannot be read stays as it is until the next round: its chunks are lost or will be healed. */
  async #moved(sources: readonly SegmentId[], move: () => Promise<number>): Promise<void> {
    for (const id of sources) this.#forget(id);
    try {
      await move();
    } catch (failure) {
      const isDamaged =
        failure instanceof Fault && (failure.code === 'corrupt' || failure.code === 'not-found');
      if (!isDamaged) {
        for (const id of sources) this.#parts.leads.segment(id);
        throw failure;
      }
      const { environment, tier } = this.#parts;
      environment.log.warn('a segment could not be compacted', { tier, segments: sources, failure });
    }
  }

  async #goRound(): Promise<boolean> {
    const { leads, environment } = this.#parts;
    const now = environment.clock.monotonic();
    if (this.#round.length === 0) {
      const isDue = this.#roundEndedAt === undefined || now - this.#roundEndedAt >= COLLECT_ROUND_MS;
      if (!leads.isIncomplete && !isDue) return false;
      leads.roundBegins();
      this.#round = this.#roundSteps(isDue);
    }
    const [step] = this.#round;
    if (step !== undefined && !(await step())) this.#round = this.#round.slice(1);
    if (this.#round.length === 0) this.#roundEndedAt = now;
    return true;
  }

  /** What leads miss is in the tables; the store itself and the counts are compared less often. */
  #roundSteps(isDue: boolean): readonly RoundStep[] {
    const { tables, leads } = this.#parts;
    const segments = this.#pages(tables.segments(undefined), async (page) => {
      const ids = page.map(({ key }) => segmentOfKey(key));
      for (const [id, state] of await segmentStates(this.#parts, ids)) {
        if (isOver(state)) leads.segment(id);
        else this.#note(id, state);
      }
    });
    const chunks = this.#pages(tables.chunks(undefined), async (page) => {
      await this.#sweep(page.map(({ key }) => fingerprintOfKey(key)));
    });
    return isDue ? [chunks, segments, this.#strays(), () => this.#audit.step()] : [chunks, segments];
  }

  #pages(range: KeyRange, work: (page: readonly Entry[]) => Promise<void>): RoundStep {
    let { start } = range;
    return async () => {
      const page = await firstPage(this.#parts.kv.scan({ ...range, start }, { pageEntries: COLLECT_ROWS }));
      const last = page?.at(-1);
      if (page === undefined || last === undefined) return false;
      await work(page);
      start = Buffer.concat([last.key, Uint8Array.of(0)]);
      return true;
    };
  }

  /** Segments in the store that no row knows: deletions that a device or a bucket has missed. */
  #strays(): RoundStep {
    const { segments, kv, tables, ids, environment, tier } = this.#parts;
    const before = ids.next();
    let after: SegmentId | undefined;
    return async () => {
      const page = await firstPage(segments.list(after));
      const last = page?.at(-1);
      if (page === undefined || last === undefined) return false;
      const rows = await kv.getMany(page.map(tables.segment));
      const strays = page.filter((id, index) => rows[index] === undefined && ids.isOlder(id, before));
      for (const id of strays) await segments.delete(id);
      if (strays.length > 0)
        environment.log.info('segments without a row deleted', { tier, segments: strays });
      after = last;
      return true;
    };
  }
}

/** Nothing is in it, or nothing will be. */
const isOver = ({ state, bytesLive }: SegmentState): boolean => state !== 'sealed' || bytesLive === 0;

async function firstPage<Page>(pages: AsyncIterable<Page>): Promise<Page | undefined> {
  for await (const page of pages) return page;
  return undefined;
}
