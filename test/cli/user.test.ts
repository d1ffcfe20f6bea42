import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Accounts } from '../../src/accounts/accounts.ts';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openMemoryIdentities, root } from '../accounts/memory-accounts.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

const aws = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
const terrace = { TERRACE_ROOT_ACCESS_KEY: root.accessKey, TERRACE_ROOT_SECRET_KEY: root.secretKey };

suite('terrace user', () => {
  let door: AdminDoor;
  let accounts: Accounts;
  before(async () => {
    const identities = await openMemoryIdentities(new MemoryEngine());
    accounts = identities.accounts;
    door = await openQuietDoor({
      ...identities,
    });
  });
  after(() => door.close());
  const user = (args: readonly string[], variables: Record<string, string> = aws): Promise<Outcome> =>
    run(['user', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });

  test('create with keys of one’s own, in JSON', async () => {
    const keys = ['--access-key', 'ALICE-KEY', '--secret-key', 'the secret of alice'];
    const { code, out } = await user(['create', 'alice', ...keys, '--uid', '1000', '--gid=100', '--json']);
    assert.equal(code, 0);
    assert.equal(out.length, 1);
    const answer = JSON.parse(out[0] ?? '');
    const { name, accessKey, secretKey, uid, gid } = answer;
    assert.deepEqual(
      { name, accessKey, secretKey, uid, gid },
      { name: 'alice', accessKey: 'ALICE-KEY', secretKey: 'the secret of alice', uid: 1000, gid: 100 },
    );
    assert.equal(accounts.find('ALICE-KEY')?.account.id, answer.accountId);
  });

  test('create with keys made at random prints lines to copy, and the list shows no secret', async () => {
    const { code, out } = await user(['create', 'bob'], terrace);
    assert.equal(code, 0);
    const [, accessKey = ''] = /AWS_ACCESS_KEY_ID=(\S+)/.exec(out.join('\n')) ?? [];
    const [, secretKey = ''] = /AWS_SECRET_ACCESS_KEY=(\S+)/.exec(out.join('\n')) ?? [];
    assert.equal(accounts.find(accessKey)?.secretKey, secretKey);
    const list = await user(['list']);
    assert.match(list.out[0] ?? '', /^name +account +uid:gid +access keys$/);
    assert(list.out.some((line) => line.startsWith('bob ') && line.endsWith(accessKey)));
    assert(!list.out.join('').includes(secretKey));
    const { users } = JSON.parse((await user(['list', '--json'])).out[0] ?? '') as {
      users: readonly { name: string }[];
    };
    assert.deepEqual(
      users.map(({ name }) => name),
      ['alice', 'bob'],
    );
  });

  test('a key comes and goes, then the user', async () => {
    const made = JSON.parse((await user(['key', 'create', '--json', 'bob'])).out[0] ?? '');
    assert.equal(accounts.find(made.accessKey)?.secretKey, made.secretKey);
    assert.equal((await user(['key', 'delete', 'bob', made.accessKey])).code, 0);
    assert.equal(accounts.find(made.accessKey), undefined);
    assert.deepEqual((await user(['delete', 'bob'])).out, ['User bob is deleted.']);
    assert(accounts.list().every(({ name }) => name !== 'bob'));
  });

  test('an identity policy comes, is shown, and goes', async () => {
    const document = { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*' } };
    const folder = await mkdtemp(path.join(tmpdir(), 'terrace-policy-'));
    const file = path.join(folder, 'policy.json');
    await writeFile(file, JSON.stringify(document, undefined, 4));
    const put = await user(['policy', 'put', 'alice', 'all', file]);
    await rm(folder, { recursive: true });
    assert.deepEqual(put.out, ['User alice has the policy all.']);
    assert.equal(
      (await user(['policy', 'put', 'alice', 'more', JSON.stringify(document), '--json'])).code,
      0,
    );
    assert.equal(accounts.find('ALICE-KEY')?.policies?.length, 2);
    const list = await user(['policy', 'list', 'alice']);
    assert.deepEqual(list.out, ['policy  from', 'all     store', 'more    store']);
    assert.deepEqual(JSON.parse((await user(['policy', 'list', 'alice', '--json'])).out[0] ?? ''), {
      policies: [
        { name: 'all', declared: false },
        { name: 'more', declared: false },
      ],
    });
    const get = await user(['policy', 'get', 'alice', 'all']);
    assert.deepEqual(JSON.parse(get.out.join('\n')), document);
    const json = await user(['policy', 'get', 'alice', 'all', '--json']);
    assert.deepEqual(JSON.parse(json.out[0] ?? ''), { name: 'all', declared: false, document });
    for (const name of ['all', 'more'])
      assert.deepEqual((await user(['policy', 'delete', 'alice', name])).out, [
        `The policy ${name} of alice is deleted.`,
      ]);
    assert.equal(accounts.find('ALICE-KEY')?.policies, undefined);
  });

  const refused: readonly {
    args: readonly string[];
    variables?: Record<string, string>;
    code: number;
    want: RegExp;
  }[] = [
    { args: ['create'], code: 2, want: /^terrace user create needs NAME: see terrace user create --help$/ },
    { args: ['key', 'delete', 'bob'], code: 2, want: /needs ACCESSKEY/ },
    {
      args: ['create', 'a', 'b'],
      code: 2,
      want: /^terrace user create takes NAME and flags, and "b" is none$/,
    },
    { args: ['list', 'a'], code: 2, want: /takes only flags/ },
    { args: ['create', 'a', '--access-key', 'abc'], code: 2, want: /belong together: give both or none$/ },
    { args: ['create', 'a', '--uid', 'x'], code: 2, want: /^--uid: "x" is not an id: write a whole number$/ },
    {
      args: ['crate', 'a'],
      code: 2,
      want: /^terrace user is part of a command: the commands are user create, /,
    },
    { args: ['create', 'a b'], code: 1, want: /^body\/name must match pattern/ },
    { args: ['create', 'alice'], code: 1, want: /^There is a user alice already\.$/ },
    {
      args: ['policy', 'put', 'alice', 'p', '/no/such/file'],
      code: 2,
      want: /^The file \/no\/such\/file cannot be read: /,
    },
    { args: ['policy', 'put', 'alice', 'p', '{'], code: 2, want: /^What is given is no JSON object/ },
    {
      args: ['policy', 'put', 'alice', 'p', '{}'],
      code: 1,
      want: /^The policy p of the user alice is refused: Missing required field Statement$/,
    },
    { args: ['policy', 'get', 'alice', 'p'], code: 1, want: /^The user alice has no policy p\.$/ },
    { args: ['policy', 'list', 'nobody'], code: 1, want: /^There is no user nobody\.$/ },
    { args: ['delete', 'nobody'], code: 1, want: /^There is no user nobody\.$/ },
    {
      args: ['list'],
      variables: {},
      code: 1,
      want: /status 401: set TERRACE_ROOT_ACCESS_KEY .* to the root keys$/,
    },
    {
      args: ['list'],
      variables: { AWS_ACCESS_KEY_ID: 'ALICE-KEY', AWS_SECRET_ACCESS_KEY: 'the secret of alice' },
      code: 1,
      want: /^only the root keys and users with a policy that allows terrace:ListUsers may make this call$/,
    },
    {
      args: ['list'],
      variables: { ...aws, AWS_SECRET_ACCESS_KEY: 'guessed' },
      code: 1,
      want: /\/v1\/users does not take the signature: The request signature we calculated does not match/,
    },
    {
      args: ['list'],
      variables: { ...aws, AWS_SESSION_TOKEN: 'token' },
      code: 1,
      want: /does not take the signature: The security token included in the request is invalid\.$/,
    },
    {
      args: ['list'],
      variables: { TERRACE_ROOT_ACCESS_KEY: '', TERRACE_ROOT_SECRET_KEY: '' },
      code: 1,
      want: /status 401: set TERRACE_ROOT_ACCESS_KEY/,
    },
  ];
  for (const { args, variables, code, want } of refused) {
    test(`terrace user ${args.join(' ')}: one sentence and exit code ${code}`, async () => {
      const outcome = await user(args, variables);
      assert.equal(outcome.code, code);
      assert.deepEqual(outcome.out, []);
      assert.equal(outcome.errors.length, 1);
      assert.match(outcome.errors[0] ?? '', want);
    });
  }

  test('help names the operands', async () =>
    assert.equal(
      (await run(['user', 'key', 'delete', '--help'])).out[0],
      'Usage: terrace user key delete NAME ACCESSKEY [FLAGS]',
    ));
});
