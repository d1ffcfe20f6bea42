import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { openStorageControl, type StorageControl } from '../../src/storage-policy/open-storage-policies.ts';
import type { Query } from '../../src/storage-policy/scores.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { tiers as allTiers, type Tier } from '../../src/tiering/tier.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import { bytes, openWorld, plainFacet, s3, silent, type World } from '../namespace/world.ts';
import { MemoryTiers, recalling } from '../tiering/memory-tiers.ts';

const DAY_MS = 86_400_000;

interface Bench {
  readonly world: World;
  readonly tiers: MemoryTiers;
  readonly control: StorageControl;
  readonly put: (
    bucket: string,
    key: string,
    how?: { readonly content?: string; readonly storageClass?: string },
  ) => Promise<BlobId>;
}

async function openBench(tiers = new MemoryTiers(), query?: Query, attached?: string): Promise<Bench> {
  const world = await openWorld();
  const { objects } = world.namespace;
  const environment = {
    clock: world.clock,
    log: silent,
    random: { below: () => 0, bytes: () => new Uint8Array() },
  };
  let id = 1000;
  const known = new Map<Ino, string>();
  const isAttached = (bucket: Ino): boolean => known.get(bucket) === attached;
  const given = { ...recalling, ...(attached !== undefined && { isAttached }) };
  const parts = { kv: world.kv, objects, tiers, environment, nextId: () => ++id, query, ...given };
  const control = await openStorageControl(parts);
  return {
    ...{ world, tiers, control },
    async put(bucket, key, { content = 'content', storageClass = 'STANDARD' } = {}) {
      const { ino } = (await objects.bucket(bucket)) ?? (await objects.createBucket(s3, bucket));
      known.set(ino, bucket);
      const draft = await objects.draft(s3);
      await draft.write([bytes(content)]);
      const to = { bucket: ino, key: bytes(key), facet: { ...plainFacet('e'), storageClass }, expect: {} };
      const { attributes } = await objects.attach(s3, draft, to);
      for await (const [blob] of objects.blobsOf(attributes.ino)) if (blob !== undefined) return blob;
      return assert.fail('an object without a blob');
    },
  };
}

async function pass({ world, control }: Bench): Promise<void> {
  const { passes } = control.job;
  while (control.job.passes === passes) {
    if ((await control.job.step()) === 'idle') world.clock.ms += 10_000;
  }
}

async function classPass({ world, control, tiers: { present } }: Bench): Promise<void> {
  const { passes } = control.classes;
  while (present.length > 1 && control.classes.passes === passes) {
    if ((await control.classes.step()) === 'idle') world.clock.ms += 10_000;
  }
  if (present.length === 1) assert.equal(await control.classes.step(), 'idle');
}

suite('storage policies', () => {
  test('a class that others gave, in a bucket that shows theirs, moves nothing', async () => {
    const bench = await openBench(new MemoryTiers(), undefined, 'theirs');
    const { tiers } = bench;
    const ours = await bench.put('ours', 'key', { storageClass: 'STANDARD_IA' });
    const theirs = await bench.put('theirs', 'key', { storageClass: 'STANDARD_IA' });
    tiers.places.set(theirs, ['cold']);
    await classPass(bench);
    assert.deepEqual([tiers.places.get(ours), tiers.places.get(theirs)], [['warm'], ['cold']]);
  });

  test('what a full tier has given up does not come back by class or policy until it has room', async () => {
    const bench = await openBench();
    const { tiers, control } = bench;
    const byClass = await bench.put('photos', 'class', { storageClass: 'STANDARD_IA' });
    const byPolicy = await bench.put('music', 'policy', { storageClass: 'STANDARD_IA' });
    const hot = await bench.put('photos', 'hot', { storageClass: 'STANDARD_IA' });
    await control.policies.put('p', { target: 'music' });
    tiers.places.set(byClass, ['cold']).set(byPolicy, ['cold']);
    tiers.draining.add('warm');
    await classPass(bench);
    await pass(bench);
    assert.deepEqual(
      tiers.orders.flatMap(({ blobs }) => blobs),
      [hot],
      'what comes from above has nowhere else to go',
    );
    tiers.draining.clear();
    await classPass(bench);
    await pass(bench);
    assert.deepEqual(tiers.places.get(byClass), ['warm']);
    assert.deepEqual(tiers.places.get(byPolicy), ['warm']);
  });

  test('what nobody touches goes to the cold tier after its cooldown, what is busy stays', async () => {
    const bench = await openBench();
    const { tiers, control, world } = bench;
    const idle = await bench.put('photos', 'idle');
    const busy = await bench.put('photos', 'busy');
    const between = await bench.put('photos', 'between');
    const elsewhere = await bench.put('music', 'idle');
    tiers.heat.set(busy, 6000).set(between, 1000);
    await control.policies.put('p', { target: 'photos' });
    await pass(bench);
    assert.deepEqual(tiers.orders, [], 'nothing moves before its cooldown');
    world.clock.ms += DAY_MS;
    await pass(bench);
    assert.deepEqual(tiers.places.get(idle), ['cold']);
    assert.deepEqual(tiers.places.get(between), ['warm']);
    assert.equal(tiers.places.get(busy), undefined);
    assert.equal(tiers.places.get(elsewhere), undefined);
    const report = control.job.report('p');
    assert.deepEqual(report?.tiers.hot, { objects: 3, bytes: 300 });
    assert.deepEqual(report?.pending, { score: { objects: 2, bytes: 200 } });
    await pass(bench);
    assert.deepEqual(control.job.report('p')?.compliant, { objects: 3, bytes: 300 });
    assert.ok((report?.cost.compliant ?? 0) < (report?.cost.now ?? 0));
  });

  test('the longest target decides, whatever the order of policies', async () => {
    const bench = await openBench();
    const kept = await bench.put('photos', 'keep/a');
    const moved = await bench.put('photos', 'other');
    await bench.control.policies.put('a-all', { target: 'photos' });
    await bench.control.policies.put('z-keep', { target: 'photos/keep/', pools: ['hot'] });
    bench.world.clock.ms += DAY_MS;
    await pass(bench);
    assert.deepEqual(bench.tiers.places.get(moved), ['cold']);
    assert.equal(bench.tiers.places.get(kept), undefined);
  });

  test('a hot copy of what lies cold is the cache of reads and moves nowhere', async () => {
    const bench = await openBench();
    const blob = await bench.put('photos', 'a');
    bench.tiers.places.set(blob, ['hot', 'cold']);
    await bench.control.policies.put('p', { target: 'photos' });
    bench.world.clock.ms += DAY_MS;
    await pass(bench);
    assert.deepEqual(bench.tiers.orders, []);
    assert.deepEqual(bench.control.job.report('p')?.compliant.objects, 1);
  });

  test('old versions move too, and large objects do not share an order with small ones', async () => {
    const bench = await openBench();
    const first = await bench.put('photos', 'a');
    const { objects } = bench.world.namespace;
    const bucket = await objects.bucket('photos');
    assert.ok(bucket);
    await objects.changeBucketRules(bucket, { versioning: 'enabled' });
    const second = await bench.put('photos', 'a');
    await bench.control.policies.put('p', { target: 'photos', ecBytesMin: 1 });
    bench.world.clock.ms += DAY_MS;
    await pass(bench);
    assert.deepEqual(
      bench.tiers.orders.map(({ blobs }) => blobs),
      [[second], [first]],
    );
  });

  test('a migration that failed is tried again by the next pass', async () => {
    const bench = await openBench();
    const blob = await bench.put('photos', 'a');
    await bench.control.policies.put('p', { target: 'photos' });
    bench.world.clock.ms += DAY_MS;
    bench.tiers.failure = 'the store does not answer';
    await pass(bench);
    bench.tiers.failure = undefined;
    await pass(bench);
    assert.deepEqual(bench.tiers.places.get(blob), ['cold']);
  });

  test('a Prometheus that does not answer means no score and no migration', async () => {
    const answers: number[] = [];
    const asked: string[] = [];
    const bench = await openBench(new MemoryTiers(), async (query) => {
      asked.push(query);
      return answers.at(0);
    });
    const blob = await bench.put('photos', 'a');
    await bench.control.policies.put('p', { target: 'photos', heat: { prometheus: 'iops' } });
    bench.world.clock.ms += DAY_MS;
    await pass(bench);
    assert.deepEqual(asked, ['iops']);
    assert.deepEqual(bench.tiers.orders, []);
    assert.deepEqual(bench.control.scores.unanswered(), ['p']);
    const [why] = await bench.control.explain('photos', bytes('a'));
    assert.equal(why?.assessment?.placement.reason, 'score-unknown');
    answers.push(100);
    await pass(bench);
    assert.deepEqual(bench.control.scores.unanswered(), []);
    assert.deepEqual(bench.tiers.places.get(blob), ['cold']);
  });

  test('policies are still there after a restart, and gone when they are removed', async () => {
    const { world, tiers, control } = await openBench();
    await control.policies.put('p', { target: 'photos', cooldown: '1h' });
    await control.policies.put('q', { target: 'music' });
    await control.policies.remove('q');
    await assert.rejects(control.policies.remove('q'), /There is no storage policy q/);
    const environment = {
      clock: world.clock,
      log: silent,
      random: { below: () => 0, bytes: () => new Uint8Array() },
    };
    const { objects } = world.namespace;
    const again = await openStorageControl({
      ...{ kv: world.kv, objects, tiers, environment, nextId: () => 1, query: undefined, ...recalling },
    });
    assert.deepEqual(
      again.policies.list().map(({ document }) => document),
      [{ target: 'photos', cooldown: '1h' }],
    );
  });

  test('a plan says what a pass would move, and moves nothing', async () => {
    const bench = await openBench();
    await bench.put('photos', 'a');
    await bench.put('photos', 'b/c');
    await bench.control.policies.put('p', { target: 'photos' });
    bench.world.clock.ms += DAY_MS;
    const plan = await bench.control.plan();
    assert.deepEqual(plan.to.cold, { objects: 2, bytes: 200 });
    assert.equal((await bench.control.plan({ bucket: 'photos', prefix: bytes('b/') })).moves.length, 1);
    assert.equal((await bench.control.plan({ bucket: 'music', prefix: bytes('') })).moves.length, 0);
    assert.deepEqual(bench.tiers.orders, []);
  });
});

suite('storage classes', () => {
  const places: readonly [storageClass: string, present: readonly Tier[], want: Tier][] = [
    ['STANDARD', allTiers, 'hot'],
    ['REDUCED_REDUNDANCY', allTiers, 'hot'],
    ['INTELLIGENT_TIERING', allTiers, 'hot'],
    ['STANDARD_IA', allTiers, 'warm'],
    ['ONEZONE_IA', allTiers, 'warm'],
    ['GLACIER_IR', allTiers, 'warm'],
    ['GLACIER', allTiers, 'cold'],
    ['DEEP_ARCHIVE', allTiers, 'cold'],
    ['GLACIER', ['hot', 'warm'], 'warm'],
    ['STANDARD_IA', ['hot', 'cold'], 'hot'],
    ['GLACIER', ['hot'], 'hot'],
  ];
  for (const [storageClass, present, want] of places)
    test(`an object of ${storageClass} belongs to the ${want} tier, of ${present.join(', ')}`, async () => {
      const bench = await openBench(new MemoryTiers(present));
      const blob = await bench.put('photos', 'a', { storageClass });
      await classPass(bench);
      assert.deepEqual(bench.tiers.places.get(blob) ?? ['hot'], [want]);
    });

  test('a policy moves what it is about by its class, within its pools, and the other job leaves that alone', async () => {
    const bench = await openBench();
    const blob = await bench.put('photos', 'a', { storageClass: 'GLACIER' });
    await bench.control.policies.put('p', { target: 'photos', pools: ['hot', 'warm'] });
    await classPass(bench);
    assert.deepEqual(bench.tiers.orders, []);
    await pass(bench);
    assert.deepEqual(bench.tiers.places.get(blob), ['warm']);
    const [why] = await bench.control.explain('photos', bytes('a'));
    assert.equal(why?.assessment?.placement.reason, 'storage-class');
  });

  test('a transition by lifecycle is carried out by the next pass, and what is there already rests', async () => {
    const bench = await openBench();
    const { objects } = bench.world.namespace;
    const blob = await bench.put('photos', 'a');
    const { ino: bucket } = (await objects.bucket('photos')) ?? assert.fail();
    await classPass(bench);
    assert.equal(bench.tiers.places.get(blob), undefined);
    await objects.setStorageClass({ bucket, key: bytes('a'), expect: {} }, 'DEEP_ARCHIVE');
    await classPass(bench);
    assert.deepEqual(bench.tiers.places.get(blob), ['cold']);
    await classPass(bench);
    assert.equal(bench.tiers.orders.length, 1);
  });
});

suite('moves that somebody ordered', () => {
  test('bring everything below a target to a tier, and count what they did', async () => {
    const bench = await openBench();
    const inside = await bench.put('photos', 'raw/a');
    const other = await bench.put('photos', 'other');
    const { id } = await bench.control.moves.order({ target: 'photos/raw/', to: 'cold' });
    while ((await bench.control.moves.step()) === 'busy');
    assert.deepEqual(bench.tiers.places.get(inside), ['cold']);
    assert.equal(bench.tiers.places.get(other), undefined);
    const { state, objects, blobsMoved, bytesMoved, failures } = bench.control.moves.get(id) ?? assert.fail();
    assert.deepEqual(
      { state, objects, blobsMoved, bytesMoved, failures },
      { state: 'completed', objects: 1, blobsMoved: 1, bytesMoved: 100, failures: 0 },
    );
  });

  test('are carried out after a restart', async () => {
    const { world, tiers, control, put } = await openBench();
    const blob = await put('photos', 'a');
    await control.moves.order({ target: 'photos', to: 'warm' });
    const environment = {
      clock: world.clock,
      log: silent,
      random: { below: () => 0, bytes: () => new Uint8Array() },
    };
    const { objects } = world.namespace;
    const parts = {
      kv: world.kv,
      objects,
      tiers,
      environment,
      nextId: () => 1,
      query: undefined,
      ...recalling,
    };
    const again = await openStorageControl(parts);
    while ((await again.moves.step()) === 'busy');
    assert.deepEqual(tiers.places.get(blob), ['warm']);
    assert.equal((await openStorageControl(parts)).moves.list().length, 0, 'what is done is not done again');
  });

  test('that fail say why, and which tiers there are', async () => {
    const bench = await openBench(new MemoryTiers(['hot', 'cold']));
    await bench.put('photos', 'a');
    const { moves } = bench.control;
    await assert.rejects(
      moves.order({ target: 'photos', to: 'warm' }),
      /no warm tier: this gateway has hot, cold/,
    );
    await assert.rejects(moves.order({ target: 'nothing', to: 'cold' }), /bucket/);
    bench.tiers.failure = 'the store does not answer';
    const { id } = await moves.order({ target: 'photos', to: 'cold' });
    while ((await moves.step()) === 'busy');
    const { state, error } = moves.get(id) ?? assert.fail();
    assert.deepEqual([state, error], ['failed', 'the store does not answer']);
  });
});
