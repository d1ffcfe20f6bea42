import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { SPILL_REST_MS } from '../../src/limits/tiering.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { ownSpace } from '../../src/tiering/fill-level.ts';
import { Hold } from '../../src/tiering/hold.ts';
import type { LowerTier } from '../../src/tiering/tier.ts';
import { TierBed } from './tier-bed.ts';

const LENGTH = 1 << 14;
const WARM_BYTES = 100 * LENGTH;

interface Filled {
  readonly bed: TierBed;
  /** In the order in which they were made. */
  readonly ids: readonly BlobId[];
}

/** A warm tier that has room for a hundred blobs with so many of them. */
async function filled(count: number, lower: readonly LowerTier[] = ['warm', 'cold']): Promise<Filled> {
  const bed = await TierBed.open({ lower, lowerBytes: WARM_BYTES });
  const ids: BlobId[] = [];
  for (let seed = 0; seed < count; seed += 1) {
    ids.push(await bed.put(LENGTH, seed % 40));
    bed.clock.ms += 1000;
  }
  await bed.move('warm', ...ids);
  return { bed, ids };
}

/** Until nothing more goes down: with the collection in between that gives back space. */
async function settle(bed: TierBed): Promise<void> {
  for (let round = 0; round < 8; round += 1) {
    await bed.settle('spill');
    await bed.collectAll();
    bed.clock.ms += SPILL_REST_MS + 1;
  }
}

async function countIn(bed: TierBed, ids: readonly BlobId[], tier: string): Promise<number> {
  const places = await Promise.all(ids.map((id) => bed.tiersOf(id)));
  return places.filter((place) => place === tier).length;
}

async function checkAll({ bed, ids }: Filled): Promise<void> {
  for (const [seed, id] of ids.entries()) await bed.check(id, { length: LENGTH, seed: seed % 40 });
}

test('a warm tier above its high mark drains to the cold one down to the low mark, oldest first', async () => {
  const { bed, ids } = await filled(80);
  await settle(bed);
  assert.equal(bed.kept('warm'), 60);
  assert.equal(await countIn(bed, ids.slice(0, 20), 'cold'), 20);
  assert.equal(await countIn(bed, ids.slice(20), 'warm'), 60);
  await checkAll({ bed, ids });
  const [last] = await bed.tiering.tiers.history();
  assert.deepEqual([last?.trigger, last?.from, last?.to], ['pressure', 'warm', 'cold']);
});

test('a warm tier takes nothing back from the cold one above the low mark, to which it drains', async () => {
  const { bed } = await filled(61);
  const { tiers } = bed.tiering;
  assert.deepEqual(
    [tiers.takesBack('warm'), tiers.takesBack('cold'), tiers.takesBack('hot')],
    [false, true, true],
  );
  assert.equal((await filled(60)).bed.tiering.tiers.takesBack('warm'), true);
  assert.equal((await filled(61, ['warm'])).bed.tiering.tiers.takesBack('warm'), true);
});

test('below the high mark nothing leaves the warm tier', async () => {
  const { bed, ids } = await filled(79);
  await settle(bed);
  assert.equal(await countIn(bed, ids, 'warm'), 79);
});

test('what was moved is not moved twice while its space is not collected yet', async () => {
  const { bed, ids } = await filled(80);
  for (let round = 0; round < 3; round += 1) await bed.settle('spill');
  assert.equal(await countIn(bed, ids, 'cold'), 20);
  assert.equal(bed.kept('warm'), 80, 'nothing was collected');
});

test('what is read stays warm, and what has a hot copy stays where it is', async () => {
  const { bed, ids } = await filled(80);
  const loved = ids.slice(0, 5);
  const hot = ids.slice(5, 10);
  for (const id of loved) await bed.tiering.blobs.read(id, 0, 10);
  await bed.move('hot', ...hot);
  await settle(bed);
  assert.equal(await countIn(bed, loved, 'warm'), 5);
  assert.equal(await countIn(bed, hot, 'hot+warm'), 5);
  assert.equal(bed.kept('warm'), 60);
});

test('what the cold tier has already goes first, and is not copied again', async () => {
  const { bed, ids } = await filled(80);
  const recalled = ids.slice(60, 80);
  await bed.move('cold', ...recalled);
  await bed.collectAll();
  await bed.move('warm', ...recalled);
  assert.equal(await countIn(bed, recalled, 'warm+cold'), 20);
  const copies = bed.media.cold.lastNumber;
  await settle(bed);
  assert.equal(await countIn(bed, recalled, 'cold'), 20);
  assert.equal(bed.media.cold.lastNumber, copies);
});

test('a cold tier that does not answer leaves everything where it is, and is tried again later', async () => {
  const { bed, ids } = await filled(80);
  bed.fault = (tier, label) =>
    tier === 'cold' && label === 'store' ? new Fault('unavailable', 'store', 'away') : undefined;
  await assert.rejects(bed.tiering.steps.spill(), /away/);
  assert.equal(await countIn(bed, ids, 'warm'), 80);
  bed.fault = () => undefined;
  await settle(bed);
  assert.equal(bed.kept('warm'), 60);
  await checkAll({ bed, ids });
});

test('while newer metadata may need its segments a warm tier drains nowhere: it would get no room by that', async () => {
  const { bed, ids } = await filled(80);
  const nothing = (): void => undefined;
  const log = { info: nothing, warn: nothing, error: nothing };
  bed.hold = await Hold.open({ kv: bed.kv, environment: { log }, tier: 'warm', looks: 1 });
  await bed.reopen();
  for (let round = 0; round < 4; round += 1) {
    await bed.settle('spill');
    bed.clock.ms += SPILL_REST_MS + 1;
  }
  assert.equal(await countIn(bed, ids, 'warm'), 80);
  await bed.hold.looked();
  await settle(bed);
  assert.equal(await countIn(bed, ids, 'cold'), 20);
});

test('a crash while content goes down loses none of it, and the next process goes on', async () => {
  for (const crashAt of [1, 40, 200, 500]) {
    const { bed, ids } = await filled(80);
    const spilling = bed.settle('spill').catch(() => undefined);
    for (let turn = 0; turn < crashAt; turn += 1) await Promise.resolve();
    bed.crash();
    await spilling;
    await bed.reopen();
    await checkAll({ bed, ids });
    await bed.settle('migrate');
    await settle(bed);
    assert.equal(bed.kept('warm'), 60);
    assert.equal(bed.kept('cold'), 20);
    await checkAll({ bed, ids });
  }
});

test('without a cold tier a full warm one refuses moves into it, and the hot tier goes on', async () => {
  const { bed, ids } = await filled(97, ['warm']);
  await settle(bed);
  assert.equal(await countIn(bed, ids, 'warm'), 97);
  const id = await bed.put(LENGTH, 7);
  const second = await bed.put(LENGTH, 8);
  const record = await bed.move('warm', id, second);
  assert.equal(record.outcome, 'failed');
  assert.match(record.error ?? '', /the warm tier is full/);
  assert.equal(await bed.tiersOf(id), 'hot');
  await bed.check(id, { length: LENGTH, seed: 7 });
});

test('what others keep on the disks of a tier does not count for how full it is', () => {
  const disk = { bytesTotal: 1000, bytesFree: 100 };
  assert.deepEqual(ownSpace(20, disk), { bytesTotal: 120, bytesFree: 100 });
  assert.deepEqual(ownSpace(900, disk), disk);
  const endless = { bytesTotal: Infinity, bytesFree: Infinity };
  assert.deepEqual(ownSpace(900, endless), endless);
});
