import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FORGOTTEN_FILES_MAX } from '../../src/limits.ts';
import type { Place } from '../../src/namespace/file-tree.ts';
import { ForgottenFiles } from '../../src/namespace/forgotten-files.ts';
import { decodeListedDentry, encodeListedDentry, listedOf } from '../../src/namespace/listed.ts';
import type { Bucket, Ino, Listed } from '../../src/namespace/namespace.ts';
import { newInode } from '../../src/namespace/new-inode.ts';
import { decodeDentry, encodeDentry, type Inode } from '../../src/namespace/records.ts';
import { checkStore } from './check-store.ts';
import { makeEntriesOlder } from './older-entries.ts';
import { openWatched, type WatchedKv } from './watched-kv.ts';
import { bytes, openWorld, plainFacet, put, root, type Stack } from './world.ts';

const dentry = { ino: 77 as Ino, kind: 'file', ordinal: 78 } as const;
const now = { seconds: 1_700_000_000, nanoseconds: 5 };
const born = newInode({ ...dentry, bucket: 3 as Ino, mode: 0, uid: 0, gid: 0, now, contentGeneration: 9 });
const md5 = '0123456789abcdef0123456789abcdef';

const etags = [
  md5,
  `${md5}-1`,
  `${md5}-10000`,
  `${md5}-0`,
  `${md5}-01`,
  md5.toUpperCase(),
  '',
  'a-1',
  `${md5}-1x`,
];
const facetOfListed = fc.record({
  etag: fc.oneof(fc.constantFrom(...etags), fc.string({ unit: 'binary', maxLength: 40 })),
  checksums: fc.constantFrom(
    [],
    [{ algorithm: 'CRC64NVME', type: 'FULL_OBJECT', value: 'x' } as const],
    [{ algorithm: 'XXHASH128', type: 'COMPOSITE', value: 'x-2' } as const],
  ),
  storageClass: fc.constantFrom('STANDARD', 'GLACIER', ''),
  acl: fc.constantFrom(undefined, { owner: 'someone', grants: [] }),
  contentGeneration: fc.constantFrom(9, 10),
});
const scene = fc.record({
  size: fc.maxSafeInteger().map(Math.abs),
  seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  facet: fc.option(facetOfListed, { nil: undefined }),
});

test('an entry gives back what its inode shows, for every form of ETag, checksum, class and owner', () => {
  fc.assert(
    fc.property(scene, ({ size, seconds, facet }) => {
      const whole = facet && { ...plainFacet(''), ...facet };
      const inode: Inode = { ...born, size, mtime: { seconds, nanoseconds: 1 }, facet: whole };
      const row = encodeListedDentry(dentry, inode);
      assert.deepEqual(decodeListedDentry(row), { dentry, listed: listedOf(inode) });
      assert.deepEqual(decodeDentry(row), dentry, 'who only wants the inode reads the same');
    }),
  );
  assert.deepEqual(decodeListedDentry(encodeDentry(dentry)), { dentry, listed: undefined });
  const row = encodeListedDentry(dentry, { ...born, facet: { ...plainFacet(md5), contentGeneration: 9 } });
  assert(row.length < 40, `${row.length} bytes`);
});

const whole = { prefix: bytes(''), after: bytes(''), delimiter: undefined, entriesMax: 100 };

async function shown(
  { namespace }: Pick<Stack, 'namespace'>,
  bucket: Bucket,
): Promise<ReadonlyMap<string, Listed>> {
  const { entries } = await namespace.objects.list(bucket.ino, whole);
  return new Map(
    entries.flatMap((entry) =>
      entry.kind === 'object' ? [[Buffer.from(entry.key).toString(), entry.listed]] : [],
    ),
  );
}

async function inodeReads(kv: WatchedKv, look: () => Promise<unknown>): Promise<number> {
  let reads = 0;
  const getMany = kv.getMany;
  kv.getMany = (keys) => {
    reads += keys.length;
    return getMany(keys);
  };
  await look();
  kv.getMany = getMany;
  return reads;
}

test('a page is one scan: no inode is read, whatever was written through either door', async () => {
  const { at, kv } = await openWatched('off');
  const { world, bucket } = at;
  const { files, objects } = world.namespace;
  const place = (name: string): Place => ({ directory: bucket.ino, name: bytes(name) });
  await put(world, bucket, 'a', 'content');
  await put(world, bucket, 'a', 'other content');
  await files.create(root, place('f'), { mode: { how: 'guarded' }, wish: {} });
  await files.makeDirectory(root, place('d'), {});
  await files.rename(root, { from: place('a'), to: place('b') });
  await objects.setTags({ bucket: bucket.ino, key: bytes('b') }, [{ key: 'k', value: 'v' }]);
  const f = (await files.lookup(root, place('f'))).attributes.ino;
  await files.write(root, f, { offset: 0, data: bytes('x'.repeat(9)), stable: true });
  assert.equal(await inodeReads(kv, () => shown(world, bucket)), 0);
  assert.deepEqual(
    [...(await shown(world, bucket))].map(([key, { size }]) => `${key} ${size}`),
    ['b 13', 'd/ 0', 'f 9'],
  );
  await checkStore(world);
});

test('entries of a store made before entries said anything are shown from their inodes, until those change', async () => {
  const { at, kv } = await openWatched('off');
  const { world, bucket } = at;
  for (const key of ['a', 'b', 'c']) await put(world, bucket, key, `content of ${key}`);
  const before = await shown(world, bucket);
  await makeEntriesOlder(kv);
  assert.deepEqual(await shown(world, bucket), before);
  assert.equal(await inodeReads(kv, () => shown(world, bucket)), 3);
  await world.namespace.objects.setTags({ bucket: bucket.ino, key: bytes('b') }, []);
  assert.equal(await inodeReads(kv, () => shown(world, bucket)), 2);
  assert.deepEqual(await shown(world, bucket), before);
});

test('what NFS has written and nobody has committed shows, and goes on to show while it is being committed', async () => {
  const { at, kv } = await openWatched('off');
  const { world, bucket } = at;
  const { files } = world.namespace;
  await put(world, bucket, 'a', 'short');
  await put(world, bucket, 'b', 'short');
  const a = (await files.lookup(root, { directory: bucket.ino, name: bytes('a') })).attributes.ino;
  await files.write(root, a, { offset: 0, data: bytes('much longer than it was'), stable: false });
  const dirty = (await shown(world, bucket)).get('a');
  assert.equal(dirty?.size, 23);
  assert.match(dirty.etag, /-0$/);
  assert.equal(await inodeReads(kv, () => shown(world, bucket)), 1, 'of the file that is open alone');
  // The write-out begins and ends between the scan and its answer: the row that was read is older than the commit.
  let commits = 0;
  kv.onRead = async () => {
    kv.onRead = () => Promise.resolve();
    commits += 1;
    await files.commit(root, a);
  };
  assert.deepEqual((await shown(world, bucket)).get('a'), dirty);
  assert.equal(commits, 1);
  assert.deepEqual((await shown(world, bucket)).get('a'), dirty);
  await checkStore(world);
});

test('of hard links one entry shows the file, and another one when that is removed or moved', async () => {
  const world = await openWorld();
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  const { files, objects } = world.namespace;
  const at = (name: string): Place => ({ directory: bucket.ino, name: bytes(name) });
  await put(world, bucket, 'a', 'x');
  const { ino } = (await files.lookup(root, at('a'))).attributes;
  await files.link(root, ino, at('b'));
  await files.link(root, ino, at('c'));
  const archived = { bucket: bucket.ino, key: bytes('z'), expect: {} };
  const steps: readonly [name: string, step: () => Promise<unknown>, want: string][] = [
    ['rename of the first', () => files.rename(root, { from: at('a'), to: at('z') }), 'b=a c=a z=a'],
    ['removal of the first', () => files.remove(root, at('b')), 'c=a z=a'],
    ['another class', () => objects.setStorageClass(archived, 'GLACIER'), 'c=a GLACIER z=a GLACIER'],
    [
      'a write',
      () => files.write(root, ino, { offset: 0, data: bytes('yz'), stable: true }),
      'c=? GLACIER z=? GLACIER',
    ],
    ['PUT over the first', () => put(world, bucket, 'c', 'y'), 'c=c z=? GLACIER'],
  ];
  for (const [name, step, want] of steps) {
    await step();
    const page = [...(await shown(world, bucket))].map(([key, { etag, storageClass }]) => {
      const seen = etag.endsWith('-0') ? '?' : etag.replace('etag-of-', '');
      return `${key}=${seen}${storageClass === 'STANDARD' ? '' : ` ${storageClass}`}`;
    });
    assert.equal(page.join(' '), want, name);
    await checkStore(world);
  }
});

test('files that were forgotten since a moment are known, up to a number of them', () => {
  const files = new ForgottenFiles();
  const forget = (ino: number): void => {
    files.note(ino as Ino);
  };
  forget(1);
  const mark = files.mark();
  assert.deepEqual(files.since(mark), new Set());
  forget(2);
  forget(3);
  assert.deepEqual(files.since(mark), new Set([2, 3]));
  for (let ino = 4; ino < FORGOTTEN_FILES_MAX + 2; ino += 1) forget(ino);
  assert.equal(files.since(mark)?.size, FORGOTTEN_FILES_MAX);
  forget(99_999);
  assert.equal(files.since(mark), undefined);
});
