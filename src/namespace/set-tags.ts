import { facetOf, foundOf, nextCtime, withDirty } from './attributes.ts';
import { inodeAt } from './head.ts';
import { inodeKey } from './keys.ts';
import type { Found, Tag } from './namespace.ts';
import type { Parts } from './parts.ts';
import { encodeInode } from './records.ts';
import type { VersionAt } from './version.ts';

/** See ObjectStore.setTags. */
export async function setTags(parts: Parts, at: VersionAt, tags: readonly Tag[]): Promise<Found | undefined> {
  const inode = await parts.kv.transact('durable', async (tx) => {
    const stored = await inodeAt(tx, at);
    if (stored === undefined) return undefined;
    const ctime = nextCtime(parts, stored, parts.environment.clock.wall());
    const facet = { ...facetOf(stored), tags, contentGeneration: stored.contentGeneration };
    const changed = { ...stored, facet, ctime };
    tx.put(inodeKey(stored.ino), encodeInode(changed));
    return changed;
  });
  return inode && foundOf(withDirty(inode, parts.files.get(inode.ino)?.attributes));
}
