import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Accounts, KeyPair } from '../../../src/accounts/accounts.ts';
import type { AdminDoor } from '../../../src/gateway/admin/serve.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openMemoryIdentities, root } from '../../accounts/memory-accounts.ts';
import { openWorld, put, s3, type World } from '../../namespace/world.ts';
import { signedCall } from './signed-call.ts';
import { openQuietDoor } from './quiet-door.ts';

const quotaArn = (subject: string): string => `arn:aws:terrace:::quota/${subject}`;
const alice = { accessKey: 'ALICE-KEY', secretKey: 'the secret of alice' };

suite('quotas over the admin address', () => {
  let door: AdminDoor;
  let world: World;
  let accounts: Accounts;
  before(async () => {
    const identities = await openMemoryIdentities(new MemoryEngine());
    accounts = identities.accounts;
    world = await openWorld();
    const bucket = await world.namespace.objects.createBucket(s3, 'photos');
    await put(world, bucket, 'a', 'nine byte');
    await accounts.create({ name: 'alice', key: alice, uid: 1001, gid: 1001 });
    await accounts.create({ name: 'bob' });
    door = await openQuietDoor({
      ...identities,
      namespace: world.namespace,
    });
  });
  after(() => door.close());

  const call = async (
    method: string,
    subject: string,
    { body, keys = root }: { body?: object; keys?: KeyPair } = {},
  ): Promise<readonly [number, unknown]> => {
    const url = `http://127.0.0.1:${door.address.port}/v1/quotas${subject === '' ? '' : '/'}${subject}`;
    const answer = await signedCall(url, method, { ...keys, ...(body !== undefined && { body }) });
    return [answer.status, answer.text === '' ? undefined : JSON.parse(answer.text)];
  };

  test('a quota is set, shown, listed and removed', async () => {
    const bytes = { used: 9, soft: 5, hard: 10, state: 'over-soft' };
    const times = { overSince: '2023-11-14T22:13:20.000Z', graceEnds: '2023-11-14T22:14:20.000Z' };
    const quota = {
      subject: 'bucket/photos',
      bytes: { ...bytes, ...times },
      inodes: { used: 1, state: 'ok' },
      graceSeconds: 60,
    };
    const body = { bytes: { soft: 5, hard: 10 }, graceSeconds: 60 };
    assert.deepEqual(await call('PUT', 'bucket/photos', { body }), [200, quota]);
    assert.deepEqual(await call('GET', 'bucket/photos'), [200, quota]);
    assert.deepEqual(await call('GET', ''), [200, { quotas: [quota] }]);
    world.clock.ms += 60_000;
    const [, late] = await call('GET', 'bucket/photos');
    assert.equal((late as typeof quota).bytes.state, 'grace-over');
    const [, less] = await call('PUT', 'bucket/photos', { body: { bytes: { soft: null, hard: 9 } } });
    assert.deepEqual((less as typeof quota).bytes, { used: 9, hard: 9, state: 'full' });
    assert.deepEqual(await call('DELETE', 'bucket/photos'), [204, undefined]);
    assert.equal((await call('DELETE', 'bucket/photos'))[0], 404);
    const [, free] = await call('GET', 'bucket/photos');
    assert.deepEqual((free as typeof quota).bytes, { used: 9, state: 'ok' });
  });

  const named = [
    { text: 'user/alice', subject: 'user/1001' },
    { text: 'user/1001', subject: 'user/1001' },
    { text: 'group/0', subject: 'group/0' },
    { text: 'bucket/photos/user/alice', subject: 'bucket/photos/user/1001' },
    { text: 'bucket/photos/group/5', subject: 'bucket/photos/group/5' },
  ];
  for (const { text, subject } of named) {
    test(`${text} is ${subject}`, async () => {
      const [status, quota] = await call('GET', text);
      assert.equal(status, 200);
      assert.equal((quota as { subject: string }).subject, subject);
    });
  }

  const refused = [
    { text: 'bucket/nowhere', want: 404, message: 'There is no bucket nowhere.' },
    { text: 'user/nobody', want: 404, message: 'There is no user nobody.' },
    { text: 'user/bob', want: 409, message: /^The user bob shares its user id with others: write user\/\d+/ },
    { text: 'group/staff', want: 400, message: /names nothing that has a quota/ },
    { text: 'photos', want: 400, message: /names nothing that has a quota/ },
    { text: 'bucket/photos/owner/1', want: 400, message: /names nothing that has a quota/ },
    { text: 'user/4294967296', want: 404, message: /There is no user/ },
  ];
  for (const { text, want, message } of refused) {
    test(`${text} is refused with ${want}`, async () => {
      const [status, answer] = await call('PUT', text, { body: { bytes: { hard: 1 } } });
      assert.equal(status, want);
      const told = (answer as { error: { message: string } }).error.message;
      if (typeof message === 'string') assert.equal(told, message);
      else assert.match(told, message);
    });
  }

  const wrong = [
    { bytes: 5 },
    { bytes: { hard: -1 } },
    { bytes: { hard: '10Gi' } },
    { files: {} },
    { graceSeconds: 1.5 },
  ];
  for (const body of wrong) {
    test(`a body is what it says: ${JSON.stringify(body)}`, async () => {
      assert.equal((await call('PUT', 'bucket/photos', { body }))[0], 400);
    });
  }

  test('a user may do what its policy allows, to the subject that it names', async () => {
    const statement = {
      Effect: 'Allow',
      Action: ['terrace:GetQuota', 'terrace:SetQuota'],
      Resource: 'arn:aws:terrace:::quota/bucket/photos',
    };
    const body = { inodes: { hard: 5 } };
    assert.equal((await call('PUT', 'bucket/photos', { body, keys: alice }))[0], 403);
    const text = JSON.stringify({ Version: '2012-10-17', Statement: statement });
    await accounts.putPolicy('alice', { name: 'quotas', text });
    assert.equal((await call('PUT', 'bucket/photos', { body, keys: alice }))[0], 200);
    assert.equal((await call('PUT', 'user/alice', { body, keys: alice }))[0], 403);
    assert.equal((await call('DELETE', 'bucket/photos', { keys: alice }))[0], 403);
    assert.equal((await call('GET', '', { keys: alice }))[0], 403);
  });

  test('a subject is the same to a policy, whatever way a call writes it', async () => {
    const statements = [
      { Effect: 'Allow', Action: 'terrace:GetQuota', Resource: '*' },
      { Effect: 'Deny', Action: '*', Resource: ['user/1001', 'group/7'].map(quotaArn) },
      { Effect: 'Deny', Action: '*', Resource: quotaArn('bucket/photos/user/1001') },
    ];
    const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    await accounts.putPolicy('alice', { name: 'quotas', text });
    const denied = ['user/1001', 'user/01001', 'user/0000001001', 'user/alice', 'user/%61lice', 'group/007'];
    for (const subject of [...denied, 'bucket/photos/user/alice', 'bucket/photos/user/01001'])
      assert.equal((await call('GET', subject, { keys: alice }))[0], 403, subject);
    for (const subject of ['user/1002', 'group/1001', 'bucket/photos'])
      assert.equal((await call('GET', subject, { keys: alice }))[0], 200, subject);
    assert.equal((await call('GET', 'user/nobody', { keys: alice }))[0], 404);
  });
});
