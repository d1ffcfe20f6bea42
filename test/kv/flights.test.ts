import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flights } from '../../src/kv/flights.ts';
import { turns } from './rows.ts';

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (cause: Error) => void } {
  let [resolve, reject]: [() => void, (cause: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((fulfil, fail) => ([resolve, reject] = [fulfil, fail]));
  return { promise, resolve, reject };
}

test('commits land in their order, whatever the order in which their writes end', async () => {
  let landings = 0;
  const flights = new Flights({ landed: () => (landings += 1), stopped: () => undefined });
  const [first, second] = [deferred(), deferred()];
  const one = flights.launch({ sequence: 1, bytes: 10, basis: 'itself' }, () => first.promise);
  const two = flights.launch({ sequence: 2, bytes: 5, basis: one }, () => second.promise);
  assert.deepEqual([one.basis, two.basis, flights.bytes, flights.oldest], [one, one, 15, one]);
  second.resolve();
  await turns(1);
  assert.deepEqual([one.hasLanded, two.hasLanded, landings], [false, false, 0]);
  first.resolve();
  await Promise.all([one.landing, two.landing]);
  assert.deepEqual(
    [one.hasLanded, two.hasLanded, flights.bytes, flights.oldest, landings],
    [true, true, 0, undefined, 1],
  );
});

test('one failed write fails all that are under way, earlier and later, and the store stops', async () => {
  const causes: unknown[] = [];
  const flights = new Flights({ landed: () => undefined, stopped: (cause) => causes.push(cause) });
  const writes = [deferred(), deferred(), deferred()];
  const commits = writes.map((write, index) =>
    flights.launch({ sequence: index + 1, bytes: 1, basis: 'itself' }, () => write.promise),
  );
  const cause = new Error('no space left');
  writes[1]?.reject(cause);
  const stopped = { code: 'unavailable', subject: 'store', cause };
  for (const commit of commits) await assert.rejects(commit.landing, stopped);
  writes[0]?.resolve();
  writes[2]?.reject(new Error('another'));
  await turns(1);
  assert.deepEqual([causes, commits.some(({ hasLanded }) => hasLanded)], [[cause], false]);
  assert.throws(() => flights.checkRunning(), stopped);
  await assert.rejects(
    flights.sync(async () => undefined),
    stopped,
  );
});
