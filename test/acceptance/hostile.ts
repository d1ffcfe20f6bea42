import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { encodeCall, framed, NfsClient, rootCredential } from 'nfs-server-ts/test/support/client';
import { sendSigned, signedHeaders, targetOf, type RawRequest } from '../gateway/s3/signed-request.ts';
import { RealGateway, rootKeys, type Ports } from '../linearizability/real-gateway.ts';

/**
 * `node dist/test/acceptance/hostile.js [--seconds N] [--only TEXT]`: slow, half-open, endless and too many clients at the three
 * addresses of the program in a process of its own. Meanwhile others must be served, and memory stays below its bound.
 */
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '6' }, only: { type: 'string', default: '' } },
});
const seconds = Number(values.seconds);

const MIB = 2 ** 20;
/** ADR 24: 768 MiB for bodies and 384 MiB for NFS by default, never both here; the rest is the process at rest, and garbage. */
const RSS_BYTES_MAX = 1_280 * MIB;
const SERVED_MS_MAX = 10_000;
const BUCKET = 'hostile';
const LARGE_BYTES = 64 * MIB;

interface Attack {
  readonly name: string;
  readonly door: 's3' | 'nfs' | 'admin';
  readonly connections: number;
  /** Sent at once on each connection. */
  readonly opening: (at: Scene) => Uint8Array | string;
  /** Sent again and again, as fast as it is taken; or a byte of it every half second. */
  readonly more?: Uint8Array | string;
  readonly drip?: string;
  /** Takes no answers. */
  readonly isDeaf?: boolean;
}

interface Scene {
  readonly ports: Ports;
  /** Handle of the large object. */
  readonly file: Uint8Array;
}

const signedHead = ({ ports }: Scene, request: RawRequest, more: string): string => {
  const headers = signedHeaders({ ...request, ...rootKeys }, `127.0.0.1:${ports.s3}`);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${request.method} ${targetOf(request)} HTTP/1.1\r\n${lines.join('')}${more}\r\n`;
};

const upload = (at: Scene, more: string): string =>
  signedHead(at, { method: 'PUT', bucket: BUCKET, key: 'never', payloadHash: 'UNSIGNED-PAYLOAD' }, more);

const nfsCall = (procedure: number, words: readonly (Uint8Array | number)[]): Uint8Array =>
  framed(
    encodeCall({ xid: 7, program: 100_003, version: 3, procedure, credential: rootCredential }, (writer) =>
      words.forEach((word) => (typeof word === 'number' ? writer.u32(word) : writer.opaque(word))),
    ),
  );

/** READ of a mebibyte. */
const read = ({ file }: Scene): Uint8Array => nfsCall(6, [file, 0, 0, MIB]);
const times = (count: number, bytes: Uint8Array): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => bytes));
const mark = (length: number): Buffer => {
  const word = Buffer.alloc(4);
  word.writeUInt32BE(length);
  return word;
};

const healthz = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n';
const attacks: readonly Attack[] = [
  ...(['s3', 'nfs', 'admin'] as const).flatMap((door): Attack[] => [
    { name: 'connections that say nothing', door, connections: 600, opening: () => '' },
    {
      name: 'noise without an end',
      door,
      connections: 40,
      opening: () => '',
      more: Buffer.alloc(65_536, 0xa5),
    },
  ]),
  ...(['s3', 'admin'] as const).flatMap((door): Attack[] => [
    {
      name: 'headers that come byte by byte',
      door,
      connections: 400,
      opening: () => 'GET / HTTP/1.1\r\nx: ',
      drip: 'y',
    },
    {
      name: 'a header without an end',
      door,
      connections: 60,
      opening: () => 'GET / HTTP/1.1\r\nx: ',
      more: 'y'.repeat(65_536),
    },
  ]),
  {
    ...{ name: 'uploads of a GiB that stop after 256 KiB', door: 's3', connections: 300 },
    opening: (at) => upload(at, `content-length: ${2 ** 30}\r\n`) + 'z'.repeat(262_144),
  },
  {
    ...{ name: 'uploads that never end', door: 's3', connections: 20 },
    opening: (at) => upload(at, 'transfer-encoding: chunked\r\n'),
    more: `10000\r\n${'z'.repeat(65_536)}\r\n`,
  },
  {
    ...{ name: 'downloads that nobody reads', door: 's3', connections: 150, isDeaf: true },
    opening: (at) => signedHead(at, { method: 'GET', bucket: BUCKET, key: 'large' }, ''),
  },
  {
    ...{ name: 'documents that never end', door: 's3', connections: 60 },
    opening: (at) =>
      signedHead(
        at,
        { method: 'POST', bucket: BUCKET, query: { delete: '' }, payloadHash: 'UNSIGNED-PAYLOAD' },
        'transfer-encoding: chunked\r\ncontent-md5: 1B2M2Y8AsgTpgAmY7PhCfg==\r\n',
      ),
    more: `10000\r\n${'<a>'.repeat(21_845)}z\r\n`,
  },
  {
    name: 'requests one behind the other',
    door: 's3',
    connections: 40,
    opening: () => '',
    more: 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(500),
  },
  {
    name: 'requests one behind the other',
    door: 'admin',
    connections: 40,
    opening: () => '',
    more: healthz.repeat(500),
  },
  {
    ...{ name: 'bodies without an end', door: 'admin', connections: 40 },
    opening: () =>
      'PUT /v1/exports/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
    more: `10000\r\n${' '.repeat(65_536)}\r\n`,
  },
  { name: 'half a record mark', door: 'nfs', connections: 400, opening: () => Buffer.of(0x80, 0) },
  {
    ...{ name: 'records of a MiB but for the last byte', door: 'nfs', connections: 300 },
    opening: () => Buffer.concat([mark(0x8000_0000 + MIB), Buffer.alloc(MIB - 1)]),
  },
  {
    name: 'fragments of one byte',
    door: 'nfs',
    connections: 60,
    opening: () => '',
    more: times(10_000, Buffer.of(0, 0, 0, 1, 9)),
  },
  {
    name: 'reads of a MiB that nobody takes',
    door: 'nfs',
    connections: 150,
    opening: (at) => times(60, read(at)),
    isDeaf: true,
  },
  {
    name: 'calls one behind the other',
    door: 'nfs',
    connections: 40,
    opening: () => '',
    more: times(500, nfsCall(0, [])),
  },
];

const rssBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** One client of the attack, until it is cut off or told to stop. */
function attacker(attack: Attack, scene: Scene, nth: number): Socket {
  const port = scene.ports[attack.door];
  // From some addresses, but not from the one of those who must be served.
  const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + (nth % 8)}` });
  socket.on('error', () => undefined);
  if (attack.isDeaf !== true) socket.resume();
  const { more, drip } = attack;
  socket.once('connect', () => {
    socket.write(attack.opening(scene));
    if (more === undefined) return;
    const flow = (): void => {
      while (!socket.destroyed && socket.writable && socket.write(more));
    };
    socket.on('drain', flow);
    flow();
  });
  const dripping = drip === undefined ? undefined : setInterval(() => socket.write(drip), 500);
  socket.once('close', () => clearInterval(dripping));
  return socket;
}

/** A little of each door, as anybody would use it; answers how long the slowest took. */
async function serveOthers({ ports: { s3, nfs, admin }, file }: Scene): Promise<number> {
  const at = { ...rootKeys, bucket: BUCKET, key: 'small' };
  const steps = [
    async () => assert.equal((await sendSigned(s3, { ...at, method: 'PUT', body: 'hello' })).status, 200),
    async () => assert.equal((await sendSigned(s3, { ...at, method: 'GET' })).body.toString(), 'hello'),
    async () => {
      const client = await NfsClient.connect(nfs);
      const { data } = await client.ok('READ', { file, offset: 0, count: 4096 });
      assert.equal(Buffer.concat(data).length, 4096);
      await client.close();
    },
    async () => assert.equal((await fetch(`http://127.0.0.1:${admin}/healthz`)).status, 200),
  ];
  let slowest = 0;
  for (const step of steps) {
    const startedAt = performance.now();
    await Promise.race([
      step(),
      sleep(SERVED_MS_MAX).then(() => assert.fail(`not served within ${SERVED_MS_MAX} ms: ${String(step)}`)),
    ]);
    slowest = Math.max(slowest, performance.now() - startedAt);
  }
  return slowest;
}

interface Orders extends Scene {
  readonly nth: number;
}

const settled = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));

/** In a thread of its own, so that those who must be served do not share a loop with those who attack. */
async function attackUntilTold({ nth, ...scene }: Orders): Promise<void> {
  const attack = attacks[nth]!;
  const sockets = Array.from({ length: attack.connections }, (_, index) => attacker(attack, scene, index));
  await Promise.all(sockets.map(settled));
  parentPort!.postMessage('attacking');
  await once(parentPort!, 'message');
  parentPort!.postMessage(sockets.filter(({ destroyed }) => !destroyed).length);
  for (const socket of sockets) socket.destroy();
}

async function suffer(attack: Attack, scene: Scene, pid: number): Promise<void> {
  let peak = rssBytes(pid);
  const watching = setInterval(() => (peak = Math.max(peak, rssBytes(pid))), 50);
  const orders: Orders = { ...scene, nth: attacks.indexOf(attack) };
  const thread = new Worker(new URL(import.meta.url), { workerData: orders });
  let slowest = 0;
  let rounds = 0;
  try {
    await once(thread, 'message');
    for (const until = performance.now() + 1000 * seconds; performance.now() < until; rounds += 1) {
      await sleep(200);
      slowest = Math.max(slowest, await serveOthers(scene));
    }
    thread.postMessage('enough');
    const [left] = (await once(thread, 'message')) as [number];
    const { door, name, connections } = attack;
    process.stdout.write(
      `${door.padEnd(5)} ${name.padEnd(42)} ${String(connections).padStart(4)} connections, ${String(left).padStart(4)} left; ` +
        `others ${rounds} times, the slowest ${slowest.toFixed().padStart(5)} ms; peak ${(peak / MIB).toFixed().padStart(4)} MiB\n`,
    );
    assert(peak <= RSS_BYTES_MAX, `${name}: ${(peak / MIB).toFixed()} MiB`);
  } finally {
    clearInterval(watching);
    await thread.terminate();
  }
}

async function main(): Promise<void> {
  const gateway = await RealGateway.open();
  try {
    const at = { ...rootKeys, bucket: BUCKET };
    await sendSigned(gateway.ports.s3, { ...at, method: 'PUT' });
    const body = Buffer.alloc(LARGE_BYTES, 'large');
    assert.equal(
      (await sendSigned(gateway.ports.s3, { ...at, method: 'PUT', key: 'large', body })).status,
      200,
    );
    const client = await NfsClient.connect(gateway.ports.nfs);
    const dir = await client.root(`/${BUCKET}`);
    const { object } = await client.ok('LOOKUP', { what: { dir, name: Buffer.from('large') } });
    await client.close();
    const scene = { ports: gateway.ports, file: Uint8Array.from(object) };
    process.stdout.write(`at rest: ${(rssBytes(gateway.pid) / MIB).toFixed()} MiB\n`);
    for (const attack of attacks) {
      if (`${attack.door} ${attack.name}`.includes(values.only)) await suffer(attack, scene, gateway.pid);
    }
    await sleep(2_000);
    process.stdout.write(`afterwards: ${(rssBytes(gateway.pid) / MIB).toFixed()} MiB\n`);
  } finally {
    await gateway.close();
  }
}

if (isMainThread) await main();
else await attackUntilTold(workerData as Orders);
