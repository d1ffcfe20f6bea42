import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOf } from '../fault-of.ts';
import type { BucketRules } from '../../../src/namespace/version.ts';
import { QuotaScene, s3As } from './quota-scene.ts';

const caller = s3As(7);

interface History {
  readonly name: string;
  readonly make: (scene: QuotaScene, key: string) => Promise<unknown>;
}

const become = (scene: QuotaScene, versioning: BucketRules['versioning']): Promise<void> =>
  scene.world.namespace.objects.changeBucketRules(scene.bucket, { versioning });

const histories: readonly History[] = [
  { name: 'nothing', make: async () => undefined },
  { name: 'an object', make: (scene, key) => scene.put(key, 60, caller) },
  {
    name: 'an object in a bucket with versions',
    async make(scene, key) {
      await become(scene, 'enabled');
      await scene.put(key, 60, caller);
    },
  },
  {
    name: 'a version in a bucket that is suspended',
    async make(scene, key) {
      await become(scene, 'enabled');
      await scene.put(key, 60, caller);
      await become(scene, 'suspended');
    },
  },
  {
    name: 'a null version in a bucket that is suspended',
    async make(scene, key) {
      await become(scene, 'suspended');
      await scene.put(key, 60, caller);
    },
  },
  {
    name: 'a version above a null version in a bucket that is suspended',
    async make(scene, key) {
      await scene.put(key, 40, caller);
      await become(scene, 'enabled');
      await scene.put(key, 20, caller);
      await become(scene, 'suspended');
    },
  },
  {
    name: 'a delete marker above a null version in a bucket that is suspended',
    async make(scene, key) {
      await scene.put(key, 40, caller);
      await become(scene, 'enabled');
      await scene.remove(key);
      await become(scene, 'suspended');
    },
  },
  {
    name: 'a null delete marker in a bucket that is suspended',
    async make(scene, key) {
      await become(scene, 'suspended');
      await scene.put(key, 40, caller);
      await scene.remove(key);
    },
  },
];
/** What is limited: 100 bytes, or so many inodes more than there are. */
const rooms = ['bytes', 0, 1, 2, 3] as const;
type Room = (typeof rooms)[number];

/** Falling: what is refused changes nothing, and what is less than something that was taken would be taken too. */
const lengths = [101, 100, 99, 81, 80, 79, 61, 60, 59, 41, 40, 39, 21, 20, 1, 0];

async function sceneOf(make: History['make'], key: string, room: Room): Promise<QuotaScene> {
  const scene = await QuotaScene.open();
  await make(scene, key);
  if (room === 'bytes') await scene.limit(100);
  else await scene.limitInodes(scene.used()[1] + room);
  return scene;
}

for (const { name, make } of histories)
  for (const key of ['plain', 'marker/', 'new/way/k'])
    test(`what is announced for ${key} is refused when its content would be, where there is ${name}`, async () => {
      for (const room of rooms) {
        const scene = await sceneOf(make, key, room);
        const { objects } = scene.world.namespace;
        for (const length of lengths) {
          const early = await faultOf(objects.requireQuota(caller, scene.at(key), length));
          const late = await faultOf(scene.put(key, length, caller));
          assert.equal(early, late, `${length} bytes, room for ${room}`);
          if (late === 'done') break;
        }
      }
    });
