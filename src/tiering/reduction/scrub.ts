import type { Entry, KeyRange } from '../../kv/kv.ts';
import { COLLECT_ROWS, SCRUB_CHUNKS, SCRUB_DAMAGED_MAX, SCRUB_SKIPPED_MAX } from '../../limits/tiering.ts';
import type { Fault } from '../../fault.ts';
import type { BlobId } from '../blobs.ts';
import type { SegmentId } from '../segment-store.ts';
import type { ScrubStep } from './chunk-store.ts';
import { isSound, markLost, readChunkRows, readWithBases, withBases } from './chunk-rows.ts';
import { isAway, isGone, openChunks, type Opened } from './open-chunks.ts';
import type { ChunkParts } from './parts.ts';
import { decodeChunk, decodeRecipe, decodeSegment, distinctOf, type ChunkRow } from './records.ts';
import {
  blobOfRecipeKey,
  fingerprintOfKey,
  segmentIdOf,
  segmentBytesOf,
  segmentOfKey,
  type FingerprintText,
} from './tables.ts';

const nothing: ScrubStep = { checked: 0, corrupt: 0, healed: 0, isWhole: true, lost: [], unknown: 0 };
const gone: ScrubStep = { ...nothing, checked: 1, corrupt: 1, isWhole: false };

/** Where a round over damage is: first every chunk in a damaged segment is tried, then recipes are asked for those that are lost. */
interface Damage {
  readonly table: 'chunks' | 'recipes';
  readonly range: KeyRange;
}

/**
 * Goes over all segments in the order of their ids, by a cursor in a row. Where some are not whole, it then finds the chunks that
 * are lost, and the blobs: one pass over each table for all of them, a page a step.
 */
export class Scrubber {
  readonly #parts: ChunkParts;
  readonly #damaged = new Set<SegmentId>();
  #damage: Damage | undefined;
  #skippedInRow = 0;
  #scrubbing: Promise<ScrubStep | undefined> | undefined;

  constructor(parts: ChunkParts) {
    this.#parts = parts;
  }

  /** Concurrent calls share a step. */
  scrub(): Promise<ScrubStep | undefined> {
    this.#scrubbing ??= this.#scrub().finally(() => (this.#scrubbing = undefined));
    return this.#scrubbing;
  }

  /** After the step under way, if there is one. */
  async restart(): Promise<void> {
    const { kv, tables } = this.#parts;
    await this.#scrubbing;
    this.#damaged.clear();
    this.#damage = undefined;
    this.#skippedInRow = 0;
    await kv.transact('buffered', async (tx) => tx.delete(tables.scrubbed));
  }

  async #scrub(): Promise<ScrubStep | undefined> {
    if (this.#damage !== undefined) return this.#lookAtDamage(this.#damage);
    const { kv, tables } = this.#parts;
    const cursor = await kv.get(tables.scrubbed);
    const after = cursor === undefined ? undefined : segmentIdOf(cursor);
    const found = await this.#nextSegment(after);
    if (found !== undefined) return this.#scrubOne(found);
    await kv.transact('buffered', async (tx) => tx.delete(tables.scrubbed));
    this.#skippedInRow = 0;
    if (this.#damaged.size === 0) return undefined;
    this.#damage = { table: 'chunks', range: tables.chunks(undefined) };
    return this.#lookAtDamage(this.#damage);
  }

  async #nextSegment(after: SegmentId | undefined): Promise<SegmentId | undefined> {
    const { kv, tables } = this.#parts;
    for await (const page of kv.scan(tables.segments(after), { pageEntries: COLLECT_ROWS })) {
      const sealed = page.find(({ value }) => decodeSegment(value).state === 'sealed');
      if (sealed !== undefined) return segmentOfKey(sealed.key);
    }
    return undefined;
  }

  async #scrubOne(id: SegmentId): Promise<ScrubStep> {
    const { kv, tables } = this.#parts;
    const health = await this.#healthOf(id);
    if (!health.isWhole && this.#damaged.size < SCRUB_DAMAGED_MAX) this.#damaged.add(id);
    await kv.transact('buffered', async (tx) => tx.put(tables.scrubbed, segmentBytesOf(id)));
    return health;
  }

  async #healthOf(id: SegmentId): Promise<ScrubStep> {
    try {
      const health = await this.#parts.segments.scrub(id);
      this.#skippedInRow = 0;
      return { ...nothing, ...health };
    } catch (failure) {
      // The others are looked at all the same: it comes up again in the next pass.
      if (isAway(failure) && this.#skippedInRow < SCRUB_SKIPPED_MAX) return this.#skip(id, failure);
      if (!isGone(failure)) throw failure;
    }
    const row = await this.#parts.kv.get(this.#parts.tables.segment(id));
    const isNamed = row !== undefined && decodeSegment(row).state === 'sealed';
    return isNamed ? gone : nothing;
  }

  /** Where many in a row do not answer, it is the store that is away: a round that skipped all would say nothing and take long. */
  #skip(segment: SegmentId, { detail }: Fault): ScrubStep {
    this.#skippedInRow += 1;
    const { environment, tier } = this.#parts;
    environment.log.warn('a segment could not be scrubbed', { tier, segment, reason: detail });
    return { ...nothing, unknown: 1 };
  }

  async #lookAtDamage({ table, range }: Damage): Promise<ScrubStep | undefined> {
    const { kv, tables } = this.#parts;
    let page: readonly Entry[] = [];
    for await (page of kv.scan(range, { pageEntries: SCRUB_CHUNKS })) break;
    const last = page.at(-1);
    if (last === undefined) {
      this.#damage = table === 'chunks' ? { table: 'recipes', range: tables.recipes(undefined) } : undefined;
      if (table === 'chunks') return nothing;
      this.#damaged.clear();
      return undefined;
    }
    const lost = table === 'chunks' ? await this.#tryChunks(page) : await this.#lostAmong(page);
    this.#damage = { table, range: { ...range, start: Buffer.concat([last.key, Uint8Array.of(0)]) } };
    return { ...nothing, isWhole: lost.length === 0, lost };
  }

  async #tryChunks(page: readonly Entry[]): Promise<readonly BlobId[]> {
    const isSuspect = ({ segment }: ChunkRow): boolean =>
      this.#damaged.has(segment) || this.#damaged.size === SCRUB_DAMAGED_MAX;
    const suspects = new Map<FingerprintText, ChunkRow>();
    for (const { key, value } of page) {
      const row = decodeChunk(value);
      if (isSuspect(row)) suspects.set(fingerprintOfKey(key), row);
    }
    if (suspects.size === 0) return [];
    const opened = await this.#opened(suspects);
    if (opened === undefined) return [];
    await markLost(this.#parts, opened.broken, true);
    return [];
  }

  /** `undefined` when some cannot be asked for now: then nobody can say that they are lost. */
  async #opened(suspects: ReadonlyMap<FingerprintText, ChunkRow>): Promise<Opened | undefined> {
    try {
      return await openChunks(this.#parts, await withBases(this.#parts, suspects));
    } catch (failure) {
      if (isAway(failure)) return undefined;
      throw failure;
    }
  }

  async #lostAmong(page: readonly Entry[]): Promise<readonly BlobId[]> {
    const lost: BlobId[] = [];
    for (const { key, value } of page) {
      const named = await readChunkRows(this.#parts, [...distinctOf(decodeRecipe(value))]);
      const rows = await readWithBases(this.#parts, named);
      if ([...named.values()].some((row) => !isSound(rows, row))) lost.push(blobOfRecipeKey(key));
    }
    return lost;
  }
}
