import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSettledStore } from './check-store.ts';
import { bytes, get, listed, openWorld, put, root, settle, text } from './world.ts';

test('what one door writes the other reads', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  await put(world, bucket, 'x/y/z', 'hello');
  const x = await files.lookup(root, { directory: bucket.ino, name: bytes('x') });
  const y = await files.lookup(root, { directory: x.attributes.ino, name: bytes('y') });
  const z = await files.lookup(root, { directory: y.attributes.ino, name: bytes('z') });
  const read = await files.read(root, z.attributes.ino, { offset: 0, length: 100 });
  assert.equal(text(read.parts), 'hello');
  await files.write(root, z.attributes.ino, { offset: 5, data: bytes(' world'), stable: false });
  assert.equal(String(await get(world, bucket, 'x/y/z')), 'hello world');
  await files.commit(root, z.attributes.ino);
  assert.equal(String(await get(world, bucket, 'x/y/z')), 'hello world');
  const made = await files.create(
    root,
    { directory: y.attributes.ino, name: bytes('new') },
    { mode: { how: 'guarded' }, wish: { mode: 0o644 } },
  );
  await files.write(root, made.attributes.ino, {
    offset: 0,
    data: Buffer.alloc(3_000_000, 'a'),
    stable: true,
  });
  assert.equal((await get(world, bucket, 'x/y/new'))?.length, 3_000_000);
  await files.makeDirectory(root, { directory: bucket.ino, name: bytes('dir') }, {});
  await put(world, bucket, 'x/y-', '1');
  await put(world, bucket, 'x//q', '1');
  await put(world, bucket, 'x/y0', '1');
  assert.deepEqual(await listed(world, bucket), ['dir/', 'x//q', 'x/y-', 'x/y/new', 'x/y/z', 'x/y0']);
  assert.deepEqual(await listed(world, bucket, 'x/', '/'), ['x//', 'x/y-', 'x/y/', 'x/y0']);
  assert.deepEqual(await listed(world, bucket, 'x/', 'y'), ['x//q', 'x/y']);
  await files.rename(root, {
    from: { directory: bucket.ino, name: bytes('x') },
    to: { directory: bucket.ino, name: bytes('w') },
  });
  assert.deepEqual(await listed(world, bucket), ['dir/', 'w//q', 'w/y-', 'w/y/new', 'w/y/z', 'w/y0']);
  for (const key of await listed(world, bucket))
    await objects.removeKey({ bucket: bucket.ino, key: bytes(key), expect: {} });
  await settle(world);
  await checkSettledStore(world);
  assert.deepEqual(await listed(world, bucket), []);
  const usage = world.blobs.usage();
  assert.equal(usage.bytesFree, usage.bytesTotal);
  await objects.deleteBucket('b');
  await world.namespace.close();
});
