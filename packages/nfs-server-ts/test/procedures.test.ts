import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Fattr3, Sattr3 } from '../src/attributes.ts';
import { procedures, type ArgsOf, type BackendProcedureName } from '../src/nfs3.ts';
import { unchanged, type NfsClient } from './support/client.ts';
import { serve } from './support/serve.ts';

const name = (text: string): Uint8Array => Buffer.from(text);
const beyondNumbers = Buffer.from('ffffffffffffffff', 'hex');

interface Tree {
  readonly client: NfsClient;
  readonly root: Uint8Array;
  /** `content`, 7 bytes */
  readonly file: Uint8Array;
  /** Empty. */
  readonly directory: Uint8Array;
  /** To `target` */
  readonly link: Uint8Array;
}

async function create(client: NfsClient, dir: Uint8Array, text: string): Promise<Uint8Array> {
  const how = { mode: 'GUARDED', obj_attributes: { ...unchanged, mode: 0o600 } } as const;
  const { obj } = await client.ok('CREATE', { where: { dir, name: name(text) }, how });
  return obj!;
}

async function plant(context: TestContext): Promise<Tree> {
  const { client } = await serve(context);
  const root = await client.root('/');
  const file = await create(client, root, 'file');
  const write = { offset: 0, count: 7, stable: 'FILE_SYNC', data: name('content') } as const;
  await client.ok('WRITE', { file, ...write });
  const made = await client.ok('MKDIR', {
    where: { dir: root, name: name('directory') },
    attributes: unchanged,
  });
  const symlink = { symlink_attributes: unchanged, symlink_data: name('target') };
  const linked = await client.ok('SYMLINK', { where: { dir: root, name: name('link') }, symlink });
  return { client, root, file, directory: made.obj!, link: linked.obj! };
}

const attributesAt = async ({ client }: Tree, object: Uint8Array): Promise<Fattr3> =>
  (await client.ok('GETATTR', { object })).obj_attributes;

test('GETATTR tells type, size and links', async (context) => {
  const tree = await plant(context);
  const { type, size, nlink, mode } = await attributesAt(tree, tree.file);
  assert.deepEqual({ type, size, nlink, mode }, { type: 'NF3REG', size: 7, nlink: 1, mode: 0o600 });
  assert.equal((await attributesAt(tree, tree.root)).nlink, 3);
});

test('SETATTR changes what is wished, and truncates', async (context) => {
  const tree = await plant(context);
  const time = { seconds: 5, nseconds: 6 };
  const wish: Sattr3 = { ...unchanged, mode: 0o640, size: 3, mtime: { set_it: 'SET_TO_CLIENT_TIME', time } };
  const { obj_wcc } = await tree.client.ok('SETATTR', {
    object: tree.file,
    new_attributes: wish,
    guard: undefined,
  });
  assert.equal(obj_wcc.before?.size, 7);
  const { mode, size, mtime } = obj_wcc.after!;
  assert.deepEqual({ mode, size, mtime }, { mode: 0o640, size: 3, mtime: time });
});

test('SETATTR with the guard of another time changes nothing', async (context) => {
  const tree = await plant(context);
  const before = await attributesAt(tree, tree.file);
  const args = { object: tree.file, new_attributes: { ...unchanged, mode: 0 } };
  const reply = await tree.client.call('SETATTR', { ...args, guard: { seconds: 1, nseconds: 1 } });
  assert.equal(reply.status, 'NFS3ERR_NOT_SYNC');
  assert.deepEqual(await attributesAt(tree, tree.file), before);
  assert.equal((await tree.client.call('SETATTR', { ...args, guard: before.ctime })).status, 'NFS3_OK');
});

test('LOOKUP finds names, `.` and `..`', async (context) => {
  const { client, root, file, directory } = await plant(context);
  const at = async (dir: Uint8Array, text: string): Promise<Uint8Array> =>
    (await client.ok('LOOKUP', { what: { dir, name: name(text) } })).object;
  assert.deepEqual(await at(root, 'file'), file);
  assert.deepEqual(await at(directory, '.'), directory);
  assert.deepEqual(await at(directory, '..'), Uint8Array.from(root));
});

test('ACCESS, READLINK, FSSTAT, FSINFO and PATHCONF answer', async (context) => {
  const { client, root, link } = await plant(context);
  assert.equal((await client.ok('ACCESS', { object: root, access: 0x2d })).access, 0x2d);
  assert.equal(Buffer.from((await client.ok('READLINK', { symlink: link })).data).toString(), 'target');
  assert.equal((await client.ok('FSSTAT', { fsroot: root })).tbytes > 0, true);
  assert.equal((await client.ok('FSINFO', { fsroot: root })).wtmax, 1_048_576);
  assert.equal((await client.ok('PATHCONF', { object: root })).name_max, 255);
});

test('READ gives what is there and says when it was all', async (context) => {
  const { client, file } = await plant(context);
  const read = async (offset: number, count: number): Promise<[string, boolean]> => {
    const ok = await client.ok('READ', { file, offset, count });
    assert.equal(ok.count, Buffer.concat(ok.data).length);
    return [Buffer.concat(ok.data).toString(), ok.eof];
  };
  assert.deepEqual(await read(0, 3), ['con', false]);
  assert.deepEqual(await read(3, 4), ['tent', true]);
  assert.deepEqual(await read(3, 100), ['tent', true]);
  assert.deepEqual(await read(7, 1), ['', true]);
  assert.deepEqual(await read(Number.MAX_SAFE_INTEGER, 1), ['', true]);
});

test('WRITE of 1 MiB behind a hole comes back byte for byte', async (context) => {
  const { client, file } = await plant(context);
  const data = Uint8Array.from({ length: 1_048_576 }, (_, index) => (index * 31) & 0xff);
  const args = { file, offset: 10_001, count: data.length, stable: 'UNSTABLE', data } as const;
  const written = await client.ok('WRITE', args);
  assert.equal(written.file_wcc.after?.size, 10_001 + data.length);
  assert.deepEqual((await client.ok('COMMIT', { file, offset: 0, count: 0 })).verf, written.verf);
  const read = await client.ok('READ', { file, offset: 10_001, count: data.length });
  assert.equal(Buffer.concat(read.data).equals(data), true);
  assert.deepEqual(
    Buffer.concat((await client.ok('READ', { file, offset: 7, count: 9 })).data),
    Buffer.alloc(9),
  );
});

test('CREATE: unchecked takes what is there, guarded refuses it, exclusive takes its own retry', async (context) => {
  const { client, root } = await plant(context);
  const attempt = async (text: string, how: ArgsOf<'CREATE'>['how']): Promise<string> =>
    (await client.call('CREATE', { where: { dir: root, name: name(text) }, how })).status;
  const exclusive = (text: string): ArgsOf<'CREATE'>['how'] => ({ mode: 'EXCLUSIVE', verf: name(text) });
  assert.equal(
    await attempt('file', { mode: 'UNCHECKED', obj_attributes: { ...unchanged, size: 0 } }),
    'NFS3_OK',
  );
  assert.equal(await attempt('file', { mode: 'GUARDED', obj_attributes: unchanged }), 'NFS3ERR_EXIST');
  assert.equal(await attempt('new', exclusive('verifier')), 'NFS3_OK');
  assert.equal(await attempt('new', exclusive('verifier')), 'NFS3_OK');
  assert.equal(await attempt('new', exclusive('otherone')), 'NFS3ERR_EXIST');
});

test('MKNOD makes devices and pipes, and no regular file', async (context) => {
  const tree = await plant(context);
  const make = async (text: string, what: ArgsOf<'MKNOD'>['what']): Promise<string> => {
    const reply = await tree.client.call('MKNOD', { where: { dir: tree.root, name: name(text) }, what });
    return reply.status === 'NFS3_OK' ? (await attributesAt(tree, reply.ok.obj!)).type : reply.status;
  };
  const spec = { specdata1: 8, specdata2: 1 };
  assert.equal(await make('block', { type: 'NF3BLK', dev_attributes: unchanged, spec }), 'NF3BLK');
  assert.equal(await make('pipe', { type: 'NF3FIFO', pipe_attributes: unchanged }), 'NF3FIFO');
  assert.equal(await make('regular', { type: 'NF3REG' }), 'NFS3ERR_BADTYPE');
});

test('REMOVE and RMDIR take names away, and the handle is stale then', async (context) => {
  const { client, root, file, directory } = await plant(context);
  await client.ok('REMOVE', { object: { dir: root, name: name('file') } });
  assert.equal((await client.call('GETATTR', { object: file })).status, 'NFS3ERR_STALE');
  await create(client, directory, 'inside');
  const object = { dir: root, name: name('directory') };
  assert.equal((await client.call('RMDIR', { object })).status, 'NFS3ERR_NOTEMPTY');
  await client.ok('REMOVE', { object: { dir: directory, name: name('inside') } });
  await client.ok('RMDIR', { object });
});

test('RENAME moves, replaces, and does not put a directory into itself', async (context) => {
  const { client, root, file, directory } = await plant(context);
  await create(client, directory, 'file');
  const from = { dir: root, name: name('file') };
  const to = { dir: directory, name: name('file') };
  await client.ok('RENAME', { from, to });
  assert.deepEqual((await client.ok('LOOKUP', { what: to })).object, file);
  assert.equal((await client.call('LOOKUP', { what: from })).status, 'NFS3ERR_NOENT');
  const into = { from: { dir: root, name: name('directory') }, to: { dir: directory, name: name('self') } };
  assert.equal((await client.call('RENAME', into)).status, 'NFS3ERR_INVAL');
});

test('LINK gives a file a second name', async (context) => {
  const { client, root, file } = await plant(context);
  const link = { dir: root, name: name('second') };
  const { file_attributes } = await client.ok('LINK', { file, link });
  assert.equal(file_attributes?.nlink, 2);
  assert.equal((await client.call('LINK', { file, link })).status, 'NFS3ERR_EXIST');
});

/** Arguments whose hyper is 2^64-1 must not be malformed XDR: test suites and old clients send them. */
const huge: readonly { name: BackendProcedureName; tail: Uint8Array; want: string }[] = [
  { name: 'READ', tail: Buffer.concat([beyondNumbers, Buffer.from([0, 0, 0, 1])]), want: 'NFS3_OK' },
  { name: 'COMMIT', tail: Buffer.concat([beyondNumbers, Buffer.from([0, 0, 0, 1])]), want: 'NFS3_OK' },
  {
    name: 'WRITE',
    tail: Buffer.concat([beyondNumbers, Buffer.from('00000001000000020000000161000000', 'hex')]),
    want: 'NFS3ERR_FBIG',
  },
  {
    name: 'SETATTR',
    tail: Buffer.concat([
      Buffer.from('00000000000000000000000000000001', 'hex'),
      beyondNumbers,
      Buffer.alloc(12),
    ]),
    want: 'NFS3ERR_INVAL',
  },
  {
    name: 'READDIR',
    tail: Buffer.concat([beyondNumbers, Buffer.alloc(8), Buffer.from([0, 0, 16, 0])]),
    want: 'NFS3ERR_BAD_COOKIE',
  },
];
for (const { name: procedure, tail, want } of huge) {
  test(`${procedure} with a hyper of 2^64-1 is ${want}`, async (context) => {
    const { client, file } = await plant(context);
    const xid = client.rpc.nextXid();
    const whole = client.encode('GETATTR', { object: file }, xid);
    const message = Buffer.concat([whole.subarray(4), tail]);
    message.writeUInt32BE(procedures[procedure].number, 20);
    const mark = Buffer.alloc(4);
    mark.writeUInt32BE((0x8000_0000 | message.length) >>> 0);
    const reply = client.decode(procedure, await client.rpc.exchange(xid, Buffer.concat([mark, message])));
    assert.equal(reply.status, want);
    if (procedure === 'READ')
      assert.equal(reply.status === 'NFS3_OK' && 'eof' in reply.ok && reply.ok.eof, true);
  });
}
