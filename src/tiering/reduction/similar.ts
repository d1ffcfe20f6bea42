import { RecordReader, RecordWriter } from '../../codec.ts';
import { keyText, type KeyText } from '../../kv/key-text.ts';
import type { KvTransaction, Value } from '../../kv/kv.ts';
import {
  CHUNK_ROWS_MAX,
  SIMILAR_BASE_BYTES_MAX,
  SIMILAR_BASE_RATIO_MAX,
  SIMILAR_BYTES_MIN,
  SIMILAR_SLOTS,
} from '../../limits/tiering.ts';
import type { ChunkItem } from '../../workers/reduction.ts';
import { SUPER_FEATURE_BYTES } from '../../workers/similarity.ts';
import { readChunkRows, type ChunkRows } from './chunk-rows.ts';
import { isAway, openChunks } from './open-chunks.ts';
import type { ChunkParts } from './parts.ts';
import { fingerprintOf, fingerprintText, type FingerprintText } from './tables.ts';

const VERSION = 1;

/** A chunk that is to be stored. */
export interface NewChunk {
  readonly fingerprint: FingerprintText;
  readonly item: ChunkItem;
  /** Nothing for one that shall not be a delta. */
  readonly superFeatures: Uint8Array;
}

type Bases = ReadonlyMap<FingerprintText, NonNullable<ChunkItem['base']>>;

const featuresOf = (superFeatures: Uint8Array): readonly Uint8Array[] =>
  Array.from({ length: superFeatures.length / SUPER_FEATURE_BYTES }, (_, at) =>
    superFeatures.subarray(at * SUPER_FEATURE_BYTES, (at + 1) * SUPER_FEATURE_BYTES),
  );

/** Super-features are hashes: their first bytes are as good as any. */
const slotOf = (feature: Uint8Array): number =>
  Buffer.from(feature.buffer, feature.byteOffset).readUInt32LE() % SIMILAR_SLOTS;

/**
 * Notes that what has these super-features resembles `base`. The table has a fixed number of slots and each keeps what was
 * noted last, so that it never grows beyond them; what it says are hints, and rows of chunks decide. Nothing is read: those
 * who note do not conflict.
 */
export function noteSimilar(
  { tables }: Pick<ChunkParts, 'tables'>,
  tx: KvTransaction,
  { superFeatures, base }: { readonly superFeatures: Uint8Array; readonly base: FingerprintText },
): void {
  for (const feature of featuresOf(superFeatures)) {
    const row = new RecordWriter().number(VERSION).bytes(feature).bytes(fingerprintOf(base));
    tx.put(tables.similar(slotOf(feature)), row.finish());
  }
}

/** Of the super-feature, unless its slot has another one by now. */
function baseIn(row: Value | undefined, feature: Uint8Array): FingerprintText | undefined {
  if (row === undefined) return undefined;
  const reader = new RecordReader(row);
  if (reader.number() !== VERSION || Buffer.compare(reader.bytes(), feature) !== 0) return undefined;
  return fingerprintText(reader.bytes());
}

/** What the new chunks of one batch resemble: others of the batch, which need no reading, and chunks of the store. */
export class Resemblance {
  readonly #parts: ChunkParts;
  /** Of this batch, by super-feature. */
  readonly #own = new Map<KeyText, FingerprintText>();
  readonly #plains = new Map<FingerprintText, Uint8Array>();

  constructor(parts: ChunkParts) {
    this.#parts = parts;
  }

  /** Bases for those of these chunks that resemble something; none of them is a delta. In this order they are to be packed. */
  async basesOf(chunks: readonly NewChunk[]): Promise<Bases> {
    if (chunks.every(({ superFeatures }) => superFeatures.length === 0)) return new Map();
    return this.#parts.readers.run(async () => {
      const stored = await this.#stored(chunks);
      const chosen = new Map<FingerprintText, FingerprintText>();
      for (const chunk of chunks) {
        // What had no room in the last segment may be the base of others by now.
        const isKept = this.#plains.has(chunk.fingerprint);
        const base = isKept ? undefined : this.#choose(chunk, stored);
        if (base === undefined) this.keep(chunk);
        else chosen.set(chunk.fingerprint, base);
      }
      return this.#open(chunks, chosen, stored.rows);
    });
  }

  /** Of a chunk that is no delta: later ones may be deltas of it. */
  keep({ fingerprint, item, superFeatures }: NewChunk): void {
    if (superFeatures.length === 0) return;
    this.#plains.set(fingerprint, item.plain);
    for (const feature of featuresOf(superFeatures)) this.#own.set(keyText(feature), fingerprint);
  }

  /** What the table says, and the rows of those that can be bases. */
  async #stored(chunks: readonly NewChunk[]): Promise<Stored> {
    const { kv, tables, segments } = this.#parts;
    const named = new Map<KeyText, FingerprintText>();
    // To read from a staged store costs time and money.
    if (segments.traits.access === 'staged') return { named, rows: new Map() };
    const features = chunks.flatMap(({ superFeatures }) => featuresOf(superFeatures));
    for (let at = 0; at < features.length; at += CHUNK_ROWS_MAX) {
      const some = features.slice(at, at + CHUNK_ROWS_MAX);
      const rows = await kv.getMany(some.map((feature) => tables.similar(slotOf(feature))));
      for (const [index, feature] of some.entries()) {
        const base = baseIn(rows[index], feature);
        if (base !== undefined) named.set(keyText(feature), base);
      }
    }
    const rows = await readChunkRows(this.#parts, [...new Set(named.values())]);
    const usable = [...rows].filter(([, row]) => !row.isLost && row.base === undefined);
    return { named, rows: new Map(usable) };
  }

  /** What most of its super-features name; of the batch before the store, since it was noted later. */
  #choose(
    { fingerprint, item, superFeatures }: NewChunk,
    { named, rows }: Stored,
  ): FingerprintText | undefined {
    const votes = new Map<FingerprintText, number>();
    for (const feature of featuresOf(superFeatures)) {
      const text = keyText(feature);
      const base = this.#own.get(text) ?? named.get(text);
      if (base === undefined || base === fingerprint) continue;
      const bytes = this.#plains.get(base)?.length ?? rows.get(base)?.plainBytes;
      if (bytes === undefined || bytes > SIMILAR_BASE_RATIO_MAX * item.plain.length) continue;
      votes.set(base, (votes.get(base) ?? 0) + 1);
    }
    const [best] = [...votes].sort(([, one], [, other]) => other - one);
    return best?.[0];
  }

  /** Without those that cannot be read, and without some where there are too many. */
  async #open(
    chunks: readonly NewChunk[],
    chosen: ReadonlyMap<FingerprintText, FingerprintText>,
    rows: ChunkRows,
  ): Promise<Bases> {
    const wanted = new Map<FingerprintText, FingerprintText>();
    const reading = new Map<
      FingerprintText,
      ChunkRows extends ReadonlyMap<unknown, infer Row> ? Row : never
    >();
    let bytes = 0;
    for (const { fingerprint } of chunks) {
      const base = chosen.get(fingerprint);
      if (base === undefined) continue;
      const row = this.#plains.has(base) ? undefined : rows.get(base);
      bytes += this.#plains.get(base)?.length ?? row?.plainBytes ?? 0;
      if (bytes > SIMILAR_BASE_BYTES_MAX) break;
      wanted.set(fingerprint, base);
      if (row !== undefined) reading.set(base, row);
    }
    const plains = await this.#read(reading);
    const bases = new Map<FingerprintText, NonNullable<ChunkItem['base']>>();
    for (const [fingerprint, base] of wanted) {
      const plain = this.#plains.get(base) ?? plains.get(base);
      if (plain !== undefined) bases.set(fingerprint, { plain, fingerprint: fingerprintOf(base) });
    }
    return bases;
  }

  async #read(rows: ChunkRows): Promise<ReadonlyMap<FingerprintText, Uint8Array>> {
    try {
      return (await openChunks(this.#parts, rows)).plains;
    } catch (failure) {
      if (isAway(failure)) return new Map();
      throw failure;
    }
  }
}

interface Stored {
  /** By super-feature. */
  readonly named: ReadonlyMap<KeyText, FingerprintText>;
  readonly rows: ChunkRows;
}

/** Whether a chunk is long enough for a delta to gain more than the head of its frame costs. */
export const isWorthwhile = (plain: Uint8Array): boolean => plain.length >= SIMILAR_BYTES_MIN;
