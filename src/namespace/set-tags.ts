import { facetOf, foundOf, nextCtime, withDirty } from './attributes.ts';
import { inodeAt } from './head.ts';
import type { AccessControl } from './access-control.ts';
import type { Attributes, Found, ObjectFacet, Tag } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import type { VersionAt } from './version.ts';

/** See ObjectStore.setTags. */
export const setTags = (parts: Parts, at: VersionAt, tags: readonly Tag[]): Promise<Found | undefined> =>
  replaceInFacet(parts, at, { tags });

/** See ObjectStore.setAcl. */
export const setAcl = (
  parts: Parts,
  at: VersionAt & Pick<Attributes, 'ino'>,
  acl: AccessControl | undefined,
): Promise<Found | undefined> => replaceInFacet(parts, at, { acl });

/** The object stays as old as it was: only its ctime changes. */
async function replaceInFacet(
  parts: Parts,
  at: VersionAt & Partial<Pick<Attributes, 'ino'>>,
  change: Pick<ObjectFacet, 'tags'> | Pick<ObjectFacet, 'acl'>,
): Promise<Found | undefined> {
  const inode = await parts.kv.transact('durable', async (tx) => {
    const stored = await inodeAt(tx, at);
    if (stored === undefined || (at.ino !== undefined && at.ino !== stored.ino)) return undefined;
    const ctime = nextCtime(parts, stored, parts.environment.clock.wall());
    const facet = { ...facetOf(stored), ...change, contentGeneration: stored.contentGeneration };
    const changed = { ...stored, facet, ctime };
    await putInode(tx, changed);
    return changed;
  });
  return inode && foundOf(withDirty(inode, parts.files.get(inode.ino)?.attributes));
}
