import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvReader } from '../../../src/kv/kv.ts';
import { AGAIN_KEYS_PER_STEP } from '../../../src/limits/tiering.ts';
import { broughtIn } from '../../../src/namespace/foreign/brought-rows.ts';
import { bytes, get, put, root } from '../world.ts';
import { AttachedBed } from './attached-bed.ts';

const keys = ['a/1', 'a/2', 'a/b/3', 'c/4', 'd/5', 'e', 'f'];
const content = async (bed: AttachedBed, key: string): Promise<string | undefined> =>
  (await get(bed.world, bed.bucket, key))?.toString();

test('a refresh shows what is new, changed and gone there, at any depth', async () => {
  const bed = await AttachedBed.open(keys);
  assert.deepEqual(await bed.listed(), keys);
  await bed.upload('a/b/new');
  await bed.upload('g/h/new');
  await bed.upload('e', 'other bytes');
  for (const gone of ['a/2', 'c/4']) await bed.remove(gone);
  assert.deepEqual(await bed.listed(), keys);
  await bed.refresh();
  assert.deepEqual(await bed.listed(), ['a/1', 'a/b/3', 'a/b/new', 'd/5', 'e', 'f', 'g/h/new']);
  assert.equal(await content(bed, 'e'), 'other bytes');
  assert.deepEqual(await bed.listed('', '/'), ['a/', 'd/', 'e', 'f', 'g/']);
  await bed.upload('c/4');
  await bed.refresh();
  assert.equal(await content(bed, 'c/4'), 'content of c/4');
});

test('a refresh of a folder looks at that folder alone', async () => {
  const bed = await AttachedBed.open(keys);
  await bed.listed();
  await bed.upload('a/new');
  await bed.upload('c/new');
  await bed.refresh('a');
  assert.deepEqual(await bed.listed(), ['a/1', 'a/2', 'a/b/3', 'a/new', 'c/4', 'd/5', 'e', 'f']);
  const { attachments } = bed.world.namespace;
  const nowhere = { bucket: bed.bucket.ino, key: bytes('nowhere/') };
  await assert.rejects(attachments.refresh(nowhere), { code: 'not-found', subject: 'object' });
});

test('a refresh does not bring back what was removed or renamed here, file or folder', async () => {
  const bed = await AttachedBed.open(keys);
  const { files } = bed.world.namespace;
  const directory = bed.bucket.ino;
  const place = (name: string) => ({ directory, name: bytes(name) });
  assert.deepEqual(await bed.listed(), keys);
  await bed.delete('e');
  await files.rename(root, { from: place('f'), to: place('mine') });
  await files.rename(root, { from: place('a'), to: place('mine too') });
  const { attributes } = await files.lookup(root, place('c'));
  await files.remove(root, { directory: attributes.ino, name: bytes('4') });
  await files.removeDirectory(root, place('c'));
  await bed.delete('d/5');
  const left = ['mine', 'mine too/1', 'mine too/2', 'mine too/b/3'];
  for (const _time of [1, 2]) {
    assert.deepEqual(await bed.listed(), left);
    assert.deepEqual(await bed.listed('', '/'), ['mine', 'mine too/']);
    await bed.refresh();
    await bed.reopen();
  }
  await bed.upload('c/new');
  await bed.upload('a/new');
  await bed.refresh();
  assert.deepEqual(await bed.listed(), ['c/new', ...left, 'mine too/new']);
});

test('a refresh leaves what was changed here as it is here', async () => {
  const bed = await AttachedBed.open(keys);
  await bed.listed();
  await put(bed.world, bed.bucket, 'e', 'ours');
  const { files } = bed.world.namespace;
  const { attributes } = await files.lookup(root, { directory: bed.bucket.ino, name: bytes('f') });
  await files.write(root, attributes.ino, { offset: 0, data: bytes('OURS'), stable: true });
  await bed.upload('e', 'theirs');
  await bed.remove('f');
  await bed.refresh();
  assert.equal(await content(bed, 'e'), 'ours');
  assert.deepEqual(await bed.listed(), keys);
});

test('what came by name is looked at again without a listing of its folder', async () => {
  const many = Array.from({ length: 1_200 }, (_, index) => `dir/n${String(index).padStart(5, '0')}`);
  const bed = await AttachedBed.open(many);
  for (const key of ['dir/n00001', 'dir/n01100', 'dir/n01150']) await get(bed.world, bed.bucket, key);
  await bed.upload('dir/n01100', 'other bytes');
  await bed.remove('dir/n01150');
  bed.newlyAsked();
  await bed.refresh();
  assert.ok(!bed.newlyAsked().includes('browse data/dir/'));
  assert.equal(await content(bed, 'dir/n01100'), 'other bytes');
  assert.equal(await content(bed, 'dir/n01150'), undefined);
  assert.equal(await content(bed, 'dir/n00001'), 'content of dir/n00001');
});

test('a refresh goes on after a crash and after the store was away', async () => {
  const many = Array.from({ length: 2_500 }, (_, index) => `n${String(index).padStart(5, '0')}`);
  const bed = await AttachedBed.open([...many, 'sub/x']);
  await bed.listed('', undefined, 1_000);
  for (const key of many.slice(1_200)) await bed.remove(key);
  await bed.upload('sub/y');
  await bed.upload('zz');
  const { attachments } = bed.world.namespace;
  await attachments.refresh({ bucket: bed.bucket.ino, key: bytes('') });
  await attachments.step();
  bed.theirs.failWhen(() => 'gone');
  await bed.work();
  assert.equal((await attachments.list())[0]?.refreshedAt, undefined);
  bed.theirs.failWhen(undefined);
  await bed.reopen();
  await bed.work();
  assert.deepEqual(await bed.listed('', undefined, 1_000), [...many.slice(0, 1_200), 'sub/x', 'sub/y', 'zz']);
  const [state] = await bed.world.namespace.attachments.list();
  assert.deepEqual([state?.foldersWaiting, state?.refreshedAt?.seconds], [0, 1_700_000_000]);
});

test('who reads what was changed outside is refused once, and then reads what it is now', async () => {
  const bed = await AttachedBed.open(keys);
  for (const key of keys) await content(bed, key);
  await bed.upload('e', 'other bytes');
  await bed.remove('f');
  const { files, close } = bed.world.namespace;
  const { attributes } = await files.lookup(root, { directory: bed.bucket.ino, name: bytes('e') });
  const changed = { code: 'conflict', subject: 'blob' };
  await assert.rejects(files.read(root, attributes.ino, { offset: 0, length: 99 }), changed);
  await assert.rejects(content(bed, 'f'), changed);
  await close();
  assert.equal(await content(bed, 'e'), 'other bytes');
  assert.equal(await content(bed, 'f'), undefined);
  assert.equal((await files.attributes(attributes.ino)).size, 'other bytes'.length);
});

test('an object that came again while an older answer was on its way stays', async () => {
  const bed = await AttachedBed.open(keys);
  assert.equal(await content(bed, 'e'), 'content of e');
  await bed.remove('e');
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => (answer = resolve));
  bed.slow = (operation) => (operation === 'head data/e' ? answered : Promise.resolve());
  await assert.rejects(content(bed, 'e'), { code: 'conflict', subject: 'blob' });
  bed.slow = () => Promise.resolve();
  await bed.upload('e', 'other bytes');
  await bed.refresh();
  await bed.listed();
  answer();
  await bed.world.namespace.close();
  assert.equal(await content(bed, 'e'), 'other bytes');
});

test('a bucket that is let go while a look at it ends is let go', async () => {
  for (let turns = 0; turns < 30; turns += 1) {
    const bed = await AttachedBed.open(keys);
    await bed.reopen();
    const { attachments } = bed.world.namespace;
    const looking = attachments.step();
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
    await attachments.detach(bed.bucket.ino);
    await looking;
    assert.equal((await attachments.list())[0]?.state, 'detaching', `after ${turns} turns`);
  }
});

test('a refresh that is ordered while the last one ends is carried out', async () => {
  const bed = await AttachedBed.open(keys);
  await bed.listed();
  await bed.reopen();
  await bed.upload('new');
  const { engine, namespace } = bed.world;
  const { attachments } = namespace;
  const page = engine.page.bind(engine);
  // The look finds nothing to do; the order comes before it hears so.
  engine.page = async (range, options) => {
    const found = await page(range, options);
    engine.page = page;
    await attachments.refresh({ bucket: bed.bucket.ino, key: bytes('') });
    return found;
  };
  await attachments.step();
  await bed.work();
  assert.ok((await bed.listed()).includes('new'));
});

test('one step of a refresh takes a bounded number of folders that came by name', async () => {
  const folders = Array.from(
    { length: 3 * AGAIN_KEYS_PER_STEP },
    (_, n) => `f${String(n).padStart(4, '0')}/x`,
  );
  const bed = await AttachedBed.open(folders);
  for (const key of folders) await content(bed, key);
  const { attachments } = bed.world.namespace;
  await attachments.refresh({ bucket: bed.bucket.ino, key: bytes('') });
  let waiting = 1;
  for (let step = 0; step < 4; step += 1) {
    await attachments.step();
    const now = (await attachments.list())[0]?.foldersWaiting ?? 0;
    assert.ok(now - waiting <= AGAIN_KEYS_PER_STEP, `${now} after ${waiting}`);
    waiting = now;
  }
  await bed.work();
  assert.deepEqual(await bed.listed('', undefined, 1_000), folders);
});

test('a key with the last of all characters behind a slash ends no walk, and holds up none', async () => {
  const last = 'a/\u{10ffff}x';
  const bed = await AttachedBed.open(['a/1', last, 'b']);
  assert.deepEqual(await bed.listed(), ['a/1', last, 'b']);
  const { kv } = bed.world;
  let scans = 0;
  const reader: Pick<KvReader, 'scan'> = {
    scan: (...given) => {
      scans += 1;
      assert(scans < 10, 'a walk goes on');
      return kv.scan(...given);
    },
  };
  const found: string[] = [];
  const within = { prefix: 'data/', after: '' };
  const which = { bucket: bed.bucket.ino, kind: 'object' } as const;
  for await (const key of broughtIn(reader as KvReader, which, within)) found.push(key);
  assert.deepEqual(found, ['data/b']);
});
