import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, get, openWorld, put, root, s3, settle, text } from '../world.ts';
import { AttachedBed, binding } from './attached-bed.ts';

const keys = ['a', 'a/b', 'a/c/d', 'b/', 'b/x', 'c//y', 'z'];
const away = { code: 'unavailable', subject: 'store' };

test('an attached bucket shows what the others have, to both doors, with its content', async () => {
  const bed = await AttachedBed.open(keys);
  assert.deepEqual(await bed.listed(), keys);
  for (const key of keys) {
    assert.equal((await get(bed.world, bed.bucket, key))?.toString(), `content of ${key}`);
  }
  const { files } = bed.world.namespace;
  const looked = await files.lookup(root, { directory: bed.bucket.ino, name: bytes('b') });
  const { attributes } = await files.lookup(root, { directory: looked.attributes.ino, name: bytes('x') });
  const read = await files.read(root, attributes.ino, { offset: 8, length: 100 });
  assert.equal(text(read.parts), 'of b/x');
  read.letGo();
});

test('a folder is listed when somebody looks into it, once, and not before', async () => {
  const bed = await AttachedBed.open(keys);
  assert.deepEqual(bed.newlyAsked(), []);
  assert.deepEqual(await bed.listed('', '/'), ['a', 'a/', 'b/', 'c/', 'z']);
  assert.deepEqual(bed.newlyAsked(), ['browse data/']);
  assert.deepEqual(await bed.listed(), keys);
  assert.deepEqual(await bed.listed(), keys);
  assert.equal(bed.newlyAsked().length, 5, 'a/, a/c/, b/, c/ and c//');
  const { names } = bed.world.namespace.files;
  const { entries } = await names(root, bed.bucket.ino, { after: 0, entriesMax: 100 });
  assert.equal(entries.length, 5);
  assert.deepEqual(bed.newlyAsked(), []);
});

test('a folder of many pages is listed as far as somebody reads, and is whole in the end', async () => {
  const many = Array.from({ length: 3_500 }, (_, index) => `n${String(index).padStart(5, '0')}`);
  const bed = await AttachedBed.open(many);
  const { objects, files } = bed.world.namespace;
  const first = { prefix: bytes(''), after: bytes(''), delimiter: undefined, entriesMax: 10 };
  assert.equal((await objects.list(bed.bucket.ino, first)).entries.length, 10);
  assert.equal(bed.newlyAsked().length, 1);
  const { entries, eof } = await files.names(root, bed.bucket.ino, { after: 0, entriesMax: 1_500 });
  assert.deepEqual([entries.length, eof], [1_500, false]);
  assert.equal(bed.newlyAsked().length, 1);
  const rest = await files.names(root, bed.bucket.ino, { after: entries[1_499]!.cookie, entriesMax: 5_000 });
  assert.deepEqual([rest.entries.length, rest.eof], [2_000, true]);
  assert.deepEqual(await bed.listed('', undefined, 1_000), many);
});

test('who begins in the middle of a folder does not wait for what lies before', async () => {
  const many = Array.from({ length: 3_500 }, (_, index) => `n${String(index).padStart(5, '0')}`);
  const bed = await AttachedBed.open([...many, 'x/1', 'x/2', 'y']);
  assert.deepEqual(await bed.listed('n034', undefined, 1_000), many.slice(3_400));
  assert.equal(bed.newlyAsked().length, 1);
  const { objects } = bed.world.namespace;
  const behind = { prefix: bytes(''), after: bytes('n03497'), delimiter: bytes('/'), entriesMax: 3 };
  const page = await objects.list(bed.bucket.ino, behind);
  const shown = page.entries.map((it) => text(it.kind === 'object' ? it.key : it.prefix));
  assert.deepEqual(shown, ['n03498', 'n03499', 'x/']);
  assert.equal(bed.newlyAsked().length, 1);
  assert.deepEqual(await bed.listed('', undefined, 1_000), [...many, 'x/1', 'x/2', 'y']);
});

test('while the store is away what was seen is seen, and nothing else is taken for absent', async () => {
  const bed = await AttachedBed.open(keys);
  await bed.listed('', '/');
  await get(bed.world, bed.bucket, 'z');
  bed.theirs.failWhen(() => 'gone');
  assert.deepEqual(await bed.listed('', '/'), ['a', 'a/', 'b/', 'c/', 'z']);
  await assert.rejects(bed.listed(), away);
  await assert.rejects(get(bed.world, bed.bucket, 'a/b'), away);
  await assert.rejects(get(bed.world, bed.bucket, 'a/nothing'), away);
  await assert.rejects(put(bed.world, bed.bucket, 'a/new', 'new'), away);
  const after = { key: bytes(''), versionId: undefined };
  const versions = { prefix: bytes(''), entriesMax: 10, after, delimiter: undefined };
  await assert.rejects(bed.world.namespace.objects.versions(bed.bucket.ino, versions), away);
  bed.theirs.failWhen(undefined);
  assert.deepEqual(await bed.listed(), keys);
});

test('a listing that fails half-way leaves a folder that goes on where it was', async () => {
  const many = Array.from({ length: 2_500 }, (_, index) => `n${String(index).padStart(5, '0')}`);
  const bed = await AttachedBed.open(many);
  let left = 2;
  bed.theirs.failWhen((name) => (name === 'browse' && (left -= 1) < 0 ? 'gone' : undefined));
  await assert.rejects(bed.listed('', undefined, 1_000), away);
  await bed.reopen();
  await assert.rejects(bed.listed('', undefined, 1_000), away);
  bed.theirs.failWhen(undefined);
  bed.newlyAsked();
  assert.deepEqual(await bed.listed('', undefined, 1_000), many);
  assert.equal(bed.newlyAsked().length, 1, 'only the page that is missing');
});

test('what is made, changed or removed here is so only here, also after a new start', async () => {
  const bed = await AttachedBed.open(keys);
  await put(bed.world, bed.bucket, 'z', 'ours');
  await put(bed.world, bed.bucket, 'a/b', 'ours too');
  await bed.delete('a/c/d');
  await settle(bed.world);
  const check = async (): Promise<void> => {
    assert.deepEqual(await bed.listed(), ['a', 'a/b', 'b/', 'b/x', 'c//y', 'z']);
    assert.equal((await get(bed.world, bed.bucket, 'z'))?.toString(), 'ours');
    assert.equal((await get(bed.world, bed.bucket, 'b/x'))?.toString(), 'content of b/x');
  };
  await check();
  await bed.reopen();
  await check();
  assert.deepEqual(
    bed.theirs.keys(),
    keys.map((key) => `data/${key}`),
  );
});

test('a bucket that holds something, is attached already or is none cannot be attached', async () => {
  const world = await openWorld();
  const { objects, attachments } = world.namespace;
  const wish = { id: binding, prefix: '', place: 's3://theirs', access: 'local' } as const;
  const bucket = await objects.createBucket(s3, 'ours');
  await put(world, bucket, 'same', 'ours');
  await assert.rejects(attachments.attach(bucket, wish), { code: 'not-empty', subject: 'bucket' });
  await objects.removeKey({ bucket: bucket.ino, key: bytes('same'), expect: {} });
  await attachments.attach(bucket, wish);
  await assert.rejects(attachments.attach(bucket, wish), { code: 'exists', subject: 'bucket' });
  await assert.rejects(objects.deleteBucket('ours'), { code: 'not-empty', subject: 'bucket' });
  const other = await objects.createBucket(s3, 'other');
  await assert.rejects(attachments.detach(other.ino), { code: 'not-found', subject: 'bucket' });
});

test('a part of an attached object that is written over NFS covers theirs, and the rest is read from there', async () => {
  const bed = await AttachedBed.open(['file']);
  const { files } = bed.world.namespace;
  const { attributes } = await files.lookup(root, { directory: bed.bucket.ino, name: bytes('file') });
  await files.write(root, attributes.ino, { offset: 3, data: bytes('###'), stable: true });
  assert.equal((await get(bed.world, bed.bucket, 'file'))?.toString(), 'con###t of file');
});

test('a part of an attached object is written over NFS while its store is away, or has another one there', async () => {
  const bed = await AttachedBed.open(['away', 'changed']);
  const { files } = bed.world.namespace;
  const written: string[] = [];
  for (const key of ['away', 'changed']) {
    const { attributes } = await files.lookup(root, { directory: bed.bucket.ino, name: bytes(key) });
    if (key === 'away') bed.theirs.failWhen(() => 'gone');
    else await bed.upload(key, 'something else');
    await files.write(root, attributes.ino, { offset: 3, data: bytes('###'), stable: true });
    bed.theirs.failWhen(undefined);
    written.push(text((await files.read(root, attributes.ino, { offset: 3, length: 3 })).parts));
  }
  assert.deepEqual(written, ['###', '###']);
  assert.equal((await get(bed.world, bed.bucket, 'away'))?.toString(), 'con###t of away');
});

test('a directory with entries that nobody has seen is not removed as an empty one', async () => {
  const bed = await AttachedBed.open(keys);
  const { files } = bed.world.namespace;
  for (const name of ['a', 'b', 'c']) {
    const place = { directory: bed.bucket.ino, name: bytes(name) };
    await assert.rejects(files.removeDirectory(root, place), { code: 'not-empty' });
  }
  await bed.delete('c//y');
  await bed.delete('a/b');
  assert.deepEqual(await bed.listed(), ['a', 'a/c/d', 'b/', 'b/x', 'z']);
});

test('a bucket that is attached for reading only refuses every change through both doors', async () => {
  const bed = await AttachedBed.open(keys, 'read-only');
  const { files } = bed.world.namespace;
  const refused = { code: 'read-only', subject: 'bucket' };
  await assert.rejects(put(bed.world, bed.bucket, 'new', 'new'), refused);
  await assert.rejects(bed.delete('z'), refused);
  const directory = bed.bucket.ino;
  const place = { directory, name: bytes('z') };
  const { attributes } = await files.lookup(root, place);
  const data = { offset: 0, data: bytes('x'), stable: true };
  await assert.rejects(files.write(root, attributes.ino, data), refused);
  await assert.rejects(files.setAttributes(root, attributes.ino, { wish: { size: 0 } }), refused);
  await assert.rejects(files.remove(root, place), refused);
  await assert.rejects(files.makeDirectory(root, { directory, name: bytes('d') }, {}), refused);
  const to = { directory, name: bytes('y') };
  await assert.rejects(files.rename(root, { from: place, to }), refused);
  assert.deepEqual(await bed.listed(), keys);
});
