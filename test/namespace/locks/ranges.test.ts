import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { conflicts, withoutRange, withRange, type OwnedRange } from '../../../src/namespace/locks/ranges.ts';

const BYTES = 12;
/** Stands for all bytes behind the others. */
const TAIL = BYTES;

const range = fc
  .tuple(fc.nat(BYTES - 1), fc.integer({ min: 1, max: BYTES }), fc.boolean())
  .map(([start, length, toEnd]) => ({ start, end: toEnd ? Infinity : Math.min(start + length, BYTES) }));
const step = fc.record({
  owner: fc.constantFrom('a', 'b', 'c'),
  range,
  what: fc.constantFrom('shared', 'exclusive', 'unlock'),
});

/** What each owner has of each byte. */
type Model = Map<string, (string | undefined)[]>;
const bytesOf = ({ start, end }: { start: number; end: number }): number[] =>
  Array.from({ length: TAIL + 1 }, (_, byte) => byte).filter((byte) => byte >= start && byte < end);

function modelOf(ranges: readonly OwnedRange[]): Model {
  const model: Model = new Map(
    ['a', 'b', 'c'].map((owner) => [owner, Array<undefined>(TAIL + 1).fill(undefined)]),
  );
  for (const it of ranges)
    for (const byte of bytesOf(it)) {
      assert.equal(model.get(it.owner)![byte], undefined, 'an owner has a byte twice');
      model.get(it.owner)![byte] = it.isExclusive ? 'exclusive' : 'shared';
    }
  return model;
}

test('ranges of owners split and merge as a model that counts each byte has it', () =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let ranges: readonly OwnedRange[] = [];
      const model = modelOf([]);
      for (const { owner, range: bytes, what } of steps) {
        const wanted = { ...bytes, owner, isExclusive: what === 'exclusive' };
        const others = [...model]
          .filter(([name]) => name !== owner)
          .flatMap(([, had]) => bytesOf(bytes).map((byte) => had[byte]));
        const isFree =
          what === 'exclusive' ? others.every((it) => it === undefined) : !others.includes('exclusive');
        assert.equal(!ranges.some((it) => conflicts(it, wanted)), isFree);
        if (what !== 'unlock' && !isFree) continue;
        for (const byte of bytesOf(bytes)) model.get(owner)![byte] = what === 'unlock' ? undefined : what;
        ranges = what === 'unlock' ? withoutRange(ranges, owner, bytes) : withRange(ranges, wanted);
        assert.deepEqual(modelOf(ranges), model);
      }
    }),
  ));

test('ranges that touch are one, so that their number does not grow', () =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let ranges: readonly OwnedRange[] = [];
      for (const { range: bytes, what } of steps) {
        const mine = { ...bytes, owner: 'a', isExclusive: what === 'exclusive' };
        ranges = what === 'unlock' ? withoutRange(ranges, 'a', bytes) : withRange(ranges, mine);
        for (const one of ranges)
          for (const other of ranges)
            assert(one.end !== other.start || one.isExclusive !== other.isExclusive);
      }
    }),
  ));
