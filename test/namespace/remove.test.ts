import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import type { FileTree } from '../../src/namespace/file-tree.ts';
import { checkSettledStore, checkStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, get, listed, openWorld, put, root, settle, user, type World } from './world.ts';

interface Scene extends World {
  readonly bucket: Bucket;
  readonly files: FileTree;
}

async function scene(): Promise<Scene> {
  const world = await openWorld();
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  return { ...world, bucket, files: world.namespace.files };
}

const makeDirectory = async ({ files }: Scene, parent: Ino, name: string): Promise<Ino> =>
  (await files.makeDirectory(root, { directory: parent, name: bytes(name) }, { mode: 0o755 })).attributes.ino;

const inoOf = async ({ files }: Scene, parent: Ino, name: string): Promise<Ino> =>
  (await files.lookup(root, { directory: parent, name: bytes(name) })).attributes.ino;

test('a second name of the marker of a directory outlives the directory', async () => {
  const at = await scene();
  const directory = await makeDirectory(at, at.bucket.ino, 'd');
  const marker = await inoOf(at, directory, '.s3:=');
  await at.files.link(root, marker, { directory: at.bucket.ino, name: bytes('second') });
  await at.files.removeDirectory(root, { directory: at.bucket.ino, name: bytes('d') });
  assert.equal((await at.files.attributes(marker)).linkCount, 1);
  assert.deepEqual(await listed(at, at.bucket), ['second']);
  await checkStore(at);
});

test('a directory whose marker was written to is not empty, committed or not', async () => {
  const at = await scene();
  const directory = await makeDirectory(at, at.bucket.ino, 'd');
  const marker = await inoOf(at, directory, '.s3:=');
  await at.files.write(root, marker, { offset: 0, data: bytes('body'), stable: false });
  const { entries } = await at.files.entries(root, directory, { after: 0, entriesMax: 10 });
  assert.deepEqual(
    entries.map(({ name }) => String(name)),
    ['.s3:='],
  );
  assert.equal(
    await faultOf(at.files.removeDirectory(root, { directory: at.bucket.ino, name: bytes('d') })),
    'not-empty',
  );
  assert.equal(String(await get(at, at.bucket, 'd/')), 'body');
});

test('dots name no entry, also where S3 has made keys of them', async () => {
  const at = await scene();
  await put(at, at.bucket, '.', 'one dot');
  await put(at, at.bucket, '..', 'two dots');
  await put(at, at.bucket, 'd/./..', 'deep');
  const directory = await inoOf(at, at.bucket.ino, 'd');
  for (const dots of ['.', '..']) {
    assert.notEqual(
      await faultOf(at.files.remove(root, { directory: at.bucket.ino, name: bytes(dots) })),
      'done',
    );
    assert.notEqual(await faultOf(at.files.removeDirectory(root, { directory, name: bytes(dots) })), 'done');
  }
  assert.deepEqual(await listed(at, at.bucket), ['.', '..', 'd/./..']);
});

test('an implicit directory goes with the last key that S3 deletes, a file system keeps it', async () => {
  const at = await scene();
  await put(at, at.bucket, 'x/y/z', '1');
  await at.namespace.objects.removeKey({ bucket: at.bucket.ino, key: bytes('x/y/z'), expect: {} });
  assert.equal(
    await faultOf(at.files.lookup(root, { directory: at.bucket.ino, name: bytes('x') })),
    'not-found',
  );
  await put(at, at.bucket, 'x/y/z', '1');
  const y = await inoOf(at, await inoOf(at, at.bucket.ino, 'x'), 'y');
  await at.files.remove(root, { directory: y, name: bytes('z') });
  assert.deepEqual(await listed(at, at.bucket), ['x/y/']);
  await at.namespace.objects.removeKey({ bucket: at.bucket.ino, key: bytes('x/y/'), expect: {} });
  assert.deepEqual(await listed(at, at.bucket), []);
  assert.equal(
    await faultOf(at.files.lookup(root, { directory: at.bucket.ino, name: bytes('x') })),
    'not-found',
  );
  await settle(at);
  await checkSettledStore(at);
});

const sticky = [
  { name: 'the owner of the file may', caller: user(1001), removes: 'done', renames: 'done' },
  { name: 'the owner of the directory may', caller: user(1000), removes: 'done', renames: 'done' },
  { name: 'the superuser may', caller: root, removes: 'done', renames: 'done' },
  { name: 'another may not', caller: user(1002), removes: 'access-denied', renames: 'access-denied' },
] as const;

for (const { name, caller, removes, renames } of sticky) {
  test(`names in a sticky directory: ${name}`, async () => {
    const at = await scene();
    const wish = { mode: 0o1777, uid: 1000, gid: 1000 };
    const made = await at.files.makeDirectory(root, { directory: at.bucket.ino, name: bytes('tmp') }, wish);
    const tmp = made.attributes.ino;
    for (const file of ['f', 'g'])
      await at.files.create(
        root,
        { directory: tmp, name: bytes(file) },
        { mode: { how: 'guarded' }, wish: { uid: 1001, gid: 1001 } },
      );
    await at.files.makeDirectory(
      root,
      { directory: tmp, name: bytes('sub') },
      { uid: 1001, gid: 1001, mode: 0o777 },
    );
    assert.equal(await faultOf(at.files.remove(caller, { directory: tmp, name: bytes('f') })), removes);
    assert.equal(
      await faultOf(at.files.removeDirectory(caller, { directory: tmp, name: bytes('sub') })),
      removes,
    );
    const [from, to] = [bytes('g'), bytes('h')].map((each) => ({ directory: tmp, name: each }));
    assert(from !== undefined && to !== undefined);
    assert.equal(await faultOf(at.files.rename(caller, { from, to })), renames);
  });
}
