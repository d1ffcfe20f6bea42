import { MOVED_BLOB_BYTES_MAX, WAY_OUT_ROWS } from '../../limits/tiering.ts';
import type { BlobId } from '../blobs.ts';
import type { BlobCopies, Copies } from '../copies.ts';
import type { Migrations } from '../migration.ts';
import type { ForeignCopies } from './foreign-copies.ts';
import { foreignKey, type BindingId } from './foreign-records.ts';

export interface WayOutParts {
  readonly copies: Copies;
  readonly foreign: ForeignCopies;
  readonly migrations: Pick<Migrations, 'run'>;
  /** A hot copy is the only one from now on. */
  readonly isOnly: (id: BlobId) => void;
}

export interface WayOut {
  /** Blobs of those looked at that are still only in the binding's bucket. */
  readonly left: number;
  /** Those of them that are too long to be moved as they are. */
  readonly tooLong: readonly BlobId[];
  /** Pass it on to go on; `undefined`: that was all. */
  readonly next: BlobId | undefined;
}

/** Not only in a bucket of others: no blob has a foreign copy and another cold one (lower-copies.ts). */
const isOurs = (blob: BlobCopies | undefined): boolean =>
  blob === undefined || blob.hot !== undefined || blob.lower.includes('warm');

/**
 * One bounded unit of the way out of a binding: blobs that are only there are copied to the hot tier, unless they are too long
 * to be moved, and those that have a copy of ours lose the one there, which is a row. What fails to come stays as it is.
 */
export async function wayOut(parts: WayOutParts, binding: BindingId, after: BlobId | 0): Promise<WayOut> {
  const { copies, foreign, migrations, isOnly } = parts;
  const { ids, next } = await foreign.pageOf(binding, after, WAY_OUT_ROWS);
  if (ids.length === 0) return { left: 0, tooLong: [], next };
  const found = await copies.of(copies.kv, ids);
  const coming = found.flatMap((blob) =>
    blob === undefined || isOurs(blob) || blob.length > MOVED_BLOB_BYTES_MAX ? [] : [blob.id],
  );
  if (coming.length > 0) await migrations.run({ blobs: coming, to: 'hot', trigger: 'order' });
  const left = await copies.kv.transact('durable', async (tx) => {
    const now = await copies.of(tx, ids);
    for (const [index, id] of ids.entries()) {
      if (!isOurs(now[index])) continue;
      tx.delete(foreignKey(id));
      tx.whenCommitted(() => isOnly(id));
    }
    return now.flatMap((blob) => (blob === undefined || isOurs(blob) ? [] : [blob]));
  });
  const tooLong = left.filter(({ length }) => length > MOVED_BLOB_BYTES_MAX).map(({ id }) => id);
  return { left: left.length, tooLong, next };
}
