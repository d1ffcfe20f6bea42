import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessControl } from '../../src/namespace/access-control.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import { bytes, openWorld, put, root, s3 } from './world.ts';

const acl: AccessControl = {
  owner: '100000000001',
  grants: [
    { grantee: '100000000001', permission: 'FULL_CONTROL' },
    { grantee: 'AllUsers', permission: 'READ' },
  ],
};

test('an ACL changes ctime alone and survives edits over NFS, renames and truncation', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const made = await put(world, bucket, 'k', 'content');
  const { ino } = made.attributes;
  const at = { bucket: bucket.ino, key: bytes('k'), ino };
  world.clock.ms += 5_000;
  const listed = await objects.setAcl(at, acl);
  assert.deepEqual(listed?.facet, { ...made.facet, acl });
  assert.deepEqual(listed.attributes.mtime, made.attributes.mtime);
  assert.equal(listed.attributes.ctime.seconds, made.attributes.ctime.seconds + 5);
  await files.write(root, ino, { offset: 0, data: bytes('dirty'), stable: false });
  assert.deepEqual((await objects.head(at))?.facet.acl, acl);
  await files.commit(root, ino);
  await files.setAttributes(root, ino, { wish: { size: 2 } });
  await files.rename(root, {
    from: { directory: bucket.ino, name: bytes('k') },
    to: { directory: bucket.ino, name: bytes('moved') },
  });
  const moved = await objects.head({ ...at, key: bytes('moved') });
  assert.deepEqual(moved?.facet.acl, acl);
  await objects.setAcl({ ...at, key: bytes('moved') }, undefined);
  assert.equal((await objects.head({ ...at, key: bytes('moved') }))?.facet.acl, undefined);
});

test('an ACL meant for an object that was replaced meanwhile does not get into the new one', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const { ino } = (await put(world, bucket, 'k', 'old')).attributes;
  await put(world, bucket, 'k', 'new');
  const at = { bucket: bucket.ino, key: bytes('k') };
  assert.equal(await objects.setAcl({ ...at, ino }, acl), undefined);
  assert.equal((await objects.head(at))?.facet.acl, undefined);
  assert.equal(await objects.setAcl({ ...at, key: bytes('none'), ino: 99 as Ino }, acl), undefined);
});

test('an upload keeps the ACL of its object and who began it', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const { facet } = await put(world, bucket, 'other', 'x');
  const at = { bucket: bucket.ino, key: bytes('k') };
  const upload = await objects.createUpload(s3, {
    ...at,
    facet: { ...facet, acl },
    checksum: undefined,
    initiator: acl.owner,
  });
  const stored = await objects.upload({ ...at, uploadId: upload.uploadId });
  assert.deepEqual([stored.facet.acl, stored.initiator], [acl, acl.owner]);
});

test('a bucket begins with its owner, object ownership and documents, and keeps what is set later', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const document = bytes('{}');
  const birth = {
    owner: acl.owner,
    objectOwnership: 'ObjectWriter' as const,
    documents: new Map([['acl' as const, document]]),
  };
  const made = await objects.createBucket(root, 'b', birth);
  assert.deepEqual(await objects.bucket('b'), made);
  assert.deepEqual(
    [made.owner, made.objectOwnership, made.configurations],
    [acl.owner, 'ObjectWriter', ['acl']],
  );
  assert.deepEqual(Buffer.from((await objects.bucketConfiguration(made.ino, 'acl')) ?? []), document);
  await objects.setBucketOwnership(made, 'BucketOwnerPreferred');
  assert.equal((await objects.bucket('b'))?.objectOwnership, 'BucketOwnerPreferred');
  await objects.setBucketOwnership(made, undefined);
  assert.deepEqual(await objects.bucket('b'), { ...made, objectOwnership: undefined });
  await objects.deleteBucket('b');
  assert.equal(await objects.bucketConfiguration(made.ino, 'acl'), undefined);
  await assert.rejects(objects.setBucketOwnership(made, 'ObjectWriter'), { code: 'not-found' });
});
