import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NULL_VERSION, type VersionId } from '../../src/namespace/version.ts';
import { MOVED_KEYS_PER_STEP_MAX } from '../../src/limits.ts';
import { checkSettledStore } from './check-store.ts';
import { Scene } from './version-scene.ts';
import { bytes, root, settle, text } from './world.ts';

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
  // Where it stood is not known any more: `two` may have been behind it.
  assert.deepEqual(await pageOf(at, after, 9), ['two*', 'one', 'z*']);
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

test('a directory that NFS renames leaves histories that end in delete markers, and those end with the work', async () => {
  const at = await Scene.open();
  const { files } = at.world.namespace;
  for (const key of ['d/a', 'd/x/b', 'd/again', 'dd/c']) {
    await at.put(key, 'old');
    await at.put(key, 'new');
  }
  await at.put('d/single', 'only');
  await at.put('d/gone', 'gone');
  await at.remove('d/gone');
  await files.rename(root, { from: at.place('d'), to: at.place('e') });
  await at.put('d/again', 'anew');
  await settle(at.world);
  assert.equal(await at.history('d/a'), '-* old');
  assert.equal(await at.history('d/x/b'), '-* old');
  assert.equal(await at.history('d/again'), 'anew* old');
  assert.equal(await at.history('d/gone'), '-* gone');
  assert.equal(await at.history('d/single'), '');
  assert.equal(await at.history('dd/c'), 'new* old');
  assert.equal(await at.history('e/a'), 'new*');
  assert.equal(await at.history('e/single'), 'only*');
  await checkSettledStore(at.world);
});

test('more keys than one step marks, moved back before it is done, are all as they were', async () => {
  const at = await Scene.open();
  const { files } = at.world.namespace;
  const keys = Array.from({ length: MOVED_KEYS_PER_STEP_MAX + 5 }, (_, index) => `d/${index}`);
  for (const key of keys) for (const content of ['old', 'new']) await at.put(key, content);
  await files.rename(root, { from: at.place('d'), to: at.place('e') });
  await at.world.namespace.step();
  assert.equal(await at.history(keys[0] ?? ''), '-* old');
  await files.rename(root, { from: at.place('e'), to: at.place('d') });
  await settle(at.world);
  const all = await at.versions();
  const marked = all.filter(({ content }) => content === 'marker').length;
  assert.equal(marked, MOVED_KEYS_PER_STEP_MAX);
  assert.equal(all.filter(({ content, isLatest }) => content === 'new' && isLatest).length, keys.length);
  assert.equal(await at.history(keys[0] ?? ''), 'new* - old');
  await checkSettledStore(at.world);
});

test('a bucket that is deleted takes the work along', async () => {
  const at = await Scene.open();
  const { files, objects } = at.world.namespace;
  await at.put('d/a', 'old');
  await at.put('d/a', 'new');
  await files.rename(root, { from: at.place('d'), to: at.place('e') });
  for (const { key, versionId } of await at.versions()) await at.remove(key, versionId);
  await objects.deleteBucket('b');
  await settle(at.world);
  await checkSettledStore(at.world);
});
