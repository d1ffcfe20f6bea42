import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordReader, RecordWriter } from '../../../src/codec.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import {
  decodeDescription,
  encodeDescription,
  labelIn,
  labelOfDescription,
} from '../../../src/tiering/reduction/description.ts';
import { readKeyFrame } from '../../../src/tiering/reduction/key-frames.ts';
import { decodeRecipe, encodeRecipe } from '../../../src/tiering/reduction/records.ts';
import { fingerprintText } from '../../../src/tiering/reduction/tables.ts';
import type { SegmentId } from '../../../src/tiering/segment-store.ts';
import { faultOf } from '../../namespace/fault-of.ts';
import { blobOf, ChunkBed, contentOf, rowsOf, tables } from './chunk-bed.ts';
import { recovered } from './recovered.ts';

async function checkRecovered(bed: ChunkBed, want: ReadonlyMap<number, Uint8Array>): Promise<void> {
  const found = await recovered(bed.segments);
  for (const [id, bytes] of want) {
    const it = found.get(id);
    assert(it?.bytes !== undefined && Buffer.compare(it.bytes, bytes) === 0, `blob ${id}`);
    assert.equal(it.label, `label of ${id}`);
  }
}

test('all that was attached comes back with its labels out of segments and one master key', async () => {
  for (const cipher of ['aes-256-gcm', 'chacha20-poly1305'] as const) {
    const bed = await ChunkBed.open({ settings: { cipher } });
    const want = new Map<number, Uint8Array>();
    for (let index = 1; index <= 12; index += 1) {
      // A rotation on the way: later frames are sealed with another key.
      if (index === 6) bed.dataKeys.keyIdNow = 2;
      want.set(index, contentOf([index % 5, index % 3], 900));
      await bed.put([blobOf(index, want.get(index)!)]);
    }
    want.set(13, new Uint8Array(0));
    await bed.put([blobOf(13, new Uint8Array(0))]);
    const found = await recovered(bed.segments);
    assert.deepEqual([...found.keys()], [...want.keys()]);
    await checkRecovered(bed, want);
  }
});

test('compaction carries descriptions and keys along, and collection takes them away', async () => {
  const bed = await ChunkBed.open({ imageBytesMax: 65_536 });
  const want = new Map<number, Uint8Array>();
  for (let first = 0; first < 24; first += 3) {
    bed.dataKeys.keyIdNow = 1 + Math.floor(first / 10);
    const ids = [first, first + 1, first + 2];
    for (const id of ids) want.set(id, contentOf([id], 1500));
    await bed.put(ids.map((id) => blobOf(id, want.get(id)!)));
  }
  const before = bed.segments.ids();
  for (const id of [...want.keys()].filter((each) => each % 3 !== 0)) {
    await bed.release(id);
    want.delete(id);
  }
  await bed.collectAll();
  await bed.collectAll();
  await bed.checkCollected();
  assert(
    bed.segments.ids().some((segment) => !before.includes(segment)),
    'some were merged',
  );
  await checkRecovered(bed, want);
});

test('a segment that is compressed again keeps its descriptions', async () => {
  const bed = await ChunkBed.open({ settings: { background: { level: 3, afterSeconds: 1 } } });
  const want = new Map([[1, contentOf([1, 2, 1])]]);
  await bed.put([blobOf(1, want.get(1)!)]);
  const before = bed.segments.ids();
  await bed.collectAll();
  assert.notDeepEqual(bed.segments.ids(), before);
  await checkRecovered(bed, want);
});

test('of two descriptions of a blob the later one counts', async () => {
  const bed = await ChunkBed.open();
  const bytes = contentOf([1, 2]);
  await bed.put([{ ...blobOf(1, bytes), label: Buffer.from('as it was') }]);
  await bed.put([blobOf(1, bytes)]);
  await checkRecovered(bed, new Map([[1, bytes]]));
});

test('a blob that is described anew has its other label, and keeps its content where it is', async () => {
  const bed = await ChunkBed.open();
  const blob = blobOf(1, contentOf([1, 2]));
  await bed.put([{ ...blob, label: Buffer.from('as it was') }, blobOf(2, contentOf([2]))]);
  const before = bed.chunks.usage();
  await bed.chunks.describe([blob, { id: 99 as BlobId, label: blob.label }]);
  assert.deepEqual(bed.chunks.usage().bytesLogical, before.bytesLogical);
  await bed.check(1, blob.bytes);
  await bed.collectAll();
  await bed.checkCollected();
  assert.equal(bed.chunks.usage().chunks, before.chunks);
  await checkRecovered(bed, new Map([[1, blob.bytes]]));
});

test('recipes of earlier builds get a description when one is given', async () => {
  const bed = await ChunkBed.open();
  const bytes = contentOf([1]);
  await bed.put([blobOf(1, bytes)]);
  const [row] = await rowsOf(bed.kv, tables.recipes(undefined));
  const { description, ...content } = decodeRecipe(row!.value);
  await bed.kv.transact('durable', async (tx) => {
    tx.put(row!.key, encodeRecipe({ ...content, description: undefined }));
    tx.delete(tables.references(description!));
  });
  await bed.reopen();
  await bed.collectAll();
  await bed.chunks.describe([blobOf(1, bytes)]);
  await bed.audit();
  await checkRecovered(bed, new Map([[1, bytes]]));
});

test('a blob that shares its chunks with one that has ended comes back', async () => {
  const bed = await ChunkBed.open();
  await bed.put([blobOf(1, contentOf([1, 2, 3]))]);
  await bed.put([blobOf(2, contentOf([1, 2, 3]))]);
  await bed.release(1);
  await bed.collectAll();
  await checkRecovered(bed, new Map([[2, contentOf([1, 2, 3])]]));
});

test('without the master key nothing opens, nor with another one', async () => {
  const bed = await ChunkBed.open();
  await bed.put([blobOf(1, contentOf([1]))]);
  assert.equal((await recovered(bed.segments, { secretIn: () => undefined })).size, 0);
  assert.equal((await recovered(bed.segments, { secretIn: () => Buffer.alloc(32, 99) })).size, 0);
});

test('what is damaged beyond repair is missing alone, also where the index of a segment is gone', async () => {
  const bed = await ChunkBed.open({ imageBytesMax: 32_768 });
  const contents = Array.from({ length: 8 }, (_, index) => contentOf([index]));
  await bed.put(contents.map((bytes, index) => blobOf(index, bytes)));
  const [segment] = bed.segments.ids();
  const imageBytes = await bed.segments.imageBytes(segment!);
  bed.segments.corrupt(segment!, 700);
  bed.segments.corrupt(segment!, imageBytes - 70);
  const found = await recovered(bed.segments);
  assert.equal(found.size, 8);
  assert.equal(found.get(0)?.bytes, undefined);
  for (const index of [1, 2, 3, 4, 5, 6, 7])
    assert(Buffer.compare(found.get(index)!.bytes!, contents[index]!) === 0, `blob ${index}`);
});

test('a store that cannot be asked ends a recovery', async () => {
  const bed = await ChunkBed.open();
  await bed.put([blobOf(1, contentOf([1]))]);
  bed.segments.failWhen(() => 'unavailable');
  assert.equal(await faultOf(recovered(bed.segments)), 'unavailable');
});

/** Rows and frames as builds before descriptions wrote them. */
test('recipes of earlier builds read, are released, and describe nothing', async () => {
  const bed = await ChunkBed.open();
  const bytes = contentOf([1, 2]);
  await bed.put([blobOf(1, bytes), blobOf(2, contentOf([3]))]);
  const [row] = await rowsOf(bed.kv, tables.recipes(undefined));
  const { description, ...content } = decodeRecipe(row!.value);
  const writer = new RecordWriter().number(1).number(content.length);
  writer.list(content.chunks, ({ length, fingerprint }) =>
    writer.number(length).bytes(Buffer.from(fingerprint, 'latin1')),
  );
  const old = writer.finish();
  assert.deepEqual(encodeRecipe({ ...content, description: undefined }), old);
  await bed.kv.transact('durable', async (tx) => {
    tx.put(row!.key, old);
    tx.delete(tables.references(description!));
  });
  await bed.reopen();
  await bed.check(1, bytes);
  await bed.collectAll();
  await bed.checkCollected();
  assert.equal((await bed.chunks.lengthsOf(bed.kv, [1 as BlobId]))[0], bytes.length);
  await bed.release(1);
  await bed.collectAll();
  await bed.checkCollected();
  assert.equal(labelIn(Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 7)), undefined, 'labels of those began with 0');
});

const chunkArbitrary = fc
  .tuple(fc.integer({ min: 1, max: 1 << 20 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([length, fingerprint]) => ({ length, fingerprint: fingerprintText(fingerprint) }));

test('what describes a blob is what is read of it', () =>
  fc.assert(
    fc.property(
      fc.maxSafeNat(),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(chunkArbitrary),
      fc.uint8Array(),
      (id, making, chunks, label) => {
        const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        const description = {
          id: id as BlobId,
          making: Buffer.from(making).toString('hex') as SegmentId,
          recipe: { length, chunks },
        };
        assert.deepEqual(decodeDescription(encodeDescription(description)), description);
        assert.deepEqual(labelIn(labelOfDescription(label)), Buffer.from(label));
      },
    ),
  ));

test('any other bytes are no description and no key', () => {
  const sound = encodeDescription({
    id: 7 as BlobId,
    making: '0'.repeat(32) as SegmentId,
    recipe: { length: 5, chunks: [{ length: 5, fingerprint: fingerprintText(Buffer.alloc(32, 1)) }] },
  });
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(sound.length - 1), fc.nat(255), (bytes, at, value) => {
      const changed = Uint8Array.from(sound);
      changed[at] = value;
      for (const each of [bytes, changed, sound.subarray(0, at)]) {
        const description = decodeDescription(each);
        assert(description === undefined || new RecordReader(each).number() === 1);
        assert.equal(readKeyFrame(each), undefined);
      }
    }),
  );
});
