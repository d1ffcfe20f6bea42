import type { AuditRow, LockFacts } from './event.ts';
import { shownTime } from './records.ts';

/** A row as fields of a line in the log. */
export const logged = ({
  actor,
  key,
  lock,
  becomes,
  at,
  order,
  bucket,
  versionId,
  detail,
}: AuditRow): Readonly<Record<string, unknown>> => ({
  order,
  at: shownTime(at),
  ...actor,
  bucket,
  ...(key !== undefined && { key: Buffer.from(key).toString('utf8') }),
  versionId,
  ...(lock !== undefined && { lock: shownLock(lock) }),
  ...(becomes !== undefined && { becomes: shownLock(becomes) }),
  why: detail,
});

/** `GOVERNANCE until 2026-01-31T12:00:00Z, legal hold`. */
export function shownLock({ retention, legalHold }: LockFacts): string {
  const retained = retention && `${retention.mode} until ${shownTime(retention.until)}`;
  return (
    [retained, legalHold ? 'legal hold' : undefined].filter((it) => it !== undefined).join(', ') || 'none'
  );
}
