import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_BYTES_MAX } from '../../src/limits.ts';
import type { Attributes, Caller } from '../../src/namespace/namespace.ts';
import type { AttributeWish } from '../../src/namespace/file-tree.ts';
import { faultOf } from './fault-of.ts';
import { bytes, get, openWorld, put, root, s3, text, user, type World } from './world.ts';

const owner = user(1000, 50);
const member = user(1001, 1000);
const other = user(1002);
const TIME = { seconds: 1_000_000, nanoseconds: 5 };

async function fileOf(mode: number): Promise<World & { file: Attributes }> {
  const world = await openWorld();
  const { ino } = await world.namespace.objects.createBucket(root, 'b');
  const wish = { mode, uid: 1000, gid: 1000 };
  const made = await world.namespace.files.create(
    root,
    { directory: ino, name: bytes('f') },
    { mode: { how: 'guarded' }, wish },
  );
  return { ...world, file: made.attributes };
}

interface Rule {
  readonly name: string;
  readonly mode: number;
  readonly caller: Caller;
  readonly wish: AttributeWish;
  /** What it becomes, or the code of the fault. */
  readonly want: Partial<Attributes> | string;
}

const chmod: readonly Rule[] = [
  { name: 'owner', mode: 0o644, caller: owner, wish: { mode: 0o4711 }, want: { mode: 0o4711 } },
  { name: 'superuser', mode: 0o644, caller: root, wish: { mode: 0o6777 }, want: { mode: 0o6777 } },
  { name: 'S3', mode: 0o644, caller: s3, wish: { mode: 0o600 }, want: { mode: 0o600 } },
  { name: 'group member', mode: 0o666, caller: member, wish: { mode: 0o600 }, want: 'not-permitted' },
  { name: 'other', mode: 0o777, caller: other, wish: { mode: 0o600 }, want: 'not-permitted' },
  {
    name: 'only the mode bits count',
    mode: 0o644,
    caller: owner,
    wish: { mode: 0o100600 },
    want: { mode: 0o600 },
  },
  {
    name: 'set-group-ID for a group one is not in goes',
    mode: 0o644,
    caller: { ...owner, gid: 7, groups: [] },
    wish: { mode: 0o2755 },
    want: { mode: 0o755 },
  },
  {
    name: 'set-group-ID for a supplementary group stays',
    mode: 0o644,
    caller: { ...owner, gid: 7, groups: [1000] },
    wish: { mode: 0o2755 },
    want: { mode: 0o2755 },
  },
]; // POSIX chmod()

const chown: readonly Rule[] = [
  { name: 'superuser', mode: 0o644, caller: root, wish: { uid: 5, gid: 6 }, want: { uid: 5, gid: 6 } },
  { name: 'owner gives away', mode: 0o644, caller: owner, wish: { uid: 5 }, want: 'not-permitted' },
  { name: 'owner to a group of his', mode: 0o644, caller: owner, wish: { gid: 50 }, want: { gid: 50 } },
  { name: 'owner to another group', mode: 0o644, caller: owner, wish: { gid: 60 }, want: 'not-permitted' },
  {
    name: 'owner to what it is',
    mode: 0o644,
    caller: owner,
    wish: { uid: 1000, gid: 1000 },
    want: { gid: 1000 },
  },
  { name: 'member', mode: 0o666, caller: member, wish: { gid: 1001 }, want: 'not-permitted' },
  { name: 'member to what it is', mode: 0o666, caller: member, wish: { uid: 1000 }, want: 'not-permitted' },
  { name: 'other', mode: 0o666, caller: other, wish: { gid: 1002 }, want: 'not-permitted' },
  { name: 'set-IDs go', mode: 0o6755, caller: owner, wish: { gid: 50 }, want: { mode: 0o755 } },
  {
    name: 'set-IDs go for the superuser too',
    mode: 0o6755,
    caller: root,
    wish: { uid: 9 },
    want: { mode: 0o755 },
  },
  {
    name: 'set-group-ID without group execution is no set-ID',
    mode: 0o2745 & ~0o010,
    caller: owner,
    wish: { gid: 50 },
    want: { mode: 0o2745 & ~0o010 },
  },
]; // POSIX chown()

const utimes: readonly Rule[] = [
  { name: 'owner sets', mode: 0o444, caller: owner, wish: { atime: TIME }, want: { atime: TIME } },
  {
    name: 'owner sets both',
    mode: 0o444,
    caller: owner,
    wish: { mtime: TIME, atime: TIME },
    want: { mtime: TIME },
  },
  {
    name: 'before 1970',
    mode: 0o444,
    caller: owner,
    wish: { mtime: { seconds: -5, nanoseconds: 1 } },
    want: { mtime: { seconds: -5, nanoseconds: 1 } },
  },
  { name: 'writer sets', mode: 0o666, caller: other, wish: { mtime: TIME }, want: 'not-permitted' },
  { name: 'writer touches', mode: 0o666, caller: other, wish: { mtime: 'now', atime: 'now' }, want: {} },
  {
    name: 'reader touches',
    mode: 0o644,
    caller: other,
    wish: { mtime: 'now', atime: 'now' },
    want: 'access-denied',
  },
  { name: 'superuser sets', mode: 0, caller: root, wish: { mtime: TIME }, want: { mtime: TIME } },
]; // POSIX utimensat()

const truncate: readonly Rule[] = [
  { name: 'owner, whatever the mode', mode: 0o444, caller: owner, wish: { size: 3 }, want: { size: 3 } },
  { name: 'writer', mode: 0o662, caller: other, wish: { size: 3 }, want: { size: 3 } },
  { name: 'member who may write', mode: 0o660, caller: member, wish: { size: 9 }, want: { size: 9 } },
  { name: 'reader', mode: 0o664, caller: other, wish: { size: 3 }, want: 'access-denied' },
  {
    name: 'beyond all bounds',
    mode: 0o600,
    caller: owner,
    wish: { size: FILE_BYTES_MAX + 1 },
    want: 'too-large',
  },
  {
    name: 'a writer takes the set-IDs away',
    mode: 0o6777,
    caller: other,
    wish: { size: 1 },
    want: { mode: 0o777 },
  },
  {
    name: 'the superuser leaves them',
    mode: 0o6777,
    caller: root,
    wish: { size: 1 },
    want: { mode: 0o6777 },
  },
]; // POSIX ftruncate()

const tables = { chmod, chown, utimes, truncate };

for (const [what, rules] of Object.entries(tables)) {
  for (const { name, mode, caller, wish, want } of rules) {
    test(`${what}, ${name}: ${JSON.stringify(want)}`, async () => {
      const { namespace, file } = await fileOf(mode);
      const change = namespace.files.setAttributes(caller, file.ino, { wish });
      if (typeof want === 'string') {
        assert.equal(await faultOf(change), want);
        assert.deepEqual(await namespace.files.attributes(file.ino), file);
        return;
      }
      const { before, after } = await change;
      assert.deepEqual(before, file);
      for (const [field, value] of Object.entries(want))
        assert.deepEqual(after[field as keyof Attributes], value, field);
      assert.deepEqual(await namespace.files.attributes(file.ino), after);
      assert.notDeepEqual(after.ctime, before.ctime, 'every change moves the change time');
    });
  }
}

test('a guard that is not the change time refuses', async () => {
  const { namespace, file } = await fileOf(0o644);
  const { files } = namespace;
  const wrong = { ...file.ctime, nanoseconds: file.ctime.nanoseconds + 1 };
  assert.equal(
    await faultOf(files.setAttributes(owner, file.ino, { wish: { mode: 0 }, guard: wrong })),
    'not-sync',
  );
  const { after } = await files.setAttributes(owner, file.ino, { wish: { mode: 0o600 }, guard: file.ctime });
  assert.equal(
    await faultOf(files.setAttributes(owner, file.ino, { wish: { mode: 0 }, guard: file.ctime })),
    'not-sync',
  );
  await files.write(owner, file.ino, { offset: 0, data: bytes('x'), stable: false });
  assert.equal(
    await faultOf(files.setAttributes(owner, file.ino, { wish: { mode: 0 }, guard: after.ctime })),
    'not-sync',
  );
});

test('a directory has modes, owners and times, but no size', async () => {
  const { namespace } = await openWorld();
  const { files, objects } = namespace;
  const { ino } = await objects.createBucket(root, 'b');
  const d = (await files.makeDirectory(root, { directory: ino, name: bytes('d') }, {})).attributes.ino;
  assert.equal(await faultOf(files.setAttributes(root, d, { wish: { size: 0 } })), 'is-directory');
  const { after } = await files.setAttributes(root, d, { wish: { mode: 0o2770, gid: 50, mtime: TIME } });
  assert.deepEqual([after.mode, after.gid, after.mtime], [0o2770, 50, TIME]);
  const made = await files.create(
    root,
    { directory: d, name: bytes('f') },
    { mode: { how: 'guarded' }, wish: {} },
  );
  assert.equal(made.attributes.gid, 50, 'set-group-ID on a directory gives its group');
  const sub = await files.makeDirectory(root, { directory: d, name: bytes('sub') }, { mode: 0o755 });
  assert.equal(sub.attributes.mode, 0o2755);
  assert.notDeepEqual(made.directory.after.mtime, TIME);
});

test('who writes without being the superuser takes the set-IDs away', async () => {
  const { namespace, file } = await fileOf(0o6777);
  await namespace.files.write(root, file.ino, { offset: 0, data: bytes('x'), stable: false });
  assert.equal((await namespace.files.attributes(file.ino)).mode, 0o6777);
  await namespace.files.write(other, file.ino, { offset: 0, data: bytes('x'), stable: false });
  assert.equal((await namespace.files.attributes(file.ino)).mode, 0o777);
});

test('S3 headers survive NFS writes, the ETag and its checksums do not', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const { ino } = (await put(world, bucket, 'k', 'content')).attributes;
  await files.setAttributes(root, ino, { wish: { mode: 0o600 } });
  assert.equal((await objects.head({ bucket: bucket.ino, key: bytes('k') }))?.facet.etag, 'etag-of-k');
  await files.setAttributes(root, ino, { wish: { size: 3 } });
  const facet = (await objects.head({ bucket: bucket.ino, key: bytes('k') }))?.facet;
  assert.match(facet?.etag ?? '', /-/);
  assert.deepEqual(facet?.headers, { 'content-type': 'text/plain' });
  assert.equal(text((await get(world, bucket, 'k')) ?? []), 'con');
  const replaced = await put(world, bucket, 'k', 'new');
  assert.equal(replaced.attributes.mode, 0o600, 'an overwrite keeps the mode');
});
