import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_BYTES_MAX, INODE_NAMES_MAX, LINKS_MAX } from '../../src/limits.ts';
import { inodeKey } from '../../src/namespace/keys.ts';
import { decodeInode, encodeInode } from '../../src/namespace/records.ts';
import { checkStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, listed, openWorld, put, root, s3, user } from './world.ts';

const guarded = { how: 'guarded' } as const;
const unchecked = { how: 'unchecked' } as const;
const exclusive = (verifier: string): { how: 'exclusive'; verifier: Uint8Array } => ({
  how: 'exclusive',
  verifier: bytes(verifier),
});

test('a directory that is made without a mode can be entered', async () => {
  const { namespace } = await openWorld();
  const bucket = await namespace.objects.createBucket(root, 'b');
  for (const wish of [{}, { mode: undefined }]) {
    const name = bytes(`d${'mode' in wish}`);
    const made = await namespace.files.makeDirectory(root, { directory: bucket.ino, name }, wish);
    assert.equal(made.attributes.mode, 0o755);
  }
});

test('a file cannot be made larger than files can be', async () => {
  const { namespace } = await openWorld();
  const bucket = await namespace.objects.createBucket(root, 'b');
  const make = (size: number): Promise<unknown> =>
    namespace.files.create(
      root,
      { directory: bucket.ino, name: bytes(`f${size}`) },
      { mode: unchecked, wish: { size } },
    );
  assert.equal(await faultOf(make(FILE_BYTES_MAX + 1)), 'too-large');
  assert.equal(await faultOf(make(2 ** 63)), 'too-large');
  assert.equal(await faultOf(make(FILE_BYTES_MAX)), 'done');
});

test('device nodes are made by the superuser only', async () => {
  const { namespace } = await openWorld();
  const bucket = await namespace.objects.createBucket(user(1000), 'b');
  const device = { major: 8, minor: 1 };
  for (const kind of ['block', 'character'] as const) {
    const special = { kind, device };
    const make = (caller: typeof root, name: string): Promise<unknown> =>
      namespace.files.makeSpecial(
        caller,
        { directory: bucket.ino, name: bytes(name) },
        { special, wish: { mode: 0o666 } },
      );
    assert.equal(await faultOf(make(user(1000), `user-${kind}`)), 'not-permitted');
    assert.equal(await faultOf(make(root, `root-${kind}`)), 'done');
  }
  const fifo = namespace.files.makeSpecial(
    user(1000),
    { directory: bucket.ino, name: bytes('fifo') },
    { special: { kind: 'fifo' }, wish: {} },
  );
  assert.equal(await faultOf(fifo), 'done');
});

test('an exclusive create succeeds again for its verifier and for no other', async () => {
  const { namespace } = await openWorld();
  const { ino } = await namespace.objects.createBucket(root, 'b');
  const make = (verifier: string): ReturnType<typeof namespace.files.create> =>
    namespace.files.create(
      root,
      { directory: ino, name: bytes('f') },
      { mode: exclusive(verifier), wish: {} },
    );
  const first = await make('verifier');
  assert.equal((await make('verifier')).attributes.ino, first.attributes.ino);
  assert.equal(await faultOf(make('another!')), 'exists');
});

const modes = [
  { what: 'file', how: 'guarded', want: 'exists' },
  { what: 'file', how: 'unchecked', want: 'done' },
  { what: 'file', how: 'exclusive', want: 'exists' },
  { what: 'directory', how: 'guarded', want: 'exists' },
  { what: 'directory', how: 'unchecked', want: 'is-directory' },
  { what: 'directory', how: 'exclusive', want: 'exists' },
  { what: 'symlink', how: 'unchecked', want: 'exists' },
  { what: 'fifo', how: 'unchecked', want: 'exists' },
  { what: 'nothing', how: 'guarded', want: 'done' },
  { what: '.s3:x', how: 'unchecked', want: 'invalid-argument' },
  { what: 'x/y', how: 'unchecked', want: 'invalid-argument' },
  { what: '', how: 'unchecked', want: 'invalid-argument' },
  { what: 'n'.repeat(256), how: 'unchecked', want: 'name-too-long' },
] as const; // RFC 1813 §3.3.8

for (const { what, how, want } of modes) {
  test(`create ${how} where there is ${JSON.stringify(what)}: ${want}`, async () => {
    const { namespace, kv } = await openWorld();
    const { files, objects } = namespace;
    const { ino } = await objects.createBucket(root, 'b');
    await files.create(root, { directory: ino, name: bytes('file') }, { mode: guarded, wish: {} });
    await files.makeDirectory(root, { directory: ino, name: bytes('directory') }, {});
    await files.makeSpecial(
      root,
      { directory: ino, name: bytes('symlink') },
      { special: { kind: 'symlink', target: bytes('t') }, wish: {} },
    );
    await files.makeSpecial(
      root,
      { directory: ino, name: bytes('fifo') },
      { special: { kind: 'fifo' }, wish: {} },
    );
    const mode = how === 'exclusive' ? exclusive('12345678') : { how };
    assert.equal(
      await faultOf(files.create(root, { directory: ino, name: bytes(what) }, { mode, wish: {} })),
      want,
    );
    await checkStore({ kv });
  });
}

test('a file has as many names as PATHCONF says, and one that goes makes room for another', async () => {
  const { namespace, kv } = await openWorld();
  const { files, objects } = namespace;
  const { ino: directory } = await objects.createBucket(root, 'b');
  const { ino } = (await files.create(root, { directory, name: bytes('f') }, { mode: guarded, wish: {} }))
    .attributes;
  const link = (name: string): Promise<unknown> => files.link(root, ino, { directory, name: bytes(name) });
  const names = Array.from({ length: INODE_NAMES_MAX }, (_, index) => `name${index}`);
  for (const name of names) await link(name);
  await kv.transact('durable', async (tx) => {
    const row = await tx.get(inodeKey(ino));
    assert(row !== undefined);
    tx.put(inodeKey(ino), encodeInode({ ...decodeInode(ino, row), linkCount: LINKS_MAX - 1 }));
  });
  assert.equal(await faultOf(link('last')), 'done');
  assert.equal((await files.attributes(ino)).linkCount, LINKS_MAX);
  assert.equal(await faultOf(link('more')), 'too-many-links');
  await files.remove(root, { directory, name: bytes('name0') });
  assert.equal(await faultOf(link('more')), 'done');
});

test('a hard link shows the same file and is one more name', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  await put(world, bucket, 'd/file', 'content');
  const d = (await files.lookup(root, { directory: bucket.ino, name: bytes('d') })).attributes.ino;
  const { ino } = (await files.lookup(root, { directory: d, name: bytes('file') })).attributes;
  const linked = await files.link(root, ino, { directory: bucket.ino, name: bytes('name') });
  assert.equal(linked.attributes.linkCount, 2);
  assert.equal(
    await faultOf(files.link(root, ino, { directory: bucket.ino, name: bytes('name') })),
    'exists',
  );
  assert.equal(
    await faultOf(files.link(root, d, { directory: bucket.ino, name: bytes('directory') })),
    'not-permitted',
  );
  const other = await objects.createBucket(s3, 'other');
  assert.equal(
    await faultOf(files.link(root, ino, { directory: other.ino, name: bytes('name') })),
    'cross-bucket',
  );
  assert.equal(
    await faultOf(files.link(user(5), ino, { directory: bucket.ino, name: bytes('users') })),
    'access-denied',
  );
  await files.remove(root, { directory: d, name: bytes('file') });
  assert.equal((await files.attributes(ino)).linkCount, 1);
  assert.deepEqual(await listed(world, bucket), ['d/', 'name']);
  await checkStore(world);
});
