import { PAGE_ENTRIES_MAX } from '../limits.ts';
import type { BlobId } from '../tiering/blobs.ts';
import { ifStale, loadInode } from './attributes.ts';
import { endOfExtentKey, extentRange } from './keys.ts';
import type { Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { decodeExtent } from './records.ts';

/** See ObjectStore.blobsOf. */
export async function* blobsOf({ kv }: Pick<Parts, 'kv'>, ino: Ino): AsyncGenerator<readonly BlobId[], void> {
  const inode = await loadInode(kv, ino).catch(ifStale);
  if (inode?.kind !== 'file') return;
  if (inode.extents !== undefined) {
    if (inode.extents.length > 0) yield distinct(inode.extents.map(({ blob }) => blob));
    return;
  }
  const range = extentRange(inode.contentId, 0);
  for await (const page of kv.scan(range, { pageEntries: PAGE_ENTRIES_MAX }))
    yield distinct(page.map(({ key, value }) => decodeExtent(endOfExtentKey(key), value).blob));
}

const distinct = (ids: readonly BlobId[]): readonly BlobId[] => [...new Set(ids)];
