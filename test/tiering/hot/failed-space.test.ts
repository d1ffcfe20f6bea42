import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tupleKey } from '../../../src/kv/tuple.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { BLOB_TABLES, blobKey, decodeDeviceBlob } from '../../../src/tiering/hot/blob-records.ts';
import { BLOCK_BYTES, type DeviceExtent } from '../../../src/tiering/hot/device.ts';
import { DEVICE_UNIT_BYTES, type DeviceOperation } from '../../../src/tiering/hot/memory-device.ts';
import { retiredBlocks } from '../../../src/tiering/hot/failed-space.ts';
import { BlobBed, content } from './blob-bed.ts';

const LENGTH = 3 * BLOCK_BYTES;

async function extentsOf(bed: BlobBed, id: BlobId): Promise<readonly DeviceExtent[]> {
  const row = await bed.kv.get(blobKey(BLOB_TABLES.device, id));
  assert(row !== undefined, `blob ${id} is on the device`);
  return decodeDeviceBlob(row).extents;
}

/** Whether these operations touch the block. */
const at =
  (block: number, ...operations: DeviceOperation[]) =>
  (operation: DeviceOperation, { offset, length }: DeviceExtent): boolean =>
    operations.includes(operation) && offset <= block * BLOCK_BYTES && block * BLOCK_BYTES < offset + length;

async function examineAll(bed: BlobBed): Promise<void> {
  for (let count = 0; (await bed.blobs.examine()) === 'busy'; count += 1)
    assert(count < 1000, 'examining ends');
}

/** Takes all of the device; the blocks that were given out. */
async function fill(bed: BlobBed): Promise<readonly number[]> {
  const given: number[] = [];
  for (;;) {
    const length = Math.min(bed.blobs.usage().bytesFree, 1 << 20);
    if (length === 0) return given;
    for (const extent of await extentsOf(bed, await bed.put(length, 1))) {
      for (let offset = extent.offset; offset < extent.offset + extent.length; offset += BLOCK_BYTES) {
        given.push(offset / BLOCK_BYTES);
      }
    }
  }
}

const cases = [
  { name: 'reads', operations: ['read'] },
  { name: 'writes', operations: ['write'] },
  { name: 'reads and writes', operations: ['read', 'write'] },
] as const;

for (const { name, operations } of cases) {
  test(`a block that fails ${name} is never given out again, nor after a restart, and all others are`, async () => {
    const bed = await BlobBed.open();
    bed.device.failWhen(at(1, ...operations));
    const id = await bed.put(LENGTH, 1);
    await bed.blobs.read(id, 0, LENGTH).catch(() => undefined);
    await bed.change(id, -1);
    await bed.collectAll();
    await examineAll(bed);
    const { bytesRetired, bytesSuspect } = bed.blobs.upkeep();
    assert.deepEqual({ bytesRetired, bytesSuspect }, { bytesRetired: BLOCK_BYTES, bytesSuspect: 0 });
    assert.equal(bed.used(), BLOCK_BYTES);
    await bed.reopen();
    assert.equal(bed.blobs.upkeep().bytesRetired, BLOCK_BYTES);
    const given = await fill(bed);
    assert.equal(given.length, DEVICE_UNIT_BYTES / BLOCK_BYTES - 1);
    assert(!given.includes(1));
  });
}

test('a write that a place refuses goes to another one at once', async () => {
  const bed = await BlobBed.open();
  bed.device.failWhen(at(1, 'write'));
  const id = await bed.put(LENGTH, 1);
  await bed.check(id, { length: LENGTH, seed: 1, references: 1 });
  assert(!(await extentsOf(bed, id)).some(({ offset }) => offset === BLOCK_BYTES));
});

test('a place in which only other bytes were found once is used again', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(LENGTH, 1);
  bed.device.corrupt(BLOCK_BYTES + 5, 2);
  await assert.rejects(bed.blobs.read(id, 0, LENGTH), /corrupt/);
  await bed.change(id, -1);
  await bed.collectAll();
  assert.equal(bed.blobs.upkeep().bytesSuspect, LENGTH);
  await examineAll(bed);
  assert.equal(bed.used(), 0);
  assert.equal(bed.blobs.upkeep().bytesRetired, 0);
});

test('a long place that was examined in pieces is suspect no more', async () => {
  const bed = await BlobBed.open();
  const length = 257 * BLOCK_BYTES;
  const id = await bed.put(length, 1);
  bed.device.corrupt((await extentsOf(bed, id))[0]!.offset + 5, 2);
  await assert.rejects(bed.blobs.read(id, 0, length), /corrupt/);
  await bed.change(id, -1);
  await bed.collectAll();
  assert.equal(bed.blobs.upkeep().bytesSuspect, length);
  await examineAll(bed);
  const again = await bed.put(length, 2);
  await bed.change(again, -1);
  await bed.collectAll();
  assert.equal(bed.blobs.upkeep().bytesSuspect, 0);
});

test('a device that fails as a whole retires nothing, and is used again when it works', async () => {
  const bed = await BlobBed.open();
  bed.device.failWhen((operation) => operation === 'write');
  await assert.rejects(bed.blobs.stage([content(LENGTH, 1)]), /unavailable/);
  await examineAll(bed);
  const { bytesRetired, bytesSuspect } = bed.blobs.upkeep();
  assert.equal(bytesRetired, 0);
  assert(bytesSuspect > 0);
  bed.device.failWhen(undefined);
  assert.equal(await bed.blobs.examine(), 'idle', 'it rests for a while');
  await bed.clock.sleep(60_000);
  await examineAll(bed);
  assert.equal(bed.used(), 0);
});

test('a retired block that a program of before has given out is in use, and retired no more', async () => {
  const bed = await BlobBed.open();
  bed.device.failWhen(at(1, 'write'));
  const id = await bed.put(LENGTH, 1);
  await examineAll(bed);
  const retired = [{ offset: BLOCK_BYTES, length: BLOCK_BYTES }];
  assert.deepEqual(await retiredBlocks(bed.kv, BLOB_TABLES), retired);
  const [{ offset }] = (await extentsOf(bed, id)) as [DeviceExtent];
  const row = tupleKey(BLOB_TABLES.retired, [offset / BLOCK_BYTES]);
  await bed.kv.transact('durable', async (tx) => tx.put(row, Uint8Array.of(1)));
  const used = bed.used();
  await bed.reopen();
  assert.equal(bed.used(), used);
  assert.deepEqual(await retiredBlocks(bed.kv, BLOB_TABLES), retired);
});
