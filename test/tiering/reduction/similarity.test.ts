import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import { SIMILAR_SLOTS } from '../../../src/limits/tiering.ts';
import { loadNative } from '../../../src/native.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { decodeCounts, encodeCounts } from '../../../src/tiering/counts.ts';
import { decodeRecipe, decodeSegment, encodeChunk } from '../../../src/tiering/reduction/records.ts';
import {
  fingerprintText,
  segmentOfKey,
  type FingerprintText,
} from '../../../src/tiering/reduction/tables.ts';
import type { ChunkParts } from '../../../src/tiering/reduction/parts.ts';
import { Readers } from '../../../src/tiering/reduction/readers.ts';
import { noteSimilar, Resemblance, type NewChunk } from '../../../src/tiering/reduction/similar.ts';
import type { SegmentId } from '../../../src/tiering/segment-store.ts';
import { readFrameHead } from '../../../src/workers/frame.ts';
import { nativeReduction } from '../../../src/workers/native-reduction.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { readFooter } from '../../../src/workers/segment.ts';
import { noise } from '../../workers/segments.ts';
import {
  blobOf,
  ChunkBed,
  rowsOf,
  similarSettings,
  tables,
  versionOf,
  type ChunkBedOptions,
} from './chunk-bed.ts';
import { storeBeforeDeltas } from './store-before-deltas.ts';

const id = (number: number): BlobId => number as BlobId;
const faultOf = (code: string) => (failure: unknown) => failure instanceof Fault && failure.code === code;
const open = ({ settings, ...options }: ChunkBedOptions = {}): Promise<ChunkBed> =>
  ChunkBed.open({ imageBytesMax: 65_536, ...options, settings: { ...similarSettings, ...settings } });

const first = versionOf([1], 0);
const second = versionOf([1], 1);

/** Two versions, in segments of their own. */
async function openWithTwo(options: ChunkBedOptions = {}): Promise<ChunkBed> {
  const bed = await open(options);
  await bed.put([blobOf(1, first)]);
  await bed.put([blobOf(2, second)]);
  assert(bed.chunks.usage().deltas > 0);
  return bed;
}

/** Segments in the order in which they were made. */
const segmentsOf = async (bed: ChunkBed): Promise<readonly SegmentId[]> =>
  (await rowsOf(bed.kv, tables.segments(undefined))).map(({ key }) => segmentOfKey(key));

async function scrubAll(bed: ChunkBed): Promise<ReadonlySet<BlobId>> {
  const lost = new Set<BlobId>();
  for (let step = await bed.chunks.scrub(); step !== undefined; step = await bed.chunks.scrub()) {
    for (const each of step.lost) lost.add(each);
  }
  return lost;
}

test('a new version of what is there takes little, after it and in the same batch, and every range reads back', async () => {
  for (const cipher of ['none', 'aes-256-gcm', 'chacha20-poly1305'] as const) {
    for (const isOneBatch of [false, true]) {
      const bed = await open({ settings: { cipher } });
      const blobs = [blobOf(1, first), blobOf(2, second)];
      if (isOneBatch) await bed.put(blobs);
      else for (const blob of blobs) await bed.put([blob]);
      const { bytesLive, bytesUnique, deltas } = bed.chunks.usage();
      assert(deltas > 0 && bytesUnique > 1.5 * first.length, 'the versions share few chunks');
      assert(bytesLive < 1.6 * first.length, `${bytesLive} bytes for two versions of ${first.length}`);
      await fc.assert(
        fc.asyncProperty(fc.nat(second.length), fc.nat(second.length), async (one, other) => {
          const [from, to] = [Math.min(one, other), Math.max(one, other)];
          const read = await bed.chunks.read(id(2), from, to - from);
          assert(Buffer.from(read).equals(second.subarray(from, to)));
        }),
        { numRuns: 15 },
      );
      await bed.check(1, first);
      await bed.audit();
    }
  }
});

test('whatever is stored reads back, with exact counts, and no delta is the base of another', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.record({ piece: fc.nat(2), version: fc.nat(6) }), { maxLength: 3 }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.boolean(),
      async (batches, isReleased) => {
        const bed = await open();
        const contents = new Map<number, Uint8Array>();
        for (const batch of batches) {
          const blobs = batch.map(({ piece, version }) => {
            contents.set(contents.size + 1, versionOf([piece], version, 9000));
            return blobOf(contents.size, contents.get(contents.size)!);
          });
          await bed.put(blobs);
        }
        await bed.audit();
        for (const each of [...contents.keys()].filter((number) => isReleased && number % 2 === 1)) {
          await bed.release(each);
          contents.delete(each);
        }
        await bed.collectAll();
        await bed.checkCollected();
        for (const [number, bytes] of contents) await bed.check(number, bytes);
      },
    ),
    { numRuns: 15 },
  ));

test('reading from a delta reads two frames at the most', async () => {
  const bed = await openWithTwo();
  const rows = await bed.chunkRows();
  const recipe = decodeRecipe((await bed.kv.get(tables.recipe(id(2))))!);
  const { read } = bed.segments;
  const lengths: number[] = [];
  bed.segments.read = (segment, offset, length) => {
    lengths.push(length);
    return read.call(bed.segments, segment, offset, length);
  };
  let start = 0;
  for (const { fingerprint, length } of recipe.chunks) {
    const row = rows.get(fingerprint)!;
    lengths.length = 0;
    await bed.chunks.read(id(2), start, length);
    const base = row.base === undefined ? undefined : rows.get(row.base);
    assert.equal(lengths.length, base === undefined ? 1 : 2);
    assert.equal(
      lengths.reduce((sum, each) => sum + each, 0),
      row.length + (base?.length ?? 0),
    );
    start += length;
  }
});

test('a base stays as long as there are deltas of it, and goes after the last', async () => {
  const bed = await openWithTwo();
  await bed.release(1);
  await bed.collectAll();
  await bed.checkCollected();
  await bed.check(2, second);
  await bed.release(2);
  await bed.collectAll();
  await bed.checkCollected();
  assert.deepEqual([bed.chunks.usage().chunks, bed.chunks.usage().deltas], [0, 0]);
  assert.deepEqual(bed.segments.ids(), []);
});

test('a delta needs its base, not the blob that brought it', async () => {
  const bed = await open();
  const [given, kept] = await bed.chunks.store([blobOf(1, first), blobOf(2, second)]);
  bed.chunks.discard(given!);
  await bed.kv.transact('durable', (tx) => bed.chunks.attach(tx, kept!));
  assert(bed.chunks.usage().deltas > 0);
  await bed.audit();
  await bed.collectAll();
  await bed.check(2, second);
  await bed.release(2);
  await bed.collectAll();
  await bed.checkCollected();
  assert.equal(bed.chunks.usage().chunks, 0);
});

test('a base that is swept, lost, or has become a delta before its delta is attached is a conflict', async () => {
  const spoil: readonly ((bed: ChunkBed) => Promise<void>)[] = [
    async (bed) => {
      await bed.release(1);
      await bed.collectAll();
    },
    async (bed) => {
      for (const segment of bed.segments.ids()) if (!bed.segments.ids().includes(segment)) return;
      const [lost] = await segmentsOf(bed);
      bed.segments.lose(lost!);
      assert.deepEqual([...(await scrubAll(bed))], [1]);
    },
    async (bed) => {
      const rows = await bed.chunkRows();
      const [other] = rows.keys();
      await bed.kv.transact('durable', async (tx) => {
        for (const [fingerprint, row] of rows) {
          tx.put(tables.chunk(fingerprint), encodeChunk({ ...row, base: other }));
        }
      });
    },
  ];
  for (const each of spoil) {
    const bed = await open();
    await bed.put([blobOf(1, first)]);
    const [stored] = await bed.chunks.store([blobOf(2, second)]);
    await each(bed);
    await assert.rejects(
      bed.kv.transact('durable', (tx) => bed.chunks.attach(tx, stored!)),
      faultOf('conflict'),
    );
    bed.chunks.discard(stored!);
    await bed.put([blobOf(2, second)]);
    await bed.check(2, second);
  }
});

test('with a base its deltas are lost, a scrub says so, and either content heals them', async () => {
  for (const healing of ['base', 'delta'] as const) {
    const bed = await openWithTwo();
    const [lost] = await segmentsOf(bed);
    bed.segments.lose(lost!);
    assert.deepEqual([...(await scrubAll(bed))], [1, 2]);
    await assert.rejects(bed.chunks.read(id(2), 0, second.length), faultOf('corrupt'));
    const deltas = [...(await bed.chunkRows()).values()].filter(({ base }) => base !== undefined);
    assert(
      deltas.every(({ isLost }) => !isLost),
      'their own frames are sound',
    );
    await bed.put([healing === 'base' ? blobOf(1, first) : blobOf(3, second)]);
    await bed.check(2, second);
    if (healing === 'base') await bed.check(1, first);
    else await bed.release(1);
    await bed.collectAll();
    await bed.audit();
    await bed.check(2, second);
    assert.equal(bed.chunks.usage().deltas, healing === 'base' ? deltas.length : 0);
  }
});

test('a delta that is damaged is lost alone, and healed by its own content', async () => {
  const bed = await openWithTwo();
  const [, lost] = await segmentsOf(bed);
  bed.segments.lose(lost!);
  assert.deepEqual([...(await scrubAll(bed))], [2]);
  await bed.check(1, first);
  await bed.put([blobOf(2, second)]);
  await bed.check(2, second);
  assert.equal(bed.chunks.usage().deltas, 0, 'what heals is no delta');
  await bed.collectAll();
  await bed.audit();
});

test('bases and deltas move with compaction and stay what they are, also when the rest is compressed again', async () => {
  for (const background of [undefined, { level: 3, afterSeconds: 0 }]) {
    const bed = await open({ imageBytesMax: 131_072, settings: { sparseShare: 0.99, background } });
    const other = versionOf([2], 0);
    await bed.put([blobOf(1, Buffer.concat([first, other]))]);
    await bed.put([blobOf(2, Buffer.concat([second, versionOf([3], 0)]))]);
    const before = await segmentsOf(bed);
    await bed.put([blobOf(3, first), blobOf(4, second)]);
    const rows = await bed.chunkRows();
    await bed.release(1);
    await bed.release(2);
    await bed.collectAll();
    await bed.collectAll();
    await bed.checkCollected();
    assert(before.every((segment) => !bed.segments.ids().includes(segment)));
    for (const [fingerprint, { base }] of await bed.chunkRows()) {
      assert.equal(base, rows.get(fingerprint)?.base);
    }
    assert(bed.chunks.usage().deltas > 0);
    await bed.check(3, first);
    await bed.check(4, second);
  }
});

test('references of bases are audited with the deltas', async () => {
  const bed = await openWithTwo();
  await bed.release(1);
  await bed.collectAll();
  const bases = [...(await bed.chunkRows()).values()].flatMap(({ base }) =>
    base === undefined ? [] : [base],
  );
  const countOf = async (base: FingerprintText): Promise<number | undefined> =>
    decodeCounts(await bed.kv.get(tables.references(base)), 1)[0];
  const [low, high] = bases;
  await bed.collectAll();
  assert.deepEqual(bed.errors, []);
  await bed.kv.transact('durable', async (tx) => {
    tx.put(tables.references(low!), encodeCounts([-1]));
    tx.put(tables.references(high!), encodeCounts([7]));
  });
  await bed.collectAll();
  assert.deepEqual([await countOf(low!), await countOf(high!)], [1, 7]);
  assert.equal(bed.errors.length, 2);
  await bed.check(2, second);
});

test('deltas are read where similarity was turned off, and no more are made', async () => {
  const bed = await openWithTwo();
  const { deltas } = bed.chunks.usage();
  await bed.reopen({ usesSimilarity: false });
  assert.equal(bed.chunks.usage().deltas, deltas);
  await bed.put([blobOf(3, versionOf([1], 2))]);
  await bed.check(2, second);
  await bed.check(3, versionOf([1], 2));
  assert.equal(bed.chunks.usage().deltas, deltas);
  await bed.release(2);
  await bed.collectAll();
  await bed.checkCollected();
});

test('a base that cannot be asked for is passed over', async () => {
  const bed = await open();
  await bed.put([blobOf(1, first)]);
  bed.segments.failWhen((operation) => (operation === 'read' ? 'unavailable' : undefined));
  await bed.put([blobOf(2, second)]);
  bed.segments.failWhen(undefined);
  assert.equal(bed.chunks.usage().deltas, 0);
  await bed.check(2, second);
  await bed.audit();
});

test('of a staged store no base is read; to recall a delta is to recall its base', async () => {
  const bed = await open({ staged: { recallMs: 1000 }, imageBytesMax: 24_576 });
  await bed.put([blobOf(1, first)]);
  await bed.put([blobOf(2, versionOf([1], 2))]);
  assert.equal(bed.chunks.usage().deltas, 0);
  await bed.put([blobOf(3, versionOf([4], 0)), blobOf(4, versionOf([4], 1))]);
  const bases = [...(await bed.chunkRows()).values()].flatMap(({ base }) =>
    base === undefined ? [] : [base],
  );
  assert(bases.length > 0);
  assert.equal(await bed.chunks.recall(id(4)), false);
  bed.nowMs += 1000;
  assert.equal(await bed.chunks.recall(id(4)), true);
  await bed.check(4, versionOf([4], 1));
});

test('what was kept as a base and had no room in its segment is no delta in the next one', async () => {
  const bed = await open();
  const parts = {
    kv: bed.kv,
    tables,
    segments: bed.segments,
    readers: new Readers(),
  } as unknown as ChunkParts;
  const features = (...numbers: readonly number[]): Uint8Array =>
    Buffer.concat(numbers.map((number) => Buffer.alloc(8, number)));
  const chunkOf = (number: number, length: number, superFeatures: Uint8Array): NewChunk => {
    const fingerprint = Buffer.alloc(32, number);
    const salts = Buffer.alloc(32);
    const plain = noise(length, number);
    const item = { kind: 'chunk', plain, fingerprint, salts, label: new Uint8Array(0) } as const;
    return { fingerprint: fingerprintText(fingerprint), item, superFeatures };
  };
  // Too long to be a base of the short one, but not the other way round.
  const long = chunkOf(1, 40_000, features(1, 2, 3));
  const short = chunkOf(2, 4_000, features(1, 4, 5));
  const like = chunkOf(3, 40_000, features(2, 6, 7));
  const resemblance = new Resemblance(parts);
  for (const _segment of [1, 2]) {
    const bases = await resemblance.basesOf([long, short, like]);
    assert.deepEqual([...bases.keys()], [like.fingerprint]);
    const base = bases.get(like.fingerprint)?.fingerprint ?? new Uint8Array(0);
    assert.equal(fingerprintText(base), long.fingerprint);
  }
});

test('the table of what is similar has at most so many slots, and each keeps what was noted last', async () => {
  const bed = await open();
  const named = (byte: number): FingerprintText => fingerprintText(Buffer.alloc(32, byte));
  const feature = (start: number): Uint8Array => {
    const bytes = Buffer.alloc(24, 7);
    for (const at of [0, 8, 16]) bytes.writeUInt32LE(start, at);
    return bytes;
  };
  await bed.kv.transact('durable', async (tx) => {
    noteSimilar({ tables }, tx, { superFeatures: feature(5), base: named(1) });
    noteSimilar({ tables }, tx, { superFeatures: feature(5 + SIMILAR_SLOTS), base: named(2) });
    noteSimilar({ tables }, tx, { superFeatures: feature(2 ** 32 - 1), base: named(3) });
  });
  const range = { start: tables.similar(0), end: tables.similar(2 ** 32 - 1) };
  const rows = await rowsOf(bed.kv, range);
  assert.deepEqual(
    rows.map(({ value }) => value.at(-1)),
    [2, 3],
  );
  assert(rows.every(({ key }) => Buffer.compare(key, tables.similar(SIMILAR_SLOTS)) < 0));
});

test('content can be rebuilt from segments alone: a delta names its base', async () => {
  const bed = await openWithTwo();
  const secret = bed.dataKeys.secretOf(1);
  const frames = new Map<string, Uint8Array>();
  for (const { key, value } of await rowsOf(bed.kv, tables.segments(undefined))) {
    const image = await bed.segments.read(segmentOfKey(key), 0, decodeSegment(value).imageBytes);
    for (const { start, head } of readFooter(image)?.entries ?? []) {
      const frame = image.subarray(start, start + head.headBytes + head.storedBytes);
      frames.set(Buffer.from(head.fingerprint).toString('hex'), frame);
    }
  }
  const plainOf = async (name: string): Promise<Uint8Array> => {
    const frame = frames.get(name)!;
    const base = readFrameHead(frame)?.base;
    const plain = base === undefined ? Buffer.alloc(0) : await plainOf(Buffer.from(base).toString('hex'));
    return (await referenceReduction().open({ secret, base: plain }, frame))!;
  };
  for (const [number, want] of [
    [1, first],
    [2, second],
  ] as const) {
    const { chunks } = decodeRecipe((await bed.kv.get(tables.recipe(id(number))))!);
    const plains = chunks.map(({ fingerprint }) =>
      plainOf(Buffer.from(fingerprint, 'latin1').toString('hex')),
    );
    assert(Buffer.concat(await Promise.all(plains)).equals(want));
  }
});

test('a store from before there were deltas is read, added to, collected and compacted', async () => {
  const bytes = gunzipSync(Buffer.from(storeBeforeDeltas, 'base64')).toString();
  const old = JSON.parse(bytes) as {
    readonly rows: readonly (readonly [string, string])[];
    readonly segments: readonly {
      readonly id: SegmentId;
      readonly shardBytes: number;
      readonly shards: readonly string[];
    }[];
  };
  const bed = await open({ reduction: nativeReduction(loadNative()), settings: { sparseShare: 0.9 } });
  await bed.kv.transact('durable', async (tx) => {
    for (const [key, value] of old.rows) tx.put(Buffer.from(key, 'base64'), Buffer.from(value, 'base64'));
  });
  for (const { id: segment, shardBytes, shards } of old.segments) {
    const packed = { shardBytes, shards: shards.map((each) => Buffer.from(each, 'base64')), placed: [] };
    await bed.segments.put(segment, packed);
  }
  await bed.reopen();
  const lines = Array.from(
    { length: 400 },
    (_, at) => `line ${at} of what was written ${(at * 7919) % 1009}\n`,
  );
  const text = Buffer.from(lines.join(''));
  await bed.check(1, text);
  await bed.check(2, text.subarray(0, 9000));
  await bed.audit();
  const changed = [0, 1].map((version) =>
    Buffer.from(lines.map((line, at) => (at % 60 === 7 ? `changed ${version} ${at}\n` : line)).join('')),
  );
  await bed.put([blobOf(3, changed[0]!)]);
  await bed.put([blobOf(4, changed[1]!)]);
  assert(bed.chunks.usage().deltas > 0);
  await bed.release(1);
  await bed.collectAll();
  await bed.checkCollected();
  await bed.check(2, text.subarray(0, 9000));
  await bed.check(3, changed[0]!);
  await bed.check(4, changed[1]!);
});
