import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { bytePools } from '../src/byte-pool.ts';
import type { Codec } from '../src/codec.ts';
import { Connection } from '../src/connection.ts';
import { Dispatcher } from '../src/dispatch.ts';
import { defaultLimits } from '../src/limits.ts';
import { memoryBackend } from '../src/memory.ts';
import { nfs3Program } from '../src/nfs3-program.ts';
import { procedures, type ArgsOf, type Nfs3Program, type ProcedureName } from '../src/nfs3.ts';
import { arbitraryOf } from './support/arbitrary.ts';
import {
  encodeCall,
  framed,
  NfsClient,
  RpcClient,
  rootCredential,
  RpcFailure,
  unchanged,
} from './support/client.ts';
import { FakeTransport } from './support/fake-transport.ts';
import { ManualClock } from './support/manual-clock.ts';
import { serve, type World } from './support/serve.ts';

const names = Object.keys(procedures) as ProcedureName[];
const samplesPerProcedure = 40;

/** Sound calls of a procedure, mostly on the handle of something that is there, so that they and their mutations get far. */
function callsOf(name: ProcedureName, handle: Uint8Array): Uint8Array[] {
  const args = arbitraryOf(procedures[name].args as never, handle);
  return fc
    .sample(args, { numRuns: samplesPerProcedure, seed: procedures[name].number })
    .map((value: unknown) => {
      const header = {
        xid: 0,
        program: 100003,
        version: 3,
        procedure: procedures[name].number,
        credential: rootCredential,
      };
      const codec = procedures[name].args as Codec<unknown>;
      return encodeCall(header, (writer) => codec.write(writer, value));
    });
}

/** A xorshift generator: the same bytes on every run. */
function* noise(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

/** Sends a call that may be anything from its procedure number on; any answer is fine, and none means that it was cut off. */
async function provoke(world: World, message: Uint8Array): Promise<void> {
  let client = world.client;
  if (client.rpc.socket.destroyed) client = await world.connect();
  const xid = client.rpc.nextXid();
  const call = Buffer.from(message);
  call.writeUInt32BE(xid, 0);
  await client.rpc.exchange(xid, framed(call)).catch((failure: unknown) => {
    if (!(failure instanceof RpcFailure)) throw failure;
  });
}

for (const name of names) {
  test(`${name}: malformed calls are answered and hurt nobody`, async (context) => {
    const world = await serve(context);
    const bystander = await world.connect();
    const random = noise(0x5eed + procedures[name].number);
    for (const message of callsOf(name, await bystander.root('/'))) {
      await provoke(world, message);
      await provoke(world, message.subarray(0, 24 + (random.next().value % (message.length - 23))));
      const mutated = Uint8Array.from(message);
      for (let count = 1 + (random.next().value % 6); count > 0; count--) {
        mutated[24 + (random.next().value % (mutated.length - 24))] = random.next().value & 0xff;
      }
      await provoke(world, mutated);
    }
    await bystander.null();
    const failed = world.logged.filter((event) => event === 'nfs-call-failed');
    assert.deepEqual(failed, []);
  });
}

async function cutOff(context: TestContext, bytes: Uint8Array): Promise<void> {
  const { client, connect, logged } = await serve(context);
  const other = await connect();
  client.rpc.send(bytes);
  await client.rpc.whenClosed;
  await other.null();
  assert.deepEqual(logged, ['nfs-bad-record']);
}

test('a fragment that is too long closes its connection and no other', (context) =>
  cutOff(context, Buffer.from([0x80, 0x20, 0, 0])));
test('endless empty fragments close their connection and no other', (context) =>
  cutOff(context, Buffer.alloc(4 * (defaultLimits.fragmentsMax + 1))));

test('a call in one-byte fragments, each in its own packet, is answered', async (context) => {
  const { client } = await serve(context);
  const object = await client.root('/');
  const xid = client.rpc.nextXid();
  const message = client.encode('GETATTR', { object }, xid).subarray(4);
  const reply = client.rpc.reply(xid);
  for (const [index, byte] of message.entries()) {
    client.rpc.send(Uint8Array.of(index === message.length - 1 ? 0x80 : 0, 0, 0, 1, byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await reply;
});

test('one connection more than there may be is closed at once', async (context) => {
  const { client, port } = await serve(context, memoryBackend(), { limits: { connectionsMax: 1 } });
  await client.null();
  const refused = await RpcClient.connect(port);
  await refused.whenClosed;
  await client.null();
});

test('a peer that does not read holds up nobody else, and gets all its replies when it does', async (context) => {
  const world = await serve(context, memoryBackend(), { limits: { replyBytesQueuedMax: 1_000_000 } });
  const { client, connect } = world;
  const dir = await client.root('/');
  const how = { mode: 'GUARDED', obj_attributes: unchanged } as const;
  const file = (await client.ok('CREATE', { where: { dir, name: Buffer.from('file') }, how })).obj!;
  const data = Buffer.alloc(1_048_576, 'content');
  await client.ok('WRITE', { file, offset: 0, count: data.length, stable: 'FILE_SYNC', data });
  const slow = await connect();
  slow.rpc.socket.pause();
  const reads = Array.from({ length: 40 }, () => slow.ok('READ', { file, offset: 0, count: data.length }));
  for (let round = 0; round < 50; round++) await client.ok('GETATTR', { object: file });
  slow.rpc.socket.resume();
  for (const read of await Promise.all(reads)) assert.equal(Buffer.concat(read.data).equals(data), true);
});

interface Bench {
  readonly transport: FakeTransport;
  readonly connection: Connection;
  readonly clock: ManualClock;
  readonly root: Uint8Array;
}

async function bench(
  limits: Partial<typeof defaultLimits>,
  change: (nfs: Nfs3Program) => Nfs3Program = (nfs) => nfs,
): Promise<Bench> {
  const clock = new ManualClock();
  const { nfs, mounts } = memoryBackend({ clock });
  const silent = { warn: () => undefined, error: () => undefined };
  const parts = { clock, log: silent, limits: { ...defaultLimits, ...limits } };
  const programs = [nfs3Program(change(nfs))];
  const dispatcher = new Dispatcher({ programs, observe: () => undefined, ...parts });
  const transport = new FakeTransport();
  const context = {
    flavor: 'AUTH_NONE',
    uid: 0,
    gid: 0,
    groups: [],
    machine: new Uint8Array(0),
    client: '',
    peer: transport.peer,
  } as const;
  const mounted = await mounts.mount(context, Buffer.from('/'));
  assert(mounted.status === 'MNT3_OK');
  return {
    transport,
    connection: new Connection({ dispatcher, ...parts, ...bytePools(parts.limits) }, transport),
    clock,
    root: mounted.ok.fhandle,
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function call<Name extends ProcedureName>(name: Name, args: ArgsOf<Name>, xid: number): Uint8Array {
  return NfsClient.prototype.encode.call(
    { credential: rootCredential } as NfsClient,
    name,
    args as never,
    xid,
  );
}

test('a record that stays unfinished is cut off after its time, not before', async () => {
  const { transport, connection, clock, root } = await bench({ stalledMsMax: 1000 });
  connection.received(call('GETATTR', { object: root }, 1).subarray(0, 20));
  await clock.advance(1000);
  connection.sweep(clock.monotonic());
  assert.equal(transport.state, 'open');
  await clock.advance(1);
  connection.sweep(clock.monotonic());
  assert.equal(transport.state, 'destroyed');
});

test('an idle connection without an unfinished record is left alone', async () => {
  const { transport, connection, clock, root } = await bench({ stalledMsMax: 1000 });
  connection.received(call('GETATTR', { object: root }, 1));
  await turn();
  transport.bytesQueued = 0;
  connection.drained();
  for (let round = 0; round < 10; round++) {
    await clock.advance(10_000);
    connection.sweep(clock.monotonic());
  }
  assert.equal(transport.state, 'open');
});

test('a peer that takes no replies is no longer read from, and cut off in the end', async () => {
  const { transport, connection, clock, root } = await bench({
    replyBytesQueuedMax: 500,
    stalledMsMax: 1000,
  });
  for (let xid = 0; xid < 100; xid++) {
    connection.received(call('GETATTR', { object: root }, xid));
    await turn();
  }
  assert.equal(transport.state, 'paused');
  assert.equal(transport.sent.length, 5);
  transport.bytesQueued = 0;
  connection.drained();
  await turn();
  assert.equal(transport.sent.length > 5, true);
  await clock.advance(1001);
  connection.sweep(clock.monotonic());
  assert.equal(transport.state, 'destroyed');
});

test('a peer that asks for much and reads nothing is promised no more than may be queued', async () => {
  let running = 0;
  const { transport, connection, root } = await bench({ replyBytesQueuedMax: 10_000 }, (nfs) => ({
    ...nfs,
    READ: async (_context, { count }) => {
      running += 1;
      const data = [new Uint8Array(count)];
      return { status: 'NFS3_OK', ok: { file_attributes: undefined, count, eof: false, data } };
    },
  }));
  const read = { file: root, offset: 0, count: 4000 };
  for (let xid = 0; xid < 20; xid++) connection.received(call('READ', read, xid));
  await turn();
  assert.deepEqual([running, transport.sent.length], [2, 2]);
  connection.received(call('GETATTR', { object: root }, 20));
  await turn();
  assert.equal(transport.sent.length, 3);
  for (let round = 0; round < 20; round++) {
    transport.bytesQueued = 0;
    connection.drained();
    await turn();
    assert(transport.bytesQueued <= 10_000);
  }
  assert.deepEqual([running, transport.sent.length], [20, 21]);
});

test('no more calls run at once than may, and the rest waits its turn', async () => {
  let running = 0;
  let runningMax = 0;
  const waiting: (() => void)[] = [];
  const { transport, connection, root } = await bench({ callsInFlightMax: 4 }, (nfs) => ({
    ...nfs,
    GETATTR: async (context, args) => {
      running += 1;
      runningMax = Math.max(runningMax, running);
      await new Promise<void>((resolve) => waiting.push(resolve));
      running -= 1;
      return nfs.GETATTR(context, args);
    },
  }));
  connection.received(
    Buffer.concat(Array.from({ length: 50 }, (_, xid) => call('GETATTR', { object: root }, xid))),
  );
  assert.equal(transport.state, 'paused');
  for (let round = 0; round < 100 && transport.sent.length < 50; round++) {
    waiting.shift()?.();
    await turn();
  }
  assert.equal(transport.sent.length, 50);
  assert.equal(runningMax, 4);
  assert.equal(transport.state, 'open');
});

test('no more bytes of calls are in flight than may be, but for the last', async () => {
  let running = 0;
  const waiting: (() => void)[] = [];
  const { transport, connection, root } = await bench({ callBytesInFlightMax: 2000 }, (nfs) => ({
    ...nfs,
    WRITE: async (context, args) => {
      running += 1;
      await new Promise<void>((resolve) => waiting.push(resolve));
      return nfs.WRITE(context, args);
    },
  }));
  const data = new Uint8Array(900);
  const write = { file: root, offset: 0, count: data.length, stable: 'UNSTABLE', data } as const;
  for (let xid = 0; xid < 10; xid++) connection.received(call('WRITE', write, xid));
  assert.equal(running, 2);
  assert.equal(transport.state, 'paused');
  for (const letGo of waiting.splice(0)) letGo();
  await turn();
  assert.equal(running, 4);
});
