import { Fault } from '../fault.ts';
import { SCRUB_PAGE_BLOBS, SCRUB_READS_MAX } from '../limits/tiering.ts';
import type { BlobLabels } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import type { Copies } from './copies.ts';
import { heal, type Healed } from './heal.ts';
import type { HotCopy } from './hot/hot-blobs.ts';
import { scrubNatives } from './native-layout/scrub-natives.ts';
import type { ChunkStore, ScrubStep } from './reduction/chunk-store.ts';
import type { Tier } from './tier.ts';
import type { ScrubReport } from './tiers.ts';

export interface ScrubParts {
  readonly copies: Copies;
  readonly labels: BlobLabels;
}

/** What one unit of scrubbing has found; `bytes` is how much was read, roughly. */
export interface ScrubbedUnit extends ScrubReport {
  readonly bytes: number;
}

const NOTHING: ScrubReport = { checked: 0, corrupt: 0, healed: 0, unrecoverable: 0, unknown: 0 };

/** Of the store that is being looked at: damage of segments that are not whole, and blobs that are not mended. */
const FRESH = { unhealed: 0, lost: 0 };

/**
 * One round over everything: the hot blobs of the device in the order of their ids, then each lower tier, then objects under their own keys. A unit is a
 * few blobs or one segment; `undefined` at the end of the round.
 */
export class ScrubRound {
  readonly #parts: ScrubParts;
  #hotCursor: BlobId | undefined = 0 as BlobId;
  readonly #stores: ChunkStore[];
  /** Of objects under their own keys. */
  #nativeCursor: BlobId | 0 | undefined = 0;
  #soFar = NOTHING;
  #store = FRESH;

  constructor(parts: ScrubParts) {
    this.#parts = parts;
    this.#stores = [...parts.copies.lower.stores];
  }

  get soFar(): ScrubReport {
    return this.#soFar;
  }

  async next(): Promise<ScrubbedUnit | undefined> {
    const unit = (await this.#hotUnit()) ?? (await this.#lowerUnit()) ?? (await this.#nativeUnit());
    if (unit !== undefined) this.#soFar = sum(this.#soFar, unit);
    return unit;
  }

  async #hotUnit(): Promise<ScrubbedUnit | undefined> {
    if (this.#hotCursor === undefined) return undefined;
    const page = await this.#parts.copies.hot.copiesAfter(this.#hotCursor, SCRUB_PAGE_BLOBS);
    this.#hotCursor = page.at(-1)?.id;
    if (page.length === 0) return undefined;
    let found = NOTHING;
    for (let first = 0; first < page.length; first += SCRUB_READS_MAX) {
      const some = page.slice(first, first + SCRUB_READS_MAX);
      const each = await Promise.all(some.map((copy) => this.#hotBlob(copy)));
      found = each.reduce(sum, found);
    }
    return { ...found, bytes: page.reduce((bytes, { bytesTaken }) => bytes + bytesTaken, 0) };
  }

  async #hotBlob({ id, length }: HotCopy): Promise<ScrubReport> {
    try {
      await this.#parts.copies.hot.read(id, 0, length);
      return { ...NOTHING, checked: 1 };
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      // It has ended, or has left the tier, since its row was read.
      if (cause.code === 'not-found') return NOTHING;
      if (cause.code !== 'corrupt') throw cause;
    }
    const outcome = await this.#heal(id, 'hot');
    if (outcome === 'gone') return NOTHING;
    if (outcome === 'sound') return { ...NOTHING, checked: 1 };
    const unrecoverable = outcome === 'lost' ? 1 : 0;
    return { ...NOTHING, checked: 1, corrupt: 1, healed: outcome === 'healed' ? 1 : 0, unrecoverable };
  }

  async #lowerUnit(): Promise<ScrubbedUnit | undefined> {
    // Each turn ends a store or the loop.
    for (let store = this.#stores[0]; store !== undefined; store = this.#stores[0]) {
      const health = await store.scrub();
      if (health !== undefined) return this.#segment(store, health);
      this.#stores.shift();
      const { unhealed, lost } = this.#store;
      this.#store = FRESH;
      // What is gone in a segment is not gone when every blob that needed it could be stored again from another copy.
      if (unhealed > 0 && lost === 0) return { ...NOTHING, healed: unhealed, bytes: 0 };
    }
    return undefined;
  }

  /** Which blobs have lost something may come in later steps than the segments that they were in. */
  async #segment(
    { tier }: ChunkStore,
    { checked, corrupt, healed, isWhole, lost, unknown }: ScrubStep,
  ): Promise<ScrubbedUnit> {
    const outcomes: (Healed | 'later')[] = [];
    for (const id of lost) outcomes.push(await this.#heal(id, tier));
    const unrecoverable = outcomes.filter((outcome) => outcome === 'lost').length;
    const left = outcomes.filter((outcome) => outcome === 'lost' || outcome === 'later').length;
    this.#store = {
      unhealed: this.#store.unhealed + (isWhole ? 0 : corrupt - healed),
      lost: this.#store.lost + left,
    };
    return { checked, corrupt, healed, unrecoverable, unknown, bytes: checked === 0 ? 0 : SEGMENT_BYTES };
  }

  async #nativeUnit(): Promise<ScrubbedUnit | undefined> {
    if (this.#nativeCursor === undefined) return undefined;
    const { kv, lower } = this.#parts.copies;
    const found = await scrubNatives({ kv, foreign: lower.foreign }, this.#nativeCursor);
    this.#nativeCursor = found.next;
    const isNothing = found.checked + found.unknown + found.damaged.length === 0;
    if (isNothing && found.next === undefined) return undefined;
    const outcomes: (Healed | 'later')[] = [];
    for (const id of found.damaged) outcomes.push(await this.#heal(id, 'cold'));
    const count = (wanted: Healed): number => outcomes.filter((outcome) => outcome === wanted).length;
    return {
      ...{ checked: found.checked, unknown: found.unknown, bytes: found.bytes },
      ...{ corrupt: outcomes.length - count('gone'), healed: count('healed'), unrecoverable: count('lost') },
    };
  }

  /** `later`: the copy that could heal it does not answer now. */
  async #heal(id: BlobId, tier: Tier): Promise<Healed | 'later'> {
    try {
      return await heal(this.#parts, { id, tier });
    } catch (cause) {
      if (cause instanceof Fault) return 'later';
      throw cause;
    }
  }
}

/** What a segment takes, for the pace of scrubbing. */
const SEGMENT_BYTES = 2 << 20;

const sum = (a: ScrubReport, b: ScrubReport): ScrubReport => ({
  checked: a.checked + b.checked,
  corrupt: a.corrupt + b.corrupt,
  healed: a.healed + b.healed,
  unrecoverable: a.unrecoverable + b.unrecoverable,
  unknown: a.unknown + b.unknown,
});
