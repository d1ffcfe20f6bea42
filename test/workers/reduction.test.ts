import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/fault.ts';
import { REDUCTION_INLINE_BYTES_MAX } from '../../src/limits.ts';
import { loadNative } from '../../src/native.ts';
import { frameCiphers, readFrameHead, type FrameCipher } from '../../src/workers/frame.ts';
import { nativeReduction } from '../../src/workers/native-reduction.ts';
import type { ChunkItem, Packed, Packing, PackItem, Reduction } from '../../src/workers/reduction.ts';
import { referenceReduction } from '../../src/workers/reference-reduction.ts';
import {
  coveringBlocks,
  readFooter,
  readShardHeader,
  SHARD_HEADER_BYTES,
  shardRanges,
} from '../../src/workers/segment.ts';
import { chunkingOf, imageOf, mixed, noise, packingOf } from './segments.ts';

const native = nativeReduction(loadNative());
const reference = referenceReduction();
const implementations: readonly (readonly [string, Reduction])[] = [
  ['native', native],
  ['reference', reference],
];

const secret = Buffer.alloc(32, 1);
const none = Buffer.alloc(0);
const chunk = (plain: Uint8Array, index = 0): ChunkItem => ({
  kind: 'chunk',
  plain,
  fingerprint: Buffer.alloc(32, index),
  salts: Buffer.alloc(32, index + 1),
  label: Buffer.from(`bucket/key-${index}`),
});
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const items = (count: number, length: number, make = mixed): readonly ChunkItem[] =>
  Array.from({ length: count }, (_, index) => chunk(make(length + index * 37, index + 1), index));
const frameOf = (packed: Packed, index: number): Uint8Array => {
  const { start, length } = packed.placed[index]!;
  return imageOf(packed).subarray(start, start + length);
};

for (const [name, reduction] of implementations) {
  suite(`${name} reduction`, () => {
    for (const cipher of frameCiphers) {
      test(`opens every chunk that it packed, with ${cipher}`, async () => {
        for (const codec of ['plain', 'lz4'] as const) {
          const packing = packingOf({ cipher, codec });
          const chunks = items(9, 20_000);
          const packed = await reduction.pack(packing, chunks);
          assert.equal(packed.placed.length, 9);
          for (const [index, { plain, label }] of chunks.entries()) {
            const frame = frameOf(packed, index);
            const opening = { secret: packing.seal.secret, base: none };
            assert.ok(Buffer.from(plain).equals((await reduction.open(opening, frame)) ?? none));
            const head = frame.subarray(0, packed.placed[index]!.headBytes);
            assert.deepEqual(
              Buffer.from(reduction.openLabel(packing.seal.secret, head) ?? none),
              Buffer.from(label),
            );
            assert.equal(readFrameHead(head)?.codec, codec);
          }
        }
      });
    }

    test('opens nothing with another secret, nor what has changed', async () => {
      const packed = await reduction.pack(packingOf({ cipher: 'aes-256-gcm' }), [chunk(mixed(500, 1))]);
      const frame = frameOf(packed, 0);
      const other = Buffer.alloc(32, 9);
      assert.equal(await reduction.open({ secret: other, base: none }, frame), undefined);
      assert.equal(reduction.openLabel(other, frame), undefined);
      for (let at = 0; at < frame.length; at += 3) {
        const changed = Buffer.from(frame);
        changed[at]! ^= 0x21;
        assert.equal(await reduction.open({ secret, base: none }, changed), undefined, `byte ${at}`);
      }
      assert.equal(await reduction.open({ secret, base: none }, frame.subarray(0, -1)), undefined);
    });

    test('a segment is full before a frame would go over two shards', async () => {
      const packing = packingOf({ imageBytesMax: 1 << 18 });
      const packed = await reduction.pack(packing, items(40, 11_000, noise));
      assert.ok(packed.placed.length >= 18 && packed.placed.length < 24, `${packed.placed.length}`);
      for (const { start, length } of packed.placed) {
        assert.equal(shardRanges(packed.shardBytes, start, length).length, 1);
      }
      const footer = readFooter(imageOf(packed));
      assert.deepEqual(
        footer?.entries.map(({ start }) => start),
        packed.placed.map(({ start }) => start),
      );
      assert.deepEqual(Buffer.from(footer?.id ?? none), Buffer.from(packing.id));
    });

    test('takes frames over as they are, and refuses damaged ones', async () => {
      const first = await reduction.pack(packingOf({ cipher: 'chacha20-poly1305' }), items(3, 5000));
      const frames = [2, 0].map((index) => frameOf(first, index));
      const moved = await reduction.pack(
        packingOf({}),
        frames.map((bytes): PackItem => ({ kind: 'frame', bytes })),
      );
      frames.forEach((frame, at) => assert.ok(Buffer.from(frame).equals(frameOf(moved, at))));
      const damaged = Buffer.from(frames[0]!);
      damaged[damaged.length - 1]! ^= 1;
      await assert.rejects(
        async () => reduction.pack(packingOf({}), [{ kind: 'frame', bytes: damaged }]),
        (fault) => fault instanceof Fault && fault.code === 'corrupt',
      );
    });

    test('a lost range is decoded from the same blocks of others, and never from other ones', async () => {
      const packed = await reduction.pack(packingOf({ imageBytesMax: 1 << 18 }), items(40, 9000, noise));
      const header = packed.shards[3]!.subarray(0, SHARD_HEADER_BYTES);
      const stripe = readShardHeader(header);
      assert.ok(stripe !== undefined);
      const { start, length } = packed.placed[7]!;
      const [range] = shardRanges(packed.shardBytes, start, length);
      assert.ok(range !== undefined);
      const cover = coveringBlocks(stripe, range);
      const partOf = (index: number): Uint8Array =>
        packed.shards[index]!.subarray(SHARD_HEADER_BYTES).subarray(
          cover.offset,
          cover.offset + cover.length,
        );
      const present = [5, 4, 3, 2, 1, 0]
        .filter((index) => index !== range.index)
        .slice(0, 4)
        .map((index) => ({ index, bytes: partOf(index) }));
      const { firstBlock } = cover;
      const recovered = await reduction.recover({ header, firstBlock, present }, [range.index]);
      assert.ok(Buffer.from(recovered![0]!).equals(partOf(range.index)));
      const frame = recovered![0]!.subarray(range.offset - cover.offset).subarray(0, range.length);
      assert.ok(Buffer.from(frame).equals(frameOf(packed, 7)));
      const wrong = { header, firstBlock: firstBlock + 1, present };
      assert.equal(await reduction.recover(wrong, [range.index]), undefined);
      const changed = Buffer.from(present[1]!.bytes);
      changed[4100]! ^= 1;
      const parts = [present[0]!, { ...present[1]!, bytes: changed }, ...present.slice(2)];
      assert.equal(await reduction.recover({ header, firstBlock, present: parts }, [range.index]), undefined);
      assert.deepEqual(await reduction.damaged(header, firstBlock, parts[1]!), [firstBlock + 1]);
      assert.deepEqual(await reduction.damaged(header, firstBlock, present[1]!), []);
    });

    test('rebuilds any lost shards to the byte, and mixes no generations', async () => {
      const packing = packingOf({ shape: { data: 3, parity: 2 } });
      const { shards } = await reduction.pack(packing, items(5, 7000));
      const newer = await reduction.pack({ ...packing, generation: 2 }, items(5, 7000));
      const rebuilt = await reduction.rebuild([shards[4]!, shards[1]!, shards[2]!], [0, 3]);
      assert.ok(Buffer.from(rebuilt![0]!).equals(shards[0]!));
      assert.ok(Buffer.from(rebuilt![1]!).equals(shards[3]!));
      assert.equal(await reduction.rebuild([shards[4]!, newer.shards[1]!, shards[2]!], [0]), undefined);
      const twice = [shards[4]!, shards[4]!, shards[2]!];
      assert.equal(await reduction.rebuild(twice, [0]), undefined);
    });

    test('refuses what cannot be: keys, salts and shapes of other lengths, items larger than an image', async () => {
      const wrong: readonly (readonly [Packing, PackItem])[] = [
        [packingOf({ cipher: 'aes-256-gcm', secret: Buffer.alloc(31) }), chunk(noise(100, 1))],
        [packingOf({ shape: { data: 0, parity: 2 } }), chunk(noise(100, 1))],
        [packingOf({ imageBytesMax: 1 << 16 }), chunk(noise(70_000, 1))],
      ];
      for (const [packing, item] of wrong) {
        await assert.rejects(async () => reduction.pack(packing, [item]));
      }
      const chunking = { ...chunkingOf(), bytesMin: 33 };
      await assert.rejects(async () => reduction.cut(chunking, noise(100, 1)));
    });
  });
}

test('both cut at the same places and give the same fingerprints, with and without keys', () =>
  fc.assert(
    fc.asyncProperty(
      fc.nat(150_000),
      fc.integer({ min: 1, max: 99 }),
      fc.boolean(),
      async (length, seed, isKeyed) => {
        const bytes = seed % 5 === 0 ? mixed(length, seed) : noise(length, seed);
        const chunking = chunkingOf(isKeyed ? seed : 0);
        const [one, other] = await Promise.all([native.cut(chunking, bytes), reference.cut(chunking, bytes)]);
        const plain = (chunks: typeof one): unknown =>
          chunks.map((it) => [it.offset, it.length, hexOf(it.fingerprint), hexOf(it.superFeatures)]);
        assert.deepEqual(plain(one), plain(other));
        for (const { offset, length, fingerprint } of one) {
          const piece = bytes.subarray(offset, offset + length);
          assert.deepEqual(native.fingerprint(chunking.fingerprintKey, piece), Uint8Array.from(fingerprint));
        }
        assert.equal(
          one.reduce((sum, it) => sum + it.length, 0),
          length,
        );
      },
    ),
    { numRuns: 25 },
  ));

test('fingerprints are BLAKE3 as it is published, and keys have 32 bytes', () => {
  // test_vectors.json of the BLAKE3 repository for no bytes; the README of the C port of its reference implementation.
  const line = Buffer.from('hello world\n');
  const cases = [
    { key: none, bytes: none, want: 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262' },
    { key: none, bytes: line, want: 'dc5a4edb8240b018124052c330270696f96771a63b45250a5c17d3000e823355' },
    {
      key: Buffer.alloc(32),
      bytes: line,
      want: '30f932e14e8cef63f94e658994059fba1a0cf548b01813714c2ce32e2e1c5d3d',
    },
  ];
  for (const [, reduction] of implementations) {
    for (const { key, bytes, want } of cases) {
      assert.equal(Buffer.from(reduction.fingerprint(key, bytes)).toString('hex'), want);
    }
    assert.throws(() => reduction.fingerprint(Buffer.alloc(31), none));
  }
});

test('both write the same shards of what is not compressed', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(30_000), { minLength: 1, maxLength: 12 }),
      fc.constantFrom<FrameCipher>(...frameCiphers),
      fc.record({ data: fc.integer({ min: 1, max: 6 }), parity: fc.nat(3) }),
      async (lengths, cipher, shape) => {
        const packing = packingOf({ cipher, shape, imageBytesMax: 6 << 16 });
        const chunks = lengths.map((length, index) => chunk(noise(length, index + 1), index));
        const [one, other] = await Promise.all([
          native.pack(packing, chunks),
          reference.pack(packing, chunks),
        ]);
        assert.deepEqual(one.placed, other.placed);
        assert.ok(Buffer.concat(one.shards).equals(Buffer.concat(other.shards)));
      },
    ),
    { numRuns: 20 },
  ));

test('each opens what the other compressed with LZ4 and sealed', async () => {
  const packing = packingOf({ cipher: 'aes-256-gcm', codec: 'lz4' });
  for (const [writer, reader] of [
    [native, reference],
    [reference, native],
  ] as const) {
    const chunks = items(6, 30_000);
    const packed = await writer.pack(packing, chunks);
    for (const [index, { plain }] of chunks.entries()) {
      const frame = frameOf(packed, index);
      assert.ok(frame.length < plain.length);
      assert.ok(Buffer.from(plain).equals((await reader.open({ secret, base: none }, frame)) ?? none));
    }
  }
});

test('Zstandard and deltas are smaller, and open again, also off the event loop', async () => {
  const plain = mixed(REDUCTION_INLINE_BYTES_MAX * 2, 1);
  const like = Buffer.from(plain);
  like.write('changed', 5000);
  const base = { plain, fingerprint: Buffer.alloc(32, 7) };
  const packing = packingOf({ cipher: 'aes-256-gcm', codec: 'zstd' });
  const packed = await native.pack(packing, [chunk(plain), { ...chunk(like), base }]);
  const [whole, delta] = [frameOf(packed, 0), frameOf(packed, 1)];
  assert.ok(whole.length < plain.length * 0.6);
  assert.ok(delta.length < 500);
  assert.deepEqual(Buffer.from(readFrameHead(delta)?.base ?? none), base.fingerprint);
  assert.ok(like.equals((await native.open({ secret, base: plain }, delta)) ?? none));
  assert.equal(await native.open({ secret, base: none }, delta), undefined);
  const opening = native.open({ secret, base: none }, whole);
  assert.ok(opening instanceof Promise);
  assert.ok(Buffer.from(plain).equals((await opening) ?? none));
});

test('the addon opens the deltas of the reference, and neither takes one that gains little over the chunk alone', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3000, max: 200_000 }),
      fc.array(fc.record({ at: fc.nat(200_000), cut: fc.nat(300), put: fc.nat(300) }), { maxLength: 6 }),
      fc.constantFrom<FrameCipher>(...frameCiphers),
      async (length, changes, cipher) => {
        const plain = noise(length, 5);
        let like = Buffer.from(plain);
        for (const { at, cut, put } of changes) {
          const from = at % like.length;
          like = Buffer.concat([like.subarray(0, from), noise(put, at + 9), like.subarray(from + cut)]);
        }
        const base = { plain, fingerprint: Buffer.alloc(32, 7) };
        const packing = packingOf({ cipher });
        const strange = { plain: noise(length, 6), fingerprint: Buffer.alloc(32, 8) };
        const given = [
          { ...chunk(like), base },
          { ...chunk(like), base: strange },
        ];
        for (const writer of [native, reference]) {
          const packed = await writer.pack(packing, given);
          const isDelta = like.length > 2 * changes.reduce((sum, { put }) => sum + put, 0);
          if (isDelta) assert.equal(packed.placed[0]!.codec, 'zstd-delta');
          assert.equal(packed.placed[1]!.codec, 'plain');
          if (!isDelta) continue;
          const frame = frameOf(packed, 0);
          const opening = { secret: packing.seal.secret, base: plain };
          assert.ok(like.equals((await native.open(opening, frame)) ?? none));
          if (writer === native) continue;
          assert.ok(like.equals((await reference.open(opening, frame)) ?? none));
          const other = { secret: packing.seal.secret, base: plain.subarray(0, 100) };
          assert.equal(await reference.open(other, frame), undefined);
        }
      },
    ),
    { numRuns: 20 },
  ));
