import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBackend } from '../src/memory.ts';
import { procedures, type ArgsOf, type Nfs3Program } from '../src/nfs3.ts';
import { ReplayCache } from '../src/replay.ts';
import { results, RpcFailure, unchanged } from './support/client.ts';
import { serve } from './support/serve.ts';

const name = (text: string): Uint8Array => Buffer.from(text);
const mkdir = (dir: Uint8Array, text: string): ArgsOf<'MKDIR'> => ({
  where: { dir, name: name(text) },
  attributes: { ...unchanged, mode: 0o755 },
});

/** A memory backend whose MKDIR counts its runs and waits until it is let go. */
function held(): {
  program: Nfs3Program;
  mounts: ReturnType<typeof memoryBackend>['mounts'];
  runs: number;
  letGo(): void;
  entered: Promise<void>;
} {
  const { nfs, mounts } = memoryBackend();
  let letGo: () => void = () => undefined;
  let enter: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const entered = new Promise<void>((resolve) => (enter = resolve));
  const state = {
    mounts,
    runs: 0,
    letGo,
    entered,
    program: {
      ...nfs,
      MKDIR: async (...call: Parameters<Nfs3Program['MKDIR']>) => {
        state.runs += 1;
        enter();
        await gate;
        return nfs.MKDIR(...call);
      },
    },
  };
  return state;
}

test('a retransmission is answered with the first reply, also on another connection', async (context) => {
  const { client, connect } = await serve(context);
  const root = await client.root('/');
  const xid = client.rpc.nextXid();
  const call = client.encode('MKDIR', mkdir(root, 'once'), xid);
  const first = client.decode('MKDIR', await client.rpc.exchange(xid, call));
  assert.equal(first.status, 'NFS3_OK');
  assert.deepEqual(client.decode('MKDIR', await client.rpc.exchange(xid, call)), first);
  const second = await connect();
  assert.deepEqual(second.decode('MKDIR', await second.rpc.exchange(xid, call)), first);
  assert.equal((await client.call('MKDIR', mkdir(root, 'once'))).status, 'NFS3ERR_EXIST');
});

test('a retransmission of a call under way waits for it and does not run again', async (context) => {
  const backend = held();
  const { client, connect } = await serve(context, { nfs: backend.program, mounts: backend.mounts });
  const second = await connect();
  const root = await client.root('/');
  const xid = client.rpc.nextXid();
  const call = client.encode('MKDIR', mkdir(root, 'once'), xid);
  const replies = [client.rpc.exchange(xid, call), second.rpc.exchange(xid, call)];
  await backend.entered;
  await second.null();
  backend.letGo();
  const [first, again] = await Promise.all(replies);
  assert.deepEqual(client.decode('MKDIR', first!), second.decode('MKDIR', again!));
  assert.equal(backend.runs, 1);
});

test('a call whose connection broke is not run again for the retransmission', async (context) => {
  const backend = held();
  const { client, connect } = await serve(context, { nfs: backend.program, mounts: backend.mounts });
  const root = await client.root('/');
  const xid = client.rpc.nextXid();
  const call = client.encode('MKDIR', mkdir(root, 'once'), xid);
  const lost = assert.rejects(client.rpc.exchange(xid, call), new RpcFailure('closed'));
  await backend.entered;
  await client.close();
  await lost;
  const second = await connect();
  const reply = second.rpc.reply(xid);
  second.rpc.send(call);
  backend.letGo();
  assert.equal(second.decode('MKDIR', results(await reply)).status, 'NFS3_OK');
  assert.equal(backend.runs, 1);
});

test('one xid with other arguments, or of another user, is another call', async (context) => {
  const { client } = await serve(context);
  const root = await client.root('/');
  const xid = client.rpc.nextXid();
  const run = async (text: string, caller: typeof client): Promise<string> => {
    const call = caller.encode('MKDIR', mkdir(root, text), xid);
    return caller.decode('MKDIR', await caller.rpc.exchange(xid, call)).status;
  };
  assert.equal(await run('a', client), 'NFS3_OK');
  assert.equal(await run('b', client), 'NFS3_OK');
  assert.equal(await run('a', client.as({ uid: 7, gid: 7, groups: [] })), 'NFS3ERR_EXIST');
  assert.equal(await run('a', client), 'NFS3_OK');
});

test('a JUKEBOX reply is not kept: the same call may succeed later', async (context) => {
  const { nfs, mounts } = memoryBackend();
  let tries = 0;
  const program: Nfs3Program = {
    ...nfs,
    MKDIR: (call, args) => {
      tries += 1;
      const fail = procedures.MKDIR.failBare;
      return tries === 1 ? Promise.resolve({ status: 'NFS3ERR_JUKEBOX', fail }) : nfs.MKDIR(call, args);
    },
  };
  const { client } = await serve(context, { nfs: program, mounts });
  const xid = client.rpc.nextXid();
  const call = client.encode('MKDIR', mkdir(await client.root('/'), 'later'), xid);
  assert.equal(client.decode('MKDIR', await client.rpc.exchange(xid, call)).status, 'NFS3ERR_JUKEBOX');
  assert.equal(client.decode('MKDIR', await client.rpc.exchange(xid, call)).status, 'NFS3_OK');
});

test('the cache keeps no more replies and bytes than it may, the latest ones', async () => {
  const cache = new ReplayCache({ replayEntriesMax: 10, replayBytesMax: 250 });
  let runs = 0;
  const call = (key: string, length: number): Promise<unknown> =>
    cache.once(key, () => {
      runs += 1;
      return Promise.resolve({ parts: [new Uint8Array(length)], isReplayable: true });
    });
  for (let index = 0; index < 100; index++) await call(`small ${index}`, 10);
  assert.deepEqual(cache.size, { entries: 10, bytes: 100 });
  for (let index = 0; index < 100; index++) await call(`large ${index}`, 100);
  assert.deepEqual(cache.size, { entries: 2, bytes: 200 });
  await call('large 99', 100);
  assert.equal(runs, 200);
});

test('a run that fails leaves nothing behind', async () => {
  const cache = new ReplayCache({ replayEntriesMax: 10, replayBytesMax: 250 });
  await assert.rejects(cache.once('key', () => Promise.reject(new Error('broken'))));
  const answer = { parts: [], isReplayable: true };
  assert.equal(await cache.once('key', () => Promise.resolve(answer)), answer);
});
