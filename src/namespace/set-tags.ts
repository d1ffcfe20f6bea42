import { resolve } from './attach.ts';
import { facetOf, foundOf, loadInode, nextCtime, withDirty } from './attributes.ts';
import { inodeKey } from './keys.ts';
import type { AccessControl, Attributes, Found, ObjectAt, ObjectFacet, Tag } from './namespace.ts';
import type { Parts } from './parts.ts';
import { encodeInode } from './records.ts';

/** See ObjectStore.setTags. */
export const setTags = (parts: Parts, at: ObjectAt, tags: readonly Tag[]): Promise<Found | undefined> =>
  replaceInFacet(parts, at, { tags });

/** See ObjectStore.setAcl. */
export const setAcl = (
  parts: Parts,
  at: ObjectAt & Pick<Attributes, 'ino'>,
  acl: AccessControl | undefined,
): Promise<Found | undefined> => replaceInFacet(parts, at, { acl });

/** The object stays as old as it was: only its ctime changes. */
async function replaceInFacet(
  parts: Parts,
  { bucket, key, ino }: ObjectAt & Partial<Pick<Attributes, 'ino'>>,
  change: Pick<ObjectFacet, 'tags'> | Pick<ObjectFacet, 'acl'>,
): Promise<Found | undefined> {
  const inode = await parts.kv.transact('durable', async (tx) => {
    const resolved = await resolve(tx, bucket, key);
    if (resolved === undefined || resolved.dentry.ino !== (ino ?? resolved.dentry.ino)) return undefined;
    const stored = await loadInode(tx, resolved.dentry.ino);
    const ctime = nextCtime(parts, stored, parts.environment.clock.wall());
    const facet = { ...facetOf(stored), ...change, contentGeneration: stored.contentGeneration };
    const changed = { ...stored, facet, ctime };
    tx.put(inodeKey(stored.ino), encodeInode(changed));
    return changed;
  });
  return inode && foundOf(withDirty(inode, parts.files.get(inode.ino)?.attributes));
}
