import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RpcFailure, unchanged } from 'nfs-server-ts/test/support/client';
import { listedGroups } from '../../../src/gateway/nfs/groups.ts';
import { exportRule, name, openNfs } from './nfs-world.ts';

const cookieverf = new Uint8Array(8);
const attributes = unchanged;

test('a change of rules counts at once for a client that has mounted', async (context) => {
  const { client, top, rules } = await openNfs(context);
  const make = async (text: string): Promise<string> =>
    (await client.call('MKDIR', { where: { dir: top, name: name(text) }, attributes })).status;
  assert.equal(await make('a'), 'NFS3_OK');
  await rules.put('look', exportRule({ bucket: 'bucket', access: 'ro' }));
  assert.equal(await make('b'), 'NFS3ERR_ROFS');
  await rules.put('look', exportRule({ bucket: 'bucket', access: 'none' }));
  assert.equal(await make('c'), 'NFS3ERR_ACCES');
  assert.equal((await client.call('GETATTR', { object: top })).status, 'NFS3ERR_ACCES');
  await assert.rejects(client.root('/bucket'), /MNT3ERR_ACCES/);
  await rules.remove('look');
  assert.equal(await make('d'), 'NFS3_OK');
});

test('root is squashed at once where a rule says so', async (context) => {
  const { client, top, rules } = await openNfs(context);
  await rules.put('squashed', exportRule({ squash: 'root' }));
  const wished = { ...attributes, mode: 0o777 };
  const reply = await client.call('SETATTR', { object: top, new_attributes: wished, guard: undefined });
  assert.equal(reply.status, 'NFS3ERR_PERM');
});

test('where a rule wants a privileged port, any other can neither mount nor use a handle', async (context) => {
  const { client, top, rules } = await openNfs(context);
  await rules.put('secure', exportRule({ secure: true }));
  await assert.rejects(client.root('/bucket'), /MNT3ERR_ACCES/);
  assert.equal((await client.call('FSSTAT', { fsroot: top })).status, 'NFS3ERR_ACCES');
  const list = await client.call('READDIR', { dir: top, cookie: 0, cookieverf, count: 4096 });
  assert.equal(list.status, 'NFS3ERR_ACCES');
});

test('where a rule wants TLS, clear text mounts and is then refused by AUTH_TOOWEAK, whatever it calls', async (context) => {
  const { client, rules } = await openNfs(context);
  await rules.put('tls', exportRule({ sec: ['tls', 'mtls'] }));
  const top = await client.root('/bucket');
  for (const call of [
    client.call('GETATTR', { object: top }),
    client.call('MKDIR', { where: { dir: top, name: name('d') }, attributes }),
    client.call('RENAME', { from: { dir: top, name: name('a') }, to: { dir: top, name: name('b') } }),
  ]) {
    await assert.rejects(call, new RpcFailure('AUTH_ERROR 5'));
  }
  await client.null();
});

test('ids are mapped in what a client says and in what it sees', async (context) => {
  const range = [{ client: 1000, server: 70_000, count: 10 }];
  const { client, top, namespace } = await openNfs(context, [exportRule({ uids: range, gids: range })]);
  const caller = { uid: 0, gid: 0, groups: [], bypassesModes: false };
  const { attributes: before } = await namespace.files.lookup(caller, {
    directory: namespace.files.root(),
    name: name('bucket'),
  });
  await namespace.files.setAttributes(caller, before.ino, { wish: { mode: 0o777 } });
  const alice = client.as({ uid: 1001, gid: 1002, groups: [] });
  const how = { mode: 'GUARDED', obj_attributes: { ...attributes, gid: 1002 } } as const;
  const made = await alice.ok('CREATE', { where: { dir: top, name: name('f') }, how });
  assert.deepEqual([made.obj_attributes?.uid, made.obj_attributes?.gid], [1001, 1002]);
  const inside = await namespace.files.lookup(caller, { directory: before.ino, name: name('f') });
  assert.deepEqual([inside.attributes.uid, inside.attributes.gid], [70_001, 70_002]);
  const given = { ...attributes, uid: 1003, gid: 5 };
  const object = made.obj!;
  const changed = await client.ok('SETATTR', { object, new_attributes: given, guard: undefined });
  assert.deepEqual([changed.obj_wcc.after?.uid, changed.obj_wcc.after?.gid], [1003, 5]);
  const now = await namespace.files.attributes(inside.attributes.ino);
  assert.deepEqual([now.uid, now.gid], [70_003, 5]);
  const listed = await client.ok('READDIRPLUS', {
    dir: top,
    cookie: 0,
    cookieverf,
    dircount: 4096,
    maxcount: 65_536,
  });
  const entry = listed.reply.entries.find((it) => Buffer.from(it.name).toString() === 'f');
  assert.equal(entry?.name_attributes?.uid, 1003);
});

test('every procedure that names an owner is mapped', async (context) => {
  const { client, top, namespace } = await openNfs(context, [
    exportRule({ uids: [{ client: 5, server: 70_000, count: 1 }] }),
  ]);
  const owned = { ...attributes, uid: 5 };
  const where = (text: string): { dir: Uint8Array; name: Uint8Array } => ({ dir: top, name: name(text) });
  const symlink = { symlink_attributes: owned, symlink_data: name('t') };
  const spec = { specdata1: 1, specdata2: 2 };
  const made = [
    await client.ok('MKDIR', { where: where('d'), attributes: owned }),
    await client.ok('SYMLINK', { where: where('s'), symlink }),
    await client.ok('MKNOD', { where: where('p'), what: { type: 'NF3FIFO', pipe_attributes: owned } }),
    await client.ok('MKNOD', { where: where('c'), what: { type: 'NF3CHR', dev_attributes: owned, spec } }),
  ];
  for (const { obj_attributes } of made) {
    assert.equal(obj_attributes?.uid, 5);
    const inside = await namespace.files.attributes(obj_attributes.fileid as never);
    assert.equal(inside.uid, 70_000);
  }
  const bad = await client.call('MKNOD', { where: where('r'), what: { type: 'NF3REG' } });
  assert.equal(bad.status, 'NFS3ERR_BADTYPE');
});

test('groups that this side knows open what those of the call would not', async (context) => {
  const groups = listedGroups([{ uid: 7, groups: [42] }]);
  const { client, top, namespace, bucket } = await openNfs(context, [exportRule({})], { groups });
  const caller = { uid: 0, gid: 0, groups: [], bypassesModes: false };
  await namespace.files.setAttributes(caller, bucket, { wish: { mode: 0o770, gid: 42 } });
  const make = async (uid: number, claimed: readonly number[], text: string): Promise<string> => {
    const where = { dir: top, name: name(text) };
    return (await client.as({ uid, gid: 100, groups: claimed }).call('MKDIR', { where, attributes })).status;
  };
  assert.equal(await make(7, [], 'a'), 'NFS3_OK');
  assert.equal(await make(8, [42], 'b'), 'NFS3ERR_ACCES', 'a claim does not count');
});
