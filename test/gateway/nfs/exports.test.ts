import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExportRule } from '../../../src/config.ts';
import { UsageError } from '../../../src/config/usage-error.ts';
import { callerUnder, Exports } from '../../../src/gateway/nfs/exports.ts';
import type { Bucket, Ino } from '../../../src/namespace/namespace.ts';

const ROOT = 0 as Ino;
const buckets: readonly Bucket[] = ['photos', 'logs'].map((name, index) => ({
  name,
  ino: (index + 10) as Ino,
  createdAt: { seconds: 0, nanoseconds: 0 },
  configurations: [],
  owner: undefined,
  objectOwnership: undefined,
  rules: { versioning: 'off' as const, objectLock: undefined },
}));
const listing = { buckets: () => Promise.resolve(buckets) };
const rule = (given: Partial<ExportRule>): ExportRule => ({
  ...{ bucket: '*', clients: ['127.0.0.0/8'], access: 'rw', squash: 'none', anonUid: 99, anonGid: 98 },
  ...given,
});

const rules = [
  rule({ bucket: 'photos', clients: ['10.1.0.0/16', 'fd00::/8'], access: 'ro' }),
  rule({ bucket: 'photos', clients: ['10.0.0.0/8'] }),
  rule({ bucket: '*', clients: ['127.0.0.1', '::1'] }),
];
const photos = 10 as Ino;
const logs = 11 as Ino;
const cases: readonly { client: string; bucket: Ino; want: 'rw' | 'ro' | undefined }[] = [
  { client: '10.1.2.3', bucket: photos, want: 'ro' },
  { client: '10.2.2.3', bucket: photos, want: 'rw' },
  { client: '10.2.2.3', bucket: logs, want: undefined },
  { client: '10.2.2.3', bucket: ROOT, want: undefined },
  { client: 'fd12::1', bucket: photos, want: 'ro' },
  { client: '127.0.0.1', bucket: photos, want: 'rw' },
  { client: '127.0.0.1', bucket: logs, want: 'rw' },
  { client: '127.0.0.1', bucket: ROOT, want: 'rw' },
  { client: '127.0.0.2', bucket: logs, want: undefined },
  { client: '::ffff:127.0.0.1', bucket: logs, want: 'rw' },
  { client: '::1', bucket: ROOT, want: 'rw' },
  { client: '::2', bucket: ROOT, want: undefined },
  { client: '', bucket: ROOT, want: undefined },
  { client: '127.0.0.1', bucket: 12 as Ino, want: undefined },
];
for (const { client, bucket, want } of cases) {
  test(`client '${client}' has ${want ?? 'no'} access to bucket ${bucket}`, async () => {
    const exports = new Exports(rules, listing);
    assert.equal((await exports.rule(client, bucket))?.access, want);
    assert.equal((await exports.rule(client, bucket))?.access, want);
  });
}

test('without any rule nobody has access', async () =>
  assert.equal(await new Exports([], listing).rule('127.0.0.1', ROOT), undefined));

test('EXPORT lists the root where a rule covers it, and the clients of each bucket once', async () => {
  assert.deepEqual(await new Exports(rules, listing).list(), [
    { path: '/', clients: ['127.0.0.1', '::1'] },
    { path: '/photos', clients: ['10.1.0.0/16', 'fd00::/8', '10.0.0.0/8', '127.0.0.1', '::1'] },
    { path: '/logs', clients: ['127.0.0.1', '::1'] },
  ]);
  const named = [rule({ bucket: 'logs' })];
  assert.deepEqual(await new Exports(named, listing).list(), [{ path: '/logs', clients: ['127.0.0.0/8'] }]);
});

for (const client of ['localhost', '10.0.0.0/33', '10.0.0/8', '::/129', '']) {
  test(`'${client}' is no network`, () =>
    assert.throws(() => new Exports([rule({ clients: [client] })], listing), UsageError));
}

const peer = { address: '127.0.0.1', port: 700, tls: undefined };
const call = { machine: new Uint8Array(0), client: '127.0.0.1', peer } as const;
const root = { ...call, flavor: 'AUTH_SYS', uid: 0, gid: 0, groups: [0, 5] } as const;
const user = { ...call, flavor: 'AUTH_SYS', uid: 7, gid: 8, groups: [0, 5] } as const;
const nobody = { ...call, flavor: 'AUTH_NONE', uid: 65_534, gid: 65_534, groups: [] } as const;
const squashes = [
  { name: 'none believes everyone', squash: 'none', as: root, want: { uid: 0, gid: 0, groups: [0, 5] } },
  { name: 'root squashes the superuser', squash: 'root', as: root, want: { uid: 99, gid: 98, groups: [5] } },
  {
    name: 'root leaves users, but not their group 0',
    squash: 'root',
    as: user,
    want: { uid: 7, gid: 8, groups: [5] },
  },
  { name: 'all squashes everyone', squash: 'all', as: user, want: { uid: 99, gid: 98, groups: [] } },
  {
    name: 'no credential is anonymous always',
    squash: 'none',
    as: nobody,
    want: { uid: 99, gid: 98, groups: [] },
  },
] as const;
for (const { name, squash, as, want } of squashes) {
  test(`squash: ${name}`, () =>
    assert.deepEqual(callerUnder(rule({ squash }), as), {
      ...want,
      bypassesModes: false,
      client: { address: as.client, uid: as.uid },
    }));
}
