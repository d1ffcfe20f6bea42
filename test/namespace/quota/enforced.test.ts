import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BucketRules } from '../../../src/namespace/version.ts';
import { VERSION_QUIET_SECONDS } from '../../../src/limits.ts';
import { faultOf } from '../fault-of.ts';
import { bytes, root, user } from '../world.ts';
import { groupQuota, QuotaScene, s3As, userQuota } from './quota-scene.ts';

interface Case {
  readonly name: string;
  readonly rules?: Partial<BucketRules>;
  /** Before the limits. */
  readonly before?: (scene: QuotaScene) => Promise<unknown>;
  readonly limit: (scene: QuotaScene) => Promise<unknown>;
  readonly run: (scene: QuotaScene) => Promise<unknown>;
  readonly want: 'done' | 'quota-exceeded';
}

const ofBucket = (scene: QuotaScene): Promise<unknown> => scene.limit(100);
const full = (scene: QuotaScene): Promise<unknown> => scene.put('full', 100, s3As(7));
const version = { versioning: 'enabled' } as const;

const cases: readonly Case[] = [
  { name: 'what fits exactly is taken', limit: ofBucket, run: (it) => it.put('a', 100), want: 'done' },
  { name: 'a byte more is not', limit: ofBucket, run: (it) => it.put('a', 101), want: 'quota-exceeded' },
  {
    name: 'a limit on a tree that exceeds it takes effect at once',
    before: full,
    limit: (scene) => scene.limit(10),
    run: (scene) => scene.put('a', 1),
    want: 'quota-exceeded',
  },
  {
    name: 'a replacement that is no longer is taken even then',
    before: full,
    limit: (scene) => scene.limit(10),
    run: (scene) => scene.put('full', 99),
    want: 'done',
  },
  {
    name: 'an empty file is an inode and no byte',
    before: full,
    limit: ofBucket,
    run: (scene) => scene.put('a', 0),
    want: 'done',
  },
  {
    name: 'a replacement that stays as an old version needs room for both',
    rules: version,
    before: full,
    limit: (scene) => scene.limit(150),
    run: (scene) => scene.put('full', 99),
    want: 'quota-exceeded',
  },
  {
    name: 'a limit of a user',
    before: full,
    limit: (scene) => scene.limit(100, userQuota(7)),
    run: (scene) => scene.put('a', 1, s3As(7)),
    want: 'quota-exceeded',
  },
  {
    name: 'which is no other user’s',
    before: full,
    limit: (scene) => scene.limit(100, userQuota(7)),
    run: (scene) => scene.put('a', 1, s3As(8)),
    want: 'done',
  },
  {
    name: 'a limit of a user in one bucket',
    before: full,
    limit: (scene) => scene.limit(100, userQuota(7, scene.bucket)),
    run: (scene) => scene.put('a', 1, s3As(7)),
    want: 'quota-exceeded',
  },
  {
    name: 'a limit of a group',
    before: full,
    limit: (scene) => scene.limit(100, groupQuota(7)),
    run: (scene) => scene.put('a', 1, s3As(9, 7)),
    want: 'quota-exceeded',
  },
  {
    name: 'an object of somebody else grows on his account, whoever puts it',
    before: full,
    limit: (scene) => scene.limit(100, userQuota(7)),
    run: (scene) => scene.put('full', 101, s3As(8)),
    want: 'quota-exceeded',
  },
  {
    name: 'chown to somebody who has no room',
    before: full,
    limit: (scene) => scene.limit(99, userQuota(8)),
    run: async (scene) => {
      const { ino } = (await scene.world.namespace.objects.head(scene.at('full')))!.attributes;
      return scene.world.namespace.files.setAttributes(root, ino, { wish: { uid: 8 } });
    },
    want: 'quota-exceeded',
  },
  {
    name: 'an inode too many, of a directory',
    limit: (scene) => scene.limitInodes(0),
    run: (scene) => scene.world.namespace.files.makeDirectory(root, scene.place('d'), {}),
    want: 'quota-exceeded',
  },
  {
    name: 'an inode too many, of directories on the way',
    limit: (scene) => scene.limitInodes(2),
    run: (scene) => scene.put('x/y/z', 1),
    want: 'quota-exceeded',
  },
  {
    name: 'an inode too many, of a created file',
    limit: (scene) => scene.limitInodes(0),
    run: (scene) => scene.create('f'),
    want: 'quota-exceeded',
  },
  {
    name: 'a file is made longer by SETATTR',
    limit: ofBucket,
    run: async (scene) =>
      scene.world.namespace.files.setAttributes(root, await scene.create('f'), { wish: { size: 101 } }),
    want: 'quota-exceeded',
  },
  {
    name: 'a WRITE that makes a file longer',
    limit: ofBucket,
    run: async (scene) => scene.write(await scene.create('f'), 101),
    want: 'quota-exceeded',
  },
  {
    name: 'a WRITE within the file',
    before: full,
    limit: ofBucket,
    run: async (scene) => {
      const { ino } = (await scene.world.namespace.objects.head(scene.at('full')))!.attributes;
      return scene.write(ino, 50, { offset: 50, stable: true });
    },
    want: 'done',
  },
  {
    name: 'a WRITE into what is sealed keeps that as a version',
    rules: version,
    before: full,
    limit: (scene) => scene.limit(199),
    run: async (scene) => {
      const { ino } = (await scene.world.namespace.objects.head(scene.at('full')))!.attributes;
      return scene.write(ino, 1, { offset: 0 });
    },
    want: 'quota-exceeded',
  },
  {
    name: 'a part',
    limit: ofBucket,
    run: async (scene) => scene.part('m', await scene.upload('m'), { number: 1, length: 101 }),
    want: 'quota-exceeded',
  },
  {
    name: 'completing needs no room beside that of the parts',
    limit: ofBucket,
    run: async (scene) => {
      const id = await scene.upload('m');
      for (const number of [1, 2]) await scene.part('m', id, { number, length: 50 });
      return scene.complete('m', id, [1, 2]);
    },
    want: 'done',
  },
  {
    name: 'the announced length of what replaces something as long',
    before: full,
    limit: ofBucket,
    run: (scene) => scene.world.namespace.objects.requireQuota(s3As(7), scene.at('full'), 100),
    want: 'done',
  },
  {
    name: 'the announced length of what is new',
    before: full,
    limit: ofBucket,
    run: (scene) => scene.world.namespace.objects.requireQuota(s3As(7), scene.at('new'), 1),
    want: 'quota-exceeded',
  },
  {
    name: 'the announced length of a part that replaces one',
    limit: ofBucket,
    run: async (scene) => {
      const uploadId = await scene.upload('m');
      await scene.part('m', uploadId, { number: 1, length: 100 });
      const at = { ...scene.at('m'), part: { uploadId, number: 1 } };
      return scene.world.namespace.objects.requireQuota(root, at, 100);
    },
    want: 'done',
  },
];

for (const { name, rules, before, limit, run, want } of cases) {
  test(`quota: ${name}: ${want}`, async () => {
    const scene = await QuotaScene.open(rules);
    await before?.(scene);
    await limit(scene);
    assert.equal(await faultOf(run(scene)), want);
  });
}

test('what is full can be read, deleted and cut, and then takes as much again', async () => {
  const scene = await QuotaScene.open();
  const { files, objects } = scene.world.namespace;
  await scene.put('x/a', 60);
  const ino = await scene.put('b', 40);
  await scene.limit(50);
  await scene.limitInodes(1);
  assert.equal((await files.read(root, ino, { offset: 0, length: 40 })).length, 40);
  await files.setAttributes(root, ino, { wish: { size: 10 } });
  const { ino: directory } = (await files.lookup(root, scene.place('x'))).attributes;
  await files.remove(root, { directory, name: bytes('a') });
  await files.removeDirectory(root, scene.place('x'));
  assert.deepEqual(scene.used(), [10, 1]);
  await files.rename(root, { from: scene.place('b'), to: scene.place('c') });
  await objects.removeKey({ ...scene.at('c'), expect: {} });
  await scene.put('d', 50);
});

test('in a full bucket with versions deletes go on, with all that they keep', async () => {
  const scene = await QuotaScene.open(version);
  const { files } = scene.world.namespace;
  await scene.put('d/a', 10);
  const ino = await scene.put('open', 10);
  await files.link(root, ino, scene.place('link'));
  await scene.limit(0);
  await scene.limitInodes(0);
  await scene.remove('d/a');
  await files.remove(root, scene.place('link'));
  await files.rename(root, { from: scene.place('open'), to: scene.place(`.nfs${'0'.repeat(20)}`) });
  assert.equal(await faultOf(scene.put('new', 1)), 'quota-exceeded');
});

test('what NFS has been told is written stays written, whatever limit comes after it', async () => {
  const scene = await QuotaScene.open(version);
  const { files, quotas } = scene.world.namespace;
  await scene.limit(100);
  const ino = await scene.create('f');
  await scene.write(ino, 60);
  assert.equal(await faultOf(scene.put('a', 41)), 'quota-exceeded', 'the room is taken');
  assert.equal(await faultOf(scene.write(ino, 41, { offset: 60 })), 'quota-exceeded');
  await quotas.set(userQuota(0), { bytes: { hard: 0 }, inodes: { hard: 0 } });
  // The version is sealed before the data is written out: what was there stays as an old one.
  scene.world.clock.ms += VERSION_QUIET_SECONDS * 1000;
  await files.commit(root, ino);
  assert.equal(scene.used()[0], 60);
  assert.equal((await files.attributes(ino)).size, 60);
});

test('room that was kept for data is free again when the file is removed before it is written out', async () => {
  const scene = await QuotaScene.open();
  await scene.limit(100);
  const ino = await scene.create('f', user(0));
  await scene.write(ino, 100);
  assert.equal(await faultOf(scene.put('a', 1)), 'quota-exceeded');
  await scene.world.namespace.files.remove(root, scene.place('f'));
  await scene.put('a', 100);
});

test('room that was kept for data goes over to the object that replaces its file before it is written out', async () => {
  const scene = await QuotaScene.open();
  const { objects } = scene.world.namespace;
  await scene.limit(100);
  const ino = await scene.create('f', user(0));
  await scene.write(ino, 60);
  const place = scene.at('f');
  assert.equal(await faultOf(objects.requireQuota(s3As(0), place, 101)), 'quota-exceeded');
  await objects.requireQuota(s3As(0), place, 100);
  assert.equal(await faultOf(scene.put('f', 101)), 'quota-exceeded');
  await scene.put('f', 100);
  assert.equal(scene.used()[0], 100);
  assert.equal(await faultOf(scene.put('g', 1)), 'quota-exceeded');
});

test('a limit counts the data that was written before it and is not committed', async () => {
  const scene = await QuotaScene.open();
  const ino = await scene.create('f');
  await scene.write(ino, 60);
  await scene.limit(100);
  assert.equal(await faultOf(scene.put('a', 41)), 'quota-exceeded');
  await scene.write(ino, 10, { offset: 60 });
  await scene.world.namespace.files.commit(root, ino);
  await scene.put('a', 30);
  assert.equal(await faultOf(scene.put('b', 1)), 'quota-exceeded');
});
