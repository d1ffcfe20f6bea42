import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, Caller, Ino } from '../../src/namespace/namespace.ts';
import type { FileTree } from '../../src/namespace/file-tree.ts';
import { checkStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, get, listed, openWorld, put, root, user, type World } from './world.ts';

interface Scene extends World {
  readonly bucket: Bucket;
  readonly files: FileTree;
}

/** Files `file`, `other`, `full/child`; directories `empty`, `full`, `full/below`; `hard` is another name of `file`. */
async function scene(): Promise<Scene> {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const at = { ...world, bucket, files };
  for (const key of ['file', 'other', 'full/child']) await put(world, bucket, key, key);
  await files.makeDirectory(root, { directory: bucket.ino, name: bytes('empty') }, { mode: 0o777 });
  await files.makeDirectory(
    root,
    { directory: await inoOf(at, 'full'), name: bytes('below') },
    { mode: 0o777 },
  );
  await files.link(root, await inoOf(at, 'file'), { directory: bucket.ino, name: bytes('hard') });
  await objects.createBucket(root, 'second');
  return at;
}

async function inoOf({ files, bucket }: Scene, path: string): Promise<Ino> {
  let at = bucket.ino;
  for (const name of path.split('/').filter((each) => each !== ''))
    at = (await files.lookup(root, { directory: at, name: bytes(name) })).attributes.ino;
  return at;
}

async function move(at: Scene, from: string, to: string, caller: Caller = root): Promise<unknown> {
  const [source, target] = [from, to].map((path) => {
    const slash = path.lastIndexOf('/');
    return { parent: path.slice(0, Math.max(0, slash)), name: bytes(path.slice(slash + 1)) };
  });
  assert(source !== undefined && target !== undefined);
  return at.files.rename(caller, {
    from: { directory: await inoOf(at, source.parent), name: source.name },
    to: { directory: await inoOf(at, target.parent), name: target.name },
  });
}

const cases = [
  { from: 'file', to: 'fresh', want: 'done' },
  { from: 'file', to: 'other', want: 'done' },
  { from: 'file', to: 'file', want: 'done' },
  { from: 'file', to: 'hard', want: 'done' },
  { from: 'file', to: 'empty', want: 'is-directory' },
  { from: 'empty', to: 'file', want: 'not-directory' },
  { from: 'empty', to: 'full', want: 'not-empty' },
  { from: 'full', to: 'empty', want: 'done' },
  { from: 'full', to: 'full/below/full', want: 'invalid-argument' },
  { from: 'full', to: 'full/full', want: 'invalid-argument' },
  { from: 'full/below', to: 'full', want: 'not-empty' },
  { from: 'full/child', to: 'child', want: 'done' },
  { from: 'nothing', to: 'fresh', want: 'not-found' },
  { from: 'file', to: 'n'.repeat(256), want: 'name-too-long' },
  { from: 'file', to: '.s3:=x', want: 'invalid-argument' },
  { from: '.', to: 'fresh', want: 'invalid-argument' },
  { from: 'full/..', to: 'fresh', want: 'invalid-argument' },
  { from: 'file', to: '..', want: 'invalid-argument' },
] as const; // POSIX rename()

for (const { from, to, want } of cases) {
  test(`rename of ${from} to ${to.slice(0, 20)}: ${want}`, async () => {
    const at = await scene();
    const before = await listed(at, at.bucket);
    assert.equal(await faultOf(move(at, from, to)), want);
    if (want !== 'done') assert.deepEqual(await listed(at, at.bucket), before);
    await checkStore(at);
  });
}

test('two names of one file both stay when one is renamed to the other', async () => {
  const at = await scene();
  await move(at, 'file', 'hard');
  assert.equal(String(await get(at, at.bucket, 'file')), 'file');
  assert.equal(String(await get(at, at.bucket, 'hard')), 'file');
});

test('a replaced file that is still named elsewhere keeps its content', async () => {
  const at = await scene();
  await move(at, 'other', 'file');
  assert.equal(String(await get(at, at.bucket, 'file')), 'other');
  assert.equal(String(await get(at, at.bucket, 'hard')), 'file');
  assert.equal((await at.files.attributes(await inoOf(at, 'hard'))).linkCount, 1);
});

test('a directory takes all keys below it along, and its .. leads to the new place', async () => {
  const at = await scene();
  const full = await inoOf(at, 'full');
  await move(at, 'full', 'empty/moved');
  assert.deepEqual(await listed(at, at.bucket, 'empty/moved/'), ['empty/moved/below/', 'empty/moved/child']);
  assert.equal(
    (await at.files.lookup(root, { directory: full, name: bytes('..') })).attributes.ino,
    await inoOf(at, 'empty'),
  );
});

test('names do not move between buckets, nor into the root', async () => {
  const at = await scene();
  const second = await at.namespace.objects.bucket('second');
  assert(second !== undefined);
  const from = { directory: at.bucket.ino, name: bytes('file') };
  const to = (directory: Ino): { directory: Ino; name: Uint8Array } => ({ directory, name: bytes('x') });
  assert.equal(await faultOf(at.files.rename(root, { from, to: to(second.ino) })), 'cross-bucket');
  assert.equal(await faultOf(at.files.rename(root, { from, to: to(at.files.root()) })), 'access-denied');
});

test('a directory that is not yours changes its parent only if you may write to it', async () => {
  const at = await scene();
  const setMode = async (path: string, mode: number): Promise<unknown> =>
    at.files.setAttributes(root, await inoOf(at, path), { wish: { mode } });
  await setMode('', 0o777);
  await setMode('full', 0o755);
  assert.equal(await faultOf(move(at, 'full', 'empty/full', user(9))), 'access-denied');
  assert.equal(await faultOf(move(at, 'full', 'renamed', user(9))), 'done');
  await setMode('renamed', 0o757);
  assert.equal(await faultOf(move(at, 'renamed', 'empty/full', user(9))), 'done');
});

test('before and after of both directories are told', async () => {
  const at = await scene();
  const { from, to } = await at.files.rename(root, {
    from: { directory: at.bucket.ino, name: bytes('empty') },
    to: { directory: await inoOf(at, 'full'), name: bytes('empty') },
  });
  assert.equal(from.after.linkCount, from.before.linkCount - 1);
  assert.equal(to.after.linkCount, to.before.linkCount + 1);
  for (const { before, after } of [from, to]) {
    assert.notDeepEqual(after.ctime, before.ctime);
    assert.notDeepEqual(after.mtime, before.mtime);
  }
});
