import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { memoryBackend } from '../src/memory.ts';
import type { Nfs3Program } from '../src/nfs3.ts';
import type { Peer } from '../src/peer.ts';
import type { CallContext } from '../src/rpc.ts';
import { readTlsProbe, RpcTls, type TlsIdentity } from '../src/tls.ts';
import { XdrReader } from '../src/xdr.ts';
import * as certificates from './support/certificates.ts';
import { framed, NfsClient, RpcClient, RpcFailure, tlsProbe, unchanged } from './support/client.ts';
import { serve, type World } from './support/serve.ts';

const { authority, server } = certificates;
const identity: TlsIdentity = {
  ...server,
  authorities: authority,
  revoked: certificates.revocations,
};
const trusting = { ca: authority };
const showing = ({ certificate, key }: { certificate: string; key: string }): ConnectionOptions => ({
  ...trusting,
  cert: certificate,
  key,
});

interface Safe extends World {
  readonly rpcTls: RpcTls;
  /** Connections that became safe. */
  readonly secured: Peer[];
  /** Of all calls of GETATTR. */
  readonly calls: CallContext[];
  readonly connectTls: (options?: ConnectionOptions) => Promise<NfsClient>;
}

async function serveTls(
  context: TestContext,
  given = identity,
  handshakeMsMax = 10_000,
  handshakesPerAddressMax = 32,
): Promise<Safe> {
  const rpcTls = new RpcTls(given, { handshakeMsMax, handshakesPerAddressMax });
  const secured: Peer[] = [];
  const calls: CallContext[] = [];
  const { nfs, mounts } = memoryBackend();
  const noting: Nfs3Program = {
    ...nfs,
    GETATTR: (call, args) => {
      calls.push(call);
      return nfs.GETATTR(call, args);
    },
  };
  const tls = { rpcTls, observe: (peer: Peer) => void secured.push(peer) };
  const world = await serve(context, { nfs: noting, mounts }, { tls });
  const connectTls = async (options: ConnectionOptions = trusting): Promise<NfsClient> => {
    const client = new NfsClient(await RpcClient.connectTls(world.port, options));
    context.after(() => client.close());
    return client;
  };
  return { ...world, rpcTls, secured, calls, connectTls };
}

test('a connection that asks for TLS goes on in TLS 1.3, and its calls say so', async (context) => {
  const { connectTls, secured, calls, client: plain, logged } = await serveTls(context);
  const client = await connectTls();
  const socket = client.rpc.socket as TLSSocket;
  assert.deepEqual(
    [socket.getProtocol(), socket.alpnProtocol, socket.authorized],
    ['TLSv1.3', 'sunrpc', true],
  );
  const root = await client.root('/');
  await client.ok('GETATTR', { object: root });
  await plain.ok('GETATTR', { object: root });
  assert.deepEqual(
    calls.map(({ peer }) => peer.tls),
    [{ certificate: undefined }, undefined],
  );
  assert.deepEqual([secured, logged], [[calls[0]?.peer], []]);
  assert.equal(calls[0]?.client, '127.0.0.1');
});

test('what is written and read through TLS is the same byte for byte, many calls at once', async (context) => {
  const client = await (await serveTls(context)).connectTls();
  const dir = await client.root('/');
  const data = Buffer.alloc(1_048_576, 'written through a safe connection ');
  const files = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const where = { dir, name: Buffer.from(`f${index}`) };
      const how = { mode: 'GUARDED', obj_attributes: unchanged } as const;
      const file = (await client.ok('CREATE', { where, how })).obj!;
      await client.ok('WRITE', { file, offset: 0, count: data.length, stable: 'FILE_SYNC', data });
      return file;
    }),
  );
  for (const read of await Promise.all(
    files.map((file) => client.ok('READ', { file, offset: 0, count: data.length })),
  ))
    assert(Buffer.concat(read.data).equals(data));
});

test('one address has so many handshakes under way, from whatever ports, and its others are turned away', async (context) => {
  const { port, connectTls, logged } = await serveTls(context, identity, 10_000, 2);
  const begun = await Promise.all([RpcClient.connect(port), RpcClient.connect(port)]);
  for (const rpc of begun) assert.equal(await rpc.askForTls(), 'STARTTLS');
  const third = await RpcClient.connect(port);
  await third.askForTls().catch(() => undefined);
  await third.whenClosed;
  assert.deepEqual(logged, ['nfs-tls-failed']);
  await Promise.all(begun.map((rpc) => rpc.close()));
  while (logged.length < 3) await new Promise((resolve) => setImmediate(resolve));
  await (await connectTls()).null();
});

test('a client certificate is known by its names and its fingerprint', async (context) => {
  const { connectTls, secured } = await serveTls(context);
  await (await connectTls(showing(certificates.client))).null();
  await (await connectTls(showing(certificates.other))).null();
  const [one, other] = secured.map(({ tls }) => tls?.certificate);
  assert.deepEqual(one?.names, ['node1.lab.example', '127.0.0.9']);
  assert.deepEqual([one?.subject, one?.issuer], ['CN=Node One', 'CN=test authority']);
  assert.match(one?.fingerprint ?? '', /^[0-9a-f]{64}$/);
  assert.deepEqual(other?.names, ['node2.lab.example']);
});

const refused: readonly { name: string; options: ConnectionOptions; reason: RegExp }[] = [
  { name: 'signed by nobody that is known', options: showing(certificates.untrusted), reason: /not good/ },
  {
    name: 'with a certificate that has expired',
    options: showing(certificates.expired),
    reason: /CERT_HAS_EXPIRED/,
  },
  {
    name: 'with a certificate that was revoked',
    options: showing(certificates.revoked),
    reason: /CERT_REVOKED/,
  },
  { name: 'with another protocol', options: { ...trusting, ALPNProtocols: ['h2'] }, reason: /./ },
  {
    name: 'with TLS 1.2',
    options: { ...trusting, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
    reason: /unsupported protocol/,
  },
];
for (const { name, options, reason } of refused) {
  test(`a client ${name} is not served, others are`, async (context) => {
    const reasons: unknown[] = [];
    const log = { error: assert.fail, warn: (_: string, fields?: object) => void reasons.push(fields) };
    const tls = { rpcTls: new RpcTls(identity), observe: () => assert.fail() };
    const { port, client } = await serve(context, memoryBackend(), { tls, log });
    const attempt = async (): Promise<void> => {
      const secured = new NfsClient(await RpcClient.connectTls(port, options));
      // In TLS 1.3 the client is ready before the server has looked at its certificate.
      await secured.null();
    };
    await assert.rejects(attempt());
    await client.null();
    assert.equal(reasons.length, 1);
    assert.match((reasons[0] as { reason: string }).reason, reason);
  });
}

test('a client that names no protocol is served, as Linux names none', async (context) => {
  const client = await (await serveTls(context)).connectTls({ ...trusting, ALPNProtocols: [] });
  await client.null();
});

test('calls that came before the peer ended its side are answered through TLS as well', async (context) => {
  const client = await (await serveTls(context)).connectTls();
  const object = await client.root('/');
  const answers = Array.from({ length: 20 }, () => client.call('GETATTR', { object }));
  client.rpc.socket.end();
  for (const { status } of await Promise.all(answers)) assert.equal(status, 'NFS3_OK');
});

test('a server that trusts no authority asks for no certificate and believes none', async (context) => {
  const given = { ...identity, authorities: undefined, revoked: undefined };
  const { connectTls, secured } = await serveTls(context, given);
  await (await connectTls(showing(certificates.client))).null();
  assert.deepEqual(secured[0]?.tls, { certificate: undefined });
});

test('a renewed certificate is shown to new connections, old ones go on, and one of no use changes nothing', async (context) => {
  const { connectTls, rpcTls } = await serveTls(context);
  const before = await connectTls();
  rpcTls.renew({ ...identity, ...certificates.renewed });
  const servername = 'renewed.lab.example';
  const after = await connectTls({ ...trusting, servername });
  assert.equal((after.rpc.socket as TLSSocket).getPeerCertificate().subject.CN, servername);
  assert.throws(() => rpcTls.renew({ ...identity, key: certificates.client.key }), /key values mismatch/);
  assert.throws(() => rpcTls.renew({ ...identity, certificate: 'nothing' }));
  await (await connectTls({ ...trusting, servername })).null();
  await before.null();
});

test('who asks for TLS after anything else gets no answer and goes on in clear text', async (context) => {
  const { client } = await serveTls(context);
  await client.null();
  const xid = client.rpc.nextXid();
  let isAnswered = false;
  void client.rpc.reply(xid).then(
    () => (isAnswered = true),
    () => undefined,
  );
  client.rpc.send(framed(tlsProbe(xid)));
  await client.null();
  assert.equal(isAnswered, false);
});

test('who has TLS and asks for it gets no answer and keeps it', async (context) => {
  const client = await (await serveTls(context)).connectTls();
  client.rpc.send(framed(tlsProbe(client.rpc.nextXid())));
  await client.null();
  const { dir, how } = { dir: await client.root('/'), how: unchanged };
  await client.ok('MKDIR', { where: { dir, name: Buffer.from('d') }, attributes: how });
});

test('clear text behind the question is not taken for what comes through TLS', async (context) => {
  const { connect: another, client: bystander, logged } = await serveTls(context);
  const client = await another();
  const xid = client.rpc.nextXid();
  const hidden = client.encode('NULL', {}, client.rpc.nextXid());
  client.rpc.send(Buffer.concat([framed(tlsProbe(xid)), hidden]));
  await client.rpc.whenClosed;
  assert.deepEqual(logged, ['nfs-tls-refused']);
  await bystander.null();
});

test('a handshake that does not come is not waited for', async (context) => {
  const { connect: another, logged } = await serveTls(context, identity, 50);
  const client = await another();
  assert.equal(await client.rpc.askForTls(), 'STARTTLS');
  await client.rpc.whenClosed;
  // The server hears of it when it has let go of everything.
  while (logged.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(logged, ['nfs-tls-failed']);
});

test('whatever comes in the place of a handshake hurts nobody else', async (context) => {
  const { port, client: bystander, connect: another } = await serveTls(context);
  const noises = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 300 }), { numRuns: 40, seed: 7 });
  // Some that begin as TLS does.
  const headed = noises.map((noise) =>
    Buffer.concat([Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252, 3, 3]), noise]),
  );
  for (const noise of [...noises, ...headed]) {
    const client = await another();
    assert.equal(await client.rpc.askForTls(), 'STARTTLS');
    client.rpc.socket.end(noise);
    await client.rpc.whenClosed;
  }
  const torn = connect(port, '127.0.0.1');
  torn.end(framed(tlsProbe(1)));
  await bystander.null();
});

test('only an empty question is one, however it is changed', async (context) => {
  const { connect: another, client: bystander } = await serveTls(context);
  const probe = tlsProbe(77);
  assert.equal(readTlsProbe(XdrReader.over(probe)), 77);
  const change = fc.tuple(fc.integer({ min: 0, max: probe.length - 1 }), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(change, ([at, by]) => {
      const changed = Uint8Array.from(probe);
      changed[at]! ^= by;
      const isStill = at < 4 || (at >= 12 && at < 20);
      assert.equal(readTlsProbe(XdrReader.over(changed)) !== undefined, isStill);
      assert.equal(readTlsProbe(XdrReader.over(probe.subarray(0, at))), undefined);
    }),
  );
  for (const at of [23, 27, 31, 35, 39]) {
    const client = await another();
    const changed = Uint8Array.from(probe);
    changed[at]! ^= 2;
    await assert.rejects(client.rpc.exchange(77, framed(changed)), RpcFailure);
  }
  await bystander.null();
});

test('a server that closes ends safe connections as well', async (context) => {
  const { connectTls, server: listening } = await serveTls(context);
  const client = await connectTls();
  await client.null();
  await listening.close();
  await client.rpc.whenClosed;
  assert.equal(listening.connectionCount(), 0);
});
