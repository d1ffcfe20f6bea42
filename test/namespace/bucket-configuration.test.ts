import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUCKET_CONFIGURATION_BYTES_MAX } from '../../src/limits.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, openWorld, root, settle, text } from './world.ts';

test('a configuration reads as it was put, also after a crash, and the bucket lists it', async () => {
  const world = await openWorld();
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  assert.deepEqual(bucket.configurations, []);
  await world.namespace.objects.putBucketConfiguration(bucket, 'cors', bytes('first'));
  await world.namespace.objects.putBucketConfiguration(bucket, 'tagging', bytes('tags'));
  await world.namespace.objects.putBucketConfiguration(bucket, 'cors', bytes('second'));
  const engine = world.engine.crash({ below: () => 0, bytes: Buffer.alloc });
  const { objects } = (await openWorld({ engine, device: world.device })).namespace;
  const read = await objects.bucketConfiguration(bucket.ino, 'cors');
  assert.equal(read && text(read), 'second');
  assert.deepEqual((await objects.bucket('b'))?.configurations, ['cors', 'tagging']);
  assert.deepEqual((await objects.buckets())[0]?.configurations, ['cors', 'tagging']);
});

test('a configuration that is deleted is gone, and deleting it again is a success', async () => {
  const { namespace, kv, blobs } = await openWorld();
  const { objects } = namespace;
  const bucket = await objects.createBucket(root, 'b');
  await objects.putBucketConfiguration(bucket, 'cors', bytes('rules'));
  await objects.deleteBucketConfiguration(bucket, 'cors');
  await objects.deleteBucketConfiguration(bucket, 'cors');
  assert.equal(await objects.bucketConfiguration(bucket.ino, 'cors'), undefined);
  assert.deepEqual((await objects.bucket('b'))?.configurations, []);
  await checkSettledStore({ kv, blobs });
});

test('configurations go with their bucket, and a new one of that name has none', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const first = await objects.createBucket(root, 'b');
  await objects.putBucketConfiguration(first, 'cors', bytes('rules'));
  await objects.deleteBucket('b');
  assert.equal(await objects.bucketConfiguration(first.ino, 'cors'), undefined);
  const second = await objects.createBucket(root, 'b');
  assert.deepEqual(second.configurations, []);
  assert.equal(await faultOf(objects.putBucketConfiguration(first, 'cors', bytes('late'))), 'not-found');
  assert.equal(await faultOf(objects.deleteBucketConfiguration(first, 'cors')), 'not-found');
  await settle(world);
  await checkSettledStore(world);
});

test('racing changes and a deletion of the bucket leave no document behind', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const outcomes = await Promise.allSettled([
    objects.putBucketConfiguration(bucket, 'cors', bytes('one')),
    objects.putBucketConfiguration(bucket, 'tagging', bytes('two')),
    objects.deleteBucketConfiguration(bucket, 'cors'),
    objects.deleteBucket('b'),
    objects.putBucketConfiguration(bucket, 'cors', bytes('three')),
  ]);
  assert.equal(outcomes[3]?.status, 'fulfilled');
  assert.equal(await objects.bucket('b'), undefined);
  await checkSettledStore(world);
});

test('a document above the limit is refused', async () => {
  const { objects } = (await openWorld()).namespace;
  const bucket = await objects.createBucket(root, 'b');
  const document = new Uint8Array(BUCKET_CONFIGURATION_BYTES_MAX + 1);
  assert.equal(await faultOf(objects.putBucketConfiguration(bucket, 'cors', document)), 'too-large');
  await objects.putBucketConfiguration(bucket, 'cors', document.subarray(1));
});
