import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetBucketPolicyStatusCommand,
  ListPartsCommand,
  PutBucketAclCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  AbortMultipartUploadCommand,
  type Permission,
} from '@aws-sdk/client-s3';
import type { ObjectStore } from '../../../src/namespace/namespace.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, send, targetOf, type RawAnswer, type RawRequest } from './signed-request.ts';
import { personOf, type Person } from './town.ts';

const Bucket = 'hers';
let door: LiveDoor;
let alice: Person;
let bob: Person;
/** Reads of objects and of documents of buckets since the last look. */
let reads = 0;

const counting = (objects: ObjectStore): ObjectStore => ({
  ...objects,
  head: (at) => ((reads += 1), objects.head(at)),
  bucketConfiguration: (ino, name) => ((reads += 1), objects.bucketConfiguration(ino, name)),
});

before(async () => {
  door = await openLiveDoor({ objectOwnership: 'ObjectWriter', objects: counting });
  alice = await personOf(door, 'alice', 1001);
  bob = await personOf(door, 'bob', 1002);
  await alice.s3.send(new CreateBucketCommand({ Bucket }));
  await bob.s3.send(new CreateBucketCommand({ Bucket: 'his' }));
  await alice.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
});
after(() => door.close());

const anyone = (request: RawRequest): Promise<RawAnswer> => {
  const { method, headers, body } = request;
  const host = `127.0.0.1:${door.port}`;
  return send(door.port, { method, path: targetOf(request), headers: { host, ...headers }, body });
};

const at = { bucket: Bucket, key: 'k' };
const acl = { acl: '' };

const requests: Readonly<Record<string, RawRequest>> = {
  HeadBucket: { method: 'HEAD', bucket: Bucket },
  ListObjects: { method: 'GET', bucket: Bucket },
  ListObjectVersions: { method: 'GET', bucket: Bucket, query: { versions: '' } },
  ListMultipartUploads: { method: 'GET', bucket: Bucket, query: { uploads: '' } },
  GetBucketAcl: { method: 'GET', bucket: Bucket, query: acl },
  PutBucketAcl: { method: 'PUT', bucket: Bucket, query: acl, headers: { 'x-amz-acl': 'private' } },
  GetBucketTagging: { method: 'GET', bucket: Bucket, query: { tagging: '' } },
  GetBucketOwnershipControls: { method: 'GET', bucket: Bucket, query: { ownershipControls: '' } },
  DeleteBucket: { method: 'DELETE', bucket: Bucket },
  PutObject: { method: 'PUT', bucket: Bucket, key: 'new' },
  PutObjectWithAcl: { method: 'PUT', bucket: Bucket, key: 'new', headers: { 'x-amz-acl': 'public-read' } },
  DeleteObject: { method: 'DELETE', bucket: Bucket, key: 'new' },
  GetObject: { method: 'GET', ...at },
  HeadObject: { method: 'HEAD', ...at },
  CopyFrom: { method: 'PUT', bucket: 'his', key: 'copy', headers: { 'x-amz-copy-source': `${Bucket}/k` } },
  GetObjectAcl: { method: 'GET', ...at, query: acl },
  PutObjectAcl: { method: 'PUT', ...at, query: acl, headers: { 'x-amz-acl': 'private' } },
  GetObjectTagging: { method: 'GET', ...at, query: { tagging: '' } },
};

/** Names of the requests that pass. `prepare` runs before them, and again behind those that change an ACL. */
async function passing(
  who: (request: RawRequest) => Promise<RawAnswer>,
  prepare: () => Promise<unknown>,
): Promise<readonly string[]> {
  const passed: string[] = [];
  await prepare();
  for (const [name, request] of Object.entries(requests)) {
    const { status } = await who(request);
    if (status < 300) passed.push(name);
    else assert.equal(status, 403, name);
    if (name === 'PutBucketAcl' || name === 'PutObjectAcl') await prepare();
  }
  return passed;
}

const reading = ['HeadBucket', 'ListObjects', 'ListObjectVersions', 'ListMultipartUploads'];
const writing = ['PutObject', 'PutObjectWithAcl', 'DeleteObject'];

const onBucket: Readonly<Record<Permission, readonly string[]>> = {
  READ: reading,
  WRITE: writing,
  READ_ACP: ['GetBucketAcl'],
  WRITE_ACP: ['PutBucketAcl'],
  FULL_CONTROL: [...reading, 'GetBucketAcl', 'PutBucketAcl', ...writing],
}; // AWS, "Mapping of ACL permissions and access policy permissions"

const onObject: Readonly<Record<Permission, readonly string[]>> = {
  READ: ['GetObject', 'HeadObject', 'CopyFrom'],
  WRITE: [],
  READ_ACP: ['GetObjectAcl'],
  WRITE_ACP: ['PutObjectAcl'],
  FULL_CONTROL: ['GetObject', 'HeadObject', 'CopyFrom', 'GetObjectAcl', 'PutObjectAcl'],
};

const policyFor = (person: Person, Permission: Permission) => ({
  Owner: { ID: alice.user.account.canonicalId },
  Grants: [{ Grantee: { Type: 'CanonicalUser' as const, ID: person.user.account.canonicalId }, Permission }],
});

for (const permission of Object.keys(onBucket) as Permission[]) {
  test(`${permission} on a bucket lets another account do what AWS maps to it, and ${permission} on an object`, async () => {
    const grantBucket = (): Promise<unknown> =>
      alice.s3.send(new PutBucketAclCommand({ Bucket, AccessControlPolicy: policyFor(bob, permission) }));
    assert.deepEqual(await passing(bob.send, grantBucket), onBucket[permission]);
    await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
    const grantObject = (): Promise<unknown> =>
      alice.s3.send(
        new PutObjectAclCommand({ Bucket, Key: 'k', AccessControlPolicy: policyFor(bob, permission) }),
      );
    assert.deepEqual(await passing(bob.send, grantObject), onObject[permission]);
    await alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL: 'private' }));
  });
}

const publicReading = { bucket: reading, object: ['GetObject', 'HeadObject'] };

const canned = [
  { ACL: 'private', bobs: [], everyones: [] },
  { ACL: 'authenticated-read', bobs: [...reading, 'GetObject', 'HeadObject', 'CopyFrom'], everyones: [] },
  {
    ACL: 'public-read',
    bobs: [...reading, 'GetObject', 'HeadObject', 'CopyFrom'],
    everyones: [...publicReading.bucket, ...publicReading.object],
  },
  {
    ACL: 'public-read-write',
    bobs: [...reading, ...writing, 'GetObject', 'HeadObject', 'CopyFrom'],
    everyones: [...publicReading.bucket, ...writing, ...publicReading.object],
  },
] as const;

for (const { ACL, bobs, everyones } of canned) {
  test(`${ACL} lets in whom it names, unless public ACLs are ignored`, async () => {
    const prepare = async (): Promise<void> => {
      await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL }));
      await alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL }));
    };
    assert.deepEqual(await passing(bob.send, prepare), bobs);
    assert.deepEqual(await passing(anyone, prepare), everyones);
    const status = new GetBucketPolicyStatusCommand({ Bucket });
    const isPublic = async (): Promise<boolean | undefined> =>
      (await alice.s3.send(status)).PolicyStatus?.IsPublic;
    assert.equal(await isPublic(), ACL !== 'private');
    await block({ IgnorePublicAcls: true });
    assert.deepEqual(await passing(bob.send, prepare), []);
    assert.deepEqual(await passing(anyone, prepare), []);
    assert.equal(await isPublic(), false);
    await block({});
    await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
    await alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL: 'private' }));
  });
}

const block = (flags: { IgnorePublicAcls?: boolean; BlockPublicAcls?: boolean }): Promise<unknown> =>
  alice.s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: flags }));

test('with BlockPublicAcls nobody sets a public ACL, and what is there stays', async () => {
  await alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL: 'public-read' }));
  await block({ BlockPublicAcls: true });
  const denied = { name: 'AccessDenied' };
  for (const ACL of ['public-read', 'public-read-write', 'authenticated-read'] as const) {
    await assert.rejects(alice.s3.send(new PutBucketAclCommand({ Bucket, ACL })), denied);
    await assert.rejects(alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL })), denied);
    await assert.rejects(alice.s3.send(new PutObjectCommand({ Bucket, Key: 'b', ACL })), denied);
    await assert.rejects(alice.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'b', ACL })), denied);
    const again = new CreateBucketCommand({ Bucket, ACL });
    await assert.rejects(alice.s3.send(again), { name: 'InvalidBucketAclWithBlockPublicAccessError' });
  }
  await alice.s3.send(new PutObjectCommand({ Bucket, Key: 'b', ACL: 'bucket-owner-read' }));
  assert.equal((await anyone({ method: 'GET', ...at })).status, 200);
  await block({});
  await alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL: 'private' }));
});

test('what another account wrote is its own: the owner of the bucket may remove it and no more, whatever its policy says', async () => {
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read-write' }));
  await bob.s3.send(new PutObjectCommand({ Bucket, Key: 'bobs', Body: 'his' }));
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: `arn:aws:s3:::${Bucket}/*` }],
  });
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  const bobs = { bucket: Bucket, key: 'bobs' };
  const cases = [
    { request: { method: 'GET', ...bobs }, hers: 403, his: 200 },
    { request: { method: 'GET', ...bobs, query: acl }, hers: 403, his: 200 },
    { request: { method: 'GET', ...bobs, query: { tagging: '' } }, hers: 403, his: 200 },
    {
      request: { method: 'PUT', ...bobs, query: acl, headers: { 'x-amz-acl': 'bucket-owner-read' } },
      hers: 403,
      his: 200,
    },
    { request: { method: 'GET', ...bobs }, hers: 200, his: 200 },
    { request: { method: 'GET', ...bobs, query: acl }, hers: 403, his: 200 },
    { request: { method: 'DELETE', ...bobs }, hers: 204, his: 204 },
  ];
  for (const { request, hers, his } of cases) {
    assert.equal((await alice.send(request)).status, hers);
    assert.equal((await bob.send(request)).status, his);
  }
  // Enforced, it would have been hers.
  const rules = (ownership: 'BucketOwnerEnforced' | 'ObjectWriter') =>
    new PutBucketOwnershipControlsCommand({
      Bucket,
      OwnershipControls: { Rules: [{ ObjectOwnership: ownership }] },
    });
  await bob.s3.send(new PutObjectCommand({ Bucket, Key: 'bobs', Body: 'his' }));
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
  await alice.s3.send(rules('BucketOwnerEnforced'));
  assert.equal((await alice.send({ method: 'GET', ...bobs })).status, 200);
  await alice.send({ method: 'DELETE', bucket: Bucket, query: { policy: '' } });
  assert.equal((await bob.send({ method: 'GET', ...bobs })).status, 403);
  await alice.s3.send(rules('ObjectWriter'));
});

test('anonymous writers own together what they wrote, and begin no multipart upload', async () => {
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read-write' }));
  const theirs = { bucket: Bucket, key: 'theirs' };
  assert.equal((await anyone({ method: 'PUT', ...theirs })).status, 200);
  const found = await anyone({ method: 'GET', ...theirs, query: acl });
  assert.match(found.body.toString(), /<Owner><ID>65a011a29cdf8ec533ec3d1ccaae921c<\/ID>/);
  assert.equal((await bob.send({ method: 'GET', ...theirs })).status, 403);
  const upload = await anyone({ method: 'POST', ...theirs, query: { uploads: '' } });
  assert.deepEqual([upload.status, codeOf(upload)], [403, 'AccessDenied']);
  await alice.send({ method: 'DELETE', ...theirs });
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
});

test('who began an upload may list its parts and abort it; another writer may not', async () => {
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read-write' }));
  const carol = await personOf(door, 'carol', 1003);
  const { UploadId } = await bob.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'u' }));
  const list = new ListPartsCommand({ Bucket, Key: 'u', UploadId });
  const abort = new AbortMultipartUploadCommand({ Bucket, Key: 'u', UploadId });
  await assert.rejects(carol.s3.send(list), { name: 'AccessDenied' });
  await assert.rejects(carol.s3.send(abort), { name: 'AccessDenied' });
  const { Initiator, Owner } = await bob.s3.send(list);
  assert.deepEqual([Initiator?.DisplayName, Owner?.DisplayName], ['bob', 'bob']);
  await bob.s3.send(abort);
  await assert.rejects(bob.s3.send(abort), { name: 'AccessDenied' });
  await assert.rejects(alice.s3.send(abort), { name: 'NoSuchUpload' });
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
});

test('a key that is not there is told to those who may list, and hidden from others', async () => {
  const none = { method: 'GET', bucket: Bucket, key: 'none' };
  assert.equal(codeOf(await bob.send(none)), 'AccessDenied');
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'authenticated-read' }));
  assert.equal(codeOf(await bob.send(none)), 'NoSuchKey');
  assert.equal(codeOf(await anyone(none)), 'AccessDenied');
  await alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
});

test('where ownership is enforced, nothing is read to decide', async () => {
  const enforced = { bucket: 'enforced', key: 'k' };
  await alice.s3.send(
    new CreateBucketCommand({ Bucket: 'enforced', ObjectOwnership: 'BucketOwnerEnforced' }),
  );
  await alice.send({ method: 'PUT', ...enforced });
  reads = 0;
  assert.equal((await alice.send({ method: 'GET', ...enforced })).status, 200);
  assert.equal((await alice.send({ method: 'PUT', ...enforced })).status, 200);
  assert.equal((await bob.send({ method: 'PUT', ...enforced })).status, 403);
  assert.equal((await bob.send({ method: 'GET', bucket: 'enforced' })).status, 403);
  assert.equal((await anyone({ method: 'GET', ...enforced })).status, 403);
  assert.equal(reads, 0);
});
