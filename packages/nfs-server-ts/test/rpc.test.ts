import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBackend } from '../src/memory.ts';
import { NFS_PROGRAM, type Nfs3Program } from '../src/nfs3.ts';
import { AuthRefused } from '../src/rpc.ts';
import { MOUNT_PROGRAM } from '../src/mount3.ts';
import {
  encodeCall,
  framed,
  rootCredential,
  RpcFailure,
  unchanged,
  type Credential,
} from './support/client.ts';
import { serve } from './support/serve.ts';

const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value >>> 0, 4 * index));
  return bytes;
};
const header = (program: number, version: number, procedure: number): Buffer =>
  words(0, 2, program, version, procedure);
const noAuth = words(0, 0, 0, 0);
const nfs = (procedure: number): Buffer => header(NFS_PROGRAM, 3, procedure);

/** Everything behind the xid, and what the RPC layer says to it. */
const refusals = [
  {
    name: 'a program that is not served',
    call: Buffer.concat([header(100227, 3, 0), noAuth]),
    want: 'PROG_UNAVAIL',
  },
  {
    name: 'NFS version 2',
    call: Buffer.concat([header(NFS_PROGRAM, 2, 0), noAuth]),
    want: 'PROG_MISMATCH 3 3',
  },
  {
    name: 'NFS version 4',
    call: Buffer.concat([header(NFS_PROGRAM, 4, 0), noAuth]),
    want: 'PROG_MISMATCH 3 3',
  },
  {
    name: 'MOUNT version 1',
    call: Buffer.concat([header(MOUNT_PROGRAM, 1, 0), noAuth]),
    want: 'PROG_MISMATCH 3 3',
  },
  { name: 'NFS procedure 22', call: Buffer.concat([nfs(22), noAuth]), want: 'PROC_UNAVAIL' },
  {
    name: 'MOUNT procedure 6',
    call: Buffer.concat([header(MOUNT_PROGRAM, 3, 6), noAuth]),
    want: 'PROC_UNAVAIL',
  },
  { name: 'GETATTR without arguments', call: Buffer.concat([nfs(1), noAuth]), want: 'GARBAGE_ARGS' },
  {
    name: 'a handle of 65 bytes',
    call: Buffer.concat([nfs(1), noAuth, words(65), Buffer.alloc(68)]),
    want: 'GARBAGE_ARGS',
  },
  {
    name: 'GETATTR with a word behind its arguments',
    call: Buffer.concat([nfs(1), noAuth, words(4, 0, 0)]),
    want: 'GARBAGE_ARGS',
  },
  { name: 'NULL with arguments', call: Buffer.concat([nfs(0), noAuth, words(0)]), want: 'GARBAGE_ARGS' },
  {
    name: 'DUMP of MOUNT with arguments',
    call: Buffer.concat([header(MOUNT_PROGRAM, 3, 2), noAuth, words(0)]),
    want: 'GARBAGE_ARGS',
  },
  { name: 'a header that ends early', call: words(0, 2, NFS_PROGRAM), want: 'GARBAGE_ARGS' },
  {
    name: 'RPC version 3',
    call: Buffer.concat([words(0, 3, NFS_PROGRAM, 3, 0), noAuth]),
    want: 'RPC_MISMATCH 2 2',
  },
  { name: 'AUTH_DH', call: Buffer.concat([nfs(0), words(3, 0, 0, 0)]), want: 'AUTH_ERROR 2' },
  {
    name: 'RPCSEC_GSS with the verifier of its own that each call of it has',
    call: Buffer.concat([nfs(0), words(6, 8, 1, 2, 6, 4, 9)]),
    want: 'AUTH_ERROR 2',
  },
  {
    name: 'an AUTH_SHORT that nobody gave away',
    call: Buffer.concat([nfs(0), words(2, 4, 77, 0, 0)]),
    want: 'AUTH_ERROR 2',
  },
  {
    name: 'a probe for TLS that is not there',
    call: Buffer.concat([nfs(0), words(7, 0, 0, 0)]),
    want: 'AUTH_ERROR 2',
  },
  {
    name: 'AUTH_TLS on GETATTR',
    call: Buffer.concat([nfs(1), words(7, 0, 0, 0)]),
    want: 'AUTH_ERROR 1',
  },
  {
    name: 'AUTH_TLS with a body',
    call: Buffer.concat([nfs(0), words(7, 4, 0, 0, 0)]),
    want: 'AUTH_ERROR 1',
  },
  {
    name: 'an AUTH_SYS body that ends early',
    call: Buffer.concat([nfs(0), words(1, 4, 0, 0, 0)]),
    want: 'AUTH_ERROR 1',
  },
  {
    name: 'AUTH_SYS with 17 groups',
    call: Buffer.concat([
      nfs(0),
      words(1, 88, 0, 0, 0, 0, 17),
      words(...Array<number>(17).fill(5)),
      words(0, 0),
    ]),
    want: 'AUTH_ERROR 1',
  },
  {
    name: 'a credential of 404 bytes',
    call: Buffer.concat([nfs(0), words(0, 404), Buffer.alloc(404), words(0, 0)]),
    want: 'AUTH_ERROR 1',
  },
  {
    name: 'a verifier of a flavour that no call has',
    call: Buffer.concat([nfs(0), words(0, 0, 1, 0)]),
    want: 'AUTH_ERROR 3',
  },
] as const;

for (const { name, call, want } of refusals) {
  test(`${name} is ${want}, and the connection lives on`, async (context) => {
    const { client } = await serve(context);
    const xid = client.rpc.nextXid();
    await assert.rejects(
      client.rpc.exchange(xid, framed(Buffer.concat([words(xid), call]))),
      new RpcFailure(want),
    );
    await client.null();
  });
}

for (const message of [words(7, 1, 0, 0), words(7), Buffer.alloc(0)]) {
  test(`a record of ${message.length} bytes that is no call closes its connection and no other`, async (context) => {
    const { client, connect, logged } = await serve(context);
    const other = await connect();
    client.rpc.send(framed(message));
    await client.rpc.whenClosed;
    await other.null();
    assert.deepEqual(logged, ['nfs-bad-record']);
  });
}

test('a WRITE with bytes behind its data writes nothing', async (context) => {
  const { client } = await serve(context);
  const dir = await client.root('/');
  const how = { mode: 'GUARDED', obj_attributes: unchanged } as const;
  const file = (await client.ok('CREATE', { where: { dir, name: Buffer.from('f') }, how })).obj!;
  const xid = client.rpc.nextXid();
  const data = Buffer.from('data');
  const args = { file, offset: 0, count: 4, stable: 'FILE_SYNC', data } as const;
  const call = client.encode('WRITE', args, xid).subarray(4);
  await assert.rejects(
    client.rpc.exchange(xid, framed(Buffer.concat([call, words(0)]))),
    new RpcFailure('GARBAGE_ARGS'),
  );
  assert.equal((await client.ok('GETATTR', { object: file })).obj_attributes.size, 0);
});

test('a backend that fails unexpectedly ends the call in SYSTEM_ERR and is logged', async (context) => {
  const { nfs: program, mounts } = memoryBackend();
  const broken: Nfs3Program = { ...program, GETATTR: () => Promise.reject(new Error('broken')) };
  const { client, logged } = await serve(context, { nfs: broken, mounts });
  const object = await client.root('/');
  await assert.rejects(client.call('GETATTR', { object }), new RpcFailure('SYSTEM_ERR'));
  assert.deepEqual(logged, ['nfs-call-failed']);
  assert.equal((await client.call('ACCESS', { object, access: 1 })).status, 'NFS3_OK');
});

test('a backend that wants a stronger flavor refuses the call on the RPC level, and it is not replayed', async (context) => {
  const { nfs: program, mounts } = memoryBackend();
  let isRefusing = true;
  const strict: Nfs3Program = {
    ...program,
    MKDIR: (call, args) =>
      isRefusing ? Promise.reject(new AuthRefused('AUTH_TOOWEAK')) : program.MKDIR(call, args),
  };
  const { client, logged } = await serve(context, { nfs: strict, mounts });
  const where = { dir: await client.root('/'), name: Buffer.from('d') };
  const xid = client.rpc.nextXid();
  const message = client.encode('MKDIR', { where, attributes: unchanged }, xid);
  await assert.rejects(client.rpc.exchange(xid, message), new RpcFailure('AUTH_ERROR 5'));
  isRefusing = false;
  assert.equal(client.decode('MKDIR', await client.rpc.exchange(xid, message)).status, 'NFS3_OK');
  assert.deepEqual(logged, []);
});

test('a backend whose answer cannot be encoded ends the call in SYSTEM_ERR, and the next answer is whole', async (context) => {
  const { nfs: program, mounts } = memoryBackend();
  const broken: Nfs3Program = {
    ...program,
    ACCESS: (_call, { access }) =>
      Promise.resolve({ status: 'NFS3_OK', ok: { obj_attributes: undefined, access: -access } }),
  };
  const { client } = await serve(context, { nfs: broken, mounts });
  const object = await client.root('/');
  await assert.rejects(client.call('ACCESS', { object, access: 1 }), new RpcFailure('SYSTEM_ERR'));
  assert.equal((await client.call('GETATTR', { object })).status, 'NFS3_OK');
});

const identities = [
  {
    name: 'AUTH_NONE is nobody',
    credential: 'AUTH_NONE',
    want: { flavor: 'AUTH_NONE', uid: 65_534, gid: 65_534, groups: [] },
  },
  {
    name: 'AUTH_SYS says who',
    credential: { uid: 1000, gid: 100, groups: [4, 24] },
    want: { flavor: 'AUTH_SYS', uid: 1000, gid: 100, groups: [4, 24] },
  },
  {
    name: 'AUTH_SYS with 16 groups',
    credential: { uid: 1, gid: 2, groups: Array.from({ length: 16 }, (_, index) => index) },
    want: { flavor: 'AUTH_SYS', uid: 1, gid: 2, groups: Array.from({ length: 16 }, (_, index) => index) },
  },
] satisfies readonly { name: string; credential: Credential | 'AUTH_NONE'; want: object }[];
for (const { name, credential, want } of identities) {
  test(`identity: ${name}`, async (context) => {
    const { nfs: program, mounts } = memoryBackend();
    let seen: object | undefined;
    const watching: Nfs3Program = {
      ...program,
      ACCESS: (call, args) => {
        const { flavor, uid, gid, groups } = call;
        seen = { flavor, uid, gid, groups };
        return program.ACCESS(call, args);
      },
    };
    const { client } = await serve(context, { nfs: watching, mounts });
    await client.as(credential).call('ACCESS', { object: await client.root('/'), access: 1 });
    assert.deepEqual(seen, want);
  });
}

test('replies go out as they get ready, not in the order of the calls', async (context) => {
  const { nfs: program, mounts } = memoryBackend();
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const slow: Nfs3Program = {
    ...program,
    GETATTR: async (call, args) => {
      await held;
      return program.GETATTR(call, args);
    },
  };
  const { client } = await serve(context, { nfs: slow, mounts });
  const object = await client.root('/');
  const order: string[] = [];
  const first = client.call('GETATTR', { object }).then(() => order.push('GETATTR'));
  await client.call('ACCESS', { object, access: 1 }).then(() => order.push('ACCESS'));
  letGo();
  await first;
  assert.deepEqual(order, ['ACCESS', 'GETATTR']);
});

test('calls that came before the peer ended its side are all answered', async (context) => {
  const { client, port } = await serve(context, memoryBackend(), { limits: { callsInFlightMax: 2 } });
  assert.notEqual(port, 0);
  const calls = Array.from({ length: 50 }, () => client.rpc.nextXid());
  const replies = calls.map((xid) => client.rpc.reply(xid));
  const header = { program: NFS_PROGRAM, version: 3, procedure: 0, credential: rootCredential };
  client.rpc.socket.end(
    Buffer.concat(calls.map((xid) => framed(encodeCall({ xid, ...header }, () => undefined)))),
  );
  assert.equal((await Promise.all(replies)).length, 50);
  await client.rpc.whenClosed;
});

test('every answered call is reported with its procedure and status', async (context) => {
  const reports: string[] = [];
  const observe = (report: {
    program: string;
    procedure: string;
    status: string;
    replyBytes: number;
  }): void => {
    reports.push(`${report.program} ${report.procedure} ${report.status} ${report.replyBytes}`);
  };
  const { client } = await serve(context, memoryBackend(), { observe });
  const object = await client.root('/');
  await client.call('GETATTR', { object });
  await client.call('LOOKUP', { what: { dir: object, name: Buffer.from('none') } });
  assert.deepEqual(reports, [
    'MOUNT MNT SUCCESS 56',
    'NFS GETATTR NFS3_OK 116',
    'NFS LOOKUP NFS3ERR_NOENT 36',
  ]);
});

test('close answers what is in flight before it ends the connection', async (context) => {
  const { nfs: program, mounts } = memoryBackend();
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  let entered: () => void = () => undefined;
  const inside = new Promise<void>((resolve) => (entered = resolve));
  const slow: Nfs3Program = {
    ...program,
    GETATTR: async (call, args) => {
      entered();
      await held;
      return program.GETATTR(call, args);
    },
  };
  const { client, server } = await serve(context, { nfs: slow, mounts });
  const object = await client.root('/');
  const reply = client.call('GETATTR', { object });
  await inside;
  const closed = server.close();
  letGo();
  assert.equal((await reply).status, 'NFS3_OK');
  await closed;
  await client.rpc.whenClosed;
});
