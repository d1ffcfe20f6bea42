import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOVED_BLOB_BYTES_MAX } from '../../../src/limits/tiering.ts';
import type { ObjectAt } from '../../../src/namespace/namespace.ts';
import { bytes, get, plainFacet, put, root, s3, settle } from '../world.ts';
import { AttachedBed, binding } from './attached-bed.ts';

const keys = ['a/1', 'a/b/2', 'c', 'd', 'e', 'unseen/x'];

async function copy(bed: AttachedBed, from: string, to: ObjectAt): Promise<void> {
  const { objects } = bed.world.namespace;
  const source = await objects.open({ bucket: bed.bucket.ino, key: bytes(from) });
  assert(source !== undefined);
  const draft = await objects.draft(s3);
  await draft.splice(source, 0, source.found.attributes.size);
  await objects.attach(s3, draft, { ...to, facet: plainFacet('etag'), expect: {} });
  await source.close();
}

test('what nobody has changed goes with the binding, what was made here stays and is ours', async () => {
  const bed = await AttachedBed.open(keys);
  const { objects, files, attachments } = bed.world.namespace;
  const other = await objects.createBucket(s3, 'other');
  await bed.listed('a/');
  await bed.listed('', '/');
  await put(bed.world, bed.bucket, 'd', 'ours');
  await copy(bed, 'a/1', { bucket: other.ino, key: bytes('copy') });
  await copy(bed, 'c', { bucket: bed.bucket.ino, key: bytes('copy of c') });
  const { attributes } = await files.lookup(root, { directory: bed.bucket.ino, name: bytes('e') });
  await files.write(root, attributes.ino, { offset: 0, data: bytes('OURS'), stable: true });
  await attachments.detach(bed.bucket.ino);
  await bed.work();
  assert.deepEqual(await attachments.list(), []);
  bed.world.tiering.foreign.unbind(binding);
  assert.deepEqual(await bed.listed(), ['copy of c', 'd', 'e']);
  assert.deepEqual(await bed.listed('', '/'), ['copy of c', 'd', 'e']);
  assert.equal((await get(bed.world, bed.bucket, 'copy of c'))?.toString(), 'content of c');
  assert.equal((await get(bed.world, bed.bucket, 'e'))?.toString(), 'OURSent of e');
  assert.equal((await get(bed.world, other, 'copy'))?.toString(), 'content of a/1');
  assert.deepEqual(
    bed.theirs.keys(),
    keys.map((key) => `data/${key}`),
  );
});

test('a bucket that was detached and emptied can be attached anew, and shows everything again', async () => {
  const bed = await AttachedBed.open(keys);
  await bed.listed();
  await bed.delete('c');
  const { attachments } = bed.world.namespace;
  await attachments.detach(bed.bucket.ino);
  await assert.rejects(bed.attach(), { code: 'exists' });
  await bed.work();
  assert.deepEqual(await bed.listed(), []);
  await bed.attach();
  assert.deepEqual(await bed.listed(), keys);
});

test('while the store is away a binding stays that is needed, and goes once it is not', async () => {
  const bed = await AttachedBed.open(keys);
  await bed.listed();
  await copy(bed, 'c', { bucket: bed.bucket.ino, key: bytes('copy of c') });
  bed.theirs.failWhen(() => 'gone');
  const { attachments } = bed.world.namespace;
  await attachments.detach(bed.bucket.ino);
  await bed.work();
  const [waiting] = await attachments.list();
  assert.deepEqual([waiting?.state, waiting?.blobsLeft], ['detaching', 1]);
  assert.deepEqual(await bed.listed(), ['copy of c']);
  bed.theirs.failWhen(undefined);
  bed.world.clock.ms += 60_000;
  await bed.work();
  assert.deepEqual(await attachments.list(), []);
  assert.equal((await get(bed.world, bed.bucket, 'copy of c'))?.toString(), 'content of c');
});

test('a long object that was copied is cut, and all of it comes', async () => {
  const bed = await AttachedBed.open([]);
  const long = Buffer.alloc(MOVED_BLOB_BYTES_MAX + 3_000_000, 'long object ').toString();
  await bed.upload('long', long);
  await copy(bed, 'long', { bucket: bed.bucket.ino, key: bytes('copy') });
  await copy(bed, 'long', { bucket: bed.bucket.ino, key: bytes('second copy') });
  const { attachments, files } = bed.world.namespace;
  const { attributes } = await files.lookup(root, { directory: bed.bucket.ino, name: bytes('copy') });
  await files.write(root, attributes.ino, { offset: 5_000_000, data: bytes('OURS'), stable: true });
  await attachments.detach(bed.bucket.ino);
  await bed.work();
  bed.world.clock.ms += 60_000;
  await bed.work();
  assert.deepEqual(await attachments.list(), []);
  bed.world.tiering.foreign.unbind(binding);
  const ours = `${long.slice(0, 5_000_000)}OURS${long.slice(5_000_004)}`;
  assert.ok((await get(bed.world, bed.bucket, 'copy'))?.toString() === ours);
  assert.ok((await get(bed.world, bed.bucket, 'second copy'))?.toString() === long);
});

test('a crash at any step of detaching leaves nothing behind that the next start does not end', async () => {
  for (let steps = 0; steps < 12; steps += 1) {
    const bed = await AttachedBed.open(keys);
    await bed.listed();
    await put(bed.world, bed.bucket, 'd', 'ours');
    await bed.world.namespace.attachments.detach(bed.bucket.ino);
    for (let step = 0; step < steps; step += 1) await bed.world.namespace.attachments.step();
    await bed.crash();
    await bed.work();
    await settle(bed.world);
    assert.deepEqual(await bed.listed(), ['d'], `after ${steps} steps`);
    assert.deepEqual(await bed.world.namespace.attachments.list(), []);
  }
});
