import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenedColdStore } from '../../../src/tiering/cold/open-cold-store.ts';
import { packedImage } from '../../../src/tiering/packed-image.ts';
import type { SegmentStore } from '../../../src/tiering/segment-store.ts';
import { packedSegment, segmentId } from '../packed-segments.ts';
import type { coldSettingsOfTests } from './cold-world.ts';
import { coldWorld, idsOf, type ColdWorld } from './cold-world.ts';

const one = segmentId(1);
const keyOfOne = `one/segments/00/${one}`;
const none = { data: 1, parity: 0 };
const fault = (code: string) => ({ name: 'Fault', code, subject: 'store' });

type Scenario = (store: SegmentStore, world: ColdWorld, opened: OpenedColdStore) => Promise<void>;

/** Runs in simulated time. */
async function within(
  world: ColdWorld,
  scenario: Scenario,
  settings: Partial<typeof coldSettingsOfTests> = {},
) {
  await world.simulation.run(
    world.open(settings).then(async (opened) => {
      await scenario(opened.store, world, opened);
      await opened.store.close();
    }),
  );
}

test('what was put is read, listed in order, and gone once it was deleted', () =>
  within(coldWorld(), async (store, { bucket }) => {
    const packed = await packedSegment(1);
    const image = Buffer.concat(packedImage(packed).data);
    await store.put(segmentId(2 ** 40), await packedSegment(2 ** 40));
    await store.put(one, packed);
    await store.put(one, packed);
    assert.deepEqual(Buffer.from(await store.read(one, 5, 3_000)), image.subarray(5, 3_005));
    assert.equal((await store.read(one, 5, 0)).length, 0);
    assert.deepEqual(await idsOf(store), [one, segmentId(2 ** 40)]);
    assert.deepEqual(await idsOf(store, one), [segmentId(2 ** 40)]);
    await store.delete(one);
    await store.delete(one);
    await assert.rejects(store.read(one, 0, 1), fault('not-found'));
    assert.deepEqual(bucket.keys(), [`one/segments/00/${segmentId(2 ** 40)}`, 'one/terrace.json']);
  }));

test('an object with parity ends with its header block, one without is the image alone', () =>
  within(coldWorld(), async (store, { bucket }) => {
    const coded = await packedSegment(1);
    const header = Buffer.from(coded.shards[0] ?? []).subarray(0, 4096);
    await store.put(one, coded);
    const { data, parity } = packedImage(coded);
    assert.deepEqual(
      Buffer.from(bucket.lying(keyOfOne)),
      Buffer.concat([...data, header, ...parity, header]),
    );
    const plain = await packedSegment(2, none);
    await store.put(segmentId(2), plain);
    const lying = bucket.lying(`one/segments/00/${segmentId(2)}`);
    assert.deepEqual(Buffer.from(lying), Buffer.concat(packedImage(plain).data));
  }));

test('nothing under a key is ever replaced by other bytes', () =>
  within(coldWorld(), async (store, { bucket }) => {
    await store.put(one, await packedSegment(1));
    const before = Uint8Array.from(bucket.lying(keyOfOne));
    await assert.rejects(store.put(one, await packedSegment(2)), fault('corrupt'));
    assert.deepEqual(bucket.lying(keyOfOne), before);
  }));

const answers = [
  'lost-answer',
  'silence',
  'error',
  'slow-down',
  'gone',
  'corrupt-answer',
  'short-answer',
] as const;
for (const failure of answers) {
  test(`a put during which every operation once meets ${failure} is there, once`, () =>
    within(coldWorld(), async (store, { bucket }) => {
      const met = new Set<string>();
      bucket.failWhen((operation) => (met.size < met.add(operation).size ? failure : undefined));
      const packed = await packedSegment(1);
      await store.put(one, packed);
      assert.deepEqual([...met].sort(), ['get', 'put']);
      assert.equal(
        new Set(
          bucket
            .uploads()
            .filter(({ key }) => key === keyOfOne)
            .map((it) => it.etag),
        ).size,
        1,
      );
      const image = Buffer.concat(packedImage(packed).data);
      assert.deepEqual(Buffer.from(await store.read(one, 0, image.length)), image);
    }));
}

test('a store that keeps other bytes than it was given is given them again, over those', () =>
  within(coldWorld(), async (store, { bucket }) => {
    let lies = 1;
    bucket.failWhen((operation) => (operation === 'put' && lies-- > 0 ? 'corrupt-write' : undefined));
    const packed = await packedSegment(1);
    await store.put(one, packed);
    const image = Buffer.concat(packedImage(packed).data);
    assert.deepEqual(Buffer.from(await store.read(one, 0, image.length)), image);
  }));

test('a store that always keeps other bytes is told of, and nothing is acknowledged', () =>
  within(coldWorld(), async (store, { bucket }) => {
    bucket.failWhen((operation) => (operation === 'put' ? 'corrupt-write' : undefined));
    await assert.rejects(store.put(one, await packedSegment(1)), /does not give back what it was given/);
  }));

const damages = [
  { name: 'a byte of the image', at: (length: number) => [length >> 3] },
  { name: 'the first byte', at: () => [0] },
  { name: 'the header block at the end', at: (length: number) => [length - 4096] },
  { name: 'the header block in the middle', at: () => [4 * 4096 + 7] },
  { name: 'a parity shard', at: (length: number) => [length - 4096 - 5] },
  { name: 'two data shards and the last header', at: (length: number) => [1, 4096 + 1, length - 1] },
];
for (const { name, at } of damages) {
  test(`scrub finds and heals damage of ${name}`, () =>
    within(coldWorld(), async (store, { bucket }) => {
      await store.put(one, await packedSegment(1));
      const sound = Uint8Array.from(bucket.lying(keyOfOne));
      assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 0, healed: 0, isWhole: true });
      for (const offset of at(sound.length)) bucket.corrupt(keyOfOne, offset);
      assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 1, healed: 1, isWhole: true });
      assert.deepEqual(bucket.lying(keyOfOne), sound);
      assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 0, healed: 0, isWhole: true });
    }));
}

test('single bytes of all blocks of a row are healed, unless more than the parity lie at the same place', () =>
  within(coldWorld(), async (store, { bucket }) => {
    await store.put(one, await packedSegment(1));
    const sound = Uint8Array.from(bucket.lying(keyOfOne));
    // Six shards, with the header block behind the fourth.
    for (const [shard, block] of [0, 1, 2, 3, 5, 6].entries()) {
      bucket.corrupt(keyOfOne, block * 4096 + 9 + 5 * shard);
      bucket.corrupt(keyOfOne, block * 4096 + 900 - shard);
    }
    assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 1, healed: 1, isWhole: true });
    assert.deepEqual(bucket.lying(keyOfOne), sound);
  }));

test('more damage at one place than there is parity is told and left as it is', () =>
  within(coldWorld(), async (store, { bucket }) => {
    await store.put(one, await packedSegment(1));
    for (const shard of [0, 1, 2]) bucket.corrupt(keyOfOne, shard * 4096 + 9);
    const damaged = Uint8Array.from(bucket.lying(keyOfOne));
    assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 1, healed: 0, isWhole: false });
    assert.deepEqual(bucket.lying(keyOfOne), damaged);
  }));

test('without parity damage of a frame, of a head and of the index is told, and that nothing heals it', () =>
  within(coldWorld(), async (store, { bucket }) => {
    const packed = await packedSegment(1, none);
    await store.put(one, packed);
    assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 0, healed: 0, isWhole: true });
    for (const offset of [0, 400, packed.shardBytes - 64, packed.shardBytes - 100]) {
      bucket.corrupt(keyOfOne, offset);
      assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 1, healed: 0, isWhole: false });
      bucket.corrupt(keyOfOne, offset);
    }
  }));

test('an object that is gone is found by scrub', () =>
  within(coldWorld(), async (store, { bucket }) => {
    await store.put(one, await packedSegment(1));
    await bucket.delete(keyOfOne, new AbortController().signal);
    assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 1, healed: 0, isWhole: false });
  }));

test('an object that is shorter than what was written is corrupt, not out of reach', () =>
  within(coldWorld(), async (store) => {
    const packed = await packedSegment(1);
    await store.put(one, packed);
    const length = packed.shardBytes * 6 + 2 * 4096;
    await assert.rejects(store.read(one, length - 4, 10), fault('corrupt'));
    await assert.rejects(store.read(one, length + 4, 10), fault('corrupt'));
  }));

test('damage on the way to scrub is no damage', () =>
  within(coldWorld(), async (store, { bucket }) => {
    await store.put(one, await packedSegment(1));
    let lies = 1;
    bucket.failWhen(() => (lies-- > 0 ? 'corrupt-answer' : undefined));
    assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 0, healed: 0, isWhole: true });
    assert.equal(bucket.uploads().filter(({ key }) => key === keyOfOne).length, 1);
  }));

test('an archive class is read after a recall, and not before', () =>
  within(
    coldWorld(1, { restoreMs: 3_600_000 }),
    async (store, { bucket, simulation }) => {
      assert.equal(store.traits.access, 'staged');
      const packed = await packedSegment(1);
      await store.put(one, packed);
      await store.put(one, packed);
      const facts = await bucket.head(keyOfOne, new AbortController().signal);
      assert.deepEqual([facts?.storageClass, facts?.access], ['DEEP_ARCHIVE', 'archived']);
      await assert.rejects(store.read(one, 0, 9), fault('recall-pending'));
      assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 0, healed: 0, isWhole: true });
      assert.equal(await store.recall(one), false);
      assert.equal(await store.recall(one), false);
      await simulation.after(3_600_000, 'hours');
      assert.equal(await store.recall(one), true);
      assert.equal((await store.read(one, 0, 9)).length, 9);
      await assert.rejects(store.recall(segmentId(7)), fault('not-found'));
    },
    { storageClass: 'DEEP_ARCHIVE' },
  ));

test('a lost answer while an object is archived is no harm', () =>
  within(
    coldWorld(),
    async (store, { bucket }) => {
      let losses = 1;
      bucket.failWhen((operation) => (operation === 'archive' && losses-- > 0 ? 'lost-answer' : undefined));
      await store.put(one, await packedSegment(1));
      assert.equal((await bucket.head(keyOfOne, new AbortController().signal))?.storageClass, 'GLACIER');
    },
    { storageClass: 'GLACIER' },
  ));

test('listing goes on over pages and passes over what others put there', () =>
  within(coldWorld(), async (store, { bucket }) => {
    const { signal } = new AbortController();
    const crc64nvme = new Uint8Array(8);
    const upload = { bytes: new Uint8Array(0), crc64nvme, condition: { kind: 'absent' } } as const;
    const wanted = Array.from({ length: 1_500 }, (_, index) => segmentId(index * 2 ** 36));
    const others = [
      'one/segments/00/readme',
      `one/segments/ff/${one}`,
      'one/segments/zz',
      'two/segments/00/x',
    ];
    const keys = [...wanted.map((id) => `one/segments/${id.slice(0, 2)}/${id}`), ...others];
    for (const key of keys) await bucket.put(key, upload, signal);
    assert.deepEqual(await idsOf(store), wanted);
    assert.deepEqual(await idsOf(store, wanted[1_200]), wanted.slice(1_201));
  }));
