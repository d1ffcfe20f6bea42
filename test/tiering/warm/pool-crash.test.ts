import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Fault } from '../../../src/fault.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import {
  checkImage,
  openBed,
  openPool,
  placeOf,
  segmentOf,
  settle,
  shardsOf,
  type PoolBed,
  type Segment,
} from './pool-bed.ts';

/** What happens when the power goes; segments that it was about are there or not, all others are. */
interface Scenario {
  readonly name: string;
  readonly prepare?: (bed: PoolBed) => Promise<void>;
  readonly act: (bed: PoolBed, all: readonly Segment[]) => Promise<unknown>;
  readonly after?: (bed: PoolBed) => Promise<void>;
  /** Index of the segment that may be gone afterwards. */
  readonly mayLack?: number;
}

const scenarios: readonly Scenario[] = [
  { name: 'a segment is written', act: ({ pool }, all) => pool.put(all[3]!.id, all[3]!.packed), mayLack: 3 },
  { name: 'a segment is deleted', act: ({ pool }, all) => pool.delete(all[0]!.id), mayLack: 0 },
  {
    name: 'a device is replaced that works',
    act: async (bed) => {
      bed.devices.place('/new');
      await bed.pool.replace('/d2', '/new');
      await settleWithin(bed);
    },
  },
  {
    name: 'a device is replaced that is gone',
    prepare: async (bed) => {
      placeOf(bed, '/d2').lose();
      await settle(bed);
    },
    act: async (bed) => {
      await bed.pool.replace('/d2', '/d2');
      await settleWithin(bed);
    },
    after: async ({ pool, clock }) => {
      // The order itself was lost: it is given again.
      const isAway = pool.state().devices.every(({ path, state }) => path !== '/d2' || state === 'missing');
      if (isAway) await clock.run(pool.replace('/d2', '/d2'));
    },
  },
  {
    name: 'a device is drained',
    act: async (bed) => {
      await bed.pool.drain('/d5');
      await settleWithin(bed);
    },
  },
  {
    name: 'damage is healed',
    prepare: async (bed) => {
      for (const place of bed.devices.places.values()) {
        for (const name of place.names()) if (name.index === 4) place.corrupt(name, 4_100, 3);
      }
    },
    act: async ({ pool }, all) => {
      for (const { id } of all.slice(0, 3)) await pool.scrub(id);
    },
  },
];

/** Like `settle`, where time moves elsewhere. */
async function settleWithin({ pool, clock }: PoolBed): Promise<void> {
  for (let round = 0; round < 2; round++) {
    clock.pass(60_000);
    for (let isBusy = true; isBusy;) {
      isBusy = false;
      for (const { step } of pool.steps) isBusy = (await step()) === 'busy' || isBusy;
    }
  }
}

/** The power goes at the n-th moment of what happens on devices and in the metadata; false when there are fewer. */
async function crashAt(scenario: Scenario, moment: number): Promise<boolean> {
  const bed = await openBed({ count: 7, seed: moment });
  const all = await Promise.all([1, 2, 3, 4].map((n) => segmentOf(n, undefined, { bytes: 9_000 })));
  for (const { id, packed } of all.slice(0, 3)) await bed.clock.run(bed.pool.put(id, packed));
  await scenario.prepare?.(bed);
  let count = 0;
  let crashed = (): void => undefined;
  const crash = new Promise<'crashed'>((resolve) => (crashed = () => resolve('crashed')));
  const pass = (): Promise<void> => {
    count += 1;
    if (count < moment) return Promise.resolve();
    crashed();
    return new Promise(() => undefined);
  };
  for (const place of bed.devices.places.values()) place.delay = pass;
  const acting = scenario.act(bed, all);
  acting.catch(() => undefined);
  const outcome = await bed.clock.run(Promise.race([acting.then(() => 'done'), crash]));
  for (const place of bed.devices.places.values()) {
    place.delay = undefined;
    place.crash(bed.environment.random);
  }
  bed.engine = bed.engine.crash(bed.environment.random);
  bed.pool = await openPool(bed);
  await scenario.after?.(bed);
  await settle(bed);
  await writeLater(bed);
  await checkAfter(bed, all, { scenario, isDone: outcome === 'done' });
  return outcome === 'crashed';
}

/** What a crash has cut off is swept at the first start at which the rows know a younger segment. */
async function writeLater(bed: PoolBed): Promise<void> {
  const later = await segmentOf(9, bed.pool.traits.shape, { bytes: 9_000 });
  await bed.clock.run(bed.pool.put(later.id, later.packed));
  bed.pool = await openPool(bed);
  await settle(bed);
}

async function checkAfter(
  bed: PoolBed,
  all: readonly Segment[],
  { scenario, isDone }: { readonly scenario: Scenario; readonly isDone: boolean },
): Promise<void> {
  const there = new Set<string>();
  for await (const page of bed.pool.list()) for (const id of page) there.add(id);
  for (const [index, segment] of all.entries()) {
    const isFree = index === scenario.mayLack && !isDone;
    const isWanted = index < 3 ? scenario.mayLack !== index : isDone && scenario.mayLack === index;
    if (!isFree) assert.equal(there.has(segment.id), isWanted, `segment ${index} is there`);
    if (!there.has(segment.id)) {
      assert.deepEqual(shardsOf(bed, segment.id), [], 'nothing is left of it');
      await assert.rejects(
        bed.clock.run(bed.pool.read(segment.id, 0, 1)),
        (cause) => cause instanceof Fault && cause.code === 'not-found',
      );
      continue;
    }
    await checkImage(bed, segment);
    const indexes = shardsOf(bed, segment.id).map((shard) => shard.index);
    assert.deepEqual(indexes.toSorted(), [0, 1, 2, 3, 4, 5], 'each shard is there once');
    const health = await bed.clock.run(bed.pool.scrub(segment.id));
    if (scenario.prepare === undefined) assert.equal(health.corrupt, 0);
    assert.equal(health.corrupt, health.healed);
  }
}

suite('a power loss of a warm pool', () => {
  for (const scenario of scenarios) {
    test(`at any moment while ${scenario.name} loses nothing and leaves nothing behind`, async () => {
      let moment = 1;
      while (await crashAt(scenario, moment)) moment += moment < 30 ? 1 : 5;
      assert.ok(moment > 10, `only ${moment} moments`);
    });
  }

  test('when the metadata does not take a stripe, its shards are swept', async () => {
    const bed = await openBed();
    let isFailing = false;
    bed.engine = new MemoryEngine({ writeFailure: () => (isFailing ? new Error('EIO') : undefined) });
    bed.devices.places.clear();
    for (const path of bed.paths) bed.devices.place(path);
    bed.pool = await openPool(bed);
    isFailing = true;
    const segment = await segmentOf(1);
    await assert.rejects(bed.clock.run(bed.pool.put(segment.id, segment.packed)));
    assert.equal(shardsOf(bed, segment.id).length, 6);
    isFailing = false;
    bed.engine = bed.engine.crash(bed.environment.random);
    bed.pool = await openPool(bed);
    await settle(bed);
    const left = shardsOf(bed, segment.id).length;
    const isThere =
      (await bed.clock.run(bed.pool.read(segment.id, 0, 1).catch(() => undefined))) !== undefined;
    assert.equal(left, isThere ? 6 : 0);
  });
});
