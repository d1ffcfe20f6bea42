import type { AuditEvent } from '../audit/event.ts';
import { attempting } from './attempts.ts';
import { foundOf, ifStale } from './attributes.ts';
import { bucketName } from './audit.ts';
import { inodeAt } from './head.ts';
import { bypassesGovernance, changedLock, defaultLock, isSameLock } from './lock.ts';
import type { ByActor, Found } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import type { Inode } from './records.ts';
import { isSealed } from './seal.ts';
import { settled } from './set-attributes.ts';
import type { LockChange, VersionAt } from './version.ts';
import { rulesOf } from './versions.ts';

/** See ObjectStore.setLock. The version is sealed with it: whoever writes over NFS waits, and then meets the lock. */
export async function setLock(
  parts: Parts,
  at: VersionAt & ByActor,
  change: LockChange,
): Promise<Found | undefined> {
  const locked = await attempting('object', async () => {
    const inode = await inodeAt(parts.kv, at).catch(ifStale);
    if (inode === undefined) return 'gone';
    const found = await settled(parts, inode.ino, () => lock(parts, at, change)).catch(ifStale);
    return found !== 'gone' && found?.attributes.ino === inode.ino ? found : undefined;
  });
  return locked === 'gone' ? undefined : locked;
}

const lock = (parts: Parts, at: VersionAt & ByActor, change: LockChange): Promise<Found | 'gone'> =>
  parts.trail.changing((order) =>
    parts.kv.transact('durable', async (tx) => {
      const inode = await inodeAt(tx, at);
      if (inode === undefined) return 'gone';
      const now = parts.environment.clock.wall();
      // The retention of a version that NFS may still change has not begun: it begins now, with the sealing.
      const held = isSealed(inode, now) ? inode.lock : defaultLock(await rulesOf(tx, at.bucket), now);
      const before = { ...inode, lock: held };
      const version = { ...inode.version, openUntil: 0 };
      const after = { ...inode, version, lock: changedLock(before, change, now) };
      await putInode(tx, after);
      if (isSameLock(inode.lock, after.lock)) return foundOf(after);
      const bucket = await bucketName(tx, at.bucket);
      const isBypassed = bypassesGovernance(before.lock, after.lock, now);
      parts.trail.put(tx, order, {
        ...eventOf(at, { before: isBypassed ? before : inode, after, isBypassed }),
        bucket,
      });
      return foundOf(after);
    }),
  );

const eventOf = (
  { key, by }: VersionAt & ByActor,
  { before, after, isBypassed }: { before: Inode; after: Inode; isBypassed: boolean },
): AuditEvent => ({
  kind: isBypassed ? 'bypassed' : 'lock-changed',
  ...{ actor: by, key, versionId: after.version.id, lock: before.lock, becomes: after.lock },
  detail: isBypassed ? 'GOVERNANCE was bypassed to loosen the retention' : 'the lock of the version was set',
});
