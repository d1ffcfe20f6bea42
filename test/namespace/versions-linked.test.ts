import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { Scene } from './version-scene.ts';
import { bytes, plainFacet, root, s3, settle } from './world.ts';

async function link(at: Scene, from: string, to: string): Promise<void> {
  const { files } = at.world.namespace;
  const { attributes } = await files.lookup(root, at.place(from));
  await files.link(root, attributes.ino, at.place(to));
}

const rules = (at: Scene, versioning: 'enabled' | 'suspended'): Promise<void> =>
  at.world.namespace.objects.changeBucketRules(at.bucket, { versioning });

async function checkSettled({ world }: Scene): Promise<void> {
  await settle(world);
  await checkSettledStore(world);
}

test('a null version that came to an old inode is newer than the versions before it', async () => {
  const at = await Scene.open();
  await at.create('k', 'one');
  await rules(at, 'suspended');
  await at.append('k', '+two');
  await rules(at, 'enabled');
  await at.put('k', 'three');
  assert.equal(await at.history('k'), 'three* one+two0 one');
  const [three] = await at.versions();
  await at.remove('k', three?.versionId);
  assert.equal(await at.content('k'), 'one+two');
  await checkSettled(at);
});

test('the null version of a file with two names is older than what replaces it', async () => {
  const at = await Scene.open({ versioning: 'off' });
  await at.create('k', 'null');
  await link(at, 'k', 'other');
  await rules(at, 'enabled');
  await at.put('k', 'one');
  await at.put('k', 'two');
  assert.equal(await at.history('k'), 'two* one null0');
  await checkSettled(at);
});

test('a file linked to a key with a history is the newest of its versions', async () => {
  const at = await Scene.open();
  await at.put('old', 'linked');
  await at.put('k', 'before');
  await at.remove('k');
  await link(at, 'old', 'k');
  await at.put('k', 'after');
  assert.equal(await at.history('k'), 'after* linked - before');
  assert.equal(await at.history('old'), 'linked* linked');
  await checkSettled(at);
});

test('a file may be linked again to a key that it was removed from', async () => {
  const at = await Scene.open();
  await at.put('k', 'x');
  for (let round = 0; round < 2; round += 1) {
    await link(at, 'k', 'other');
    at.pause();
    await at.world.namespace.files.remove(root, at.place('other'));
  }
  assert.equal(await at.history('other'), '-* x - x');
  await checkSettled(at);
});

test('a link leaves the null version of the key alone unless it is one itself', async () => {
  const at = await Scene.open({ versioning: 'off' });
  await at.put('k', 'null');
  await rules(at, 'enabled');
  await at.remove('k');
  await at.put('new', 'linked');
  await rules(at, 'suspended');
  await link(at, 'new', 'k');
  assert.equal(await at.history('k'), 'linked* - null0');
  await checkSettled(at);
});

for (const door of ['nfs', 's3'] as const)
  test(`a rename over ${door} keeps the version in the history of every other name of the file`, async () => {
    const at = await Scene.open();
    const { files, objects } = at.world.namespace;
    await at.put('k', 'x');
    await link(at, 'k', 'other');
    const [version] = await at.versions();
    const to = { key: bytes('new'), expect: {} };
    if (door === 's3')
      await objects.renameKey(s3, at.bucket.ino, { from: { key: bytes('k'), expect: {} }, to });
    else await files.rename(root, { from: at.place('k'), to: at.place('new') });
    assert.equal(await at.content('other', version?.versionId), 'x');
    assert.equal(await at.history('k'), '-* x');
    assert.equal(await at.history('new'), 'x*');
    await checkSettled(at);
  });

test('what NFS writes while S3 renames the file does not change the version that S3 made', async () => {
  const at = await Scene.open();
  const { files, objects } = at.world.namespace;
  await at.create('k', 'one');
  const { attributes } = await files.lookup(root, at.place('k'));
  const request = { from: { key: bytes('k'), expect: {} }, to: { key: bytes('to'), expect: {} } };
  const renamed = objects.renameKey(s3, at.bucket.ino, request);
  await files.write(root, attributes.ino, { offset: 3, data: bytes('+two'), stable: false });
  const { versionId } = await renamed;
  await files.commit(root, attributes.ino);
  assert.equal(await at.content('to'), 'one+two');
  assert.equal(await at.content('to', versionId), 'one');
  await checkSettled(at);
});

test('a bucket’s default retention holds for what S3 seals with a legal hold', async () => {
  const defaultRetention = { mode: 'COMPLIANCE', unit: 'days', amount: 1 } as const;
  const at = await Scene.open({ versioning: 'enabled', objectLock: { defaultRetention } });
  const { objects } = at.world.namespace;
  await at.create('k', 'x');
  await objects.setLock(at.at('k'), { legalHold: false, bypassesGovernance: false });
  const [version] = await at.versions();
  assert.equal(await faultOf(at.remove('k', version?.versionId)), 'access-denied');
});

test('a directory does not move while its own object is locked', async () => {
  const at = await Scene.open({ versioning: 'enabled', objectLock: { defaultRetention: undefined } });
  const { files, objects } = at.world.namespace;
  await at.put('d/', '');
  await objects.setLock(at.at('d/'), { legalHold: true, bypassesGovernance: false });
  const move = files.rename(root, { from: at.place('d'), to: at.place('e') });
  assert.equal(await faultOf(move), 'access-denied');
});

test('a link to a key with a null version of its own leaves that in the history', async () => {
  const at = await Scene.open({ versioning: 'off' });
  await at.put('k', 'null');
  await at.put('other', 'linked');
  await rules(at, 'enabled');
  await at.remove('k');
  await link(at, 'other', 'k');
  await at.put('k', 'after');
  assert.equal(await at.history('k'), 'after* linked - null0');
  assert.equal(await at.history('other'), 'linked* linked0');
  await checkSettled(at);
});

test('a hard link that comes back with its directory is the same version of its key', async () => {
  const at = await Scene.open();
  const { files } = at.world.namespace;
  await at.put('a/k', 'x');
  await at.put('b/other', 'y');
  const [a, b] = await Promise.all(['a', 'b'].map((name) => files.lookup(root, at.place(name))));
  assert(a !== undefined && b !== undefined);
  const [inA, inB] = [a, b].map((it) => ({ directory: it.attributes.ino, name: bytes('k') }));
  assert(inA !== undefined && inB !== undefined);
  const { attributes } = await files.lookup(root, inA);
  await files.link(root, attributes.ino, inB);
  await files.remove(root, inA);
  await files.removeDirectory(root, at.place('a'));
  await files.rename(root, { from: at.place('b'), to: at.place('a') });
  await files.remove(root, inB);
  assert.equal(await at.history('a/k'), '-* x');
  await checkSettled(at);
});

test('what S3 keeps about an object is not replaced in place where there is versioning', async () => {
  const at = await Scene.open();
  await at.put('k', 'x');
  const { headers, metadata, tags, storageClass } = plainFacet('');
  const change = { headers, metadata, tags, storageClass, acl: undefined };
  const changed = at.world.namespace.objects.changeFacet({ ...at.at('k'), expect: {} }, change);
  assert.equal(await faultOf(changed), 'conflict');
});
