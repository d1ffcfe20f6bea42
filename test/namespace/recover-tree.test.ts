import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { blobLabels } from '../../src/namespace/blob-labels.ts';
import { decodeBlobLabel } from '../../src/namespace/blob-label.ts';
import type { Bucket } from '../../src/namespace/namespace.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { MemorySegmentStore } from '../../src/tiering/memory-segment-store.ts';
import { openChunkStore } from '../../src/tiering/reduction/open-chunk-store.ts';
import { referenceReduction } from '../../src/workers/reference-reduction.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { settingsDefault } from '../tiering/reduction/chunk-bed.ts';
import { noise } from '../workers/segments.ts';
import { moveAllDown, recoveredTree, type ReadFile } from './recovered-tree.ts';
import {
  bytes,
  get,
  listed,
  memoryDevice,
  openStack,
  plainFacet,
  put,
  root,
  s3,
  settle,
  silent,
  TestClock,
  type Stack,
} from './world.ts';

interface Tiered extends Stack {
  readonly segments: MemorySegmentStore;
  readonly clock: TestClock;
}

async function open(): Promise<Tiered> {
  const clock = new TestClock();
  const segments = new MemorySegmentStore({ shape: { data: 2, parity: 1 }, imageBytesMax: 1 << 20 });
  const environment = { clock, random: seededRandom(1), log: silent };
  const stack = await openStack({
    ...{ engine: new MemoryEngine(), device: memoryDevice(), environment },
    ...{ inlineBytesMax: 100, defaultEncryption: aes256 },
    lower: async (given) => {
      const parts = { ...given, segments, reduction: referenceReduction(), settings: settingsDefault };
      return [{ chunks: await openChunkStore({ ...parts, tier: 'warm' }), segments }];
    },
  });
  return { ...stack, segments, clock };
}

const aes256 = { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false } as const;

test('a copy that is made while its blob moves is described, too', async () => {
  const stack = await open();
  const { objects } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  await put(stack, bucket, 'first', noise(3000, 1));
  const { segments } = stack;
  const putting = segments.put.bind(segments);
  // Its label was asked for before.
  segments.put = async (...given) => {
    segments.put = putting;
    const source = await objects.open({ bucket: bucket.ino, key: bytes('first') });
    assert(source !== undefined);
    const copy = await objects.draft(s3);
    await copy.splice(source, 0, 3000);
    await objects.attach(s3, copy, {
      bucket: bucket.ino,
      key: bytes('second'),
      facet: plainFacet('e'),
      expect: {},
    });
    await source.close();
    while ((await stack.tiering.steps.repair()) === 'busy');
    return putting(...given);
  };
  await moveAllDown(stack);
  while ((await stack.tiering.steps.repair()) === 'busy');
  const files = await recoveredTree(segments);
  for (const key of ['first', 'second'])
    assert.deepEqual(keyed(files, key).bytes, Buffer.from(noise(3000, 1)));
});

const keyed = (files: readonly ReadFile[], key: string): ReadFile => {
  const found = files.filter(
    ({ label, isNewest }) => isNewest && label.keys.some((it) => Buffer.from(it).toString() === key),
  );
  assert.equal(found.length, 1, `one file is ${key}`);
  return found[0]!;
};

/** Every object of the bucket is among the files, whole, with the attributes that the gateway shows. */
async function checkTree(stack: Tiered, bucket: Bucket, files: readonly ReadFile[]): Promise<void> {
  const { objects } = stack.namespace;
  for (const key of await listed(stack, bucket)) {
    const head = await objects.head({ bucket: bucket.ino, key: bytes(key) });
    assert(head !== undefined);
    if (head.attributes.size === 0) continue;
    const { label, bytes: found, missing } = keyed(files, key);
    if (!key.startsWith('sparse')) assert.deepEqual(missing, [], key);
    assert(found.equals((await get(stack, bucket, key))!), `bytes of ${key}`);
    const { mode, uid, gid, size, mtime, ctime, ino } = head.attributes;
    const { etag, headers, metadata, checksums, tags, storageClass } = head.facet;
    assert.deepEqual(
      { ...label, keys: [], encryption: label.encryption?.mode },
      {
        ...{ bucket: 'b', keys: [], kind: 'current', upload: 0, part: 0, ino },
        ...{ contentGeneration: head.attributes.contentGeneration, versionId: head.versionId },
        ...{ size, mode, uid, gid, mtime, ctime, encryption: head.encryption?.mode },
        ...{ etag, headers, metadata, checksums, tags, storageClass },
      },
      key,
    );
  }
}

test('paths, bytes and attributes come back from segments and the master key alone', async () => {
  const stack = await open();
  const { objects, files } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  await put(stack, bucket, 'plain.txt', 'some text');
  await put(stack, bucket, 'a/b//odd \u00e9/../name', noise(5000, 1));
  const draft = await objects.draft(s3);
  await draft.write([noise(300_000, 2)]);
  const facet = {
    ...plainFacet('0123456789abcdef0123456789abcdef'),
    headers: { 'content-type': 'image/png', 'cache-control': 'no-store' },
    metadata: { owner: 'somebody' },
    checksums: [{ algorithm: 'CRC32C', type: 'FULL_OBJECT', value: 'AAAAAA==' }] as const,
    tags: [{ key: 'class', value: 'old' }],
  };
  await objects.attach(s3, draft, { bucket: bucket.ino, key: bytes('rich'), facet, expect: {} });
  const { attributes } = await files.create(
    root,
    { directory: bucket.ino, name: bytes('edited') },
    { mode: { how: 'guarded' }, wish: { mode: 0o640 } },
  );
  await files.setAttributes(root, attributes.ino, { wish: { uid: 7, gid: 8 } });
  for (const offset of [0, 40_000, 10_000])
    await files.write(root, attributes.ino, { offset, data: noise(30_000, offset), stable: true });
  await put(stack, bucket, 'over', noise(2000, 5));
  await put(stack, bucket, 'over', noise(2000, 6));
  await moveAllDown(stack);
  await settle(stack);
  await checkTree(stack, bucket, await recoveredTree(stack.segments));
});

test('a file of many extents, a copy and a completed upload come back', async () => {
  const stack = await open();
  const { objects, files } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  const long = await files.create(
    root,
    { directory: bucket.ino, name: bytes('sparse') },
    { mode: { how: 'guarded' }, wish: { mode: 0o644 } },
  );
  for (let at = 0; at < 20; at += 1) {
    const data = noise(20_000, at);
    await files.write(root, long.attributes.ino, { offset: at * 200_000, data, stable: true });
  }
  const source = await objects.open({ bucket: bucket.ino, key: bytes('sparse') });
  const copy = await objects.draft(s3);
  await copy.splice(source!, 510_000, 3_000_000);
  await source!.close();
  const at = { bucket: bucket.ino, key: bytes('sparse copy'), facet: plainFacet('c'), expect: {} };
  await objects.attach(s3, copy, at);
  const to = { bucket: bucket.ino, key: bytes('parts/whole') };
  const { uploadId } = await objects.createUpload(s3, {
    ...{ ...to, facet: plainFacet(''), checksum: undefined },
  });
  for (const number of [1, 2]) {
    const part = await objects.draft(s3);
    await part.write([noise(70_000, number)]);
    await objects.putPart({ ...to, uploadId }, part, { number, etag: `p${number}`, checksums: [] });
  }
  await objects.completeUpload(s3, {
    ...{ ...to, uploadId, facet: plainFacet('w-2'), expect: {} },
    parts: [1, 2].map((number) => ({ number, etag: `p${number}` })),
  });
  await settle(stack);
  await moveAllDown(stack);
  await checkTree(stack, bucket, await recoveredTree(stack.segments));
});

test('an object that is made of parts which have moved before is found under its key', async () => {
  const stack = await open();
  const { objects } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  const to = { bucket: bucket.ino, key: bytes('whole') };
  const { uploadId } = await objects.createUpload(s3, { ...to, facet: plainFacet(''), checksum: undefined });
  const part = await objects.draft(s3);
  await part.write([noise(70_000, 1)]);
  await objects.putPart({ ...to, uploadId }, part, { number: 1, etag: 'p', checksums: [] });
  await moveAllDown(stack);
  const parts = [{ number: 1, etag: 'p' }];
  await objects.completeUpload(s3, { ...to, uploadId, facet: plainFacet('w-1'), expect: {}, parts });
  await settle(stack);
  while ((await stack.tiering.steps.repair()) === 'busy');
  await checkTree(stack, bucket, await recoveredTree(stack.segments));
});

test('a label is what was true when the blob moved, and of one key the younger content is the newest', async () => {
  const stack = await open();
  const { objects } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  await put(stack, bucket, 'k', noise(3000, 1));
  await moveAllDown(stack);
  await put(stack, bucket, 'k', noise(3000, 2));
  await put(stack, bucket, 'hot', noise(3000, 3));
  await stack.namespace.files.rename(root, {
    from: { directory: bucket.ino, name: bytes('k') },
    to: { directory: bucket.ino, name: bytes('renamed') },
  });
  const before = await recoveredTree(stack.segments);
  assert(keyed(before, 'k').bytes.equals(Buffer.from(noise(3000, 1))));
  assert.equal(before.length, 1, 'what never moved is not in segments');
  await moveAllDown(stack);
  const after = await recoveredTree(stack.segments);
  assert(keyed(after, 'renamed').bytes.equals(Buffer.from(noise(3000, 2))));
  assert(keyed(after, 'hot').bytes.equals(Buffer.from(noise(3000, 3))));
});

test('old versions and parts of uploads come back under their keys', async () => {
  const stack = await open();
  const { objects } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  await objects.changeBucketRules(bucket, { versioning: 'enabled' });
  for (const seed of [1, 2]) await put(stack, bucket, 'a/k', noise(3000, seed));
  const to = { bucket: bucket.ino, key: bytes('a/u') };
  const { uploadId } = await objects.createUpload(s3, { ...to, facet: plainFacet(''), checksum: undefined });
  const part = await objects.draft(s3);
  await part.write([noise(3000, 3)]);
  await objects.putPart({ ...to, uploadId }, part, { number: 7, etag: 'p', checksums: [] });
  await moveAllDown(stack);
  const shown = (await recoveredTree(stack.segments)).map(({ label, isNewest, bytes: found }) => {
    const { keys, kind, part: number } = label;
    const seed = [1, 2, 3].find((it) => found.equals(Buffer.from(noise(3000, it))));
    return `${keys.map((key) => Buffer.from(key).toString()).join()} ${kind} ${number} ${seed} ${isNewest}`;
  });
  assert.deepEqual(shown, ['a/k version 0 1 true', 'a/k current 0 2 true', 'a/u part 7 3 true']);
});

test('what of a file was never moved is said to be missing, and holes are zeros', async () => {
  const stack = await open();
  const { objects, files } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  await put(stack, bucket, 'f', noise(100_000, 1));
  await moveAllDown(stack);
  const { attributes } = await files.lookup(root, { directory: bucket.ino, name: bytes('f') });
  await files.write(root, attributes.ino, { offset: 3 << 20, data: noise(200_000, 2), stable: true });
  const [old] = await recoveredTree(stack.segments);
  assert.deepEqual(old?.missing, []);
  assert.equal(old.label.size, 100_000);
  await moveAllDown(stack);
  const [now] = await recoveredTree(stack.segments);
  assert.deepEqual(now?.missing, [{ start: 100_000, end: 3 << 20 }]);
  assert(now.bytes.equals((await get(stack, bucket, 'f'))!));
});

test('of a file that was changed in place it is said that its pieces are of several generations', async () => {
  const stack = await open();
  const { objects, files } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  const { attributes } = await put(stack, bucket, 'f', noise(2_500_000, 1));
  const write = async (offset: number, data: Uint8Array): Promise<boolean | undefined> => {
    await files.write(root, attributes.ino, { offset, data, stable: true });
    await settle(stack);
    await moveAllDown(stack);
    const [file] = await recoveredTree(stack.segments);
    assert.deepEqual(file?.missing, []);
    return file?.isMixed;
  };
  await moveAllDown(stack);
  assert.equal((await recoveredTree(stack.segments))[0]?.isMixed, false);
  assert.equal(await write(1_000_000, noise(100_000, 2)), true);
  // Nothing older shows through what is all of it.
  assert.equal(await write(0, noise(2_500_000, 3)), false);
});

test('a blob of which nobody knows anything has no label, and one of many copies names some of them', async () => {
  const stack = await open();
  const { objects } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  await put(stack, bucket, '0', noise(3000, 1));
  for (let index = 1; index < 12; index += 1) {
    const source = await objects.open({ bucket: bucket.ino, key: bytes('0') });
    const copy = await objects.draft(s3);
    await copy.splice(source!, 0, 3000);
    await source!.close();
    const facet = { ...plainFacet('c'), metadata: { long: 'x'.repeat(2000) } };
    await objects.attach(s3, copy, { bucket: bucket.ino, key: bytes(String(index)), facet, expect: {} });
  }
  const labels = blobLabels(stack.kv);
  const [nothing] = await labels.labelsOf([999_999 as BlobId]);
  assert.equal(nothing?.length, 0);
  await moveAllDown(stack);
  const found = (await recoveredTree(stack.segments)).flatMap(({ label }) => label.keys);
  assert.deepEqual(
    found.map((key) => Buffer.from(key).toString()),
    ['4', '5', '6', '7', '8', '9', '10', '11'],
  );
});

type Step = readonly [what: 'put' | 'edit' | 'copy' | 'remove' | 'move', one: number, other: number];

test('whatever happens to a tree, what has moved last is what comes back', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('put', 'edit', 'copy', 'remove', 'move'), fc.nat(4), fc.nat(4)), {
        maxLength: 14,
      }) as fc.Arbitrary<Step[]>,
      async (steps) => {
        const stack = await open();
        const bucket = await stack.namespace.objects.createBucket(s3, 'b');
        for (const [at, step] of steps.entries()) await take(stack, bucket, step, at);
        await settle(stack);
        await moveAllDown(stack);
        while ((await stack.tiering.steps.repair()) === 'busy');
        await checkTree(stack, bucket, await recoveredTree(stack.segments));
      },
    ),
    { numRuns: 12 },
  ));

async function take(stack: Tiered, bucket: Bucket, [what, one, other]: Step, at: number): Promise<void> {
  const { objects, files } = stack.namespace;
  const key = bytes(`d/${one}`);
  stack.clock.ms += 1000;
  if (what === 'put') await put(stack, bucket, `d/${one}`, noise(200 + 3000 * other, at));
  else if (what === 'move') await moveAllDown(stack);
  else if (what === 'remove') await objects.removeKey({ bucket: bucket.ino, key, expect: {} });
  else {
    const source = await objects.open({ bucket: bucket.ino, key });
    if (source === undefined) return;
    const { size, ino } = source.found.attributes;
    if (what === 'edit') {
      await source.close();
      await files.write(root, ino, { offset: other * 1000, data: noise(500, at), stable: true });
      return;
    }
    const copy = await objects.draft(s3);
    await copy.splice(source, 0, size);
    await source.close();
    const facet = plainFacet(`copy ${at}`);
    await objects.attach(s3, copy, { bucket: bucket.ino, key: bytes(`e/${other}`), facet, expect: {} });
  }
}

test('any bytes are a label or none, and never anything worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (some) => {
      const label = decodeBlobLabel(some);
      assert(label === undefined || Array.isArray(label.files));
    }),
  );
});
