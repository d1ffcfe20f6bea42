import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ArgsOf } from 'nfs-server-ts/nfs3';
import { unchanged, type NfsClient } from 'nfs-server-ts/test/support/client';
import { FILE_BYTES_MAX } from '../../../src/limits.ts';
import { BLOCK_BYTES } from '../../../src/tiering/hot/device.ts';
import { put } from '../../namespace/world.ts';
import { exportRule, name, openNfs } from './nfs-world.ts';

const cookieverf = new Uint8Array(8);

async function create(client: NfsClient, dir: Uint8Array, text: string): Promise<Uint8Array> {
  const how = { mode: 'GUARDED', obj_attributes: { ...unchanged, mode: 0o644 } } as const;
  return (await client.ok('CREATE', { where: { dir, name: name(text) }, how })).obj!;
}

async function makeDirectory(client: NfsClient, dir: Uint8Array, text: string): Promise<Uint8Array> {
  return (await client.ok('MKDIR', { where: { dir, name: name(text) }, attributes: unchanged })).obj!;
}

const write = (
  file: Uint8Array,
  text: string,
  stable: 'UNSTABLE' | 'FILE_SYNC' = 'FILE_SYNC',
): ArgsOf<'WRITE'> => ({
  file,
  offset: 0,
  count: text.length,
  stable,
  data: name(text),
});

test('what is written over NFS is an object at once, and the other way round', async (context) => {
  const { client, top, namespace, bucket } = await openNfs(context);
  const file = await create(client, await makeDirectory(client, top, 'a'), 'b');
  await client.ok('WRITE', write(file, 'hello', 'UNSTABLE'));
  const object = await namespace.objects.open({ bucket, key: name('a/b') });
  const pieces: Uint8Array[] = [];
  for await (const piece of object!.read(0, 5)) pieces.push(piece);
  await object!.close();
  assert.equal(Buffer.concat(pieces).toString(), 'hello');
  await namespace.objects.removeKey({ bucket, key: name('a/b'), expect: {} });
  assert.equal((await client.call('GETATTR', { object: file })).status, 'NFS3ERR_STALE');
});

test('weak cache consistency data tell the state before and after each change', async (context) => {
  const { client, top } = await openNfs(context);
  const made = await client.ok('MKDIR', { where: { dir: top, name: name('d') }, attributes: unchanged });
  const after = (await client.ok('GETATTR', { object: top })).obj_attributes;
  assert.deepEqual(made.dir_wcc.after, after);
  const file = await create(client, top, 'f');
  const before = (await client.ok('GETATTR', { object: file })).obj_attributes;
  const { file_wcc } = await client.ok('WRITE', write(file, 'hello'));
  const { size, mtime, ctime } = before;
  assert.deepEqual(file_wcc.before, { size, mtime, ctime });
  assert.deepEqual(file_wcc.after, (await client.ok('GETATTR', { object: file })).obj_attributes);
});

test('UNSTABLE and COMMIT share the verifier of this start; the next start has another', async (context) => {
  const { client, top, restarted } = await openNfs(context);
  const file = await create(client, top, 'f');
  const unstable = await client.ok('WRITE', write(file, 'hello', 'UNSTABLE'));
  const stable = await client.ok('WRITE', write(file, 'hello'));
  const { verf } = await client.ok('COMMIT', { file, offset: 0, count: 0 });
  assert.deepEqual([unstable.committed, stable.committed], ['UNSTABLE', 'FILE_SYNC']);
  assert.deepEqual([unstable.verf, stable.verf], [verf, verf]);
  const next = await restarted();
  assert.notDeepEqual((await next.ok('COMMIT', { file, offset: 0, count: 0 })).verf, verf);
});

test('a handle outlives renames and restarts, but not another secret', async (context) => {
  const { client, top, restarted } = await openNfs(context);
  const file = await create(client, top, 'f');
  const directory = await makeDirectory(client, top, 'd');
  await client.ok('RENAME', { from: { dir: top, name: name('f') }, to: { dir: directory, name: name('g') } });
  const next = await restarted();
  assert.equal((await next.call('GETATTR', { object: file })).status, 'NFS3_OK');
  const stranger = await restarted(Buffer.from('fedcba9876543210'));
  assert.equal((await stranger.call('GETATTR', { object: file })).status, 'NFS3ERR_BADHANDLE');
});

test('exclusive create succeeds again for its own verifier only', async (context) => {
  const { client, top } = await openNfs(context);
  const attempt = (verf: string): Promise<{ status: string }> =>
    client.call('CREATE', {
      where: { dir: top, name: name('x') },
      how: { mode: 'EXCLUSIVE', verf: name(verf) },
    });
  assert.equal((await attempt('verifier')).status, 'NFS3_OK');
  assert.equal((await attempt('verifier')).status, 'NFS3_OK');
  assert.equal((await attempt('somebody')).status, 'NFS3ERR_EXIST');
});

test('links, symlinks and special files', async (context) => {
  const { client, top } = await openNfs(context);
  const file = await create(client, top, 'f');
  assert.equal(
    (await client.ok('LINK', { file, link: { dir: top, name: name('g') } })).file_attributes?.nlink,
    2,
  );
  const symlink = { symlink_attributes: unchanged, symlink_data: name('to/there') };
  const linked = await client.ok('SYMLINK', { where: { dir: top, name: name('s') }, symlink });
  assert.equal(
    Buffer.from((await client.ok('READLINK', { symlink: linked.obj! })).data).toString(),
    'to/there',
  );
  const spec = { specdata1: 8, specdata2: 3 };
  const what = { type: 'NF3BLK', dev_attributes: unchanged, spec } as const;
  const device = await client.ok('MKNOD', { where: { dir: top, name: name('dev') }, what });
  assert.deepEqual([device.obj_attributes?.type, device.obj_attributes?.rdev], ['NF3BLK', spec]);
  const regular = await client.call('MKNOD', {
    where: { dir: top, name: name('r') },
    what: { type: 'NF3REG' },
  });
  assert.equal(regular.status, 'NFS3ERR_BADTYPE');
});

test('SETATTR heeds the guard, truncates, and refuses times that are none', async (context) => {
  const { client, top } = await openNfs(context);
  const object = await create(client, top, 'f');
  await client.ok('WRITE', write(object, 'hello'));
  const { ctime } = (await client.ok('GETATTR', { object })).obj_attributes;
  const stale = { ...ctime, nseconds: ctime.nseconds === 0 ? 1 : 0 };
  const wish = { ...unchanged, size: 2 };
  assert.equal(
    (await client.call('SETATTR', { object, new_attributes: wish, guard: stale })).status,
    'NFS3ERR_NOT_SYNC',
  );
  const { obj_wcc } = await client.ok('SETATTR', { object, new_attributes: wish, guard: ctime });
  assert.deepEqual([obj_wcc.before?.size, obj_wcc.after?.size], [5, 2]);
  const time = { seconds: 1, nseconds: 1_000_000_000 };
  const broken = { ...unchanged, atime: { set_it: 'SET_TO_CLIENT_TIME', time } } as const;
  const refused = await client.call('SETATTR', { object, new_attributes: broken, guard: undefined });
  assert.equal(refused.status, 'NFS3ERR_INVAL');
});

test('READDIR and READDIRPLUS page through `.`, `..` and all names, in one order', async (context) => {
  const { client, top, bucket } = await openNfs(context);
  const names = Array.from({ length: 60 }, (_, index) => `file-${index}`);
  for (const text of names) await create(client, top, text);
  const seen: string[] = [];
  let cookie = 0;
  for (let eof = false; !eof;) {
    const { reply } = await client.ok('READDIR', { dir: top, cookie, cookieverf, count: 700 });
    seen.push(...reply.entries.map((entry) => Buffer.from(entry.name).toString()));
    cookie = reply.entries.at(-1)!.cookie;
    ({ eof } = reply);
  }
  assert.deepEqual(seen, ['.', '..', ...names]);
  const plus = { dir: top, cookieverf, dircount: 100_000, maxcount: 100_000 };
  const { reply } = await client.ok('READDIRPLUS', { ...plus, cookie: 0 });
  assert.equal(reply.eof, true);
  assert.deepEqual(
    reply.entries.map((entry) => Buffer.from(entry.name).toString()),
    seen,
  );
  assert.deepEqual(
    reply.entries.slice(0, 2).map((entry) => [entry.cookie, entry.fileid]),
    [
      [1, bucket],
      [2, 1],
    ],
  );
  for (const entry of reply.entries) {
    const { obj_attributes } = await client.ok('GETATTR', { object: entry.name_handle! });
    assert.deepEqual(obj_attributes, entry.name_attributes);
  }
  const behindDot = await client.ok('READDIRPLUS', { ...plus, cookie: 1 });
  assert.equal(Buffer.from(behindDot.reply.entries[0]!.name).toString(), '..');
  const tooSmall = { dir: top, cookie: 0, cookieverf, dircount: 100, maxcount: 120 };
  assert.equal((await client.call('READDIRPLUS', tooSmall)).status, 'NFS3ERR_TOOSMALL');
});

test('a file as long as a file can be still has attributes, one byte more is FBIG', async (context) => {
  const { client, top } = await openNfs(context);
  const args = write(await create(client, top, 'f'), 'hello');
  await client.ok('WRITE', { ...args, offset: FILE_BYTES_MAX - 5 });
  assert.equal((await client.call('WRITE', { ...args, offset: FILE_BYTES_MAX - 4 })).status, 'NFS3ERR_FBIG');
  const { obj_attributes } = await client.ok('GETATTR', { object: args.file });
  assert.equal(obj_attributes.size, FILE_BYTES_MAX);
});

test('a WRITE near 2^53 is FBIG, one whose count is not its data INVAL, one of nothing succeeds', async (context) => {
  const { client, top } = await openNfs(context);
  const args = write(await create(client, top, 'f'), 'hello');
  assert.equal((await client.call('WRITE', { ...args, offset: 2 ** 53 - 3 })).status, 'NFS3ERR_FBIG');
  assert.equal((await client.call('WRITE', { ...args, count: 4 })).status, 'NFS3ERR_INVAL');
  assert.equal((await client.ok('WRITE', { ...args, count: 0, data: name('') })).count, 0);
});

test('a READ of 1 MiB comes back whole, and of more is cut to 1 MiB', async (context) => {
  const { client, top } = await openNfs(context);
  const file = await create(client, top, 'f');
  const data = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 7) & 0xff);
  for (const offset of [0, 1 << 20]) {
    await client.ok('WRITE', { file, offset, count: data.length, stable: 'FILE_SYNC', data });
  }
  const read = await client.ok('READ', { file, offset: 0, count: 3 << 20 });
  assert.deepEqual([read.count, read.eof], [1 << 20, false]);
  assert.equal(Buffer.concat(read.data).equals(data), true);
});

test('a READ of content that its place does not give, or gives otherwise, is an input/output error', async (context) => {
  const { client, top, namespace, device } = await openNfs(context);
  await put({ namespace }, (await namespace.objects.bucket('bucket'))!, 'f', 'x'.repeat(1 << 20));
  const file = (await client.ok('LOOKUP', { what: { dir: top, name: name('f') } })).object;
  const read = async (): Promise<string> =>
    (await client.call('READ', { file, offset: 0, count: 4096 })).status;
  device.failWhen((operation) => operation === 'read');
  assert.equal(await read(), 'NFS3ERR_IO');
  device.failWhen(undefined);
  for (let offset = 0; offset < device.bytes(); offset += BLOCK_BYTES) device.corrupt(offset, 1);
  assert.equal(await read(), 'NFS3ERR_IO');
});

test('FSINFO, PATHCONF, FSSTAT and ACCESS say what holds', async (context) => {
  const { client, top } = await openNfs(context);
  const info = await client.ok('FSINFO', { fsroot: top });
  assert.deepEqual([info.rtmax, info.wtmax, info.properties], [1 << 20, 1 << 20, 0x1b]);
  assert.equal(info.maxfilesize, FILE_BYTES_MAX);
  const { name_max, no_trunc, case_insensitive } = await client.ok('PATHCONF', { object: top });
  assert.deepEqual([name_max, no_trunc, case_insensitive], [255, true, false]);
  const stat = await client.ok('FSSTAT', { fsroot: top });
  assert.equal(stat.fbytes > 0 && stat.fbytes <= stat.tbytes, true);
  const long = { dir: top, name: name('n'.repeat(256)) };
  assert.equal((await client.call('LOOKUP', { what: long })).status, 'NFS3ERR_NAMETOOLONG');
  const { access } = await client
    .as({ uid: 7, gid: 7, groups: [] })
    .ok('ACCESS', { object: top, access: 0x3f });
  assert.equal(access & 0x04, 0);
});

test('a failure tells the attributes of what was asked about', async (context) => {
  const { client, top } = await openNfs(context);
  const missing = await client.call('LOOKUP', { what: { dir: top, name: name('none') } });
  assert(missing.status !== 'NFS3_OK');
  const { obj_attributes } = await client.ok('GETATTR', { object: top });
  assert.deepEqual(missing.fail, { dir_attributes: obj_attributes });
});

test('files do not move or link between buckets', async (context) => {
  const { client, top, namespace } = await openNfs(context);
  await namespace.objects.createBucket({ uid: 0, gid: 0, groups: [], bypassesModes: true }, 'second');
  const other = await client.root('/second');
  const file = await create(client, top, 'f');
  const to = { dir: other, name: name('f') };
  assert.equal(
    (await client.call('RENAME', { from: { dir: top, name: name('f') }, to })).status,
    'NFS3ERR_XDEV',
  );
  assert.equal((await client.call('LINK', { file, link: to })).status, 'NFS3ERR_XDEV');
});

test('a bucket exported read-only can be read and nothing else', async (context) => {
  const { client, top } = await openNfs(context, [exportRule({ access: 'ro' })]);
  const attributes = unchanged;
  assert.equal(
    (await client.call('MKDIR', { where: { dir: top, name: name('d') }, attributes })).status,
    'NFS3ERR_ROFS',
  );
  const reply = await client.call('SETATTR', { object: top, new_attributes: unchanged, guard: undefined });
  assert.equal(reply.status, 'NFS3ERR_ROFS');
  assert.equal((await client.ok('ACCESS', { object: top, access: 0x3f })).access & 0x1c, 0);
  assert.equal(
    (await client.call('READDIR', { dir: top, cookie: 0, cookieverf, count: 4096 })).status,
    'NFS3_OK',
  );
});

test('rules hold on every call by the bucket of the handle, and at MNT', async (context) => {
  const { client, root, top, namespace } = await openNfs(context, [exportRule({ bucket: 'bucket' })]);
  await namespace.objects.createBucket({ uid: 0, gid: 0, groups: [], bypassesModes: true }, 'secret');
  assert.equal(root.length, 0);
  await assert.rejects(client.root('/'), /MNT3ERR_ACCES/);
  await assert.rejects(client.root('/secret'), /MNT3ERR_ACCES/);
  await assert.rejects(client.root('/secret/not/there'), /MNT3ERR_ACCES/);
  const above = await client.ok('LOOKUP', { what: { dir: top, name: name('..') } });
  assert.equal(
    (await client.call('READDIR', { dir: above.object, cookie: 0, cookieverf, count: 4096 })).status,
    'NFS3ERR_ACCES',
  );
});

test('the anonymous user owns what a squashed caller makes', async (context) => {
  const { client, top, namespace, bucket } = await openNfs(context, [
    exportRule({ squash: 'all', anonUid: 77, anonGid: 78 }),
  ]);
  const caller = { uid: 0, gid: 0, groups: [], bypassesModes: false };
  await namespace.files.setAttributes(caller, bucket, { wish: { mode: 0o777 } });
  const { obj_attributes } = await client.ok('GETATTR', { object: await create(client, top, 'f') });
  assert.deepEqual([obj_attributes.uid, obj_attributes.gid], [77, 78]);
});

test('MNT reaches directories below a bucket, EXPORT lists root and buckets', async (context) => {
  const { client, top } = await openNfs(context);
  const below = await makeDirectory(client, await makeDirectory(client, top, 'a'), 'b');
  assert.deepEqual(await client.root('/bucket/a/b'), below);
  assert.deepEqual(await client.root('//bucket/a//b/'), below);
  await create(client, top, 'f');
  await assert.rejects(client.root('/bucket/f'), /MNT3ERR_NOTDIR/);
  await assert.rejects(client.root('/bucket/none'), /MNT3ERR_NOENT/);
  await assert.rejects(client.root('/bucket/../bucket'), /MNT3ERR_INVAL/);
  const listed = await client.mount('EXPORT', {});
  assert.deepEqual(
    listed.map(({ ex_dir }) => Buffer.from(ex_dir).toString()),
    ['/', '/bucket'],
  );
});
