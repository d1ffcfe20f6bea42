import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from '../../../src/gateway/nfs/gate.ts';

test('no more pass at a time than may, in the order in which they came, also behind failures', async () => {
  const gate = new Gate(3);
  const order: number[] = [];
  let inside = 0;
  let insideMax = 0;
  const calls = Array.from({ length: 20 }, (_, index) =>
    gate.pass(async () => {
      order.push(index);
      inside += 1;
      insideMax = Math.max(insideMax, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      if (index % 4 === 0) throw new Error('broken');
      return index;
    }),
  );
  const settled = await Promise.allSettled(calls);
  assert.equal(insideMax, 3);
  assert.deepEqual(
    order,
    settled.map((_, index) => index),
  );
  assert.equal(settled.filter(({ status }) => status === 'rejected').length, 5);
});

test('parties take turns: one call of a newcomer waits for none of the many that another has sent before', async () => {
  const gate = new Gate(1);
  const order: string[] = [];
  const go = (party: string, name: string): Promise<void> =>
    gate.pass(async () => {
      order.push(name);
      await new Promise((resolve) => setImmediate(resolve));
    }, party);
  const flood = Array.from({ length: 100 }, (_, index) => go('a', `a${index}`));
  await Promise.all([...flood, go('b', 'b0'), go('b', 'b1'), go('c', 'c0')]);
  assert.deepEqual(order.slice(0, 6), ['a0', 'a1', 'b0', 'c0', 'a2', 'b1']);
  assert.equal(order.length, 103);
});
