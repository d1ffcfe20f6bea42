import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sharesOf } from '../../src/audit/bypasses.ts';

const cases: readonly { name: string; counts: readonly number[]; excess: number; want: readonly number[] }[] =
  [
    { name: 'the one with most', counts: [3, 50, 7], excess: 5, want: [0, 5, 0] },
    { name: 'those that come to be even', counts: [10, 12, 3], excess: 6, want: [2, 4, 0] },
    { name: 'all of everybody', counts: [2, 1], excess: 3, want: [2, 1] },
    { name: 'one of two that are even', counts: [4, 4], excess: 1, want: [0, 1] },
  ];
for (const { name, counts, excess, want } of cases)
  test(`rows that are too many go from ${name}`, () => {
    const shares = sharesOf(new Map(counts.map((count, index) => [`${index}`, count])), excess);
    assert.deepEqual(
      counts.map((_, index) => shares.get(`${index}`) ?? 0),
      want,
    );
  });

test('nobody loses a row while another has more left', () =>
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 }),
      fc.nat(),
      (counts, any) => {
        const excess = any % (counts.reduce((sum, count) => sum + count) + 1);
        const shares = sharesOf(new Map(counts.map((count, index) => [`${index}`, count])), excess);
        const lost = counts.map((_, index) => shares.get(`${index}`) ?? 0);
        assert.equal(
          lost.reduce((sum, share) => sum + share, 0),
          excess,
        );
        const left = counts.map((count, index) => count - (lost[index] ?? 0));
        const most = Math.max(...left);
        for (const [index, share] of lost.entries()) assert(share === 0 || (left[index] ?? 0) >= most - 1);
      },
    ),
  ));
