import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Peer, PeerCertificate } from 'nfs-server-ts/peer';
import { AuthRefused } from 'nfs-server-ts/rpc';
import type { ExportRule } from '../../../src/config/export-rule.ts';
import type { ExportRules } from '../../../src/exports/export-rules.ts';
import { UsageError } from '../../../src/config/usage-error.ts';
import { Fault } from '../../../src/fault.ts';
import { Exports, requireSecurity } from '../../../src/gateway/nfs/exports.ts';
import type { HostNames } from '../../../src/gateway/nfs/host-names.ts';
import {
  NFS_HOST_NAMES_FRESH_MS,
  NFS_HOST_NAMES_RETRY_MS,
  NFS_HOST_NAMES_STALE_MS,
} from '../../../src/limits/nfs.ts';
import type { Bucket, Ino } from '../../../src/namespace/namespace.ts';
import { memoryExports, ruleWith } from '../../exports/memory-exports.ts';
import { TestClock } from '../../namespace/world.ts';
import { nameless } from './nfs-world.ts';

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
const photos = 10 as Ino;
const logs = 11 as Ino;

const peerAt = (address: string, tls?: Peer['tls'], port = 700): Peer => ({ address, port, tls });
const certificate: PeerCertificate = {
  subject: 'CN=node1.lab.example',
  issuer: 'CN=authority',
  names: ['Node1.lab.example', '10.0.0.1'],
  fingerprint: 'ab'.repeat(32),
};

interface Given {
  readonly rules?: Pick<ExportRules, 'list'>;
  readonly names?: HostNames;
  readonly clock?: TestClock;
  /** Takes the events that are logged. */
  readonly logged?: string[];
}

async function exportsOf(
  declared: readonly ExportRule[],
  { rules, names = nameless, clock = new TestClock(), logged = [] }: Given = {},
): Promise<Exports> {
  return new Exports({
    rules: rules ?? (await memoryExports(declared)),
    buckets: { buckets: () => Promise.resolve(buckets) },
    names,
    clock,
    log: { warn: (event) => void logged.push(event) },
  });
}

const rules = [
  ruleWith({ bucket: '*', clients: ['127.0.0.1', '::1'] }),
  ruleWith({ bucket: 'photos', clients: ['10.0.0.0/8'], access: 'rw' }),
  ruleWith({ bucket: 'photos', clients: ['10.1.0.0/16', 'fd00::/8'], access: 'ro' }),
  ruleWith({ bucket: 'photos', clients: ['10.1.9.9'], access: 'none' }),
  ruleWith({ bucket: '*', clients: ['10.1.2.3'], access: 'rw' }),
  ruleWith({ bucket: 'logs', clients: ['*'], access: 'ro' }),
];
const cases: readonly { client: string; bucket: Ino; want: 'rw' | 'ro' | undefined; why: string }[] = [
  { client: '10.1.2.4', bucket: photos, want: 'ro', why: 'of the longer prefix' },
  { client: '10.2.2.3', bucket: photos, want: 'rw', why: 'of the only network that holds it' },
  { client: '10.1.9.9', bucket: photos, want: undefined, why: 'of the rule against it' },
  {
    client: '10.1.2.3',
    bucket: photos,
    want: 'ro',
    why: 'of the rule that names the bucket, however loosely the client',
  },
  { client: '10.1.2.3', bucket: ROOT, want: 'rw', why: 'of the rule for all buckets' },
  { client: '10.1.2.3', bucket: logs, want: 'ro', why: 'of the rule that names the bucket' },
  { client: '192.0.2.1', bucket: logs, want: 'ro', why: 'everyone has' },
  { client: '2001:db8::1', bucket: logs, want: 'ro', why: 'everyone has' },
  { client: '10.2.2.3', bucket: ROOT, want: undefined, why: 'no rule for all buckets holds it' },
  { client: 'fd12::1', bucket: photos, want: 'ro', why: 'of the network' },
  { client: 'fd12::1%eth0', bucket: photos, want: 'ro', why: 'of the network, whatever the zone' },
  { client: '127.0.0.1', bucket: photos, want: 'rw', why: 'of the rule for all buckets' },
  { client: '127.0.0.2', bucket: photos, want: undefined, why: 'no rule holds it' },
  { client: '::ffff:127.0.0.1', bucket: photos, want: 'rw', why: 'a mapped address is the plain one' },
  { client: '::1', bucket: ROOT, want: 'rw', why: 'it is named' },
  { client: '::2', bucket: ROOT, want: undefined, why: 'no rule holds it' },
  { client: '', bucket: logs, want: undefined, why: 'nobody knows who that is' },
  { client: '127.0.0.1', bucket: 12 as Ino, want: undefined, why: 'there is no such bucket' },
];
for (const { client, bucket, want, why } of cases) {
  test(`client '${client}' has ${want ?? 'no'} access to bucket ${bucket}: ${why}`, async () => {
    const exports = await exportsOf(rules);
    const peer = peerAt(client);
    assert.equal((await exports.rule(peer, bucket))?.access, want);
    assert.equal((await exports.rule(peer, bucket))?.access, want, 'and again from the cache');
  });
}

test('without any rule nobody has access', async () =>
  assert.equal(await (await exportsOf([])).rule(peerAt('127.0.0.1'), ROOT), undefined));

test('among equals a rule made at run time comes before the config, and the earlier one of the config first', async () => {
  const list = await memoryExports([ruleWith({ access: 'ro' }), ruleWith({ access: 'rw' })]);
  const exports = await exportsOf([], { rules: list });
  const peer = peerAt('127.0.0.1');
  assert.equal((await exports.rule(peer, ROOT))?.access, 'ro');
  await list.put('later', ruleWith({ anonUid: 7 }));
  assert.equal((await exports.rule(peer, ROOT))?.anonUid, 7, 'at once, for a peer that is known');
  await list.put('later', ruleWith({ access: 'none' }));
  assert.equal(await exports.rule(peer, ROOT), undefined);
  await list.remove('later');
  assert.equal((await exports.rule(peer, ROOT))?.access, 'ro');
});

test('EXPORT lists the root where a rule covers it, and the clients of each bucket once', async () => {
  const exports = await exportsOf(rules.slice(0, 4));
  assert.deepEqual(await exports.list(), [
    { path: '/', clients: ['127.0.0.1', '::1'] },
    { path: '/photos', clients: ['127.0.0.1', '::1', '10.0.0.0/8', '10.1.0.0/16', 'fd00::/8'] },
    { path: '/logs', clients: ['127.0.0.1', '::1'] },
  ]);
  const named = await exportsOf([ruleWith({ bucket: 'logs' })]);
  assert.deepEqual(await named.list(), [{ path: '/logs', clients: ['127.0.0.0/8'] }]);
});

test('a client that is none is a mistake', async () => {
  const list = { list: () => [{ name: 'a', rule: ruleWith({ clients: ['10.0.0/8'] }) }] };
  await assert.rejects(exportsOf([], { rules: list }), UsageError);
});

/** Names and addresses that change, break down and lie as the test says. */
class Zone implements HostNames {
  readonly addresses = new Map<string, readonly string[]>();
  readonly names = new Map<string, readonly string[]>();
  isDown = false;
  asked = 0;
  async addressesOf(name: string): Promise<readonly string[]> {
    return this.#answer(this.addresses.get(name));
  }
  async namesOf(address: string): Promise<readonly string[]> {
    return this.#answer(this.names.get(address));
  }
  #answer(found: readonly string[] = []): readonly string[] {
    this.asked += 1;
    if (this.isDown) throw new Error('no server answers');
    return found;
  }
}

test('a host is let in by its name, as long as the name has its address', async () => {
  const zone = new Zone();
  const clock = new TestClock();
  zone.addresses.set('build.example.com', ['10.0.0.5', '2001:db8::5']);
  const exports = await exportsOf([ruleWith({ clients: ['build.example.com'] })], { names: zone, clock });
  const peer = peerAt('10.0.0.5');
  assert.equal((await exports.rule(peer, photos))?.access, 'rw');
  assert.equal((await exports.rule(peerAt('2001:db8::5'), photos))?.access, 'rw');
  assert.equal(await exports.rule(peerAt('10.0.0.6'), photos), undefined);
  assert.equal(zone.asked, 1, 'the name is asked for once');
  zone.addresses.set('build.example.com', ['10.0.0.6']);
  assert.equal((await exports.rule(peer, photos))?.access, 'rw', 'for a while');
  clock.ms += NFS_HOST_NAMES_FRESH_MS;
  assert.equal(await exports.rule(peer, photos), undefined);
});

test('a name service that is away locks out nobody who was in, and lets in nobody new', async () => {
  const zone = new Zone();
  const clock = new TestClock();
  zone.addresses.set('build.example.com', ['10.0.0.5']);
  const known = await exportsOf([ruleWith({ clients: ['build.example.com'] })], { names: zone, clock });
  assert.equal((await known.rule(peerAt('10.0.0.5'), photos))?.access, 'rw');
  zone.isDown = true;
  clock.ms += NFS_HOST_NAMES_FRESH_MS;
  assert.equal((await known.rule(peerAt('10.0.0.5'), photos))?.access, 'rw');
  const fresh = await exportsOf([ruleWith({ clients: ['build.example.com'] })], { names: zone, clock });
  assert.equal(await fresh.rule(peerAt('10.0.0.5'), photos), undefined);
});

const wide = ruleWith({ clients: ['10.0.0.0/8'] });
const outages: readonly { name: string; rules: readonly ExportRule[]; want: 'rw' | 'ro' | undefined }[] = [
  {
    name: 'a host is named by a rule that may be the closest',
    rules: [wide, ruleWith({ clients: ['build.example.com'], access: 'ro' })],
    want: undefined,
  },
  {
    name: 'a host is kept out by a rule that may be the closest',
    rules: [wide, ruleWith({ clients: ['build.example.com'], access: 'none' })],
    want: undefined,
  },
  {
    name: 'a pattern is less close than the network',
    rules: [wide, ruleWith({ clients: ['*.example.com'], access: 'ro' })],
    want: 'rw',
  },
  {
    name: 'a pattern is closer than everyone',
    rules: [ruleWith({ clients: ['*'] }), ruleWith({ clients: ['*.example.com'], access: 'none' })],
    want: undefined,
  },
  {
    name: 'the rule for the bucket names a host',
    rules: [wide, ruleWith({ bucket: 'photos', clients: ['build.example.com'], access: 'ro' })],
    want: undefined,
  },
  {
    name: 'the rule for another bucket names a host',
    rules: [wide, ruleWith({ bucket: 'logs', clients: ['build.example.com'], access: 'ro' })],
    want: 'rw',
  },
  {
    name: 'one rule names a host and the network',
    rules: [ruleWith({ clients: ['build.example.com', '10.0.0.0/8'], access: 'ro' })],
    want: 'ro',
  },
  {
    name: 'one rule names a host and the network, and another one a network between them',
    rules: [
      ruleWith({ clients: ['build.example.com', '10.0.0.0/8'], access: 'ro' }),
      ruleWith({ clients: ['10.0.0.0/16'] }),
    ],
    want: undefined,
  },
];
for (const { name, rules: declared, want } of outages) {
  test(`while no name can be looked up and ${name}, a client of the network has ${want ?? 'no'} access`, async () => {
    const zone = new Zone();
    zone.isDown = true;
    const exports = await exportsOf(declared, { names: zone });
    assert.equal((await exports.rule(peerAt('10.0.0.5'), photos))?.access, want);
    assert.equal((await exports.mountRule(peerAt('10.0.0.5'), 'photos'))?.access, want);
  });
}

test('a name that nobody could look up is asked for again soon, and an outage is logged once', async () => {
  const zone = new Zone();
  const clock = new TestClock();
  const logged: string[] = [];
  zone.isDown = true;
  const declared = [wide, ruleWith({ clients: ['build.example.com'], access: 'ro' })];
  const exports = await exportsOf(declared, { names: zone, clock, logged });
  const accessOf = async (): Promise<string | undefined> =>
    (await exports.rule(peerAt('10.0.0.5'), photos))?.access;
  for (let count = 0; count < 5; count += 1) {
    assert.equal(await accessOf(), undefined);
    clock.ms += NFS_HOST_NAMES_RETRY_MS;
  }
  assert.equal(zone.asked, 5);
  assert.deepEqual(logged, ['nfs.host-name-unknown']);
  zone.isDown = false;
  zone.addresses.set('build.example.com', ['10.0.0.6']);
  assert.equal(await accessOf(), 'rw');
  zone.isDown = true;
  clock.ms += NFS_HOST_NAMES_FRESH_MS;
  assert.equal(await accessOf(), 'rw', 'by the last answer');
  assert.deepEqual(logged, Array<string>(2).fill('nfs.host-name-unknown'));
  clock.ms += NFS_HOST_NAMES_STALE_MS;
  assert.equal(await accessOf(), undefined, 'which is good for a time only');
  assert.equal(logged.length, 2);
});

test('a pattern holds a host only if its name leads back to its address', async () => {
  const zone = new Zone();
  zone.names.set('10.0.0.5', ['Node5.Example.com']);
  zone.addresses.set('node5.example.com', ['10.0.0.5']);
  zone.names.set('192.0.2.1', ['liar.example.com']);
  zone.addresses.set('liar.example.com', ['10.0.0.7']);
  const exports = await exportsOf([ruleWith({ clients: ['*.example.com'] })], { names: zone });
  assert.equal((await exports.rule(peerAt('10.0.0.5'), photos))?.access, 'rw');
  assert.equal(await exports.rule(peerAt('192.0.2.1'), photos), undefined);
  assert.equal(await exports.rule(peerAt('192.0.2.2'), photos), undefined);
});

const certificates: readonly { wanted: string; want: boolean }[] = [
  { wanted: 'node1.lab.example', want: true },
  { wanted: 'NODE1.lab.example', want: true },
  { wanted: '*.lab.example', want: true },
  { wanted: '*.example', want: false },
  { wanted: '*', want: false },
  { wanted: 'node2.lab.example', want: false },
  { wanted: '10.0.0.1', want: true },
  { wanted: 'ab'.repeat(32), want: true },
  { wanted: Array<string>(32).fill('AB').join(':'), want: true },
  { wanted: 'ac'.repeat(32), want: false },
];
for (const { wanted, want } of certificates) {
  test(`a rule for the certificate ${wanted} ${want ? 'holds' : 'does not hold'} the one of node1`, async () => {
    const exports = await exportsOf([ruleWith({ clients: ['*'], certificates: [wanted] })]);
    const rule = exports.rule(peerAt('10.9.9.9', { certificate }), photos);
    if (want) assert.equal((await rule)?.access, 'rw');
    else await assert.rejects(rule, new AuthRefused('AUTH_TOOWEAK'));
  });
}

test('a certificate is more specific than an address, and counts only where it was shown', async () => {
  const byCertificate = ruleWith({
    clients: ['*'],
    certificates: ['node1.lab.example'],
    squash: 'all',
    anonUid: 1,
  });
  const exports = await exportsOf([ruleWith({ clients: ['10.9.9.9'] }), byCertificate]);
  const uidFor = async (tls: Peer['tls']): Promise<number | undefined> =>
    (await exports.rule(peerAt('10.9.9.9', tls), photos))?.anonUid;
  assert.equal(await uidFor({ certificate }), 1);
  assert.equal(await uidFor({ certificate: undefined }), 65_534);
  assert.equal(await uidFor(undefined), 65_534);
});

test('where a bucket has a rule for a certificate, a rule for all buckets is no way round it', async () => {
  const all = ruleWith({ clients: ['*'] });
  const needing = ruleWith({
    bucket: 'photos',
    clients: ['10.0.0.0/8'],
    certificates: ['node1.lab.example'],
    access: 'ro',
  });
  const exports = await exportsOf([all, needing]);
  const accessOf = async (peer: Peer, bucket: Ino): Promise<string | undefined> =>
    exports.rule(peer, bucket).then(
      (rule) => rule?.access,
      (failure: AuthRefused) => failure.stat,
    );
  assert.equal(await accessOf(peerAt('10.0.0.1'), photos), 'AUTH_TOOWEAK');
  assert.equal(await accessOf(peerAt('10.0.0.1', { certificate: undefined }), photos), 'AUTH_TOOWEAK');
  assert.equal(await accessOf(peerAt('10.0.0.1', { certificate }), photos), 'ro');
  assert.equal(await accessOf(peerAt('10.0.0.1'), logs), 'rw');
  assert.equal(await accessOf(peerAt('192.0.2.1'), photos), 'rw', 'the rule is not for that network');
  const open = await exportsOf([
    all,
    needing,
    ruleWith({ bucket: 'photos', clients: ['10.0.0.1'], anonUid: 3 }),
  ]);
  assert.equal((await open.rule(peerAt('10.0.0.1'), photos))?.anonUid, 3, 'that bucket has a rule without');
});

test('MNT comes before TLS: who could have a certificate may mount, who is kept out by address may not', async () => {
  const needing = ruleWith({
    bucket: 'photos',
    clients: ['10.0.0.0/8'],
    certificates: ['a.example'],
    access: 'ro',
  });
  const exports = await exportsOf([
    needing,
    ruleWith({ bucket: 'logs', clients: ['10.0.0.1'], access: 'none' }),
    ruleWith({ bucket: 'logs', clients: ['10.0.0.0/8'] }),
  ]);
  const mayMount = async (address: string, bucket: string): Promise<boolean> =>
    (await exports.mountRule(peerAt(address), bucket)) !== undefined;
  assert.equal(await mayMount('10.0.0.1', 'photos'), true);
  await assert.rejects(exports.rule(peerAt('10.0.0.1'), photos), new AuthRefused('AUTH_TOOWEAK'));
  assert.equal(await mayMount('192.0.2.1', 'photos'), false);
  assert.equal(await mayMount('10.0.0.1', 'logs'), false);
  assert.equal(await mayMount('10.0.0.2', 'logs'), true);
});

test('locks, which Linux sends in clear text always, go by the rule but not by its certificates', async () => {
  const needing = ruleWith({
    bucket: 'photos',
    clients: ['10.0.0.0/8'],
    certificates: ['a.example'],
    access: 'ro',
  });
  const exports = await exportsOf([needing, ruleWith({ bucket: 'logs', clients: ['*'], access: 'none' })]);
  assert.equal((await exports.lockRule(peerAt('10.0.0.1'), photos))?.access, 'ro');
  assert.equal(await exports.lockRule(peerAt('192.0.2.1'), photos), undefined);
  assert.equal(await exports.lockRule(peerAt('10.0.0.1'), logs), undefined);
  assert.equal(await exports.lockRule(peerAt('10.0.0.1'), 12 as Ino), undefined);
});

const releases: readonly { name: string; rules: readonly ExportRule[]; want: boolean }[] = [
  { name: 'no rule', rules: [], want: false },
  { name: 'a rule that wants a privileged port', rules: [ruleWith({ clients: ['*'] })], want: false },
  {
    name: 'rules of which one wants a privileged port',
    rules: [
      ruleWith({ bucket: 'logs', clients: ['*'], secure: false }),
      ruleWith({ bucket: 'photos', clients: ['*'] }),
    ],
    want: false,
  },
  {
    name: 'a rule that takes any port, beside those that let nobody in or others',
    rules: [
      ruleWith({ clients: ['*'], secure: false }),
      ruleWith({ bucket: 'logs', clients: ['*'], access: 'none' }),
      ruleWith({ bucket: 'photos', clients: ['192.0.2.0/24'] }),
    ],
    want: true,
  },
];
for (const { name, rules: declared, want } of releases) {
  test(`under ${name} a machine that starts anew ${want ? 'may say so from any port' : 'says so from a privileged port'}`, async () => {
    const exports = await exportsOf(declared);
    assert.equal(await exports.mayRelease(peerAt('10.0.0.1', undefined, 1024)), want);
    assert.equal(await exports.mayRelease(peerAt('10.0.0.1', undefined, 1023)), true);
  });
}

const secured = [
  { name: 'a privileged port', rule: {}, peer: peerAt('10.0.0.1', undefined, 1023), want: 'in' },
  { name: 'any other port', rule: {}, peer: peerAt('10.0.0.1', undefined, 1024), want: 'access-denied' },
  {
    name: 'any other port',
    rule: { secure: false },
    peer: peerAt('10.0.0.1', undefined, 40_000),
    want: 'in',
  },
  { name: 'clear text', rule: { sec: ['tls'] }, peer: peerAt('10.0.0.1'), want: 'AUTH_TOOWEAK' },
  {
    name: 'TLS',
    rule: { sec: ['sys'] },
    peer: peerAt('10.0.0.1', { certificate: undefined }),
    want: 'AUTH_TOOWEAK',
  },
  { name: 'TLS', rule: { sec: ['tls'] }, peer: peerAt('10.0.0.1', { certificate: undefined }), want: 'in' },
  { name: 'a certificate', rule: { sec: ['tls'] }, peer: peerAt('10.0.0.1', { certificate }), want: 'in' },
  {
    name: 'TLS',
    rule: { sec: ['mtls'] },
    peer: peerAt('10.0.0.1', { certificate: undefined }),
    want: 'AUTH_TOOWEAK',
  },
  { name: 'a certificate', rule: { sec: ['mtls'] }, peer: peerAt('10.0.0.1', { certificate }), want: 'in' },
  {
    name: 'a certificate',
    rule: { sec: ['sys', 'mtls'] },
    peer: peerAt('10.0.0.1', { certificate }),
    want: 'in',
  },
] as const;
for (const { name, rule, peer, want } of secured) {
  test(`${name} under ${JSON.stringify(rule)} is ${want}`, () => {
    const outcome = (): string => {
      try {
        requireSecurity(ruleWith(rule as Partial<ExportRule>), peer);
        return 'in';
      } catch (failure) {
        if (failure instanceof AuthRefused) return failure.stat;
        assert(failure instanceof Fault);
        return failure.code;
      }
    };
    assert.equal(outcome(), want);
  });
}
