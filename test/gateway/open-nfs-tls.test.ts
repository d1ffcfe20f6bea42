import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import type { TlsOptions } from 'nfs-server-ts/tcp-transport';
import * as certificates from 'nfs-server-ts/test/support/certificates';
import { NfsClient, RpcClient, type RpcFailure } from 'nfs-server-ts/test/support/client';
import type { Config } from '../../src/config.ts';
import type { Environment, Log } from '../../src/environment.ts';
import { openNfsTls } from '../../src/gateway/open-nfs-tls.ts';
import { Scheduler } from '../../src/scheduler.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { TestClock } from '../namespace/world.ts';
import { exportRule, openNfs } from './nfs/nfs-world.ts';

const TURNS_MAX = 10_000;
const trusting = { ca: certificates.authority };
const showing = { ...trusting, cert: certificates.client.certificate, key: certificates.client.key };

interface Opened {
  readonly tls: TlsOptions | undefined;
  readonly scheduler: Scheduler;
  readonly folder: string;
  readonly logged: (readonly [string, object | undefined])[];
}

async function open(context: TestContext, change: Partial<Config['nfs']['tls']> = {}): Promise<Opened> {
  const folder = await mkdtemp(path.join(tmpdir(), 'terrace-tls-'));
  const at = (name: string): string => path.join(folder, name);
  await writeFile(at('certificate'), certificates.server.certificate);
  await writeFile(at('key'), certificates.server.key);
  await writeFile(at('authorities'), certificates.authority);
  const logged: Opened['logged'] = [];
  const note: Log['info'] = (event, fields) => void logged.push([event, fields]);
  const world = new TestClock();
  const clock: Environment['clock'] = {
    wall: () => world.wall(),
    monotonic: () => world.monotonic(),
    sleep: () => turn(),
  };
  const environment = { clock, random: seededRandom(1), log: { info: note, warn: note, error: note } };
  const scheduler = new Scheduler(environment);
  context.after(async () => {
    await scheduler.close();
    await rm(folder, { recursive: true });
  });
  const files = { certificate: at('certificate'), key: at('key'), authorities: at('authorities'), ...change };
  const tls = await openNfsTls({ nfs: { tls: files } as Config['nfs'] }, { environment, scheduler });
  return { tls, scheduler, folder, logged };
}

const until = async (isSo: () => boolean): Promise<void> => {
  for (let turns = 0; !isSo(); turns++) {
    assert(turns < TURNS_MAX, 'it never came about');
    await turn();
  }
};

test('clear text, TLS and a client certificate get as far as the rules let them', async (context) => {
  const { tls, logged } = await open(context);
  const { door, client, rules } = await openNfs(context, [exportRule({})], { tls: tls! });
  const top = await client.root('/bucket');
  const outcome = async (connection: NfsClient): Promise<string> =>
    connection.call('GETATTR', { object: top }).then(
      ({ status }) => status,
      (failure: RpcFailure) => failure.stat,
    );
  const safe = new NfsClient(await RpcClient.connectTls(door.port, trusting));
  const known = new NfsClient(await RpcClient.connectTls(door.port, showing));
  context.after(() => Promise.all([safe.close(), known.close()]));
  const all = async (): Promise<string[]> => Promise.all([client, safe, known].map(outcome));
  assert.deepEqual(await all(), ['NFS3_OK', 'NFS3_OK', 'NFS3_OK']);
  await rules.put('r', exportRule({ sec: ['tls'] }));
  assert.deepEqual(await all(), ['AUTH_ERROR 5', 'NFS3_OK', 'NFS3_OK']);
  await rules.put('r', exportRule({ sec: ['mtls'] }));
  assert.deepEqual(await all(), ['AUTH_ERROR 5', 'AUTH_ERROR 5', 'NFS3_OK']);
  await rules.put('r', exportRule({ access: 'none' }));
  await rules.put('s', exportRule({ certificates: ['*.lab.example'], squash: 'all', anonUid: 1234 }));
  assert.deepEqual(await all(), ['NFS3ERR_ACCES', 'NFS3ERR_ACCES', 'NFS3_OK']);
  await rules.put('s', exportRule({ bucket: 'bucket', certificates: ['*.lab.example'] }));
  assert.deepEqual(await all(), ['AUTH_ERROR 5', 'AUTH_ERROR 5', 'NFS3_OK']);
  const events = logged.filter(([event]) => event === 'nfs.tls').map(([, fields]) => fields);
  assert.equal(events.length, 2);
  assert.deepEqual((events[1] as { names: unknown }).names, ['node1.lab.example', '127.0.0.9']);
});

test('renewed files are taken over, and files of no use show as a failing step until they are mended', async (context) => {
  const { tls, scheduler, folder, logged } = await open(context);
  const { door } = await openNfs(context, [exportRule({})], { tls: tls! });
  const shown = async (servername: string): Promise<string> => {
    const client = new NfsClient(await RpcClient.connectTls(door.port, { ...trusting, servername }));
    const { subject } = (client.rpc.socket as TLSSocket).getPeerCertificate();
    await client.close();
    return String(subject.CN);
  };
  const stepState = (): string | undefined =>
    scheduler.states().find(({ name }) => name === 'nfs-tls')?.state;
  assert.equal(await shown('server.lab.example'), 'server.lab.example');
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(path.join(folder, 'new'), text);
    await rename(path.join(folder, 'new'), path.join(folder, name));
  };
  await put('certificate', certificates.renewed.certificate);
  await until(() => stepState() === 'failing');
  assert.equal(await shown('server.lab.example'), 'server.lab.example');
  await put('key', certificates.renewed.key);
  await until(() => logged.some(([event]) => event === 'nfs.tls-renewed'));
  assert.equal(await shown('renewed.lab.example'), 'renewed.lab.example');
});

test('files that are not there, or not what they should be, keep the gateway from starting', async (context) => {
  await assert.rejects(open(context, { key: '/nowhere/key' }), /nfs\.tls cannot be used: ENOENT/);
  const { folder } = await open(context);
  const certificate = path.join(folder, 'key');
  await assert.rejects(open(context, { certificate }), /nfs\.tls cannot be used/);
});

test('without a certificate there is no TLS and nothing to look at', async (context) => {
  const { tls, scheduler } = await open(context, { certificate: undefined } as never);
  assert.deepEqual([tls, scheduler.states()], [undefined, []]);
});
