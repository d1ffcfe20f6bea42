import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { bytesToFree, flashModeOf, usageWithin } from '../../src/tiering/fill-level.ts';
import { TierBed, type TierBedOptions } from './tier-bed.ts';

const MIB = 1 << 20;
const isFault =
  (code: string) =>
  (cause: unknown): boolean =>
    cause instanceof Fault && cause.code === code;

const levels = [
  { name: 'below the high mark', used: 79, clean: 0, isUnderWay: false, toFree: 0, mode: 'normal' },
  { name: 'at the high mark', used: 80, clean: 0, isUnderWay: false, toFree: 20, mode: 'normal' },
  {
    name: 'between the marks on the way down',
    used: 70,
    clean: 0,
    isUnderWay: true,
    toFree: 10,
    mode: 'normal',
  },
  { name: 'at the low mark', used: 60, clean: 0, isUnderWay: true, toFree: 0, mode: 'normal' },
  { name: 'full of clean copies', used: 98, clean: 50, isUnderWay: false, toFree: 38, mode: 'normal' },
  { name: 'critical', used: 96, clean: 0, isUnderWay: false, toFree: 36, mode: 'critical' },
  { name: 'full', used: 100, clean: 0, isUnderWay: false, toFree: 40, mode: 'write-through' },
] as const;

for (const { name, used, clean, isUnderWay, toFree, mode } of levels) {
  test(`fill levels: ${name}`, () => {
    const facts = { bytesTotal: 100, bytesFree: 100 - used, bytesClean: clean };
    assert.equal(bytesToFree(facts, isUnderWay), toFree);
    assert.equal(flashModeOf(facts, 1), mode);
  });
}

test('a device that is larger than the hot tier shall be is used up to that size', () => {
  const usage = { bytesTotal: 100, bytesFree: 70 };
  assert.deepEqual(usageWithin(usage, 50), { bytesTotal: 50, bytesFree: 20 });
  assert.deepEqual(usageWithin(usage, 20), { bytesTotal: 20, bytesFree: 0 });
  assert.deepEqual(usageWithin(usage, Infinity), usage);
});

/** A hot tier of 64 MiB with so many blobs of 1 MiB in it. */
async function filled(count: number, options: TierBedOptions = {}): Promise<{ bed: TierBed; ids: BlobId[] }> {
  const bed = await TierBed.open(options);
  const ids: BlobId[] = [];
  for (let seed = 0; seed < count; seed += 1) {
    ids.push(await bed.put(MIB, seed % 40));
    bed.clock.ms += 1000;
  }
  return { bed, ids };
}

const share = (bed: TierBed): number => bed.used() / bed.tiering.tiers.usage().hot.bytesTotal;

test('above the high mark the oldest goes to the next lower tier until the low mark is reached', async () => {
  const { bed, ids } = await filled(54);
  assert(share(bed) > 0.8);
  await bed.settle('evict');
  assert(share(bed) <= 0.6);
  assert.equal(await bed.tiersOf(ids[0]!), 'warm');
  assert.equal(await bed.tiersOf(ids.at(-1)!), 'hot');
  for (const [seed, id] of ids.entries()) await bed.check(id, { length: MIB, seed: seed % 40 });
  const [last] = await bed.tiering.tiers.history();
  assert.deepEqual([last?.trigger, last?.from, last?.to], ['pressure', 'hot', 'warm']);
});

test('what is read stays, what nobody reads goes', async () => {
  const { bed, ids } = await filled(54);
  const loved = ids.slice(0, 10);
  for (const id of loved) await bed.tiering.blobs.read(id, 0, 10);
  await bed.settle('evict');
  for (const id of loved) assert.equal(await bed.tiersOf(id), 'hot');
});

test('clean copies are dropped before anything is moved, also those from before a restart', async () => {
  const { bed, ids } = await filled(30);
  await bed.move('warm', ...ids);
  await bed.move('hot', ...ids);
  await bed.reopen();
  for (let seed = 0; seed < 24; seed += 1) await bed.put(MIB, seed);
  const before = bed.tiering.tiers.totals().completed;
  await bed.settle('evict');
  assert(share(bed) <= 0.6);
  assert.equal(bed.tiering.tiers.totals().completed, before, 'nothing was moved');
  for (const id of ids) assert.match(await bed.tiersOf(id), /warm/);
});

test('a writer who finds no room waits until eviction has made some', async () => {
  const { bed, ids } = await filled(63);
  assert.equal(bed.tiering.tiers.flashMode(), 'critical');
  ids.push(await bed.put(MIB, 23));
  assert.equal(bed.tiering.tiers.flashMode(), 'write-through');
  const id = await bed.put(MIB, 3);
  await bed.check(id, { length: MIB, seed: 3 });
  await bed.check(ids[0]!, { length: MIB, seed: 0 });
  assert.equal(bed.tiering.tiers.flashMode(), 'normal');
});

test('when every tier is full a write is refused for want of space, and reads and deletes go on', async () => {
  const { bed, ids } = await filled(64, { lower: ['warm'], lowerBytes: 17 * MIB });
  await assert.rejects(async () => {
    for (let count = 0; count < 20; count += 1) await bed.put(MIB, 1);
  }, isFault('no-space'));
  for (const [seed, id] of ids.entries()) await bed.check(id, { length: MIB, seed: seed % 40 });
  for (const id of ids.slice(20)) await bed.change(id, -1);
  const id = await bed.put(MIB, 5);
  await bed.check(id, { length: MIB, seed: 5 });
});

test('while the lower tier does not answer a writer without room is told to come again, and later gets in', async () => {
  const { bed } = await filled(64, { lower: ['cold'] });
  bed.fault = (_, label) => (label === 'store' ? new Fault('unavailable', 'store', 'away') : undefined);
  await assert.rejects(bed.put(MIB, 1), isFault('unavailable'));
  await assert.rejects(bed.tiering.steps.evict(), isFault('unavailable'));
  bed.fault = () => undefined;
  const id = await bed.put(MIB, 1);
  await bed.check(id, { length: MIB, seed: 1 });
});

test('a warm tier that is full is passed over for the cold one', async () => {
  const { bed, ids } = await filled(54);
  bed.fault = (tier, label) =>
    tier === 'warm' && label === 'store' ? new Fault('no-space', 'store', 'full') : undefined;
  await bed.settle('evict');
  assert(share(bed) <= 0.6);
  assert.equal(await bed.tiersOf(ids[0]!), 'cold');
});

test('without lower tiers a full hot tier refuses as ever, and nobody waits', async () => {
  const { bed } = await filled(64, { lower: [] });
  const began = bed.clock.ms;
  await assert.rejects(bed.put(MIB, 1), isFault('no-space'));
  assert.equal(bed.clock.ms, began);
});

test('one pass over cold content promotes nothing, however small its steps; a second look does', async () => {
  const { bed, ids } = await filled(8);
  await bed.move('cold', ...ids);
  for (const id of ids) {
    for (let at = 0; at < MIB; at += MIB / 8) await bed.tiering.blobs.read(id, at, MIB / 8);
  }
  await bed.settle('promote');
  assert.equal(bed.used(), 0);
  await bed.tiering.blobs.read(ids[3]!, 0, 100);
  await bed.settle('promote');
  assert.equal(await bed.tiersOf(ids[3]!), 'hot+cold');
  assert.equal(await bed.tiersOf(ids[2]!), 'cold');
});

test('promotion makes room with clean copies and never with what is nowhere else', async () => {
  const { bed, ids } = await filled(20);
  await bed.move('warm', ...ids);
  for (let seed = 0; seed < 50; seed += 1) await bed.put(MIB, seed % 40);
  const readTwice = async (chosen: readonly BlobId[]): Promise<void> => {
    for (const id of [...chosen, ...chosen]) await bed.tiering.blobs.read(id, 0, 100);
    await bed.settle('promote');
  };
  await readTwice(ids.slice(0, 10));
  const hot = await bed.tiering.tiers.placesOf(ids);
  assert(
    hot.every((places) => places?.tiers[0] === 'warm'),
    'there is no room below the high mark',
  );
  assert(share(bed) < 0.8);
});
