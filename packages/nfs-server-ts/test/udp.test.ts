import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../src/environment.ts';
import type { ServerLimits } from '../src/limits.ts';
import { NSM_PROGRAM, nsmProcedures, nsmProgram } from '../src/nsm.ts';
import { PMAP_PROGRAM, pmapProcedures, portmapPrograms, type Registration } from '../src/portmap.ts';
import { CallFailed, outgoingCalls, type CallTarget } from '../src/rpc-call.ts';
import { listenUdp } from '../src/udp.ts';
import { encodeCall } from './support/client.ts';

const host = '127.0.0.1';
const silent = { warn: () => undefined, error: () => undefined };
const many: Registration[] = Array.from({ length: 100 }, (_, program) => {
  return { program, version: 1, transport: 'udp', host, port: 1 };
});

interface Notified {
  readonly name: string;
  readonly state: number;
}

async function open(
  context: TestContext,
  limits: Partial<ServerLimits> = {},
  held: Promise<void> = Promise.resolve(),
): Promise<{ target: CallTarget; notified: Notified[]; server: Awaited<ReturnType<typeof listenUdp>> }> {
  const notified: Notified[] = [];
  const monitor = nsmProgram({
    state: () => 7,
    notified: async (_call, { mon_name, state }) => {
      notified.push({ name: Buffer.from(mon_name).toString(), state });
      await held;
    },
  });
  const programs = [...portmapPrograms(many, systemClock), monitor];
  const server = await listenUdp({ host, port: 0, programs, log: silent, limits });
  context.after(() => server.close());
  return { target: { host, port: server.address.port, transport: 'udp' }, notified, server };
}

async function socketFor(context: TestContext): Promise<Socket> {
  const socket = createSocket('udp4');
  context.after(() => socket.close());
  socket.bind(0, host);
  await once(socket, 'listening');
  return socket;
}

const call = outgoingCalls({ clock: systemClock, machine: 'client', timeoutMs: 5000 });
const hurried = outgoingCalls({ clock: systemClock, machine: 'client', timeoutMs: 100 });
const notify = {
  program: NSM_PROGRAM,
  version: 1,
  procedure: nsmProcedures.NOTIFY,
  args: { mon_name: Buffer.from('host'), state: 3 },
};
const dump = { program: PMAP_PROGRAM, version: 2, procedure: pmapProcedures.DUMP, args: {} };

test('a status monitor is told over UDP, and says its own state', async (context) => {
  const { target, notified } = await open(context);
  await call(target, notify);
  assert.deepEqual(notified, [{ name: 'host', state: 3 }]);
  const stat = { ...notify, procedure: nsmProcedures.STAT, args: { mon_name: Buffer.from('x') } };
  assert.deepEqual(await call(target, stat), { res_stat: 'STAT_FAIL', state: 7 });
});

test('it monitors for nobody else', async (context) => {
  const { target } = await open(context);
  const mon_id = {
    mon_name: Buffer.from('x'),
    my_id: { my_name: Buffer.from('y'), my_prog: 1, my_vers: 1, my_proc: 1 },
  };
  const mon = { ...notify, procedure: nsmProcedures.MON, args: { mon_id, priv: new Uint8Array(16) } };
  assert.deepEqual(await call(target, mon), { res_stat: 'STAT_FAIL', state: 7 });
  assert.deepEqual(await call(target, { ...notify, procedure: nsmProcedures.UNMON, args: mon_id }), {
    state: 7,
  });
  const all = { ...notify, procedure: nsmProcedures.UNMON_ALL, args: mon_id.my_id };
  assert.deepEqual(await call(target, all), { state: 7 });
  assert.deepEqual(await call(target, { ...notify, procedure: nsmProcedures.SIMU_CRASH, args: {} }), {});
});

test('a reply that is much longer than its call is not sent to an address that may be made up', async (context) => {
  const { target } = await open(context);
  await assert.rejects(call(target, dump), new CallFailed('accept_stat 5', false));
});

test('a reply is at most three times as long as the datagram, whatever comes', async (context) => {
  const { target } = await open(context);
  const socket = await socketFor(context);
  let longest = 0;
  const sizes = new Map<number, number>();
  socket.on('message', (reply) => {
    const sent = sizes.get(reply.readUInt32BE(0)) ?? 1;
    longest = Math.max(longest, reply.length / sent);
  });
  let xid = 0;
  const header = fc.record({
    program: fc.constantFrom(PMAP_PROGRAM, NSM_PROGRAM, 1),
    version: fc.nat(5),
    procedure: fc.nat(12),
    args: fc.uint8Array({ maxLength: 200 }),
  });
  await fc.assert(
    fc.asyncProperty(header, async ({ args, ...given }) => {
      const message = encodeCall({ xid: (xid += 1), ...given, credential: 'AUTH_NONE' }, () => undefined);
      const datagram = Buffer.concat([message, args]);
      sizes.set(xid, datagram.length);
      await new Promise((sent) => socket.send(datagram, target.port, host, sent));
    }),
    { numRuns: 300 },
  );
  await call(target, notify);
  assert(longest > 0 && longest <= 3, String(longest));
});

test('what is no call is dropped, and the next call is answered', async (context) => {
  const { target } = await open(context);
  const socket = await socketFor(context);
  let replies = 0;
  socket.on('message', () => (replies += 1));
  const reply = Buffer.alloc(64);
  reply.writeUInt32BE(1, 4);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 39 }), fc.constant(reply), fc.constant(Buffer.alloc(9000))),
      async (bytes) => {
        await new Promise((sent) => socket.send(bytes, target.port, host, sent));
      },
    ),
    { numRuns: 200 },
  );
  await call(target, notify);
  assert.equal(replies, 0);
});

test('what comes while too many calls run is dropped, and asked again is answered', async (context) => {
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const { target, notified, server } = await open(context, { udpCallsInFlightMax: 2 }, held);
  const outcomes = Promise.allSettled(Array.from({ length: 5 }, () => hurried(target, notify)));
  await outcomes;
  assert.deepEqual([notified.length, server.callsInFlight()], [2, 2]);
  const again = call(target, notify);
  letGo();
  await again;
});

test('a port where nobody listens is told at once', async (context) => {
  const socket = await socketFor(context);
  const { port } = socket.address();
  const gone = createSocket('udp4');
  gone.bind(0, host);
  await once(gone, 'listening');
  const closed = gone.address().port;
  gone.close();
  await assert.rejects(call({ host, port: closed, transport: 'udp' }, notify), CallFailed);
  await assert.rejects(
    call({ host, port: closed, transport: 'tcp' }, notify),
    (failure: CallFailed) => !failure.wasSent,
  );
  await assert.rejects(
    hurried({ host, port, transport: 'udp' }, notify),
    (failure: CallFailed) => failure.wasSent,
  );
});
