import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scope, Siblings } from '../src/scope.ts';

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
