import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ABSENT_MS } from '../../../src/limits/tiering.ts';
import { bytes, get, put, root, settle, text } from '../world.ts';
import { AttachedBed } from './attached-bed.ts';

const many = Array.from({ length: 1_500 }, (_, index) => `dir/n${String(index).padStart(5, '0')}`);

test('a key is found by one question, the folders on its way with it, and is known from then on', async () => {
  const bed = await AttachedBed.open([...many, 'dir/sub/deep/x', 'top']);
  assert.equal((await get(bed.world, bed.bucket, 'dir/sub/deep/x'))?.toString(), 'content of dir/sub/deep/x');
  assert.deepEqual(bed.newlyAsked(), ['head data/dir/sub/deep/x', 'get data/dir/sub/deep/x']);
  const { objects } = bed.world.namespace;
  for (const _time of [1, 2]) {
    const found = await objects.head({ bucket: bed.bucket.ino, key: bytes('dir/sub/deep/x') });
    assert.equal(found?.attributes.size, 'content of dir/sub/deep/x'.length);
  }
  assert.deepEqual(bed.newlyAsked(), []);
  assert.deepEqual(await bed.listed('dir/sub/'), ['dir/sub/deep/x']);
  assert.deepEqual(await bed.listed('', '/'), ['dir/', 'top']);
  assert.deepEqual(await bed.listed('dir/n014', undefined, 1_000), many.slice(1_400));
});

test('a name over NFS is two questions at most, also where it is a file and a folder', async () => {
  const bed = await AttachedBed.open([...many, 'both', 'both/in']);
  const { files } = bed.world.namespace;
  const directory = bed.bucket.ino;
  const dir = await files.lookup(root, { directory, name: bytes('dir') });
  assert.equal(dir.attributes.kind, 'directory');
  assert.deepEqual([...bed.newlyAsked()].sort(), ['browse data/dir/', 'head data/dir']);
  const { ino } = dir.attributes;
  const file = await files.lookup(root, { directory: ino, name: bytes('n00700') });
  const read = await files.read(root, file.attributes.ino, { offset: 11, length: 99 });
  assert.equal(text(read.parts), 'dir/n00700');
  read.letGo();
  assert.equal(bed.newlyAsked().length, 3);
  const both = await files.lookup(root, { directory, name: bytes('both') });
  assert.equal(both.attributes.kind, 'directory');
  const clash = await files.lookup(root, { directory, name: bytes('.s3:~both') });
  assert.equal(clash.attributes.kind, 'file');
});

test('a name that is not there is not asked for again for a while', async () => {
  const bed = await AttachedBed.open(many);
  const { files } = bed.world.namespace;
  const place = { directory: bed.bucket.ino, name: bytes('nothing') };
  for (const _time of [1, 2, 3]) await assert.rejects(files.lookup(root, place), { code: 'not-found' });
  assert.equal(bed.newlyAsked().length, 2);
  await bed.upload('nothing');
  bed.world.clock.ms += ABSENT_MS + 1;
  assert.equal((await files.lookup(root, place)).attributes.kind, 'file');
});

test('an object tells its type, metadata and checksums as its own store does, listed or found by name', async () => {
  for (const isListed of [false, true]) {
    const bed = await AttachedBed.open(['photo', 'empty']);
    await bed.upload('empty', '');
    const checksum = { algorithm: 'CRC32', value: 'AAAAAA==', type: 'FULL_OBJECT' } as const;
    const headers = { 'content-type': 'image/png', 'cache-control': 'no-cache' };
    for (const key of ['photo', 'empty'])
      bed.theirs.describe(`data/${key}`, { headers, metadata: { by: key }, checksums: [checksum] });
    if (isListed) await bed.listed();
    for (const key of ['photo', 'empty']) {
      const found = await bed.world.namespace.objects.head({ bucket: bed.bucket.ino, key: bytes(key) });
      assert.deepEqual(found?.facet.headers, headers);
      assert.deepEqual([found.facet.metadata, found.facet.checksums], [{ by: key }, [checksum]]);
      assert.match(found.facet.etag, /^[0-9a-f]{32}$/);
      assert.equal(found.attributes.mtime.seconds, Math.floor(bed.world.clock.ms / 1000));
    }
  }
});

test('an object that was renamed here before anybody asked for its metadata still has them', async () => {
  const bed = await AttachedBed.open(['photo']);
  const headers = { 'content-type': 'image/png' };
  bed.theirs.describe('data/photo', { headers, metadata: {}, checksums: [] });
  await bed.listed();
  const directory = bed.bucket.ino;
  const to = { directory, name: bytes('renamed') };
  await bed.world.namespace.files.rename(root, { from: { directory, name: bytes('photo') }, to });
  const found = await bed.world.namespace.objects.head({ bucket: directory, key: bytes('renamed') });
  assert.deepEqual(found?.facet.headers, headers);
  assert.deepEqual(await bed.listed(), ['renamed']);
});

test('a file that is put beside what nobody has seen hides nothing of it', async () => {
  const bed = await AttachedBed.open([...many, 'dir/sub/x']);
  await put(bed.world, bed.bucket, 'dir/sub/mine', 'mine');
  await put(bed.world, bed.bucket, 'fresh/mine', 'mine');
  assert.equal((await get(bed.world, bed.bucket, 'dir/sub/x'))?.toString(), 'content of dir/sub/x');
  assert.deepEqual(await bed.listed('dir/sub/'), ['dir/sub/mine', 'dir/sub/x']);
  assert.deepEqual(await bed.listed('', '/'), ['dir/', 'fresh/']);
});

test('what was removed here by name stays away when the folder is listed later', async () => {
  const bed = await AttachedBed.open(['d/1', 'd/2', 'e/1', 'f']);
  await bed.delete('d/1');
  await bed.delete('e/1');
  await bed.delete('f');
  await bed.delete('not there');
  await settle(bed.world);
  assert.equal(await get(bed.world, bed.bucket, 'd/1'), undefined);
  assert.deepEqual(await bed.listed(), ['d/2']);
  assert.deepEqual(await bed.listed('', '/'), ['d/']);
});

test('a directory that was renamed takes along what nobody has seen, and does not come twice', async () => {
  const bed = await AttachedBed.open(['d/1', 'd/2', 'd/e/3', 'z']);
  const directory = bed.bucket.ino;
  const to = { directory, name: bytes('moved') };
  await bed.world.namespace.files.rename(root, { from: { directory, name: bytes('d') }, to });
  assert.equal(await get(bed.world, bed.bucket, 'd/1'), undefined);
  assert.equal((await get(bed.world, bed.bucket, 'moved/e/3'))?.toString(), 'content of d/e/3');
  assert.deepEqual(await bed.listed(), ['moved/1', 'moved/2', 'moved/e/3', 'z']);
});

const long = `${'long'.repeat(80)}/${'n'.repeat(300)}`;
const odd = ['../x', './x', '.s3:=x', '//', 'a\u0001b', long, 'ü/\u{1f600}'];

test('keys that are no paths are found by name and listed', async () => {
  const bed = await AttachedBed.open(odd);
  for (const key of odd)
    assert.equal((await get(bed.world, bed.bucket, key))?.toString(), `content of ${key}`, key);
  assert.deepEqual(await bed.listed(), odd);
  const invalid = { bucket: bed.bucket.ino, key: Uint8Array.of(0xff, 0x2f, 0xff) };
  assert.equal(await bed.world.namespace.objects.head(invalid), undefined);
  const { files } = bed.world.namespace;
  const { entries } = await files.names(root, bed.bucket.ino, { after: 0, entriesMax: 100 });
  const fresh = await AttachedBed.open(odd);
  for (const { name } of entries)
    await fresh.world.namespace.files.lookup(root, { directory: fresh.bucket.ino, name });
});
