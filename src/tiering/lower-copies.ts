import { Fault } from '../fault.ts';
import type { KvReader, KvTransaction } from '../kv/kv.ts';
import type { BlobId } from './blobs.ts';
import type { ForeignCopies } from './foreign/foreign-copies.ts';
import type { ChunkStore } from './reduction/chunk-store.ts';
import type { LowerTier } from './tier.ts';

/** The copies of one blob below the hot tier. */
export interface LowerPlaces {
  readonly length: number;
  /** Warmest first. */
  readonly tiers: readonly LowerTier[];
}

/** Some bytes of a blob whose length only its copy says. */
export interface WantedBytes {
  readonly offset: number;
  readonly lengthOf: (blobLength: number) => number;
}

/** What a read of the lower tiers has met. */
export interface LowerRead {
  readonly bytes: Uint8Array;
  readonly tier: LowerTier;
  readonly blobLength: number;
  /** Tiers whose copy turned out to be damaged. */
  readonly damaged: readonly LowerTier[];
}

/** Faults of a copy that no second attempt mends. Everything else may pass. */
export const isDamage = (cause: unknown): cause is Fault =>
  cause instanceof Fault && (cause.code === 'corrupt' || cause.code === 'not-found');

/**
 * The chunk stores of a gateway as one, with the objects of others: which of them has a blob, and its bytes from the warmest
 * that gives them.
 */
export class LowerCopies {
  /** Warmest first. */
  readonly stores: readonly ChunkStore[];
  readonly foreign: ForeignCopies;
  /** All that may have copies, warmest first; no blob has one in the cold chunk store and a foreign one. */
  readonly #holders: readonly (ChunkStore | ForeignCopies)[];

  constructor(stores: readonly ChunkStore[], foreign: ForeignCopies) {
    this.stores = stores;
    this.foreign = foreign;
    this.#holders = [...stores, foreign];
  }

  of(tier: LowerTier): ChunkStore | undefined {
    return this.stores.find((store) => store.tier === tier);
  }

  async placesOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (LowerPlaces | undefined)[]> {
    const lengths = await Promise.all(this.#holders.map((store) => store.lengthsOf(reader, ids)));
    return ids.map((_, index) => {
      const held = this.#holders.flatMap(({ tier }, store) => {
        const length = lengths[store]?.[index];
        return length === undefined ? [] : [{ tier, length }];
      });
      const [first] = held;
      return first && { length: first.length, tiers: held.map(({ tier }) => tier) };
    });
  }

  /** Takes all copies of the blobs away. */
  async release(tx: KvTransaction, ids: readonly BlobId[]): Promise<void> {
    for (const store of this.#holders) {
      for (const id of ids) await store.release(tx, id);
    }
  }

  /**
   * `undefined` when no tier has a copy. When none can be read: a fault that may pass, if there is one, since that copy
   * may answer later; else Fault('corrupt', 'blob').
   */
  async read(reader: KvReader, id: BlobId, wanted: WantedBytes): Promise<LowerRead | undefined> {
    const damaged: LowerTier[] = [];
    let passing: Fault | undefined;
    for (const store of this.#holders) {
      const [blobLength] = await store.lengthsOf(reader, [id]);
      if (blobLength === undefined) continue;
      try {
        const bytes = await store.read(id, wanted.offset, wanted.lengthOf(blobLength));
        return { bytes, tier: store.tier, blobLength, damaged };
      } catch (cause) {
        if (!(cause instanceof Fault)) throw cause;
        const isGone = (await store.lengthsOf(reader, [id]))[0] === undefined;
        // It was moved under us: whoever moved it made another copy first.
        if (isGone) continue;
        if (isDamage(cause)) damaged.push(store.tier);
        else passing ??= cause;
      }
    }
    if (passing !== undefined) throw passing;
    if (damaged.length > 0) throw new Fault('corrupt', 'blob', `blob ${id} in ${damaged.join(' and ')}`);
    return undefined;
  }
}
