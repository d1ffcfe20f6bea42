import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSIONS_PER_READ_MAX } from '../../src/limits.ts';
import type { VersionId, VersionsOptions } from '../../src/namespace/version.ts';
import type { Scene } from './version-scene.ts';
import { openWatched } from './watched-kv.ts';
import { bytes, root, text } from './world.ts';

interface Page {
  readonly versions: readonly string[];
  readonly isTruncated: boolean;
}

/** Versions as `key id`. */
async function pageOf(at: Scene, options: Partial<VersionsOptions> = {}): Promise<Page> {
  const page = await at.world.namespace.objects.versions(at.bucket.ino, {
    ...{ prefix: bytes(''), delimiter: undefined, entriesMax: 1000 },
    after: { key: bytes(''), versionId: undefined },
    ...options,
  });
  const versions = page.entries.map((entry) => {
    assert(entry.kind !== 'prefix');
    return `${text(entry.key)} ${entry.kind === 'version' ? entry.found.versionId : entry.versionId}`;
  });
  return { versions, isTruncated: page.isTruncated };
}

const idOf = async (at: Scene, key: string): Promise<VersionId> => {
  const found = await at.world.namespace.objects.head(at.at(key));
  assert(found !== undefined);
  return found.versionId;
};

/** Keys `a` to `d` with two versions each, the newer one sealed for NFS too. */
async function fourKeys(at: Scene): Promise<void> {
  for (const key of ['a', 'b', 'c', 'd']) for (const content of ['old', 'new']) await at.put(key, content);
  at.pause();
}

const disturbances: readonly { readonly name: string; readonly disturb: (at: Scene) => Promise<unknown> }[] =
  [
    { name: 'a PUT makes the latest version an old one', disturb: (at) => at.put('b', 'newer') },
    { name: 'a DELETE hides it below a delete marker', disturb: (at) => at.remove('b') },
    {
      name: 'the latest version is removed, and the one below is the latest',
      disturb: async (at) => at.remove('b', await idOf(at, 'b')),
    },
    {
      name: 'NFS changes it, and the inode goes on as another version',
      disturb: (at) => at.append('b', '+'),
    },
    {
      name: 'NFS moves another file over it',
      disturb: (at) => at.world.namespace.files.rename(root, { from: at.place('a'), to: at.place('b') }),
    },
  ];
const readsMax = 200;

for (const { name, disturb } of disturbances) {
  test(`a version that stays is in a page exactly once while ${name}`, async () => {
    for (let moment = 1; ; moment += 1) {
      assert(moment < readsMax);
      const { at, kv } = await openWatched();
      await fourKeys(at);
      const before = new Set((await pageOf(at)).versions);
      let reads = 0;
      kv.onRead = async () => {
        reads += 1;
        if (reads !== moment) return;
        kv.onRead = () => Promise.resolve();
        await disturb(at);
      };
      const { versions, isTruncated } = await pageOf(at);
      kv.onRead = () => Promise.resolve();
      const stayed = (await pageOf(at)).versions.filter((version) => before.has(version));
      assert.deepEqual([...new Set(versions)], versions, `twice, changed after read ${moment}`);
      assert.deepEqual(
        versions.filter((version) => stayed.includes(version)),
        stayed,
        `after read ${moment}`,
      );
      assert.equal(isTruncated, false);
      if (reads >= moment) continue;
      assert(moment > 3, 'it was changed after each read of a page');
      return;
    }
  });
}

test('a listing among writers who never pause ends, with every version that stays once', async () => {
  const { at, kv } = await openWatched();
  await fourKeys(at);
  const before = (await pageOf(at)).versions;
  const writes: Promise<unknown>[] = [];
  kv.onRead = () => {
    if (writes.length < readsMax) writes.push(at.put('abcd'[writes.length % 4] ?? '', 'more'));
    return new Promise((resolve) => setImmediate(resolve));
  };
  const { versions } = await pageOf(at);
  kv.onRead = () => Promise.resolve();
  await Promise.all(writes);
  assert(writes.length > 20, 'they wrote at every read');
  assert.deepEqual(
    versions.filter((version) => before.includes(version)),
    before,
  );
  assert.deepEqual([...new Set(versions)], versions);
});

test('a page longer than what one moment shows is whole, with a key of many versions inside', async () => {
  const { at } = await openWatched();
  const keys = Array.from({ length: VERSIONS_PER_READ_MAX + 20 }, (_, index) => `k${1000 + index}`);
  for (const key of keys) await at.put(key, 'x');
  for (let count = 0; count < VERSIONS_PER_READ_MAX + 5; count += 1) await at.put('k1003', 'y');
  const all = (await pageOf(at)).versions;
  assert.equal(all.length, 2 * VERSIONS_PER_READ_MAX + 25);
  assert.deepEqual([...new Set(all)], all);
  for (const entriesMax of [100, VERSIONS_PER_READ_MAX, VERSIONS_PER_READ_MAX + 7]) {
    const joined: string[] = [];
    for (let after: VersionsOptions['after'] | undefined = { key: bytes(''), versionId: undefined }; after;) {
      const page = await pageOf(at, { after, entriesMax });
      joined.push(...page.versions);
      assert.equal(
        page.versions.length,
        page.isTruncated ? entriesMax : all.length % entriesMax || entriesMax,
      );
      const [key = '', id] = page.versions.at(-1)?.split(' ') ?? [];
      after = page.isTruncated ? { key: bytes(key), versionId: Number(id) as VersionId } : undefined;
    }
    assert.deepEqual(joined, all);
  }
});

test('behind a version that is gone the page goes on with the one that has become the latest', async () => {
  const { at } = await openWatched();
  await at.put('k', 'one');
  const one = await idOf(at, 'k');
  await at.put('k', 'two');
  const two = await idOf(at, 'k');
  await at.remove('k', two);
  const after = { key: bytes('k'), versionId: two };
  assert.deepEqual((await pageOf(at, { after })).versions, [`k ${one}`]);
  assert.deepEqual((await pageOf(at, { after, prefix: bytes('l') })).versions, []);
});

test('a delete marker behind a version that is gone is the latest', async () => {
  const { at } = await openWatched();
  await at.put('k', 'one');
  await at.remove('k');
  await at.put('k', 'two');
  const two = await idOf(at, 'k');
  await at.remove('k', two);
  const { entries } = await at.world.namespace.objects.versions(at.bucket.ino, {
    ...{ prefix: bytes(''), delimiter: undefined, entriesMax: 9 },
    after: { key: bytes('k'), versionId: two },
  });
  assert.deepEqual(
    entries.map((entry) => [entry.kind, entry.kind !== 'prefix' && entry.isLatest]),
    [
      ['deleteMarker', true],
      ['version', false],
    ],
  );
});
