import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Allowance } from '../../../src/gateway/s3/allowance.ts';
import { aheadBytesMax } from '../../../src/gateway/s3/answer-width.ts';
import { BodyBudget } from '../../../src/gateway/s3/body-budget.ts';
import { BODY_GIVEN_WAY_BYTES, BODY_NARROW_BYTES, BODY_WIDE_BYTES } from '../../../src/limits/s3.ts';

const MiB = 1024 ** 2;

/** A budget in which content finds room for so many that are wide. */
function budgetOf(wideMax: number): BodyBudget {
  const bytesMax = (wideMax * BODY_WIDE_BYTES * 4) / 3;
  return new BodyBudget({ bytesMax, bytesPerPeerMax: bytesMax });
}

const isWide = (aheadBytes: number): boolean => aheadBytes > BODY_NARROW_BYTES;

test('an answer holds what is left of it, and nothing for its last small piece', () => {
  const budget = budgetOf(1);
  const allowance = new Allowance(budget, 'a');
  const held = [8 * MiB, 4 * MiB, 2 * MiB, MiB, BODY_NARROW_BYTES, 0].map((left) => {
    aheadBytesMax(allowance, left);
    return budget.bytes;
  });
  assert.deepEqual(held, [BODY_WIDE_BYTES, BODY_WIDE_BYTES, 2 * MiB, MiB, BODY_NARROW_BYTES, 0]);
});

test('a small answer takes nothing', () => {
  const budget = budgetOf(1);
  assert.equal(isWide(aheadBytesMax(new Allowance(budget, 'a'), BODY_NARROW_BYTES)), false);
  assert.equal(budget.bytes, 0);
});

test('who is wide stays so while nobody else finds too little', () => {
  const allowance = new Allowance(budgetOf(1), 'a');
  for (let left = 100 * MiB; left > MiB; left -= MiB)
    assert.equal(isWide(aheadBytesMax(allowance, left)), true);
});

test('who is wide gives way to whoever found nothing, and asks again after a while', () => {
  const budget = budgetOf(1);
  const first = new Allowance(budget, 'a');
  const second = new Allowance(budget, 'b');
  const left = 100 * MiB;
  assert.equal(isWide(aheadBytesMax(first, left)), true);
  assert.equal(isWide(aheadBytesMax(second, left)), false);
  assert.equal(isWide(aheadBytesMax(first, left)), false);
  assert.equal(isWide(aheadBytesMax(second, left)), true);
  second.release();
  assert.equal(isWide(aheadBytesMax(first, left - BODY_GIVEN_WAY_BYTES + 1)), false);
  assert.equal(isWide(aheadBytesMax(first, left - BODY_GIVEN_WAY_BYTES)), true);
});

test('content leaves a quarter to documents, in all and for one address', () => {
  const budget = new BodyBudget({ bytesMax: 64 * MiB, bytesPerPeerMax: 32 * MiB });
  const allowances = ['a', 'a', 'b', 'b', 'c', 'c'].flatMap((peer) =>
    Array.from({ length: 5 }, () => new Allowance(budget, peer)),
  );
  for (const allowance of allowances) allowance.widen(Infinity);
  assert.equal(budget.bytes, 48 * MiB);
  assert.equal(allowances[0]?.keep(8 * MiB), true);
  assert.equal(allowances[0].keep(8 * MiB), false, 'its address has 32 MiB');
  assert.equal(allowances.at(-1)?.keep(8 * MiB), true);
  assert.equal(allowances[10]?.keep(1), false);
  for (const allowance of allowances) allowance.release();
  assert.equal(budget.bytes, 0);
});

test('a request that is over takes no more', () => {
  const budget = budgetOf(1);
  const allowance = new Allowance(budget, 'a');
  allowance.release();
  assert.equal(allowance.widen(MiB), false);
  assert.equal(budget.bytes, 0);
});
