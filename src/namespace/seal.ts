import type { Time } from '../environment.ts';
import { VERSION_QUIET_SECONDS } from '../limits.ts';
import { defaultLock, isRetained, LockRefusal } from './lock.ts';
import type { Parts } from './parts.ts';
import { NO_LOCK, NO_VERSION, type Inode, type StoredVersion } from './records.ts';
import { NULL_VERSION, type BucketRules, type ObjectLock, type VersionId } from './version.ts';

/** What S3 wrote is sealed at once; what NFS writes, when nobody has written for a while. */
export const isSealed = ({ version }: Pick<Inode, 'version'>, now: Time): boolean =>
  version.openUntil <= now.seconds;

/** NFS neither changes what is locked nor takes its name away. A version is locked from its sealing on. */
export function requireUnlocked(inode: Inode, now: Time): void {
  if (isLockedNow(inode, now)) throw new LockRefusal('the version is locked', inode);
}

export const isLockedNow = (inode: Versioned, now: Time): boolean =>
  isSealed(inode, now) && (inode.lock.legalHold || isRetained(inode.lock, now));

/** Must a change of the content begin a version of its own, so that the one there is stays as it is? */
export function needsFork(inode: Inode, { versioning }: BucketRules, now: Time): boolean {
  if (versioning === 'enabled') return isSealed(inode, now);
  return versioning === 'suspended' && inode.version.id !== NULL_VERSION;
}

type Versioned = Pick<Inode, 'version' | 'lock'>;

/** Of what S3 writes. */
export function sealedVersion(
  { sequence }: Parts,
  rules: BucketRules,
  { now, lock }: { readonly now: Time; readonly lock: ObjectLock | undefined },
): Versioned {
  if (rules.versioning !== 'enabled') return { version: NO_VERSION, lock: lock ?? NO_LOCK };
  const version = { id: sequence.next() as VersionId, openUntil: 0 };
  const preset = defaultLock(rules, now);
  const retention = lock?.retention ?? preset.retention;
  return { version, lock: { retention, legalHold: lock?.legalHold ?? false } };
}

/** Of what NFS begins to write: it may go on in this version until it has paused. */
export function openVersion({ sequence }: Parts, rules: BucketRules, now: Time): Versioned {
  if (rules.versioning !== 'enabled') return { version: NO_VERSION, lock: NO_LOCK };
  return keptOpen({ id: sequence.next() as VersionId, openUntil: 0 }, rules, now);
}

/** The same version after one more write. Its retention counts from its sealing. */
export function keptOpen({ id }: StoredVersion, rules: BucketRules, now: Time): Versioned {
  const openUntil = now.seconds + VERSION_QUIET_SECONDS;
  return { version: { id, openUntil }, lock: defaultLock(rules, { ...now, seconds: openUntil }) };
}
