import { resolve } from './attach.ts';
import { facetOf, foundOf, loadInode, nextCtime, withDirty } from './attributes.ts';
import { inodeKey } from './keys.ts';
import type { Found, ObjectAt, Tag } from './namespace.ts';
import type { Parts } from './parts.ts';
import { encodeInode } from './records.ts';

/** See ObjectStore.setTags. */
export async function setTags(
  parts: Parts,
  { bucket, key }: ObjectAt,
  tags: readonly Tag[],
): Promise<Found | undefined> {
  const inode = await parts.kv.transact('durable', async (tx) => {
    const resolved = await resolve(tx, bucket, key);
    if (resolved === undefined) return undefined;
    const stored = await loadInode(tx, resolved.dentry.ino);
    const ctime = nextCtime(parts, stored, parts.environment.clock.wall());
    const facet = { ...facetOf(stored), tags, contentGeneration: stored.contentGeneration };
    const changed = { ...stored, facet, ctime };
    tx.put(inodeKey(stored.ino), encodeInode(changed));
    return changed;
  });
  return inode && foundOf(withDirty(inode, parts.files.get(inode.ino)?.attributes));
}
