import { foundOf, ifStale } from './attributes.ts';
import { inodeAt } from './head.ts';
import { inodeKey } from './keys.ts';
import { changedLock, defaultLock } from './lock.ts';
import type { Found } from './namespace.ts';
import type { Parts } from './parts.ts';
import { encodeInode } from './records.ts';
import { isSealed } from './seal.ts';
import { settled } from './set-attributes.ts';
import type { LockChange, VersionAt } from './version.ts';
import { rulesOf } from './versions.ts';

/** See ObjectStore.setLock. The version is sealed with it: whoever writes over NFS waits, and then meets the lock. */
export async function setLock(parts: Parts, at: VersionAt, change: LockChange): Promise<Found | undefined> {
  for (;;) {
    const inode = await inodeAt(parts.kv, at).catch(ifStale);
    if (inode === undefined) return undefined;
    const found = await settled(parts, inode.ino, () => lock(parts, at, change)).catch(ifStale);
    if (found !== undefined && found !== 'gone' && found.attributes.ino === inode.ino) return found;
  }
}

const lock = (parts: Parts, at: VersionAt, change: LockChange): Promise<Found | 'gone'> =>
  parts.kv.transact('durable', async (tx) => {
    const inode = await inodeAt(tx, at);
    if (inode === undefined) return 'gone';
    const now = parts.environment.clock.wall();
    // The retention of a version that NFS may still change has not begun: it begins now, with the sealing.
    const held = isSealed(inode, now) ? inode.lock : defaultLock(await rulesOf(tx, at.bucket), now);
    const version = { ...inode.version, openUntil: 0 };
    const changed = { ...inode, version, lock: changedLock(held, change, now) };
    tx.put(inodeKey(inode.ino), encodeInode(changed));
    return foundOf(changed);
  });
