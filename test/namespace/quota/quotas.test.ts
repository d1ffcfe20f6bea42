import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUOTA_GRACE_SECONDS } from '../../../src/limits.ts';
import { ownerOfUsageKey, usageKey } from '../../../src/namespace/keys.ts';
import { subjectText } from '../../../src/namespace/quota/quota.ts';
import { checkStore } from '../check-store.ts';
import { faultOf } from '../fault-of.ts';
import { openWorld, put, root, settle, type World } from '../world.ts';
import { bucketQuota, groupQuota, QuotaScene, userQuota } from './quota-scene.ts';

const reopened = async (world: World): Promise<World> => {
  await world.namespace.close();
  const { engine, device } = world;
  const next = await openWorld({ engine, device });
  next.clock.ms = world.clock.ms;
  return next;
};

test('limits that are not given stay, null takes one away', async () => {
  const { world, bucket } = await QuotaScene.open();
  const { quotas } = world.namespace;
  await quotas.set(bucketQuota(bucket), { bytes: { soft: 5, hard: 10 }, inodes: { hard: 3 } });
  await quotas.set(bucketQuota(bucket), { bytes: { soft: null }, graceSeconds: 60 });
  const { limits, isSet } = quotas.get(bucketQuota(bucket));
  assert.deepEqual(limits, {
    bytes: { soft: undefined, hard: 10 },
    inodes: { soft: undefined, hard: 3 },
    graceSeconds: 60,
  });
  assert.equal(isSet, true);
});

test('a soft limit above the hard one is refused, and a bucket that is gone', async () => {
  const { world, bucket } = await QuotaScene.open();
  const { quotas, objects } = world.namespace;
  const wrong = quotas.set(bucketQuota(bucket), { bytes: { soft: 11, hard: 10 } });
  assert.equal(await faultOf(wrong), 'invalid-argument');
  await objects.deleteBucket('b');
  assert.equal(await faultOf(quotas.set(userQuota(1, bucket), { bytes: { hard: 1 } })), 'not-found');
  assert.deepEqual(quotas.list(), []);
});

test('quotas and usage outlive a restart', async () => {
  const scene = await QuotaScene.open();
  const { quotas } = scene.world.namespace;
  await scene.put('a', 90);
  await scene.limit(100);
  await quotas.set(userQuota(7), { inodes: { soft: 1, hard: 2 } });
  await quotas.set(groupQuota(8, scene.bucket), { bytes: { hard: 3 } });
  const before = quotas.list();
  const world = await reopened(scene.world);
  assert.deepEqual(world.namespace.quotas.list(), before);
  assert.deepEqual(
    before.map(({ subject }) => subjectText(subject)),
    ['bucket/b', 'bucket/b/group/8', 'user/7'],
  );
  const again = new QuotaScene(world, scene.bucket);
  assert.deepEqual(again.used(), [90, 1]);
  assert.equal(await faultOf(again.put('b', 11)), 'quota-exceeded');
});

test('without its quota a bucket takes what comes, and its usage is known', async () => {
  const scene = await QuotaScene.open();
  const { quotas } = scene.world.namespace;
  await scene.limit(10);
  assert.equal(await quotas.remove(bucketQuota(scene.bucket)), true);
  assert.equal(await quotas.remove(bucketQuota(scene.bucket)), false);
  await scene.put('a', 11);
  assert.deepEqual(quotas.get(bucketQuota(scene.bucket)).isSet, false);
  assert.deepEqual(scene.used(), [11, 1]);
  assert.deepEqual((await reopened(scene.world)).namespace.quotas.list(), []);
});

test('quotas of a bucket, and of users in it, go with the bucket', async () => {
  const scene = await QuotaScene.open();
  const { objects } = scene.world.namespace;
  await scene.limit(10);
  await scene.limit(10, userQuota(1, scene.bucket));
  await scene.limit(10, userQuota(1));
  await objects.deleteBucket('b');
  const next = new QuotaScene(scene.world, await objects.createBucket(root, 'b'));
  await next.put('a', 11);
  const left = (await reopened(scene.world)).namespace.quotas.list();
  assert.deepEqual(
    left.map(({ subject }) => subjectText(subject)),
    ['user/1'],
  );
});

test('a soft limit may be exceeded until its grace is over', async () => {
  const scene = await QuotaScene.open();
  const { quotas } = scene.world.namespace;
  const subject = bucketQuota(scene.bucket);
  await quotas.set(subject, { bytes: { soft: 10, hard: 100 } });
  await scene.put('a', 11);
  const since = scene.world.clock.wall().seconds;
  assert.equal(quotas.get(subject).overSince.bytes, since);
  scene.world.clock.ms += (QUOTA_GRACE_SECONDS - 1) * 1000;
  await scene.put('b', 1);
  scene.world.clock.ms += 1000;
  assert.equal(quotas.get(subject).isFull.bytes, true);
  assert.equal(await faultOf(scene.put('c', 1)), 'quota-exceeded');
  await scene.put('empty', 0);
  await scene.remove('a');
  assert.equal(quotas.get(subject).overSince.bytes, undefined);
  await scene.put('c', 50);
  assert.equal(quotas.get(subject).overSince.bytes, since + QUOTA_GRACE_SECONDS, 'the time starts anew');
});

test('the time of grace goes on through a restart, and one that began and ended is over', async () => {
  const scene = await QuotaScene.open();
  const subject = bucketQuota(scene.bucket);
  await scene.world.namespace.quotas.set(subject, { bytes: { soft: 10 }, inodes: { soft: 1 } });
  await scene.put('a', 11);
  await scene.put('b', 0);
  const since = scene.world.clock.wall().seconds;
  await settle(scene.world);
  scene.world.clock.ms += 5000;
  await scene.remove('b');
  const { overSince } = (await reopened(scene.world)).namespace.quotas.get(subject);
  assert.deepEqual(overSince, { bytes: since, inodes: undefined });
});

test('a limit that is lowered below what is used begins the time of grace', async () => {
  const scene = await QuotaScene.open();
  await scene.put('a', 11);
  const { overSince } = await scene.world.namespace.quotas.set(bucketQuota(scene.bucket), {
    bytes: { soft: 10 },
  });
  assert.equal(overSince.bytes, scene.world.clock.wall().seconds);
});

test('df shows the quota of the bucket as its size', async () => {
  const scene = await QuotaScene.open();
  const { files, quotas } = scene.world.namespace;
  const store = await files.statistics(scene.bucket.ino);
  await scene.put('a', 300);
  await quotas.set(bucketQuota(scene.bucket), { bytes: { hard: 1000 }, inodes: { hard: 10 } });
  const ino = await scene.create('f');
  await scene.write(ino, 100);
  assert.deepEqual(await files.statistics(ino), {
    ...{ bytesTotal: 1000, bytesFree: 600, inodesTotal: 10, inodesFree: 8 },
  });
  await scene.limit(200);
  const full = await files.statistics(ino);
  assert.deepEqual([full.bytesTotal, full.bytesFree], [200, 0]);
  await scene.limit(2 ** 50);
  const { bytesTotal, bytesFree } = await files.statistics(ino);
  assert.equal(bytesTotal - bytesFree, 400, 'what is used is what is used');
  assert(bytesFree <= store.bytesFree);
  assert.equal((await files.statistics(files.root())).bytesTotal, store.bytesTotal);
});

test('refusals are counted by the kind of quota', async () => {
  const scene = await QuotaScene.open();
  await scene.limit(0);
  await scene.limit(0, groupQuota(0));
  for (let count = 0; count < 3; count += 1) await faultOf(scene.put('a', 1));
  assert.deepEqual(scene.world.namespace.quotas.refusals(), { bucket: 3, user: 0, group: 0 });
});

test('a store from before there was usage is counted when it is opened', async () => {
  const scene = await QuotaScene.open({ versioning: 'enabled' });
  const { world } = scene;
  await scene.put('x/a', 10);
  await scene.put('x/a', 20);
  const open = await scene.upload('open');
  await scene.part('open', open, { number: 1, length: 5 });
  const aborted = await scene.upload('aborted');
  await scene.part('aborted', aborted, { number: 1, length: 7 });
  await world.namespace.objects.abortUpload({ ...scene.at('aborted'), uploadId: aborted });
  const used = scene.used();
  await world.kv.transact('durable', async (tx) => {
    tx.delete(Buffer.from('\u0001counted'));
    tx.delete(usageKey({ bucket: scene.bucket.ino, uid: 0, gid: 0 }));
    tx.put(usageKey({ bucket: scene.bucket.ino, uid: 1, gid: 1 }), Buffer.from('\u00011\u00011'));
  });
  const { engine, device } = world;
  const next = await openWorld({ engine, device });
  await checkStore(next);
  assert.deepEqual(new QuotaScene(next, scene.bucket).used(), used);
  assert.deepEqual(used, [35, 4]);
  await settle(next);
  await checkStore(next);
});

test('keys of usage are read as they were written', () => {
  const scene = { bucket: 5, uid: 4_294_967_295, gid: 0 } as ReturnType<typeof ownerOfUsageKey>;
  assert.deepEqual(ownerOfUsageKey(usageKey(scene)), scene);
});

test('two PUTs of the same size through a restart: rows and memory agree', async () => {
  const scene = await QuotaScene.open();
  await put(scene.world, scene.bucket, 'a', 'one');
  const world = await reopened(scene.world);
  await put(world, scene.bucket, 'b', 'two');
  assert.deepEqual(new QuotaScene(world, scene.bucket).used(), [6, 2]);
  await checkStore(world);
});
