import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOCKS_MAX, LOCKS_PER_CLIENT_MAX, LOCKS_PER_FILE_MAX } from '../../../src/limits.ts';
import { FileLocks, heldOf } from '../../../src/namespace/locks/file-locks.ts';
import { LockUsage } from '../../../src/namespace/locks/lock-usage.ts';
import { client, request } from './lock-world.ts';

/** A file in which a client has so many ranges. */
function fileWith(usage: LockUsage, name: string, count: number): FileLocks {
  const file = new FileLocks();
  const held = Array.from({ length: count }, () => heldOf(request(name)));
  usage.counting(file, client(name), () => (file.held = held));
  return file;
}

test('one file has so many ranges, and room comes back', () => {
  const usage = new LockUsage();
  const file = fileWith(usage, 'a', LOCKS_PER_FILE_MAX - 1);
  assert.deepEqual([usage.hasRoom(file, client('b'), 1), usage.hasRoom(file, client('b'), 2)], [true, false]);
  usage.counting(file, client('a'), () => (file.held = file.held.slice(1)));
  assert.equal(usage.hasRoom(file, client('b'), 2), true);
});

test('one client has so many ranges in all its files, others go on', () => {
  const usage = new LockUsage();
  for (let count = 0; count < LOCKS_PER_CLIENT_MAX; count += LOCKS_PER_FILE_MAX)
    fileWith(usage, 'a', LOCKS_PER_FILE_MAX);
  const file = new FileLocks();
  assert.deepEqual([usage.hasRoom(file, client('a'), 1), usage.hasRoom(file, client('b'), 1)], [false, true]);
  assert.equal(usage.hasRoom(file, client('a'), 0), true);
});

test('all clients together have so many ranges', () => {
  const usage = new LockUsage();
  for (let count = 0; count < LOCKS_MAX; count += LOCKS_PER_FILE_MAX)
    fileWith(usage, `client ${count}`, LOCKS_PER_FILE_MAX);
  assert.equal(usage.hasRoom(new FileLocks(), client('another'), 1), false);
});

test('a client with nothing is not counted', () => {
  const usage = new LockUsage();
  const file = fileWith(usage, 'a', 3);
  assert.deepEqual([usage.hasAny(client('a')), usage.of(client('a')).held], [true, 3]);
  usage.counting(file, client('a'), () => (file.held = file.dropClient(heldOf(request('a')).client)));
  assert.deepEqual([usage.hasAny(client('a')), usage.all()], [false, []]);
});
