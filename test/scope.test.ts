import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opening, Scope } from '../src/scope.ts';

const closing = (name: string, order: string[], failure?: Error) => ({
  close: async (): Promise<void> => {
    order.push(name);
    if (failure !== undefined) throw failure;
  },
});

test('what was opened last closes first, also when a close fails, and all failures are told', async () => {
  const order: string[] = [];
  const scope = new Scope();
  scope.own(closing('first', order));
  scope.own(closing('second', order, new Error('stuck')));
  scope.own(closing('third', order));
  await assert.rejects(
    scope.close(),
    (failure: AggregateError) => failure.errors.length === 1 && failure.errors[0].message === 'stuck',
  );
  assert.deepEqual(order, ['third', 'second', 'first']);
});

test('a failed opening closes what was open and tells why it failed, not how the closing went', async () => {
  const order: string[] = [];
  const failed = opening(async (scope) => {
    scope.own(closing('opened', order, new Error('a consequence')));
    throw new Error('the reason');
  });
  await assert.rejects(failed, { message: 'the reason' });
  assert.deepEqual(order, ['opened']);
});
