import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type FaultCode, type FaultSubject } from '../../../src/fault.ts';
import { errorCodes } from '../../../src/gateway/s3/error-codes.ts';
import { codeOf, S3Error } from '../../../src/gateway/s3/errors.ts';

const cases: readonly (readonly [FaultCode, FaultSubject, code: string, status: number])[] = [
  ['not-found', 'bucket', 'NoSuchBucket', 404],
  ['not-found', 'object', 'NoSuchKey', 404],
  ['not-found', 'upload', 'NoSuchUpload', 404],
  ['not-found', 'part', 'InvalidPart', 400],
  ['not-found', 'version', 'NoSuchVersion', 404],
  ['not-found', 'blob', 'InternalError', 500],
  ['exists', 'bucket', 'BucketAlreadyOwnedByYou', 409],
  ['not-empty', 'bucket', 'BucketNotEmpty', 409],
  ['precondition-failed', 'object', 'PreconditionFailed', 412],
  ['conflict', 'object', 'ConditionalRequestConflict', 409],
  ['conflict', 'store', 'SlowDown', 503],
  ['checksum-mismatch', 'object', 'BadDigest', 400],
  ['checksum-mismatch', 'blob', 'InternalError', 500],
  ['corrupt', 'blob', 'InternalError', 500],
  ['throttled', 'store', 'SlowDown', 503],
  ['no-space', 'device', 'StorageFull', 507],
];

for (const [code, subject, want, status] of cases) {
  test(`the fault '${code}' of a ${subject} is ${want}`, () => {
    const translated = codeOf(new Fault(code, subject, 'detail'));
    assert.deepEqual([translated, new S3Error(translated).status], [want, status]);
  });
}

test('every code has a status of HTTP and a text', () => {
  for (const [code, [status, message]] of Object.entries(errorCodes)) {
    assert(status === 304 || (status >= 400 && status < 600), code);
    assert(message.length > 0, code);
  }
});
