import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CENSUS_PASS_MS_MIN, CONTENT_BLOB_BYTES_MAX, EXTENTS_EMBEDDED_MAX } from '../../src/limits.ts';
import { inodeKey, recountKey, SHARED_OUT_KEY, sharesKey } from '../../src/namespace/keys.ts';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import { decodeInode, encodeInode, NOTHING_BELOW } from '../../src/namespace/records.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import type { Tier } from '../../src/tiering/tier.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { ChunkMedia } from '../tiering/memory-chunk-store.ts';
import { checkStore } from './check-store.ts';
import { imageOf } from './store-image.ts';
import { bytes, memoryDevice, openStack, plainFacet, put, root, s3, silent, TestClock } from './world.ts';

const actor = {
  door: 's3',
  operation: 'Op',
  client: '10.0.0.1',
  principal: 'arn:alice',
  requestId: 'R',
} as const;
const LONG = (EXTENTS_EMBEDDED_MAX + 3) * CONTENT_BLOB_BYTES_MAX;

/** A namespace over three tiers in memory. */
class Scene {
  readonly clock = new TestClock();
  readonly engine = new MemoryEngine();
  readonly device = memoryDevice();
  readonly media = { warm: new ChunkMedia(), cold: new ChunkMedia() };
  stack!: Awaited<ReturnType<typeof openStack>>;
  bucket!: Bucket;

  static async open(): Promise<Scene> {
    const scene = new Scene();
    await scene.start();
    scene.bucket = await scene.stack.namespace.objects.createBucket(s3, 'bucket');
    return scene;
  }

  /** Puts something between the store and the namespace from the next start on. */
  around: (kv: Kv) => Kv = (kv) => kv;

  async start(): Promise<void> {
    const environment = { clock: this.clock, random: seededRandom(1), log: silent };
    const lowerMedia = (['warm', 'cold'] as const).map((tier) => ({ tier, media: this.media[tier] }));
    const { engine, device } = this;
    this.stack = await openStack({
      engine,
      device,
      environment,
      lowerMedia,
      inlineBytesMax: 16,
      around: this.around,
    });
  }

  async put(key: string, length: number): Promise<Ino> {
    return (await put(this.stack, this.bucket, key, Buffer.alloc(length, key))).attributes.ino;
  }

  async move(ino: Ino, to: Tier, countMax = Infinity): Promise<void> {
    const { namespace, tiering } = this.stack;
    let left = countMax;
    for await (const page of namespace.objects.blobsOf(ino)) {
      const blobs = page.slice(0, left);
      left -= blobs.length;
      if (blobs.length === 0) return;
      const moving = tiering.tiers.migrate({ blobs, to, trigger: 'order' });
      await new Promise((resolve) => setImmediate(resolve));
      while ((await tiering.steps.migrate()) === 'busy');
      assert.equal((await moving).outcome, 'completed');
    }
  }

  /** Objects and bytes by tier, as `1:10` each. */
  async counts(): Promise<string> {
    const { tiers, isWhole } = await this.stack.namespace.census.now();
    const texts = [tiers.hot, tiers.warm, tiers.cold].map(({ objects, bytes }) => `${objects}:${bytes}`);
    return `${texts.join(' ')}${isWhole ? '' : ' not whole'}`;
  }

  async check(want: string): Promise<void> {
    assert.equal(await this.counts(), want);
    await checkStore(this.stack);
  }
}

suite('what the tiers answer for', () => {
  test('follows objects as they come, move in either direction, and go', async () => {
    const scene = await Scene.open();
    const one = await scene.put('one', 100);
    const two = await scene.put('two', 50);
    await scene.put('empty', 0);
    await scene.check('3:150 0:0 0:0');
    await scene.move(one, 'warm');
    await scene.check('2:50 1:100 0:0');
    await scene.move(two, 'cold');
    await scene.move(one, 'cold');
    await scene.check('1:0 0:0 2:150');
    await scene.move(one, 'hot');
    await scene.check('2:100 0:0 1:50');
    const { objects } = scene.stack.namespace;
    await objects.removeKey({ by: actor, bucket: scene.bucket.ino, key: bytes('two'), expect: {} });
    await scene.check('2:100 0:0 0:0');
    await scene.put('one', 7);
    await scene.check('2:7 0:0 0:0');
  });

  test('a large object counts where most of it is, its bytes where each is read', async () => {
    const scene = await Scene.open();
    const ino = await scene.put('large', LONG);
    await scene.move(ino, 'cold', 2);
    const two = 2 * CONTENT_BLOB_BYTES_MAX;
    await scene.check(`1:${LONG - two} 0:0 0:${two}`);
    await scene.move(ino, 'cold');
    await scene.check(`0:0 0:0 1:${LONG}`);
  });

  test('copies count where the shared content is, and go with it', async () => {
    const scene = await Scene.open();
    const ino = await scene.put('a', 100);
    await scene.move(ino, 'warm');
    const { objects } = scene.stack.namespace;
    const source = await objects.open({ bucket: scene.bucket.ino, key: bytes('a') });
    assert(source !== undefined);
    const draft = await objects.draft(s3);
    await draft.splice(source, 0, 60);
    await source.close();
    await objects.attach(s3, draft, {
      bucket: scene.bucket.ino,
      key: bytes('b'),
      facet: plainFacet('b'),
      expect: {},
    });
    await scene.check('0:0 2:160 0:0');
    await scene.move(ino, 'hot');
    await scene.check('2:160 0:0 0:0');
  });

  test('what NFS writes over content below is hot, what it cuts off is gone', async () => {
    const scene = await Scene.open();
    const { files } = scene.stack.namespace;
    for (const size of [3 * CONTENT_BLOB_BYTES_MAX, LONG]) {
      const ino = await scene.put('a', size);
      await scene.move(ino, 'cold');
      const hot = 100_000;
      const data = Buffer.alloc(hot);
      await files.write(root, ino, { offset: CONTENT_BLOB_BYTES_MAX + 4096, data, stable: true });
      await scene.check(`0:${hot} 0:0 1:${size - hot}`);
      const end = CONTENT_BLOB_BYTES_MAX + 50_000;
      await files.setAttributes(root, ino, { wish: { size: end } });
      await scene.check(`0:${50_000 - 4096} 0:0 1:${CONTENT_BLOB_BYTES_MAX + 4096}`);
      await files.setAttributes(root, ino, { wish: { size: 0 } });
      await scene.check('1:0 0:0 0:0');
    }
  });

  test('content that moves before its long upload has a name is counted when it has one', async () => {
    const scene = await Scene.open();
    const { namespace, tiering, kv } = scene.stack;
    const draft = await namespace.objects.draft(s3);
    const piece = Buffer.alloc(CONTENT_BLOB_BYTES_MAX);
    for (let count = 0; count < 600; count += 1)
      await draft.write([piece.subarray(0, 17)]).then(() => draft.relieve());
    await draft.write([piece]);
    const blobs = [...(await imageOf(kv)).blobs.keys()] as BlobId[];
    const moving = tiering.tiers.migrate({ blobs: blobs.slice(0, 10), to: 'warm', trigger: 'order' });
    await new Promise((resolve) => setImmediate(resolve));
    while ((await tiering.steps.migrate()) === 'busy');
    assert.equal((await moving).blobs, 10);
    await scene.check('0:0 0:0 0:0');
    const to = { bucket: scene.bucket.ino, key: bytes('long'), facet: plainFacet('e'), expect: {} };
    const { attributes } = await namespace.objects.attach(s3, draft, to);
    assert.notEqual(await kv.get(recountKey(attributes.ino)), undefined);
    const below = 10 * 17;
    await scene.check(`1:${attributes.size - below} 0:${below} 0:0`);
    assert.equal(await kv.get(recountKey(attributes.ino)), undefined);
  });
});

suite('the census', () => {
  test('counts a store of before, and finds where its content is', async () => {
    const scene = await Scene.open();
    const one = await scene.put('one', 100);
    const long = await scene.put('long', LONG);
    await scene.put('three', 10);
    await scene.move(one, 'warm');
    await scene.move(long, 'cold');
    const { kv } = scene.stack;
    // As the program before wrote it.
    await kv.transact('durable', async (tx) => {
      for (const ino of [one, long]) {
        const inode = decodeInode(ino, (await tx.get(inodeKey(ino)))!);
        tx.put(inodeKey(ino), encodeInode({ ...inode, below: NOTHING_BELOW }));
      }
      tx.delete(sharesKey(scene.bucket.ino));
      tx.delete(SHARED_OUT_KEY);
    });
    await scene.stack.namespace.close();
    await scene.start();
    assert.equal(await scene.counts(), `3:${LONG + 110} 0:0 0:0 not whole`);
    while ((await scene.stack.namespace.census.step()) === 'busy');
    await scene.check(`1:10 1:100 1:${LONG}`);
    assert.equal(scene.stack.namespace.census.mended, 0);
  });

  test('counts all of a long file, however short the pages of the store are', async () => {
    const scene = await Scene.open();
    const long = await scene.put('long', LONG);
    await scene.move(long, 'cold');
    await scene.stack.namespace.close();
    scene.around = (kv) => ({
      ...{ get: kv.get.bind(kv), getMany: kv.getMany.bind(kv), transact: kv.transact.bind(kv) },
      ...{ sync: kv.sync.bind(kv), close: kv.close.bind(kv), hasStopped: false },
      scan: (range, options) => kv.scan(range, { ...options, pageEntries: Math.min(3, options.pageEntries) }),
    });
    await scene.start();
    const { kv } = scene.stack;
    await kv.transact('durable', async (tx) => tx.put(recountKey(long), new Uint8Array(0)));
    while ((await scene.stack.namespace.census.step()) === 'busy');
    await scene.check(`0:0 0:0 1:${LONG}`);
  });

  test('says nothing of mistakes when it was told during a pass that not all is known', async () => {
    const scene = await Scene.open();
    const one = await scene.put('one', 100);
    const { kv, namespace } = scene.stack;
    await kv.transact('durable', async (tx) => {
      const inode = decodeInode(one, (await tx.get(inodeKey(one)))!);
      tx.put(inodeKey(one), encodeInode({ ...inode, below: { warm: 0, cold: 90 } }));
    });
    scene.clock.ms += CENSUS_PASS_MS_MIN;
    assert.equal(await namespace.census.step(), 'busy');
    await kv.transact('durable', async (tx) => tx.put(recountKey(0), new Uint8Array(0)));
    while ((await namespace.census.step()) === 'busy');
    assert.equal(namespace.census.mended, 0);
    while ((await namespace.census.step()) === 'busy');
    assert.equal(await kv.get(recountKey(0)), undefined);
  });

  test('puts right what is wrong, and says how much was', async () => {
    const scene = await Scene.open();
    const one = await scene.put('one', 100);
    await scene.put('two', 100);
    const { kv, namespace } = scene.stack;
    await kv.transact('durable', async (tx) => {
      const inode = decodeInode(one, (await tx.get(inodeKey(one)))!);
      tx.put(inodeKey(one), encodeInode({ ...inode, below: { warm: 0, cold: 90 } }));
    });
    assert.equal(await namespace.census.step(), 'idle');
    scene.clock.ms += CENSUS_PASS_MS_MIN;
    while ((await namespace.census.step()) === 'busy');
    assert.equal(namespace.census.mended, 1);
  });

  test('goes over everything when a blob moves that more files show than are known', async () => {
    const scene = await Scene.open();
    const ino = await scene.put('a', 100);
    const { objects } = scene.stack.namespace;
    for (let count = 0; count < 12; count += 1) {
      const source = await objects.open({ bucket: scene.bucket.ino, key: bytes('a') });
      assert(source !== undefined);
      const draft = await objects.draft(s3);
      await draft.splice(source, 0, 100);
      await source.close();
      await objects.attach(s3, draft, {
        bucket: scene.bucket.ino,
        key: bytes(`copy${count}`),
        facet: plainFacet('b'),
        expect: {},
      });
    }
    await scene.move(ino, 'warm');
    assert.match(await scene.counts(), /not whole$/);
    while ((await scene.stack.namespace.census.step()) === 'busy');
    await scene.check('0:0 13:1300 0:0');
  });
});
