import type { Time } from '../environment.ts';
import { Fault } from '../fault.ts';
import { compareTimes } from './time.ts';
import type { BucketRules, DefaultRetention, LockChange, ObjectLock, Retention } from './version.ts';

const DAY_SECONDS = 86_400;

const locked = (detail: string): Fault => new Fault('access-denied', 'version', detail);

export const isRetained = ({ retention }: ObjectLock, now: Time): boolean =>
  retention !== undefined && compareTimes(retention.until, now) > 0;

/** May the version be removed for good? AWS: "Using Object Lock", retention modes and legal holds. */
export function requireErasable(lock: ObjectLock, now: Time, bypassesGovernance: boolean): void {
  if (lock.legalHold) throw locked('the version is under legal hold');
  if (!isRetained(lock, now)) return;
  if (lock.retention?.mode === 'COMPLIANCE') throw locked('the version is retained in COMPLIANCE mode');
  if (!bypassesGovernance) throw locked('the version is retained in GOVERNANCE mode');
}

/** The lock after a change. A period that runs may be made longer, and weaker only as its mode allows. */
export function changedLock(lock: ObjectLock, change: LockChange, now: Time): ObjectLock {
  const legalHold = change.legalHold ?? lock.legalHold;
  if (change.retention === undefined) return { ...lock, legalHold };
  const wanted = change.retention === 'none' ? undefined : change.retention;
  if (isRetained(lock, now) && lock.retention !== undefined && isWeaker(lock.retention, wanted)) {
    if (lock.retention.mode === 'COMPLIANCE') throw locked('COMPLIANCE mode cannot be shortened');
    if (!change.bypassesGovernance) throw locked('GOVERNANCE mode is not bypassed');
  }
  return { retention: wanted, legalHold };
}

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
