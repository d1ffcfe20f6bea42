import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  LOCK_CLIENT_IDLE_MS,
  LOCK_CLIENTS_PER_ADDRESS_MAX,
  LOCK_NOTICE_ATTEMPTS_MAX,
  LOCK_NOTICES_PARALLEL_MAX,
} from '../../../src/limits/nfs.ts';
import type { LockOwner } from '../../../src/namespace/locks/locks.ts';
import type { Ino } from '../../../src/namespace/namespace.ts';
import { client, GRACE_MS, openLockWorld, patient, request, settle, wish } from './lock-world.ts';

const elsewhere = 7 as Ino;

test('without former clients there is no grace period', async () => {
  const before = await openLockWorld();
  await before.locks.lock(wish('a', { isMonitored: false }));
  const { locks } = await before.restart();
  assert.equal(await locks.lock(wish('b')), 'granted');
});

test('after a restart only former clients get their locks, and everybody else waits for the grace period to end', async () => {
  const before = await openLockWorld();
  await before.locks.lock(wish('a'));
  const { locks, clock } = await before.restart();
  assert.equal(locks.list().graceSecondsLeft, GRACE_MS / 1000);
  assert.equal(await locks.lock(wish('b')), 'grace');
  assert.equal(await locks.lock(patient('b')), 'grace');
  assert.equal(await locks.test(request('b')), 'grace');
  assert.equal(await locks.lock(wish('b', { isReclaim: true })), 'denied');
  assert.equal(await locks.lock(wish('a', { isReclaim: true })), 'granted');
  assert.equal(await locks.unlock(request('b')), 'granted');
  await clock.advance(GRACE_MS);
  assert.equal(await locks.lock(wish('b')), 'denied');
  assert.equal(await locks.lock(wish('a', { isReclaim: true })), 'grace');
  assert.equal(locks.list().graceSecondsLeft, 0);
});

test('former clients are told of the restart with a state number that is odd and grows', async () => {
  const first = await openLockWorld();
  await first.locks.lock(wish('a'));
  const second = await first.restart();
  await second.locks.step();
  const third = await second.restart();
  await third.locks.step();
  assert.deepEqual([first.locks.state(), second.notified, third.notified], [1, ['a 3'], ['a 5']]);
});

test('who reclaimed nothing in the grace period has no claim after another restart', async () => {
  const first = await openLockWorld();
  await first.locks.lock(wish('away'));
  await first.locks.lock(wish('there', { ino: elsewhere }));
  const second = await first.restart();
  await second.locks.lock(wish('there', { ino: elsewhere, isReclaim: true }));
  await second.clock.advance(GRACE_MS);
  assert.equal(await second.locks.lock(wish('new')), 'granted');
  const third = await second.restart();
  assert.equal(await third.locks.lock(wish('away', { isReclaim: true })), 'denied');
  assert.equal(await third.locks.lock(wish('new', { isReclaim: true })), 'granted');
  assert.equal(await third.locks.lock(wish('there', { ino: elsewhere, isReclaim: true })), 'granted');
});

test('a client whose status monitor does not answer is tried again and again, and given up in the end', async () => {
  const before = await openLockWorld();
  await before.locks.lock(wish('a'));
  const after = await before.restart();
  after.deaf.add('a');
  for (let minute = 0; minute < 60; minute += 1) {
    await after.locks.step();
    await after.clock.advance(60_000, 60_000);
  }
  assert.equal(after.notified.length, LOCK_NOTICE_ATTEMPTS_MAX);
});

const at = (address: string, name: string): LockOwner => ({
  ...{ client: client(name, address), processId: 1, token: Uint8Array.of(1) },
});

test('an address is told of a restart once, whatever it calls itself', async () => {
  const before = await openLockWorld();
  for (const [index, name] of ['a', 'a.example', 'b'].entries())
    await before.locks.lock(wish('', { owner: at('x', name), offset: index, length: 1 }));
  const after = await before.restart();
  await after.locks.step();
  assert.deepEqual(after.notified, ['x 3']);
});

test('those who answer are told of a restart while many others do not answer at all', async () => {
  const before = await openLockWorld();
  const count = LOCK_NOTICES_PARALLEL_MAX;
  for (let index = 0; index < 2 * count; index += 1)
    await before.locks.lock(wish('', { owner: at(`${index}`, 'n'), offset: index, length: 1 }));
  const hanging: (() => void)[] = [];
  const told: string[] = [];
  const notify = (address: string): Promise<boolean> => {
    if (hanging.length < count - 1) return new Promise((resolve) => hanging.push(() => resolve(false)));
    told.push(address);
    return Promise.resolve(true);
  };
  const after = await before.restart({ notify });
  await after.locks.step();
  await settle();
  for (let turn = 0; turn < count; turn += 1) await settle();
  assert.equal(told.length, count + 1);
  for (const end of hanging) end();
  await after.locks.close();
});

test('what one address calls itself makes only so many clients, and idle ones make place again', async () => {
  const { locks, clock } = await openLockWorld();
  const lock = (address: string, name: string): Promise<string> =>
    locks.lock(wish('', { owner: at(address, name), isExclusive: false }));
  for (let index = 0; index < LOCK_CLIENTS_PER_ADDRESS_MAX; index += 1)
    assert.equal(await lock(`x/${index % 7}`, `n${index}`), 'granted');
  assert.equal(await lock('x', 'one more'), 'full');
  assert.equal(await lock('x/0', 'n0'), 'granted');
  assert.equal(await lock('y', 'one more'), 'granted');
  await locks.release(client('n1', 'x/1'));
  await clock.advance(LOCK_CLIENT_IDLE_MS + 1, LOCK_CLIENT_IDLE_MS);
  await locks.step();
  assert.equal(await lock('x', 'one more'), 'granted');
  assert.equal(await lock('x', 'yet one more'), 'full');
});

test('a client without locks is forgotten after a time, one with locks is not', async () => {
  const before = await openLockWorld();
  await before.locks.lock(wish('idle'));
  await before.locks.unlock(request('idle'));
  await before.locks.lock(wish('busy'));
  await before.clock.advance(LOCK_CLIENT_IDLE_MS + 1, LOCK_CLIENT_IDLE_MS);
  await before.locks.step();
  const after = await before.restart();
  await after.locks.step();
  assert.deepEqual(after.notified, ['busy 3']);
});

test('a client that was forgotten is remembered again before its next lock is granted', async () => {
  const before = await openLockWorld();
  await before.locks.lock(wish('a'));
  await before.locks.unlock(request('a'));
  await before.clock.advance(LOCK_CLIENT_IDLE_MS + 1, LOCK_CLIENT_IDLE_MS);
  await Promise.all([before.locks.step(), before.locks.lock(wish('a'))]);
  const after = await before.restart();
  assert.equal(await after.locks.lock(wish('a', { isReclaim: true })), 'granted');
});
