import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { exact } from '../../../src/tiering/cold/layers/exact.ts';
import { MemoryObjectStore } from '../../../src/tiering/cold/memory-object-store.ts';
import {
  layered,
  unchanged,
  type FolderPage,
  type ObjectStoreLayer,
} from '../../../src/tiering/cold/object-store.ts';
import type { BindingId, ForeignRange } from '../../../src/tiering/foreign/foreign-records.ts';
import { MOVED_BLOB_BYTES_MAX } from '../../../src/limits/tiering.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { content } from '../hot/blob-bed.ts';
import { TierBed, type TierBedOptions } from '../tier-bed.ts';

const binding = 7 as BindingId;
const { signal } = new AbortController();
const changedOutside = { code: 'conflict', subject: 'blob' };

/** Tiers beside a bucket of somebody else, which is bound. */
async function foreignBed(options: TierBedOptions & { readonly ignores?: 'conditions' } = {}) {
  const { ignores } = options;
  const bed = await TierBed.open(options);
  const bucket = new MemoryObjectStore({ clock: bed.clock, random: bed.random, ...(ignores && { ignores }) });
  const bind = (): void => bed.tiering.foreign.bind(binding, layered(bucket, [exact()]));
  bind();
  const upload = async (key: string, bytes: Uint8Array): Promise<string> => {
    const { crc64nvme = bytes } = referenceCompute().digest(['crc64nvme'], [bytes]);
    await bucket.delete(key, signal);
    return (await bucket.put(key, { bytes, crc64nvme, condition: { kind: 'absent' } }, signal)).etag;
  };
  const attach = (range: Omit<ForeignRange, 'binding'>): Promise<BlobId> =>
    bed.kv.transact('durable', async (tx) => bed.tiering.foreign.attach(tx, { binding, ...range }));
  /** A blob of all of a new object. */
  const attachNew = async (key: string, length: number, seed: number): Promise<BlobId> => {
    const etag = await upload(key, content(length, seed));
    return attach({ key, etag, offset: 0, length });
  };
  return { bed, bucket, bind, upload, attach, attachNew };
}

test('a blob that is a range of an object reads as those bytes, also after a new start', async () => {
  const { bed, bucket, bind, upload, attach } = await foreignBed();
  const object = content(100_000, 3);
  const id = await attach({ key: 'a/b', etag: await upload('a/b', object), offset: 30_000, length: 50_000 });
  assert.equal(await bed.tiersOf(id), 'cold');
  for (const isNew of [false, true]) {
    if (isNew) {
      await bed.reopen();
      await assert.rejects(bed.tiering.blobs.read(id, 0, 1), { code: 'unavailable', subject: 'store' });
      bind();
    }
    const { blobs } = bed.tiering;
    assert.deepEqual(Buffer.from(await blobs.read(id, 0, 50_000)), object.subarray(30_000, 80_000));
    assert.deepEqual(Buffer.from(await blobs.read(id, 49_999, 1)), object.subarray(79_999, 80_000));
    assert.deepEqual(Buffer.from(await blobs.readUpTo(id, 40_000, 1 << 20)), object.subarray(70_000, 80_000));
  }
  assert.equal(bucket.uploads().length, 1);
});

const changes = [
  { name: 'other bytes of the same length', change: 'replaced' },
  { name: 'fewer bytes', change: 'shorter' },
  { name: 'no object', change: 'deleted' },
] as const;

for (const ignores of [undefined, 'conditions'] as const) {
  for (const { name, change } of changes) {
    const store = ignores === undefined ? 'a store' : 'a store that ignores conditions';
    test(`${name} in ${store} is a change outside, and never read`, async () => {
      const { bed, bucket, upload, attachNew } = await foreignBed(ignores && { ignores });
      const id = await attachNew('key', 9_000, 1);
      if (change === 'deleted') await bucket.delete('key', signal);
      else await upload('key', content(change === 'shorter' ? 100 : 9_000, 2));
      await assert.rejects(bed.tiering.blobs.read(id, 0, 9_000), changedOutside);
      await assert.rejects(bed.tiering.blobs.readUpTo(id, 50, 9_000), changedOutside);
      assert.equal(await bed.tiering.steps.repair(), 'idle');
    });
  }
}

test('what the store cannot give now is the fault of the store, and passes', async () => {
  const { bed, bucket, attachNew } = await foreignBed();
  const id = await attachNew('key', 9_000, 1);
  bucket.failWhen(() => 'gone');
  await assert.rejects(bed.tiering.blobs.read(id, 0, 1), { code: 'unavailable', subject: 'store' });
  bucket.failWhen(undefined);
  const { etag = '' } = (await bucket.head('key', signal)) ?? {};
  await bucket.archive('key', { etag, storageClass: 'GLACIER' }, signal);
  await assert.rejects(bed.tiering.blobs.read(id, 0, 1), { code: 'recall-pending', subject: 'object' });
  await bucket.restore('key', { days: 1, speed: 'Standard' }, signal);
  assert.deepEqual(Buffer.from(await bed.tiering.blobs.read(id, 0, 9_000)), content(9_000, 1));
});

test('a foreign blob moves up and down like any other, and a hot copy reads while the store is away', async () => {
  const { bed, bucket, attachNew } = await foreignBed();
  const id = await attachNew('key', 9_000, 1);
  for (const [to, places] of [
    ['hot', 'hot+cold'],
    ['warm', 'warm+cold'],
    ['hot', 'hot+warm+cold'],
  ] as const) {
    assert.equal((await bed.move(to, id)).outcome, 'completed');
    assert.equal(await bed.tiersOf(id), places);
    bucket.failWhen(() => 'gone');
    assert.deepEqual(Buffer.from(await bed.tiering.blobs.read(id, 0, 9_000)), content(9_000, 1));
    bucket.failWhen(undefined);
  }
  await bed.move('cold', id);
  assert.equal(await bed.tiersOf(id), 'cold');
  assert.deepEqual([bed.used(), bed.kept('cold')], [0, 0]);
  assert.deepEqual(Buffer.from(await bed.tiering.blobs.read(id, 0, 9_000)), content(9_000, 1));
});

test('a blob too long to be held in memory stays where it is', async () => {
  const { bed, attachNew, attach } = await foreignBed();
  const small = await attachNew('small', 9_000, 1);
  const large = await attach({ key: 'large', etag: '"1"', offset: 0, length: MOVED_BLOB_BYTES_MAX + 1 });
  const { outcome, blobs } = await bed.move('hot', large, small);
  assert.deepEqual({ outcome, blobs }, { outcome: 'completed', blobs: 1 });
  assert.equal(await bed.tiersOf(large), 'cold');
  assert.equal(await bed.tiersOf(small), 'hot+cold');
});

test('the end of a foreign blob leaves the object of the others alone', async () => {
  const { bed, bucket, attachNew } = await foreignBed({ lower: [] });
  const id = await attachNew('key', 9_000, 1);
  const { blobs } = bed.tiering;
  await bed.kv.transact('durable', (tx) => blobs.retain(tx, id));
  await bed.kv.transact('durable', (tx) => blobs.release(tx, id));
  await bed.collectAll();
  assert.equal(await bed.tiersOf(id), 'cold');
  await bed.kv.transact('durable', (tx) => blobs.release(tx, id));
  await bed.collectAll();
  assert.equal(await bed.tiersOf(id), 'none');
  assert.deepEqual(bucket.keys(), ['key']);
});

const facts = { objectBytes: 1, etag: '"e"', modifiedAt: 0, storageClass: 'STANDARD' };
const pageOf = (keys: readonly string[], folders: readonly string[], next?: string): FolderPage => ({
  objects: keys.map((key) => ({ key, ...facts })),
  folders,
  next,
});
const strange = [
  { name: 'goes into folders', page: pageOf(['a/m/x'], []) },
  { name: 'shows another prefix', page: pageOf(['b/x'], []) },
  { name: 'shows folders of another prefix', page: pageOf([], ['b/']) },
  { name: 'shows folders within folders', page: pageOf([], ['a/x/y/']) },
  { name: 'begins from the first key each time', page: pageOf(['a/k', 'a/n'], []) },
  { name: 'does not get on', page: pageOf([], ['a/x/'], 'a/l') },
];

for (const { name, page } of strange) {
  test(`a store whose listing ${name} is refused, rather than believed`, async () => {
    const { bed, bucket } = await foreignBed();
    const listing: ObjectStoreLayer = (inner) => ({
      ...unchanged(inner),
      browse: async () => page,
      list: async () => ({ keys: [...page.objects.map(({ key }) => key), 'b/x'], isLast: false }),
    });
    const { foreign } = bed.tiering;
    foreign.unbind(binding);
    foreign.bind(binding, layered(bucket, [listing]));
    const refused = { code: 'not-supported', subject: 'store' };
    await assert.rejects(foreign.browse(binding, 'a/', { after: 'a/l', entriesMax: 10 }), refused);
    await assert.rejects(foreign.list(binding, 'a/', 'a/l'), refused);
  });
}
