import { memoryKeyring } from '../../keyring/test-keyring.ts';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { realClock } from '../../../src/environment-real.ts';
import { adminRows } from '../../../src/gateway/admin/rows.ts';
import { openAdmin, type AdminDoor } from '../../../src/gateway/admin/serve.ts';
import type { Status } from '../../../src/gateway/admin/status.ts';
import { ADMIN_HEADER_BYTES_MAX } from '../../../src/limits.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { Metrics } from '../../../src/metrics.ts';
import { openMemoryIdentities } from '../../accounts/memory-accounts.ts';
import { signedCall } from './signed-call.ts';
import { quietSources } from './quiet-sources.ts';

const address = { host: '127.0.0.1', port: 9000 };
const status: Status = {
  version: '1.2.3',
  uptimeSeconds: 4.5,
  region: 'us-east-1',
  addresses: { s3: address, nfs: address, admin: address },
  buckets: { count: 3 },
  hot: { bytesTotal: 1024, bytesFree: 512 },
  tiers: { mode: 'normal' },
  migrations: { completed: 0, failed: 0, bytes: 0, queued: 0, running: 0 },
  lifecycle: { secondsPerDay: 86_400, passes: 0, counts: { expired: 0 } },
  steps: [{ name: 'sweep', state: 'failing', unitsDone: 1, failuresInRow: 2, failure: 'disk gone' }],
  health: { state: 'healthy', alerts: [] },
};
const keys = { accessKey: 'operator', secretKey: 'a secret of length' };

suite('the admin address', () => {
  let door: AdminDoor;
  let base = '';
  let reasons: string[] = [];
  let isBroken = false;
  const logged: string[] = [];
  before(async () => {
    door = await openAdmin({
      ...(await quietSources()),
      address: { host: '127.0.0.1', port: 0 },
      ...(await openMemoryIdentities(new MemoryEngine(), { root: { ...keys, uid: 0, gid: 0 } })),
      keyring: await memoryKeyring(),
      environment: {
        clock: realClock(),
        log: { info: () => undefined, warn: () => undefined, error: (event) => void logged.push(event) },
      },
      metrics: new Metrics(),
      status: async () => {
        if (isBroken) throw new Error('internal detail');
        return status;
      },
      unready: async () => reasons,
    });
    base = `http://127.0.0.1:${door.address.port}`;
  });
  after(() => door.close());

  test('takes a free port and says which', () => assert(door.address.port > 0));

  test('health is the process alone', async () => {
    reasons = ['NFS does not answer'];
    const response = await fetch(`${base}/healthz`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { alive: true });
  });

  test('readiness is 503 with the reasons until all doors answer', async () => {
    reasons = ['NFS does not answer'];
    const before = await fetch(`${base}/readyz`);
    assert.equal(before.status, 503);
    assert.deepEqual(await before.json(), { ready: false, reasons });
    reasons = [];
    const later = await fetch(`${base}/readyz`);
    assert.equal(later.status, 200);
    assert.deepEqual(await later.json(), { ready: true, reasons: [] });
  });

  test('metrics are in the text format of Prometheus', async () => {
    const response = await fetch(`${base}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  });

  test('the status is all of it', async () => {
    const response = await fetch(`${base}/v1/status`);
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.deepEqual(await response.json(), status);
  });

  const remote = { 'x-forwarded-for': '203.0.113.9' };
  const calls = [
    { name: 'with the root keys', signed: keys, want: 200 },
    { name: 'with a wrong secret', signed: { ...keys, secretKey: 'guessed' }, want: 401 },
    { name: 'with an unknown access key', signed: { ...keys, accessKey: 'nobody' }, want: 401 },
    { name: 'with a session token that is none', signed: { ...keys, token: 'x' }, want: 401 },
    { name: 'signed for S3', signed: { ...keys, service: 's3' }, want: 401 },
    { name: 'signed 15 minutes and more ago', signed: { ...keys, aheadSeconds: -905 }, want: 401 },
    { name: 'signed for a time to come', signed: { ...keys, aheadSeconds: 905 }, want: 401 },
    { name: 'signed with a clock that is a little off', signed: { ...keys, aheadSeconds: -880 }, want: 200 },
  ] as const;
  for (const { name, signed, want } of calls) {
    test(`the status forwarded for another machine, ${name}: ${want}`, async () =>
      assert.equal(
        (await signedCall(`${base}/v1/status`, 'GET', { ...signed, headers: remote })).status,
        want,
      ));
  }

  for (const authorization of [undefined, 'Bearer x', `Basic ${btoa('operator:a secret of length')}`]) {
    test(`the status forwarded for another machine with the Authorization ${authorization}: 401`, async () => {
      const headers = { ...remote, ...(authorization !== undefined && { authorization }) };
      const response = await fetch(`${base}/v1/status`, { headers });
      assert.equal(response.status, 401);
      assert.equal(response.headers.get('www-authenticate'), 'AWS4-HMAC-SHA256');
    });
  }

  test('an unknown path is 404 in JSON', async () => {
    const response = await fetch(`${base}/v2/x?secret=1`);
    assert.equal(response.status, 404);
    assert.deepEqual(await response.json(), { error: { status: 404, message: 'there is no GET /v2/x' } });
  });

  test('an unexpected failure is logged and not shown', async () => {
    isBroken = true;
    const response = await fetch(`${base}/v1/status`);
    isBroken = false;
    assert.equal(response.status, 500);
    assert(!(await response.text()).includes('internal detail'));
    assert.deepEqual(logged, ['admin call failed']);
  });

  test('headers beyond the bound are refused, and the next call is answered', async () => {
    const answer = await raw(
      door.address.port,
      `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'b'.repeat(ADMIN_HEADER_BYTES_MAX)}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 431 /);
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
  });

  test('a web page that reached the address by a name of its own needs keys', async () => {
    const answer = await raw(
      door.address.port,
      'GET /v1/status HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 401 /);
  });

  test('only rows of this machine or with keys tell more than health and metrics', () =>
    assert.deepEqual(
      adminRows.filter((row) => row.path.startsWith('/v1/') && row.access === 'open'),
      [],
    ));
});

/** Sends bytes as they are; what came back until the other side closed or answered. */
const raw = (port: number, request: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
    socket.once('close', () => resolve(answer)).once('error', reject);
  });
