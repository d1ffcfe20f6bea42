import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { realClock } from '../../src/environment-real.ts';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import type { Keyring } from '../../src/keyring/keyring.ts';
import { root } from '../accounts/memory-accounts.ts';
import { memoryKeyring } from '../keyring/test-keyring.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

suite('terrace key', () => {
  let door: AdminDoor;
  let keyring: Keyring;
  before(async () => {
    keyring = await memoryKeyring();
    door = await openQuietDoor({
      keyring,
    });
  });
  after(() => door.close());
  const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
  const key = (...args: readonly string[]): Promise<Outcome> =>
    run(['key', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });
  const json = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
    const { code, out, errors } = await key(...args, '--json');
    assert.deepEqual([code, errors], [0, []]);
    return JSON.parse(out.join('')) as Record<string, unknown>;
  };

  test('create, list, rotate, disable, enable and delete do to the ring what they say', async () => {
    const made = await json('create', '--alias', 'blue');
    const id = String(made['id']);
    assert.deepEqual([made['alias'], made['state'], made['version']], ['alias/blue', 'enabled', 1]);
    assert.equal(keyring.find('alias/blue').arn, made['arn']);
    const rotated = await json('rotate', 'alias/blue');
    assert.deepEqual([rotated['version'], rotated['oldVersions']], [2, [1]]);
    assert.equal((await json('disable', id))['state'], 'disabled');
    assert.equal((await json('enable', id))['state'], 'enabled');
    await json('disable', id);
    assert.equal((await json('delete', id))['state'], 'deleting');
    const { out } = await key('list');
    assert.match(out.join('\n'), new RegExp(`${id} +alias/blue +deleting +2 +1`));
    assert.equal(((await json('list'))['keys'] as unknown[]).length, 3);
  });

  test('rotate --wait ends when no older version is left', async () => {
    const { id } = await keyring.create(undefined);
    const waiting = key('rotate', id, '--wait');
    // What the background job does once it has looked at everything.
    const rewrapped = (async () => {
      while (keyring.goal()?.has(id) !== true) await realClock().sleep(5);
      await keyring.finish(new Map([[id, { versionMin: 2, removes: false }]]), {
        examined: 1,
        matched: new Map(),
      });
    })();
    const { code, out } = await waiting;
    await rewrapped;
    assert.equal(code, 0);
    assert.match(out.join(), /has version 2\. No older version is left\./);
  });

  test('what cannot be done is one sentence', async () => {
    const cases: readonly [args: readonly string[], says: RegExp][] = [
      [['rotate', 'nobody'], /Invalid keyId nobody/],
      [['disable', 'alias/aws/s3'], /is the gateway's own: it can only be rotated/],
      [['delete', keyring.list()[0]?.id ?? ''], /own: it can only be rotated/],
      [['create', '--alias', 'aws/mine'], /alias/],
    ];
    for (const [args, says] of cases) {
      const { code, errors } = await key(...args);
      assert.equal(code, 1);
      assert.match(errors.join(), says);
    }
  });
});
