import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import { READ_ATTEMPTS_MAX } from '../../limits/tiering.ts';
import type { BlobId } from '../blobs.ts';
import type { SegmentId } from '../segment-store.ts';
import { chunkRowsOf, markLost, recipeOf, withBases, type ChunkRows } from './chunk-rows.ts';
import { openChunks, scrubOnce } from './open-chunks.ts';
import type { ChunkParts } from './parts.ts';
import { isSamePlace, type ChunkRow, type Recipe } from './records.ts';
import type { FingerprintText } from './tables.ts';

export interface BlobRange {
  readonly id: BlobId;
  readonly offset: number;
  readonly length: number;
}

/** A part of a chunk that a range needs. */
interface Piece {
  readonly fingerprint: FingerprintText;
  /** Of the chunk, in bytes of the blob. */
  readonly start: number;
}

/** See ChunkStore.read. Runs beside compaction, which moves frames, and release. */
export function readBlob(parts: ChunkParts, range: BlobRange): Promise<Uint8Array> {
  return parts.readers.run(async () => {
    const recipe = await recipeOf(parts, range.id);
    if (recipe === undefined) throw absent(parts, range.id);
    const { offset, length } = range;
    assert(length >= 0 && offset >= 0 && offset + length <= recipe.length, `range ${offset}+${length}`);
    const pieces = piecesOf(recipe, range);
    const plains = await plainsOf(parts, range.id, new Set(pieces.map(({ fingerprint }) => fingerprint)));
    return assembled(pieces, plains, range);
  });
}

const absent = ({ tier }: ChunkParts, id: BlobId): Fault =>
  new Fault('not-found', 'blob', `blob ${id} has no copy in the ${tier} tier`);

function piecesOf({ chunks }: Recipe, { offset, length }: BlobRange): readonly Piece[] {
  const pieces: Piece[] = [];
  let start = 0;
  for (const { fingerprint, length: chunkLength } of chunks) {
    if (start >= offset + length) break;
    if (start + chunkLength > offset) pieces.push({ fingerprint, start });
    start += chunkLength;
  }
  return pieces;
}

function assembled(
  pieces: readonly Piece[],
  plains: ReadonlyMap<FingerprintText, Uint8Array>,
  { offset, length }: BlobRange,
): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  for (const { fingerprint, start } of pieces) {
    const plain = plains.get(fingerprint);
    assert(plain !== undefined);
    const from = Math.max(offset, start);
    const part = plain.subarray(from - start, Math.min(offset + length - start, plain.length));
    bytes.set(part, from - offset);
    filled += part.length;
  }
  assert.equal(filled, length, 'the chunks of a recipe are its length');
  return bytes;
}

/**
 * The content of chunks. A frame that does not open may have moved: then its row is another one by now. Else its segment is
 * scrubbed once, and read again.
 */
async function plainsOf(
  parts: ChunkParts,
  id: BlobId,
  wanted: ReadonlySet<FingerprintText>,
): Promise<ReadonlyMap<FingerprintText, Uint8Array>> {
  const plains = new Map<FingerprintText, Uint8Array>();
  const scrubbed = new Set<SegmentId>();
  let failed: ChunkRows = new Map();
  for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt += 1) {
    const missing = without(wanted, plains);
    const found = await chunkRowsOf(parts, missing);
    if (found.size < missing.length) await requireRecipe(parts, id);
    const rows = await withBases(parts, found);
    const same = [...rows].filter(([fingerprint, row]) => isSame(failed.get(fingerprint), row));
    if (same.some(([, { segment }]) => scrubbed.has(segment))) throw await corrupt(parts, id, new Map(same));
    for (const segment of new Set(same.map(([, row]) => row.segment))) {
      await scrubOnce(parts, segment);
      scrubbed.add(segment);
    }
    noteReads(parts, rows);
    const opened = await openChunks(parts, rows);
    failed = opened.broken;
    for (const [fingerprint, plain] of opened.plains) plains.set(fingerprint, plain);
    await noteFound(parts, rows, opened.plains);
    if (without(wanted, plains).length === 0) return plains;
    for (const fingerprint of failed.keys()) parts.chunks.forget(fingerprint);
  }
  throw new Fault('unavailable', 'store', `blob ${id} changed each time it was read`);
}

function noteReads({ reads, environment }: ChunkParts, rows: ChunkRows): void {
  const note = reads.reading();
  const now = environment.clock.monotonic();
  for (const { segment } of rows.values()) note(segment, now);
}

const isSame = (before: ChunkRow | undefined, row: ChunkRow): boolean =>
  before !== undefined && isSamePlace(before, row);

const without = (
  wanted: ReadonlySet<FingerprintText>,
  plains: ReadonlyMap<FingerprintText, Uint8Array>,
): readonly FingerprintText[] => [...wanted].filter((fingerprint) => !plains.has(fingerprint));

/** Chunks that a recipe names are gone only if the recipe is, or was and has come back. */
async function requireRecipe(parts: ChunkParts, id: BlobId): Promise<void> {
  parts.recipes.forget(id);
  if ((await recipeOf(parts, id)) === undefined) throw absent(parts, id);
}

/** What counted as lost and was opened does not any more. */
async function noteFound(
  parts: ChunkParts,
  rows: ChunkRows,
  plains: ReadonlyMap<FingerprintText, Uint8Array>,
): Promise<void> {
  const found = new Map([...rows].filter(([fingerprint, { isLost }]) => isLost && plains.has(fingerprint)));
  if (found.size > 0) await markLost(parts, found, false);
}

async function corrupt(parts: ChunkParts, id: BlobId, rows: ChunkRows): Promise<Fault> {
  const { environment, tier } = parts;
  await markLost(parts, rows, true);
  const segments = [...new Set([...rows.values()].map(({ segment }) => segment))];
  environment.log.error('content is damaged beyond repair', { tier, blob: id, segments });
  return new Fault('corrupt', 'blob', `the copy of blob ${id} in the ${tier} tier is damaged beyond repair`);
}
