import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DirtyRanges, runsOf } from '../../src/namespace/dirty.ts';

const SPACE = 60;
const writes = fc.array(
  fc.record({
    offset: fc.nat(SPACE - 11),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 10 }),
  }),
  { maxLength: 25 },
);

/** A byte, or nothing where nobody has written. */
type Plain = (number | undefined)[];

const plainOf = (ranges: DirtyRanges): Plain => {
  const plain: Plain = Array.from({ length: SPACE }, () => undefined);
  for (const { offset, bytes } of ranges.all()) bytes.forEach((byte, at) => (plain[offset + at] = byte));
  return plain;
};

test('dirty ranges are a sparse array of bytes: ascending, without overlap, counted', () =>
  fc.assert(
    fc.property(writes, fc.nat(SPACE), fc.nat(SPACE), (all, one, other) => {
      const ranges = new DirtyRanges();
      const plain: Plain = Array.from({ length: SPACE }, () => undefined);
      for (const { offset, bytes } of all) {
        ranges.write(offset, bytes);
        bytes.forEach((byte, at) => (plain[offset + at] = byte));
      }
      assert.deepEqual(plainOf(ranges), plain);
      assert.equal(ranges.bytes(), plain.filter((byte) => byte !== undefined).length);
      let end = 0;
      for (const { offset, bytes } of ranges.all()) {
        assert(offset >= end && bytes.length > 0);
        end = offset + bytes.length;
      }
      const [from, to] = [Math.min(one, other), Math.max(one, other)];
      const within = new DirtyRanges();
      for (const { offset, bytes } of ranges.within(from, to)) within.write(offset, bytes);
      assert.deepEqual(
        plainOf(within),
        plain.map((byte, at) => (at >= from && at < to ? byte : undefined)),
      );
      const covered = runsOf(ranges.all());
      plain.forEach((byte, at) => {
        assert.equal(
          covered.some((run) => run.start <= at && at < run.end),
          byte !== undefined,
        );
      });
      covered.slice(1).forEach((run, at) => assert(run.start > (covered[at]?.end ?? 0)));
    }),
    { numRuns: 1000 },
  ));

test('a copy does not see later writes, nor the other way round', () => {
  const ranges = new DirtyRanges();
  ranges.write(0, Buffer.from('aaaa'));
  const copy = ranges.copy();
  ranges.write(1, Buffer.from('bb'));
  copy.write(3, Buffer.from('c'));
  const textOf = (each: DirtyRanges): string => Buffer.from(plainOf(each).slice(0, 4) as number[]).toString();
  assert.equal(textOf(ranges), 'abba');
  assert.equal(textOf(copy), 'aaac');
  assert.deepEqual([ranges.bytes(), copy.bytes()], [4, 4]);
});
