import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { KeyPair } from '../../../src/accounts/accounts.ts';
import { realClock } from '../../../src/environment-real.ts';
import type { AdminDoor } from '../../../src/gateway/admin/serve.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openMemoryIdentities, root, type MemoryIdentities } from '../../accounts/memory-accounts.ts';
import { signedCall, type Answer } from './signed-call.ts';
import { openQuietDoor } from './quiet-door.ts';

const trust = {
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Principal: '*', Action: 'sts:AssumeRole' },
};
const allowing = (action: string, resource = '*'): object => ({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Action: action, Resource: resource },
});
const alice = { accessKey: 'ALICE-KEY', secretKey: 'the secret of alice' };
const clock = realClock();

suite('roles over the admin address', () => {
  let door: AdminDoor;
  let identities: MemoryIdentities;
  before(async () => {
    identities = await openMemoryIdentities(new MemoryEngine(), { clock });
    await identities.accounts.create({ name: 'alice', key: alice });
    door = await openQuietDoor({
      ...identities,
    });
  });
  after(() => door.close());

  const call = (
    method: string,
    path: string,
    { body, keys = root }: { body?: object; keys?: KeyPair & { token?: string } } = {},
  ): Promise<Answer> =>
    signedCall(`http://127.0.0.1:${door.address.port}${path}`, method, {
      ...keys,
      ...(body !== undefined && { body }),
    });

  test('a role is made, listed, keeps its user from being deleted, and is deleted', async () => {
    const body = { name: 'reader', user: 'alice', trust, policies: [allowing('s3:Get*')] };
    const made = await call('POST', '/v1/roles', { body });
    assert.equal(made.status, 201, made.text);
    const role = JSON.parse(made.text);
    const accountId = identities.accounts.accountNamed('alice')?.id;
    assert.deepEqual(
      [role.arn, role.user, role.accountId, role.trust, role.policies, role.declared],
      [`arn:aws:iam::${accountId}:role/reader`, 'alice', accountId, trust, body.policies, false],
    );
    const listed = await call('GET', '/v1/roles');
    assert.deepEqual(JSON.parse(listed.text), { roles: [role] });
    const kept = await call('DELETE', '/v1/users/alice');
    assert.deepEqual([kept.status, /owns the role reader/.test(kept.text)], [409, true]);
    assert.equal((await call('DELETE', '/v1/roles/reader')).status, 204);
    assert.equal((await call('DELETE', '/v1/roles/reader')).status, 404);
  });

  const mistakes = [
    { body: { name: 'r' }, status: 400, want: /required property 'trust'/ },
    { body: { name: 'a b', trust }, status: 400, want: /must match pattern/ },
    { body: { name: 'r', trust: 'all' }, status: 400, want: /trust must be object/ },
    { body: { name: 'r', trust: allowing('s3:*') }, status: 400, want: /Missing required field Principal/ },
    { body: { name: 'r', trust, policies: [trust] }, status: 400, want: /should not specify a principal/ },
    { body: { name: 'r', trust, user: 'nobody' }, status: 404, want: /There is no user nobody\./ },
    { body: { name: 'r', trust, path: '/' }, status: 400, want: /additional properties/ },
  ];
  for (const { body, status, want } of mistakes) {
    test(`a role ${JSON.stringify(body)} is ${status} and one sentence`, async () => {
      const answer = await call('POST', '/v1/roles', { body });
      assert.equal(answer.status, status, answer.text);
      assert.match(JSON.parse(answer.text).error.message, want);
    });
  }

  test('temporary keys call what their policies allow: of root everything, of a role what it may', async () => {
    const { accounts, roles, sessions } = identities;
    const made = { user: 'alice', trust: JSON.stringify(trust) };
    const policies = [JSON.stringify(allowing('terrace:ListUsers'))];
    const role = await roles.create({ ...made, name: 'auditor', policies });
    const ofRole = (policy?: object): KeyPair & { token: string } =>
      sessions.issue({
        subject: { kind: 'role', name: role.name, id: role.id, sessionName: 'audit' },
        seconds: 900,
        policy: policy && JSON.stringify(policy),
      });
    const accountId = accounts.account(undefined).id;
    const ofRoot = (federatedName?: string, policy?: object): KeyPair & { token: string } =>
      sessions.issue({
        subject: { kind: 'user', accountId, parentKey: root.accessKey, federatedName },
        seconds: 900,
        policy: policy && JSON.stringify(policy),
      });
    const cases = [
      { name: 'root', keys: ofRoot(), users: 200, roles: 200 },
      { name: 'a federated user of root', keys: ofRoot('carol'), users: 403, roles: 403 },
      {
        name: 'a federated user of root with a policy',
        keys: ofRoot('carol', allowing('terrace:ListRoles')),
        users: 403,
        roles: 200,
      },
      { name: 'a role', keys: ofRole(), users: 200, roles: 403 },
      { name: 'a role cut down', keys: ofRole(allowing('terrace:ListRoles')), users: 403, roles: 403 },
      { name: 'a wrong token', keys: { ...ofRoot(), token: 'x' }, users: 401, roles: 401 },
    ];
    for (const { name, keys, users, roles: wanted } of cases) {
      assert.equal((await call('GET', '/v1/users', { keys })).status, users, name);
      assert.equal((await call('GET', '/v1/roles', { keys })).status, wanted, name);
    }
    await roles.remove('auditor');
  });
});
