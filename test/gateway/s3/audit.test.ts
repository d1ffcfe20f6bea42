import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import type { AuditRow } from '../../../src/audit/event.ts';
import { policyOf, town, type Town } from './town.ts';

const Bucket = 'locked';

async function rowsOf({ door }: Town): Promise<readonly AuditRow[]> {
  const { rows } = await door.world.namespace.audit.page({ rowsMax: 1000 });
  return [...rows].reverse();
}

async function locked(context: Parameters<typeof town>[0]): Promise<Town & { readonly VersionId: string }> {
  const at = await town(context);
  await at.alice.s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  const { VersionId = '' } = await at.alice.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'kept' }));
  const RetainUntilDate = new Date('2090-01-01T00:00:00Z');
  const Retention = { Mode: 'GOVERNANCE', RetainUntilDate } as const;
  await at.alice.s3.send(new PutObjectRetentionCommand({ Bucket, Key: 'k', Retention }));
  return { ...at, VersionId };
}

test('a refusal names the principal, its key, the address, the version and the request', async (context) => {
  const at = await locked(context);
  const remove = at.alice.s3.send(new DeleteObjectCommand({ Bucket, Key: 'k', VersionId: at.VersionId }));
  const failure = await remove.then(
    () => assert.fail(),
    (error: { readonly $metadata: { readonly requestId?: string } }) => error,
  );
  const row = (await rowsOf(at)).at(-1);
  const { accessKeyId } = await at.alice.s3.config.credentials();
  assert.deepEqual(row?.actor, {
    ...{ door: 's3', operation: 'DeleteObject', client: '127.0.0.1', requestId: failure.$metadata.requestId },
    ...{ principal: at.alice.arn, accessKey: accessKeyId, uid: undefined },
  });
  assert.deepEqual(
    [row.kind, row.bucket, row.key && Buffer.from(row.key).toString()],
    ['refused', Bucket, 'k'],
  );
  assert.equal(row.versionId?.toString(16).padStart(16, '0'), at.VersionId);
  assert.equal(row.lock?.retention?.mode, 'GOVERNANCE');
});

test('an anonymous caller that a policy lets in is refused by the lock, and in the trail without a name', async (context) => {
  const at = await locked(context);
  const Policy = policyOf({ Action: 's3:DeleteObjectVersion', Resource: `arn:aws:s3:::${Bucket}/*` });
  await at.alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  const query = { versionId: at.VersionId };
  assert.equal((await at.anyone({ method: 'DELETE', bucket: Bucket, key: 'k', query })).status, 403);
  const { actor, kind } = (await rowsOf(at)).at(-1) ?? {};
  assert.deepEqual([kind, actor?.principal, actor?.accessKey], ['refused', undefined, undefined]);
});

test('a lock that is set to what it is leaves no row, whoever says so how often', async (context) => {
  const at = await locked(context);
  const { s3 } = at.alice;
  const before = (await rowsOf(at)).length;
  const RetainUntilDate = new Date('2090-01-01T00:00:00Z');
  const Retention = { Mode: 'GOVERNANCE', RetainUntilDate } as const;
  for (let times = 0; times < 3; times += 1) {
    await s3.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'k', LegalHold: { Status: 'OFF' } }));
    await s3.send(
      new PutObjectRetentionCommand({ Bucket, Key: 'k', Retention, BypassGovernanceRetention: true }),
    );
  }
  assert.equal((await rowsOf(at)).length, before);
  await s3.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'k', LegalHold: { Status: 'ON' } }));
  assert.equal((await rowsOf(at)).length, before + 1);
});

test('each operation on locks has its row under its own name, and reads have none', async (context) => {
  const at = await locked(context);
  const { s3 } = at.alice;
  const { VersionId } = at;
  const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' } as const;
  const Rule = { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } as const;
  const VersioningConfiguration = { Status: 'Suspended' } as const;
  const suspend = s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  await assert.rejects(suspend, { name: 'InvalidBucketState' });
  await s3.send(
    new PutObjectLockConfigurationCommand({
      Bucket,
      ObjectLockConfiguration: { ...ObjectLockConfiguration, Rule },
    }),
  );
  for (const Status of ['ON', 'OFF'] as const)
    await s3.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'k', LegalHold: { Status } }));
  const Objects = [{ Key: 'k', VersionId }];
  const refused = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.equal(refused.Errors?.length, 1);
  await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects }, BypassGovernanceRetention: true }));
  const rows = (await rowsOf(at)).map(({ kind, actor }) => `${actor?.operation} ${kind}`);
  assert.deepEqual(rows, [
    'CreateBucket configuration-changed',
    'PutObjectRetention lock-changed',
    'PutBucketVersioning refused',
    'PutObjectLockConfiguration configuration-changed',
    'PutObjectLegalHold lock-changed',
    'PutObjectLegalHold lock-changed',
    'DeleteObjects refused',
    'DeleteObjects bypassed',
  ]);
});
