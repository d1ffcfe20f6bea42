import { Fault } from '../../fault.ts';
import type { BlobId } from '../blobs.ts';
import { attachRecipe } from './attach.ts';
import type { BlobToDescribe } from './chunk-store.ts';
import { described, type Described } from './description-item.ts';
import type { ChunkParts } from './parts.ts';
import { decodeRecipe } from './records.ts';
import { newDescription, writeNew, type Written } from './store-blobs.ts';

interface Renewed extends Described {
  readonly id: BlobId;
  /** The recipe's row before. */
  readonly row: Uint8Array;
}

/** See ChunkStore.describe. */
export async function describeBlobs(parts: ChunkParts, blobs: readonly BlobToDescribe[]): Promise<void> {
  const renewed = await renewedOf(parts, blobs);
  if (renewed.length === 0) return;
  const chunks = renewed.map(({ description }) => newDescription(description));
  const written = await writeNew(parts, chunks);
  try {
    for (const each of renewed) await replace(parts, each, written);
  } finally {
    for (const id of written.segments) parts.open.unpin(id);
  }
}

async function renewedOf(parts: ChunkParts, blobs: readonly BlobToDescribe[]): Promise<readonly Renewed[]> {
  const { kv, tables, ids } = parts;
  const making = ids.next();
  const rows = await kv.getMany(blobs.map(({ id }) => tables.recipe(id)));
  return blobs.flatMap(({ id, label }, index) => {
    const row = rows[index];
    return row === undefined
      ? []
      : [{ id, row, ...described(parts, { id, label, making, content: decodeRecipe(row) }) }];
  });
}

/** Passed over: a blob that has another recipe by now, which says what is true, or none, or one that has lost a chunk. */
async function replace(
  parts: ChunkParts,
  { id, row, recipe }: Renewed,
  { places, segments }: Written,
): Promise<void> {
  const { kv, tables } = parts;
  try {
    await kv.transact('buffered', async (tx) => {
      const now = await tx.get(tables.recipe(id));
      if (now === undefined || Buffer.compare(now, row) !== 0) return;
      await attachRecipe(parts, tx, { id, staged: { recipe, places, segments: new Set(segments) } });
    });
  } catch (failure) {
    if (!(failure instanceof Fault && failure.code === 'conflict')) throw failure;
  }
}
