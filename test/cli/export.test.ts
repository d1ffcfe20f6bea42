import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { ExportRules } from '../../src/exports/export-rules.ts';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { root } from '../accounts/memory-accounts.ts';
import { memoryExports, ruleWith } from '../exports/memory-exports.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };

suite('terrace export', () => {
  let door: AdminDoor;
  let exports: ExportRules;
  before(async () => {
    exports = await memoryExports([ruleWith({ squash: 'none', secure: false })]);
    door = await openQuietDoor({
      exports,
    });
  });
  after(() => door.close());
  const command = (...args: readonly string[]): Promise<Outcome> =>
    run(['export', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });

  test('set makes a rule of every flag, list shows it, remove ends it', async () => {
    const given = ['--clients', '10.0.0.0/8,*.lab.example', '--bucket', 'photos', '--access', 'ro'];
    const who = ['--squash', 'all', '--anon-uid', '1000', '--anon-gid', '100', '--secure', 'false'];
    const tls = ['--sec', 'tls,mtls', '--certificates', 'a.example'];
    const maps = ['--uids', '1000:2000:5,7:8', '--gids', '1:2'];
    const made = await command('set', 'lab', ...given, ...who, ...tls, ...maps);
    const options =
      'ro,all_squash,anonuid=1000,anongid=100,insecure,sec=tls:mtls,certificates=a.example,uids=1000:2000:5,uids=7:8:1,gids=1:2:1';
    assert.deepEqual(
      made.out,
      [`Export lab: photos to 10.0.0.0/8, *.lab.example (${options}).`],
      made.errors[0],
    );
    assert.deepEqual(exports.list()[0]?.rule, {
      ...{ bucket: 'photos', clients: ['10.0.0.0/8', '*.lab.example'], access: 'ro', squash: 'all' },
      ...{ anonUid: 1000, anonGid: 100, secure: false, sec: ['tls', 'mtls'], certificates: ['a.example'] },
      uids: [
        { client: 1000, server: 2000, count: 5 },
        { client: 7, server: 8, count: 1 },
      ],
      gids: [{ client: 1, server: 2, count: 1 }],
    });
    assert.deepEqual((await command('list')).out, [
      'name      bucket  clients                   options',
      `lab       photos  10.0.0.0/8,*.lab.example  ${options}`,
      '(config)  *       127.0.0.0/8               rw,no_root_squash,insecure,sec=sys:tls:mtls',
    ]);
    assert.equal(JSON.parse((await command('list', '--json')).out[0] ?? '').exports.length, 2);
    assert.deepEqual((await command('remove', 'lab')).out, ['Export lab is removed.']);
    assert.equal(exports.list().length, 1);
  });

  const mistakes = [
    { args: ['set', 'a'], code: 2, want: /needs --clients CLIENT,…/ },
    { args: ['set', 'a', '--clients', '*', '--secure', 'yes'], code: 2, want: /neither true nor false/ },
    { args: ['set', 'a', '--clients', '*', '--anon-uid', 'bob'], code: 2, want: /is not an id/ },
    { args: ['set', 'a', '--clients', '*', '--uids', '1-2'], code: 2, want: /"1-2" is no range/ },
    { args: ['set', 'a', '--clients', '10.0.0/8'], code: 1, want: /is no client/ },
    { args: ['remove', 'a'], code: 1, want: /There is no export a/ },
  ];
  for (const { args, code, want } of mistakes) {
    test(`${args.join(' ')} is one sentence and exit code ${code}`, async () => {
      const outcome = await command(...args);
      assert.equal(outcome.code, code);
      assert.match(outcome.errors[0] ?? '', want);
    });
  }
});
