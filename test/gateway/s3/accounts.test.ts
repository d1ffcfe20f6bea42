import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { operations } from '../../../src/gateway/s3/table.ts';

import { codeOf, sendSigned, type RawRequest } from './signed-request.ts';
import { sendAs, town } from './town.ts';

test('each account lists its own buckets, under its own name', async (context) => {
  const { door, alice, bob } = await town(context);
  await door.s3.send(new CreateBucketCommand({ Bucket: 'root-bucket' }));
  const cases = [
    { s3: alice.s3, names: ['alice-bucket'], id: alice.user.account.canonicalId, owner: 'alice' },
    { s3: bob.s3, names: ['bob-bucket'], id: bob.user.account.canonicalId, owner: 'bob' },
    { s3: door.s3, names: ['root-bucket'], id: door.accounts.account(undefined).canonicalId, owner: 'root' },
  ];
  for (const { s3, names, id, owner } of cases) {
    const answer = await s3.send(new ListBucketsCommand({}));
    const found = answer.Buckets?.map(({ Name }) => Name);
    assert.deepEqual([found, answer.Owner], [names, { ID: id, DisplayName: owner }]);
  }
});

test('a bucket is made again by its owner only', async (context) => {
  const { door, alice, bob } = await town(context);
  const request = { method: 'PUT', bucket: 'alice-bucket' };
  assert.equal((await alice.send(request)).status, 200);
  for (const answer of [await bob.send(request), await sendSigned(door.port, request)])
    assert.deepEqual([answer.status, codeOf(answer)], [409, 'BucketAlreadyExists']);
});

test('no operation lets an account into the bucket of another, and root does everything', async (context) => {
  const { door, alice, bob } = await town(context);
  for (const { name, route } of operations) {
    // DeleteObjects decides by key: access.test.ts.
    if (route.level === 'service' || name === 'CreateBucket' || name === 'DeleteObjects') continue;
    const answer = await bob.send({
      method: route.method,
      bucket: 'alice-bucket',
      ...(route.level === 'object' ? { key: 'k' } : {}),
      query: Object.fromEntries(
        Object.entries(route.query ?? {}).map(([parameter, value]) => [
          parameter,
          value === true ? '' : value,
        ]),
      ),
      ...(route.header === undefined ? {} : { headers: { [route.header]: 'bob-bucket/k' } }),
    });
    const code = route.method === 'HEAD' ? undefined : 'AccessDenied';
    assert.deepEqual([name, answer.status, codeOf(answer)], [name, 403, code]);
  }
  for (const { s3 } of [alice, door]) {
    const got = await s3.send(new GetObjectCommand({ Bucket: 'alice-bucket', Key: 'k' }));
    assert.equal(await got.Body?.transformToString(), 'hers');
  }
});

test('what a bucket holds belongs to its owner, whoever asks', async (context) => {
  const { door, alice } = await town(context);
  const owner = { ID: alice.user.account.canonicalId, DisplayName: 'alice' };
  await door.s3.send(new PutObjectCommand({ Bucket: 'alice-bucket', Key: 'by-root', Body: 'x' }));
  const listing = await door.s3.send(new ListObjectsV2Command({ Bucket: 'alice-bucket', FetchOwner: true }));
  assert.deepEqual(
    listing.Contents?.map(({ Key, Owner }) => [Key, Owner]),
    [
      ['by-root', owner],
      ['k', owner],
    ],
  );
  const acl = await sendSigned(door.port, { method: 'GET', bucket: 'alice-bucket', query: { acl: '' } });
  assert(acl.body.toString().includes(`<Owner><ID>${owner.ID}</ID>`));
});

test('what an account makes has its uid and gid in the tree', async (context) => {
  const { door, alice } = await town(context);
  const { objects, files } = door.world.namespace;
  const bucket = (await objects.bucket('alice-bucket')) ?? assert.fail();
  assert.equal(bucket.owner, alice.user.account.id);
  const found = await objects.head({ bucket: bucket.ino, key: Buffer.from('k') });
  assert.deepEqual([found?.attributes.uid, found?.attributes.gid], [1001, 1001]);
  assert.equal((await files.attributes(bucket.ino)).uid, 1001);
});

test('a copy needs both buckets', async (context) => {
  const { alice, bob } = await town(context);
  const copy = (bucket: string, source: string, headers = {}): RawRequest => ({
    method: 'PUT',
    bucket,
    key: 'copy',
    headers: { 'x-amz-copy-source': source, ...headers },
  });
  const cases = [
    { who: bob, request: copy('bob-bucket', 'alice-bucket/k'), status: 403 },
    { who: alice, request: copy('bob-bucket', 'alice-bucket/k'), status: 403 },
    { who: alice, request: copy('alice-bucket', 'alice-bucket/k'), status: 200 },
  ];
  for (const { who, request, status } of cases) assert.equal((await who.send(request)).status, status);
  const expected = (id: string): RawRequest =>
    copy('alice-bucket', 'alice-bucket/k', { 'x-amz-source-expected-bucket-owner': id });
  assert.equal((await alice.send(expected(alice.user.account.id))).status, 200);
  assert.equal((await alice.send(expected(bob.user.account.id))).status, 403);
});

test('x-amz-expected-bucket-owner is compared with the owner of the bucket', async (context) => {
  const { door, alice, bob } = await town(context);
  const head = (id: string): RawRequest => ({
    method: 'HEAD',
    bucket: 'alice-bucket',
    headers: { 'x-amz-expected-bucket-owner': id },
  });
  assert.equal((await alice.send(head(alice.user.account.id))).status, 200);
  assert.equal((await alice.send(head(bob.user.account.id))).status, 403);
  assert.equal((await sendSigned(door.port, head(alice.user.account.id))).status, 200);
  assert.equal((await sendSigned(door.port, head('000000000000'))).status, 403);
});

test('a bucket from before there were users belongs to root', async (context) => {
  const { door, alice } = await town(context);
  const caller = { uid: 0, gid: 0, groups: [], bypassesModes: true };
  await door.world.namespace.objects.createBucket(caller, 'old-bucket');
  const request = { method: 'HEAD', bucket: 'old-bucket' };
  assert.equal((await sendSigned(door.port, request)).status, 200);
  assert.equal((await alice.send(request)).status, 403);
  const { Buckets } = await door.s3.send(new ListBucketsCommand({}));
  assert.deepEqual(
    Buckets?.map(({ Name }) => Name),
    ['old-bucket'],
  );
});

test('a key that is deleted signs nothing any more, and another of the same user still does', async (context) => {
  const { door, alice } = await town(context);
  const more = await door.accounts.addKey('alice', undefined);
  const [first = assert.fail()] = alice.user.accessKeys;
  await door.accounts.removeKey('alice', first.accessKey);
  const refused = await alice.send({ method: 'GET', bucket: 'alice-bucket' });
  assert.deepEqual([refused.status, codeOf(refused)], [403, 'InvalidAccessKeyId']);
  assert.equal((await sendAs(door, more, { method: 'GET', bucket: 'alice-bucket' })).status, 200);
});
