import type { Kv } from '../../kv/kv.ts';
import { CHUNK_ROWS_MAX } from '../../limits/tiering.ts';
import type { BlobId } from '../blobs.ts';
import type { ChunkParts } from './parts.ts';
import {
  decodeChunk,
  decodeRecipe,
  encodeChunk,
  isSamePlace,
  type ChunkRow,
  type Recipe,
} from './records.ts';
import type { FingerprintText } from './tables.ts';

export type ChunkRows = ReadonlyMap<FingerprintText, ChunkRow>;

/** The recipe of a blob, from memory where it is there. */
export async function recipeOf(parts: ChunkParts, id: BlobId): Promise<Recipe | undefined> {
  const found = parts.recipes.find(id);
  if (found !== undefined) return found;
  const keep = parts.recipes.reading();
  const row = await parts.kv.get(parts.tables.recipe(id));
  if (row === undefined) return undefined;
  const recipe = decodeRecipe(row);
  keep(id, recipe);
  return recipe;
}

/** The rows of those chunks that have some, from memory where they are there. */
export async function chunkRowsOf(
  parts: ChunkParts,
  fingerprints: Iterable<FingerprintText>,
): Promise<ChunkRows> {
  const rows = new Map<FingerprintText, ChunkRow>();
  const missing: FingerprintText[] = [];
  for (const fingerprint of fingerprints) {
    const found = parts.chunks.find(fingerprint);
    if (found === undefined) missing.push(fingerprint);
    else rows.set(fingerprint, found);
  }
  const keep = parts.chunks.reading();
  for (const [fingerprint, row] of await readChunkRows(parts, missing)) {
    keep(fingerprint, row);
    rows.set(fingerprint, row);
  }
  return rows;
}

/** The same as the store has them. */
export async function readChunkRows(
  { kv, tables }: Pick<ChunkParts, 'tables'> & { readonly kv: Pick<Kv, 'getMany'> },
  fingerprints: readonly FingerprintText[],
): Promise<ChunkRows> {
  const rows = new Map<FingerprintText, ChunkRow>();
  for (let at = 0; at < fingerprints.length; at += CHUNK_ROWS_MAX) {
    const some = fingerprints.slice(at, at + CHUNK_ROWS_MAX);
    const values = await kv.getMany(some.map(tables.chunk));
    for (const [index, fingerprint] of some.entries()) {
      const value = values[index];
      if (value !== undefined) rows.set(fingerprint, decodeChunk(value));
    }
  }
  return rows;
}

/** The same rows, and those of the bases of deltas among them. */
export async function withBases(parts: ChunkParts, rows: ChunkRows): Promise<ChunkRows> {
  const missing = missingBases(rows);
  return missing.length === 0 ? rows : new Map([...rows, ...(await chunkRowsOf(parts, missing))]);
}

/** The same as the store has them. */
export async function readWithBases(
  parts: Parameters<typeof readChunkRows>[0],
  rows: ChunkRows,
): Promise<ChunkRows> {
  const missing = missingBases(rows);
  return missing.length === 0 ? rows : new Map([...rows, ...(await readChunkRows(parts, missing))]);
}

function missingBases(rows: ChunkRows): readonly FingerprintText[] {
  const missing = new Set<FingerprintText>();
  for (const { base } of rows.values()) if (base !== undefined && !rows.has(base)) missing.add(base);
  return [...missing];
}

/** Whether the chunk can be read, as far as rows say: a delta needs its base, which is lost or not by a row of its own. */
export const isSound = (rows: ChunkRows, row: ChunkRow): boolean =>
  !row.isLost && (row.base === undefined || rows.get(row.base)?.isLost === false);

/** Says of chunks whether their frames can be read, unless they have moved since `rows` were read. */
export async function markLost(parts: ChunkParts, rows: ChunkRows, isLost: boolean): Promise<void> {
  const { kv, tables, chunks } = parts;
  await kv.transact('buffered', async (tx) => {
    const latest = await readChunkRows({ kv: tx, tables }, [...rows.keys()]);
    for (const [fingerprint, row] of latest) {
      const seen = rows.get(fingerprint);
      if (seen === undefined || !isSamePlace(seen, row) || row.isLost === isLost) continue;
      tx.put(tables.chunk(fingerprint), encodeChunk({ ...row, isLost }));
      tx.whenCommitted(() => chunks.forget(fingerprint));
    }
  });
}
