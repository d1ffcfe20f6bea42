import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { LIFECYCLE_STEP_ENTRIES } from '../../src/limits.ts';
import type { Tag } from '../../src/namespace/namespace.ts';
import { LifecycleJob } from '../../src/lifecycle/job.ts';
import { RuleBook } from '../../src/lifecycle/rule-book.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { bytes, get, put, root, s3, silent } from '../namespace/world.ts';
import { documentOf, keysOf, openAgeing, type Ageing } from './ageing.ts';

suite('expiration', () => {
  test('removes what is old enough and matches, and nothing else', async () => {
    const ageing = await openAgeing();
    const { world, bucket } = ageing;
    for (const key of ['logs/old', 'logs/older/x', 'data/old', 'other']) await put(world, bucket, key, key);
    await ageing.configure(
      { Filter: { Prefix: 'logs/' }, Expiration: { Days: 2 } },
      { Filter: { Prefix: 'data/' }, Expiration: { Days: 3 } },
    );
    await ageing.pass();
    assert.equal((await keysOf(ageing)).length, 4);
    ageing.age(1);
    await put(world, bucket, 'logs/new', 'new');
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await keysOf(ageing), ['data/old', 'logs/new', 'other']);
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await keysOf(ageing), ['other']);
    assert.deepEqual(ageing.outcomes, ['expired', 'expired', 'expired', 'expired']);
  });

  test('goes by tags and sizes as they are now', async () => {
    const ageing = await openAgeing();
    const { world, bucket } = ageing;
    const tags: Tag[] = [{ key: 'k', value: 'v' }];
    for (const key of ['tagged', 'plain', 'was-tagged', 'large']) {
      await put(world, bucket, key, key === 'large' ? 'x'.repeat(100) : 'x');
      if (key.endsWith('tagged'))
        await world.namespace.objects.setTags({ bucket: bucket.ino, key: bytes(key) }, tags);
    }
    await world.namespace.objects.setTags({ bucket: bucket.ino, key: bytes('was-tagged') }, []);
    await ageing.configure(
      { Filter: { Tag: { Key: 'k', Value: 'v' } }, Expiration: { Days: 1 } },
      { Filter: { ObjectSizeGreaterThan: 99 }, Expiration: { Days: 1 } },
    );
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await keysOf(ageing), ['plain', 'was-tagged']);
  });

  test('goes through more objects than fit into one unit of work', async () => {
    const ageing = await openAgeing();
    const count = 2 * LIFECYCLE_STEP_ENTRIES + 3;
    for (let index = 0; index < count; index += 1) await put(ageing.world, ageing.bucket, `a/${index}`, 'x');
    await put(ageing.world, ageing.bucket, 'b', 'x');
    await ageing.configure(
      { Filter: { Prefix: 'a/1' }, Expiration: { Days: 1 } },
      { Filter: { Prefix: 'a/' }, Expiration: { Days: 1 } },
    );
    ageing.age(1);
    assert.equal(await ageing.job.step(), 'busy');
    assert.equal(ageing.outcomes.length, LIFECYCLE_STEP_ENTRIES);
    while ((await ageing.job.step()) === 'busy');
    assert.deepEqual(await keysOf(ageing), ['b']);
    assert.equal(ageing.outcomes.length, count);
  });

  test('ends with the rule: what was taken back is not carried out by a pass under way', async () => {
    const ageing = await openAgeing();
    for (let index = 0; index < LIFECYCLE_STEP_ENTRIES + 1; index += 1)
      await put(ageing.world, ageing.bucket, String(index), 'x');
    await ageing.configure({ Expiration: { Days: 1 } });
    ageing.age(1);
    await ageing.job.step();
    await ageing.world.namespace.objects.deleteBucketConfiguration(ageing.bucket, 'lifecycle');
    while ((await ageing.job.step()) === 'busy');
    assert.equal(ageing.job.status().passes, 1);
    assert.equal((await keysOf(ageing)).length, 1);
  });

  test('survives that a bucket is deleted and made again during a pass', async () => {
    const ageing = await openAgeing();
    const { objects } = ageing.world.namespace;
    const other = await objects.createBucket(s3, 'other');
    await objects.putBucketConfiguration(other, 'lifecycle', documentOf([{ Expiration: { Days: 1 } }]));
    await ageing.configure({ Expiration: { Days: 1 } });
    await ageing.job.step();
    await objects.deleteBucket('other');
    const again = await objects.createBucket(s3, 'other');
    await put(ageing.world, again, 'k', 'x');
    ageing.age(5);
    while ((await ageing.job.step()) === 'busy');
    assert.equal((await get(ageing.world, again, 'k'))?.toString(), 'x');
  });
});

suite('an object that changes between the look and the removal stays', () => {
  const changes: readonly {
    readonly name: string;
    readonly change: (ageing: Ageing) => Promise<unknown>;
  }[] = [
    {
      name: 'written again with the same content',
      change: ({ world, bucket }) => put(world, bucket, 'k', 'x'),
    },
    {
      name: 'tagged',
      change: ({ world, bucket }) =>
        world.namespace.objects.setTags({ bucket: bucket.ino, key: bytes('k') }, [
          { key: 'keep', value: '' },
        ]),
    },
    {
      name: 'copied onto itself',
      change: ({ world, bucket }) =>
        world.namespace.objects.changeFacet(
          { bucket: bucket.ino, key: bytes('k'), expect: {} },
          { headers: {}, metadata: { a: 'b' }, tags: [], storageClass: 'STANDARD' },
        ),
    },
    {
      name: 'written over NFS',
      async change({ world, bucket }) {
        const found = await world.namespace.objects.head({ bucket: bucket.ino, key: bytes('k') });
        await world.namespace.files.write(root, found!.attributes.ino, {
          offset: 0,
          data: bytes('y'),
          stable: false,
        });
      },
    },
  ];
  for (const { name, change } of changes)
    test(name, async () => {
      const ageing: Ageing = await openAgeing((objects) => ({
        ...objects,
        async removeKey(at) {
          await change(ageing);
          return objects.removeKey(at);
        },
      }));
      await put(ageing.world, ageing.bucket, 'k', 'x');
      await ageing.configure({ Expiration: { Days: 1 } });
      ageing.age(1);
      await ageing.pass();
      assert.deepEqual(await keysOf(ageing), ['k']);
      assert.deepEqual(ageing.outcomes, []);
    });

  test('one that is gone by itself is no error', async () => {
    const ageing = await openAgeing((objects) => ({
      ...objects,
      async removeKey(at) {
        await objects.removeKey({ ...at, expect: {} });
        return objects.removeKey(at);
      },
    }));
    await put(ageing.world, ageing.bucket, 'k', 'x');
    await ageing.configure({ Expiration: { Days: 1 } });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(ageing.outcomes, []);
  });
});

test('uploads that were never completed are aborted by prefix and age', async () => {
  const ageing = await openAgeing();
  const { objects } = ageing.world.namespace;
  const bucket = ageing.bucket.ino;
  const facet = (await put(ageing.world, ageing.bucket, 'a', 'x')).facet;
  const create = async (key: string): Promise<void> => {
    await objects.createUpload(s3, { bucket, key: bytes(key), facet, checksum: undefined });
  };
  await create('a/1');
  await create('b/1');
  await ageing.configure({
    Filter: { Prefix: 'a/' },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
  });
  ageing.age(1);
  await create('a/2');
  ageing.age(1);
  await ageing.pass();
  const { uploads } = await objects.uploads(bucket, {
    prefix: new Uint8Array(0),
    afterKey: new Uint8Array(0),
    afterUploadId: '',
    uploadsMax: 10,
  });
  assert.deepEqual(
    uploads.map(({ key }) => Buffer.from(key).toString()),
    ['a/2', 'b/1'],
  );
  assert.deepEqual(ageing.outcomes, ['aborted']);
});

suite('the job', () => {
  test('looks 24 times in a day, and sooner only when rules have changed', async () => {
    const { world, bucket } = await openAgeing();
    const { objects } = world.namespace;
    await objects.putBucketConfiguration(bucket, 'lifecycle', documentOf([{ Expiration: { Days: 1 } }]));
    const job = new LifecycleJob({
      objects,
      environment: { clock: world.clock, random: seededRandom(1), log: silent },
      rules: new RuleBook(objects, { secondsPerDay: 86_400 }),
      count: () => undefined,
    });
    const passAfter = async (ms: number, passes: number): Promise<void> => {
      world.clock.ms += ms - 1;
      assert.equal(await job.step(), 'idle');
      world.clock.ms += 1;
      while ((await job.step()) === 'busy');
      assert.equal(job.status().passes, passes);
    };
    while ((await job.step()) === 'busy');
    await passAfter(3_600_000, 2);
    job.changed();
    job.changed();
    await passAfter(1_000, 3);
    await passAfter(3_600_000, 4);
    job.changed();
    world.clock.ms += 1_000;
    assert.equal(await job.step(), 'busy');
    job.changed();
    while ((await job.step()) === 'busy');
    await passAfter(1_000, 6);
  });

  test('reads nothing of a bucket without rules', async () => {
    const ageing = await openAgeing((objects) => ({
      ...objects,
      walk: () => Promise.reject(new Error('walked')),
      uploads: () => Promise.reject(new Error('listed')),
      bucketConfiguration: () => Promise.reject(new Error('read')),
    }));
    await put(ageing.world, ageing.bucket, 'k', 'x');
    await ageing.pass();
    assert.deepEqual(ageing.outcomes, []);
  });

  test('counts a refusal, goes on with the rest and tries again', async () => {
    let isRefused = true;
    const ageing = await openAgeing((objects) => ({
      ...objects,
      async removeKey(at) {
        if (isRefused && Buffer.from(at.key).toString() === 'a') throw new Fault('no-space', 'store', 'full');
        return objects.removeKey(at);
      },
    }));
    for (const key of ['a', 'b']) await put(ageing.world, ageing.bucket, key, 'x');
    await ageing.configure({ Expiration: { Days: 1 } });
    ageing.age(1);
    await ageing.pass();
    assert.deepEqual(await keysOf(ageing), ['a']);
    assert.deepEqual(ageing.outcomes.toSorted(), ['error', 'expired']);
    isRefused = false;
    await ageing.pass();
    assert.deepEqual(await keysOf(ageing), []);
  });

  test('fails as a whole when the store does, and begins again', async () => {
    let isBroken = true;
    const ageing = await openAgeing((objects) => ({
      ...objects,
      walk: (bucket, options) =>
        isBroken ? Promise.reject(new Error('broken')) : objects.walk(bucket, options),
    }));
    await put(ageing.world, ageing.bucket, 'k', 'x');
    await ageing.configure({ Expiration: { Days: 1 } });
    ageing.age(1);
    await assert.rejects(ageing.job.step(), /broken/);
    await assert.rejects(ageing.job.step(), /broken/);
    isBroken = false;
    while ((await ageing.job.step()) === 'busy');
    assert.deepEqual(await keysOf(ageing), []);
    const { passes, counts } = ageing.job.status();
    assert.deepEqual([passes, counts.expired, counts.error], [1, 1, 0]);
  });
});
