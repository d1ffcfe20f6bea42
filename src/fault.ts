/** Every way an operation can fail that a caller is expected to handle. Programmer errors are assertions instead. */
export type FaultCode =
  | 'not-found'
  | 'exists'
  | 'not-empty'
  | 'not-directory'
  | 'is-directory'
  | 'name-too-long'
  | 'invalid-argument'
  | 'not-supported'
  | 'not-permitted'
  | 'access-denied'
  | 'read-only'
  | 'cross-bucket'
  | 'too-many-links'
  | 'stale-handle'
  | 'precondition-failed'
  | 'not-sync'
  | 'range-not-satisfiable'
  | 'conflict'
  | 'too-large'
  | 'too-small'
  | 'quota-exceeded'
  | 'no-space'
  | 'checksum-mismatch'
  | 'corrupt'
  | 'recall-pending'
  | 'throttled'
  | 'unavailable'
  | 'fenced';

/** What the fault is about; lets one domain code become NoSuchBucket or NoSuchKey. */
export type FaultSubject =
  | 'bucket'
  | 'object'
  | 'upload'
  | 'part'
  | 'version'
  | 'inode'
  | 'blob'
  | 'device'
  | 'store'
  | 'user'
  | 'access-key'
  | 'key'
  | 'policy'
  | 'role'
  | 'export'
  | 'request';

/** One failure for all layers; each protocol has one total table from `code` and `subject` to its own errors. */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;
  readonly subject: FaultSubject;
  /** The message without code and subject: a sentence or a name. */
  readonly detail: string;

  constructor(code: FaultCode, subject: FaultSubject, detail: string, options?: { cause?: unknown }) {
    super(`${subject}: ${code}: ${detail}`, options);
    this.code = code;
    this.subject = subject;
    this.detail = detail;
  }
}
