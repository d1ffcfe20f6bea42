import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keyText, textAfter, textKey } from '../../src/kv/key-text.ts';
import { SortedTexts } from '../../src/kv/sorted-texts.ts';

const keys = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', '\xff', '\0'), maxLength: 8 }), {
  maxLength: 200,
});

test('a sorted set holds what was inserted and not removed, one by one or in bulk, in byte order', () =>
  fc.assert(
    fc.property(keys, keys, fc.string({ maxLength: 2 }), fc.nat(20), (first, second, start, countMax) => {
      const set = new SortedTexts();
      set.insert([...first]);
      const added = second.filter((key) => !first.includes(key));
      set.insert([...added]);
      const removed = first.filter((_, index) => index % 3 !== 0);
      set.remove(removed);
      const model = [...first.filter((_, index) => index % 3 === 0), ...added].sort();
      const range = { start, end: 'b' };
      const within = model.filter((key) => key >= start && key < 'b');
      assert.deepEqual(set.within({ start: '', end: '\xff'.repeat(9) }), model);
      assert.deepEqual(set.within(range), within);
      assert.deepEqual(set.some(range, countMax, false), within.slice(0, countMax));
      assert.deepEqual(set.some(range, countMax, true), within.toReversed().slice(0, countMax));
    }),
  ));

test('keys as text compare as bytes do and come back as they were', () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), (one, other) => {
      const [left, right] = [keyText(one), keyText(other)];
      assert.equal(left < right ? -1 : left > right ? 1 : 0, Buffer.compare(one, other));
      assert.deepEqual(new Uint8Array(textKey(left)), one);
      assert(left < textAfter(left) && !(right > left && right < textAfter(left)));
    }),
  ));
