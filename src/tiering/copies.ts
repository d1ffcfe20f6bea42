import { Fault, type FaultCode } from '../fault.ts';
import type { Kv, KvReader } from '../kv/kv.ts';
import { MOVES_OVERTAKEN_MAX } from '../limits/tiering.ts';
import { FRAME_BYTES } from '../workers/cipher.ts';
import type { BlobId } from './blobs.ts';
import type { HotBlobs, HotCopy } from './hot/hot-blobs.ts';
import { isDamage, type LowerCopies, type LowerRead } from './lower-copies.ts';
import type { LowerTier, Tier } from './tier.ts';

/** All copies of one blob. */
export interface BlobCopies {
  readonly id: BlobId;
  readonly length: number;
  readonly hot: HotCopy | undefined;
  /** Warmest first. */
  readonly lower: readonly LowerTier[];
}

export const warmestOf = ({ hot, lower }: BlobCopies): Tier =>
  hot === undefined ? (lower[0] ?? 'hot') : 'hot';

/** Some bytes of a blob. */
export interface BlobRange {
  readonly offset: number;
  readonly length: number;
  /** `upTo`: where the blob ends before that, fewer. */
  readonly extent: 'exact' | 'upTo';
  readonly room?: Uint8Array | undefined;
}

export interface CopyRead {
  readonly bytes: Uint8Array;
  readonly from: Tier;
}

/** Hears of a copy that is damaged, whether another one gave the bytes or none did. */
export type Damaged = (id: BlobId, tier: Tier) => void;

/** Where blobs have copies, and bytes from the warmest that gives them. */
export class Copies {
  readonly kv: Kv;
  readonly hot: HotBlobs;
  readonly lower: LowerCopies;
  readonly #damaged: Damaged;

  constructor(parts: {
    readonly kv: Kv;
    readonly hot: HotBlobs;
    readonly lower: LowerCopies;
    readonly damaged: Damaged;
  }) {
    this.kv = parts.kv;
    this.hot = parts.hot;
    this.lower = parts.lower;
    this.#damaged = parts.damaged;
  }

  /** `undefined` for a blob that is in no tier. Exact in a transaction; elsewhere it may be moved meanwhile. */
  async of(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (BlobCopies | undefined)[]> {
    const [hot, lower] = await Promise.all([
      this.hot.copiesOf(reader, ids),
      this.lower.placesOf(reader, ids),
    ]);
    return ids.map((id, index) => {
      const [above, below] = [hot[index], lower[index]];
      const length = above?.length ?? below?.length;
      return length === undefined ? undefined : { id, length, hot: above, lower: below?.tiers ?? [] };
    });
  }

  /** See Blobs.warmestOf. Looks down only for those that have no hot copy. */
  async warmestOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (Tier | undefined)[]> {
    const hot = await this.hot.warmestOf(reader, ids);
    const others = ids.filter((_, index) => hot[index] === undefined);
    if (others.length === 0) return hot;
    const places = await this.lower.placesOf(reader, others);
    const below = new Map(others.map((id, index) => [id, places[index]?.tiers[0]]));
    return ids.map((id, index) => hot[index] ?? below.get(id));
  }

  /**
   * The blob must not end meanwhile. Another copy answers where the device of the hot one does not. Faults of the only copy that
   * there is, or of the one that may answer later.
   */
  async read(id: BlobId, range: BlobRange): Promise<CopyRead> {
    const { offset, length, extent, room } = range;
    try {
      const bytes =
        extent === 'exact'
          ? await this.hot.read(id, offset, length)
          : await this.hot.readUpTo(id, offset, length, room);
      return { bytes, from: 'hot' };
    } catch (failure) {
      if (!mayBeElsewhere(failure)) throw failure;
      return this.#readLower(id, range, failure);
    }
  }

  /** See Blobs.readFrames. */
  async readFrames(
    id: BlobId,
    first: number,
    targets: readonly Uint8Array[],
  ): Promise<{ readonly length: number; readonly from: Tier }> {
    try {
      return { length: await this.hot.readFrames(id, first, targets), from: 'hot' };
    } catch (failure) {
      if (!mayBeElsewhere(failure)) throw failure;
      const range = {
        offset: first * FRAME_BYTES,
        length: targets.length * FRAME_BYTES,
        extent: 'upTo',
      } as const;
      const { bytes, from } = await this.#readLower(id, range, failure);
      for (const [index, target] of targets.entries()) {
        target.set(bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES));
      }
      return { length: bytes.length, from };
    }
  }

  /** All of a blob, for one who makes a copy of it. */
  async readWhole({ id, length }: BlobCopies): Promise<CopyRead> {
    return this.read(id, { offset: 0, length, extent: 'exact' });
  }

  async #readLower(id: BlobId, range: BlobRange, failure: Fault): Promise<CopyRead> {
    const unkeep = this.hot.keep(id);
    try {
      let fault = failure;
      for (let attempt = 0; attempt < MOVES_OVERTAKEN_MAX; attempt += 1) {
        if (fault.code === 'corrupt') this.#damaged(id, 'hot');
        const read = await this.#lowerThan(fault, id, range);
        if (read !== undefined) {
          for (const tier of read.damaged) this.#damaged(id, tier);
          return { bytes: read.bytes, from: read.tier };
        }
        if (fault.code !== 'not-found') break;
        // In no tier: it was moved between two looks, or there is none.
        const hot = await this.#readHot(id, range);
        if (!(hot instanceof Fault)) return { bytes: hot, from: 'hot' };
        fault = hot;
      }
      throw fault;
    } finally {
      unkeep();
    }
  }

  /** What may come back in the hot tier counts for more than what is damaged below it. */
  async #lowerThan(hot: Fault, id: BlobId, range: BlobRange): Promise<LowerRead | undefined> {
    try {
      return await this.lower.read(this.kv, id, wantedOf(range));
    } catch (cause) {
      throw isDamage(hot) || !isDamage(cause) ? cause : hot;
    }
  }

  async #readHot(id: BlobId, { offset, length, extent }: BlobRange): Promise<Uint8Array | Fault> {
    try {
      return extent === 'exact'
        ? await this.hot.read(id, offset, length)
        : await this.hot.readUpTo(id, offset, length);
    } catch (cause) {
      if (mayBeElsewhere(cause)) return cause;
      throw cause;
    }
  }
}

/** Whether the fault is one of the hot copy alone: it is damaged or gone, or its device fails or hangs. */
const mayBeElsewhere = (cause: unknown): cause is Fault =>
  isDamage(cause) || (cause instanceof Fault && cause.subject === 'device' && passing.has(cause.code));

const passing: ReadonlySet<FaultCode> = new Set(['unavailable', 'throttled']);

const wantedOf = ({ offset, length, extent }: BlobRange) => ({
  offset,
  lengthOf: (blobLength: number): number =>
    extent === 'exact' ? length : Math.max(0, Math.min(length, blobLength - offset)),
});
