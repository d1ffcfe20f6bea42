import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import fc from 'fast-check';
import { loadNative } from '../../src/native.ts';
import { frameBytes, readFrameHead } from '../../src/workers/frame.ts';
import { nativeReduction } from '../../src/workers/native-reduction.ts';
import type { Packed } from '../../src/workers/reduction.ts';
import {
  coveringBlocks,
  footerBytes,
  isSameStripe,
  readFooter,
  readShardHeader,
  SHARD_HEADER_BYTES,
  shardRanges,
  TRAILER_BYTES,
} from '../../src/workers/segment.ts';
import { imageOf, noise, packingOf } from './segments.ts';

const chunks = Array.from({ length: 5 }, (_, index) => ({
  kind: 'chunk' as const,
  plain: noise(3000 + index, index + 1),
  fingerprint: Buffer.alloc(32, index),
  salts: Buffer.alloc(32, index),
  label: Buffer.from(`label ${index}`),
}));

suite('the readers of segments', () => {
  let packed: Packed;
  let image: Buffer;
  let header: Uint8Array;

  before(async () => {
    packed = await nativeReduction(loadNative()).pack(packingOf({ imageBytesMax: 1 << 18 }), chunks);
    image = imageOf(packed);
    header = packed.shards[2]!.subarray(0, SHARD_HEADER_BYTES);
  });

  test('an image says what is in it, from its end alone', () => {
    const length = footerBytes(image.subarray(-TRAILER_BYTES));
    const footer = readFooter(image.subarray(-(length ?? 0)));
    assert.equal(footer?.imageBytes, image.length);
    assert.deepEqual(
      footer.entries.map(({ start, head }) => ({
        start,
        length: frameBytes(head),
        headBytes: head.headBytes,
        codec: head.codec,
      })),
      packed.placed,
    );
    assert.deepEqual(
      footer.entries.map(({ head }) => Buffer.from(head.label).toString()),
      chunks.map((_, index) => `label ${index}`),
    );
  });

  test('a data shard can be walked frame by frame without the footer', () => {
    const found: number[] = [];
    for (const [index, shard] of packed.shards.slice(0, 4).entries()) {
      const body = shard.subarray(SHARD_HEADER_BYTES);
      let at = 0;
      for (let head = readFrameHead(body); head !== undefined; head = readFrameHead(body.subarray(at))) {
        found.push(index * packed.shardBytes + at);
        at = Math.ceil((at + frameBytes(head)) / 16) * 16;
      }
    }
    const whole = packed.placed.filter(
      ({ start, length }) => shardRanges(packed.shardBytes, start, length).length === 1,
    );
    for (const { start } of whole) assert.ok(found.includes(start));
  });

  test('a shard says which one of which stripe it is', () => {
    const read = readShardHeader(header);
    assert.equal(read?.index, 2);
    assert.deepEqual(read.shape, { data: 4, parity: 2 });
    assert.equal(read.shardBytes, packed.shardBytes);
    assert.equal(read.generation, 1);
    const first = readShardHeader(packed.shards[0]!.subarray(0, SHARD_HEADER_BYTES));
    assert.ok(first !== undefined && isSameStripe(first, read));
    assert.ok(!isSameStripe(first, { ...read, generation: 2 }));
  });

  test('any changed byte of a header or a footer is noticed', () => {
    const length = footerBytes(image.subarray(-TRAILER_BYTES)) ?? 0;
    fc.assert(
      fc.property(fc.nat(SHARD_HEADER_BYTES - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const changed = Uint8Array.from(header);
        changed[place]! ^= change;
        assert.equal(readShardHeader(changed), undefined);
        const footer = Uint8Array.from(image.subarray(-length));
        footer[place % length]! ^= change;
        assert.equal(readFooter(footer), undefined);
      }),
      { numRuns: 500 },
    );
  });

  test('whatever comes in, nothing is thrown and nothing beyond the image is named', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(image.length),
        fc.nat(image.length),
        (bytes, place, end) => {
          for (const read of [readFooter, readFrameHead, readShardHeader, footerBytes]) {
            assert.equal(read(bytes), undefined);
          }
          const changed = Buffer.from(image.subarray(0, end));
          changed.set(bytes.subarray(0, Math.max(0, end - place)), Math.min(place, end));
          const footer = readFooter(changed);
          for (const { start, head } of footer?.entries ?? []) {
            assert.ok(start + frameBytes(head) <= image.length);
          }
          readFrameHead(changed);
        },
      ),
      { numRuns: 500 },
    ));
});

test('ranges of an image are cut where its shards end', () => {
  const cases = [
    { start: 0, length: 100, want: [[0, 0, 100]] },
    { start: 4000, length: 96, want: [[0, 4000, 96]] },
    {
      start: 4000,
      length: 97,
      want: [
        [0, 4000, 96],
        [1, 0, 1],
      ],
    },
    {
      start: 8191,
      length: 4098,
      want: [
        [1, 4095, 1],
        [2, 0, 4096],
        [3, 0, 1],
      ],
    },
    { start: 5, length: 0, want: [] },
  ];
  for (const { start, length, want } of cases) {
    const ranges = shardRanges(4096, start, length);
    assert.deepEqual(
      ranges.map((range) => [range.index, range.offset, range.length]),
      want,
    );
  }
});

test('blocks cover a range, the last one as far as the shard goes', () => {
  const stripe = { blockBytes: 8192, shardBytes: 20_480 };
  const cases = [
    { offset: 0, length: 1, want: { firstBlock: 0, offset: 0, length: 8192 } },
    { offset: 8191, length: 2, want: { firstBlock: 0, offset: 0, length: 16_384 } },
    { offset: 16_384, length: 4096, want: { firstBlock: 2, offset: 16_384, length: 4096 } },
  ];
  for (const { offset, length, want } of cases) {
    assert.deepEqual(coveringBlocks(stripe, { offset, length }), want);
  }
});
