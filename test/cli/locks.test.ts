import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { root } from '../accounts/memory-accounts.ts';
import { openLockWorld, patient, wish } from '../namespace/locks/lock-world.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

suite('terrace locks', () => {
  let door: AdminDoor;
  before(async () => {
    const { locks } = await openLockWorld();
    await locks.lock(wish('web', { offset: 10, length: 5 }));
    await locks.lock(patient('db'));
    door = await openQuietDoor({
      locks,
    });
  });
  after(() => door.close());
  const keys = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
  const locks = (
    args: readonly string[],
    variables: Readonly<Record<string, string>> = keys,
  ): Promise<Outcome> =>
    run(['locks', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });

  test('list shows clients, and who holds and waits for which bytes', async () => {
    const { code, out } = await locks(['list']);
    assert.equal(code, 0);
    assert.deepEqual(
      out.map((line) => line.trim().split(/\s{2,}/)),
      [
        ['address', 'client', 'held', 'waiting', 'shares'],
        ['address of web', 'web', '1', '0', '0'],
        ['address of db', 'db', '0', '1', '0'],
        [''],
        ['inode', 'bytes', 'kind', 'state', 'client', 'process'],
        ['100', '10-14', 'exclusive', 'held', 'web', '1'],
        ['100', '0-', 'exclusive', 'waiting', 'db', '1'],
      ],
    );
    const { out: json } = await locks(['list', '--json']);
    assert.deepEqual((JSON.parse(json[0] ?? '') as { locks: unknown[] }).locks[0], {
      ...{ ino: 100, offset: 10, length: 5, exclusive: true, state: 'held' },
      ...{ address: 'address of web', client: 'web', process: 1 },
    });
  });

  test('who has no keys neither sees nor releases anything', async () => {
    for (const args of [['list'], ['release', 'address of web', 'web']])
      assert.equal((await locks(args, {})).code, 1);
  });

  test('release gives back what a dead client held, and says how much that was', async () => {
    const dead = ['release', 'address of web', 'web'];
    assert.deepEqual((await locks(dead)).out, ['1 lock was held by web at address of web.']);
    assert.deepEqual((await locks(dead)).out, ['Nothing was held by web at address of web.']);
    const { out } = await locks(['list', '--json']);
    const shown = JSON.parse(out[0] ?? '') as { locks: { client: string; state: string }[] };
    assert.deepEqual(
      shown.locks.map(({ client, state }) => [client, state]),
      [['db', 'held']],
    );
  });
});
