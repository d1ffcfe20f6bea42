import { requireExpected } from './attach.ts';
import { facetOf, nextCtime, withDirty } from './attributes.ts';
import { inodeAt } from './head.ts';
import { heldStill } from './held-still.ts';
import type { Expectation } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import type { VersionAt } from './version.ts';

/** See ObjectStore.setStorageClass. */
export async function setStorageClass(
  parts: Parts,
  at: VersionAt & { readonly expect: Expectation },
  storageClass: string,
): Promise<boolean> {
  const conditions = at.versionId === undefined ? [at] : [];
  return heldStill(parts, { bucket: at.bucket, conditions }, (held) =>
    parts.kv.transact('durable', async (tx) => {
      const stored = await inodeAt(tx, at);
      held(stored, at.expect);
      requireExpected(
        stored && withDirty(stored, parts.files.get(stored.ino)?.attributes),
        at.expect,
        at.key,
      );
      if (stored === undefined) return false;
      const ctime = nextCtime(parts, stored, parts.environment.clock.wall());
      const { contentGeneration } = stored;
      const facet = { ...facetOf(stored), storageClass, contentGeneration };
      await putInode(tx, { ...stored, facet, ctime });
      return true;
    }),
  );
}
