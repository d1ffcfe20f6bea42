import assert from 'node:assert/strict';
import {
  CHUNK_ROWS_MAX,
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
import type { BlobToStore } from './chunk-store.ts';
import type { ChunkParts } from './parts.ts';
import { described, type Described } from './description-item.ts';
import { decodeChunk, heldBy, type ChunkPlace, type Recipe } from './records.ts';
import { fingerprintText, type FingerprintText } from './tables.ts';
import { packSegment, putSegment, type PackedSegment } from './write-segment.ts';

/** What `attach` writes. */
export interface Staged {
  readonly recipe: Recipe;
  /** Of those chunks that were not there. */
  readonly places: ReadonlyMap<FingerprintText, ChunkPlace>;
  /** Where these are; each is pinned once for this blob. */
  readonly segments: ReadonlySet<SegmentId>;
}

interface CutBlob extends Described {
  readonly blob: BlobToStore;
  readonly chunks: readonly Chunk[];
}

/** What becomes frames, by fingerprint, in the order in which it is packed. */
type Items = ReadonlyMap<FingerprintText, ChunkItem>;

/** What the frames of content have: who shares them knows nothing of each other. */
const NO_LABEL = new Uint8Array(0);

export interface Written {
  readonly places: ReadonlyMap<FingerprintText, ChunkPlace>;
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
  const places = new Map<FingerprintText, ChunkPlace>();
  for (const fingerprint of heldBy(recipe)) {
    const place = written.places.get(fingerprint);
    if (place !== undefined) places.set(fingerprint, place);
  }
  const segments = new Set([...places.values()].map(({ segment }) => segment));
  return { recipe, places, segments };
}

/** Chunks that the store has not, each once, and behind those of each blob its description. */
async function newItems(parts: ChunkParts, cut: readonly CutBlob[]): Promise<Items> {
  const content = await newChunks(parts, cut);
  const items = new Map<FingerprintText, ChunkItem>();
  for (const { recipe, description } of cut) {
    for (const { fingerprint } of recipe.chunks) {
      const item = content.get(fingerprint);
      if (item !== undefined) items.set(fingerprint, item);
    }
    items.set(fingerprintText(description.fingerprint), description);
  }
  return items;
}

async function newChunks(parts: ChunkParts, cut: readonly CutBlob[]): Promise<Items> {
  const items = new Map<FingerprintText, ChunkItem>();
  for (const { blob, chunks } of cut) {
    for (const { offset, length, fingerprint } of chunks) {
      const text = fingerprintText(fingerprint);
      if (items.has(text)) continue;
      const plain = blob.bytes.subarray(offset, offset + length);
      const salts = parts.environment.random.bytes(2 * FRAME_SALT_BYTES);
      items.set(text, { kind: 'chunk', plain, fingerprint, salts, label: NO_LABEL });
    }
  }
  for (const text of await presentOf(parts, [...items.keys()])) items.delete(text);
  return items;
}

/**
 * Those that have a frame already. Equal fingerprints are equal content: BLAKE3 with a key that nobody outside knows, so
 * that the stored copy need not be read.
 */
async function presentOf(
  { kv, tables }: ChunkParts,
  fingerprints: readonly FingerprintText[],
): Promise<readonly FingerprintText[]> {
  const present: FingerprintText[] = [];
  for (let at = 0; at < fingerprints.length; at += CHUNK_ROWS_MAX) {
    const some = fingerprints.slice(at, at + CHUNK_ROWS_MAX);
    const rows = await kv.getMany(some.map(tables.chunk));
    present.push(...some.filter((_, index) => isSound(rows[index])));
  }
  return present;
}

const isSound = (row: Uint8Array | undefined): boolean => row !== undefined && !decodeChunk(row).isLost;

/** Segments of these; each is pinned until the caller unpins it. When it fails, what was put is left to the collector. */
export async function writeNew(parts: ChunkParts, items: Items): Promise<Written> {
  const places = new Map<FingerprintText, ChunkPlace>();
  const segments: SegmentId[] = [];
  const puts: Promise<void>[] = [];
  const entries = [...items];
  const { compression } = parts.settings;
  try {
    for (let at = 0; at < entries.length;) {
      await puts.at(-STORE_PUTS_MAX);
      const some = entries.slice(at, at + countToPack(parts, entries, at));
      const segment = await packSegment(
        parts,
        some.map(([, item]) => item),
        { compression, isDense: compression.codec === 'zstd' },
      );
      segments.push(segment.id);
      for (const [fingerprint, place] of placesIn(segment, some)) places.set(fingerprint, place);
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

/** As many as probably fill a segment: what is handed over and has no room was copied in vain. At least one. */
function countToPack(
  { segments, density }: ChunkParts,
  entries: readonly (readonly [FingerprintText, ChunkItem])[],
  from: number,
): number {
  const bytesWanted = Math.min(segments.traits.imageBytesMax * density.ratio, PACK_BYTES_MAX);
  let bytes = 0;
  let count = 0;
  while (from + count < entries.length && bytes < bytesWanted) {
    bytes += entries[from + count]?.[1].plain.length ?? 0;
    count += 1;
  }
  return count;
}

/** A segment that had room for all may have had room for more. */
function learn(
  { density }: ChunkParts,
  { placed, row }: PackedSegment,
  some: readonly (readonly [FingerprintText, ChunkItem])[],
): void {
  const taken = some.slice(0, placed.length);
  const plain = taken.reduce((sum, [, item]) => sum + item.plain.length, 0);
  // Of descriptions, which are short, nothing is learned.
  if (plain < row.imageBytes / 2) return;
  const ratio = (plain / row.imageBytes) * (taken.length === some.length ? 1.5 : 1.1);
  density.ratio = Math.min(Math.max(ratio, 1), PACK_RATIO_MAX);
}

function* placesIn(
  { id, placed, seal }: PackedSegment,
  items: readonly (readonly [FingerprintText, ChunkItem])[],
): Generator<readonly [FingerprintText, ChunkPlace]> {
  const keyId = seal.cipher === 'none' ? undefined : seal.keyId;
  for (const [index, { start, length }] of placed.entries()) {
    const entry = items[index];
    assert(entry !== undefined, 'more frames than items');
    const [fingerprint, { plain }] = entry;
    yield [fingerprint, { segment: id, start, length, plainBytes: plain.length, keyId }];
  }
}
