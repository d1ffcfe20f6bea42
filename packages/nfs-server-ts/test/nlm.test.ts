import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { ClientPrograms } from '../src/client-programs.ts';
import { systemClock } from '../src/environment.ts';
import { MemoryLocks } from '../src/memory-locks.ts';
import { memoryBackend } from '../src/memory.ts';
import { lockCallbacks } from '../src/nlm4-callbacks.ts';
import { nlm4Program } from '../src/nlm4-program.ts';
import type { NlmArgsOf, NlmProcedureName, NlmResultOf } from '../src/nlm4.ts';
import { nsmProgram } from '../src/nsm.ts';
import { outgoingCalls } from '../src/rpc-call.ts';
import type { RpcClient } from './support/client.ts';
import { alock, bytes, cookie, LockClient, lockArgs, nlmCall } from './support/lock-client.ts';
import { serve } from './support/serve.ts';

interface LockWorld {
  readonly port: number;
  readonly rpc: RpcClient;
  readonly peer: LockClient;
  readonly call: <Name extends NlmProcedureName>(
    name: Name,
    args: NlmArgsOf<Name>,
  ) => Promise<NlmResultOf<Name>>;
  readonly logged: string[];
}

/** A server of files and locks in memory, a connection to it, and the machine that calls over it. */
async function open(
  context: TestContext,
  transport: 'tcp' | 'udp' = 'tcp',
  answerMsMax = 5000,
): Promise<LockWorld> {
  const peer = await LockClient.start(transport);
  context.after(() => peer.close());
  const log = { warn: () => undefined, error: () => undefined };
  const call = outgoingCalls({ clock: systemClock, machine: 'server', timeoutMs: answerMsMax });
  const programs = new ClientPrograms({ call, clock: systemClock, portmapPort: peer.portmapPort });
  const callbacks = lockCallbacks({ programs, clock: systemClock, log, answerMsMax });
  const locks = new MemoryLocks(() => callbacks);
  const nlm = nlm4Program({ locks, callbacks, log, messagesMax: 3, messagesPerAddressMax: 2 });
  const nsm = nsmProgram({ state: () => 3, notified: () => Promise.resolve() });
  const { client, port, logged } = await serve(context, memoryBackend(), { programs: [nlm, nsm] });
  peer.respondTo(port);
  const { rpc } = client;
  return { port, rpc, peer, logged, call: (name, args) => nlmCall(rpc, name, args) };
}

const fh = bytes('a file');
const mine = alock(fh);
const other = alock(fh, { caller: 'other' });

test('LOCK is granted to one owner, denied to another, and granted after UNLOCK', async (context) => {
  const { call } = await open(context);
  assert.deepEqual(await call('LOCK', lockArgs(mine)), { cookie, stat: 'NLM4_GRANTED' });
  assert.equal((await call('LOCK', lockArgs(other))).stat, 'NLM4_DENIED');
  assert.equal((await call('UNLOCK', { cookie, alock: mine })).stat, 'NLM4_GRANTED');
  assert.equal((await call('LOCK', lockArgs(other))).stat, 'NLM4_GRANTED');
});

test('TEST tells who holds the lock, and where', async (context) => {
  const { call } = await open(context);
  const part = alock(fh, { svid: 7, l_offset: 10, l_len: 5 });
  await call('LOCK', lockArgs(part));
  const args = { cookie, exclusive: false, alock: other };
  const holder = { exclusive: true, svid: 7, oh: part.oh, l_offset: 10, l_len: 5 };
  assert.deepEqual(await call('TEST', args), { cookie, test_stat: { stat: 'NLM4_DENIED', holder } });
  await call('UNLOCK', { cookie, alock: part });
  assert.deepEqual(await call('TEST', args), { cookie, test_stat: { stat: 'NLM4_GRANTED' } });
});

for (const transport of ['tcp', 'udp'] as const) {
  test(`a lock that was waited for is told by GRANTED over ${transport}`, async (context) => {
    const { call, peer } = await open(context, transport);
    await call('LOCK', lockArgs(mine));
    assert.equal((await call('LOCK', lockArgs(other, { block: true }))).stat, 'NLM4_BLOCKED');
    await call('UNLOCK', { cookie, alock: mine });
    const [heard] = (await peer.hears('GRANTED')) as NlmArgsOf<'GRANTED'>[];
    assert.deepEqual([heard?.exclusive, heard?.alock], [true, other]);
    assert.equal((await call('LOCK', lockArgs(mine))).stat, 'NLM4_DENIED');
  });
}

test('who no longer wants the lock that it waited for does not keep it', async (context) => {
  const { call, peer } = await open(context);
  peer.answer = 'NLM4_DENIED';
  await call('LOCK', lockArgs(mine));
  await call('LOCK', lockArgs(other, { block: true }));
  await call('UNLOCK', { cookie, alock: mine });
  await peer.hears('GRANTED');
  const third = alock(fh, { caller: 'third' });
  let stat = 'NLM4_DENIED';
  for (let round = 0; round < 1000 && stat === 'NLM4_DENIED'; round++)
    stat = (await call('LOCK', lockArgs(third))).stat;
  assert.equal(stat, 'NLM4_GRANTED');
});

test('CANCEL ends the waiting, once', async (context) => {
  const { call, peer } = await open(context);
  await call('LOCK', lockArgs(mine));
  await call('LOCK', lockArgs(other, { block: true }));
  const args = { cookie, block: true, exclusive: true, alock: other };
  assert.equal((await call('CANCEL', args)).stat, 'NLM4_GRANTED');
  assert.equal((await call('CANCEL', args)).stat, 'NLM4_DENIED');
  await call('UNLOCK', { cookie, alock: mine });
  assert.deepEqual(peer.heard, []);
});

test('the asynchronous forms are answered by calls in the other direction', async (context) => {
  const { call, peer } = await open(context);
  assert.deepEqual(await call('LOCK_MSG', lockArgs(mine)), {});
  assert.deepEqual(await peer.hears('LOCK_RES'), [{ cookie, stat: 'NLM4_GRANTED' }]);
  await call('TEST_MSG', { cookie, exclusive: true, alock: mine });
  assert.deepEqual(await peer.hears('TEST_RES'), [{ cookie, test_stat: { stat: 'NLM4_GRANTED' } }]);
  await call('LOCK_MSG', lockArgs(other, { block: true }));
  assert.deepEqual((await peer.hears('LOCK_RES', 2))[1], { cookie, stat: 'NLM4_BLOCKED' });
  await call('UNLOCK_MSG', { cookie, alock: mine });
  assert.deepEqual(await peer.hears('UNLOCK_RES'), [{ cookie, stat: 'NLM4_GRANTED' }]);
  const [granted] = (await peer.hears('GRANTED_MSG')) as NlmArgsOf<'GRANTED_MSG'>[];
  assert.deepEqual(granted?.alock, other);
  await call('CANCEL_MSG', { cookie, block: true, exclusive: true, alock: mine });
  assert.deepEqual(await peer.hears('CANCEL_RES'), [{ cookie, stat: 'NLM4_DENIED' }]);
});

test('a GRANTED_MSG that nobody answers leaves the lock with nobody in the end', async (context) => {
  const { call, peer } = await open(context, 'tcp', 500);
  peer.answer = undefined;
  await call('LOCK', lockArgs(mine));
  await call('LOCK_MSG', lockArgs(other, { block: true }));
  await peer.hears('LOCK_RES');
  await call('UNLOCK', { cookie, alock: mine });
  await peer.hears('GRANTED_MSG');
  let stat = 'NLM4_DENIED';
  for (let round = 0; round < 100_000 && stat === 'NLM4_DENIED'; round++)
    stat = (await call('LOCK', lockArgs(mine))).stat;
  assert.equal(stat, 'NLM4_GRANTED');
});

test('a server waits for no locks: GRANTED is denied, and answers that nobody waits for are taken', async (context) => {
  const { call, peer } = await open(context);
  const args = { cookie, exclusive: true, alock: mine };
  assert.equal((await call('GRANTED', args)).stat, 'NLM4_DENIED');
  assert.deepEqual(await call('GRANTED_MSG', args), {});
  assert.deepEqual(await peer.hears('GRANTED_RES'), [{ cookie, stat: 'NLM4_DENIED' }]);
  for (const name of ['LOCK_RES', 'CANCEL_RES', 'UNLOCK_RES', 'GRANTED_RES'] as const)
    assert.deepEqual(await call(name, { cookie, stat: 'NLM4_GRANTED' }), {});
  assert.deepEqual(await call('TEST_RES', { cookie, test_stat: { stat: 'NLM4_GRANTED' } }), {});
});

test('SHARE keeps out what it denies, until UNSHARE', async (context) => {
  const { call } = await open(context);
  const share = (
    caller: string,
    mode: 'fsm_DN' | 'fsm_DW',
    access: 'fsa_R' | 'fsa_W',
  ): NlmArgsOf<'SHARE'> => ({
    cookie,
    share: { caller_name: Buffer.from(caller), fh, oh: Buffer.from(caller), mode, access },
    reclaim: false,
  });
  const first = share('a', 'fsm_DW', 'fsa_R');
  assert.deepEqual(await call('SHARE', first), { cookie, stat: 'NLM4_GRANTED', sequence: 0 });
  assert.equal((await call('SHARE', share('b', 'fsm_DN', 'fsa_W'))).stat, 'NLM4_DENIED');
  assert.equal((await call('SHARE', share('b', 'fsm_DN', 'fsa_R'))).stat, 'NLM4_GRANTED');
  assert.equal((await call('UNSHARE', first)).stat, 'NLM4_GRANTED');
  assert.equal((await call('SHARE', share('b', 'fsm_DN', 'fsa_W'))).stat, 'NLM4_GRANTED');
});

test('FREE_ALL gives back what NM_LOCK took', async (context) => {
  const { call } = await open(context);
  assert.equal((await call('NM_LOCK', lockArgs(mine))).stat, 'NLM4_GRANTED');
  assert.equal((await call('LOCK', lockArgs(other))).stat, 'NLM4_DENIED');
  assert.deepEqual(await call('FREE_ALL', { name: Buffer.from('client'), state: 3 }), {});
  assert.equal((await call('LOCK', lockArgs(other))).stat, 'NLM4_GRANTED');
});

test('a LOCK that arrives again behind its UNLOCK takes nothing', async (context) => {
  const { call, rpc } = await open(context);
  const send = rpc.send.bind(rpc);
  let record: Uint8Array = new Uint8Array(0);
  rpc.send = (bytes) => send((record = bytes));
  await call('LOCK', lockArgs(mine));
  rpc.send = send;
  await call('UNLOCK', { cookie, alock: mine });
  const xid = Buffer.from(record).readUInt32BE(4);
  await rpc.exchange(xid, record);
  assert.equal((await call('LOCK', lockArgs(other))).stat, 'NLM4_GRANTED');
});
