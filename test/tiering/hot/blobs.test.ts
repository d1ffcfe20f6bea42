import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/fault.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { BLOCK_BYTES } from '../../../src/tiering/hot/device.ts';
import { DEVICE_UNIT_BYTES } from '../../../src/tiering/hot/memory-device.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import {
  BlobBed,
  content,
  deviceBytesOf,
  encodeKnown,
  INLINE_BYTES_MAX,
  ledgerKey,
  SEALED_SEED,
} from './blob-bed.ts';

const isFault =
  (code: string) =>
  (cause: unknown): boolean =>
    cause instanceof Fault && cause.code === code;

const lengths = [
  { name: 'an empty blob', length: 0 },
  { name: 'one byte', length: 1 },
  { name: 'the greatest inline blob', length: INLINE_BYTES_MAX },
  { name: 'the least blob on the device', length: INLINE_BYTES_MAX + 1 },
  { name: 'one block', length: BLOCK_BYTES },
  { name: 'blocks and a byte', length: 3 * BLOCK_BYTES + 1 },
];

const ways = [
  { way: 'plain', seed: 5 },
  { way: 'sealed', seed: SEALED_SEED },
];

for (const { name, length, way, seed } of lengths.flatMap((row) =>
  ways.map((each) => ({ ...row, ...each })),
)) {
  test(`${name}, ${way}, is read in any range, staged and attached, and takes just its blocks`, async () => {
    const bed = await BlobBed.open();
    const bytes = content(length, seed);
    const staged = await bed.stage(length, seed);
    const cuts = [0, 1, 100, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, length].filter(
      (cut) => cut <= length,
    );
    const checkRanges = async (): Promise<void> => {
      for (const from of cuts) {
        for (const to of cuts.filter((cut) => cut >= from)) {
          const read = await bed.blobs.read(staged.id, from, to - from);
          assert(Buffer.from(read).equals(Buffer.from(bytes.subarray(from, to))), `${from} to ${to}`);
        }
      }
    };
    await checkRanges();
    await bed.kv.transact('durable', async (tx) => bed.blobs.attach(tx, staged));
    await checkRanges();
    await bed.reopen();
    bed.dataKeys.keyIdNow += 1;
    await checkRanges();
    assert.equal(bed.used(), deviceBytesOf({ length, seed }));
    await assert.rejects(bed.blobs.read(staged.id, 0, length + 1), /range/);
  });
}

test('what is read belongs to the caller: changing it changes nothing', async () => {
  const bed = await BlobBed.open();
  for (const { length, seed } of [50, 5000].flatMap((each) =>
    ways.map((way) => ({ length: each, ...way })),
  )) {
    const id = await bed.put(length, seed);
    (await bed.blobs.read(id, 0, length)).fill(0xee);
    await bed.check(id, { references: 1, length, seed });
  }
});

test('only blobs on the device need a flush of it', async () => {
  const bed = await BlobBed.open();
  await bed.put(INLINE_BYTES_MAX, 1);
  assert.equal(bed.device.flushCount(), 0);
  await bed.put(INLINE_BYTES_MAX + 1, 1);
  assert.equal(bed.device.flushCount(), 1);
});

test('a blob lives until its last reference has gone and it was collected', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(5000, 1);
  await bed.change(id, 1);
  await bed.change(id, 1);
  for (const references of [2, 1]) {
    await bed.change(id, -1);
    await bed.collectAll();
    await bed.check(id, { references, length: 5000, seed: 1 });
  }
  await bed.change(id, -1);
  assert.equal(bed.used(), 2 * BLOCK_BYTES);
  assert.equal(await bed.blobs.collect(), true);
  assert.equal(bed.used(), 0);
  await assert.rejects(bed.blobs.read(id, 0, 1), isFault('not-found'));
  assert.equal(await bed.blobs.collect(), false);
});

test('releasing more often than retaining is a broken invariant', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(10, 1);
  await bed.kv.transact('durable', (tx) => bed.blobs.release(tx, id));
  await assert.rejects(
    bed.kv.transact('durable', (tx) => bed.blobs.release(tx, id)),
    /more often/,
  );
});

test('the space of a discarded blob is free at once, and it cannot be attached or discarded again', async () => {
  const bed = await BlobBed.open();
  const staged = await bed.blobs.stage([content(9000, 1)]);
  assert.equal(bed.used(), 3 * BLOCK_BYTES);
  bed.blobs.discard(staged);
  assert.equal(bed.used(), 0);
  assert.throws(() => bed.blobs.discard(staged), /not staged/);
  await assert.rejects(
    bed.kv.transact('durable', async (tx) => bed.blobs.attach(tx, staged)),
    /not staged/,
  );
});

test('a guard keeps a blob readable that was released after the guard was made', async () => {
  const bed = await BlobBed.open();
  const [kept, other] = [await bed.put(5000, 1), await bed.put(5000, 2)];
  const guard = bed.blobs.guard();
  await bed.change(kept, -1);
  await bed.change(other, -1);
  assert.equal(await bed.blobs.collect(), false, 'a guard that is not narrow keeps everything');
  guard.narrow([kept]);
  await bed.collectAll();
  await bed.check(kept, { references: 0, length: 5000, seed: 1 });
  await assert.rejects(bed.blobs.read(other, 0, 1), isFault('not-found'));
  guard.release();
  guard.release();
  await bed.collectAll();
  assert.equal(bed.used(), 0);
});

test('under a guard a blob without references gets one again and stays', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(5000, 1);
  const guard = bed.blobs.guard();
  guard.narrow([id]);
  await bed.change(id, -1);
  await bed.collectAll();
  await bed.kv.transact('durable', (tx) => bed.blobs.retain(tx, id));
  guard.release();
  await bed.collectAll();
  await bed.check(id, { references: 1, length: 5000, seed: 1 });
  await bed.kv.transact('durable', (tx) => bed.blobs.release(tx, id));
  await bed.collectAll();
  assert.equal(bed.used(), 0, 'it counts one reference, not two');
});

test('garbage that was revived and given up again waits for the guards of its second life', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(5000, 1);
  const first = bed.blobs.guard();
  await bed.change(id, -1);
  assert.equal(await bed.blobs.collect(), false, 'the batch waits for the first guard');
  await bed.kv.transact('durable', (tx) => bed.blobs.retain(tx, id));
  const second = bed.blobs.guard();
  await bed.kv.transact('durable', (tx) => bed.blobs.release(tx, id));
  first.release();
  await bed.blobs.collect();
  await bed.check(id, { references: 0, length: 5000, seed: 1 });
  second.release();
  await bed.collectAll();
  assert.equal(bed.used(), 0);
});

test('a crash that undoes a buffered release finds the blob as it was, though its space was wanted again', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(5000, 1);
  await bed.change(id, -1, 'buffered');
  await bed.collectAll();
  await bed.blobs.flush([await bed.blobs.stage([content(5000, 2)])]);
  bed.engine = bed.engine.crash({ below: () => 0, bytes: (length) => new Uint8Array(length) });
  bed.device.crash(seededRandom(1));
  await bed.reopen();
  const ledger = await bed.ledger();
  for (const [known, facts] of ledger) await bed.check(known, facts);
  await bed.collectAll();
  assert.equal(bed.used(), ledger.has(id) ? 2 * BLOCK_BYTES : 0);
});

test('a flipped bit is found and logged when its block is read, and only then', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(3 * BLOCK_BYTES, 1);
  bed.device.corrupt(BLOCK_BYTES + 5, 2);
  await assert.rejects(bed.blobs.read(id, 0, 3 * BLOCK_BYTES), isFault('corrupt'));
  await assert.rejects(bed.blobs.read(id, 2 * BLOCK_BYTES - 1, 1), isFault('corrupt'));
  assert.equal((await bed.blobs.read(id, 2 * BLOCK_BYTES, 10)).length, 10);
  assert.equal((await bed.blobs.read(id, 0, BLOCK_BYTES)).length, BLOCK_BYTES);
  assert.deepEqual(bed.errors, ['hot tier: content is damaged', 'hot tier: content is damaged']);
});

test('a write that fails leaves no space taken', async () => {
  const bed = await BlobBed.open();
  bed.device.failWhen((operation) => operation === 'write');
  await assert.rejects(bed.blobs.stage([content(9000, 1)]), isFault('unavailable'));
  bed.device.failWhen(undefined);
  while ((await bed.blobs.examine()) === 'busy');
  assert.equal(bed.used(), 0);
});

test('a full device collects garbage before it says that there is no space', async () => {
  const bed = await BlobBed.open();
  const half = DEVICE_UNIT_BYTES / 2;
  const first = await bed.put(half, 1);
  await bed.put(half, 2);
  await assert.rejects(bed.blobs.stage([content(BLOCK_BYTES, 3)]), isFault('no-space'));
  await bed.change(first, -1);
  const third = await bed.put(half, 3);
  await bed.check(third, { references: 1, length: half, seed: 3 });
});

for (const { name, growth } of [
  { name: 'finds the space behind it', growth: undefined },
  { name: 'grows', growth: 2 * DEVICE_UNIT_BYTES },
]) {
  test(`a full device with tens of thousands of small blobs to collect ${name}`, async () => {
    const bed = await BlobBed.open(
      seededRandom(1),
      growth === undefined
        ? undefined
        : {
            growth: {
              growBytes: DEVICE_UNIT_BYTES,
              bytesMax: growth,
              freeBytesMin: 0,
              freeBytes: () => Promise.resolve(growth),
            },
          },
    );
    const small = await Promise.all(Array.from({ length: 20_000 }, () => bed.blobs.stage([content(1, 1)])));
    const large = await bed.put(DEVICE_UNIT_BYTES, 2);
    await bed.kv.transact('durable', async (tx) => {
      for (const staged of small) bed.blobs.attach(tx, staged);
    });
    await bed.kv.transact('durable', async (tx) => {
      for (const { id } of small) await bed.blobs.release(tx, id);
    });
    if (growth === undefined) await bed.change(large, -1);
    const staged = await bed.blobs.stage([content(BLOCK_BYTES, 3)]);
    assert.equal(staged.length, BLOCK_BYTES);
  });
}

test('a device grows in steps while the file system has room to spare', async () => {
  let freeBytes = 3 * DEVICE_UNIT_BYTES;
  const bed = await BlobBed.open(seededRandom(1), {
    growth: {
      growBytes: DEVICE_UNIT_BYTES,
      bytesMax: 4 * DEVICE_UNIT_BYTES,
      freeBytesMin: DEVICE_UNIT_BYTES,
      freeBytes: () => Promise.resolve(freeBytes),
    },
  });
  assert.equal(bed.blobs.usage().bytesTotal, 3 * DEVICE_UNIT_BYTES, 'what it can grow by counts as free');
  const stageAll = (): Promise<unknown> =>
    Promise.all([1, 2].map(() => bed.blobs.stage([new Uint8Array(DEVICE_UNIT_BYTES)])));
  await stageAll();
  freeBytes -= DEVICE_UNIT_BYTES;
  assert.equal(bed.device.bytes(), 2 * DEVICE_UNIT_BYTES);
  await bed.blobs.stage([new Uint8Array(DEVICE_UNIT_BYTES)]);
  freeBytes -= DEVICE_UNIT_BYTES;
  await assert.rejects(bed.blobs.stage([content(5000, 1)]), isFault('no-space'));
  assert.equal(bed.device.bytes(), 3 * DEVICE_UNIT_BYTES);
});

test('rows that lie beyond the device are refused at opening: it is another device', async () => {
  const bed = await BlobBed.open(seededRandom(1), {
    growth: {
      growBytes: DEVICE_UNIT_BYTES,
      bytesMax: 2 * DEVICE_UNIT_BYTES,
      freeBytesMin: 0,
      freeBytes: () => Promise.resolve(DEVICE_UNIT_BYTES),
    },
  });
  await bed.put(DEVICE_UNIT_BYTES - BLOCK_BYTES, 1);
  await bed.put(2 * BLOCK_BYTES, 1);
  const other = await BlobBed.open();
  other.engine = bed.engine;
  await assert.rejects(other.reopen(), isFault('corrupt'));
});

test('closing waits for what is under way and refuses what comes later', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(5000, 1);
  const staging = bed.blobs.stage([content(5000, 2)]);
  const reading = bed.blobs.read(id, 0, 5000);
  await bed.blobs.close();
  assert.equal((await staging).length, 5000);
  assert.equal((await reading).length, 5000);
  await assert.rejects(bed.blobs.read(id, 0, 1), isFault('unavailable'));
  await assert.rejects(bed.blobs.stage([content(1, 1)]), isFault('unavailable'));
});

test('collection works through more garbage than one batch, past blobs that guards keep', async () => {
  const bed = await BlobBed.open();
  const ids: BlobId[] = [];
  await bed.kv.transact('durable', async (tx) => {
    for (let count = 0; count < 600; count++) {
      const staged = await bed.blobs.stage([content(5, count)]);
      bed.blobs.attach(tx, staged);
      tx.put(ledgerKey(staged.id), encodeKnown({ references: 1, length: 5, seed: count }));
      ids.push(staged.id);
    }
  });
  const kept = ids.slice(0, 300);
  const guard = bed.blobs.guard();
  guard.narrow(kept);
  await bed.kv.transact('durable', async (tx) => {
    for (const id of ids) await bed.blobs.release(tx, id);
  });
  await bed.collectAll();
  for (const id of kept) assert.equal((await bed.blobs.read(id, 0, 5)).length, 5);
  for (const id of ids.slice(300)) await assert.rejects(bed.blobs.read(id, 0, 5), isFault('not-found'));
  guard.release();
  await bed.collectAll();
  for (const id of kept) await assert.rejects(bed.blobs.read(id, 0, 5), isFault('not-found'));
});
