import assert from 'node:assert/strict';
import type { Clock, Environment, MonotonicMs, Random } from '../../../src/environment.ts';
import { Fault } from '../../../src/fault.ts';
import type { Durability, Entry, Kv } from '../../../src/kv/kv.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import { COLLECT_ROUND_MS } from '../../../src/limits/tiering.ts';
import { mergeNamespace } from '../../../src/namespace/merge.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { decodeCounts } from '../../../src/tiering/counts.ts';
import { Hold } from '../../../src/tiering/hold.ts';
import { MemorySegmentStore } from '../../../src/tiering/memory-segment-store.ts';
import type { BlobToStore, ChunkStore } from '../../../src/tiering/reduction/chunk-store.ts';
import { openChunkStore } from '../../../src/tiering/reduction/open-chunk-store.ts';
import type { ReductionSettings } from '../../../src/tiering/reduction/parts.ts';
import {
  decodeChunk,
  decodeRecipe,
  decodeSegment,
  heldBy,
  type ChunkRow,
} from '../../../src/tiering/reduction/records.ts';
import {
  chunkTables,
  fingerprintOfKey,
  segmentOfKey,
  type FingerprintText,
} from '../../../src/tiering/reduction/tables.ts';
import type { Reduction } from '../../../src/workers/reduction.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { noise } from '../../workers/segments.ts';
import { MemoryDataKeys } from '../memory-data-keys.ts';

export const settingsDefault: ReductionSettings = {
  compression: { codec: 'lz4', level: 1 },
  cipher: 'aes-256-gcm',
  usesSimilarity: false,
  sparseShare: 0.5,
  background: undefined,
  chunkLengths: { bytesMin: 256, bytesAverage: 512, bytesMax: 1024 },
};

/** Chunks long enough to be alike, and deltas for those that are. */
export const similarSettings: Partial<ReductionSettings> = {
  usesSimilarity: true,
  chunkLengths: { bytesMin: 2048, bytesAverage: 4096, bytesMax: 8192 },
};

export interface ChunkBedOptions {
  readonly random?: Random;
  readonly settings?: Partial<ReductionSettings>;
  readonly imageBytesMax?: number;
  readonly delay?: (operation: string) => Promise<void>;
  readonly reduction?: Reduction;
  readonly staged?: { readonly recallMs: number };
  /** Other metadata may know of what lies in the store. */
  readonly isHolding?: true;
}

export const tables = chunkTables('warm');

/** A chunk store over rows and segments in memory, which a test may crash, damage and open again. */
export class ChunkBed {
  readonly random: Random;
  readonly segments: MemorySegmentStore;
  readonly errors: string[] = [];
  readonly #options: ChunkBedOptions;
  readonly dataKeys = new MemoryDataKeys();
  nowMs = 0;
  engine: MemoryEngine;
  kv!: Kv;
  chunks!: ChunkStore;
  hold: Hold | undefined;

  readonly clock: Clock = {
    wall: () => ({ seconds: Math.floor(this.nowMs / 1000), nanoseconds: 0 }),
    monotonic: () => this.nowMs as MonotonicMs,
    sleep: () => Promise.resolve(),
  };

  private constructor(options: ChunkBedOptions) {
    this.#options = options;
    this.random = options.random ?? seededRandom(1);
    const { delay, imageBytesMax = 16_384, staged } = options;
    this.segments = new MemorySegmentStore({
      shape: { data: 2, parity: 1 },
      imageBytesMax,
      ...(delay === undefined ? {} : { delay }),
      ...(staged === undefined ? {} : { staged: { clock: this.clock, recallMs: staged.recallMs } }),
    });
    this.engine = new MemoryEngine(delay === undefined ? {} : { delay });
  }

  static async open(options: ChunkBedOptions = {}): Promise<ChunkBed> {
    const bed = new ChunkBed(options);
    await bed.reopen();
    return bed;
  }

  /** As after the start of a new process, with other settings where some are given. */
  async reopen(settings: Partial<ReductionSettings> = {}): Promise<void> {
    const nothing = (): void => undefined;
    const environment: Environment = {
      clock: this.clock,
      random: this.random,
      log: { info: nothing, warn: nothing, error: (event) => void this.errors.push(event) },
    };
    this.kv = openOptimistic(this.engine, { merge: mergeNamespace });
    const { isHolding } = this.#options;
    this.hold = isHolding && (await Hold.open({ kv: this.kv, environment, tier: 'warm', looks: 1 }));
    this.chunks = await openChunkStore({
      ...(this.hold && { hold: this.hold }),
      kv: this.kv,
      environment,
      segments: this.segments,
      reduction: this.#options.reduction ?? referenceReduction(),
      dataKeys: this.dataKeys,
      tier: 'warm',
      settings: { ...settingsDefault, ...this.#options.settings, ...settings },
    });
  }

  /** The rows as they are now, for a time when they are restored. */
  async backup(): Promise<MemoryEngine> {
    const rows: Entry[] = [];
    const everything = { start: new Uint8Array(0), end: Uint8Array.of(255) };
    for await (const page of this.kv.scan(everything, { pageEntries: 1000 })) rows.push(...page);
    return new MemoryEngine({}, rows);
  }

  /** Power loss. */
  crash(): void {
    this.engine = this.engine.crash(this.random);
    this.segments.crash(this.random);
  }

  /** Stores blobs and attaches them, again where what they share has gone meanwhile. */
  async put(blobs: readonly BlobToStore[], durability: Durability = 'durable'): Promise<void> {
    const stored = await this.chunks.store(blobs);
    for (const [index, each] of stored.entries()) {
      try {
        await this.kv.transact(durability, (tx) => this.chunks.attach(tx, each));
      } catch (failure) {
        this.chunks.discard(each);
        if (!(failure instanceof Fault && failure.code === 'conflict')) throw failure;
        await this.put(blobs.slice(index, index + 1), durability);
      }
    }
  }

  release(id: number, durability: Durability = 'durable'): Promise<boolean> {
    return this.kv.transact(durability, (tx) => this.chunks.release(tx, id as BlobId));
  }

  /** Also what only a round over all tables and the store finds. */
  async collectAll(): Promise<void> {
    this.nowMs += COLLECT_ROUND_MS;
    for (let count = 0; await this.chunks.collect(); count += 1) assert(count < 10_000, 'collection ends');
  }

  async check(id: number, want: Uint8Array): Promise<void> {
    const bytes = await this.chunks.read(id as BlobId, 0, want.length);
    assert(Buffer.from(bytes).equals(want), `blob ${id} reads back`);
  }

  /** What the tables and the store hold must agree with each other, and with what is counted. */
  async audit(): Promise<void> {
    const { kv } = this;
    const named = new Map<string, number>();
    let [blobs, bytesLogical] = [0, 0];
    for (const { value } of await rowsOf(kv, tables.recipes(undefined))) {
      const recipe = decodeRecipe(value);
      blobs += 1;
      bytesLogical += recipe.length;
      for (const each of heldBy(recipe)) named.set(each, (named.get(each) ?? 0) + 1);
    }
    const live = new Map<string, number>();
    let [chunks, deltas, bytesUnique, bytesLive] = [0, 0, 0, 0];
    const rows = await this.chunkRows();
    for (const { base } of rows.values()) {
      if (base === undefined) continue;
      deltas += 1;
      named.set(base, (named.get(base) ?? 0) + 1);
      const row = rows.get(base);
      assert(row !== undefined && row.base === undefined, 'a base is there, and no delta itself');
    }
    for (const [fingerprint, row] of rows) {
      const references = decodeCounts(await kv.get(tables.references(fingerprint)), 1)[0];
      assert.equal(
        references,
        named.get(fingerprint) ?? 0,
        'references are the recipes and deltas that name it',
      );
      named.delete(fingerprint);
      chunks += 1;
      bytesUnique += row.plainBytes;
      bytesLive += row.length;
      live.set(row.segment, (live.get(row.segment) ?? 0) + row.length);
    }
    assert.equal(named.size, 0, 'recipes and deltas name only chunks that are there');
    let [segments, bytesStored] = [0, 0];
    for (const { key, value } of await rowsOf(kv, tables.segments(undefined))) {
      const id = segmentOfKey(key);
      segments += 1;
      bytesStored += decodeSegment(value).imageBytes;
      assert.equal(decodeCounts(await kv.get(tables.live(id)), 1)[0], live.get(id) ?? 0, 'live bytes');
      if (live.delete(id)) assert(this.segments.ids().includes(id), 'a segment with chunks is in the store');
    }
    assert.equal(live.size, 0, 'chunks are in segments that have rows');
    assert.deepEqual(this.chunks.usage(), {
      blobs,
      chunks,
      deltas,
      segments,
      bytesLogical,
      bytesUnique,
      bytesLive,
      bytesStored,
    });
  }

  async chunkRows(): Promise<ReadonlyMap<FingerprintText, ChunkRow>> {
    const rows = await rowsOf(this.kv, tables.chunks(undefined));
    return new Map(rows.map(({ key, value }) => [fingerprintOfKey(key), decodeChunk(value)]));
  }

  /** After a collection: nothing is there that nothing names. */
  async checkCollected(): Promise<void> {
    await this.audit();
    const rows = await rowsOf(this.kv, tables.segments(undefined));
    assert.deepEqual(
      rows.map(({ key }) => segmentOfKey(key)),
      this.segments.ids(),
      'the store has the segments that rows name',
    );
    for (const { key, value } of rows) {
      assert.equal(decodeSegment(value).state, 'sealed');
      assert((await this.kv.get(tables.live(segmentOfKey(key)))) !== undefined, 'no empty segment stays');
    }
    for (const { key } of await rowsOf(this.kv, tables.chunks(undefined))) {
      assert(
        (await this.kv.get(tables.references(fingerprintOfKey(key)))) !== undefined,
        'no dead chunk stays',
      );
    }
  }
}

export async function rowsOf(
  kv: Kv,
  range: { readonly start: Uint8Array; readonly end: Uint8Array },
): Promise<readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]> {
  const rows = [];
  for await (const page of kv.scan(range, { pageEntries: 100 })) rows.push(...page);
  return rows;
}

/** Content out of few pieces, so that blobs share chunks. */
export function contentOf(pieces: readonly number[], pieceBytes = 3000): Uint8Array {
  return Buffer.concat(pieces.map((piece) => noise(pieceBytes, piece + 1)));
}

/** The same with so many small changes: most of its chunks are like those of another version, and not the same. */
export function versionOf(pieces: readonly number[], version: number, pieceBytes = 20_000): Uint8Array {
  const bytes = contentOf(pieces, pieceBytes);
  const changes = version * Math.ceil(bytes.length / 3000);
  for (let change = 0; change < changes; change += 1) {
    bytes.set(noise(4, 1000 + change), (change * 2_503) % (bytes.length - 4));
  }
  return bytes;
}

export const blobOf = (id: number, bytes: Uint8Array): BlobToStore => ({
  id: id as BlobId,
  bytes,
  label: Buffer.from(`label of ${id}`),
});
