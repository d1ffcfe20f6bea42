import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MOUNT_PROGRAM } from 'nfs-server-ts/mount3';
import { NLM_PROGRAM, NLM_V4, nlmProcedures } from 'nfs-server-ts/nlm4';
import type { Nlm4Lock, NlmArgsOf, NlmProcedureName, NlmResultOf } from 'nfs-server-ts/nlm4';
import { NFS_PROGRAM } from 'nfs-server-ts/nfs3';
import { NSM_PROGRAM, NSM_V1, nsmProcedures } from 'nfs-server-ts/nsm';
import { PMAP_PROGRAM, pmapProcedures } from 'nfs-server-ts/portmap';
import { outgoingCalls } from 'nfs-server-ts/rpc-call';
import { unchanged, type Credential, type NfsClient } from 'nfs-server-ts/test/support/client';
import { alock, cookie, LockClient, lockArgs, nlmCall } from 'nfs-server-ts/test/support/lock-client';
import { realClock } from '../../../src/environment-real.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { exportRule, name, openNfs, type NfsWorld } from './nfs-world.ts';

type Ask = <Name extends NlmProcedureName>(name: Name, args: NlmArgsOf<Name>) => Promise<NlmResultOf<Name>>;
interface Locked extends NfsWorld {
  readonly ask: Ask;
  /** A file of root's. */
  readonly fh: Uint8Array;
}
const asker =
  ({ rpc }: NfsClient): Ask =>
  (procedure, args) =>
    nlmCall(rpc, procedure, args);

async function open(
  context: TestContext,
  {
    rules,
    mode = 0o600,
    ...options
  }: Parameters<typeof openNfs>[2] & { rules?: Parameters<typeof openNfs>[1]; mode?: number } = {},
): Promise<Locked> {
  const world = await openNfs(context, rules, options);
  const how = { mode: 'GUARDED', obj_attributes: { ...unchanged, mode } } as const;
  const { client, top } = world;
  const made = await client.call('CREATE', { where: { dir: top, name: name('file') }, how });
  const fh = made.status === 'NFS3_OK' ? made.ok.obj! : top;
  return { ...world, ask: asker(client), fh };
}
const other = (fh: Uint8Array): Nlm4Lock => alock(fh, { caller: 'other' });
const testArgs = (lock: Nlm4Lock, exclusive = true): NlmArgsOf<'TEST'> => ({
  cookie,
  exclusive,
  alock: lock,
});

test('a file is locked by its handle, and TEST names the holder', async (context) => {
  const { ask, fh } = await open(context);
  const part = alock(fh, { svid: 0xffff_ffff, l_offset: 1, l_len: 2 });
  assert.deepEqual(await ask('LOCK', lockArgs(part)), { cookie, stat: 'NLM4_GRANTED' });
  const holder = { exclusive: true, svid: 0xffff_ffff, oh: part.oh, l_offset: 1, l_len: 2 };
  assert.deepEqual(await ask('TEST', testArgs(other(fh))), {
    cookie,
    test_stat: { stat: 'NLM4_DENIED', holder },
  });
  assert.equal((await ask('UNLOCK', { cookie, alock: part })).stat, 'NLM4_GRANTED');
  assert.deepEqual(await ask('TEST', testArgs(other(fh))), { cookie, test_stat: { stat: 'NLM4_GRANTED' } });
});

test('who waits is called back on its own lock manager', async (context) => {
  const peer = await LockClient.start();
  context.after(() => peer.close());
  const { ask, fh } = await open(context, { portmapPort: peer.portmapPort });
  await ask('LOCK', lockArgs(alock(fh)));
  assert.equal((await ask('LOCK', lockArgs(other(fh), { block: true }))).stat, 'NLM4_BLOCKED');
  await ask('UNLOCK', { cookie, alock: alock(fh) });
  const [heard] = (await peer.hears('GRANTED')) as NlmArgsOf<'GRANTED'>[];
  assert.deepEqual(heard?.alock, other(fh));
});

test('what cannot be locked says why', async (context) => {
  const { ask, fh, top, client } = await open(context);
  const stat = async (lock: Nlm4Lock): Promise<string> => (await ask('LOCK', lockArgs(lock))).stat;
  assert.equal(await stat(alock(top)), 'NLM4_FAILED');
  assert.equal(await stat(alock(Buffer.from('no handle'))), 'NLM4_STALE_FH');
  assert.equal(await stat(alock(fh, { l_offset: Number.MAX_SAFE_INTEGER })), 'NLM4_FBIG');
  assert.equal(await stat(alock(fh, { l_offset: 1, l_len: Number.MAX_SAFE_INTEGER })), 'NLM4_GRANTED');
  await client.ok('REMOVE', { object: { dir: top, name: name('file') } });
  assert.equal(await stat(other(fh)), 'NLM4_STALE_FH');
  assert.equal((await ask('UNLOCK', { cookie, alock: alock(fh) })).stat, 'NLM4_GRANTED');
});

test('who may neither read nor write a file may not lock it', async (context) => {
  const { fh, client } = await open(context, { mode: 0o640 });
  const stranger = (credential: Credential): Promise<NlmResultOf<'LOCK'>> =>
    nlmCall(client.rpc, 'LOCK', lockArgs(alock(fh), { exclusive: false }), credential);
  assert.equal((await stranger({ uid: 1000, gid: 1000, groups: [] })).stat, 'NLM4_FAILED');
  assert.equal((await stranger({ uid: 1000, gid: 0, groups: [] })).stat, 'NLM4_GRANTED');
});

test('an export that is read only takes shared locks and refuses exclusive ones', async (context) => {
  const { namespace, ...world } = await openNfs(context, [exportRule({ access: 'ro' })]);
  const caller = { uid: 0, gid: 0, groups: [], bypassesModes: true };
  const place = { directory: world.bucket, name: name('file') };
  await namespace.files.create(caller, place, { mode: { how: 'guarded' }, wish: { mode: 0o644 } });
  const where = { dir: world.top, name: name('file') };
  const fh = (await world.client.ok('LOOKUP', { what: where })).object;
  const ask = asker(world.client);
  assert.equal((await ask('LOCK', lockArgs(alock(fh)))).stat, 'NLM4_ROFS');
  assert.equal((await ask('LOCK', lockArgs(alock(fh), { exclusive: false }))).stat, 'NLM4_GRANTED');
  assert.deepEqual((await ask('TEST', testArgs(other(fh)))).test_stat, { stat: 'NLM4_ROFS' });
});

test('SHARE, UNSHARE, NM_LOCK and FREE_ALL', async (context) => {
  const { ask, fh } = await open(context);
  const share = (caller: string, access: 'fsa_R' | 'fsa_W'): NlmArgsOf<'SHARE'> => ({
    cookie,
    share: { caller_name: name(caller), fh, oh: name('1'), mode: 'fsm_DW', access },
    reclaim: false,
  });
  assert.equal((await ask('SHARE', share('a', 'fsa_R'))).stat, 'NLM4_GRANTED');
  assert.equal((await ask('SHARE', share('b', 'fsa_W'))).stat, 'NLM4_DENIED');
  assert.equal((await ask('UNSHARE', share('a', 'fsa_R'))).stat, 'NLM4_GRANTED');
  assert.equal((await ask('SHARE', share('b', 'fsa_W'))).stat, 'NLM4_GRANTED');
  assert.equal((await ask('NM_LOCK', lockArgs(alock(fh)))).stat, 'NLM4_GRANTED');
  await ask('FREE_ALL', { name: name('client'), state: 1 });
  await ask('FREE_ALL', { name: name('b'), state: 1 });
  assert.equal((await ask('LOCK', lockArgs(other(fh)))).stat, 'NLM4_GRANTED');
  assert.equal((await ask('SHARE', share('a', 'fsa_R'))).stat, 'NLM4_GRANTED');
});

const restarts = [
  { name: 'FREE_ALL', program: NLM_PROGRAM, version: NLM_V4, procedure: nlmProcedures.FREE_ALL },
  { name: 'SM_NOTIFY', program: NSM_PROGRAM, version: NSM_V1, procedure: nsmProcedures.NOTIFY },
];
for (const { name: what, program, version, procedure } of restarts) {
  test(`${what} from a port that any user may have counts only where rules take such ports`, async (context) => {
    const { ask, fh, rules, door } = await open(context);
    const target = { ...door, transport: 'tcp' } as const;
    const args = { name: name('client'), mon_name: name('client'), state: 7 };
    const says = (from: string): Promise<unknown> =>
      outgoingCalls({ clock: realClock(), machine: 'client', timeoutMs: 5000, localAddress: from })(target, {
        ...{ program, version },
        procedure: procedure as typeof nsmProcedures.NOTIFY,
        args,
      });
    const isFree = async (): Promise<boolean> => {
      await rules.remove('strict').catch(() => undefined);
      const { test_stat: found } = await ask('TEST', testArgs(other(fh)));
      return found.stat === 'NLM4_GRANTED';
    };
    assert.equal((await ask('LOCK', lockArgs(alock(fh)))).stat, 'NLM4_GRANTED');
    await says('127.0.0.2');
    assert.equal(await isFree(), false, 'from another address');
    await rules.put('strict', exportRule({ secure: true }));
    await says('127.0.0.1');
    assert.equal(await isFree(), false, 'where the rule wants a privileged port');
    await says('127.0.0.1');
    assert.equal(await isFree(), true);
  });
}

const call = outgoingCalls({ clock: realClock(), machine: 'client', timeoutMs: 5000 });

test('after a restart the client is told, reclaims, and nobody else gets a lock before the grace period ends', async (context) => {
  const peer = await LockClient.start('udp');
  context.after(() => peer.close());
  const engine = new MemoryEngine();
  const { ask, fh, restarted, steps } = await open(context, { portmapPort: peer.portmapPort, engine });
  await ask('LOCK', lockArgs(alock(fh)));
  const again = asker(await restarted(undefined, engine.crash(seededRandom(1))));
  await steps();
  assert.deepEqual(await peer.hears('NOTIFY'), [{ mon_name: 'server', state: 3 }]);
  assert.equal((await again('LOCK', lockArgs(other(fh)))).stat, 'NLM4_DENIED_GRACE_PERIOD');
  assert.equal((await again('LOCK', lockArgs(alock(fh), { reclaim: true }))).stat, 'NLM4_GRANTED');
});

test('the port mapper finds all programs, and a status monitor releases the locks of its machine over UDP', async (context) => {
  const { ask, fh, door } = await open(context, { portmap: true });
  const { host, port } = door.portmap!;
  const portOf = async (program: number, prot: number): Promise<number> => {
    const args = { prog: program, vers: 1, prot, port: 0 };
    const asked = { program: PMAP_PROGRAM, version: 2, procedure: pmapProcedures.GETPORT, args };
    const over = [
      call({ host, port, transport: 'tcp' }, asked),
      call({ host, port, transport: 'udp' }, asked),
    ];
    const [first, second] = await Promise.all(over);
    assert.deepEqual(first, second);
    return first!.value;
  };
  assert.deepEqual(await Promise.all([NFS_PROGRAM, MOUNT_PROGRAM].map((it) => portOf(it, 6))), [
    door.port,
    door.port,
  ]);
  assert.equal(await portOf(NFS_PROGRAM, 17), 0);
  await ask('LOCK', lockArgs(alock(fh), { state: 3 }));
  await call(
    { host, port: await portOf(NSM_PROGRAM, 17), transport: 'udp' },
    {
      ...{ program: NSM_PROGRAM, version: 1, procedure: nsmProcedures.NOTIFY },
      args: { mon_name: name('client'), state: 5 },
    },
  );
  assert.equal((await ask('LOCK', lockArgs(other(fh)))).stat, 'NLM4_GRANTED');
});
