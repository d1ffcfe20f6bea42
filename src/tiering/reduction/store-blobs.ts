import assert from 'node:assert/strict';
import {
  PACK_BYTES_MAX,
  PACK_RATIO_MAX,
  STORE_BATCH_BYTES_MAX,
  STORE_CUTS_MAX,
  STORE_PUTS_MAX,
} from '../../limits/tiering.ts';
import { FRAME_SALT_BYTES } from '../../workers/frame.ts';
import type { Chunk, ChunkItem } from '../../workers/reduction.ts';
import { atMost } from '../at-most.ts';
import type { SegmentId } from '../segment-store.ts';
import { isSound, readChunkRows, readWithBases, type ChunkRows } from './chunk-rows.ts';
import type { BlobToStore } from './chunk-store.ts';
import type { ChunkParts } from './parts.ts';
import { described, type Described } from './description-item.ts';
import { heldBy, type ChunkPlace, type Recipe } from './records.ts';
import { isWorthwhile, Resemblance, type NewChunk } from './similar.ts';
import { fingerprintText, type FingerprintText } from './tables.ts';
import { packSegment, putSegment, type PackedSegment } from './write-segment.ts';

/** Of a chunk that was not there. */
export interface NewPlace extends ChunkPlace {
  readonly superFeatures: Uint8Array;
}

/** What `attach` writes. */
export interface Staged {
  readonly recipe: Recipe;
  /** Of those chunks that were not there, and of the bases of deltas among them that were not there either. */
  readonly places: ReadonlyMap<FingerprintText, NewPlace>;
  /** Where these are; each is pinned once for this blob. */
  readonly segments: ReadonlySet<SegmentId>;
}

interface CutBlob extends Described {
  readonly blob: BlobToStore;
  readonly chunks: readonly Chunk[];
}

/** What the frames of content have: who shares them knows nothing of each other. */
const NO_LABEL = new Uint8Array(0);

/** Of what shall neither be a delta nor have any. */
const NO_FEATURES = new Uint8Array(0);

export interface Written {
  readonly places: ReadonlyMap<FingerprintText, NewPlace>;
  readonly segments: readonly SegmentId[];
}

/**
 * Cuts blobs and puts what no chunk row has yet into segments. In the order of `blobs`. When it fails, the segments that were
 * put are left to the collector.
 */
export async function storeBlobs(
  parts: ChunkParts,
  blobs: readonly BlobToStore[],
): Promise<readonly Staged[]> {
  const bytes = blobs.reduce((sum, blob) => sum + blob.bytes.length, 0);
  assert(bytes <= STORE_BATCH_BYTES_MAX, `a batch of ${bytes} bytes`);
  const { reduction, chunking, open, ids } = parts;
  const making = ids.next();
  const cut = await atMost(STORE_CUTS_MAX, blobs, async (blob) => {
    const chunks = blob.bytes.length === 0 ? [] : await reduction.cut(chunking, blob.bytes);
    return { blob, chunks, ...describedCut(parts, blob, { cut: chunks, making }) };
  });
  const written = await writeNew(parts, await newItems(parts, cut));
  const staged = cut.map((each) => stagedOf(each, written));
  for (const { segments } of staged) for (const id of segments) open.pin(id);
  for (const id of written.segments) open.unpin(id);
  return staged;
}

/** As `described`, of a blob that was cut. */
function describedCut(
  parts: ChunkParts,
  { id, bytes, label }: BlobToStore,
  { cut, making }: { readonly cut: readonly Chunk[]; readonly making: SegmentId },
): Described {
  const chunks = cut.map(({ length, fingerprint }) => ({
    length,
    fingerprint: fingerprintText(fingerprint),
  }));
  return described(parts, { id, label, making, content: { length: bytes.length, chunks } });
}

function stagedOf({ recipe }: CutBlob, written: Written): Staged {
  const places = new Map<FingerprintText, NewPlace>();
  const add = (fingerprint: FingerprintText): void => {
    const place = written.places.get(fingerprint);
    if (place === undefined) return;
    places.set(fingerprint, place);
    if (place.base !== undefined) add(place.base);
  };
  for (const fingerprint of heldBy(recipe)) add(fingerprint);
  const segments = new Set([...places.values()].map(({ segment }) => segment));
  return { recipe, places, segments };
}

/** Chunks that the store has not, each once, and behind those of each blob its description. */
async function newItems(parts: ChunkParts, cut: readonly CutBlob[]): Promise<readonly NewChunk[]> {
  const content = await newChunks(parts, cut);
  const items = new Map<FingerprintText, NewChunk>();
  for (const { recipe, description: item } of cut) {
    for (const { fingerprint } of recipe.chunks) {
      const chunk = content.get(fingerprint);
      if (chunk !== undefined) items.set(fingerprint, chunk);
    }
    const chunk = newDescription(item);
    items.set(chunk.fingerprint, chunk);
  }
  return [...items.values()];
}

/** A description, which is like no other. */
export const newDescription = (item: ChunkItem): NewChunk => ({
  fingerprint: fingerprintText(item.fingerprint),
  item,
  superFeatures: NO_FEATURES,
});

async function newChunks(
  parts: ChunkParts,
  cut: readonly CutBlob[],
): Promise<ReadonlyMap<FingerprintText, NewChunk>> {
  const items = new Map<FingerprintText, NewChunk>();
  for (const { blob, chunks } of cut) {
    for (const { offset, length, fingerprint, superFeatures } of chunks) {
      const text = fingerprintText(fingerprint);
      if (items.has(text)) continue;
      const plain = blob.bytes.subarray(offset, offset + length);
      const salts = parts.environment.random.bytes(2 * FRAME_SALT_BYTES);
      const item = { kind: 'chunk', plain, fingerprint, salts, label: NO_LABEL } as const;
      items.set(text, {
        fingerprint: text,
        item,
        superFeatures: isWorthwhile(plain) ? superFeatures : NO_FEATURES,
      });
    }
  }
  const rows = await rowsOf(parts, [...items.keys()]);
  for (const [fingerprint, chunk] of items) {
    const row = rows.get(fingerprint);
    if (row === undefined) continue;
    if (isSound(rows, row)) items.delete(fingerprint);
    // What heals a lost chunk is no delta: others may be deltas of it.
    else items.set(fingerprint, { ...chunk, superFeatures: NO_FEATURES });
  }
  return items;
}

/**
 * Of those that have a frame already. Equal fingerprints are equal content: BLAKE3 with a key that nobody outside knows, so
 * that the stored copy need not be read.
 */
const rowsOf = async (parts: ChunkParts, fingerprints: readonly FingerprintText[]): Promise<ChunkRows> =>
  readWithBases(parts, await readChunkRows(parts, fingerprints));

/** Segments of these; each is pinned until the caller unpins it. When it fails, what was put is left to the collector. */
export async function writeNew(parts: ChunkParts, chunks: readonly NewChunk[]): Promise<Written> {
  const places = new Map<FingerprintText, NewPlace>();
  const segments: SegmentId[] = [];
  const puts: Promise<void>[] = [];
  const resemblance = new Resemblance(parts);
  try {
    for (let at = 0; at < chunks.length;) {
      await puts.at(-STORE_PUTS_MAX);
      const some = chunks.slice(at, at + countToPack(parts, chunks, at));
      const segment = await packNew(parts, resemblance, some);
      segments.push(segment.id);
      for (const { fingerprint, place } of placesIn(segment, some)) places.set(fingerprint, place);
      const put = putSegment(parts, segment);
      // Heard below, when all have settled.
      put.catch(() => undefined);
      puts.push(put);
      at += segment.placed.length;
      learn(parts, segment, some);
    }
    await Promise.all(puts);
  } catch (failure) {
    await Promise.allSettled(puts);
    for (const id of segments) parts.open.unpin(id);
    throw failure;
  }
  return { places, segments };
}

type PackedNew = PackedSegment & { readonly bases: readonly (FingerprintText | undefined)[] };

/** A segment of the first of these chunks, and of which chunks they became deltas. */
async function packNew(
  parts: ChunkParts,
  resemblance: Resemblance,
  chunks: readonly NewChunk[],
): Promise<PackedNew> {
  const { compression } = parts.settings;
  const found = await resemblance.basesOf(chunks);
  const items = chunks.map(({ fingerprint, item }) => {
    const base = found.get(fingerprint);
    return base === undefined ? item : { ...item, base };
  });
  const packing = { compression, isDense: compression.codec === 'zstd' };
  const segment = await packSegment(parts, items, packing);
  const bases = segment.placed.map(({ codec }, index) => {
    const [chunk, base] = [chunks[index], items[index]?.base];
    assert(chunk !== undefined, 'more frames than items');
    if (codec === 'zstd-delta' && base !== undefined) return fingerprintText(base.fingerprint);
    resemblance.keep(chunk);
    return undefined;
  });
  return { ...segment, bases };
}

/** As many as probably fill a segment: what is handed over and has no room was copied in vain. At least one. */
function countToPack({ segments, density }: ChunkParts, chunks: readonly NewChunk[], from: number): number {
  const bytesWanted = Math.min(segments.traits.imageBytesMax * density.ratio, PACK_BYTES_MAX);
  let bytes = 0;
  let count = 0;
  while (from + count < chunks.length && bytes < bytesWanted) {
    bytes += chunks[from + count]?.item.plain.length ?? 0;
    count += 1;
  }
  return count;
}

/** A segment that had room for all may have had room for more. */
function learn({ density }: ChunkParts, { placed, row }: PackedSegment, some: readonly NewChunk[]): void {
  const taken = some.slice(0, placed.length);
  const plain = taken.reduce((sum, { item }) => sum + item.plain.length, 0);
  // Of descriptions, which are short, nothing is learned.
  if (plain < row.imageBytes / 2) return;
  const ratio = (plain / row.imageBytes) * (taken.length === some.length ? 1.5 : 1.1);
  density.ratio = Math.min(Math.max(ratio, 1), PACK_RATIO_MAX);
}

function* placesIn(
  { id, placed, seal, bases }: PackedNew,
  chunks: readonly NewChunk[],
): Generator<{ readonly fingerprint: FingerprintText; readonly place: NewPlace }> {
  const keyId = seal.cipher === 'none' ? undefined : seal.keyId;
  for (const [index, { start, length }] of placed.entries()) {
    const chunk = chunks[index];
    assert(chunk !== undefined, 'more frames than items');
    const { fingerprint, item, superFeatures } = chunk;
    const at = { segment: id, start, length, plainBytes: item.plain.length, keyId, base: bases[index] };
    yield { fingerprint, place: { ...at, superFeatures } };
  }
}
