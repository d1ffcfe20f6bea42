import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kv } from '../../src/kv/kv.ts';
import { WARM_MISSING_MS_MAX } from '../../src/limits/tiering.ts';
import { Hold } from '../../src/tiering/hold.ts';
import { silent } from '../namespace/world.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { noise } from '../workers/segments.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { ChunkBed } from './reduction/chunk-bed.ts';
import { idOf, openBed, openPool, placeOf, segmentOf, settle, shape42, shardsOf } from './warm/pool-bed.ts';

const contentOf = (seed: number): Uint8Array => noise(3000, seed);
const blobOf = (id: number) => ({ id: id as BlobId, bytes: contentOf(id), label: new Uint8Array(0) });

/** Rows of before the last writes, over a store that has those. */
async function restored(): Promise<{
  readonly bed: ChunkBed;
  readonly newer: Awaited<ReturnType<ChunkBed['backup']>>;
}> {
  const bed = await ChunkBed.open({ isHolding: true });
  await bed.put([blobOf(1)]);
  await bed.put([blobOf(2)]);
  await bed.collectAll();
  const older = await bed.backup();
  await bed.put([blobOf(3)]);
  const newer = await bed.backup();
  bed.engine = older;
  await bed.reopen();
  return { bed, newer };
}

test('rows of a backup delete nothing, however often they start and whatever they write, and newer rows find all of it', async () => {
  const { bed, newer } = await restored();
  assert.equal(bed.hold?.allows, false);
  const before = bed.segments.ids();
  await bed.release(2);
  for (let start = 0; start < 3; start += 1) {
    await bed.put([blobOf(10 + start)]);
    await bed.collectAll();
    assert.equal(bed.hold?.isHeld, true);
    await bed.reopen();
  }
  assert.deepEqual(
    before.filter((id) => !bed.segments.ids().includes(id)),
    [],
  );
  bed.engine = newer;
  await bed.reopen();
  for (const id of [1, 2, 3]) await bed.check(id, contentOf(id));
});

test('a start that ended before it had looked does not make newer content known', async () => {
  const { bed, newer } = await restored();
  for (let start = 0; start < 3; start += 1) {
    await bed.put([blobOf(10 + start)]);
    await bed.reopen();
  }
  await bed.collectAll();
  assert.equal(bed.hold?.isHeld, true);
  bed.engine = newer;
  await bed.reopen();
  for (const id of [1, 2, 3]) await bed.check(id, contentOf(id));
});

test('what was accepted stays accepted after a start that ended before it had looked', async () => {
  const { bed } = await restored();
  await bed.put([blobOf(10)]);
  await bed.reopen();
  await bed.collectAll();
  await bed.hold?.release();
  await bed.reopen();
  await bed.collectAll();
  assert.equal(bed.hold?.isHeld, false);
  await bed.checkCollected();
});

test('what starts without a look have made, and has gone since, is no sign of newer metadata', async () => {
  const bed = await ChunkBed.open({ isHolding: true });
  await bed.put([blobOf(1)]);
  const made = bed.segments.ids();
  await bed.reopen();
  await bed.release(1);
  await bed.collectAll();
  assert.deepEqual([bed.hold?.allows, bed.segments.ids().length], [true, 0]);
  // As a device that was away would show it.
  for (const id of made) assert.equal(await bed.hold?.mayForget(id), true);
  await bed.reopen();
  for (const id of made) assert.equal(await bed.hold?.mayForget(id), true);
});

test('when the rows of a backup are what counts, the rest is collected, and there is no hold any more', async () => {
  const { bed } = await restored();
  await bed.release(2);
  await bed.collectAll();
  assert.equal(bed.segments.ids().length, 3);
  await bed.hold?.release();
  await bed.collectAll();
  assert.equal(bed.segments.ids().length, 1);
  await bed.check(1, contentOf(1));
  await bed.reopen();
  await bed.collectAll();
  assert.equal(bed.hold?.isHeld, false);
  await bed.checkCollected();
});

test('crashes in the middle of everything are no backup', async () => {
  const random = seededRandom(7);
  const turns = async (countMax: number): Promise<void> => {
    for (let count = random.below(countMax); count > 0; count -= 1) await new Promise(setImmediate);
  };
  const bed = await ChunkBed.open({ isHolding: true, random, delay: () => turns(4) });
  for (let life = 0; life < 12; life += 1) {
    const putting = [1, 2, 3].map((index) => bed.put([blobOf(10 * life + index)]).catch(() => undefined));
    const working = bed.release(10 * life - 9).catch(() => undefined);
    await turns(40);
    bed.crash();
    await Promise.all([...putting, working]);
    await bed.reopen();
    await bed.collectAll();
    assert.equal(bed.hold?.isHeld, false, `life ${life}`);
  }
});

test('a start looks at all of the store before it deletes what has a row', async () => {
  const bed = await ChunkBed.open({ isHolding: true });
  await bed.put([blobOf(1)]);
  await bed.collectAll();
  await bed.release(1);
  await bed.reopen();
  assert.equal(bed.hold?.allows, false);
  await bed.collectAll();
  assert.deepEqual([bed.hold?.allows, bed.segments.ids().length], [true, 0]);
});

test('devices that were not there when the pool was looked at are waited for, until they are given up', async () => {
  const bed = await openBed();
  const { id, packed } = await segmentOf(5);
  await bed.clock.run(bed.pool.put(id, packed));
  await bed.pool.close();
  const places = bed.paths.map((path) => placeOf(bed, path));
  for (const place of places) place.isPlugged = false;
  let hold: Hold | undefined;
  bed.pool = await openPool(bed, shape42, async (kv) => {
    hold = await Hold.open({ kv, environment: { log: silent }, tier: 'warm', looks: 1 });
    hold.knowBy({ isNewer: async () => false, looked: async () => undefined, accept: async () => undefined });
    return hold;
  });
  await settle(bed);
  assert.equal(hold?.allows, false);
  for (const place of places.slice(1)) place.isPlugged = true;
  await settle(bed);
  assert.equal(hold?.allows, false);
  bed.clock.pass(WARM_MISSING_MS_MAX);
  await settle(bed);
  assert.equal(hold?.allows, true);
});

test('a device that is drained is not erased while newer metadata may name what lies there', async () => {
  const bed = await openBed({ count: 7 });
  const [known, newer] = [await segmentOf(5), await segmentOf(20)];
  await bed.clock.run(bed.pool.put(known.id, known.packed));
  await bed.clock.run(bed.pool.put(newer.id, newer.packed));
  let hold: Hold | undefined;
  bed.pool = await openPool(bed, shape42, async (kv) => {
    const key = Buffer.concat([Uint8Array.of(0x51), Buffer.from(newer.id, 'hex')]);
    await kv.transact('durable', async (tx) => tx.delete(key));
    hold = await Hold.open({ kv, environment: { log: silent }, tier: 'warm', looks: 1 });
    hold.knowBy({
      isNewer: async (id) => id > idOf(10),
      looked: async () => undefined,
      accept: async () => undefined,
    });
    return hold;
  });
  const [{ path } = assert.fail()] = shardsOf(bed, newer.id);
  await bed.clock.run(bed.pool.drain(path));
  await settle(bed);
  assert.equal(hold?.isHeld, true);
  assert.equal(shardsOf(bed, newer.id).length, 6);
  assert.equal(bed.pool.state().devices.find((it) => it.path === path)?.isDraining, true);
  await hold.release();
  await settle(bed);
  assert.equal(
    bed.pool.state().devices.some((it) => it.path === path),
    false,
  );
});

test('shards of newer metadata stay on the devices over starts and writes, until somebody accepts the older', async () => {
  const bed = await openBed();
  const [known, newer] = [await segmentOf(5), await segmentOf(20)];
  await bed.clock.run(bed.pool.put(known.id, known.packed));
  await bed.clock.run(bed.pool.put(newer.id, newer.packed));
  // As older rows would have it: nothing of that segment.
  const forget = async (kv: Kv): Promise<void> => {
    const key = Buffer.concat([Uint8Array.of(0x51), Buffer.from(newer.id, 'hex')]);
    assert((await kv.get(key)) !== undefined);
    await kv.transact('durable', async (tx) => tx.delete(key));
  };
  let hold: Hold | undefined;
  let knownMax = idOf(10);
  const opened = (before: (kv: Kv) => Promise<void>) =>
    openPool(bed, shape42, async (kv) => {
      await before(kv);
      hold = await Hold.open({ kv, environment: { log: silent }, tier: 'warm', looks: 1 });
      hold.knowBy({
        isNewer: async (id) => id > knownMax,
        looked: () => Promise.resolve(),
        accept: async ([id]) => void (knownMax = id ?? knownMax),
      });
      return hold;
    });
  bed.pool = await opened(forget);
  for (const n of [6, 7, 8]) {
    const { id, packed } = await segmentOf(n);
    await bed.clock.run(bed.pool.put(id, packed));
    await settle(bed);
    assert.equal(hold?.isHeld, true);
    assert.equal(shardsOf(bed, newer.id).length, 6);
    await bed.pool.close();
    bed.pool = await opened(async () => undefined);
  }
  await hold?.release();
  const later = await segmentOf(30);
  knownMax = later.id;
  await bed.clock.run(bed.pool.put(later.id, later.packed));
  await bed.pool.close();
  bed.pool = await opened(async () => undefined);
  await settle(bed);
  assert.deepEqual(shardsOf(bed, newer.id), []);
  assert.equal(hold?.isHeld, false);
});
