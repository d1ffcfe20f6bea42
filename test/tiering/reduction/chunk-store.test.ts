import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { SCRUB_SKIPPED_MAX } from '../../../src/limits/tiering.ts';
import type { ScrubStep } from '../../../src/tiering/reduction/chunk-store.ts';
import { decodeCounts, encodeCounts } from '../../../src/tiering/counts.ts';
import { decodeChunk, decodeRecipe, decodeSegment } from '../../../src/tiering/reduction/records.ts';
import { fingerprintOfKey } from '../../../src/tiering/reduction/tables.ts';
import type { SegmentId } from '../../../src/tiering/segment-store.ts';
import { noise } from '../../workers/segments.ts';
import { blobOf, ChunkBed, contentOf, rowsOf, tables } from './chunk-bed.ts';

const id = (number: number): BlobId => number as BlobId;
const faultOf = (code: string) => (failure: unknown) => failure instanceof Fault && failure.code === code;

test('every range of what was stored reads back, with each cipher', async () => {
  for (const cipher of ['none', 'aes-256-gcm', 'chacha20-poly1305'] as const) {
    const bed = await ChunkBed.open({ settings: { cipher } });
    const bytes = contentOf([1, 2, 3]);
    await bed.put([blobOf(1, bytes), blobOf(2, new Uint8Array())]);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), fc.nat(bytes.length), async (one, other) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const read = await bed.chunks.read(id(1), from, to - from);
        assert(Buffer.from(read).equals(bytes.subarray(from, to)));
      }),
      { numRuns: 40 },
    );
    await bed.check(2, new Uint8Array());
    assert.deepEqual(await bed.chunks.lengthsOf(bed.kv, [id(1), id(2), id(3)]), [bytes.length, 0, undefined]);
    await bed.audit();
  }
});

test('what is not attached is not there', async () => {
  const bed = await ChunkBed.open();
  const [stored] = await bed.chunks.store([blobOf(1, contentOf([1]))]);
  await assert.rejects(bed.chunks.read(id(1), 0, 1), faultOf('not-found'));
  bed.chunks.discard(stored!);
  await bed.collectAll();
  assert.deepEqual(bed.segments.ids(), []);
  await bed.checkCollected();
});

test('content that is there already takes no room but for its description, within a batch and after it', async () => {
  const bed = await ChunkBed.open();
  const bytes = contentOf([1, 2, 3, 4]);
  await bed.put([blobOf(1, bytes), blobOf(2, bytes)]);
  const once = bed.chunks.usage();
  await bed.put([blobOf(3, bytes)]);
  const now = bed.chunks.usage();
  assert.deepEqual([now.blobs, now.bytesLogical], [3, 3 * bytes.length]);
  assert.equal(now.chunks, once.chunks + 1);
  const described = now.bytesUnique - once.bytesUnique;
  assert(described > 0 && described < 36 * once.chunks);
  assert.equal(now.bytesUnique, bytes.length + 3 * described);
});

test('a blob that shares a chunk with one that is released and swept before it is attached is a conflict', async () => {
  const bed = await ChunkBed.open();
  await bed.put([blobOf(1, contentOf([1]))]);
  const [stored] = await bed.chunks.store([blobOf(2, contentOf([1]))]);
  await bed.release(1);
  await bed.collectAll();
  await assert.rejects(
    bed.kv.transact('durable', (tx) => bed.chunks.attach(tx, stored!)),
    faultOf('conflict'),
  );
  bed.chunks.discard(stored!);
  await bed.put([blobOf(2, contentOf([1]))]);
  await bed.check(2, contentOf([1]));
});

test('released chunks are swept, empty segments deleted, sparse ones compacted into new ones', async () => {
  const bed = await ChunkBed.open({ imageBytesMax: 32_768 });
  const contents = Array.from({ length: 12 }, (_, index) => contentOf([index * 2, index * 2 + 1]));
  await bed.put(contents.map((bytes, index) => blobOf(index, bytes)));
  const before = bed.segments.ids();
  for (let index = 0; index < 12; index += 1) if (index % 4 !== 0) assert(await bed.release(index));
  assert(!(await bed.release(1)), 'a second time there is none');
  await bed.collectAll();
  await bed.checkCollected();
  assert(before.every((segment) => !bed.segments.ids().includes(segment)));
  const { bytesLive, bytesStored } = bed.chunks.usage();
  assert(bytesLive > bytesStored / 2, `${bytesLive} of ${bytesStored}`);
  for (let index = 0; index < 12; index += 4) await bed.check(index, contents[index]!);
});

test('what the store keeps with less parity than new segments moves to new ones', async () => {
  const bed = await ChunkBed.open();
  const blobs = [1, 2, 3].map((id) => ({ id, bytes: contentOf([id]) }));
  bed.segments.reshape({ data: 2, parity: 0 });
  for (const { id, bytes } of blobs) await bed.put([blobOf(id, bytes)]);
  await bed.collectAll();
  const before = bed.segments.ids();
  bed.segments.reshape({ data: 2, parity: 1 });
  for (let steps = 0; await bed.chunks.collect(); steps += 1) assert(steps < 1_000, 'collection ends');
  assert(before.every((id) => !bed.segments.ids().includes(id)));
  for (const { id, bytes } of blobs) await bed.check(id, bytes);
  await bed.checkCollected();
});

test('many small segments become few', async () => {
  const bed = await ChunkBed.open({ imageBytesMax: 65_536 });
  for (let index = 0; index < 10; index += 1) await bed.put([blobOf(index, contentOf([index], 2000))]);
  assert.equal(bed.segments.ids().length, 10);
  await bed.collectAll();
  await bed.checkCollected();
  assert.equal(bed.segments.ids().length, 1);
  for (let index = 0; index < 10; index += 1) await bed.check(index, contentOf([index], 2000));
});

test('frames that are damaged are read again after a scrub, and those beyond repair are corrupt', async () => {
  const bed = await ChunkBed.open();
  const bytes = contentOf([1, 2, 3]);
  await bed.put([blobOf(1, bytes)]);
  const [segment] = bed.segments.ids();
  const damaged = async (): Promise<void> => {
    const rows = await rowsOf(bed.kv, tables.chunks(undefined));
    const { start } = rows.map(({ value }) => decodeChunk(value)).sort((a, b) => a.start - b.start)[0]!;
    bed.segments.corrupt(segment!, start + 200);
  };
  await damaged();
  await bed.check(1, bytes);
  // One shard more than there is parity for.
  const [row] = await rowsOf(bed.kv, tables.segments(undefined));
  const { imageBytes } = decodeSegment(row!.value);
  await damaged();
  bed.segments.corrupt(segment!, imageBytes / 2 + 200);
  await assert.rejects(bed.chunks.read(id(1), 0, bytes.length), faultOf('corrupt'));
  assert.deepEqual(bed.errors, ['content is damaged beyond repair']);
});

test('a scrub finds what is lost, and storing the same content again heals every blob that names it', async () => {
  const bed = await ChunkBed.open();
  const [one, other] = [contentOf([1, 2]), contentOf([2, 3])];
  await bed.put([blobOf(1, one), blobOf(2, other)]);
  await bed.put([blobOf(3, contentOf([7]))]);
  const [first] = bed.segments.ids();
  for (const segment of bed.segments.ids().slice(0, -1)) bed.segments.lose(segment);
  const lost = new Set<BlobId>();
  let corrupt = 0;
  for (let step = await bed.chunks.scrub(); step !== undefined; step = await bed.chunks.scrub()) {
    corrupt += step.corrupt;
    for (const each of step.lost) lost.add(each);
  }
  assert(corrupt > 0 && first !== undefined);
  assert.deepEqual([...lost], [1, 2]);
  await bed.put([blobOf(4, one), blobOf(2, other)]);
  await bed.check(1, one);
  await bed.check(2, other);
  // Its description is only its own.
  await bed.put([blobOf(1, one)]);
  await bed.collectAll();
  await bed.audit();
  await bed.check(1, one);
});

test('a chunk that can be read again after all is one like any other', async () => {
  const bed = await ChunkBed.open();
  const bytes = contentOf([1]);
  await bed.put([blobOf(1, bytes)]);
  let isAway = true;
  const read = bed.segments.read.bind(bed.segments);
  bed.segments.read = async (...given) => {
    if (isAway) throw new Fault('not-found', 'store', 'away');
    return read(...given);
  };
  await assert.rejects(bed.chunks.read(id(1), 0, 10), faultOf('corrupt'));
  isAway = false;
  await bed.check(1, bytes);
  const before = bed.chunks.usage().chunks;
  await bed.put([blobOf(2, bytes)]);
  assert.equal(bed.chunks.usage().chunks, before + 1, 'nothing is stored anew but what describes it');
});

test('a frame of other content in the place of one is not taken for it, even without a cipher', async () => {
  const bed = await ChunkBed.open({ settings: { cipher: 'none' } });
  await bed.put([blobOf(1, noise(700, 1))]);
  await bed.put([blobOf(2, noise(700, 2))]);
  const [one, other] = bed.segments.ids();
  const read = bed.segments.read.bind(bed.segments);
  bed.segments.read = (segment, ...range) => read(segment === one ? other! : segment, ...range);
  await assert.rejects(bed.chunks.read(id(1), 0, 700), faultOf('corrupt'));
  await bed.check(2, noise(700, 2));
});

test('the cuts and fingerprints of a store stay the same over restarts and new data keys', async () => {
  const bed = await ChunkBed.open();
  await bed.put([blobOf(1, contentOf([1, 2]))]);
  const before = bed.chunks.usage().chunks;
  for (const keys of [1, 2, 3]) {
    bed.dataKeys.keyIdNow = keys;
    await bed.reopen();
    await bed.put([blobOf(keys + 1, contentOf([1, 2]))]);
  }
  assert.equal(bed.chunks.usage().chunks, before + 3, 'three descriptions, no content');
  await bed.put([blobOf(9, contentOf([5]))]);
  const keyIds = (await rowsOf(bed.kv, tables.chunks(undefined))).map(
    ({ value }) => decodeChunk(value).keyId,
  );
  assert.deepEqual([...new Set(keyIds)].sort(), [1, 2, 3]);
  await bed.audit();
});

test('segments of others in the same store, and those of later times, are left alone', async () => {
  const bed = await ChunkBed.open();
  await bed.put([blobOf(1, contentOf([1]))]);
  const [own] = bed.segments.ids();
  const packed = await packedAs(bed);
  const foreign = `${own!.slice(0, 16)}ffffffff${own!.slice(24)}` as SegmentId;
  const later = `00ffffffffffffff${own!.slice(16)}` as SegmentId;
  const stray = `0000000000000000${own!.slice(16)}` as SegmentId;
  for (const segment of [foreign, later, stray]) await bed.segments.put(segment, packed);
  await bed.collectAll();
  assert.deepEqual([...bed.segments.ids()].sort(), [foreign, later, own].sort());
});

/** Any segment. */
async function packedAs(bed: ChunkBed) {
  let packed: Parameters<typeof bed.segments.put>[1] | undefined;
  const put = bed.segments.put.bind(bed.segments);
  bed.segments.put = (segment, given) => {
    packed = given;
    return put(segment, given);
  };
  await bed.put([blobOf(77, contentOf([77]))]);
  await bed.release(77);
  await bed.collectAll();
  return packed!;
}

test('counts that are too low are raised, those too high are only reported', async () => {
  const bed = await ChunkBed.open();
  await bed.put([blobOf(1, contentOf([1, 2])), blobOf(2, contentOf([2, 3]))]);
  await bed.collectAll();
  const [recipe] = await rowsOf(bed.kv, tables.recipes(undefined));
  const [low, high] = decodeRecipe(recipe!.value).chunks.map(({ fingerprint }) => fingerprint);
  const stale = fingerprintOfKey(Buffer.concat([Buffer.alloc(2), Buffer.alloc(32, 9)]));
  await bed.kv.transact('durable', async (tx) => {
    tx.put(tables.references(low!), encodeCounts([-3]));
    tx.put(tables.references(high!), encodeCounts([8]));
    tx.put(tables.references(stale), encodeCounts([1]));
  });
  await bed.collectAll();
  const countsNow = async (): Promise<readonly (number | undefined)[]> => {
    const rows = await bed.kv.getMany([low!, high!, stale].map(tables.references));
    return rows.map((row) => decodeCounts(row, 1)[0]);
  };
  assert.deepEqual((await countsNow()).slice(1), [8, 1]);
  assert.ok((await countsNow())[0]! > 0);
  assert.equal(bed.errors.length, 3);
  await bed.check(1, contentOf([1, 2]));
});

test('a store that is staged is asked to bring back what a blob needs', async () => {
  const bed = await ChunkBed.open({ staged: { recallMs: 1000 } });
  await bed.put([blobOf(1, contentOf([1, 2, 3]))]);
  await assert.rejects(bed.chunks.read(id(1), 0, 1), faultOf('recall-pending'));
  assert.equal(await bed.chunks.recall(id(1)), false);
  bed.nowMs += 1000;
  assert.equal(await bed.chunks.recall(id(1)), true);
  await bed.check(1, contentOf([1, 2, 3]));
  await assert.rejects(bed.chunks.recall(id(2)), faultOf('not-found'));
});

test('a store that fails while it is written to leaves nothing behind', async () => {
  const bed = await ChunkBed.open();
  let puts = 0;
  for (const failure of ['unavailable', 'lost-answer', 'no-space'] as const) {
    bed.segments.failWhen((operation) => (operation === 'put' && ++puts % 2 === 0 ? failure : undefined));
    await assert.rejects(bed.put([blobOf(1, contentOf([1, 2, 3, 4, 5, 6, 7, 8, 9]))]), Fault);
  }
  bed.segments.failWhen(undefined);
  await bed.collectAll();
  assert.deepEqual(bed.segments.ids(), []);
  await bed.checkCollected();
});

test('only frames that a range touches are read, neighbours at once', async () => {
  const bed = await ChunkBed.open({
    settings: { cipher: 'none', compression: { codec: 'plain', level: 1 } },
  });
  const bytes = contentOf([1, 2]);
  await bed.put([blobOf(1, bytes)]);
  const reads: number[] = [];
  const read = bed.segments.read.bind(bed.segments);
  bed.segments.read = (segment, offset, length) => {
    reads.push(length);
    return read(segment, offset, length);
  };
  await bed.chunks.read(id(1), 0, 1);
  assert.equal(reads.length, 1);
  assert(reads[0]! < 1300, `${reads[0]} bytes for one`);
  reads.length = 0;
  await bed.check(1, bytes);
  assert.equal(reads.length, bed.segments.ids().length);
});

test('an attach and a sweep of what it shares may meet at any moment: one of the two gives way', async () => {
  const outcomes = new Set<string>();
  for (let turns = -40; turns < 40; turns += 1) {
    const bed = await ChunkBed.open();
    await bed.collectAll();
    await bed.put([blobOf(1, contentOf([1], 600))]);
    const [stored] = await bed.chunks.store([blobOf(2, contentOf([1], 600))]);
    await bed.release(1);
    // Whichever comes first, by so many turns.
    const collect = async (): Promise<boolean> => (await waited(-turns), bed.chunks.collect());
    const attach = async (): Promise<string> => {
      await waited(turns);
      return bed.kv
        .transact('durable', (tx) => bed.chunks.attach(tx, stored!))
        .then(() => 'attached')
        .catch((failure: Fault) => failure.code);
    };
    const collecting = collect();
    const attached = await attach();
    assert(await collecting);
    outcomes.add(attached);
    await bed.audit();
    if (attached === 'attached') await bed.check(2, contentOf([1], 600));
    else bed.chunks.discard(stored!);
    await bed.collectAll();
    await bed.checkCollected();
  }
  assert.deepEqual([...outcomes].sort(), ['attached', 'conflict']);
});

test('a segment that nothing names any more stays for those who have begun to read it', async () => {
  const bed = await ChunkBed.open();
  const bytes = contentOf([1, 2]);
  await bed.put([blobOf(1, bytes)]);
  const before = bed.segments.ids();
  const read = bed.segments.read.bind(bed.segments);
  const { promise: held, resolve: goOn } = withResolvers();
  bed.segments.read = async (...given) => {
    await held;
    return read(...given);
  };
  const reading = bed.chunks.read(id(1), 0, bytes.length);
  await bed.release(1);
  const collecting = bed.collectAll();
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(bed.segments.ids(), before);
  goOn();
  assert(Buffer.from(await reading).equals(bytes));
  await collecting;
  assert.deepEqual(bed.segments.ids(), []);
});

test('a frame that is of another chunk does not move in its name', async () => {
  const bed = await ChunkBed.open({ imageBytesMax: 32_768 });
  const contents = Array.from({ length: 8 }, (_, index) => contentOf([index]));
  await bed.put(contents.map((bytes, index) => blobOf(index, bytes)));
  const [one, other] = await rowsOf(bed.kv, tables.chunks(undefined));
  await bed.kv.transact('durable', async (tx) => tx.put(one!.key, other!.value));
  const owner = fingerprintOfKey(one!.key);
  const recipes = (await rowsOf(bed.kv, tables.recipes(undefined))).slice(0, 8);
  const holds = recipes.findIndex(({ value }) =>
    decodeRecipe(value).chunks.some(({ fingerprint }) => fingerprint === owner),
  );
  const kept = [holds, (holds + 1) % 8];
  for (let index = 0; index < 8; index += 1) if (!kept.includes(index)) await bed.release(index);
  await bed.collectAll();
  const row = await bed.kv.get(tables.chunk(owner));
  assert.equal(decodeChunk(row!).isLost, true);
  await bed.check(kept[1]!, contents[kept[1]!]!);
});

test('segments that cannot be asked for now hold up neither a scrub nor a compaction of others', async () => {
  const bed = await ChunkBed.open({ imageBytesMax: 32_768 });
  const contents = Array.from({ length: 24 }, (_, index) => contentOf([index * 2, index * 2 + 1]));
  await bed.put(contents.map((bytes, index) => blobOf(index, bytes)));
  const before = bed.segments.ids();
  const [away] = before;
  bed.segments.failWhen((_operation, segment) => (segment === away ? 'unavailable' : undefined));
  assert.equal(await scrubAll(bed), 3 * (before.length - 1));
  for (let index = 0; index < 24; index += 1) if (index % 4 !== 0) await bed.release(index);
  await bed.collectAll();
  assert.deepEqual(
    before.filter((segment) => bed.segments.ids().includes(segment)),
    [away],
  );
  bed.segments.failWhen(undefined);
  for (let index = 0; index < 24; index += 4) await bed.check(index, contents[index]!);
});

test('a small store that is away is scrubbed as unknown, round after round', async () => {
  const bed = await ChunkBed.open();
  for (let index = 0; index < SCRUB_SKIPPED_MAX - 1; index += 1)
    await bed.put([blobOf(index, contentOf([index]))]);
  bed.segments.failWhen(() => 'unavailable');
  for (let round = 0; round < 3; round += 1) {
    const steps = await scrubSteps(bed);
    assert.equal(
      steps.reduce((sum, { unknown }) => sum + unknown, 0),
      bed.segments.ids().length,
    );
    assert(steps.every(({ checked, corrupt }) => checked === 0 && corrupt === 0));
  }
  bed.segments.failWhen(undefined);
  assert((await scrubSteps(bed)).every(({ unknown }) => unknown === 0));
});

test('a scrub waits for a store that is away as a whole', async () => {
  const bed = await ChunkBed.open();
  for (let index = 0; index < SCRUB_SKIPPED_MAX + 4; index += 1)
    await bed.put([blobOf(index, contentOf([index]))]);
  bed.segments.failWhen(() => 'unavailable');
  await assert.rejects(scrubAll(bed), faultOf('unavailable'));
  bed.segments.failWhen(undefined);
  assert(Number(await scrubAll(bed)) > 0, 'it goes on where it was');
});

test('what can be read moves out of a sparse segment whose index is damaged, in the next round', async () => {
  const bed = await ChunkBed.open({ imageBytesMax: 32_768 });
  const contents = Array.from({ length: 8 }, (_, index) => contentOf([index]));
  await bed.put(contents.map((bytes, index) => blobOf(index, bytes)));
  const [segment] = bed.segments.ids();
  const [row] = await rowsOf(bed.kv, tables.segments(undefined));
  for (let index = 2; index < 7; index += 1) await bed.release(index);
  bed.segments.corrupt(segment!, 300);
  bed.segments.corrupt(segment!, decodeSegment(row!.value).imageBytes - 70);
  await bed.collectAll();
  await bed.collectAll();
  await bed.audit();
  await assert.rejects(bed.chunks.read(id(0), 0, 3000), faultOf('corrupt'));
  for (const index of [1, 7]) await bed.check(index, contents[index]!);
  const rows = (await rowsOf(bed.kv, tables.chunks(undefined))).map(({ value }) => decodeChunk(value));
  assert.deepEqual(
    rows.filter((chunk) => chunk.segment === segment).map(({ isLost }) => isLost),
    [true],
  );
  await bed.release(0);
  await bed.collectAll();
  await bed.checkCollected();
  assert(!bed.segments.ids().includes(segment!));
});

/** Answers how much was checked. */
const scrubAll = async (bed: ChunkBed): Promise<number> =>
  (await scrubSteps(bed)).reduce((sum, { checked }) => sum + checked, 0);

/** A whole round. */
async function scrubSteps(bed: ChunkBed): Promise<readonly ScrubStep[]> {
  const steps: ScrubStep[] = [];
  for (let step = await bed.chunks.scrub(); step !== undefined; step = await bed.chunks.scrub())
    steps.push(step);
  return steps;
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

async function waited(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}
