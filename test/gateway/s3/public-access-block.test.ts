import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  DeletePublicAccessBlockCommand,
  GetPublicAccessBlockCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { liveDoor } from './live-door.ts';
import { personOf } from './town.ts';

const Bucket = 'alice-bucket';
const policyFor = (Principal: unknown): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Principal, Action: 's3:GetObject', Resource: `arn:aws:s3:::${Bucket}/*` },
  });

test('a new bucket has all four settings of a public access block, as on AWS, until its owner takes them away', async (context) => {
  const door = await liveDoor(context, { publicAccessBlock: true });
  const alice = await personOf(door, 'alice', 1001);
  const bob = await personOf(door, 'bob', 1002);
  await alice.s3.send(new CreateBucketCommand({ Bucket }));
  const { PublicAccessBlockConfiguration } = await alice.s3.send(new GetPublicAccessBlockCommand({ Bucket }));
  assert.deepEqual(PublicAccessBlockConfiguration, {
    ...{ BlockPublicAcls: true, IgnorePublicAcls: true },
    ...{ BlockPublicPolicy: true, RestrictPublicBuckets: true },
  });
  const put = (principal: unknown): Promise<unknown> =>
    alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyFor(principal) }));
  await assert.rejects(put('*'), { name: 'AccessDenied' });
  // A policy for somebody is not public.
  await put({ AWS: bob.arn });
  await alice.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
  assert.equal((await bob.send({ method: 'GET', bucket: Bucket, key: 'k' })).status, 200);
  await alice.s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
  await put('*');
});

test('a new bucket with such a block takes no public ACL, and one without it does', async (context) => {
  const door = await liveDoor(context, { publicAccessBlock: true });
  const wish = { Bucket, ObjectOwnership: 'ObjectWriter', ACL: 'public-read' } as const;
  await assert.rejects(door.s3.send(new CreateBucketCommand(wish)), {
    name: 'InvalidBucketAclWithBlockPublicAccessError',
  });
  await assert.rejects(door.s3.send(new GetPublicAccessBlockCommand({ Bucket })), { name: 'NoSuchBucket' });
  await door.s3.send(new CreateBucketCommand({ ...wish, ACL: 'authenticated-read', Bucket: 'other-bucket' })).then(
    () => assert.fail(),
    (failure: Error) => assert.equal(failure.name, 'InvalidBucketAclWithBlockPublicAccessError'),
  );
  await door.s3.send(new CreateBucketCommand({ ...wish, ACL: 'private' }));
  await door.s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
  // Made again, it has the block that it has by now: none.
  await door.s3.send(new CreateBucketCommand(wish));
});
