import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opening, Scope, Siblings } from '../src/scope.ts';

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

test('a scope closes in reverse order, siblings in it at the same time, and what fails stops nothing', async () => {
  const events: string[] = [];
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const closing = (name: string, until: Promise<void> = Promise.resolve()) => ({
    async close() {
      events.push(`${name} closes`);
      await until;
      events.push(`${name} closed`);
      if (name === 'broken') throw new Error(name);
    },
  });
  const scope = new Scope();
  scope.own(closing('store'));
  const doors = scope.own(new Siblings());
  doors.own(closing('slow', released));
  doors.own(closing('broken'));
  const closed = assert.rejects(scope.close(), AggregateError);
  await new Promise(setImmediate);
  assert.deepEqual(events, ['slow closes', 'broken closes', 'broken closed']);
  release();
  await closed;
  assert.deepEqual(events.slice(3), ['slow closed', 'store closes', 'store closed']);
});
