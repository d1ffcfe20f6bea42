import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, openWorld, plainFacet, put, root, s3, settle, text } from './world.ts';

test('buckets are directories of the root, which nobody changes through the file system', async () => {
  const { namespace, kv, blobs } = await openWorld();
  const { objects, files } = namespace;
  const made = await objects.createBucket(root, 'one');
  assert.equal(await faultOf(objects.createBucket(root, 'one')), 'exists');
  await objects.createBucket(root, 'another');
  assert.deepEqual(
    (await objects.buckets()).map(({ name }) => name),
    ['another', 'one'],
  );
  assert.deepEqual(await objects.bucket('one'), made);
  assert.equal(await objects.bucket('none'), undefined);
  const top = files.root();
  const { entries } = await files.entries(root, top, { after: 0, entriesMax: 10 });
  assert.deepEqual(
    entries.map(({ name }) => text(name)),
    ['one', 'another'],
  );
  const place = { directory: top, name: bytes('one') };
  for (const attempt of [
    files.create(root, { directory: top, name: bytes('f') }, { mode: { how: 'guarded' }, wish: {} }),
    files.makeDirectory(root, { directory: top, name: bytes('d') }, {}),
    files.removeDirectory(root, { directory: top, name: bytes('one') }),
    files.rename(root, { from: place, to: { directory: top, name: bytes('renamed') } }),
  ])
    assert.equal(await faultOf(attempt), 'access-denied');
  await checkSettledStore({ kv, blobs });
});

test('a bucket with a key stays, one with open uploads goes and takes them along', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  await put(world, bucket, 'd/k', 'content');
  assert.equal(await faultOf(objects.deleteBucket('b')), 'not-empty');
  await objects.removeKey({ bucket: bucket.ino, key: bytes('d/k'), expect: {} });
  const upload = await objects.createUpload(s3, {
    bucket: bucket.ino,
    key: bytes('k'),
    facet: plainFacet(''),
    checksum: undefined,
  });
  const draft = await objects.draft(s3);
  await draft.write([Buffer.alloc(30_000)]);
  const part = { etag: 'p', checksums: [] };
  await objects.putPart({ bucket: bucket.ino, key: bytes('k'), uploadId: upload.uploadId }, draft, {
    number: 1,
    ...part,
  });
  await objects.deleteBucket('b');
  assert.equal(await faultOf(objects.deleteBucket('b')), 'not-found');
  assert.equal(await faultOf(put(world, bucket, 'late', '')), 'not-found');
  await settle(world);
  await checkSettledStore(world);
});
