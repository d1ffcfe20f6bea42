import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { MIGRATION_HISTORY_MAX, REPAIR_REST_MS_MAX } from '../../src/limits/tiering.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { BLOCK_BYTES, type Device } from '../../src/tiering/hot/device.ts';
import type { Tier } from '../../src/tiering/tier.ts';
import { turns } from './hot/blob-bed.ts';
import { TierBed } from './tier-bed.ts';

const isFault =
  (code: string) =>
  (cause: unknown): boolean =>
    cause instanceof Fault && cause.code === code;

const moves: readonly { readonly through: readonly Tier[]; readonly end: string }[] = [
  { through: ['warm'], end: 'warm' },
  { through: ['cold'], end: 'cold' },
  { through: ['warm', 'cold'], end: 'cold' },
  { through: ['warm', 'hot'], end: 'hot+warm' },
  { through: ['cold', 'warm'], end: 'warm+cold' },
  { through: ['cold', 'warm', 'hot'], end: 'hot+warm+cold' },
  { through: ['cold', 'hot', 'warm'], end: 'warm+cold' },
  { through: ['cold', 'warm', 'hot', 'cold'], end: 'cold' },
  { through: ['hot'], end: 'hot' },
];

for (const { through, end } of moves) {
  for (const length of [50, 9000]) {
    test(`a blob of ${length} bytes that was ordered to ${through.join(', ')} is in ${end} and reads back`, async () => {
      const bed = await TierBed.open();
      const id = await bed.put(length, 4);
      const hotBytes = bed.used();
      for (const to of through) {
        const record = await bed.move(to, id);
        assert.equal(record.outcome, 'completed');
        await bed.check(id, { length, seed: 4 });
      }
      assert.equal(await bed.tiersOf(id), end);
      assert.equal(bed.used(), end.startsWith('hot') ? hotBytes : 0);
      await bed.reopen();
      await bed.check(id, { length, seed: 4 });
      const part = await bed.tiering.blobs.readUpTo(id, 10, 1 << 20);
      assert.equal(part.length, length - 10);
    });
  }
}

test('the end of a blob releases its copies in all tiers, in the order and not before the last reference has gone', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.change(id, 1);
  await bed.move('cold', id);
  await bed.move('warm', id);
  await bed.move('hot', id);
  await bed.change(id, -1);
  await bed.collectAll();
  assert.equal(await bed.tiersOf(id), 'hot+warm+cold');
  await bed.change(id, -1);
  await bed.collectAll();
  assert.equal(await bed.tiersOf(id), 'none');
  assert.deepEqual([bed.used(), bed.kept('warm'), bed.kept('cold')], [0, 0, 0]);
  await assert.rejects(bed.tiering.blobs.read(id, 0, 1), isFault('not-found'));
});

test('a guard keeps the copy of a blob that has left the hot tier', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.move('warm', id);
  const guard = bed.tiering.blobs.guard();
  guard.narrow([id]);
  await bed.change(id, -1);
  await bed.collectAll();
  await bed.check(id, { length: 9000, seed: 1 });
  guard.release();
  await bed.collectAll();
  assert.equal(await bed.tiersOf(id), 'none');
});

/** A device whose reads wait for something first. */
const readingAfter =
  (before: () => Promise<void> | undefined) =>
  (device: Device): Device => ({
    traits: device.traits,
    bytes: () => device.bytes(),
    write: (offset, parts) => device.write(offset, parts),
    read: async (offset, checksums) => {
      await before();
      return device.read(offset, checksums);
    },
    flush: () => device.flush(),
    discard: (extent) => device.discard(extent),
    grow: (bytes) => device.grow(bytes),
    close: () => device.close(),
  });

test('the space of a hot copy that was dropped is free when the reads under way have ended', async () => {
  const gates: Promise<void>[] = [];
  const bed = await TierBed.open({ around: readingAfter(() => gates[0]) });
  const id = await bed.put(9000, 1);
  await bed.move('warm', id);
  await bed.move('hot', id);
  let open = (): void => undefined;
  gates.push(new Promise((resolve) => (open = resolve)));
  const reading = bed.check(id, { length: 9000, seed: 1 });
  await turns(20);
  await bed.move('warm', id);
  assert.equal(await bed.tiersOf(id), 'warm');
  assert.equal(bed.used(), 3 * BLOCK_BYTES);
  await bed.check(id, { length: 9000, seed: 1 });
  open();
  await reading;
  assert.equal(bed.used(), 0);
});

test('a blob without a reference is not moved', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  const guard = bed.tiering.blobs.guard();
  await bed.change(id, -1);
  const record = await bed.move('warm', id);
  assert.deepEqual([record.outcome, record.blobs], ['completed', 0]);
  assert.equal(await bed.tiersOf(id), 'hot');
  guard.release();
  await bed.collectAll();
  assert.equal(bed.kept('warm'), 0);
});

test('a damaged hot copy is passed over for a colder one and made anew', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.move('warm', id);
  await bed.move('hot', id);
  await bed.damageHot(id);
  await bed.check(id, { length: 9000, seed: 1 });
  assert.equal(bed.tiering.counts().reads.warm, 1);
  await bed.settle('repair');
  await bed.check(id, { length: 9000, seed: 1 });
  const { reads, repaired } = bed.tiering.counts();
  assert.deepEqual({ reads, repaired }, { reads: { hot: 1, warm: 1, cold: 0 }, repaired: 1 });
  await bed.settle('examine');
  assert.equal(bed.used(), 3 * BLOCK_BYTES);
});

test('what the hot device does not give is read from a colder copy, and made anew at another place', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.move('warm', id);
  await bed.move('hot', id);
  const [bad] = await bed.extentsOf(id);
  bed.device.failWhen((operation, { offset, length }) => {
    const isThere = offset <= bad!.offset && bad!.offset < offset + length;
    return isThere && (operation === 'read' || operation === 'write');
  });
  await bed.check(id, { length: 9000, seed: 1 });
  assert.equal(bed.tiering.counts().reads.warm, 1);
  await bed.settle('repair');
  await bed.check(id, { length: 9000, seed: 1 });
  assert.equal(bed.tiering.counts().reads.hot, 1);
  await bed.settle('examine');
  const { bytesRetired, repaired, lost } = bed.tiering.counts();
  assert.deepEqual({ bytesRetired, repaired, lost }, { bytesRetired: BLOCK_BYTES, repaired: 1, lost: 0 });
  assert.equal(bed.used(), 4 * BLOCK_BYTES);
});

test('a hot device that fails for a while costs nothing that is elsewhere, and is used again', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.move('warm', id);
  await bed.move('hot', id);
  const only = await bed.put(9000, 2);
  bed.device.failWhen((operation) => operation !== 'flush');
  await bed.check(id, { length: 9000, seed: 1 });
  await assert.rejects(bed.check(only, { length: 9000, seed: 2 }), isFault('corrupt'));
  await assert.rejects(bed.put(9000, 3), isFault('unavailable'));
  await bed.settle('repair');
  await bed.settle('examine');
  assert.equal(bed.tiering.counts().lost, 1, 'the one that is only there');
  bed.device.failWhen(undefined);
  await bed.clock.sleep(REPAIR_REST_MS_MAX);
  await bed.settle('repair');
  await bed.settle('examine');
  for (const [each, seed] of [
    [id, 1],
    [only, 2],
  ] as const)
    await bed.check(each, { length: 9000, seed });
  const { reads, lost, bytesRetired, bytesSuspect } = bed.tiering.counts();
  assert.deepEqual(
    { lost, bytesRetired, bytesSuspect, hot: reads.hot },
    { lost: 0, bytesRetired: 0, bytesSuspect: 0, hot: 2 },
  );
  assert.equal(bed.used(), 6 * BLOCK_BYTES);
});

test('a hot device that does not answer is passed over for a colder copy, which makes nobody think of damage', async () => {
  const hanging = { is: false };
  const refusal = new Fault('unavailable', 'device', 'the hot device does not answer');
  const bed = await TierBed.open({
    around: (device) => ({
      ...around(device),
      read: (...range) => (hanging.is ? Promise.reject(refusal) : device.read(...range)),
    }),
  });
  const [id, only] = [await bed.put(9000, 1), await bed.put(9000, 2)];
  await bed.move('warm', id);
  await bed.move('hot', id);
  hanging.is = true;
  await bed.check(id, { length: 9000, seed: 1 });
  await assert.rejects(bed.check(only, { length: 9000, seed: 2 }), isFault('unavailable'));
  await bed.stores.warm!.damage(id);
  await assert.rejects(bed.check(id, { length: 9000, seed: 1 }), isFault('unavailable'));
  hanging.is = false;
  for (const [each, seed] of [
    [id, 1],
    [only, 2],
  ] as const)
    await bed.check(each, { length: 9000, seed });
  assert.equal(bed.tiering.counts().lost, 0);
});

/** A device with nothing between. */
const around = (device: Device): Device => ({
  traits: device.traits,
  bytes: () => device.bytes(),
  write: (...given) => device.write(...given),
  read: (...given) => device.read(...given),
  flush: () => device.flush(),
  discard: (extent) => device.discard(extent),
  grow: (bytes) => device.grow(bytes),
  close: () => device.close(),
});

test('a damaged warm copy is passed over for the cold one and made anew', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.move('cold', id);
  await bed.move('warm', id);
  await bed.stores.warm!.damage(id);
  await bed.check(id, { length: 9000, seed: 1 });
  assert.equal(bed.tiering.counts().reads.cold, 1);
  await bed.settle('repair');
  await bed.check(id, { length: 9000, seed: 1 });
  assert.equal(bed.tiering.counts().reads.warm, 1);
});

const onlyCopy = [
  {
    name: 'a tier that does not answer',
    fault: new Fault('unavailable', 'store', 'no route'),
    want: 'unavailable',
  },
  {
    name: 'content that must be recalled',
    fault: new Fault('recall-pending', 'store', ''),
    want: 'recall-pending',
  },
  { name: 'damage', fault: new Fault('corrupt', 'blob', ''), want: 'corrupt' },
  { name: 'a lost segment', fault: new Fault('not-found', 'store', ''), want: 'corrupt' },
] as const;

for (const { name, fault, want } of onlyCopy) {
  test(`${name} of the only copy is what the reader is told`, async () => {
    const bed = await TierBed.open();
    const id = await bed.put(9000, 1);
    await bed.move('cold', id);
    bed.fault = (_, label) => (label === 'read' ? fault : undefined);
    await assert.rejects(bed.tiering.blobs.read(id, 0, 10), isFault(want));
    bed.fault = () => undefined;
    await bed.check(id, { length: 9000, seed: 1 });
  });
}

test('a copy that may answer later counts for more than one that is damaged', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.move('cold', id);
  await bed.move('warm', id);
  await bed.stores.warm!.damage(id);
  bed.fault = (tier, label) =>
    tier === 'cold' && label === 'read' ? new Fault('unavailable', 'store', '') : undefined;
  await assert.rejects(bed.tiering.blobs.read(id, 0, 10), isFault('unavailable'));
});

test('a migration that a tier refuses changes nothing and says why', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  bed.fault = (_, label) => (label === 'store' ? new Fault('unavailable', 'store', 'no route') : undefined);
  const record = await bed.move('warm', id);
  assert.deepEqual([record.outcome, record.error], ['failed', 'store: unavailable: no route']);
  assert.equal(await bed.tiersOf(id), 'hot');
  bed.fault = () => undefined;
  assert.equal((await bed.move('warm', id)).outcome, 'completed');
  assert.deepEqual(
    (await bed.tiering.tiers.history()).map(({ outcome }) => outcome),
    ['completed', 'failed'],
  );
});

test('a chunk that went meanwhile makes the batch be copied again', async () => {
  const bed = await TierBed.open();
  const ids = [await bed.put(9000, 1), await bed.put(9000, 2)];
  let conflicts = 2;
  bed.fault = (_, label) =>
    label === 'attach' && conflicts-- > 0 ? new Fault('conflict', 'blob', 'gone') : undefined;
  const record = await bed.move('warm', ...ids);
  assert.deepEqual([record.outcome, record.blobs, record.bytes], ['completed', 2, 18_000]);
  await bed.collectAll();
  assert.equal(bed.kept('warm'), 2);
});

test('content of a staged store is recalled before it is moved', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  await bed.move('cold', id);
  bed.stores.cold!.isStaged = true;
  await assert.rejects(bed.tiering.blobs.read(id, 0, 1), isFault('recall-pending'));
  const migrating = bed.tiering.tiers.migrate({ blobs: [id], to: 'warm', trigger: 'order' });
  await bed.settle('migrate');
  assert.deepEqual([...bed.stores.cold!.recalled], [id]);
  assert.equal(await bed.tiersOf(id), 'cold');
  bed.clock.ms += 10_000;
  await bed.settle('migrate');
  assert.equal((await migrating).outcome, 'completed');
  assert.equal(await bed.tiersOf(id), 'warm+cold');
});

test('history keeps the last of each policy, and totals outlive the process', async () => {
  const bed = await TierBed.open();
  const { tiers } = bed.tiering;
  const id = await bed.put(9000, 1);
  for (let turn = 0; turn < MIGRATION_HISTORY_MAX + 5; turn += 1) {
    const to = turn % 2 === 0 ? 'warm' : 'hot';
    const migrating = tiers.migrate({ blobs: [id], to, trigger: 'policy', policy: 'p' });
    await bed.settle('migrate');
    await migrating;
  }
  const none = tiers.migrate({ blobs: [id], to: 'cold', trigger: 'policy', policy: 'pp' });
  await bed.settle('migrate');
  await none;
  await bed.reopen();
  const history = await bed.tiering.tiers.history('p');
  assert.equal(history.length, MIGRATION_HISTORY_MAX);
  const [newest] = history;
  assert.deepEqual(
    [newest?.from, newest?.to, newest?.trigger, newest?.policy, newest?.outcome, newest?.bytes],
    ['hot', 'warm', 'policy', 'p', 'completed', 9000],
  );
  assert.equal((await bed.tiering.tiers.history('pp')).length, 1);
  assert.deepEqual(await bed.tiering.tiers.history(), []);
  const { completed, failed, queued, running } = bed.tiering.tiers.totals();
  assert.deepEqual([completed, failed, queued, running], [MIGRATION_HISTORY_MAX + 6, 0, 0, 0]);
});

test('an order that was not finished is gone on with after a restart', async () => {
  const bed = await TierBed.open();
  const ids = [await bed.put(9000, 1), await bed.put(50, 2)];
  void bed.tiering.tiers.migrate({ blobs: ids, to: 'cold', trigger: 'order' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(bed.tiering.tiers.totals().queued, 1);
  bed.crash();
  await bed.reopen();
  assert.equal(bed.tiering.tiers.totals().queued, 1);
  await bed.settle('migrate');
  for (const id of ids) assert.equal(await bed.tiersOf(id), 'cold');
  assert.equal((await bed.tiering.tiers.history())[0]?.outcome, 'completed');
});

test('who waits for an order when the process stops hears so, and the next process carries it out', async () => {
  const bed = await TierBed.open();
  const id = await bed.put(9000, 1);
  const { tiers, breakOff } = bed.tiering;
  const waiting = tiers.migrate({ blobs: [id], to: 'cold', trigger: 'order' });
  await new Promise((resolve) => setImmediate(resolve));
  breakOff();
  await assert.rejects(waiting, isFault('unavailable'));
  await assert.rejects(tiers.migrate({ blobs: [id], to: 'warm', trigger: 'order' }), isFault('unavailable'));
  await bed.reopen();
  await bed.settle('migrate');
  assert.equal(await bed.tiersOf(id), 'warm+cold');
});

test('a tier that there is not is refused', async () => {
  const bed = await TierBed.open({ lower: ['warm'] });
  const id = await bed.put(9000, 1);
  await assert.rejects(
    bed.tiering.tiers.migrate({ blobs: [id], to: 'cold', trigger: 'order' }),
    isFault('invalid-argument'),
  );
  assert.deepEqual(bed.tiering.tiers.present, ['hot', 'warm']);
});

test('migrations keep to their rate', async () => {
  const bed = await TierBed.open({ tiering: { migrationBytesPerSecond: 1 << 20 } });
  const ids: BlobId[] = [];
  for (let count = 0; count < 40; count += 1) ids.push(await bed.put(1 << 20, count));
  const began = bed.clock.ms;
  await bed.move('warm', ...ids);
  const seconds = (bed.clock.ms - began) / 1000;
  assert(seconds > 30 && seconds < 45, `40 MiB at 1 MiB/s took ${seconds} s`);
});

test('what is deleted while it is moved is passed over, and the rest moves', async () => {
  // A few are read at once: the last ones are deleted while the first ones are read.
  const bed = await TierBed.open({ around: readingAfter(() => turns(50)) });
  const ids: BlobId[] = [];
  for (let seed = 0; seed < 12; seed += 1) ids.push(await bed.put(9000, seed));
  const migrating = bed.tiering.tiers.migrate({ blobs: ids, to: 'warm', trigger: 'order' });
  await new Promise((resolve) => setImmediate(resolve));
  const moving = bed.tiering.steps.migrate();
  await turns(20);
  const gone = ids.slice(-2);
  for (const id of gone) await bed.change(id, -1);
  while (await bed.tiering.blobs.collect());
  await moving;
  await bed.settle('migrate');
  const { outcome, error } = await migrating;
  assert.deepEqual([outcome, error], ['completed', undefined]);
  for (const id of ids) assert.equal(await bed.tiersOf(id), gone.includes(id) ? 'none' : 'warm');
});

test('a blob that nobody can read fails its order, and keeps none of the others', async () => {
  const bed = await TierBed.open();
  const ids: BlobId[] = [];
  for (let seed = 0; seed < 6; seed += 1) ids.push(await bed.put(9000, seed));
  const damaged = ids[2]!;
  await bed.damageHot(damaged);
  const { outcome, error, blobs } = await bed.move('warm', ...ids);
  assert.deepEqual([outcome, blobs], ['failed', 5]);
  assert.match(error ?? '', /corrupt/);
  for (const id of ids) assert.equal(await bed.tiersOf(id), id === damaged ? 'hot' : 'warm');
});
