import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { defaultLimits } from '../src/limits.ts';
import { memoryBackend } from '../src/memory.ts';
import { NfsClient, unchanged } from './support/client.ts';
import { ManualClock } from './support/manual-clock.ts';
import { serve, type World } from './support/serve.ts';

const MiB = 1_048_576;
const content = Buffer.alloc(MiB, 'content of the file ');
/** Small enough that the crowds below want many times as much. */
const limits = {
  connectionsMax: 400,
  connectionsPerAddressMax: 300,
  requestBytesMax: 8 * MiB,
  requestBytesPerAddressMax: 4 * MiB,
  replyBytesMax: 8 * MiB,
  replyBytesPerAddressMax: 4 * MiB,
};
/** A chunk is counted when it has come, and a connection's own bytes are not drawn. */
const chunkBytes = 65_536;

interface Field extends World {
  readonly clock: ManualClock;
  readonly root: Uint8Array;
  /** Of 1 MiB. */
  readonly file: Uint8Array;
  /** Bytes held at most, over all looks. */
  readonly most: { requests: number; replies: number };
  look(): void;
  /** A connection from 127.0.0.`host` that sends `bytes`, and does not read when told so. */
  attack(host: number, bytes: Uint8Array, options?: { readonly reads: boolean }): Promise<Socket>;
}

async function field(context: TestContext): Promise<Field> {
  const clock = new ManualClock();
  const world = await serve(context, memoryBackend({ clock }), { host: '0.0.0.0', clock, limits });
  const { client, server, port } = world;
  const root = await client.root('/');
  const how = { mode: 'GUARDED', obj_attributes: unchanged } as const;
  const file = (await client.ok('CREATE', { where: { dir: root, name: Buffer.from('file') }, how })).obj!;
  await client.ok('WRITE', { file, offset: 0, count: MiB, stable: 'FILE_SYNC', data: content });
  const most = { requests: 0, replies: 0 };
  const look = (): void => {
    const { requests, replies } = server.bytesHeld();
    most.requests = Math.max(most.requests, requests);
    most.replies = Math.max(most.replies, replies);
  };
  const sockets: Socket[] = [];
  context.after(() => sockets.forEach((socket) => socket.destroy()));
  const attack: Field['attack'] = async (host, bytes, { reads } = { reads: true }) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${host}` });
    sockets.push(socket);
    socket.on('error', () => undefined);
    if (reads) socket.resume();
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    socket.write(bytes);
    look();
    return socket;
  };
  return { ...world, clock, root, file, most, look, attack };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Until `isSo`: what has been sent over the loopback arrives in some turn soon. */
async function eventually({ look }: Field, isSo: () => boolean): Promise<void> {
  for (let turns = 0; turns < 20_000; turns++) {
    look();
    if (isSo()) return;
    await turn();
  }
  assert.fail('it did not come about');
}

/** What needs no more than a connection's own bytes goes on at once, whatever the others hold. */
async function servesSmall({ client, root, file, look }: Field): Promise<void> {
  for (let round = 0; round < 5; round++) {
    await client.ok('GETATTR', { object: file });
    const { data } = await client.ok('READ', { file, offset: 0, count: 16_384 });
    assert.equal(Buffer.concat(data).equals(content.subarray(0, 16_384)), true);
    const where = { dir: root, name: Buffer.from(`small ${round}`) };
    await client.ok('CREATE', { where, how: { mode: 'UNCHECKED', obj_attributes: unchanged } });
    await client.ok('READDIRPLUS', {
      ...{ dir: root, cookie: 0, cookieverf: new Uint8Array(8) },
      ...{ dircount: 8192, maxcount: 16_384 },
    });
    look();
  }
}

/** 1 MiB each way, once the hostile have run out of time: pressed, they have little. */
async function servesLarge({ client, clock, file }: Field): Promise<void> {
  const read = client.ok('READ', { file, offset: 0, count: MiB });
  const write = client.ok('WRITE', { file, offset: 0, count: MiB, stable: 'FILE_SYNC', data: content });
  let isDone = false;
  const done = Promise.all([read, write]).finally(() => (isDone = true));
  for (let seconds = 0; !isDone && seconds < 60; seconds++) {
    await clock.advance(1000);
    for (let turns = 0; turns < 50 && !isDone; turns++) await turn();
  }
  assert.equal(Buffer.concat((await done)[0].data).equals(content), true);
}

function isWithin({ most }: Field, connections: number): void {
  assert(most.requests <= limits.requestBytesMax + connections * chunkBytes, `requests: ${most.requests}`);
  assert(most.replies <= limits.replyBytesMax, `replies: ${most.replies}`);
}

/** Everybody but the bystander is cut off in the end. */
async function areGone(world: Field): Promise<void> {
  for (let seconds = 0; seconds < 300 && world.server.connectionCount() > 1; seconds++) {
    await world.client.null();
    await world.clock.advance(1000);
  }
  await eventually(world, () => world.server.connectionCount() === 1);
  assert.deepEqual(world.server.bytesHeld(), { requests: 0, replies: 0 });
  await world.client.null();
}

/** A mark that promises a record of 1 MiB. */
const promise = Buffer.from([0x80, 0x10, 0, 0]);
const readCalls = ({ client, file }: Field, count: number): Uint8Array =>
  Buffer.concat(
    Array.from({ length: count }, () =>
      client.encode('READ', { file, offset: 0, count: MiB }, client.rpc.nextXid()),
    ),
  );

test('300 peers that begin a record of 1 MiB and send nothing more cost next to nothing and are cut off', async (context) => {
  const world = await field(context);
  for (let index = 0; index < 300; index++) await world.attack(2, promise);
  await eventually(world, () => world.server.connectionCount() === 301);
  assert.equal(world.most.requests, 0);
  await servesSmall(world);
  await areGone(world);
});

test('200 peers of four addresses that send half of 1 MiB fill their shares, and the bystander is served', async (context) => {
  const world = await field(context);
  const half = Buffer.concat([promise, Buffer.alloc(MiB / 2)]);
  for (let index = 0; index < 200; index++) await world.attack(2 + (index % 4), half);
  await eventually(world, () => world.server.bytesHeld().requests > limits.requestBytesMax - MiB);
  await servesSmall(world);
  await servesLarge(world);
  isWithin(world, 201);
  await areGone(world);
});

test('100 peers that ask for 16 MiB each and read nothing are promised no more than there is', async (context) => {
  const world = await field(context);
  for (let index = 0; index < 100; index++) {
    await world.attack(2 + (index % 4), readCalls(world, 16), { reads: false });
  }
  await eventually(world, () => world.server.bytesHeld().replies > limits.replyBytesMax - 2 * MiB);
  await servesSmall(world);
  await servesLarge(world);
  isWithin(world, 101);
  await areGone(world);
});

test('200 peers that drip a byte a second are cut off when their record has taken too long', async (context) => {
  const world = await field(context);
  const sockets: Socket[] = [];
  for (let index = 0; index < 200; index++) sockets.push(await world.attack(2, promise));
  await eventually(world, () => world.server.connectionCount() === 201);
  for (let seconds = 0; seconds * 1000 <= defaultLimits.recordMsMax; seconds++) {
    for (const socket of sockets) socket.write(Uint8Array.of(0));
    await world.client.null();
    await world.clock.advance(1000);
  }
  await areGone(world);
  assert.equal(world.logged.includes('nfs-peer-too-slow'), true);
  assert.equal(world.logged.includes('nfs-peer-stalled'), false);
});

test('200 peers that say nothing, send noise or endless empty fragments do no harm', async (context) => {
  const world = await field(context);
  const noise = Buffer.alloc(4096, 'GET / HTTP/1.1\r\n\r\n');
  const empty = Buffer.alloc(4 * 20_000);
  const kinds = [new Uint8Array(0), noise, empty, Buffer.from([0x80, 0, 0])];
  for (let index = 0; index < 200; index++) await world.attack(2 + (index % 4), kinds[index % kinds.length]!);
  await servesSmall(world);
  await areGone(world);
  assert(world.logged.filter((event) => event === 'nfs-bad-record').length <= 2 * defaultLimits.logLinesMax);
});

test('who connects when all places are taken gets that of the quietest, and busy ones stay', async (context) => {
  const world = await field(context);
  for (let index = 0; index < 420; index++) await world.attack(2 + (index % 2), new Uint8Array(0));
  await eventually(world, () => world.server.connectionCount() === limits.connectionsMax);
  const refused = await world.attack(9, new Uint8Array(0));
  await new Promise((resolve) => refused.once('close', resolve));
  await world.clock.advance(defaultLimits.quietMsMin);
  await world.client.null();
  const late = await world.connect();
  await late.null();
  await world.client.null();
  assert.equal(world.server.connectionCount() <= limits.connectionsMax, true);
  assert.equal(
    world.logged.filter((event) => event === 'nfs-connection-refused').length,
    defaultLimits.logLinesMax,
  );
});

test('an address has its own bound of connections', async (context) => {
  const world = await field(context);
  for (let index = 0; index < 350; index++) await world.attack(2, new Uint8Array(0));
  await eventually(world, () => world.server.connectionCount() === limits.connectionsPerAddressMax + 1);
  const other = await NfsClient.connect(world.port);
  await other.null();
  await other.close();
});

test('calls that a vanished peer has left behind are counted until they end', async (context) => {
  const clock = new ManualClock();
  const { nfs, mounts } = memoryBackend({ clock });
  const letGo: (() => void)[] = [];
  const slow = {
    ...nfs,
    WRITE: async (...given: Parameters<typeof nfs.WRITE>) => {
      await new Promise<void>((resolve) => letGo.push(resolve));
      return nfs.WRITE(...given);
    },
  };
  const world = await serve(context, { nfs: slow, mounts }, { clock });
  const file = await world.client.root('/');
  const peer = await world.connect();
  const write = { file, offset: 0, count: MiB, stable: 'UNSTABLE', data: content } as const;
  for (let count = 0; count < 5; count++) peer.rpc.send(peer.encode('WRITE', write, peer.rpc.nextXid()));
  while (letGo.length < 5) await turn();
  peer.rpc.socket.resetAndDestroy();
  while (world.server.connectionCount() > 1) await turn();
  assert(world.server.bytesHeld().requests > 5 * MiB - defaultLimits.ownBytesMax);
  for (const go of letGo) go();
  await turn();
  assert.equal(world.server.bytesHeld().requests, 0);
});
