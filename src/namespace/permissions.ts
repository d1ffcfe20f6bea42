import { Fault } from '../fault.ts';
import type { Caller } from './namespace.ts';
import type { Inode } from './records.ts';

export const READ = 4;
export const WRITE = 2;
export const EXECUTE = 1;
const ANY_EXECUTE = 0o111;
const STICKY = 0o1000;
export const SET_UID = 0o4000;
export const SET_GID = 0o2000;

type Owned = Pick<Inode, 'ino' | 'kind' | 'mode' | 'uid' | 'gid'>;

export const isSuperuser = (caller: Caller): boolean => caller.bypassesModes || caller.uid === 0;
export const isOwner = (caller: Caller, inode: Owned): boolean =>
  isSuperuser(caller) || caller.uid === inode.uid;
export const isInGroup = (caller: Caller, gid: number): boolean =>
  caller.gid === gid || caller.groups.includes(gid);

/** The `rwx` bits that the mode grants the caller. The superuser may execute a file only if somebody may. */
export function grantedBits(caller: Caller, inode: Owned): number {
  if (isSuperuser(caller)) {
    const executes = inode.kind === 'directory' || (inode.mode & ANY_EXECUTE) !== 0;
    return READ | WRITE | (executes ? EXECUTE : 0);
  }
  if (caller.uid === inode.uid) return (inode.mode >> 6) & 7;
  if (isInGroup(caller, inode.gid)) return (inode.mode >> 3) & 7;
  return inode.mode & 7;
}

export function requireBits(caller: Caller, inode: Owned, bits: number): void {
  if ((grantedBits(caller, inode) & bits) !== bits) {
    throw new Fault('access-denied', 'inode', `mode ${inode.mode.toString(8)} of inode ${inode.ino}`);
  }
}

/** Names may be taken from a sticky directory only by the owner of either. POSIX unlink(), [EPERM] or [EACCES]. */
export function requireUnstuck(caller: Caller, directory: Owned, child: Owned): void {
  if ((directory.mode & STICKY) === 0 || isOwner(caller, directory) || isOwner(caller, child)) return;
  throw new Fault('access-denied', 'inode', `directory ${directory.ino} is sticky`);
}

/**
 * The owner may read and write a file whatever its mode, and who may execute it may read it: a POSIX client checks at
 * open(), while the server sees each READ and WRITE alone (RFC 1813 §4.4).
 */
export function requireContentAccess(caller: Caller, inode: Owned, bits: typeof READ | typeof WRITE): void {
  if (caller.uid === inode.uid) return;
  if (bits === READ && (grantedBits(caller, inode) & EXECUTE) !== 0) return;
  requireBits(caller, inode, bits);
}
