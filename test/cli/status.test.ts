import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import type { Status } from '../../src/gateway/admin/status.ts';
import { run, type Outcome } from './double.ts';

const status: Status = {
  version: '1.2.3',
  uptimeSeconds: 61.5,
  region: 'us-east-1',
  addresses: {
    s3: { host: '127.0.0.1', port: 9000 },
    nfs: { host: '127.0.0.1', port: 2049 },
    admin: { host: '::1', port: 9001 },
  },
  buckets: { count: 3 },
  hot: { bytesTotal: 2 * 1024 ** 3, bytesFree: 1024 ** 3 },
  tiers: { mode: 'normal' },
  migrations: { completed: 0, failed: 0, bytes: 0, queued: 0, running: 0 },
  lifecycle: { secondsPerDay: 86_400, passes: 0, counts: { expired: 0 } },
  steps: [{ name: 'sweep', state: 'failing', unitsDone: 4, failuresInRow: 2, failure: 'disk gone' }],
  health: { state: 'degraded', alerts: ['sweep fails: disk gone'] },
};

/** `terrace status` against a server that answers so. */
async function against(
  answer: RequestListener,
  flags: readonly string[] = [],
  variables = {},
): Promise<Outcome> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await run(['status', '--admin', `http://127.0.0.1:${port}/`, ...flags], { variables });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const answering =
  (body: unknown): RequestListener =>
  (_request, response) =>
    void response.end(JSON.stringify(body));

suite('terrace status', () => {
  test('--json is the answer as one line', async () => {
    const { code, out } = await against(answering(status), ['--json']);
    assert.equal(code, 0);
    assert.equal(out.length, 1);
    assert.deepEqual(JSON.parse(out[0] ?? ''), status);
  });

  test('people see health first, and everything by name', async () => {
    const { code, out } = await against(answering(status));
    assert.equal(code, 0);
    assert.deepEqual(out.slice(0, 2), ['health      degraded', '            sweep fails: disk gone']);
    assert(out.includes('hot tier    1Gi of 2Gi used'));
    assert(out.includes('admin       http://[::1]:9001'));
    assert(out.includes('step sweep  failing, 4 units done, last failure: disk gone'));
  });

  test('critical health is exit code 1', async () => {
    const critical = { ...status, health: { state: 'critical', alerts: [] } };
    assert.equal((await against(answering(critical), ['--json'])).code, 1);
  });

  test('it goes to /v1/status with the root keys when they are set', async () => {
    const seen: (string | undefined)[] = [];
    const note: RequestListener = (request, response) => {
      seen.push(request.url, request.headers.authorization);
      response.end(JSON.stringify(status));
    };
    await against(note);
    await against(note, [], { TERRACE_ROOT_ACCESS_KEY: 'a', TERRACE_ROOT_SECRET_KEY: 'b' });
    assert.deepEqual(seen.slice(0, 3), ['/v1/status', undefined, '/v1/status']);
    assert.match(
      seen[3] ?? '',
      /^AWS4-HMAC-SHA256 Credential=a\/\d{8}\/us-east-1\/terrace-admin\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
  });

  const failures: readonly { name: string; answer: RequestListener; want: RegExp }[] = [
    {
      name: 'another kind of server',
      answer: answering({ hello: 'world' }),
      want: /is no admin address of a Terrace gateway$/,
    },
    {
      name: 'no JSON',
      answer: (_request, response) => void response.end('<html>'),
      want: /is no admin address/,
    },
    {
      name: 'an endless answer',
      answer: (_request, response) => void response.end('1'.repeat(2_000_000)),
      want: /is no admin address/,
    },
    {
      name: 'keys asked for',
      answer: (_request, response) => void response.writeHead(401).end(),
      want: /status 401: set TERRACE_ROOT_ACCESS_KEY/,
    },
    {
      name: 'a cut connection',
      answer: (request) => void request.socket.destroy(),
      want: /does not answer: start the gateway/,
    },
    {
      name: 'a connection cut in the middle of the answer',
      answer: (request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{', () => request.socket.destroy());
      },
      want: /does not answer: start the gateway/,
    },
  ];
  for (const { name, answer, want } of failures) {
    test(`${name}: one sentence and exit code 1`, async () => {
      const { code, out, errors } = await against(answer);
      assert.equal(code, 1);
      assert.deepEqual(out, []);
      assert.equal(errors.length, 1);
      assert.match(errors[0] ?? '', want);
    });
  }

  for (const admin of ['http://', 'nowhere']) {
    test(`--admin ${admin} is a mistake of the caller`, async () =>
      assert.equal((await run(['status', '--admin', admin])).code, 2));
  }
});
