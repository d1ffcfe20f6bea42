import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOCK_WAITERS_PER_FILE_MAX } from '../../../src/limits.ts';
import type { Ino } from '../../../src/namespace/namespace.ts';
import { client, file, openLockWorld, owner, patient, request, settle, wish } from './lock-world.ts';

test('a lock keeps others out until it is given back, and readers share', async () => {
  const { locks } = await openLockWorld();
  assert.equal(await locks.lock(wish('a', { isExclusive: false })), 'granted');
  assert.equal(await locks.lock(wish('b', { isExclusive: false })), 'granted');
  assert.equal(await locks.lock(wish('b')), 'denied');
  assert.equal(await locks.unlock(request('a')), 'granted');
  assert.equal(await locks.lock(wish('b')), 'granted');
  assert.equal(await locks.lock(wish('a', { isExclusive: false })), 'denied');
});

test('a test names the first who is in the way, and its range', async () => {
  const { locks } = await openLockWorld();
  await locks.lock(wish('b', { offset: 50, length: 10 }));
  await locks.lock(wish('a', { offset: 10, length: 5, isExclusive: false }));
  const found = await locks.test(request('c'));
  assert(typeof found === 'object');
  assert.deepEqual(
    [found.owner.client.name, found.offset, found.length, found.isExclusive],
    ['a', 10, 5, false],
  );
  assert.equal(await locks.test(request('c', { isExclusive: false, offset: 10, length: 5 })), 'free');
  assert.equal(await locks.test(request('a', { offset: 10, length: 5 })), 'free');
});

test('two processes of a client, and two machines behind one address, are different owners', async () => {
  const { locks } = await openLockWorld();
  await locks.lock(wish('a'));
  assert.equal(await locks.lock(wish('a', { owner: owner('a', 2) })), 'denied');
  const neighbour = { ...owner('b'), client: client('b', 'address of a') };
  assert.equal(await locks.lock(wish('b', { owner: neighbour })), 'denied');
});

test('who waits gets the lock in the order of arrival, readers together', async () => {
  const { locks, told } = await openLockWorld();
  await locks.lock(wish('holder'));
  assert.equal(await locks.lock(patient('w1')), 'blocked');
  assert.equal(await locks.lock(patient('r1', { isExclusive: false })), 'blocked');
  assert.equal(await locks.lock(patient('r2', { isExclusive: false })), 'blocked');
  assert.equal(await locks.lock(patient('w2')), 'blocked');
  const order: string[][] = [];
  for (const name of ['holder', 'w1', 'r1', 'r2', 'w2']) {
    await locks.unlock(request(name));
    await settle();
    order.push(told.splice(0));
  }
  assert.deepEqual(order, [['w1:1'], ['r1:1', 'r2:1'], [], ['w2:1'], []]);
});

test('readers who are ready to wait do not pass a writer who waits, but for those who read already', async () => {
  const { locks } = await openLockWorld();
  const reads = { isExclusive: false };
  await locks.lock(wish('reader', { ...reads, length: 10 }));
  assert.equal(await locks.lock(patient('writer')), 'blocked');
  assert.equal(await locks.lock(patient('late', reads)), 'blocked');
  assert.equal(await locks.lock(patient('reader', reads)), 'granted');
  await locks.cancel(request('writer'));
  assert.equal(locks.list().locks.filter(({ state }) => state === 'waiting').length, 0);
});

test('a client that asks again keeps its place and is told once', async () => {
  const { locks, told } = await openLockWorld();
  await locks.lock(wish('holder'));
  for (const name of ['first', 'second', 'first']) assert.equal(await locks.lock(patient(name)), 'blocked');
  await locks.unlock(request('holder'));
  await settle();
  assert.deepEqual(told, ['first:1']);
  assert.equal(await locks.lock(patient('first')), 'granted');
});

test('a downgrade lets readers in', async () => {
  const { locks, told } = await openLockWorld();
  await locks.lock(wish('a'));
  await locks.lock(patient('b', { isExclusive: false }));
  assert.equal(await locks.lock(wish('a', { isExclusive: false })), 'granted');
  await settle();
  assert.deepEqual(told, ['b:1']);
});

test('a lock that was granted and is refused leaves its owner with what it had before', async () => {
  const { locks, outcomes } = await openLockWorld();
  const reads = { isExclusive: false, length: 10 };
  await locks.lock(wish('a', reads));
  await locks.lock(wish('b', reads));
  await locks.lock(patient('a', { length: 10 }));
  outcomes.push('refused');
  await locks.unlock(request('b', reads));
  await settle();
  const lines = locks.list().locks.map(
    ({
      owner: {
        client: { name },
      },
      isExclusive,
      length,
    }) => [name, isExclusive, length],
  );
  assert.deepEqual(lines, [['a', false, 10]]);
});

test('a client that cannot be reached is tried again, then loses the lock that it never heard of', async () => {
  const { locks, outcomes, told, clock } = await openLockWorld();
  await locks.lock(wish('holder'));
  await locks.lock(patient('gone'));
  await locks.lock(patient('next'));
  outcomes.push(...Array<'unreachable'>(5).fill('unreachable'));
  await locks.unlock(request('holder'));
  await clock.advance(40_000);
  await settle();
  assert.deepEqual(told, [...Array<string>(5).fill('gone:1'), 'next:1']);
});

test('a client that perhaps knows of its lock keeps it', async () => {
  const { locks, outcomes, told, clock } = await openLockWorld();
  await locks.lock(wish('holder'));
  await locks.lock(patient('silent'));
  await locks.lock(patient('next'));
  outcomes.push('unanswered', ...Array<'unreachable'>(4).fill('unreachable'));
  await locks.unlock(request('holder'));
  await clock.advance(40_000);
  await settle();
  assert.deepEqual(told, Array<string>(5).fill('silent:1'));
  assert.equal(await locks.lock(wish('other')), 'denied');
});

test('who unlocks or asks while the news is under way is not told any more', async () => {
  for (const act of ['unlock', 'lock'] as const) {
    const { locks, outcomes, told, clock } = await openLockWorld();
    await locks.lock(wish('holder'));
    await locks.lock(patient('a'));
    outcomes.push('unreachable');
    await locks.unlock(request('holder'));
    await settle();
    if (act === 'unlock') await locks.unlock(request('a'));
    else assert.equal(await locks.lock(patient('a')), 'granted');
    await clock.advance(40_000);
    assert.deepEqual([told, await locks.lock(wish('b'))], [['a:1'], act === 'unlock' ? 'granted' : 'denied']);
  }
});

test('CANCEL takes back a grant that is under way, and says when nobody waited', async () => {
  const { locks, outcomes } = await openLockWorld();
  await locks.lock(wish('holder'));
  await locks.lock(patient('a'));
  outcomes.push('unreachable');
  await locks.unlock(request('holder'));
  await settle();
  assert.equal(await locks.cancel(request('a')), 'granted');
  assert.equal(await locks.cancel(request('a')), 'denied');
  assert.equal(await locks.lock(wish('b')), 'granted');
});

test('so many wait for a file; one more is told that there is no room', async () => {
  const { locks } = await openLockWorld();
  await locks.lock(wish('holder'));
  for (let id = 0; id < LOCK_WAITERS_PER_FILE_MAX; id += 1)
    assert.equal(await locks.lock(patient('a', { owner: owner('a', id) })), 'blocked');
  assert.equal(await locks.lock(patient('b')), 'full');
  assert.equal(await locks.lock(patient('a', { owner: owner('a', 0) })), 'blocked');
});

test('release gives back all that a client has, in every file, and grants it to who waits', async () => {
  const { locks, told } = await openLockWorld();
  const elsewhere = 101 as Ino;
  await locks.lock(wish('a'));
  await locks.lock(wish('b', { ino: elsewhere }));
  await locks.lock(patient('a', { ino: elsewhere }));
  await locks.lock(patient('c'));
  assert.equal(await locks.release(client('a')), 2);
  await settle();
  assert.deepEqual(told, ['c:1']);
  assert.equal(await locks.release(client('a')), 0);
});

const restarts = [
  { name: 'by the name that it locks with', says: client('a.example', 'x'), state: 5, isReleased: true },
  { name: 'by its name without domain', says: client('A', 'x'), state: 5, isReleased: true },
  { name: 'by another name, alone at its address', says: client('other', 'x'), state: 5, isReleased: true },
  { name: 'from another address', says: client('a.example', 'y'), state: 5, isReleased: false },
  { name: 'with the state that it locked with', says: client('a.example', 'x'), state: 3, isReleased: false },
];
for (const { name, says, state, isReleased } of restarts) {
  test(`a client that says ${name} that it started anew ${isReleased ? 'loses' : 'keeps'} its locks`, async () => {
    const { locks } = await openLockWorld();
    const mine = { ...owner('a'), client: client('a.example', 'x') };
    await locks.lock(wish('a', { owner: mine, clientState: 3 }));
    await locks.clientRestarted(says, state);
    assert.equal(await locks.lock(wish('b')), isReleased ? 'granted' : 'denied');
  });
}

test('a client that locks with a greater state number has started anew', async () => {
  const { locks } = await openLockWorld();
  const elsewhere = 101 as Ino;
  await locks.lock(wish('a', { clientState: 3 }));
  await locks.lock(wish('a', { ino: elsewhere, owner: owner('a', 2), clientState: 5 }));
  assert.equal(await locks.lock(wish('b')), 'granted');
  assert.equal(await locks.lock(wish('b', { ino: elsewhere })), 'denied');
});

test('locks and waits of a removed file go by themselves', async () => {
  const { locks, clock, removed } = await openLockWorld();
  await locks.lock(wish('a'));
  await locks.lock(patient('b'));
  removed.add(file);
  await clock.advance(60_001);
  await locks.step();
  assert.deepEqual(locks.list().locks, []);
  assert.deepEqual(
    locks.list().clients.map(({ held, waiting }) => [held, waiting]),
    [
      [0, 0],
      [0, 0],
    ],
  );
});

const bits = (text: string): { read: boolean; write: boolean } => ({
  read: text.includes('r'),
  write: text.includes('w'),
});
const shares = [
  { first: ['r', ''], second: ['rw', ''], answer: 'granted' },
  { first: ['r', 'w'], second: ['w', ''], answer: 'denied' },
  { first: ['w', ''], second: ['r', 'w'], answer: 'denied' },
  { first: ['r', 'w'], second: ['r', 'w'], answer: 'granted' },
  { first: ['r', 'rw'], second: ['r', ''], answer: 'denied' },
] as const;
for (const { first, second, answer } of shares) {
  test(`a share of ${second.join(' denying ')} beside one of ${first.join(' denying ')} is ${answer}`, async () => {
    const { locks } = await openLockWorld();
    const ask = (name: string, [access, denies]: readonly [string, string]): Promise<string> =>
      locks.share({
        ino: file,
        owner: owner(name),
        access: bits(access),
        denies: bits(denies),
        isReclaim: false,
      });
    assert.equal(await ask('a', first), 'granted');
    assert.equal(await ask('b', second), answer);
    await locks.unshare({ ino: file, owner: owner('a') });
    assert.equal(await ask('b', second), 'granted');
    assert.equal(await ask('b', ['', '']), 'granted');
    assert.deepEqual(
      locks.list().clients.map(({ shares: count }) => count),
      [1],
    );
  });
}
