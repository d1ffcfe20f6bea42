import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NULL_VERSION, type VersionId } from '../../src/namespace/version.ts';
import { Scene } from './version-scene.ts';
import { bytes, root, text } from './world.ts';

/** Versions of one page of `entriesMax` behind a version of a key: content, `*` behind the latest. */
async function pageOf(
  at: Scene,
  after: { readonly key: string; readonly versionId: VersionId | undefined },
  entriesMax: number,
): Promise<readonly string[]> {
  const { entries } = await at.world.namespace.objects.versions(at.bucket.ino, {
    ...{ prefix: bytes(''), delimiter: undefined, entriesMax },
    after: { key: bytes(after.key), versionId: after.versionId },
  });
  return Promise.all(
    entries.map(async (entry) => {
      assert(entry.kind !== 'prefix');
      const versionId = entry.kind === 'version' ? entry.found.versionId : entry.versionId;
      const content = entry.kind === 'version' ? await at.content(text(entry.key), versionId) : '-';
      return `${content}${entry.isLatest ? '*' : ''}`;
    }),
  );
}

/** Key `k`: `two` above the null version above `one`; then `z`. */
async function withNullVersion(): Promise<Scene> {
  const at = await Scene.open();
  const rules = (versioning: 'enabled' | 'suspended'): Promise<void> =>
    at.world.namespace.objects.changeBucketRules(at.bucket, { versioning });
  await at.put('k', 'one');
  await rules('suspended');
  await at.put('k', 'null');
  await rules('enabled');
  await at.put('k', 'two');
  await at.put('z', 'z');
  return at;
}

test('a listing goes on in a key whose null version went away between two pages', async () => {
  const at = await withNullVersion();
  const after = { key: 'k', versionId: NULL_VERSION };
  assert.deepEqual(await pageOf(at, after, 9), ['one', 'z*']);
  await at.remove('k', NULL_VERSION);
  assert.deepEqual(await pageOf(at, after, 9), ['one', 'z*']);
});

test('behind such a null version a delete marker is still the latest of its key', async () => {
  const at = await withNullVersion();
  await at.remove('k');
  await at.remove('k', NULL_VERSION);
  assert.deepEqual(await pageOf(at, { key: 'k', versionId: NULL_VERSION }, 9), ['-*', 'two', 'one', 'z*']);
});

test('an object that S3 calls like a file removed while open keeps its version when NFS removes it', async () => {
  const at = await Scene.open();
  const silly = '.nfs0000000000000012000003e9';
  await at.put(silly, 'theirs');
  await at.world.namespace.files.remove(root, at.place(silly));
  assert.equal(await at.history(silly), '-* theirs');
});

test('a time that NFS sets on a sealed version begins another one, and S3 sees the first as it was', async () => {
  const at = await Scene.open();
  const { files, objects } = at.world.namespace;
  await at.put('k', 'same');
  const before = await objects.head(at.at('k'));
  assert(before !== undefined);
  const { ino, mtime } = before.attributes;
  await files.setAttributes(root, ino, { wish: { mtime, atime: 'now', mode: 0o600 } });
  assert.equal(await at.history('k'), 'same*');
  at.pause();
  await files.setAttributes(root, ino, { wish: { mtime: { seconds: 5, nanoseconds: 0 } } });
  assert.equal(await at.history('k'), 'same* same');
  const old = await objects.head(at.at('k', before.versionId));
  assert.deepEqual(old?.attributes.mtime, mtime);
  const now = await objects.head(at.at('k'));
  assert.equal(now?.attributes.mtime.seconds, 5);
  assert.equal(now.facet.etag, before.facet.etag);
  // While it is open a time is part of it, as `cp -p` and `tar` set it behind what they write.
  await files.setAttributes(root, ino, { wish: { mtime: { seconds: 6, nanoseconds: 0 } } });
  assert.equal(await at.history('k'), 'same* same');
});
