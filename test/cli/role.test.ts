import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { realClock } from '../../src/environment-real.ts';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openMemoryIdentities, root, type MemoryIdentities } from '../accounts/memory-accounts.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

const aws = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
const trust =
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}';
const policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}';

suite('terrace role', () => {
  let door: AdminDoor;
  let identities: MemoryIdentities;
  let folder = '';
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'terrace-role-'));
    identities = await openMemoryIdentities(new MemoryEngine(), { clock: realClock() });
    door = await openQuietDoor({
      ...identities,
    });
  });
  after(async () => {
    await door.close();
    await rm(folder, { recursive: true });
  });
  const role = (args: readonly string[], variables: Record<string, string> = aws): Promise<Outcome> =>
    run(['role', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });

  test('create takes files and JSON, list shows the ARN, delete ends it', async () => {
    const file = path.join(folder, 'trust.json');
    await writeFile(file, trust);
    const made = await role(['create', 'reader', '--trust', file, '--policy', policy]);
    assert.deepEqual(made.out, ['Role reader: arn:aws:iam::000000000000:role/reader']);
    assert.equal(identities.roles.find('reader')?.policies.length, 1);
    const listed = await role(['list']);
    assert.match(listed.out[1] ?? '', /^reader +root +arn:aws:iam::000000000000:role\/reader$/);
    assert.equal(JSON.parse((await role(['list', '--json'])).out[0] ?? '').roles.length, 1);
    assert.deepEqual((await role(['delete', 'reader'])).out, ['Role reader is deleted.']);
    assert.deepEqual(identities.roles.list(), []);
  });

  test('temporary keys in the environment sign as others do', async () => {
    const { accounts, sessions } = identities;
    const accountId = accounts.account(undefined).id;
    const subject = { kind: 'user', accountId, parentKey: root.accessKey, federatedName: undefined } as const;
    const keys = sessions.issue({ subject, seconds: 900, policy: undefined });
    const variables = {
      AWS_ACCESS_KEY_ID: keys.accessKey,
      AWS_SECRET_ACCESS_KEY: keys.secretKey,
      AWS_SESSION_TOKEN: keys.token,
    };
    assert.equal((await role(['list'], variables)).code, 0);
    const { AWS_SESSION_TOKEN: _token, ...without } = variables;
    assert.match((await role(['list'], without)).errors[0] ?? '', /does not take the signature/);
  });

  const refused = [
    { args: ['create', 'a'], code: 2, want: /^terrace role create needs --trust FILE/ },
    { args: ['create', 'a', '--trust', '/nowhere/at/all'], code: 2, want: /cannot be read/ },
    { args: ['create', 'a', '--trust', '{'], code: 2, want: /is no JSON object/ },
    { args: ['create', 'a', '--trust', policy], code: 1, want: /Missing required field Principal/ },
    { args: ['create', 'a', '--trust', trust, '--user', 'nobody'], code: 1, want: /There is no user nobody/ },
    { args: ['delete', 'nobody'], code: 1, want: /^There is no role nobody\.$/ },
  ];
  for (const { args, code, want } of refused) {
    test(`terrace role ${args.join(' ')}: one sentence and exit code ${code}`, async () => {
      const outcome = await role(args);
      assert.equal(outcome.code, code);
      assert.equal(outcome.errors.length, 1);
      assert.match(outcome.errors[0] ?? '', want);
    });
  }
});
