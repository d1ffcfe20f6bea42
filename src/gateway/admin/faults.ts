import type { Fault, FaultCode } from '../../fault.ts';

/** HTTP status of each fault; the compiler rejects a missing row. RFC 9110 §15. */
const statuses = {
  'not-found': 404,
  exists: 409,
  'not-empty': 409,
  'not-directory': 400,
  'is-directory': 400,
  'name-too-long': 400,
  'invalid-argument': 400,
  'not-supported': 501,
  'not-permitted': 403,
  'access-denied': 403,
  'read-only': 403,
  'cross-bucket': 400,
  'too-many-links': 409,
  'stale-handle': 404,
  'precondition-failed': 412,
  'not-sync': 409,
  'range-not-satisfiable': 416,
  conflict: 409,
  'too-large': 413,
  'too-small': 400,
  'quota-exceeded': 409,
  'no-space': 507,
  'checksum-mismatch': 500,
  corrupt: 500,
  'recall-pending': 503,
  throttled: 503,
  unavailable: 503,
  fenced: 503,
} as const satisfies Record<FaultCode, number>;

export const statusOf = (fault: Fault): number => statuses[fault.code];
