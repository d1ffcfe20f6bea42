import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  LOCK_WAITERS_PER_ADDRESS_MAX,
  LOCK_WAITERS_PER_FILE_MAX,
  LOCKS_MAX,
  LOCKS_PER_ADDRESS_MAX,
  LOCKS_PER_FILE_MAX,
} from '../../../src/limits/nfs.ts';
import { FileLocks, heldOf } from '../../../src/namespace/locks/file-locks.ts';
import { LockUsage } from '../../../src/namespace/locks/lock-usage.ts';
import type { LockClient } from '../../../src/namespace/locks/locks.ts';
import { client, groupOf, request, wait } from './lock-world.ts';

/** A file in which a client has so many ranges. */
function fileWith(usage: LockUsage, name: string, count: number): FileLocks {
  const file = new FileLocks();
  const held = Array.from({ length: count }, () => heldOf(request(name)));
  usage.counting(file, client(name), () => (file.held = held));
  return file;
}

test('one file has so many ranges, and room comes back', () => {
  const usage = new LockUsage(groupOf);
  const file = fileWith(usage, 'a', LOCKS_PER_FILE_MAX - 1);
  assert.deepEqual([usage.hasRoom(file, client('b'), 1), usage.hasRoom(file, client('b'), 2)], [true, false]);
  usage.counting(file, client('a'), () => (file.held = file.held.slice(1)));
  assert.equal(usage.hasRoom(file, client('b'), 2), true);
});

test('one client has so many ranges in all its files, others go on', () => {
  const usage = new LockUsage(groupOf);
  for (let count = 0; count < LOCKS_PER_ADDRESS_MAX; count += LOCKS_PER_FILE_MAX)
    fileWith(usage, 'a', LOCKS_PER_FILE_MAX);
  const file = new FileLocks();
  assert.deepEqual([usage.hasRoom(file, client('a'), 1), usage.hasRoom(file, client('b'), 1)], [false, true]);
  assert.equal(usage.hasRoom(file, client('a'), 0), true);
});

test('all that one address calls itself has so many ranges and waits together, others go on', () => {
  const usage = new LockUsage(groupOf);
  const named = (name: string, address = 'x'): LockClient => client(name, address);
  const fill = (name: string, change: (file: FileLocks) => void): void => {
    const file = new FileLocks();
    usage.counting(file, named(name), () => change(file));
  };
  const held = Array.from({ length: LOCKS_PER_FILE_MAX }, () => heldOf(request('a')));
  for (let count = 0; count < LOCKS_PER_ADDRESS_MAX; count += LOCKS_PER_FILE_MAX)
    fill(`name ${count}`, (file) => (file.held = held));
  const waiters = Array.from({ length: LOCK_WAITERS_PER_FILE_MAX }, () => ({
    ...heldOf(request('a')),
    wait,
  }));
  for (let count = 0; count < LOCK_WAITERS_PER_ADDRESS_MAX; count += LOCK_WAITERS_PER_FILE_MAX)
    fill(`name ${count}`, (file) => (file.waiters = waiters));
  const file = new FileLocks();
  for (const [address, want] of [
    ['x', false],
    ['x/another of its addresses', false],
    ['y', true],
  ] as const) {
    assert.equal(usage.hasRoom(file, named('new', address), 1), want);
    assert.equal(usage.hasRoomToWait(file, named('new', address)), want);
  }
});

test('all clients together have so many ranges', () => {
  const usage = new LockUsage(groupOf);
  for (let count = 0; count < LOCKS_MAX; count += LOCKS_PER_FILE_MAX)
    fileWith(usage, `client ${count}`, LOCKS_PER_FILE_MAX);
  assert.equal(usage.hasRoom(new FileLocks(), client('another'), 1), false);
});

test('a client with nothing is not counted', () => {
  const usage = new LockUsage(groupOf);
  const file = fileWith(usage, 'a', 3);
  assert.deepEqual([usage.hasAny(client('a')), usage.of(client('a')).held], [true, 3]);
  usage.counting(file, client('a'), () => (file.held = file.dropClient(heldOf(request('a')).client)));
  assert.deepEqual([usage.hasAny(client('a')), usage.all()], [false, []]);
});
