import assert from 'node:assert/strict';
import { test } from 'node:test';
import { s3 } from '../../namespace/world.ts';
import { exportRule, name, openNfs } from './nfs-world.ts';

test('a refusal over NFS names the uid as it was claimed, the address, the procedure and the key', async (context) => {
  const { client, namespace, root } = await openNfs(context, [exportRule({ squash: 'root' })]);
  const defaultRetention = { mode: 'COMPLIANCE', unit: 'days', amount: 1 } as const;
  const bucket = await namespace.objects.createBucket({ ...s3, uid: 65_534, gid: 65_534 }, 'locked', {
    rules: { versioning: 'enabled', objectLock: { defaultRetention } },
  });
  const draft = await namespace.objects.draft(s3);
  const facet = {
    ...{ etag: 'e', headers: {}, metadata: {}, checksums: [] },
    ...{ parts: [], tags: [], storageClass: '' },
  };
  const to = { bucket: bucket.ino, key: name('k'), facet, expect: {} };
  const { versionId } = await namespace.objects.attach({ ...s3, uid: 65_534, gid: 65_534 }, draft, to);
  const top = (await client.ok('LOOKUP', { what: { dir: root, name: name('locked') } })).object;
  const file = (await client.ok('LOOKUP', { what: { dir: top, name: name('k') } })).object;
  const write = { file, offset: 0, count: 1, stable: 'FILE_SYNC', data: name('x') } as const;
  assert.equal((await client.call('WRITE', write)).status, 'NFS3ERR_ACCES');
  assert.equal(
    (await client.call('REMOVE', { object: { dir: top, name: name('k') } })).status,
    'NFS3ERR_ACCES',
  );
  const { rows } = await namespace.audit.page({ rowsMax: 10 });
  assert.deepEqual(
    rows
      .slice(0, 2)
      .map(({ actor, key, bucket: of, versionId: id }) => [
        actor?.operation,
        key && Buffer.from(key).toString(),
        of,
        id,
      ]),
    [
      ['REMOVE', 'k', 'locked', versionId],
      ['WRITE', 'k', 'locked', versionId],
    ],
  );
  const { actor, lock } = rows[0] ?? {};
  assert.deepEqual([actor?.door, actor?.uid, actor?.client], ['nfs', 0, '127.0.0.1']);
  assert.equal(lock?.retention?.mode, 'COMPLIANCE');
});
