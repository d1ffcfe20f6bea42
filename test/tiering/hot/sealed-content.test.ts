import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Value } from '../../../src/kv/kv.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import {
  BLOB_TABLES,
  blobKey,
  decodeDeviceBlob,
  decodeInlineBlob,
  encodeDeviceBlob,
  encodeInlineBlob,
} from '../../../src/tiering/hot/blob-records.ts';
import { FRAME_BYTES, sealedBytes } from '../../../src/workers/cipher.ts';
import { faultOf } from '../../namespace/fault-of.ts';
import { BlobBed, content, INLINE_BYTES_MAX, SEALED_SEED } from './blob-bed.ts';

const seed = SEALED_SEED;

/** Everything that a thief of the machine would find. */
async function everythingOf(bed: BlobBed): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
  for await (const page of bed.kv.scan(everything, { pageEntries: 1000 })) {
    for (const { key, value } of page) {
      pieces.push(value);
      if (key[0] !== BLOB_TABLES.device) continue;
      const { extents, checksums } = decodeDeviceBlob(value);
      assert.equal(extents.length, 1);
      pieces.push(await bed.device.read(extents[0]!.offset, checksums));
    }
  }
  return Buffer.concat(pieces);
}

/** Puts a row of a blob as `change` makes it, and opens everything again. */
async function changeRow(
  bed: BlobBed,
  { id, table }: { readonly id: BlobId; readonly table: 'device' | 'inline' },
  change: (row: Value) => Value,
): Promise<void> {
  const key = blobKey(BLOB_TABLES[table], id);
  const row = (await bed.kv.get(key)) ?? assert.fail('there is no such row');
  await bed.kv.transact('durable', async (tx) => tx.put(key, change(Uint8Array.from(row))));
  await bed.reopen();
}

const withKey = (table: 'device' | 'inline', keyId: number) => (row: Value) =>
  table === 'device'
    ? encodeDeviceBlob({ ...decodeDeviceBlob(row), keyId })
    : encodeInlineBlob([decodeInlineBlob(row).stored], keyId);

const places = [
  { table: 'inline', length: INLINE_BYTES_MAX },
  { table: 'device', length: 3 * FRAME_BYTES + 100 },
] as const;

test('sealed bytes are nowhere in plain text, neither in a row nor on the device; plain ones are', async () => {
  const bed = await BlobBed.open();
  const pieces = (of: number): Buffer[] =>
    places.map(({ length }) => Buffer.from(content(length, of).subarray(20, 60)));
  for (const { length } of places) await bed.put(length, seed);
  const sealed = await everythingOf(bed);
  for (const piece of pieces(seed)) assert.equal(sealed.includes(piece), false);
  for (const { length } of places) await bed.put(length, 1);
  const both = await everythingOf(bed);
  for (const piece of pieces(1)) assert.ok(both.includes(piece), 'the search finds what is there');
});

test('equal content is sealed to different bytes each time', async () => {
  const bed = await BlobBed.open();
  const stored = new Set<string>();
  for (let count = 0; count < 3; count += 1) {
    const row = await bed.kv.get(blobKey(BLOB_TABLES.inline, await bed.put(50, seed)));
    stored.add(Buffer.from(decodeInlineBlob(row ?? assert.fail()).stored).toString('hex'));
  }
  assert.equal(stored.size, 3);
});

test('a blob opens with the key that sealed it, whichever seals now', async () => {
  const bed = await BlobBed.open();
  const ids: BlobId[] = [];
  for (let count = 0; count < 3; count += 1) {
    for (const { length } of places) ids.push(await bed.put(length, seed));
    bed.dataKeys.keyIdNow += 1;
  }
  await bed.reopen();
  for (const [id, known] of await bed.ledger()) await bed.check(id, known);
  const rows = await bed.kv.getMany(ids.map((id, at) => blobKey(BLOB_TABLES[places[at % 2]!.table], id)));
  const keyIds = rows.map((row, at) =>
    at % 2 === 0 ? decodeInlineBlob(row!).keyId : decodeDeviceBlob(row!).keyId,
  );
  assert.deepEqual(keyIds, [1, 1, 2, 2, 3, 3]);
});

for (const { table, length } of places) {
  const reads: readonly ((bed: BlobBed, id: BlobId) => Promise<unknown>)[] = [
    ({ blobs }, id) => blobs.read(id, 10, 50),
    ({ blobs }, id) => blobs.readUpTo(id, 0, length),
    ({ blobs }, id) => blobs.readFrames(id, 0, [Buffer.alloc(FRAME_BYTES)]),
  ];
  for (const keyId of [2, 9]) {
    const what = keyId === 9 ? 'a key that there is not' : 'another key';
    test(`a sealed blob (${table}) whose row names ${what} is corrupt, never other bytes`, async () => {
      const bed = await BlobBed.open();
      const id = await bed.put(length, seed);
      bed.dataKeys.keyIdNow = 2;
      await changeRow(bed, { id, table }, withKey(table, keyId));
      for (const read of reads) assert.equal(await faultOf(read(bed, id)), 'corrupt');
      assert.deepEqual(
        bed.errors,
        reads.map(() => 'hot tier: content is damaged'),
      );
    });
  }

  test(`a sealed blob (${table}) in the place of another is corrupt`, async () => {
    const bed = await BlobBed.open();
    const [one, other] = [await bed.put(length, seed), await bed.put(length, seed)];
    const row = (await bed.kv.get(blobKey(BLOB_TABLES[table], one))) ?? assert.fail();
    // The first one goes: no two rows may name one place.
    await bed.kv.transact('durable', async (tx) => {
      tx.delete(blobKey(BLOB_TABLES[table], one));
      tx.put(blobKey(BLOB_TABLES[table], other), Uint8Array.from(row));
    });
    await bed.reopen();
    for (const read of reads) assert.equal(await faultOf(read(bed, other)), 'corrupt');
  });
}

test('a sealed row of which any byte has changed, or that was cut, is corrupt', async () => {
  const bed = await BlobBed.open();
  const id = await bed.put(40, seed);
  const key = blobKey(BLOB_TABLES.inline, id);
  const row = Uint8Array.from((await bed.kv.get(key)) ?? assert.fail());
  const head = row.length - sealedBytes(40);
  const changed = Array.from(row.subarray(head), (byte, at) => row.with(head + at, byte ^ 1));
  const cut = [row.subarray(0, -1), row.subarray(0, head + 10)].map((each) => Uint8Array.from(each));
  for (const value of [...changed, ...cut]) {
    await bed.kv.transact('buffered', async (tx) => tx.put(key, value));
    assert.equal(await faultOf(bed.blobs.read(id, 0, 10)), 'corrupt');
  }
});

test('any range and any frames of a sealed blob read as they were staged', async () => {
  const bed = await BlobBed.open();
  const lengths = fc.oneof(
    fc.integer({ min: 1, max: 4 * FRAME_BYTES }),
    fc.constantFrom(1, 2, 3).map((frames) => frames * FRAME_BYTES),
  );
  await fc.assert(
    fc.asyncProperty(
      lengths,
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 4 }),
      async (length, a, b, count) => {
        const plain = Buffer.from(content(length, seed));
        const staged = await bed.stage(length, seed);
        const [start = 0, end = 0] = [a % (length + 1), b % (length + 1)].sort((one, other) => one - other);
        const read = await bed.blobs.read(staged.id, start, end - start);
        assert.ok(plain.subarray(start, end).equals(read), `${start}-${end} of ${length}`);
        const upTo = await bed.blobs.readUpTo(staged.id, start, length, Buffer.alloc(FRAME_BYTES));
        assert.ok(plain.subarray(start).equals(upTo), `from ${start} of ${length}`);
        const first = Math.floor(start / FRAME_BYTES);
        if (first * FRAME_BYTES < length) {
          const targets = Array.from({ length: count }, () => Buffer.alloc(FRAME_BYTES));
          const bytes = await bed.blobs.readFrames(staged.id, first, targets);
          const wanted = plain.subarray(first * FRAME_BYTES, (first + count) * FRAME_BYTES);
          assert.ok(Buffer.concat(targets).subarray(0, bytes).equals(wanted), `frames from ${first}`);
        }
        bed.blobs.discard(staged);
      },
    ),
    { numRuns: 80 },
  );
  assert.equal(bed.used(), 0);
});

test('rows that an earlier build wrote are read as ever, and plain ones are still written so', () => {
  const device = {
    length: 5000,
    keyId: undefined,
    extents: [{ offset: 8192, length: 8192 }],
    checksums: Uint32Array.of(7, 0xffff_ffff),
  };
  const deviceRow = Buffer.from('010000138800000001' + '00000000000200000002' + '00000007ffffffff', 'hex');
  assert.deepEqual(decodeDeviceBlob(deviceRow), device);
  assert.ok(deviceRow.equals(encodeDeviceBlob(device)));
  const inlineRow = Buffer.from('01616263', 'hex');
  const { length, keyId, stored } = decodeInlineBlob(inlineRow);
  assert.deepEqual([length, keyId, Buffer.from(stored).toString()], [3, undefined, 'abc']);
  assert.ok(inlineRow.equals(encodeInlineBlob([Buffer.from('abc')], undefined)));
});
