import assert from 'node:assert/strict';
import path from 'node:path';
import { suite, test } from 'node:test';
import { parseConfigFile } from '../../src/config/file.ts';
import { loadConfig, type LoadedConfig } from '../../src/config/load.ts';
import { renderOrigins } from '../../src/config/render.ts';
import { UsageError } from '../../src/config/usage-error.ts';

interface Given {
  readonly flags?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly yaml?: string;
}

const load = ({ flags = {}, variables = {}, yaml }: Given): LoadedConfig =>
  loadConfig({
    flags: new Map(Object.entries(flags)),
    variables,
    ...(yaml === undefined ? {} : { file: parseConfigFile('terrace.yaml', yaml) }),
  });

const keys = { TERRACE_ROOT_ACCESS_KEY: 'operator', TERRACE_ROOT_SECRET_KEY: 'a secret of length' };

suite('settings', () => {
  test('nothing set: the defaults, complete', () => {
    const { config } = load({});
    assert.deepEqual(config.s3.address, { host: '127.0.0.1', port: 9000 });
    assert.deepEqual(config.nfs.address, { host: '127.0.0.1', port: 2049 });
    assert.deepEqual(config.admin.address, { host: '127.0.0.1', port: 9001 });
    assert.equal(config.data, path.resolve('terrace-data'));
    assert.equal(config.hot.path, path.resolve('terrace-data/hot'));
    assert.equal(config.hot.size, 'auto');
    assert.deepEqual(config.warm, { devices: [], ec: { data: 4, parity: 2 } });
    assert.equal(config.region, 'us-east-1');
    assert.deepEqual(config.root, {});
    assert.deepEqual(config.nfs.exports, [
      {
        bucket: '*',
        clients: ['127.0.0.0/8', '::1/128'],
        certificates: [],
        access: 'rw',
        squash: 'none',
        anonUid: 65_534,
        anonGid: 65_534,
        secure: false,
        sec: ['sys', 'tls', 'mtls'],
        uids: [],
        gids: [],
      },
    ]);
  });

  test('a flag wins over a variable, that over the file, that over the default', () => {
    const yaml = 'region: from-file\nhot:\n  size: 1Gi\nlog:\n  level: error\n';
    const variables = { TERRACE_REGION: 'from-variable', TERRACE_HOT_SIZE: '2Gi' };
    const { config, origins } = load({ yaml, variables, flags: { '--region': 'from-flag' } });
    assert.equal(config.region, 'from-flag');
    assert.equal(config.hot.size, 2 * 1024 ** 3);
    assert.equal(config.log.level, 'error');
    assert.equal(config.log.format, 'auto');
    const from = Object.fromEntries(origins.map((origin) => [origin.setting.path, origin.from]));
    assert.equal(from['region'], 'flag --region');
    assert.equal(from['hot.size'], 'environment TERRACE_HOT_SIZE');
    assert.equal(from['log.level'], 'file terrace.yaml');
    assert.equal(from['log.format'], 'default');
  });

  test('numbers are numbers in a flag, a variable and the file', () => {
    const flags = { '--lifecycle-seconds-per-day': '10', '--reduction-sparse-percent': '75' };
    const variables = { TERRACE_COLD_RECALL_DAYS: '3' };
    const { config } = load({ flags, variables, yaml: 'reduction:\n  level: 5\n' });
    assert.deepEqual(
      [config.lifecycle.secondsPerDay, config.reduction.sparsePercent, config.cold.recallDays],
      [10, 75, 3],
    );
    assert.equal(config.reduction.level, 5);
  });

  test('users are declared with or without ids, and their secrets are masked', () => {
    const yaml =
      'users:\n  - { name: alice, accessKey: ALICE-KEY, secretKey: hush hush hush, uid: 1000, gid: 100 }\n' +
      '  - { name: bob, accessKey: BOB-KEY, secretKey: hush hush too, policies: ["{}", { Version: 2012-10-17 }] }\n';
    const { config, origins } = load({ yaml });
    assert.deepEqual(config.users, [
      {
        name: 'alice',
        accessKey: 'ALICE-KEY',
        secretKey: 'hush hush hush',
        uid: 1000,
        gid: 100,
        policies: [],
      },
      {
        name: 'bob',
        accessKey: 'BOB-KEY',
        secretKey: 'hush hush too',
        policies: ['{}', { Version: '2012-10-17' }],
      },
    ]);
    const shown = renderOrigins(origins).join('\n');
    assert(shown.includes('ALICE-KEY') && shown.includes('bob') && !shown.includes('hush'));
    assert.deepEqual(load({}).config.users, []);
  });

  test('a written export rule squashes root and wants privileged ports unless it says otherwise', () => {
    const { config } = load({ yaml: 'nfs:\n  exports:\n    - { clients: [10.0.0.0/8] }' });
    const { squash, secure, access } = config.nfs.exports[0]!;
    assert.deepEqual([squash, secure, access], ['root', true, 'rw']);
  });

  test('two loads share nothing', () => {
    (load({}).config.nfs.exports as unknown[]).length = 0;
    assert.equal(load({}).config.nfs.exports.length, 1);
  });

  const accepted = [
    { name: 'an empty file', given: { yaml: '' } },
    { name: 'a group without members', given: { yaml: 's3:\n' } },
    { name: 'a quantity that YAML reads as a number', given: { yaml: 'hot:\n  size: 1073741824\n' } },
    { name: 'an empty variable, as compose files write it', given: { variables: { TERRACE_HOT_PATH: '' } } },
    {
      name: 'variables that Kubernetes makes',
      given: { variables: { TERRACE_SERVICE_HOST: '10.0.0.1', TERRACE_PORT: 'tcp://10.0.0.1:80' } },
    },
    { name: 'one port 0 for all doors', given: { flags: { '--s3': '127.0.0.1:0', '--nfs': '127.0.0.1:0' } } },
  ] as const;
  for (const { name, given } of accepted) test(`accepted: ${name}`, () => assert.ok(load(given).config));

  test('lists have commas in flags', () =>
    assert.deepEqual(load({ flags: { '--s3-base-domains': 'a.example, b.example' } }).config.s3.baseDomains, [
      'a.example',
      'b.example',
    ]));
});

suite('mistakes in settings are one sentence each', () => {
  const cases: readonly { given: Given; want: string }[] = [
    {
      given: { variables: { TERRACE_HOT_SZE: '1' } },
      want: 'TERRACE_HOT_SZE: there is no such environment variable; did you mean "TERRACE_HOT_SIZE"?',
    },
    {
      given: { variables: { TERRACE_FOO: '1' } },
      want: 'TERRACE_FOO: there is no such environment variable: remove it, or choose one that terrace serve --print-config shows',
    },
    {
      given: { flags: { '--region': 'Non sense!' } },
      want: '--region: write lower-case letters, digits and dashes, for example us-east-1',
    },
    {
      given: { yaml: 's3:\n  bodyMemory: 1Mi' },
      want: 's3.bodyMemory in terrace.yaml: "1Mi" is too little for the largest document that a request may carry: write 64Mi or more',
    },
    { given: { yaml: 's33: x' }, want: 'terrace.yaml: there is no setting "s33"; did you mean "s3"?' },
    {
      given: { yaml: 's3:\n  adress: x' },
      want: 'terrace.yaml: there is no setting "adress" of s3; did you mean "address"?',
    },
    {
      given: { yaml: 'nfs: 9000' },
      want: 'nfs in terrace.yaml: this is a group with the settings address, portmap, serverName, gracePeriodSeconds, groups, tls, exports',
    },
    {
      given: { yaml: '- a' },
      want: 'terrace.yaml: a config file holds settings by name, for example "data: /srv/terrace"',
    },
    {
      given: { yaml: 'nfs:\n  exports:\n    - { client: [::1] }' },
      want: 'nfs.exports.0 in terrace.yaml: clients is missing',
    },
    {
      given: { yaml: 'nfs:\n  exports:\n    - { clients: here }' },
      want: 'nfs.exports.0.clients in terrace.yaml: write a list, for example [one, two]',
    },
    {
      given: { yaml: 'nfs:\n  exports:\n    - { clients: [10.0.0/8] }' },
      want: 'nfs.exports.0: "10.0.0/8" is no client: write an address, a network like 10.0.0.0/8, a host name, a pattern like *.example.com, or * for everyone',
    },
    {
      given: { yaml: 'nfs: { tls: { certificate: a.pem } }' },
      want: 'nfs.tls.certificate and nfs.tls.key belong together: set both or none',
    },
    {
      given: { yaml: 'nfs: { tls: { authorities: a.pem } }' },
      want: 'nfs.tls.authorities is for TLS: set nfs.tls.certificate and nfs.tls.key, too',
    },
    {
      given: { yaml: 'nfs: { tls: { certificate: a, key: b, revoked: c } }' },
      want: 'nfs.tls.revoked is about certificates of clients: set nfs.tls.authorities, too',
    },
    {
      given: { yaml: 'nfs: { exports: [{ clients: ["*"], sec: [tls] }] }' },
      want: 'nfs.exports.0: sec wants TLS, which is not set up: set nfs.tls.certificate and nfs.tls.key, or add sys',
    },
    {
      given: {
        yaml: 'nfs: { tls: { certificate: a, key: b }, exports: [{ clients: ["*"], sec: [mtls] }] }',
      },
      want: 'nfs.exports.0: sec wants certificates of clients, which nobody could have: set nfs.tls.authorities, or add tls',
    },
    {
      given: { yaml: 'reduction: { cipher: none }' },
      want: 'reduction.cipher in terrace.yaml: write one of aes-256-gcm, chacha20-poly1305',
    },
    {
      given: { yaml: 'nfs:\n  exports:\n    - { clients: ["::1"], squash: some }' },
      want: 'nfs.exports.0.squash in terrace.yaml: write one of none, root, all',
    },
    {
      given: { yaml: 'timeouts:\n  body: 5' },
      want: 'timeouts.body in terrace.yaml: "5" is not a duration: write for example 500ms, 30s, 5m or 2h',
    },
    {
      given: { flags: { '--timeouts-header': '0s' } },
      want: '--timeouts-header: "0s" is out of range: write 1ms to 24d',
    },
    {
      given: { flags: { '--timeouts-body': '100d' } },
      want: '--timeouts-body: "100d" is out of range: write 1ms to 24d',
    },
    {
      given: { variables: { TERRACE_LOG_LEVEL: 'debug' } },
      want: 'TERRACE_LOG_LEVEL: write one of info, warn, error, silent',
    },
    {
      given: { flags: { '--hot-size': '12Q' } },
      want: '--hot-size: "12Q" is not a quantity: write for example 64Ki, 10Gi or 1.5T',
    },
    {
      given: { flags: { '--s3': '9000' } },
      want: '--s3: "9000" is not an address: write HOST:PORT, for example 127.0.0.1:9000 or [::1]:9000',
    },
    {
      given: { flags: { '--s3': '127.0.0.1:9001' } },
      want: '--admin and --s3 have the same address: give each its own port',
    },
    {
      given: { variables: { TERRACE_ROOT_ACCESS_KEY: 'operator' } },
      want: 'TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY belong together: set both or none',
    },
    {
      given: { variables: { ...keys, TERRACE_ROOT_SECRET_KEY: 'short' } },
      want: 'TERRACE_ROOT_SECRET_KEY: the value must NOT have fewer than 8 characters',
    },
  ];
  const bob = '{ name: bob, accessKey: BOB-KEY, secretKey: a secret of length }';
  const users: readonly { yaml: string; want: string }[] = [
    { yaml: '[{ name: bob }]', want: 'users.0 in terrace.yaml: accessKey is missing' },
    {
      yaml: '[{ name: bob, accessKey: BOB-KEY, secretKey: short }]',
      want: 'users.0.secretKey in terrace.yaml: the value must NOT have fewer than 8 characters',
    },
    {
      yaml: '[{ name: b b, accessKey: BOB-KEY, secretKey: a secret of length }]',
      want: 'users.0.name in terrace.yaml: the value must match pattern "^[A-Za-z0-9_+=,.@-]+$"',
    },
    {
      yaml: '[{ name: bob, accessKey: BOB-KEY, secretKey: hush hush, policies: [7] }]',
      want: 'users.0.policies.0 in terrace.yaml: write a text',
    },
    { yaml: `[${bob}, ${bob}]`, want: 'users: name "bob" is there twice: give each user its own' },
    {
      yaml: `[${bob}, ${bob.replace('bob', 'carol')}]`,
      want: 'users: accessKey "BOB-KEY" is there twice: give each user its own',
    },
    {
      yaml: '[{ name: bob, accessKey: BOB-KEY, secretKey: a secret of length, admin: yes }]',
      want: 'terrace.yaml: there is no setting "admin" of users.0',
    },
  ];
  const ofUsers = users.map(({ yaml, want }) => ({ given: { yaml: `users: ${yaml}\n` }, want }));
  for (const { given, want } of [...cases, ...ofUsers]) {
    test(want, () =>
      assert.throws(
        () => load(given),
        (it) => it instanceof UsageError && it.message === want,
      ),
    );
  }

  test('a file that is no YAML says where', () =>
    assert.throws(
      () => load({ yaml: 'a: [b' }),
      /^UsageError: terrace\.yaml: this is not YAML: .* at line 1/,
    ));
});

test('the secret key is masked wherever settings are shown', () => {
  const lines = renderOrigins(load({ variables: keys }).origins);
  assert(lines.some((line) => /^root\.accessKey +operator +environment TERRACE_ROOT_ACCESS_KEY$/.test(line)));
  assert(lines.some((line) => /^root\.secretKey +\*{8} +environment TERRACE_ROOT_SECRET_KEY$/.test(line)));
  assert(!lines.join('\n').includes(keys.TERRACE_ROOT_SECRET_KEY));
});
