import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Ajv } from 'ajv';
import type { Accounts, KeyPair } from '../../../src/accounts/accounts.ts';
import { realClock } from '../../../src/environment-real.ts';
import { adminRows } from '../../../src/gateway/admin/rows.ts';
import type { AdminDoor } from '../../../src/gateway/admin/serve.ts';
import { adminService } from '../../../src/gateway/admin/access.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { signingHeaders } from '../../../src/signing/sign.ts';
import { openMemoryIdentities, root } from '../../accounts/memory-accounts.ts';
import { signedCall, type Answer } from './signed-call.ts';
import { openQuietDoor } from './quiet-door.ts';

const alice = { name: 'alice', accessKey: 'ALICE-KEY', secretKey: 'a secret: with colons' };
const declared = { name: 'dora', accessKey: 'DORA-KEY', secretKey: 'the secret of dora', uid: 7, gid: 8 };

suite('users over the admin address', () => {
  let door: AdminDoor;
  let accounts: Accounts;
  const buckets = new Map<string, readonly string[]>();
  before(async () => {
    const identities = await openMemoryIdentities(new MemoryEngine(), { declared: [declared] });
    accounts = identities.accounts;
    door = await openQuietDoor({
      ...identities,
      bucketsOf: async (id) => buckets.get(id) ?? [],
    });
  });
  after(() => door.close());

  const call = (
    method: string,
    path: string,
    { body, keys = root }: { body?: object; keys?: KeyPair } = {},
  ): Promise<Answer> =>
    signedCall(`http://127.0.0.1:${door.address.port}${path}`, method, {
      ...keys,
      ...(body !== undefined && { body }),
    });

  test('every row of users is for root, unless a policy says else, from this machine as well', async () => {
    const rows = adminRows.filter(({ path }) => path.startsWith('/v1/users'));
    assert.equal(rows.length, 9);
    await accounts.create({ name: 'other', key: { accessKey: 'OTHER', secretKey: 'other secret' } });
    const callers = [
      { keys: { ...root, secretKey: 'guessed' }, want: 401 },
      { keys: { accessKey: 'OTHER', secretKey: root.secretKey }, want: 401 },
      { keys: { accessKey: 'OTHER', secretKey: 'other secret' }, want: 403 },
    ];
    for (const { method, path } of rows) {
      for (const { keys, want } of callers) {
        const body = method === 'POST' || method === 'PUT' ? { body: { name: 'intruder' } } : {};
        const { status, text } = await call(method, path.replace(/:\w+/g, 'other'), {
          keys,
          ...body,
        });
        assert.equal(status, want, `${method} ${path} ${text}`);
      }
    }
    assert.deepEqual(
      accounts.list().map(({ name }) => name),
      ['dora', 'other'],
    );
    await accounts.remove('other');
  });

  test('a user calls what its policies allow, on whom they allow it', async () => {
    const keys = { accessKey: 'OPERATOR', secretKey: 'operator secret' };
    await accounts.create({ name: 'operator', key: keys });
    await accounts.create({ name: 'app-1' });
    await accounts.create({ name: 'person' });
    const text = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 'terrace:ListUsers', Resource: '*' },
        {
          Effect: 'Allow',
          Action: ['terrace:*UserPolic*', 'terrace:CreateUserKey'],
          Resource: 'arn:aws:terrace:::user/app-*',
          Condition: {
            IpAddress: { 'aws:SourceIp': '127.0.0.0/8' },
            StringEquals: { 'aws:username': 'operator' },
          },
        },
        { Effect: 'Deny', Action: 'terrace:DeleteUserPolicy', Resource: '*' },
      ],
    });
    await accounts.putPolicy('operator', { name: 'operating', text });
    const policy = { Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*' } };
    const cases = [
      { method: 'GET', path: '/v1/users', want: 200 },
      { method: 'POST', path: '/v1/users', body: { name: 'more' }, want: 403 },
      { method: 'DELETE', path: '/v1/users/app-1', want: 403 },
      { method: 'POST', path: '/v1/users/app-1/keys', body: {}, want: 201 },
      { method: 'POST', path: '/v1/users/person/keys', body: {}, want: 403 },
      { method: 'PUT', path: '/v1/users/app-1/policies/p', body: policy, want: 204 },
      { method: 'PUT', path: '/v1/users/operator/policies/p', body: policy, want: 403 },
      { method: 'PUT', path: '/v1/users/app-1/policies/a%20b', body: policy, want: 400 },
      { method: 'PUT', path: '/v1/users/app-1/policies/q', body: { Statement: [] }, want: 400 },
      { method: 'GET', path: '/v1/users/app-1/policies', want: 200 },
      { method: 'GET', path: '/v1/users/app-1/policies/p', want: 200 },
      { method: 'GET', path: '/v1/users/app-1/policies/none', want: 404 },
      { method: 'DELETE', path: '/v1/users/app-1/policies/p', want: 403 },
    ];
    for (const { method, path, want, ...rest } of cases) {
      const { status, text: said } = await call(method, path, { keys, ...rest });
      assert.equal(status, want, `${method} ${path} ${said}`);
    }
    assert.equal((await call('DELETE', '/v1/users/app-1/policies/p')).status, 204);
    for (const name of ['operator', 'app-1', 'person']) await accounts.remove(name);
  });

  test('a call without a signature is refused before its body is read', async () => {
    const response = await fetch(`http://127.0.0.1:${door.address.port}/v1/users`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    assert.equal(response.status, 401);
    assert.match(await response.text(), /must be signed with the root keys/);
  });

  test('another body than the one that was signed makes no user', async () => {
    const url = `http://127.0.0.1:${door.address.port}/v1/users`;
    for (const sent of ['{"name":"mallory"}', '']) {
      const body = { name: 'alice' };
      const { status, text } = await signedCall(url, 'POST', { ...root, body, sent });
      assert.equal(status, 401, text);
    }
    assert.deepEqual(
      accounts.list().map(({ name }) => name),
      ['dora'],
    );
  });

  test('a signature is for one method and one path with its query', async () => {
    const url = `http://127.0.0.1:${door.address.port}/v1/users`;
    const scope = { service: adminService, region: 'eu-west-7', seconds: realClock().wall().seconds };
    const given = { method: 'GET', url: new URL(url), body: '' };
    const headers = signingHeaders({ ...root, token: undefined }, given, scope);
    const statuses = [
      { method: 'GET', target: url, want: 200 },
      { method: 'GET', target: `${url}?a=b`, want: 401 },
      { method: 'POST', target: url, want: 401 },
      { method: 'DELETE', target: `${url}/dora`, want: 401 },
    ];
    for (const { method, target, want } of statuses)
      assert.equal((await fetch(target, { method, headers })).status, want, `${method} ${target}`);
  });

  test('a query that is no UTF-8 is a mistake of the caller', async () => {
    const url = `http://127.0.0.1:${door.address.port}/v1/users`;
    const scope = { service: adminService, region: 'us-east-1', seconds: realClock().wall().seconds };
    const given = { method: 'GET', url: new URL(url), body: '' };
    const headers = signingHeaders({ ...root, token: undefined }, given, scope);
    assert.equal((await fetch(`${url}?a=%ff`, { headers })).status, 400);
    assert.equal((await call('GET', '/v1/users?a=%20b+c')).status, 200);
  });

  test('a user is made, listed without its secret, given a key, and deleted', async () => {
    const made = await call('POST', '/v1/users', { body: { ...alice, uid: 1000, gid: 100 } });
    assert.equal(made.status, 201);
    const answer = JSON.parse(made.text);
    assert.deepEqual(
      [answer.name, answer.uid, answer.gid, answer.accessKey, answer.secretKey],
      ['alice', 1000, 100, 'ALICE-KEY', alice.secretKey],
    );
    assert.match(answer.accountId, /^\d{12}$/);
    const more = await call('POST', '/v1/users/alice/keys', { body: {} });
    assert.equal(more.status, 201);
    const key = JSON.parse(more.text);
    assert.equal(accounts.find(key.accessKey)?.secretKey, key.secretKey);
    const list = await call('GET', '/v1/users');
    for (const secret of [alice.secretKey, key.secretKey, declared.secretKey])
      assert(!list.text.includes(secret));
    const { users } = JSON.parse(list.text) as {
      users: readonly { accessKeys: readonly { accessKey: string; declared: boolean }[] }[];
    };
    const keysOf = (index: number): unknown[] | undefined =>
      users[index]?.accessKeys.map((it) => [it.accessKey, it.declared]);
    assert.deepEqual(keysOf(0), [
      ['ALICE-KEY', false],
      [key.accessKey, false],
    ]);
    assert.deepEqual(keysOf(1), [['DORA-KEY', true]]);
    assert.deepEqual(await call('DELETE', '/v1/users/alice/keys/ALICE-KEY'), { status: 204, text: '' });
    assert.equal(accounts.find('ALICE-KEY'), undefined);
    buckets.set(answer.accountId, ['hers']);
    const owning = await call('DELETE', '/v1/users/alice');
    assert.equal(owning.status, 409);
    assert.match(owning.text, /The user alice owns the bucket hers: delete what it owns before\./);
    buckets.clear();
    assert.equal((await call('DELETE', '/v1/users/alice')).status, 204);
    assert.equal(accounts.find(key.accessKey), undefined);
  });

  test('names of the longest kind and of every character make it through the path', async () => {
    const name = `a+=,.@-_${'x'.repeat(56)}`;
    const accessKey = 'K'.repeat(128);
    const body = { name, accessKey, secretKey: 's'.repeat(128) };
    assert.equal((await call('POST', '/v1/users', { body })).status, 201);
    const path = `/v1/users/${encodeURIComponent(name)}`;
    assert.equal((await call('DELETE', `${path}/keys/${accessKey}`)).status, 204);
    assert.equal((await call('DELETE', path)).status, 204);
  });

  const mistakes = [
    { method: 'POST', path: '/v1/users', body: {}, status: 400, want: /must have required property 'name'/ },
    { method: 'POST', path: '/v1/users', body: { name: 'a b' }, status: 400, want: /body\/name must match/ },
    {
      method: 'POST',
      path: '/v1/users',
      body: { name: 'a', uid: '1' },
      status: 400,
      want: /uid must be integer/,
    },
    { method: 'POST', path: '/v1/users', body: { name: 'a', admin: true }, status: 400, want: /additional/ },
    {
      method: 'POST',
      path: '/v1/users',
      body: { name: 'a', accessKey: 'abc' },
      status: 400,
      want: /both or none/,
    },
    {
      method: 'POST',
      path: '/v1/users',
      body: { name: 'a', accessKey: 'abc', secretKey: 'short' },
      status: 400,
      want: /fewer than 8 characters/,
    },
    {
      method: 'POST',
      path: '/v1/users',
      body: { name: 'dora' },
      status: 409,
      want: /is a user dora already/,
    },
    {
      method: 'POST',
      path: '/v1/users',
      body: { name: 'root' },
      status: 409,
      want: /is a user root already/,
    },
    {
      method: 'POST',
      path: '/v1/users',
      body: { ...alice, accessKey: root.accessKey },
      status: 409,
      want: /access key ROOT-KEY is taken/,
    },
    { method: 'DELETE', path: '/v1/users/dora', status: 403, want: /stand in the config/ },
    { method: 'DELETE', path: '/v1/users/dora/keys/DORA-KEY', status: 403, want: /stand in the config/ },
    { method: 'DELETE', path: '/v1/users/nobody', status: 404, want: /no user nobody/ },
    { method: 'DELETE', path: '/v1/users/dora/keys/X', status: 404, want: /has no access key X/ },
    { method: 'POST', path: '/v1/users/nobody/keys', body: {}, status: 404, want: /no user nobody/ },
  ] as const;
  for (const { method, path, status, want, ...rest } of mistakes) {
    test(`${method} ${path} ${JSON.stringify(rest)} is ${status} and one sentence`, async () => {
      const answer = await call(method, path, rest);
      const { error } = JSON.parse(answer.text);
      assert.deepEqual([answer.status, error.status], [status, status]);
      assert.match(error.message, want);
    });
  }

  test('the schemas of the rows are schemas', () => {
    for (const { params, body, response } of adminRows) {
      for (const schema of [params, body, ...Object.values(response)])
        if (schema !== undefined) assert.equal(typeof new Ajv().compile(schema), 'function');
    }
  });
});
