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
