import type { Time } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Inode } from './records.ts';
import { compareTimes } from './time.ts';
import type { BucketRules, DefaultRetention, LockChange, ObjectLock, Retention } from './version.ts';

const DAY_SECONDS = 86_400;

/** What of a version the audit trail tells. */
export type LockedVersion = Pick<Inode, 'ino' | 'bucket' | 'lock' | 'names' | 'version'>;

/** Object lock keeps something as it is. It has the code 'access-denied' and the subject 'version'. */
export class LockRefusal extends Fault {
  /** `undefined`: it is about all that lies below a directory. */
  readonly locked: LockedVersion | undefined;

  constructor(detail: string, locked: LockedVersion | undefined) {
    super('access-denied', 'version', detail);
    this.locked = locked;
  }
}

export const isRetained = ({ retention }: ObjectLock, now: Time): boolean =>
  retention !== undefined && compareTimes(retention.until, now) > 0;

/**
 * May the version be removed for good? AWS: "Using Object Lock", retention modes and legal holds. True: only because
 * GOVERNANCE is bypassed.
 */
export function requireErasable(version: LockedVersion, now: Time, bypassesGovernance: boolean): boolean {
  const { lock } = version;
  if (lock.legalHold) throw new LockRefusal('the version is under legal hold', version);
  if (!isRetained(lock, now)) return false;
  if (lock.retention?.mode === 'COMPLIANCE')
    throw new LockRefusal('the version is retained in COMPLIANCE mode', version);
  if (!bypassesGovernance) throw new LockRefusal('the version is retained in GOVERNANCE mode', version);
  return true;
}

/** The lock after a change. A period that runs may be made longer, and weaker only as its mode allows. */
export function changedLock(version: LockedVersion, change: LockChange, now: Time): ObjectLock {
  const { lock } = version;
  const legalHold = change.legalHold ?? lock.legalHold;
  if (change.retention === undefined) return { ...lock, legalHold };
  const wanted = change.retention === 'none' ? undefined : change.retention;
  if (isRetained(lock, now) && lock.retention !== undefined && isWeaker(lock.retention, wanted)) {
    if (lock.retention.mode === 'COMPLIANCE')
      throw new LockRefusal('COMPLIANCE mode cannot be shortened', version);
    if (!change.bypassesGovernance) throw new LockRefusal('GOVERNANCE mode is not bypassed', version);
  }
  return { retention: wanted, legalHold };
}

/** Whether a change left everything as it was. */
export const isSameLock = (before: ObjectLock, after: ObjectLock): boolean =>
  before.legalHold === after.legalHold && isSameRetention(before.retention, after.retention);

const isSameRetention = (before: Retention | undefined, after: Retention | undefined): boolean =>
  before === undefined || after === undefined
    ? before === after
    : before.mode === after.mode && compareTimes(before.until, after.until) === 0;

/** Did that change pass a GOVERNANCE period that runs? */
export const bypassesGovernance = (before: ObjectLock, after: ObjectLock, now: Time): boolean =>
  isRetained(before, now) && before.retention !== undefined && isWeaker(before.retention, after.retention);

const isWeaker = (now: Retention, wanted: Retention | undefined): boolean =>
  wanted === undefined || wanted.mode !== now.mode || compareTimes(wanted.until, now.until) < 0;

/** The lock of a new version that comes without one of its own. `from`: when it is sealed. */
export function defaultLock({ objectLock }: BucketRules, from: Time): ObjectLock {
  const retention = objectLock?.defaultRetention;
  return {
    legalHold: false,
    retention: retention && { mode: retention.mode, until: endOfPeriod(retention, from) },
  };
}

function endOfPeriod({ unit, amount }: DefaultRetention, { seconds, nanoseconds }: Time): Time {
  if (unit === 'days') return { seconds: seconds + amount * DAY_SECONDS, nanoseconds };
  const date = new Date(seconds * 1000);
  date.setUTCFullYear(date.getUTCFullYear() + amount);
  return { seconds: Math.floor(date.getTime() / 1000), nanoseconds };
}
