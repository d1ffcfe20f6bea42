import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MonotonicMs } from '../../src/environment.ts';
import {
  MemorySegmentStore,
  type SegmentFailure,
  type SegmentOperation,
} from '../../src/tiering/memory-segment-store.ts';
import type { SegmentId, SegmentStore } from '../../src/tiering/segment-store.ts';
import { packedImage } from '../../src/tiering/packed-image.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { packedSegment, segmentId } from './packed-segments.ts';

const one = segmentId(1);
const two = segmentId(2);
const fault = (code: string) => ({ name: 'Fault', code, subject: 'store' });

async function pagesOf(store: SegmentStore, after?: SegmentId): Promise<readonly (readonly SegmentId[])[]> {
  const pages: (readonly SegmentId[])[] = [];
  for await (const page of store.list(after)) pages.push(page);
  return pages;
}

test('what was put is read, listed in order, and gone once it was deleted', async () => {
  const store = new MemorySegmentStore();
  const packed = await packedSegment(1);
  const image = Buffer.concat(packedImage(packed).data);
  await store.put(two, await packedSegment(2));
  await store.put(one, packed);
  await store.put(one, packed);
  assert.deepEqual(Buffer.from(await store.read(one, 10, 100)), image.subarray(10, 110));
  assert.deepEqual(await pagesOf(store), [[one, two]]);
  assert.deepEqual(await pagesOf(store, one), [[two]]);
  await store.delete(one);
  await store.delete(one);
  await assert.rejects(store.read(one, 0, 1), fault('not-found'));
  assert.deepEqual(store.ids(), [two]);
});

test('an id never gets other bytes, nor is it used again', async () => {
  const store = new MemorySegmentStore();
  await store.put(one, await packedSegment(1));
  await assert.rejects(store.put(one, await packedSegment(2)), /other bytes/);
  await store.delete(one);
  await assert.rejects(store.put(one, await packedSegment(1)), /must not be used again/);
});

const failures: readonly { failure: SegmentFailure; code: string; isThere: boolean }[] = [
  { failure: 'unavailable', code: 'unavailable', isThere: false },
  { failure: 'throttled', code: 'throttled', isThere: false },
  { failure: 'no-space', code: 'no-space', isThere: false },
  { failure: 'lost-answer', code: 'unavailable', isThere: true },
];
for (const { failure, code, isThere } of failures) {
  test(`a put that fails as ${failure} is ${isThere ? '' : 'not '}there`, async () => {
    const store = new MemorySegmentStore();
    store.failWhen((operation: SegmentOperation) => (operation === 'put' ? failure : undefined));
    await assert.rejects(store.put(one, await packedSegment(1)), fault(code));
    assert.equal(store.ids().length, Number(isThere));
    store.failWhen(undefined);
    await store.put(one, await packedSegment(1));
    assert.deepEqual(store.ids(), [one]);
  });
}

test('a full store takes no more', async () => {
  const packed = await packedSegment(1);
  const imageBytes = packed.shardBytes * 4;
  const store = new MemorySegmentStore({ bytesMax: imageBytes });
  await store.put(one, packed);
  assert.deepEqual(store.usage(), { bytesTotal: imageBytes, bytesFree: 0 });
  await assert.rejects(store.put(two, await packedSegment(2)), fault('no-space'));
});

test('scrub heals as many damaged shards as there is parity, and says when there are more', async () => {
  const store = new MemorySegmentStore();
  const packed = await packedSegment(1);
  const image = Buffer.concat(packedImage(packed).data);
  await store.put(one, packed);
  store.corrupt(one, 7);
  store.corrupt(one, 9);
  store.corrupt(one, packed.shardBytes * 3);
  assert.notDeepEqual(Buffer.from(await store.read(one, 0, image.length)), image);
  assert.deepEqual(await store.scrub(one), { checked: 6, corrupt: 2, healed: 2, isWhole: true });
  assert.deepEqual(Buffer.from(await store.read(one, 0, image.length)), image);
  for (const shard of [0, 1, 2]) store.corrupt(one, packed.shardBytes * shard);
  assert.deepEqual(await store.scrub(one), { checked: 6, corrupt: 3, healed: 0, isWhole: false });
  store.lose(one);
  await assert.rejects(store.scrub(one), fault('not-found'));
});

test('a staged store answers reads once the segment was recalled and has come back', async () => {
  let now = 0;
  const clock = {
    wall: () => ({ seconds: 0, nanoseconds: 0 }),
    monotonic: () => now as MonotonicMs,
    sleep: () => Promise.resolve(),
  };
  const store = new MemorySegmentStore({ tier: 'cold', staged: { clock, recallMs: 1_000 } });
  assert.equal(store.traits.access, 'staged');
  await store.put(one, await packedSegment(1));
  await assert.rejects(store.read(one, 0, 4), fault('recall-pending'));
  assert.equal(await store.recall(one), false);
  now = 999;
  await assert.rejects(store.read(one, 0, 4), fault('recall-pending'));
  now = 1_000;
  assert.equal(await store.recall(one), true);
  assert.equal((await store.read(one, 0, 4)).length, 4);
});

test('after a crash everything acknowledged is there, and of the rest each is there whole or not at all', async () => {
  const fates = new Set<string>();
  const segments = await Promise.all([1, 2, 3, 4].map((number) => packedSegment(number)));
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = seededRandom(seed);
    const delay = async (): Promise<void> => {
      for (let turns = random.below(6); turns > 0; turns -= 1) await Promise.resolve();
    };
    const store = new MemorySegmentStore({ delay });
    const acknowledged: SegmentId[] = [];
    const writing = segments.map((packed, index) =>
      store.put(segmentId(index), packed).then(
        () => acknowledged.push(segmentId(index)),
        () => undefined,
      ),
    );
    for (let turns = random.below(12); turns > 0; turns -= 1) await Promise.resolve();
    store.crash(random);
    await Promise.all(writing);
    const left = store.ids();
    for (const id of acknowledged) assert.ok(left.includes(id), `seed ${seed} lost ${id}`);
    for (const id of left) assert.equal((await store.read(id, 0, 4)).length, 4);
    fates.add(left.length > acknowledged.length ? 'kept' : left.length > 0 ? 'acknowledged' : 'none');
  }
  assert.deepEqual(fates, new Set(['kept', 'acknowledged', 'none']));
});
