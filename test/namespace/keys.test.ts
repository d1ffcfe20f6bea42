import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as keys from '../../src/namespace/keys.ts';
import type { Ino } from '../../src/namespace/namespace.ts';

const number = fc.oneof(fc.nat(3), fc.maxSafeInteger().map(Math.abs));
const ino = number.map((value) => value as Ino);
const name = fc
  .array(fc.constantFrom('', 'a', 'b', '\0', '.', '-', '0', '\xff'), { maxLength: 3 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));
const key = fc
  .array(fc.constantFrom(0, 1, 0x2f, 0x61, 0xfe, 0xff), { maxLength: 5 })
  .map((bytes) => Uint8Array.from(bytes));

/** Of tuples of numbers and byte strings. */
function compare(one: readonly (number | Uint8Array)[], other: readonly (number | Uint8Array)[]): number {
  for (const [index, left] of one.entries()) {
    const right = other[index];
    const order =
      typeof left === 'number' && typeof right === 'number'
        ? Math.sign(left - right)
        : Buffer.compare(left as Uint8Array, right as Uint8Array);
    if (order !== 0) return order;
  }
  return 0;
}

const makers = {
  inode: fc.tuple(ino).map((tuple) => [tuple, keys.inodeKey(...tuple)] as const),
  dentry: fc.tuple(ino, name).map((tuple) => [tuple, keys.dentryKey(...tuple)] as const),
  order: fc.tuple(ino, number).map((tuple) => [tuple, keys.orderKey(...tuple)] as const),
  extent: fc.tuple(number, number).map((tuple) => [tuple, keys.extentKey(...tuple)] as const),
  part: fc.tuple(number, number).map((tuple) => [tuple, keys.partKey(...tuple)] as const),
  upload: fc.tuple(ino, key, number).map((tuple) => [tuple, keys.uploadKey(...tuple)] as const),
};

for (const [table, made] of Object.entries(makers)) {
  test(`byte order of ${table} keys is tuple order`, () => {
    const any: fc.Arbitrary<readonly [readonly (number | Uint8Array)[], Uint8Array]> = made;
    fc.assert(
      fc.property(any, any, ([one, oneKey], [other, otherKey]) => {
        assert.equal(Buffer.compare(oneKey, otherKey), compare(one, other));
      }),
      { numRuns: 1000 },
    );
  });
}

test('what a key was made of can be read out of it', () =>
  fc.assert(
    fc.property(ino, number, key, name, fc.boolean(), (parent, value, bytes, each, isDirectory) => {
      assert.equal(keys.ordinalOfKey(keys.orderKey(parent, value)), value);
      assert.equal(keys.endOfExtentKey(keys.extentKey(parent, value)), value);
      assert.equal(keys.numberOfPartKey(keys.partKey(parent, value)), value);
      assert.equal(keys.contentIdOfKey(keys.orphanKey(value)), value);
      assert.equal(keys.contentIdOfKey(keys.draftKey(value)), value);
      assert.equal(keys.uploadOfFinishedKey(keys.finishedKey(value)), value);
      assert.deepEqual(
        Buffer.from(keys.keyOfUploadKey(keys.uploadKey(parent, bytes, value))),
        Buffer.from(bytes),
      );
      const entry = keys.entryName(each, isDirectory);
      assert.deepEqual(Buffer.from(keys.entryOfDentryKey(keys.dentryKey(parent, entry))), Buffer.from(entry));
      assert.equal(keys.isDirectoryEntry(entry), isDirectory);
      assert.deepEqual(Buffer.from(keys.nameOfEntry(entry)), Buffer.from(each));
    }),
    { numRuns: 1000 },
  ));

const isWithin = (each: Uint8Array, { start, end }: { start: Uint8Array; end: Uint8Array }): boolean =>
  Buffer.compare(each, start) >= 0 && Buffer.compare(each, end) < 0;

test('the range of uploads is those whose key has the prefix and that come after', () =>
  fc.assert(
    fc.property(key, key, key, fc.nat(3), fc.nat(3), (prefix, each, after, sequence, afterSequence) => {
      const [bucket, another] = [7 as Ino, 8 as Ino];
      const hasPrefix = Buffer.compare(each.subarray(0, prefix.length), prefix) === 0;
      const made = keys.uploadKey(bucket, each, sequence);
      assert.equal(isWithin(made, keys.uploadRange(bucket, prefix)), hasPrefix);
      assert(!isWithin(made, keys.uploadRange(another, prefix)));
      const isAfter = compare([each, sequence], [after, afterSequence]) > 0;
      const range = keys.uploadRange(bucket, prefix, { key: after, sequence: afterSequence });
      assert.equal(isWithin(made, range), hasPrefix && isAfter);
    }),
    { numRuns: 3000 },
  ));

test('the range of dentries is those of one directory with the prefix, from the first on', () =>
  fc.assert(
    fc.property(name, name, name, (prefix, first, each) => {
      fc.pre(Buffer.compare(first, prefix) >= 0);
      const range = keys.dentryRange(7 as Ino, prefix, first);
      const wanted =
        Buffer.compare(each.subarray(0, prefix.length), prefix) === 0 && Buffer.compare(each, first) >= 0;
      assert.equal(isWithin(keys.dentryKey(7 as Ino, each), range), wanted);
      assert(!isWithin(keys.dentryKey(8 as Ino, each), range));
    }),
    { numRuns: 2000 },
  ));

test('the first extent key of a range is that of the extent at the offset', () =>
  fc.assert(
    fc.property(fc.nat(50), fc.nat(50), (offset, end) => {
      assert.equal(isWithin(keys.extentKey(3, end), keys.extentRange(3, offset)), end > offset);
      assert(!isWithin(keys.extentKey(4, end), keys.extentRange(3, offset)));
    }),
  ));
