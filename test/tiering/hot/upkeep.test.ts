import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { BLOB_TABLES, blobKey, decodeDeviceBlob } from '../../../src/tiering/hot/blob-records.ts';
import { BLOCK_BYTES, MEBIBYTE_BYTES, type DeviceExtent } from '../../../src/tiering/hot/device.ts';
import { DEVICE_UNIT_BYTES } from '../../../src/tiering/hot/memory-device.ts';
import { misplacedOf, withPlaces } from '../../../src/tiering/hot/moved-extents.ts';
import { UnitSet } from '../../../src/tiering/hot/unit-set.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { BlobBed, turns } from './blob-bed.ts';

const LENGTH = 10_000;

/** Blobs of three blocks, each in a MiB of its own. */
async function scattered(count: number): Promise<{ readonly bed: BlobBed; readonly ids: readonly BlobId[] }> {
  const bed = await BlobBed.open(seededRandom(7), { isScattered: true });
  const ids: BlobId[] = [];
  for (let seed = 0; seed < count; seed += 1) ids.push(await bed.put(LENGTH, seed));
  return { bed, ids };
}

async function settle(bed: BlobBed, step: 'trim' | 'defragment'): Promise<void> {
  for (let count = 0; (await bed.blobs[step]()) === 'busy'; count += 1) assert(count < 5_000, `${step} ends`);
}

/** One round: the allocator of this bed always asks for another. */
async function defragmentOnce(bed: BlobBed): Promise<void> {
  let wasShunning = false;
  for (let count = 0; count < 5_000; count += 1) {
    await bed.blobs.defragment();
    if (wasShunning && !bed.allocator.isShunning()) return;
    wasShunning = bed.allocator.isShunning();
  }
  assert.fail('a round ends');
}

async function extentsOf(bed: BlobBed, id: BlobId): Promise<readonly DeviceExtent[]> {
  const row = await bed.kv.get(blobKey(BLOB_TABLES.device, id));
  assert(row !== undefined, `blob ${id} is on the device`);
  return decodeDeviceBlob(row).extents;
}

const mebibytesOf = async (bed: BlobBed, ids: readonly BlobId[]): Promise<number> => {
  const extents = (await Promise.all(ids.map((id) => extentsOf(bed, id)))).flat();
  return new Set(extents.map(({ offset }) => Math.floor(offset / MEBIBYTE_BYTES))).size;
};

async function checkAll(bed: BlobBed, ids: readonly BlobId[]): Promise<void> {
  for (const [seed, id] of ids.entries()) await bed.check(id, { references: 1, length: LENGTH, seed });
}

test('defragmentation makes whole MiB out of many that hold little, and every blob reads back, also after a restart', async () => {
  const { bed, ids } = await scattered(40);
  assert.equal(await mebibytesOf(bed, ids), 40);
  const used = bed.used();
  await defragmentOnce(bed);
  assert((await mebibytesOf(bed, ids)) <= 10);
  assert.equal(bed.used(), used);
  await checkAll(bed, ids);
  await bed.reopen();
  assert.equal(bed.used(), used);
  await checkAll(bed, ids);
});

test('a device on which little is left in every MiB gets large free extents again, and is then left alone', async () => {
  const bed = await BlobBed.open();
  const small: BlobId[] = [];
  const large: BlobId[] = [];
  for (let seed = 0; seed < 40; seed += 1) {
    large.push(await bed.put(MEBIBYTE_BYTES - 8 * BLOCK_BYTES, seed));
    small.push(await bed.put(8 * BLOCK_BYTES, seed));
  }
  const rest = await bed.put(DEVICE_UNIT_BYTES - bed.used(), 1);
  for (const id of large) await bed.change(id, -1);
  await bed.collectAll();
  assert.equal(bed.blobs.upkeep().bytesFreeWhole, 0);
  await settle(bed, 'defragment');
  const { bytesFree } = bed.blobs.usage();
  assert(bed.blobs.upkeep().bytesFreeWhole > bytesFree * 0.9);
  for (const [seed, id] of small.entries()) {
    await bed.check(id, { references: 1, length: 8 * BLOCK_BYTES, seed });
  }
  await bed.change(rest, -1);
  assert.equal((await bed.blobs.stage([new Uint8Array(30 * MEBIBYTE_BYTES)])).length, 30 * MEBIBYTE_BYTES);
});

test('a reader that began before its blob was moved ends with the right bytes, and then the old place is free', async () => {
  const { bed, ids } = await scattered(20);
  const reads = ids.map((id, seed) => bed.check(id, { references: 1, length: LENGTH, seed }));
  await Promise.all([...reads, defragmentOnce(bed)]);
  assert.equal(bed.used(), ids.length * 3 * BLOCK_BYTES);
  await checkAll(bed, ids);
});

test('what is deleted while it is moved stays deleted, and nothing leaks', async () => {
  const { bed, ids } = await scattered(20);
  const moving = defragmentOnce(bed);
  for (const id of ids) {
    await bed.change(id, -1);
    await turns(3);
  }
  await moving;
  await bed.collectAll();
  assert.equal(bed.used(), 0);
});

test('a damaged block stays where it is, and does not keep the others', async () => {
  const { bed, ids } = await scattered(20);
  const [damaged] = await extentsOf(bed, ids[3]!);
  bed.device.corrupt(damaged!.offset + 5, 1);
  await defragmentOnce(bed);
  assert.deepEqual(await extentsOf(bed, ids[3]!), [damaged]);
  assert((await mebibytesOf(bed, ids)) <= 8);
  await assert.rejects(bed.blobs.read(ids[3]!, 0, LENGTH), /corrupt/);
});

for (const operation of ['write', 'flush'] as const) {
  test(`a device that fails to ${operation} fails the step, leaks nothing, and the round goes on later`, async () => {
    const { bed, ids } = await scattered(20);
    const used = bed.used();
    while (!bed.allocator.isShunning()) await bed.blobs.defragment();
    bed.device.failWhen((met) => met === operation);
    await assert.rejects(bed.blobs.defragment(), /EIO/);
    bed.device.failWhen(undefined);
    while ((await bed.blobs.examine()) === 'busy');
    assert.equal(bed.used(), used);
    await defragmentOnce(bed);
    await defragmentOnce(bed);
    await checkAll(bed, ids);
    assert.equal(bed.used(), used);
  });
}

test('who needs the room gets it, though units are being emptied', async () => {
  const { bed, ids } = await scattered(30);
  while (!bed.allocator.isShunning()) await bed.blobs.defragment();
  const large = await bed.blobs.stage([new Uint8Array(DEVICE_UNIT_BYTES - bed.used())]);
  assert.equal(bed.blobs.usage().bytesFree, 0);
  bed.blobs.discard(large);
  await bed.blobs.defragment();
  assert(!bed.allocator.isShunning());
  await checkAll(bed, ids);
});

test('freed space is given back in whole MiB, once, and what lives is not touched', async () => {
  const { bed, ids } = await scattered(10);
  await settle(bed, 'trim');
  assert.equal(bed.device.discardedBytes(), 0, 'nothing was freed yet');
  for (const id of ids.slice(0, 4)) await bed.change(id, -1);
  await bed.collectAll();
  for (let turn = 0; turn < 3; turn += 1) await settle(bed, 'trim');
  assert.equal(bed.device.discardedBytes(), 4 * MEBIBYTE_BYTES);
  assert.equal(bed.blobs.upkeep().bytesTrimmed, 4 * MEBIBYTE_BYTES);
  for (const [seed, id] of [...ids.entries()].slice(4)) {
    await bed.check(id, { references: 1, length: LENGTH, seed });
  }
  assert.equal(bed.blobs.usage().bytesFree, DEVICE_UNIT_BYTES - 6 * 3 * BLOCK_BYTES);
});

test('space that a reader still has is not given back', async () => {
  const { bed, ids } = await scattered(1);
  const guard = bed.blobs.guard();
  await bed.change(ids[0]!, -1);
  await bed.collectAll();
  for (let turn = 0; turn < 3; turn += 1) await settle(bed, 'trim');
  assert.equal(bed.device.discardedBytes(), 0);
  await checkAll(bed, ids);
  guard.release();
  await bed.collectAll();
  for (let turn = 0; turn < 3; turn += 1) await settle(bed, 'trim');
  assert.equal(bed.device.discardedBytes(), MEBIBYTE_BYTES);
});

test('what freed the space is durable before the device may forget it', async () => {
  const { bed, ids } = await scattered(4);
  for (const id of ids) await bed.change(id, -1, 'buffered');
  await bed.collectAll();
  for (let turn = 0; turn < 3; turn += 1) await settle(bed, 'trim');
  assert.equal(bed.device.discardedBytes(), 4 * MEBIBYTE_BYTES);
  bed.crash();
  await bed.reopen();
  assert.equal((await bed.ledger()).size, 0);
});

test('a writer who needs the space that is being given back waits for it', async () => {
  const { bed, ids } = await scattered(60);
  for (const id of ids) await bed.change(id, -1);
  await bed.collectAll();
  const { bytesFree } = bed.blobs.usage();
  await bed.blobs.trim();
  await bed.blobs.trim();
  const trimming = bed.blobs.trim();
  await turns(1);
  assert.equal(bed.blobs.usage().bytesFree, bytesFree, 'it counts as free');
  const staged = await bed.blobs.stage([new Uint8Array(bytesFree)]);
  assert.equal(staged.length, bytesFree);
  await trimming;
});

test('a device that takes no space back after all is not asked again', async () => {
  const { bed, ids } = await scattered(2);
  let asked = 0;
  bed.device.discard = async () => {
    asked += 1;
    throw new Fault('not-supported', 'device', 'EOPNOTSUPP');
  };
  for (const id of ids) {
    await bed.change(id, -1);
    await bed.collectAll();
    for (let turn = 0; turn < 4; turn += 1) await settle(bed, 'trim');
  }
  assert.equal(asked, 1);
  assert.equal(bed.blobs.usage().bytesFree, DEVICE_UNIT_BYTES);
});

const extentsArbitrary = fc
  .array(fc.record({ skip: fc.integer({ min: 0, max: 40 }), blocks: fc.integer({ min: 1, max: 40 }) }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((gaps) => {
    let block = 0;
    return gaps.map(({ skip, blocks }) => {
      const offset = (block + skip) * BLOCK_BYTES;
      block += skip + blocks;
      return { offset, length: blocks * BLOCK_BYTES };
    });
  });

test('a blob with other places for what is misplaced has the same blocks in the same order', () =>
  fc.assert(
    fc.property(extentsArbitrary, fc.array(fc.nat(20)), (extents, numbers) => {
      const units = new Set(numbers);
      const unitBytes = 16 * BLOCK_BYTES;
      const emptying = { unitBytes, has: (index: number): boolean => units.has(index) };
      const blocks = extents.flatMap(({ offset, length }) =>
        Array.from({ length: length / BLOCK_BYTES }, (_, index) => offset / BLOCK_BYTES + index),
      );
      const checksums = Uint32Array.from(blocks);
      const blob = { length: blocks.length * BLOCK_BYTES, keyId: undefined, extents, checksums };
      const misplaced = misplacedOf(blob, emptying);
      const isMisplaced = (block: number): boolean => units.has(Math.floor(block / 16));
      const wanted = blocks.filter(isMisplaced);
      assert.deepEqual([...(misplaced?.checksums ?? [])], wanted);
      if (misplaced === undefined) return;
      const target = 10_000;
      const half = Math.floor(wanted.length / 2);
      const places = [
        { offset: target * BLOCK_BYTES, length: half * BLOCK_BYTES },
        { offset: 2 * target * BLOCK_BYTES, length: (wanted.length - half) * BLOCK_BYTES },
      ].filter(({ length }) => length > 0);
      const moved = withPlaces(blob, emptying, places).extents.flatMap(({ offset, length }) =>
        Array.from({ length: length / BLOCK_BYTES }, (_, index) => offset / BLOCK_BYTES + index),
      );
      let at = 0;
      const expected = blocks.map((block) => {
        if (!isMisplaced(block)) return block;
        const place = at < half ? target + at : 2 * target + at - half;
        at += 1;
        return place;
      });
      assert.deepEqual(moved, expected);
    }),
  ));

test('a set of units is what was added and not deleted', () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(500), fc.boolean())), (steps) => {
      const set = new UnitSet();
      const model = new Set<number>();
      for (const [unit, isAdded] of steps) {
        for (const each of [set, model]) {
          if (isAdded) each.add(unit);
          else each.delete(unit);
        }
      }
      assert.deepEqual(
        [...set],
        [...model].sort((a, b) => a - b),
      );
      assert.equal(set.count, model.size);
    }),
  ));
