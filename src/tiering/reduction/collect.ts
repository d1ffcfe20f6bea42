import type { Entry, KeyRange } from '../../kv/kv.ts';
import {
  COLLECT_ROUND_MS,
  COLLECT_ROWS,
  SEGMENT_LEADS_MAX,
  SMALL_SEGMENTS_MIN,
} from '../../limits/tiering.ts';
import type { SegmentId } from '../segment-store.ts';
import { Audit } from './audit.ts';
import { compactSegments, moveFrames, recompressSegment, type Compaction } from './compact.ts';
import { isAway } from './open-chunks.ts';
import type { ChunkParts } from './parts.ts';
import { decodeChunk, type ChunkRow } from './records.ts';
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
  /** Worth compacting, but for an index that cannot be read. */
  readonly #blind = new Set<SegmentId>();
  /** With less redundancy than new segments. */
  #weak: SegmentId[] = [];
  /** Over, but held back for newer metadata. */
  readonly #heldBack = new Set<SegmentId>();
  /** All that lies in the store was listed once. */
  #hasLooked = false;
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
    const { leads, hold } = this.#parts;
    const mayDrop = hold === undefined || hold.allows;
    if (mayDrop) {
      for (const id of this.#heldBack) leads.segment(id);
      this.#heldBack.clear();
    }
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
    // What is moved now would lie twice until the hold is over.
    if (mayDrop && ((await this.#moveWeak()) || (await this.#compact()))) return true;
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
    if (!isOver(state)) return this.#note(id, state);
    const { hold } = this.#parts;
    if (hold === undefined || hold.allows) await dropSegment(this.#parts, id);
    else if (this.#heldBack.size < SEGMENT_LEADS_MAX) this.#heldBack.add(id);
  }

  /** Sparse is what has lost frames, whatever else an image has in it: so no segment is sparse when it is made. */
  #note(id: SegmentId, { bytesLive, imageBytes, frameBytes, madeAt, isDense }: SegmentState): void {
    const { settings, segments, environment } = this.#parts;
    const { access, imageBytesMax } = segments.traits;
    // To read from a staged store costs time and money: there only empty segments go.
    if (access === 'staged' || this.#blind.has(id)) return;
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

  /** What would lose more than new segments when devices go is moved to new ones, one at a time: most are about full. */
  async #moveWeak(): Promise<boolean> {
    if (this.#weak.length === 0) this.#weak = [...(this.#parts.segments.weak?.() ?? [])];
    const id = this.#weak.shift();
    if (id === undefined) return false;
    await this.#moved([id], () => compactSegments(this.#parts, [id]));
    return true;
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

  /** What had no room moves with the next unit; nothing that cannot move is tried again before the next round. */
  async #moved(sources: readonly SegmentId[], move: () => Promise<Compaction>): Promise<void> {
    const { leads } = this.#parts;
    for (const id of sources) this.#forget(id);
    const { moved, blind } = await move().catch((failure: unknown) => {
      // What cannot be asked for now must not hold up all others: it rests until the next round.
      if (isAway(failure)) return { moved: 0, blind: [] };
      for (const id of sources) leads.segment(id);
      throw failure;
    });
    for (const id of blind) if (this.#blind.size < SEGMENT_LEADS_MAX) this.#blind.add(id);
    if (moved > 0) for (const id of sources) leads.segment(id);
  }

  /** Takes what can be read out of segments without an index, since all rows of chunks come by. */
  async #rescue(page: readonly Entry[]): Promise<void> {
    if (this.#blind.size === 0) return;
    const { imageBytesMax } = this.#parts.segments.traits;
    let rows = new Map<FingerprintText, ChunkRow>();
    let bytes = 0;
    for (const { key, value } of page) {
      const row = decodeChunk(value);
      if (row.isLost || !this.#blind.has(row.segment)) continue;
      if (bytes + row.length > imageBytesMax) {
        await this.#rescueSome(rows);
        rows = new Map();
        bytes = 0;
      }
      rows.set(fingerprintOfKey(key), row);
      bytes += row.length;
    }
    await this.#rescueSome(rows);
  }

  /** What cannot be asked for now stays where it is until the next round. */
  async #rescueSome(rows: ReadonlyMap<FingerprintText, ChunkRow>): Promise<void> {
    try {
      await moveFrames(this.#parts, rows);
    } catch (failure) {
      if (!isAway(failure)) throw failure;
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
      await this.#rescue(page);
    });
    const seeAgain = async (): Promise<boolean> => {
      this.#blind.clear();
      return false;
    };
    const tablesOnly = [chunks, seeAgain, segments];
    // First what lies in the store: it may show that the tables are too old to decide by.
    return isDue ? [this.#strays(), ...tablesOnly, () => this.#audit.step()] : tablesOnly;
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
    const { segments, kv, tables, ids, environment, tier, hold } = this.#parts;
    const before = ids.next();
    let after: SegmentId | undefined;
    return async () => {
      const page = await firstPage(segments.list(after));
      const last = page?.at(-1);
      if (page === undefined || last === undefined) {
        if (!this.#hasLooked) await hold?.looked();
        this.#hasLooked = true;
        return false;
      }
      const rows = await kv.getMany(page.map(tables.segment));
      const unnamed = page.filter((_, index) => rows[index] === undefined);
      const strays: SegmentId[] = [];
      for (const id of unnamed)
        if (((await hold?.mayForget(id)) ?? true) && ids.isOlder(id, before)) strays.push(id);
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
