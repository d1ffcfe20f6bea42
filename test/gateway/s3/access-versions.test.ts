import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { policyOf, town } from './town.ts';

const Bucket = 'alice-bucket';

test('governance is bypassed by who has the right to it, and by nobody else', async (context) => {
  const { alice, bob } = await town(context);
  await alice.s3.send(new CreateBucketCommand({ Bucket: 'locked-bucket', ObjectLockEnabledForBucket: true }));
  const ofLocked = 'arn:aws:s3:::locked-bucket';
  const put = async (Action: string | string[]): Promise<void> => {
    const Policy = policyOf({ Action, Resource: `${ofLocked}/*` });
    await alice.s3.send(new PutBucketPolicyCommand({ Bucket: 'locked-bucket', Policy }));
  };
  const { VersionId } = await alice.s3.send(
    new PutObjectCommand({
      ...{ Bucket: 'locked-bucket', Key: 'k', Body: 'x', ObjectLockMode: 'GOVERNANCE' },
      ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
    }),
  );
  const remove = async (): Promise<number> => {
    const query = { versionId: VersionId ?? '' };
    const headers = { 'x-amz-bypass-governance-retention': 'true' };
    return (await bob.send({ method: 'DELETE', bucket: 'locked-bucket', key: 'k', query, headers })).status;
  };
  await put('s3:DeleteObject');
  assert.equal(await remove(), 403);
  await put('s3:DeleteObjectVersion');
  assert.equal(await remove(), 403);
  await put(['s3:DeleteObjectVersion', 's3:BypassGovernanceRetention']);
  assert.equal(await remove(), 204);
});

test('the lock that a request asks for decides', async (context) => {
  const { alice, bob } = await town(context);
  await alice.s3.send(new CreateBucketCommand({ Bucket: 'locked-bucket', ObjectLockEnabledForBucket: true }));
  await alice.s3.send(new PutObjectCommand({ Bucket: 'locked-bucket', Key: 'k', Body: 'x' }));
  const Policy = policyOf({
    Action: ['s3:PutObjectRetention', 's3:PutObjectLegalHold'],
    Resource: 'arn:aws:s3:::locked-bucket/*',
    Condition: {
      NumericLessThanEqualsIfExists: { 's3:object-lock-remaining-retention-days': '10' },
      StringEqualsIfExists: { 's3:object-lock-mode': 'GOVERNANCE', 's3:object-lock-legal-hold': 'ON' },
    },
  });
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket: 'locked-bucket', Policy }));
  const retain = (Mode: 'GOVERNANCE' | 'COMPLIANCE', days: number): Promise<unknown> => {
    const Retention = { Mode, RetainUntilDate: new Date(Date.now() + days * 86_400_000) };
    return bob.s3.send(new PutObjectRetentionCommand({ Bucket: 'locked-bucket', Key: 'k', Retention }));
  };
  const hold = (Status: 'ON' | 'OFF'): Promise<unknown> =>
    bob.s3.send(new PutObjectLegalHoldCommand({ Bucket: 'locked-bucket', Key: 'k', LegalHold: { Status } }));
  const denied = { name: 'AccessDenied' };
  await assert.rejects(retain('COMPLIANCE', 5), denied);
  await assert.rejects(retain('GOVERNANCE', 20), denied);
  await retain('GOVERNANCE', 5);
  await hold('ON');
  await assert.rejects(hold('OFF'), denied);
});

test('conditions about tags see the version that is meant', async (context) => {
  const { alice, bob } = await town(context);
  const Policy = policyOf({
    Action: 's3:GetObjectVersion',
    Condition: { StringEquals: { 's3:ExistingObjectTag/a': 'b' } },
  });
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await alice.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  const put = async (Tagging: string): Promise<string> => {
    const { VersionId } = await alice.s3.send(new PutObjectCommand({ Bucket, Key: 'v', Body: 'x', Tagging }));
    return VersionId ?? '';
  };
  const [tagged, plain] = [await put('a=b'), await put('c=d')];
  const read = async (versionId: string): Promise<number> =>
    (await bob.send({ method: 'GET', bucket: Bucket, key: 'v', query: { versionId } })).status;
  assert.deepEqual([await read(tagged), await read(plain)], [200, 403]);
});
