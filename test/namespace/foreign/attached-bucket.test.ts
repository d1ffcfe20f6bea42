import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, WalkOptions, WalkPage } from '../../../src/namespace/namespace.ts';
import { exact } from '../../../src/tiering/cold/layers/exact.ts';
import { MemoryObjectStore } from '../../../src/tiering/cold/memory-object-store.ts';
import { layered, type ObjectStore } from '../../../src/tiering/cold/object-store.ts';
import type { BindingId } from '../../../src/tiering/foreign/foreign-records.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { bytes, get, openWorld, put, root, s3, settle, text, type World } from '../world.ts';

const binding = 3 as BindingId;
const { signal } = new AbortController();

interface Attached {
  world: World;
  readonly bucket: Bucket;
  readonly theirs: MemoryObjectStore;
  /** Of the listings that were asked for, what they were of. */
  readonly listings: string[];
  upload(key: string, content?: string): Promise<void>;
}

/** A bucket of ours that shows what lies below `data/` in one of others. */
async function attached(keys: readonly string[] = []): Promise<Attached> {
  const world = await openWorld();
  const theirs = new MemoryObjectStore({ clock: world.clock, random: seededRandom(2) });
  const listings: string[] = [];
  bindTo(world, theirs, listings);
  const upload = async (key: string, content = `content of ${key}`): Promise<void> => {
    const body = bytes(content);
    const { crc64nvme = body } = referenceCompute().digest(['crc64nvme'], [body]);
    await theirs.delete(`data/${key}`, signal);
    await theirs.put(`data/${key}`, { bytes: body, crc64nvme, condition: { kind: 'absent' } }, signal);
  };
  for (const key of keys) await upload(key);
  const bucket = await world.namespace.objects.createBucket(s3, 'ours');
  await world.namespace.folders.attach(bucket, { binding, prefix: 'data/' });
  return { world, bucket, theirs, listings, upload };
}

function bindTo({ tiering }: World, theirs: ObjectStore, listings: string[]): void {
  const store = layered(theirs, [exact()]);
  const browse: ObjectStore['browse'] = (prefix, page, abort) => {
    listings.push(prefix);
    return store.browse(prefix, page, abort);
  };
  tiering.foreign.bind(binding, { ...store, browse });
}

async function walked(
  { world, bucket }: Attached,
  prefix = '',
  delimiter?: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  let after: Uint8Array | undefined = new Uint8Array(0);
  while (after !== undefined) {
    const by = delimiter === undefined ? undefined : bytes(delimiter);
    const options: WalkOptions = { prefix: bytes(prefix), after, delimiter: by, entriesMax: 3 };
    const page: WalkPage = await world.namespace.objects.walk(bucket.ino, options);
    found.push(...page.entries.map((it) => text(it.kind === 'object' ? it.key : it.prefix)));
    after = page.next;
  }
  return found;
}

const keys = ['a', 'a/b', 'a/c/d', 'b/', 'b/x', 'c//y', 'z'];

test('an attached bucket shows what the others have, to both doors, with its content', async () => {
  const at = await attached(keys);
  assert.deepEqual(await walked(at), keys);
  for (const key of keys) {
    assert.equal((await get(at.world, at.bucket, key))?.toString(), `content of ${key}`);
  }
  const { files } = at.world.namespace;
  const looked = await files.lookup(root, { directory: at.bucket.ino, name: bytes('b') });
  const { attributes } = await files.lookup(root, { directory: looked.attributes.ino, name: bytes('x') });
  const read = await files.read(root, attributes.ino, { offset: 8, length: 100 });
  assert.equal(text(read.parts), 'of b/x');
  read.letGo();
});

test('a folder is listed when somebody looks into it, once, and not before', async () => {
  const at = await attached(keys);
  assert.deepEqual(at.listings, []);
  assert.deepEqual(await walked(at, '', '/'), ['a', 'a/', 'b/', 'c/', 'z']);
  assert.deepEqual(at.listings, ['data/']);
  await get(at.world, at.bucket, 'a/c/d');
  await get(at.world, at.bucket, 'a/c/d');
  assert.deepEqual(at.listings, ['data/', 'data/a/', 'data/a/c/']);
  const { ino } = at.bucket;
  const page = { after: 0, entriesMax: 100 };
  const [one, two] = await Promise.all([
    at.world.namespace.files.entries(root, ino, page),
    at.world.namespace.files.names(root, ino, page),
  ]);
  assert.deepEqual([one.entries.length, two.entries.length], [5, 5]);
  assert.equal(at.listings.length, 3);
});

test('a folder of more than a page is whole in its listing', async () => {
  const many = Array.from({ length: 2_500 }, (_, index) => `n${String(index).padStart(5, '0')}`);
  const at = await attached(many);
  const { namespace } = at.world;
  const { entries, eof } = await namespace.files.names(root, at.bucket.ino, { after: 0, entriesMax: 3_000 });
  assert.deepEqual([entries.length, eof, at.listings.length], [2_500, true, 3]);
});

test('while the store is away what was seen is seen, and nothing else is taken for absent', async () => {
  const at = await attached(keys);
  await walked(at, '', '/');
  await get(at.world, at.bucket, 'z');
  at.theirs.failWhen(() => 'gone');
  const away = { code: 'unavailable', subject: 'store' };
  assert.deepEqual(await walked(at, '', '/'), ['a', 'a/', 'b/', 'c/', 'z']);
  await assert.rejects(walked(at), away);
  await assert.rejects(get(at.world, at.bucket, 'a/b'), away);
  await assert.rejects(get(at.world, at.bucket, 'a/nothing'), away);
  await assert.rejects(put(at.world, at.bucket, 'a/new', 'new'), away);
  const after = { key: bytes(''), versionId: undefined };
  const versions = { prefix: bytes(''), entriesMax: 10, after, delimiter: undefined };
  await assert.rejects(at.world.namespace.objects.versions(at.bucket.ino, versions), away);
  at.theirs.failWhen(undefined);
  assert.deepEqual(await walked(at), keys);
});

test('what is made, changed or removed here is so only here, also after a new start', async () => {
  const at = await attached(keys);
  await put(at.world, at.bucket, 'z', 'ours');
  await put(at.world, at.bucket, 'a/b', 'ours too');
  await at.world.namespace.objects.removeKey({ bucket: at.bucket.ino, key: bytes('a/c/d'), expect: {} });
  await settle(at.world);
  const check = async (): Promise<void> => {
    assert.deepEqual(await walked(at), ['a', 'a/b', 'b/', 'b/x', 'c//y', 'z']);
    assert.equal((await get(at.world, at.bucket, 'z'))?.toString(), 'ours');
    assert.equal((await get(at.world, at.bucket, 'b/x'))?.toString(), 'content of b/x');
  };
  await check();
  at.world = await openWorld(at.world);
  bindTo(at.world, at.theirs, at.listings);
  await check();
  assert.deepEqual(
    at.theirs.keys(),
    keys.map((key) => `data/${key}`),
  );
});

test('a name that is taken here stays what it is', async () => {
  const world = await openWorld();
  const theirs = new MemoryObjectStore({ clock: world.clock, random: seededRandom(2) });
  bindTo(world, theirs, []);
  const bucket = await world.namespace.objects.createBucket(s3, 'ours');
  await put(world, bucket, 'same', 'ours');
  const body = bytes('theirs');
  const { crc64nvme = body } = referenceCompute().digest(['crc64nvme'], [body]);
  for (const key of ['same', 'same/below', 'other']) {
    await theirs.put(key, { bytes: body, crc64nvme, condition: { kind: 'absent' } }, signal);
  }
  await world.namespace.folders.attach(bucket, { binding, prefix: '' });
  assert.equal((await get(world, bucket, 'same'))?.toString(), 'ours');
  assert.equal((await get(world, bucket, 'same/below'))?.toString(), 'theirs');
  assert.equal((await get(world, bucket, 'other'))?.toString(), 'theirs');
});

test('a part of an attached object that is written over NFS covers theirs, and the rest is read from there', async () => {
  const at = await attached(['file']);
  const { files } = at.world.namespace;
  const { attributes } = await files.lookup(root, { directory: at.bucket.ino, name: bytes('file') });
  await files.write(root, attributes.ino, { offset: 3, data: bytes('###'), stable: true });
  assert.equal((await get(at.world, at.bucket, 'file'))?.toString(), 'con###t of file');
});

test('an object that was changed outside is refused, and a removed directory with unseen entries too', async () => {
  const at = await attached(keys);
  await walked(at, '', '/');
  await at.upload('z', 'other bytes, z');
  await assert.rejects(get(at.world, at.bucket, 'z'), { code: 'conflict', subject: 'blob' });
  const { files, objects } = at.world.namespace;
  const place = { directory: at.bucket.ino, name: bytes('c') };
  await assert.rejects(files.removeDirectory(root, place), { code: 'not-empty' });
  await assert.rejects(objects.deleteBucket('ours'), { code: 'not-empty' });
});
