import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendProcedureName } from 'nfs-server-ts/nfs3';
import { Fault, type FaultCode, type FaultSubject } from '../../../src/fault.ts';
import { mountStatusFor, Refused, statusFor } from '../../../src/gateway/nfs/errors.ts';

const cases: readonly {
  readonly code: FaultCode;
  readonly subject?: FaultSubject;
  readonly of: BackendProcedureName;
  readonly want: string;
}[] = [
  { code: 'not-found', of: 'LOOKUP', want: 'NFS3ERR_NOENT' },
  { code: 'not-found', of: 'GETATTR', want: 'NFS3ERR_STALE' },
  { code: 'stale-handle', of: 'FSINFO', want: 'NFS3ERR_STALE' },
  { code: 'access-denied', of: 'READ', want: 'NFS3ERR_ACCES' },
  { code: 'access-denied', of: 'GETATTR', want: 'NFS3ERR_ACCES' },
  { code: 'not-permitted', of: 'SETATTR', want: 'NFS3ERR_PERM' },
  { code: 'not-permitted', of: 'REMOVE', want: 'NFS3ERR_ACCES' },
  { code: 'is-directory', of: 'REMOVE', want: 'NFS3ERR_ISDIR' },
  { code: 'is-directory', of: 'READ', want: 'NFS3ERR_INVAL' },
  { code: 'is-directory', of: 'WRITE', want: 'NFS3ERR_INVAL' },
  { code: 'invalid-argument', of: 'CREATE', want: 'NFS3ERR_ACCES' },
  { code: 'invalid-argument', of: 'RENAME', want: 'NFS3ERR_INVAL' },
  { code: 'too-large', of: 'WRITE', want: 'NFS3ERR_FBIG' },
  { code: 'too-large', of: 'SETATTR', want: 'NFS3ERR_INVAL' },
  { code: 'cross-bucket', of: 'RENAME', want: 'NFS3ERR_XDEV' },
  { code: 'cross-bucket', of: 'LINK', want: 'NFS3ERR_XDEV' },
  { code: 'not-empty', of: 'RMDIR', want: 'NFS3ERR_NOTEMPTY' },
  { code: 'not-sync', of: 'SETATTR', want: 'NFS3ERR_NOT_SYNC' },
  { code: 'too-many-links', of: 'LINK', want: 'NFS3ERR_MLINK' },
  { code: 'too-many-links', of: 'MKDIR', want: 'NFS3ERR_NOSPC' },
  { code: 'quota-exceeded', of: 'WRITE', want: 'NFS3ERR_DQUOT' },
  { code: 'read-only', of: 'WRITE', want: 'NFS3ERR_ROFS' },
  { code: 'read-only', of: 'COMMIT', want: 'NFS3ERR_ROFS' },
  { code: 'no-space', of: 'COMMIT', want: 'NFS3ERR_NOSPC' },
  { code: 'quota-exceeded', of: 'COMMIT', want: 'NFS3ERR_DQUOT' },
  { code: 'corrupt', of: 'READ', want: 'NFS3ERR_IO' },
  { code: 'corrupt', subject: 'blob', of: 'READ', want: 'NFS3ERR_IO' },
  { code: 'not-found', subject: 'blob', of: 'READ', want: 'NFS3ERR_IO' },
  { code: 'not-found', subject: 'store', of: 'READ', want: 'NFS3ERR_IO' },
  { code: 'not-found', subject: 'inode', of: 'READ', want: 'NFS3ERR_STALE' },
  { code: 'unavailable', subject: 'store', of: 'READ', want: 'NFS3ERR_JUKEBOX' },
  { code: 'recall-pending', subject: 'store', of: 'READ', want: 'NFS3ERR_JUKEBOX' },
  { code: 'corrupt', of: 'PATHCONF', want: 'NFS3ERR_SERVERFAULT' },
  { code: 'recall-pending', of: 'READ', want: 'NFS3ERR_JUKEBOX' },
  { code: 'throttled', of: 'WRITE', want: 'NFS3ERR_JUKEBOX' },
  { code: 'unavailable', of: 'GETATTR', want: 'NFS3ERR_JUKEBOX' },
];
for (const { code, subject = 'inode', of, want } of cases) {
  test(`${subject} ${code} in ${of} is ${want}`, () =>
    assert.equal(statusFor(of, new Fault(code, subject, 'x')), want));
}

test('what only the protocol knows is said as it is', () => {
  assert.equal(statusFor('GETATTR', new Refused('NFS3ERR_BADHANDLE')), 'NFS3ERR_BADHANDLE');
  assert.equal(statusFor('READDIRPLUS', new Refused('NFS3ERR_TOOSMALL')), 'NFS3ERR_TOOSMALL');
  assert.equal(statusFor('MKNOD', new Refused('NFS3ERR_BADTYPE')), 'NFS3ERR_BADTYPE');
});

test('faults on the way to what is mounted have MNT statuses', () => {
  assert.equal(mountStatusFor(new Fault('not-found', 'inode', 'x')), 'MNT3ERR_NOENT');
  assert.equal(mountStatusFor(new Fault('not-directory', 'inode', 'x')), 'MNT3ERR_NOTDIR');
  assert.equal(mountStatusFor(new Fault('unavailable', 'store', 'x')), 'MNT3ERR_IO');
});
