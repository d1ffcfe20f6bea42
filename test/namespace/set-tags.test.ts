import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, openWorld, put, root, s3 } from './world.ts';

const tags = [
  { key: 'colour', value: 'red' },
  { key: '__proto__', value: '' },
  { key: '1', value: 'kept in order' },
];

test('tags change ctime alone, keep their order, and survive edits, renames and truncation', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const made = await put(world, bucket, 'd/file', 'content');
  world.clock.ms += 5_000;
  const tagged = await objects.setTags({ bucket: bucket.ino, key: bytes('d/file') }, tags);
  assert.deepEqual(tagged?.facet, { ...made.facet, tags });
  assert.deepEqual(tagged.attributes.mtime, made.attributes.mtime);
  assert.equal(tagged.attributes.ctime.seconds, made.attributes.ctime.seconds + 5);
  const { ino } = made.attributes;
  await files.write(root, ino, { offset: 0, data: bytes('dirty'), stable: false });
  const dirty = await objects.head({ bucket: bucket.ino, key: bytes('d/file') });
  assert.deepEqual(dirty?.facet.tags, tags);
  assert.match(dirty.facet.etag, /-0$/);
  const under = await objects.setTags({ bucket: bucket.ino, key: bytes('d/file') }, tags.slice(1));
  assert.deepEqual(under?.facet.etag, dirty.facet.etag);
  await files.commit(root, ino);
  await files.setAttributes(root, ino, { wish: { size: 2 } });
  const { attributes: directory } = await files.lookup(root, { directory: bucket.ino, name: bytes('d') });
  await files.rename(root, {
    from: { directory: directory.ino, name: bytes('file') },
    to: { directory: bucket.ino, name: bytes('moved') },
  });
  const moved = await objects.head({ bucket: bucket.ino, key: bytes('moved') });
  assert.deepEqual(moved?.facet.tags, tags.slice(1));
});

test('a file that NFS made takes tags and keeps its ETag; what is not there takes none', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const place = { directory: bucket.ino, name: bytes('f') };
  const { attributes } = await files.create(root, place, { mode: { how: 'guarded' }, wish: {} });
  await files.write(root, attributes.ino, { offset: 0, data: bytes('x'), stable: true });
  const at = { bucket: bucket.ino, key: bytes('f') };
  const before = await objects.head(at);
  const after = await objects.setTags(at, tags);
  assert.deepEqual(after?.facet, { ...before?.facet, tags });
  assert.equal(await objects.setTags({ ...at, key: bytes('none') }, tags), undefined);
});

test('an object that replaces another has its own tags, and so has a completed upload', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  await put(world, bucket, 'k', 'old');
  const at = { bucket: bucket.ino, key: bytes('k') };
  await objects.setTags(at, tags);
  assert.deepEqual((await put(world, bucket, 'k', 'new')).facet.tags, []);
  const { facet } = await put(world, bucket, 'k', 'new');
  const upload = await objects.createUpload(s3, { ...at, facet: { ...facet, tags }, checksum: undefined });
  const stored = await objects.upload({ ...at, uploadId: upload.uploadId });
  assert.deepEqual(stored.facet.tags, tags);
});
