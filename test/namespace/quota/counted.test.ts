import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BucketRules } from '../../../src/namespace/version.ts';
import { checkSettledStore } from '../check-store.ts';
import { bytes, root, user } from '../world.ts';
import { bucketQuota, groupQuota, QuotaScene, s3As, userQuota } from './quota-scene.ts';

interface Case {
  readonly name: string;
  readonly rules?: Partial<BucketRules>;
  readonly run: (scene: QuotaScene) => Promise<unknown>;
  /** Bytes and inodes of the bucket afterwards. */
  readonly want: readonly [number, number];
}

const version = { versioning: 'enabled' } as const;

const cases: readonly Case[] = [
  { name: 'an empty bucket uses nothing', run: async () => undefined, want: [0, 0] },
  { name: 'an object is its bytes and one inode', run: (scene) => scene.put('a', 7), want: [7, 1] },
  { name: 'directories on the way are inodes', run: (scene) => scene.put('x/y/z', 7), want: [7, 3] },
  {
    name: 'they go with their last key',
    run: async (scene) => {
      await scene.put('x/y/z', 7);
      await scene.remove('x/y/z');
    },
    want: [0, 0],
  },
  {
    name: 'a directory of NFS is one inode, although S3 sees an object in it',
    run: (scene) => scene.world.namespace.files.makeDirectory(root, scene.place('d'), {}),
    want: [0, 1],
  },
  { name: 'the object that is a directory has bytes, too', run: (scene) => scene.put('d/', 5), want: [5, 1] },
  {
    name: 'a replacement gives the room of what was there',
    run: async (scene) => {
      await scene.put('a', 7);
      await scene.put('a', 3);
    },
    want: [3, 1],
  },
  {
    name: 'an old version counts as long as it is there',
    rules: version,
    run: async (scene) => {
      await scene.put('a', 7);
      await scene.put('a', 3);
    },
    want: [10, 2],
  },
  {
    name: 'what a delete marker hides counts, the marker does not',
    rules: version,
    run: async (scene) => {
      await scene.put('a', 7);
      await scene.remove('a');
    },
    want: [7, 1],
  },
  {
    name: 'a hard link is no inode of its own',
    run: async (scene) => {
      const ino = await scene.put('a', 7);
      await scene.world.namespace.files.link(root, ino, scene.place('b'));
      await scene.remove('a');
    },
    want: [7, 1],
  },
  {
    name: 'a symlink is as long as its target',
    run: (scene) =>
      scene.world.namespace.files.makeSpecial(root, scene.place('l'), {
        special: { kind: 'symlink', target: bytes('there') },
        wish: {},
      }),
    want: [5, 1],
  },
  {
    name: 'a hole counts, a truncation gives it back',
    run: async (scene) => {
      const { files } = scene.world.namespace;
      const ino = await scene.create('f');
      await files.setAttributes(root, ino, { wish: { size: 2 ** 52 } });
      assert.deepEqual(scene.used(), [2 ** 52, 1]);
      await files.setAttributes(root, ino, { wish: { size: 9 } });
    },
    want: [9, 1],
  },
  {
    name: 'sums beyond 2^53 come back to what they were',
    run: async (scene) => {
      const { files } = scene.world.namespace;
      await scene.put('a', 7);
      for (const name of ['f', 'g', 'h']) {
        const ino = await scene.create(name);
        await files.setAttributes(root, ino, { wish: { size: 2 ** 52 - 1 } });
      }
      for (const name of ['f', 'g', 'h']) await files.remove(root, scene.place(name));
    },
    want: [7, 1],
  },
  {
    name: 'data of NFS counts when it is committed',
    run: async (scene) => {
      const ino = await scene.create('f');
      await scene.write(ino, 100);
      assert.deepEqual(scene.used(), [0, 1]);
      await scene.world.namespace.files.commit(root, ino);
    },
    want: [100, 1],
  },
  {
    name: 'a copy counts in full, whatever it shares',
    run: async (scene) => {
      const { objects } = scene.world.namespace;
      await scene.put('a', 500);
      const source = await objects.open(scene.at('a'));
      const draft = await objects.draft(root);
      await draft.splice(source!, 0, 500);
      await objects.attach(root, draft, {
        ...scene.at('b'),
        facet: source!.found.facet,
        expect: {},
      });
      await source!.close();
    },
    want: [1000, 2],
  },
  {
    name: 'parts of an upload count while it is open',
    run: async (scene) => {
      const id = await scene.upload('m');
      await scene.part('m', id, { number: 1, length: 30 });
      await scene.part('m', id, { number: 2, length: 5 });
      await scene.part('m', id, { number: 1, length: 20 });
    },
    want: [25, 2],
  },
  {
    name: 'the completed object takes their place in the same commit',
    run: async (scene) => {
      const id = await scene.upload('m');
      for (const number of [1, 2, 3]) await scene.part('m', id, { number, length: 10 });
      await scene.complete('m', id, [1, 3]);
    },
    want: [20, 1],
  },
  {
    name: 'an aborted upload gives its room back at once',
    run: async (scene) => {
      const id = await scene.upload('m');
      for (const number of [1, 2, 3]) await scene.part('m', id, { number, length: 10 });
      await scene.world.namespace.objects.abortUpload({ ...scene.at('m'), uploadId: id });
    },
    want: [0, 0],
  },
];

for (const { name, rules, run, want } of cases) {
  test(`usage: ${name}`, async () => {
    const scene = await QuotaScene.open(rules);
    await run(scene);
    assert.deepEqual(scene.used(), want);
    await scene.settle();
    assert.deepEqual(scene.used(), want, 'background work changes nothing');
    await checkSettledStore(scene.world);
  });
}

test('usage belongs to the owner of the file, wherever it is and whoever wrote it', async () => {
  const scene = await QuotaScene.open();
  const { objects, files } = scene.world.namespace;
  await files.setAttributes(root, scene.bucket.ino, { wish: { mode: 0o777 } });
  const ino = await scene.put('a', 10, s3As(7, 70));
  await scene.put('a', 12, s3As(8, 80));
  const other = await objects.createBucket(root, 'other');
  await new QuotaScene(scene.world, other).put('c', 5, s3As(7, 70));
  assert.deepEqual(scene.used(userQuota(7)), [17, 2]);
  assert.deepEqual(scene.used(userQuota(7, scene.bucket)), [12, 1]);
  assert.deepEqual(scene.used(groupQuota(70, other)), [5, 1]);
  assert.deepEqual(scene.used(userQuota(8)), [0, 0]);
  await assert.rejects(files.attributes(ino));
  assert.deepEqual(scene.used(bucketQuota(other)), [5, 1]);
});

test('chown moves what a file uses from one owner to the other', async () => {
  const scene = await QuotaScene.open();
  const ino = await scene.put('a', 10, user(7));
  const id = { uid: 8, gid: 9 };
  await scene.world.namespace.files.setAttributes(root, ino, { wish: id });
  assert.deepEqual(scene.used(userQuota(7)), [0, 0]);
  assert.deepEqual(scene.used(userQuota(8)), [10, 1]);
  assert.deepEqual(scene.used(groupQuota(9)), [10, 1]);
  assert.deepEqual(scene.used(), [10, 1]);
});

test('parts belong to who began the upload', async () => {
  const scene = await QuotaScene.open();
  const id = await scene.upload('m', s3As(7));
  await scene.part('m', id, { number: 1, length: 10 });
  assert.deepEqual(scene.used(userQuota(7)), [10, 1]);
});
