import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { ManualClock } from 'nfs-server-ts/test/support/manual-clock';
import type { Clock } from '../../../src/environment.ts';
import type { AnswerPiece, HttpHandler } from '../../../src/gateway/s3/http.ts';
import { serve, type ServeOptions, type Serving } from '../../../src/gateway/s3/serve.ts';
import { BODY_NARROW_BYTES, CONNECTION_QUIET_MS_MIN, PACE_LOOK_MS } from '../../../src/limits/s3.ts';
import { silent } from '../../namespace/world.ts';
import { exchangeRaw, liveDoor } from './live-door.ts';
import { sendSigned } from './signed-request.ts';

const MiB = 1024 ** 2;
/** What content takes of 12 MiB: three quarters. */
const CONTENT_BYTES_MAX = 9 * MiB;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads whatever is sent and says how much it was; gives as many bytes as the path says. */
const echo: HttpHandler = async ({ method, target, body }, readAhead) => {
  if (method === 'GET') {
    const length = Number(target.slice(1));
    async function* pieces(): AsyncGenerator<AnswerPiece> {
      for (let left = length; left > 0;) {
        const piece = Buffer.alloc(Math.min(left, readAhead(left), MiB), 'x');
        left -= piece.length;
        yield await Promise.resolve({ parts: [piece], letGo: () => undefined });
      }
    }
    const headers = ['Content-Length', String(length)];
    const done = (): Promise<void> => Promise.resolve();
    return { status: 200, headers, body: { length, begin: done, pieces, close: done } };
  }
  let bytes = 0;
  try {
    for (let batch = await body.next(); batch !== undefined; batch = await body.next()) {
      for (const part of batch) bytes += part.length;
    }
  } catch {
    return { status: 400, headers: ['Content-Length', '0'], body: undefined };
  }
  return { status: 200, headers: [], body: String(bytes) };
};

interface Field {
  readonly serving: Serving;
  readonly clock: ManualClock;
  /** A connection from 127.0.0.`host` that sends `bytes`. */
  attack(host: number, bytes: string | Uint8Array, options?: { readonly reads: boolean }): Promise<Socket>;
  /** Sends and fetches 4 MiB as any client does. */
  bystander(): Promise<void>;
}

async function field(context: TestContext, options: Partial<ServeOptions> = {}): Promise<Field> {
  const clock = new ManualClock();
  const serving = await serve({
    host: '0.0.0.0',
    port: 0,
    handler: echo,
    clock: clock as unknown as Clock,
    log: silent,
    groupOf: (address) => address,
    connectionsMax: 1_000,
    connectionsPerPeerMax: 1_000,
    bodies: { bytesMax: 12 * MiB, bytesPerPeerMax: 6 * MiB },
    bodyBytesPerSecondMin: 4096,
    headersMsMax: 60_000,
    idleMsMax: 60_000,
    keepAliveMsMax: 60_000,
    drainMsMax: 0,
    ...options,
  });
  const sockets: Socket[] = [];
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    const closed = serving.close();
    await clock.advance(1_000);
    await closed;
  });
  const attack: Field['attack'] = async (host, bytes, { reads } = { reads: true }) => {
    const socket = connect({ port: serving.port, host: '127.0.0.1', localAddress: `127.0.0.${host}` });
    sockets.push(socket);
    socket.on('error', () => undefined);
    if (reads) socket.resume();
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    socket.write(bytes);
    return socket;
  };
  const bystander = async (): Promise<void> => {
    assert.equal((await send(serving.port, 'PUT', '/', Buffer.alloc(4 * MiB))).toString(), String(4 * MiB));
    assert.equal((await send(serving.port, 'GET', `/${4 * MiB}`)).length, 4 * MiB);
  };
  return { serving, clock, attack, bystander };
}

function send(port: number, method: string, path: string, body?: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method, path, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve(Buffer.concat(parts)));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const put = (length: number): string => `PUT / HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`;

async function eventually(isSo: () => boolean): Promise<void> {
  for (let turns = 0; turns < 20_000; turns++) {
    if (isSo()) return;
    await turn();
  }
  assert.fail('it did not come about');
}

/** All but the bystander are let go, and with them all that they held. */
async function areGone({ serving, clock }: Field, seconds: number): Promise<void> {
  for (let at = 0; at < seconds && serving.connectionCount() > 0; at += 10) await clock.advance(10_000);
  await eventually(() => serving.connectionCount() === 0);
  assert.equal(serving.bodyBytesHeld(), 0);
}

test('300 uploads that stop after a part use up their share of the budget and no more; others go on in small pieces', async (context) => {
  const world = await field(context);
  const start = Buffer.concat([Buffer.from(put(8 * MiB)), Buffer.alloc(MiB / 2)]);
  for (let index = 0; index < 300; index++) await world.attack(2 + (index % 3), start);
  await eventually(() => world.serving.bodyBytesHeld() === CONTENT_BYTES_MAX);
  await world.bystander();
  assert.equal(world.serving.connectionCount(), 300);
  await areGone(world, 120);
});

test('200 uploads of a byte now and then are given up, all at once, when their time is over', async (context) => {
  const world = await field(context);
  const sockets: Socket[] = [];
  for (let index = 0; index < 200; index++) sockets.push(await world.attack(2, put(1000)));
  await eventually(() => world.serving.connectionCount() === 200);
  for (let seconds = 0; seconds < 70; seconds++) {
    for (const socket of sockets) socket.write('x');
    if (seconds % 10 === 0) await world.bystander();
    await world.clock.advance(PACE_LOOK_MS);
  }
  await areGone(world, 10);
});

test('what waits behind a slow answer on its connection is not slow for that', async (context) => {
  let letGo: () => void = () => undefined;
  const isHeld = new Promise<void>((resolve) => (letGo = resolve));
  let isReading = false;
  const handler: HttpHandler = async (request, readAhead) => {
    if (request.method === 'GET') await isHeld;
    else isReading = true;
    return echo(request, readAhead);
  };
  const world = await field(context, { handler });
  const socket = await world.attack(2, `GET /1 HTTP/1.1\r\nhost: x\r\n\r\n${put(4)}`);
  let received = '';
  socket.on('data', (data) => (received += data.toString()));
  await eventually(() => world.serving.connectionCount() === 1);
  for (let turns = 0; turns < 20; turns++) await turn();
  await world.clock.advance(120_000, PACE_LOOK_MS);
  letGo();
  await eventually(() => isReading);
  await world.clock.advance(2 * PACE_LOOK_MS, PACE_LOOK_MS);
  socket.write('late');
  await eventually(() => received.split('HTTP/1.1 ').length === 3);
  assert.match(received, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 /);
});

test('100 downloads that nobody reads hold no more than their share of the budget, and are given up in the end', async (context) => {
  const world = await field(context);
  const get = `GET /${64 * MiB} HTTP/1.1\r\nhost: x\r\n\r\n`;
  for (let index = 0; index < 100; index++) await world.attack(2 + (index % 3), get, { reads: false });
  await eventually(() => world.serving.bodyBytesHeld() === CONTENT_BYTES_MAX);
  await world.bystander();
  await areGone(world, 2_000);
});

test('500 connections that say nothing or half a header do not keep anyone from being served', async (context) => {
  const world = await field(context);
  for (let index = 0; index < 500; index++)
    await world.attack(2, index % 2 === 0 ? '' : 'GET / HTTP/1.1\r\nx:');
  await eventually(() => world.serving.connectionCount() === 500);
  await world.bystander();
});

test('one connection too many is answered 503 SlowDown; who waits for its next request gives way', async (context) => {
  const world = await field(context, { connectionsMax: 100 });
  for (let index = 0; index < 100; index++) await world.attack(2, put(1000));
  await eventually(() => world.serving.connectionCount() === 100);
  const refused = await exchangeRaw(world.serving.port, put(0));
  assert.match(
    refused,
    /^HTTP\/1\.1 503 Slow Down\r\n.*<Code>SlowDown<\/Code>.*Please reduce your request rate\./s,
  );
  await world.clock.advance(CONNECTION_QUIET_MS_MIN);
  await assert.rejects(world.bystander(), 'all are in the middle of a request');
});

test('a quiet connection gives its place to a new one', async (context) => {
  const world = await field(context, { connectionsMax: 100 });
  for (let index = 0; index < 100; index++) await world.attack(2, '');
  await eventually(() => world.serving.connectionCount() === 100);
  await world.clock.advance(CONNECTION_QUIET_MS_MIN);
  await world.bystander();
});

test('an address has its own bound of connections, and others are served meanwhile', async (context) => {
  const world = await field(context, { connectionsPerPeerMax: 50 });
  for (let index = 0; index < 80; index++) await world.attack(2, put(1000));
  await eventually(() => world.serving.connectionCount() === 50);
  await world.bystander();
});

test('1,000 uploads at a time from one address are all taken', async (context) => {
  const world = await field(context, { connectionsMax: 1_001 });
  const length = 2 * BODY_NARROW_BYTES;
  const sockets = await Promise.all(Array.from({ length: 1_000 }, () => world.attack(2, put(length))));
  let answered = 0;
  for (const socket of sockets)
    socket.on('data', (data: Buffer) => (answered += data.includes('200 OK') ? 1 : 0));
  for (const socket of sockets) socket.write(Buffer.alloc(length));
  await eventually(() => answered === 1_000);
});

test('a body whose connection was cut before anybody reads it ends at once', async (context) => {
  let isSeen = false;
  let proceed = (): void => undefined;
  const gate = new Promise<void>((resolve) => (proceed = resolve));
  let ended = false;
  const handler: HttpHandler = async (given, readAhead) => {
    isSeen = true;
    await gate;
    const answer = await echo(given, readAhead);
    ended = true;
    return answer;
  };
  const world = await field(context, { handler });
  await world.attack(2, put(8 * MiB));
  await eventually(() => isSeen);
  const closed = world.serving.close();
  await world.clock.advance(1_000);
  await closed;
  proceed();
  await eventually(() => ended);
});

test('content is whole when memory is short, and a document too many is SlowDown', async (context) => {
  const none = { bytesMax: 1, bytesPerPeerMax: 1 };
  const door = await liveDoor(context, { http: { bodies: none } });
  const bucket = 'narrow';
  await sendSigned(door.port, { method: 'PUT', bucket });
  const body = Buffer.from(Uint8Array.from({ length: 3 * MiB + 17 }, (_, index) => (index * 31) >>> 3));
  assert.equal((await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body })).status, 200);
  const read = await sendSigned(door.port, { method: 'GET', bucket, key: 'k' });
  assert.equal(read.body.equals(body), true);
  const objects = '<Object><Key>k</Key></Object>'.repeat(900);
  const document = `<Delete>${' '.repeat(70_000)}${objects}</Delete>`;
  const headers = { 'content-md5': createHash('md5').update(document).digest('base64') };
  const query = { delete: '' };
  const answer = await sendSigned(door.port, { method: 'POST', bucket, query, headers, body: document });
  assert.equal(answer.status, 503);
  assert.match(answer.body.toString(), /<Code>SlowDown<\/Code>/);
});
