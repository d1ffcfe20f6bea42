import assert from 'node:assert/strict';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv, KvReader, KvTransaction } from '../../kv/kv.ts';
import { openSequence, type Sequence } from '../../kv/sequence.ts';
import { encodeU64 } from '../../kv/tuple.ts';
import {
  CHUNK_CACHE_ROWS_MAX,
  RECALLS_MAX,
  RECIPE_CACHE_CHUNKS_MAX,
  SEGMENT_READS_MAX,
} from '../../limits/tiering.ts';
import type { Reduction } from '../../workers/reduction.ts';
import { atMost } from '../at-most.ts';
import type { BlobId } from '../blobs.ts';
import type { DataKeys } from '../data-keys.ts';
import type { RecallWish, SegmentId, SegmentStore } from '../segment-store.ts';
import type { Hold, Newer } from '../hold.ts';
import type { LowerTier } from '../tier.ts';
import { attachRecipe, releaseRecipe } from './attach.ts';
import { chunkRowsOf, recipeOf, withBases } from './chunk-rows.ts';
import type {
  BlobToDescribe,
  BlobToStore,
  ChunkStore,
  ChunkStoreUsage,
  ScrubStep,
  StoredBlob,
} from './chunk-store.ts';
import { Collector } from './collect.ts';
import { describeBlobs } from './describe-blobs.ts';
import { Leads } from './leads.ts';
import { OpenSegments } from './open-segments.ts';
import type { ChunkParts, ReductionSettings, SegmentIds } from './parts.ts';
import { readBlob } from './read-blob.ts';
import { Readers } from './readers.ts';
import { Recent } from './recent.ts';
import { distinctOf, lengthOfRecipe } from './records.ts';
import { Scrubber } from './scrub.ts';
import { openSecrets, sealSecrets } from './secrets.ts';
import { storeBlobs, type Staged } from './store-blobs.ts';
import { blobOfRecipeKey, chunkTables, segmentBytesOf, segmentIdOf } from './tables.ts';
import { Touched } from './touched.ts';
import { Usage } from './usage.ts';

export interface ChunkStoreOptions {
  /** Merges rows of counts: src/tiering/counts.ts. */
  readonly kv: Kv;
  readonly environment: Environment;
  /** Stays open when the chunk store closes. */
  readonly segments: SegmentStore;
  readonly reduction: Reduction;
  readonly dataKeys: DataKeys;
  readonly tier: LowerTier;
  readonly settings: ReductionSettings;
  /** Absent: no other metadata can know of what lies in the store. */
  readonly hold?: Hold;
}

/** Plain bytes in one stored byte that the first packing expects. */
const densityFirst = 3;
const randomBytes = 4;

/** One lower tier over a store of segments. Reads no table but a few rows of its own: the collector finds what was left. */
export async function openChunkStore(options: ChunkStoreOptions): Promise<ChunkStore> {
  const { kv, environment, tier, dataKeys, settings } = options;
  assert.equal(options.segments.traits.tier, tier);
  const tables = chunkTables(tier);
  const secrets = await openSecrets({ kv, random: environment.random, dataKeys, tables, tier });
  const sequence = await openSequence(kv, tables.sequence, (failure) =>
    environment.log.error('ids of segments run out', { tier, failure }),
  );
  const ids = segmentIds({ environment, sequence, identity: secrets.identity });
  options.hold?.knowBy(await newerThanRows({ kv, tables, ids }));
  const leads = new Leads();
  const parts: ChunkParts = {
    ...options,
    tables,
    chunking: {
      ...settings.chunkLengths,
      seed: secrets.seed,
      fingerprintKey: secrets.fingerprintKey,
      hasSuperFeatures: settings.usesSimilarity,
    },
    usage: await Usage.open(kv, tables),
    open: new OpenSegments((id) => leads.segment(id)),
    leads,
    touched: new Touched(),
    readers: new Readers(),
    recipes: new Recent(RECIPE_CACHE_CHUNKS_MAX, ({ chunks }) => 1 + chunks.length),
    chunks: new Recent(CHUNK_CACHE_ROWS_MAX, () => 1),
    reads: new Recent(SEGMENT_READS_MAX, () => 1),
    ids,
    sealedSecrets: (keyId) => sealSecrets({ random: environment.random, dataKeys, tier }, keyId, secrets),
    keyFrames: new Map(),
    scrubs: new Map(),
    density: { ratio: densityFirst },
  };
  return new Chunks(parts, sequence);
}

/**
 * What these rows have never known. Rows of before that do not say what was the greatest: all until now counts as known. What
 * this process makes is in the rows before it is in the store; so is what starts have made that ended before they had looked, and
 * until somebody has, nothing of that goes.
 */
async function newerThanRows({ kv, tables, ids }: Pick<ChunkParts, 'kv' | 'tables' | 'ids'>): Promise<Newer> {
  const [greatestRow, knownRow] = await kv.getMany([tables.greatest, tables.known]);
  const greatest = greatestRow === undefined ? ids.next() : segmentIdOf(greatestRow);
  let known = knownRow === undefined ? greatest : segmentIdOf(knownRow);
  await kv.transact('durable', async (tx) => {
    if (greatestRow === undefined) tx.put(tables.greatest, segmentBytesOf(greatest));
    tx.put(tables.known, segmentBytesOf(known));
  });
  const raised = (to: SegmentId): void => void (known = to > known ? to : known);
  const accepted = (to: SegmentId): Promise<void> =>
    kv.transact('durable', async (tx) => {
      const rows = await tx.getMany([tables.greatest, tables.known]);
      for (const [index, key] of [tables.greatest, tables.known].entries()) {
        const row = rows[index];
        if (row !== undefined && segmentIdOf(row) < to) tx.put(key, segmentBytesOf(to));
      }
      tx.whenCommitted(() => raised(to));
    });
  return {
    isNewer: async (id) =>
      id > known && ids.isForeign(id) && (await kv.get(tables.segment(id))) === undefined,
    looked: () =>
      kv.transact('durable', async (tx) => {
        tx.delete(tables.known);
        tx.whenCommitted(() => raised(greatest));
      }),
    accept: async (all) => {
      for (const id of all) await accepted(id);
    },
  };
}

/** 8 bytes of a sequence, 4 of the store, 4 random: also a store that is set back to an older state does not use an id again. */
function segmentIds(parts: {
  readonly environment: Environment;
  readonly sequence: Sequence;
  readonly identity: Uint8Array;
}): SegmentIds {
  const { environment, sequence, identity } = parts;
  const own = Buffer.from(identity).toString('hex');
  // For a process, so that it knows its own without keeping them.
  const random = environment.random.bytes(randomBytes);
  const suffix = Buffer.from(random).toString('hex');
  return {
    next: () => segmentIdOf(Buffer.concat([encodeU64(sequence.next()), identity, random])),
    isForeign: (id) => id.slice(16, 24) === own && id.slice(24) !== suffix,
    isOlder: (id, before) => id < before && id.slice(16, 24) === own,
  };
}

class Chunks implements ChunkStore {
  readonly tier: LowerTier;
  readonly #parts: ChunkParts;
  readonly #sequence: Sequence;
  readonly #collector: Collector;
  readonly #scrubber: Scrubber;
  readonly #staged = new Map<StoredBlob, Staged>();
  readonly #active = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(parts: ChunkParts, sequence: Sequence) {
    this.tier = parts.tier;
    this.#parts = parts;
    this.#sequence = sequence;
    this.#collector = new Collector(parts);
    this.#scrubber = new Scrubber(parts);
  }

  get isStaged(): boolean {
    return this.#parts.segments.traits.access === 'staged';
  }

  store(blobs: readonly BlobToStore[]): Promise<readonly StoredBlob[]> {
    return this.#run(async () => {
      const staged = await storeBlobs(this.#parts, blobs);
      return blobs.map(({ id }, index) => {
        const found = staged[index];
        assert(found !== undefined);
        const stored = { id, length: found.recipe.length };
        this.#staged.set(stored, found);
        return stored;
      });
    });
  }

  async attach(tx: KvTransaction, stored: StoredBlob): Promise<void> {
    const staged = this.#stagedOf(stored);
    await attachRecipe(this.#parts, tx, { id: stored.id, staged });
    tx.whenCommitted(() => this.discard(stored));
  }

  discard(stored: StoredBlob): void {
    const { segments } = this.#stagedOf(stored);
    this.#staged.delete(stored);
    for (const id of segments) this.#parts.open.unpin(id);
  }

  describe(blobs: readonly BlobToDescribe[]): Promise<void> {
    return this.#run(() => describeBlobs(this.#parts, blobs));
  }

  release(tx: KvTransaction, id: BlobId): Promise<boolean> {
    return releaseRecipe(this.#parts, tx, id);
  }

  async lengthsOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (number | undefined)[]> {
    const rows = await reader.getMany(ids.map(this.#parts.tables.recipe));
    return rows.map((row) => (row === undefined ? undefined : lengthOfRecipe(row)));
  }

  async blobsAfter(after: BlobId, countMax: number): Promise<readonly StoredBlob[]> {
    const { kv, tables } = this.#parts;
    for await (const page of kv.scan(tables.recipes(after), { pageEntries: countMax })) {
      return page.map(({ key, value }) => ({ id: blobOfRecipeKey(key), length: lengthOfRecipe(value) }));
    }
    return [];
  }

  read(id: BlobId, offset: number, length: number): Promise<Uint8Array> {
    return this.#run(() => readBlob(this.#parts, { id, offset, length }));
  }

  recall(id: BlobId, wish?: RecallWish): Promise<boolean> {
    return this.#run(async () => {
      const recipe = await recipeOf(this.#parts, id);
      if (recipe === undefined) {
        throw new Fault('not-found', 'blob', `blob ${id} has no copy in the ${this.tier} tier`);
      }
      const rows = await withBases(this.#parts, await chunkRowsOf(this.#parts, distinctOf(recipe)));
      const segments = [...new Set([...rows.values()].map(({ segment }) => segment))];
      const recall = (segment: SegmentId): Promise<boolean> => this.#parts.segments.recall(segment, wish);
      const answers = await atMost(RECALLS_MAX, segments, recall);
      return answers.every((isBack) => isBack);
    });
  }

  collect(): Promise<boolean> {
    return this.#run(() => this.#collector.collect());
  }

  scrub(): Promise<ScrubStep | undefined> {
    return this.#run(() => this.#scrubber.scrub());
  }

  restartScrub(): Promise<void> {
    return this.#run(() => this.#scrubber.restart());
  }

  usage(): ChunkStoreUsage {
    return this.#parts.usage.now();
  }

  /** Waits for what is under way; whatever is asked later is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#active]);
    await this.#sequence.close();
  }

  #stagedOf(stored: StoredBlob): Staged {
    const staged = this.#staged.get(stored);
    assert(staged !== undefined, `blob ${stored.id} is not stored, or was attached or discarded`);
    return staged;
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Fault('unavailable', 'store', `the ${this.tier} tier is closed`);
    const running = work();
    this.#active.add(running);
    try {
      return await running;
    } finally {
      this.#active.delete(running);
    }
  }
}
