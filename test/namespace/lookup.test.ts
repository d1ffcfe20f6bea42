import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ino } from '../../src/namespace/namespace.ts';
import type { DirectoryEntry, Place } from '../../src/namespace/file-tree.ts';
import { faultOf } from './fault-of.ts';
import { bytes, openWorld, put, root, text, user, type World } from './world.ts';

const ENTRIES = 2600;

async function filled(count: number): Promise<World & { directory: Ino }> {
  const world = await openWorld();
  const { objects, files } = world.namespace;
  const { ino } = await objects.createBucket(root, 'b');
  const names = Array.from({ length: count }, (_, index) => `file${index}`);
  await Promise.all(
    names.map((name) =>
      files.create(root, { directory: ino, name: bytes(name) }, { mode: { how: 'guarded' }, wish: {} }),
    ),
  );
  return { ...world, directory: ino };
}

async function all(
  { namespace, directory }: World & { directory: Ino },
  entriesMax: number,
): Promise<DirectoryEntry[]> {
  const found: DirectoryEntry[] = [];
  for (let [after, eof] = [0, false]; !eof;) {
    const page = await namespace.files.entries(root, directory, { after, entriesMax });
    assert(page.entries.length <= entriesMax);
    found.push(...page.entries);
    after = page.entries.at(-1)?.cookie ?? Infinity;
    ({ eof } = page);
  }
  return found;
}

test('a large directory has every name once, in the order of cookies, whatever the size of a page', async () => {
  const at = await filled(ENTRIES);
  for (const entriesMax of [7, 1000, 1500, ENTRIES, ENTRIES + 1]) {
    const entries = await all(at, entriesMax);
    assert.equal(new Set(entries.map(({ name }) => text(name))).size, ENTRIES);
    const cookies = entries.map(({ cookie }) => cookie);
    const ascending = [...cookies].sort((one, other) => one - other);
    assert.deepEqual(cookies, ascending);
    assert(cookies.every((cookie) => cookie > 2));
  }
});

test('a cookie stays good when its entry is gone', async () => {
  const at = await filled(20);
  const { files } = at.namespace;
  const before = await all(at, 100);
  const gone = before[9];
  assert(gone !== undefined);
  for (const { name } of before.slice(5, 12)) await files.remove(root, { directory: at.directory, name });
  const { entries, eof } = await files.entries(root, at.directory, { after: gone.cookie, entriesMax: 100 });
  assert.deepEqual(
    entries.map(({ name }) => text(name)),
    before.slice(12).map(({ name }) => text(name)),
  );
  assert(eof);
});

test('a file that is replaced keeps its cookie', async () => {
  const world = await openWorld();
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  for (const key of ['a', 'b', 'c']) await put(world, bucket, key, 'old');
  const before = await all({ ...world, directory: bucket.ino }, 10);
  await put(world, bucket, 'b', 'new');
  const after = await all({ ...world, directory: bucket.ino }, 10);
  const cookiesOf = (entries: readonly DirectoryEntry[]): readonly unknown[] =>
    entries.map(({ name, cookie }) => [text(name), cookie]);
  assert.deepEqual(cookiesOf(after), cookiesOf(before));
});

test('a name that a rename takes over keeps its cookie, so that a listing under way shows it once', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const { ino: directory } = await objects.createBucket(root, 'b');
  const place = (name: string): Place => ({ directory, name: bytes(name) });
  for (const name of ['file', 'other', 'new'])
    await files.create(root, place(name), { mode: { how: 'guarded' }, wish: {} });
  for (const name of ['d', 'another', 'e']) await files.makeDirectory(root, place(name), {});
  const before = await all({ ...world, directory }, 10);
  await files.rename(root, { from: place('new'), to: place('file') });
  await files.rename(root, { from: place('e'), to: place('d') });
  const after = await all({ ...world, directory }, 10);
  const stayed = before.filter(({ name }) => !['new', 'e'].includes(text(name)));
  assert.deepEqual(
    after.map(({ name, cookie }) => [text(name), cookie]),
    stayed.map(({ name, cookie }) => [text(name), cookie]),
  );
});

test('dots lead to the directory itself and to the one above it', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const { ino } = (await files.makeDirectory(root, { directory: bucket.ino, name: bytes('d') }, {}))
    .attributes;
  const lead = async (from: Ino, name: string): Promise<Ino> =>
    (await files.lookup(root, { directory: from, name: bytes(name) })).attributes.ino;
  assert.equal(await lead(ino, '.'), ino);
  assert.equal(await lead(ino, '..'), bucket.ino);
  assert.equal(await lead(bucket.ino, '..'), files.root());
  assert.equal(await lead(files.root(), '..'), files.root());
});

test('looking into a directory takes its execute bit, listing it its read bit', async () => {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  for (const [mode, looks, lists] of [
    [0o711, 'done', 'access-denied'],
    [0o744, 'access-denied', 'done'],
    [0o755, 'done', 'done'],
    [0o700, 'access-denied', 'access-denied'],
  ] as const) {
    const made = await files.makeDirectory(
      root,
      { directory: bucket.ino, name: bytes(`d${mode}`) },
      { mode },
    );
    const { ino } = made.attributes;
    await files.create(root, { directory: ino, name: bytes('f') }, { mode: { how: 'guarded' }, wish: {} });
    assert.equal(await faultOf(files.lookup(user(9), { directory: ino, name: bytes('f') })), looks);
    assert.equal(await faultOf(files.entries(user(9), ino, { after: 0, entriesMax: 10 })), lists);
  }
});

const ACCESS = { read: 1, lookup: 2, modify: 4, extend: 8, remove: 16, execute: 32 };
const EVERYTHING = 63;
const { read, lookup, modify, extend, execute } = ACCESS;
const grants = [
  { kind: 'file', mode: 0o754, caller: user(5), want: read | modify | extend | execute },
  { kind: 'file', mode: 0o754, caller: user(6, 5), want: read | execute },
  { kind: 'file', mode: 0o754, caller: user(7), want: read },
  { kind: 'file', mode: 0o644, caller: root, want: read | modify | extend },
  { kind: 'file', mode: 0o001, caller: root, want: read | modify | extend | execute },
  { kind: 'file', mode: 0o077, caller: user(5), want: 0 },
  { kind: 'directory', mode: 0o750, caller: user(6, 5), want: read | lookup },
  { kind: 'directory', mode: 0o700, caller: root, want: EVERYTHING & ~execute },
] as const; // RFC 1813 §3.3.4

for (const { kind, mode, caller, want } of grants) {
  test(`access of ${caller.uid} to a ${kind} of 5:5 with mode ${mode.toString(8)} is ${want}`, async () => {
    const world = await openWorld();
    const { files, objects } = world.namespace;
    const { ino } = await objects.createBucket(root, 'b');
    const wish = { mode, uid: 5, gid: 5 };
    const made =
      kind === 'file'
        ? await files.create(root, { directory: ino, name: bytes('x') }, { mode: { how: 'guarded' }, wish })
        : await files.makeDirectory(root, { directory: ino, name: bytes('x') }, wish);
    const { granted } = await files.access(caller, made.attributes.ino, EVERYTHING);
    assert.equal(granted, want);
    assert.equal((await files.access(caller, made.attributes.ino, read)).granted, want & read);
  });
}
