import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { extentsOfRange, plan, type Piece } from '../../src/namespace/content.ts';
import { DirtyRanges } from '../../src/namespace/dirty.ts';
import { cut, endOf } from '../../src/namespace/extents.ts';
import type { Extent } from '../../src/namespace/records.ts';
import { gathered, mayGather } from '../../src/namespace/gather.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';

const SPACE = 130;

/** Some extents with holes between them. Every byte of a file is named by the blob and the place in it. */
const extents = fc
  .array(fc.record({ gap: fc.nat(6), length: fc.integer({ min: 1, max: 9 }), blobOffset: fc.nat(20) }), {
    maxLength: 8,
  })
  .map((list) => {
    let end = 0;
    return list.map(({ gap, length, blobOffset }, index): Extent => {
      const offset = end + gap;
      end = offset + length;
      return { offset, length, blob: (index % 3) as BlobId, blobOffset };
    });
  });
const range = fc.tuple(fc.nat(SPACE), fc.nat(SPACE)).map((ends) => ({
  start: Math.min(...ends),
  end: Math.max(...ends),
}));

type Plain = (string | undefined)[];
const nothing = (): Plain => Array.from({ length: SPACE }, () => undefined);

function plainOf(list: readonly Extent[]): Plain {
  const plain = nothing();
  for (const { offset, length, blob, blobOffset } of list)
    for (let at = 0; at < length; at += 1) {
      assert.equal(plain[offset + at], undefined, 'extents do not overlap');
      plain[offset + at] = `${blob}:${blobOffset + at}`;
    }
  return plain;
}

const countsOf = (blobs: readonly BlobId[]): ReadonlyMap<BlobId, number> => {
  const counts = new Map<BlobId, number>();
  for (const blob of blobs) counts.set(blob, (counts.get(blob) ?? 0) + 1);
  return counts;
};

/** Ascending and apart. */
const apart = fc.array(range, { maxLength: 4 }).map((ranges) => {
  const kept: { start: number; end: number }[] = [];
  for (const each of [...ranges].sort((one, other) => one.start - other.start)) {
    if (each.start >= (kept.at(-1)?.end ?? 0)) kept.push(each);
  }
  return kept;
});

test('cut takes ranges out of the extents, and its references add up', () =>
  fc.assert(
    fc.property(extents, apart, (list, ranges) => {
      const { kept, released, retained } = cut(list, ranges);
      const isCut = (at: number): boolean => ranges.some(({ start, end }) => at >= start && at < end);
      const wanted = plainOf(list).map((byte, at) => (isCut(at) ? undefined : byte));
      assert.deepEqual(plainOf(kept), wanted);
      const before = countsOf([...list.map(({ blob }) => blob), ...retained]);
      const after = countsOf([...kept.map(({ blob }) => blob), ...released]);
      assert.deepEqual([...before].sort(), [...after].sort());
      assert(kept.every(({ length }) => length > 0));
    }),
    { numRuns: 1000 },
  ));

test('the extents of a range are what lies in it, and none is empty', () =>
  fc.assert(
    fc.property(extents, range, (all, { start, end }) => {
      const found = extentsOfRange(all, { start, end });
      const wanted = plainOf(all).map((byte, at) => (at >= start && at < end ? byte : undefined));
      assert.deepEqual(plainOf(found), wanted);
      if (start < end) assert(found.every(({ length }) => length > 0));
    }),
    { numRuns: 1000 },
  ));

function plainOfPieces(pieces: readonly Piece[]): Plain {
  const plain = nothing();
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += 1) {
      if (piece.from === 'hole') plain[piece.offset + at] = 'hole';
      else if (piece.from === 'bytes') plain[piece.offset + at] = `byte ${piece.bytes[at]}`;
      else plain[piece.offset + at] = `${piece.blob}:${piece.blobOffset + at}`;
    }
  }
  return plain;
}

const writes = fc.array(
  fc.record({ offset: fc.nat(SPACE - 10), bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }) }),
  { maxLength: 6 },
);

test('a plan covers its range without gap: the last layer over the others over extents over holes', () =>
  fc.assert(
    fc.property(extents, writes, writes, range, (list, lower, upper, { start, end }) => {
      const plain = plainOf(list).map((byte) => byte ?? 'hole');
      const layers = [lower, upper].map((all) => {
        const layer = new DirtyRanges();
        for (const { offset, bytes } of all) {
          layer.write(offset, bytes);
          bytes.forEach((byte, at) => (plain[offset + at] = `byte ${byte}`));
        }
        return layer;
      });
      const pieces = plan(list, [layers[0], undefined, layers[1]], { start, end });
      assert.deepEqual(
        plainOfPieces(pieces),
        plain.map((byte, at) => (at >= start && at < end ? byte : undefined)),
      );
      let at = start;
      for (const { offset, length } of pieces) {
        assert.equal(offset, at);
        assert(length > 0);
        at += length;
      }
      assert.equal(at, end);
    }),
    { numRuns: 1000 },
  ));

const big = fc
  .array(fc.record({ gap: fc.nat(40_000), length: fc.integer({ min: 1, max: 40_000 }) }), { maxLength: 10 })
  .map((list) => {
    let end = 0;
    return list.map(({ gap, length }): Extent => {
      const offset = end + gap;
      end = offset + length;
      return { offset, length, blob: 1 as BlobId, blobOffset: 0 };
    });
  });

test('gathering covers every run, stays within the file and what is there, and never overlaps', () =>
  fc.assert(
    fc.property(big, big, (dirty, list) => {
      const runs = dirty.map((extent) => ({ start: extent.offset, end: endOf(extent) }));
      const joined = runs.filter((run, index) => index === 0 || run.start > (runs[index - 1]?.end ?? 0));
      const size = Math.max(0, ...joined.map(({ end }) => end), ...list.map(endOf));
      const wide = gathered(joined, list, size);
      for (const run of joined) assert(wide.some(({ start, end }) => start <= run.start && run.end <= end));
      let before = -1;
      for (const { start, end } of wide) {
        assert(start >= 0 && start < end && end <= size && start > before);
        before = end;
      }
    }),
    { numRuns: 500 },
  ));

const KIB = 1024;
const gathering: readonly {
  readonly name: string;
  readonly run: readonly [number, number];
  readonly size: number;
  readonly sizeBefore?: number;
  readonly goesOnAt?: number;
  readonly want: boolean;
}[] = [
  { name: 'a page within a large file', run: [4 * KIB, 8 * KIB], size: 1024 * KIB, want: false },
  { name: 'part of a page', run: [4 * KIB, 8 * KIB - 1], size: 1024 * KIB, want: true },
  { name: 'a page that goes on', run: [4 * KIB, 8 * KIB], size: 1024 * KIB, goesOnAt: 4 * KIB, want: true },
  {
    name: 'a page behind the end',
    run: [28 * KIB, 32 * KIB],
    size: 32 * KIB,
    sizeBefore: 28 * KIB,
    want: true,
  },
  { name: 'a long run behind the end', run: [0, 64 * KIB], size: 64 * KIB, sizeBefore: 0, want: false },
  { name: 'a page of a file that fits a row', run: [0, 4 * KIB], size: 16 * KIB, want: true },
];

for (const { name, run, size, sizeBefore = size, goesOnAt, want } of gathering) {
  test(`${name} is ${want ? 'gathered with what lies beside it' : 'written as it is'}`, () =>
    assert.equal(mayGather([{ start: run[0], end: run[1] }], { size, sizeBefore, goesOnAt }), want));
}
