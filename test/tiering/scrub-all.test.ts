import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import type { Tier } from '../../src/tiering/tier.ts';
import { TierBed } from './tier-bed.ts';

/** Three blobs that were ordered through these tiers. */
async function opened(through: readonly Tier[]): Promise<{ bed: TierBed; ids: readonly BlobId[] }> {
  const bed = await TierBed.open();
  const ids = [await bed.put(9000, 1), await bed.put(9000, 2), await bed.put(9000, 3)];
  for (const to of through) await bed.move(to, ...ids);
  return { bed, ids };
}

const scrub = (bed: TierBed) => bed.tiering.tiers.scrub(() => undefined);

const cases = [
  {
    name: 'nothing is damaged',
    through: ['cold', 'warm', 'hot'],
    damage: [],
    checked: 9,
    healed: 0,
    lost: 0,
  },
  {
    name: 'a hot copy with one below',
    through: ['warm', 'hot'],
    damage: ['hot'],
    checked: 6,
    healed: 1,
    lost: 0,
  },
  { name: 'the only copy, hot', through: [], damage: ['hot'], checked: 3, healed: 0, lost: 1 },
  {
    name: 'a warm copy below a hot one',
    through: ['warm', 'hot'],
    damage: ['warm'],
    checked: 6,
    healed: 1,
    lost: 0,
  },
  {
    name: 'a warm copy above a cold one',
    through: ['cold', 'warm'],
    damage: ['warm'],
    checked: 6,
    healed: 1,
    lost: 0,
  },
  { name: 'the only copy, cold', through: ['cold'], damage: ['cold'], checked: 3, healed: 0, lost: 1 },
  {
    name: 'two copies of three',
    through: ['cold', 'warm', 'hot'],
    damage: ['hot', 'warm'],
    checked: 9,
    healed: 2,
    lost: 0,
  },
] as const;

for (const { name, through, damage, checked, healed, lost } of cases) {
  test(`scrubbing finds and mends: ${name}`, async () => {
    const { bed, ids } = await opened(through);
    for (const tier of damage as readonly Tier[]) {
      await (tier === 'hot' ? bed.damageHot(ids[1]!) : bed.stores[tier]!.damage(ids[1]!));
    }
    const report = await scrub(bed);
    assert.deepEqual(report, { checked, corrupt: damage.length, healed, unrecoverable: lost, unknown: 0 });
    assert.deepEqual(bed.tiering.lastScrub(), report);
    await bed.collectAll();
    const again = await scrub(bed);
    assert.deepEqual([again.corrupt, again.unrecoverable], lost === 0 ? [0, 0] : [1, 1]);
    for (const [index, id] of ids.entries()) {
      if (lost === 0 || index !== 1) await bed.check(id, { length: 9000, seed: index + 1 });
    }
  });
}

test('what a store does not answer for is unknown, not sound', async () => {
  const { bed } = await opened(['warm']);
  bed.fault = (tier, label) =>
    tier === 'warm' && label === 'read' ? new Fault('unavailable', 'store', 'away') : undefined;
  const report = await scrub(bed);
  assert.deepEqual(report, { checked: 0, corrupt: 0, healed: 0, unrecoverable: 0, unknown: 3 });
  assert.deepEqual(bed.tiering.lastScrub(), report);
});

test('whoever asks while a scrub runs gets the report of that one', async () => {
  const { bed } = await opened(['warm']);
  const seen: number[] = [];
  const [first, second] = await Promise.all([
    bed.tiering.tiers.scrub(({ checked }) => seen.push(checked)),
    scrub(bed),
  ]);
  assert.deepEqual([first, second.checked, seen], [second, 3, [1, 2, 3]]);
});
