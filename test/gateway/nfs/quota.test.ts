import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { unchanged, type NfsClient } from 'nfs-server-ts/test/support/client';
import type { QuotaChange } from '../../../src/namespace/quota/quota.ts';
import { name, openNfs, type NfsWorld } from './nfs-world.ts';

async function limited(context: TestContext, change: QuotaChange): Promise<NfsWorld> {
  const world = await openNfs(context);
  const { namespace, bucket: ino } = world;
  await namespace.quotas.set({ kind: 'bucket', bucket: { ino, name: 'bucket' } }, change);
  return world;
}

async function create(client: NfsClient, dir: Uint8Array, text: string): Promise<Uint8Array> {
  const how = { mode: 'GUARDED', obj_attributes: { ...unchanged, mode: 0o644 } } as const;
  return (await client.ok('CREATE', { where: { dir, name: name(text) }, how })).obj!;
}

const write = async (
  client: NfsClient,
  file: Uint8Array,
  at: { offset: number; count: number; stable: 'UNSTABLE' | 'FILE_SYNC' },
): Promise<string> => (await client.call('WRITE', { file, ...at, data: Buffer.alloc(at.count, 'q') })).status;

for (const stable of ['UNSTABLE', 'FILE_SYNC'] as const) {
  test(`a WRITE beyond the quota is refused at once, and what was taken is committed: ${stable}`, async (context) => {
    const { client, top } = await limited(context, { bytes: { hard: 1000 } });
    const file = await create(client, top, 'f');
    assert.equal(await write(client, file, { offset: 0, count: 1000, stable }), 'NFS3_OK');
    assert.equal(await write(client, file, { offset: 999, count: 2, stable }), 'NFS3ERR_DQUOT');
    assert.equal(await write(client, file, { offset: 0, count: 1000, stable }), 'NFS3_OK');
    await client.ok('COMMIT', { file, offset: 0, count: 0 });
    assert.equal((await client.ok('GETATTR', { object: file })).obj_attributes.size, 1000);
    assert.equal((await client.ok('READ', { file, offset: 0, count: 1000 })).count, 1000);
  });
}

test('every procedure that makes something says DQUOT when there are inodes enough', async (context) => {
  const { client, top } = await limited(context, { inodes: { hard: 1 } });
  const file = await create(client, top, 'f');
  const where = (text: string) => ({ dir: top, name: name(text) });
  const statuses = [
    await client.call('CREATE', { where: where('g'), how: { mode: 'UNCHECKED', obj_attributes: unchanged } }),
    await client.call('MKDIR', { where: where('d'), attributes: unchanged }),
    await client.call('SYMLINK', {
      where: where('l'),
      symlink: { symlink_attributes: unchanged, symlink_data: name('f') },
    }),
    await client.call('MKNOD', { where: where('p'), what: { type: 'NF3FIFO', pipe_attributes: unchanged } }),
  ].map(({ status }) => status);
  assert.deepEqual(statuses, Array(4).fill('NFS3ERR_DQUOT'));
  await client.ok('LINK', { file, link: where('hard') });
  await client.ok('RENAME', { from: where('f'), to: where('renamed') });
  await client.ok('REMOVE', { object: where('renamed') });
  await client.ok('REMOVE', { object: where('hard') });
  await client.ok('MKDIR', { where: where('d'), attributes: unchanged });
  await client.ok('RMDIR', { object: where('d') });
});

test('SETATTR says DQUOT where a file grows or another owner has no room, and cuts always', async (context) => {
  const { client, top, namespace } = await limited(context, { bytes: { hard: 10 } });
  await namespace.quotas.set({ kind: 'user', id: 7, bucket: undefined }, { inodes: { hard: 0 } });
  const file = await create(client, top, 'f');
  const set = async (given: Partial<typeof unchanged>): Promise<string> => {
    const new_attributes = { ...unchanged, ...given };
    return (await client.call('SETATTR', { object: file, new_attributes, guard: undefined })).status;
  };
  assert.equal(await set({ size: 11 }), 'NFS3ERR_DQUOT');
  assert.equal(await set({ size: 10 }), 'NFS3_OK');
  assert.equal(await set({ uid: 7 }), 'NFS3ERR_DQUOT');
  assert.equal(await set({ size: 0 }), 'NFS3_OK');
});

test('FSSTAT shows the quota as the size of the export', async (context) => {
  const { client, top, root } = await limited(context, { bytes: { hard: 4096 }, inodes: { hard: 8 } });
  const file = await create(client, top, 'f');
  await write(client, file, { offset: 0, count: 96, stable: 'FILE_SYNC' });
  const { tbytes, fbytes, abytes, tfiles, ffiles } = await client.ok('FSSTAT', { fsroot: top });
  assert.deepEqual(
    { tbytes, fbytes, abytes, tfiles, ffiles },
    { tbytes: 4096, fbytes: 4000, abytes: 4000, tfiles: 8, ffiles: 7 },
  );
  assert.notEqual((await client.ok('FSSTAT', { fsroot: root })).tbytes, 4096);
});
