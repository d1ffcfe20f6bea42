import { Fault, type FaultCode, type FaultSubject } from '../../fault.ts';
import { errorCodes, type S3ErrorCode } from './error-codes.ts';
import { BodyBroken } from './http.ts';

/** Members of the error document behind Code and Message, in order: `BucketName`, `ArgumentValue`, … */
export type ErrorMembers = Readonly<Record<string, string | number>>;

/** A failure in the words of S3. Thrown by this door only; what comes from below is a Fault. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  readonly code: S3ErrorCode;
  readonly members: ErrorMembers;
  /** Further answer headers: name, value, … */
  readonly headers: readonly string[];

  constructor(
    code: S3ErrorCode,
    options: { message?: string; members?: ErrorMembers; headers?: readonly string[] } = {},
  ) {
    super(options.message ?? errorCodes[code][1]);
    this.code = code;
    this.members = options.members ?? {};
    this.headers = options.headers ?? [];
  }

  get status(): number {
    return errorCodes[this.code][0];
  }
}

/** InvalidArgument names the argument and what it was. */
export const invalidArgument = (message: string, name: string, value: string): S3Error =>
  new S3Error('InvalidArgument', { message, members: { ArgumentName: name, ArgumentValue: value } });

/** One row per fault; the compiler rejects a missing row. */
const byFault = {
  'not-found': 'NoSuchKey',
  exists: 'InvalidRequest',
  'not-empty': 'BucketNotEmpty',
  'not-directory': 'InvalidRequest',
  'is-directory': 'InvalidRequest',
  'name-too-long': 'KeyTooLongError',
  'invalid-argument': 'InvalidArgument',
  'not-supported': 'NotImplemented',
  'not-permitted': 'AccessDenied',
  'access-denied': 'AccessDenied',
  'read-only': 'AccessDenied',
  'cross-bucket': 'InvalidRequest',
  'too-many-links': 'InvalidRequest',
  'stale-handle': 'NoSuchKey',
  'precondition-failed': 'PreconditionFailed',
  'not-sync': 'ConditionalRequestConflict',
  'range-not-satisfiable': 'InvalidRange',
  conflict: 'ConditionalRequestConflict',
  'too-large': 'EntityTooLarge',
  'too-small': 'EntityTooSmall',
  'quota-exceeded': 'QuotaExceeded',
  'no-space': 'StorageFull',
  'checksum-mismatch': 'BadDigest',
  corrupt: 'InternalError',
  'recall-pending': 'InvalidObjectState',
  throttled: 'SlowDown',
  unavailable: 'ServiceUnavailable',
  fenced: 'ServiceUnavailable',
} as const satisfies Record<FaultCode, S3ErrorCode>;

/** Rows where the subject decides; everything else falls through to `byFault`. */
const bySubject: { readonly [Code in FaultCode]?: { readonly [Subject in FaultSubject]?: S3ErrorCode } } = {
  'not-found': {
    bucket: 'NoSuchBucket',
    upload: 'NoSuchUpload',
    part: 'InvalidPart',
    version: 'NoSuchVersion',
    blob: 'InternalError',
    device: 'InternalError',
    store: 'InternalError',
    key: 'KMS.NotFoundException',
  },
  'not-permitted': { key: 'KMS.DisabledException' },
  exists: { bucket: 'BucketAlreadyOwnedByYou' },
  // A store: others were faster each time. Where the request has a condition, `publishing` says so.
  // A blob: the object of others that holds its bytes was changed there.
  conflict: { store: 'SlowDown', blob: 'SlowDown' },
  // Percent-encoding of a path or query that is none.
  'invalid-argument': { request: 'InvalidURI' },
  // What was stored does not read back as it was written: never the client's digest.
  'checksum-mismatch': { blob: 'InternalError', device: 'InternalError', store: 'InternalError' },
};

export const codeOf = (fault: Fault): S3ErrorCode =>
  bySubject[fault.code]?.[fault.subject] ?? byFault[fault.code];

/** Nobody hears the answer to a client that is gone; it counts. */
const brokenCodes = {
  idle: 'RequestTimeout',
  incomplete: 'IncompleteBody',
  malformed: 'BadRequest',
  gone: 'IncompleteBody',
} as const satisfies Readonly<Record<BodyBroken['how'], S3ErrorCode>>;

/** A failure in the words of S3. */
export function errorOf(failure: unknown): S3Error {
  if (failure instanceof S3Error) return failure;
  if (failure instanceof BodyBroken) return new S3Error(brokenCodes[failure.how]);
  if (!(failure instanceof Fault)) return new S3Error('InternalError');
  // What is wrong with a key is said as AWS KMS says it: which one.
  return new S3Error(codeOf(failure), failure.subject === 'key' ? { message: failure.detail } : {});
}
