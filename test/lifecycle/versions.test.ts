import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RuleElement } from '../../src/lifecycle/document.ts';
import { LIFECYCLE_STEP_ENTRIES } from '../../src/limits.ts';
import type { ObjectStore } from '../../src/namespace/namespace.ts';
import type { BucketRules, VersionAt } from '../../src/namespace/version.ts';
import { bytes, get, put, s3, text } from '../namespace/world.ts';
import { openAgeing, type Ageing } from './ageing.ts';

async function openVersioned(
  wrapped?: (objects: ObjectStore) => ObjectStore,
  rules: Partial<BucketRules> = { versioning: 'enabled' },
): Promise<Ageing> {
  const ageing = await openAgeing(wrapped);
  await ageing.world.namespace.objects.changeBucketRules(ageing.bucket, rules);
  return ageing;
}

const removeKey = ({ world, bucket }: Ageing, key: string): Promise<unknown> =>
  world.namespace.objects.removeKey({ bucket: bucket.ino, key: bytes(key), expect: {} });

/** `key size` of versions, `key ✕` of delete markers, newest first, with a star at what is current. */
async function historyOf({ world, bucket }: Ageing): Promise<readonly string[]> {
  const { entries } = await world.namespace.objects.versions(bucket.ino, {
    prefix: new Uint8Array(0),
    after: { key: new Uint8Array(0), versionId: undefined },
    delimiter: undefined,
    entriesMax: 1000,
  });
  return entries.map((entry) => {
    assert(entry.kind !== 'prefix');
    const what = entry.kind === 'version' ? entry.found.attributes.size : '✕';
    return `${text(entry.key)} ${what}${entry.isLatest ? '*' : ''}`;
  });
}

/** Versions of 1, 2, … bytes. */
async function putVersions({ world, bucket }: Ageing, key: string, count: number): Promise<void> {
  for (let size = 1; size <= count; size += 1) await put(world, bucket, key, 'x'.repeat(size));
}

suite('where there are versions', () => {
  test('expiry puts a delete marker over the current version, once', async () => {
    const ageing = await openVersioned();
    await putVersions(ageing, 'k', 1);
    await ageing.configure({ Expiration: { Days: 1 } });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k ✕*', 'k 1']);
    ageing.age(5);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k ✕*', 'k 1']);
    assert.deepEqual(ageing.outcomes, ['expired']);
  });

  test('old versions go by the time since they are old', async () => {
    const ageing = await openVersioned();
    await putVersions(ageing, 'k', 2);
    ageing.age(1);
    await put(ageing.world, ageing.bucket, 'k', 'xxx');
    await ageing.configure({ NoncurrentVersionExpiration: { NoncurrentDays: 2 } });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k 3*', 'k 2']);
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k 3*']);
    assert.deepEqual(ageing.outcomes, ['versionRemoved', 'versionRemoved']);
  });

  test('as many old versions stay as the rule keeps, also over many pages of a listing', async () => {
    const ageing = await openVersioned();
    const count = LIFECYCLE_STEP_ENTRIES + 10;
    await putVersions(ageing, 'a', count);
    await putVersions(ageing, 'b', 3);
    await ageing.configure({
      NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 4 },
    });
    ageing.age(1);
    await ageing.pass();
    const kept = [count, count - 1, count - 2, count - 3, count - 4];
    assert.deepEqual(await historyOf(ageing), [
      ...kept.map((size, index) => `a ${size}${index === 0 ? '*' : ''}`),
      'b 3*',
      'b 2',
      'b 1',
    ]);
  });

  test('only those of its prefix, tags and size', async () => {
    const ageing = await openVersioned();
    for (const key of ['a', 'b']) await putVersions(ageing, key, 3);
    await ageing.configure({
      Filter: { And: { Prefix: 'a', Tag: [], ObjectSizeGreaterThan: 1 } },
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['a 3*', 'a 1', 'b 3*', 'b 2', 'b 1']);
  });

  test('delete markers that are old versions go like these', async () => {
    const ageing = await openVersioned();
    await putVersions(ageing, 'k', 1);
    await removeKey(ageing, 'k');
    ageing.age(1);
    await put(ageing.world, ageing.bucket, 'k', 'xx');
    await ageing.configure({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k 2*', 'k ✕']);
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k 2*']);
    assert.deepEqual(ageing.outcomes, ['versionRemoved', 'markerRemoved']);
  });

  const markerRules: readonly { name: string; rules: readonly Partial<RuleElement>[]; days: number }[] = [
    {
      name: 'at once by a rule about markers',
      rules: [{ Expiration: { ExpiredObjectDeleteMarker: true } }],
      days: 0,
    },
    { name: 'by age by a rule about objects', rules: [{ Expiration: { Days: 3 } }], days: 3 },
  ];
  for (const { name, rules, days } of markerRules)
    test(`a delete marker with nothing behind it goes ${name}`, async () => {
      const ageing = await openVersioned();
      for (const key of ['covering', 'lone']) await putVersions(ageing, key, 1);
      for (const key of ['covering', 'lone']) await removeKey(ageing, key);
      const { objects } = ageing.world.namespace;
      const found = (
        await objects.versions(ageing.bucket.ino, {
          prefix: bytes('lone'),
          after: { key: new Uint8Array(0), versionId: undefined },
          delimiter: undefined,
          entriesMax: 10,
        })
      ).entries.find(({ kind }) => kind === 'version');
      assert(found?.kind === 'version');
      const { key, found: it } = found;
      await objects.removeKey({ bucket: ageing.bucket.ino, key, versionId: it.versionId, expect: {} });
      assert.deepEqual(await historyOf(ageing), ['covering ✕*', 'covering 1', 'lone ✕*']);
      await ageing.configure(...rules);
      if (days > 0) {
        ageing.age(days - 1);
        await ageing.pass();
        assert.equal((await historyOf(ageing)).length, 3);
        ageing.age(1);
      }
      await ageing.pass();
      assert.deepEqual(await historyOf(ageing), ['covering ✕*', 'covering 1']);
      assert.deepEqual(ageing.outcomes, ['markerRemoved']);
    });

  test('two passes take a deleted object away for good', async () => {
    const ageing = await openVersioned();
    await putVersions(ageing, 'k', 2);
    await removeKey(ageing, 'k');
    await ageing.configure(
      { Expiration: { ExpiredObjectDeleteMarker: true } },
      { NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    );
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k ✕*']);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), []);
  });

  test('with versioning suspended a null version goes for good, under a null delete marker', async () => {
    const ageing = await openAgeing();
    await putVersions(ageing, 'k', 1);
    const { objects } = ageing.world.namespace;
    await objects.changeBucketRules(ageing.bucket, { versioning: 'enabled' });
    await objects.changeBucketRules(ageing.bucket, { versioning: 'suspended' });
    await ageing.configure({ Expiration: { Days: 1 } });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k ✕*']);
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), []);
  });

  test('what is locked stays', async () => {
    const ageing = await openVersioned(undefined, {
      versioning: 'enabled',
      objectLock: { defaultRetention: { mode: 'GOVERNANCE', unit: 'days', amount: 1 } },
    });
    await putVersions(ageing, 'k', 2);
    await ageing.configure({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    ageing.age(2);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k 2*', 'k 1']);
    assert.deepEqual(ageing.outcomes, []);
    ageing.world.clock.ms += 86_400_000;
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k 2*']);
  });
});

suite('what changes between the look and the removal stays', () => {
  test('an old version that has become current', async () => {
    const ageing: Ageing = await openVersioned((objects) => ({
      ...objects,
      async removeKey(at) {
        const current = await objects.head({ bucket: at.bucket, key: at.key });
        await objects.removeKey({ ...at, versionId: current?.versionId, expect: {} });
        return objects.removeKey(at);
      },
    }));
    await putVersions(ageing, 'k', 2);
    await ageing.configure({ NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await historyOf(ageing), ['k 1*']);
    assert.deepEqual(ageing.outcomes, []);
  });

  test('an object that was written where a null delete marker was', async () => {
    const ageing: Ageing = await openVersioned((objects) => ({
      ...objects,
      async removeKey(at) {
        await put(ageing.world, ageing.bucket, 'k', 'new');
        return objects.removeKey(at);
      },
    }));
    await ageing.world.namespace.objects.changeBucketRules(ageing.bucket, { versioning: 'suspended' });
    await putVersions(ageing, 'k', 1);
    await removeKey(ageing, 'k');
    assert.deepEqual(await historyOf(ageing), ['k ✕*']);
    await ageing.configure({ Expiration: { ExpiredObjectDeleteMarker: true } });
    await ageing.pass();
    assert.equal((await get(ageing.world, ageing.bucket, 'k'))?.toString(), 'new');
    assert.deepEqual(ageing.outcomes, []);
  });
});

suite('transitions', () => {
  const classOf = async (
    { world, bucket }: Ageing,
    at: Partial<VersionAt> = {},
  ): Promise<string | undefined> =>
    (await world.namespace.objects.head({ bucket: bucket.ino, key: bytes('k'), ...at }))?.facet.storageClass;

  test('change the class and nothing else, step by step', async () => {
    const ageing = await openAgeing();
    const before = await put(ageing.world, ageing.bucket, 'k', 'x');
    await ageing.configure({
      Transition: [
        { Days: 3, StorageClass: 'GLACIER' },
        { Days: 1, StorageClass: 'STANDARD_IA' },
      ],
    });
    for (const want of ['STANDARD', 'STANDARD_IA', 'STANDARD_IA', 'GLACIER', 'GLACIER']) {
      await ageing.pass();
      assert.equal(await classOf(ageing), want);
      ageing.age(1);
    }
    const after = await ageing.world.namespace.objects.head({ bucket: ageing.bucket.ino, key: bytes('k') });
    assert(after !== undefined);
    const { ctime, ...attributes } = after.attributes;
    assert.deepEqual(after, {
      ...before,
      attributes: { ...before.attributes, ctime },
      facet: { ...before.facet, storageClass: 'GLACIER' },
    });
    assert.deepEqual(attributes.mtime, before.attributes.mtime);
    assert.deepEqual(ageing.outcomes, ['transitioned', 'transitioned']);
  });

  test('removal for good goes before a transition', async () => {
    const ageing = await openAgeing();
    await put(ageing.world, ageing.bucket, 'k', 'x');
    await ageing.configure(
      { Transition: [{ Days: 1, StorageClass: 'GLACIER' }] },
      { Expiration: { Days: 1 } },
    );
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(ageing.outcomes, ['expired']);
  });

  test('a transition goes before a delete marker', async () => {
    const ageing = await openVersioned();
    const { versionId } = await put(ageing.world, ageing.bucket, 'k', 'x');
    await ageing.configure(
      { Transition: [{ Days: 1, StorageClass: 'GLACIER' }] },
      { Expiration: { Days: 1 } },
    );
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(ageing.outcomes, ['transitioned']);
    await ageing.pass();
    assert.deepEqual(ageing.outcomes, ['transitioned', 'expired']);
    assert.equal(await classOf(ageing, { versionId }), 'GLACIER');
  });

  test('old versions have transitions of their own', async () => {
    const ageing = await openVersioned();
    const old = await put(ageing.world, ageing.bucket, 'k', 'x');
    const marked = await put(ageing.world, ageing.bucket, 'k', 'xx');
    await removeKey(ageing, 'k');
    await put(ageing.world, ageing.bucket, 'k', 'xxx');
    await ageing.configure({
      NoncurrentVersionTransition: [
        { NoncurrentDays: 1, StorageClass: 'GLACIER_IR', NewerNoncurrentVersions: 2 },
      ],
      NoncurrentVersionExpiration: { NoncurrentDays: 9 },
    });
    ageing.age(1);
    await ageing.pass();
    assert.equal(await classOf(ageing, { versionId: old.versionId }), 'GLACIER_IR');
    assert.equal(await classOf(ageing, { versionId: marked.versionId }), 'STANDARD');
    assert.equal(await classOf(ageing), 'STANDARD');
  });

  test('an object that was written meanwhile keeps its class', async () => {
    const ageing: Ageing = await openAgeing((objects) => ({
      ...objects,
      async setStorageClass(at, storageClass) {
        await put(ageing.world, ageing.bucket, 'k', 'x');
        return objects.setStorageClass(at, storageClass);
      },
    }));
    await put(ageing.world, ageing.bucket, 'k', 'x');
    await ageing.configure({ Transition: [{ Days: 1, StorageClass: 'GLACIER' }] });
    ageing.age(1);
    await ageing.pass();
    assert.equal(await classOf(ageing), 'STANDARD');
    assert.deepEqual(ageing.outcomes, []);
  });

  test('a class goes with the content through a write over NFS, and what is no file has none', async () => {
    const ageing = await openAgeing();
    const { files, objects } = ageing.world.namespace;
    const { attributes } = await put(ageing.world, ageing.bucket, 'k', 'x');
    await files.makeSpecial(
      s3,
      { directory: ageing.bucket.ino, name: bytes('link') },
      { special: { kind: 'symlink', target: bytes('k') }, wish: {} },
    );
    await ageing.configure({ Transition: [{ Days: 1, StorageClass: 'GLACIER' }] });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(ageing.outcomes, ['transitioned']);
    await files.write(s3, attributes.ino, { offset: 0, data: bytes('y'), stable: true });
    assert.equal(await classOf(ageing), 'GLACIER');
    assert.equal(
      await objects.setStorageClass(
        { bucket: ageing.bucket.ino, key: bytes('absent'), expect: {} },
        'GLACIER',
      ),
      false,
    );
  });
});
