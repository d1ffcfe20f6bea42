import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONTENT_BLOB_BYTES_MAX } from '../../src/limits.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, openWorld, plainFacet, put, root, s3, settle } from './world.ts';

/** Lengths around the borders of blobs. */
const length = fc.oneof(
  fc.nat(3000),
  fc.integer({ min: CONTENT_BLOB_BYTES_MAX - 2, max: CONTENT_BLOB_BYTES_MAX + 2 }),
  fc.integer({ min: 1, max: 3 * CONTENT_BLOB_BYTES_MAX }),
);

test('a body of any pieces is stored as one, and any range of it is read', () =>
  fc.assert(
    fc.asyncProperty(fc.array(length, { maxLength: 4 }), fc.nat(), fc.nat(), async (lengths, one, other) => {
      const world = await openWorld();
      const { objects } = world.namespace;
      const bucket = await objects.createBucket(root, 'b');
      const draft = await objects.draft(s3);
      const random = seededRandom(1);
      const pieces = lengths.map((each) => Buffer.alloc(each, random.bytes(251)));
      for (const piece of pieces) await draft.write([piece.subarray(0, 10), piece.subarray(10)]);
      const whole = Buffer.concat(pieces);
      assert.equal(draft.length(), whole.length);
      await objects.attach(s3, draft, {
        bucket: bucket.ino,
        key: bytes('k'),
        facet: plainFacet('e'),
        expect: {},
      });
      const object = await objects.open({ bucket: bucket.ino, key: bytes('k') });
      assert(object !== undefined);
      const ends = [one % (whole.length + 1), other % (whole.length + 1)];
      const [start, end] = [Math.min(...ends), Math.max(...ends)];
      for (const [from, to] of [
        [0, whole.length],
        [start, end],
      ] as const) {
        const parts: Uint8Array[] = [];
        for await (const part of object.read(from, to - from)) {
          assert(part.length <= 1 << 20);
          parts.push(part);
        }
        assert(Buffer.concat(parts).equals(whole.subarray(from, to)));
      }
      await object.close();
      await checkSettledStore(world);
    }),
    { numRuns: 25 },
  ));

test('a draft that fails on the device is refused, and leaves nothing when it is discarded', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const draft = await objects.draft(s3);
  world.device.failWhen((operation) => operation === 'write');
  await draft.write([Buffer.alloc(100_000)]);
  const attach = (): Promise<unknown> =>
    objects.attach(s3, draft, { bucket: bucket.ino, key: bytes('k'), facet: plainFacet('e'), expect: {} });
  assert.equal(await faultOf(attach()), 'unavailable');
  world.device.failWhen(undefined);
  assert.equal(await faultOf(attach()), 'unavailable', 'a hole in it would be wrong data');
  await draft.discard();
  await draft.discard();
  await settle(world);
  await checkSettledStore(world);
});

test('a draft is attached once', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const draft = await objects.draft(s3);
  await draft.write([bytes('content')]);
  const attach = (key: string): Promise<unknown> =>
    objects.attach(s3, draft, { bucket: bucket.ino, key: bytes(key), facet: plainFacet('e'), expect: {} });
  await attach('one');
  assert.equal(await faultOf(attach('two')), 'conflict');
  await draft.discard();
  await checkSettledStore(world);
});

test('a draft that a condition refused may be attached elsewhere', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  await put(world, bucket, 'taken', '');
  const draft = await objects.draft(s3);
  await draft.write([Buffer.alloc(50_000, 'x')]);
  const attach = (key: string): Promise<unknown> =>
    objects.attach(s3, draft, {
      bucket: bucket.ino,
      key: bytes(key),
      facet: plainFacet('e'),
      expect: { ifNoneMatch: ['*'] },
    });
  assert.equal(await faultOf(attach('taken')), 'precondition-failed');
  assert.equal(await faultOf(attach('free')), 'done');
  await settle(world);
  await checkSettledStore(world);
});

test('a draft says when it looks at its bytes no more, and whoever overwrites them then changes nothing', () =>
  fc.assert(
    fc.asyncProperty(fc.array(length, { minLength: 1, maxLength: 5 }), async (lengths) => {
      const world = await openWorld();
      const { objects } = world.namespace;
      const bucket = await objects.createBucket(root, 'b');
      const draft = await objects.draft(s3);
      const random = seededRandom(2);
      const pieces = lengths.map((each) => Buffer.alloc(each, random.bytes(251)));
      const whole = Buffer.concat(pieces);
      let taken = 0;
      for (const piece of pieces)
        await draft.write([piece.subarray(0, 7), piece.subarray(7)], () => {
          taken += 1;
          piece.fill(0xee);
        });
      await objects.attach(s3, draft, {
        bucket: bucket.ino,
        key: bytes('k'),
        facet: plainFacet('e'),
        expect: {},
      });
      assert.equal(taken, pieces.length, 'what is attached was taken');
      const object = await objects.open({ bucket: bucket.ino, key: bytes('k') });
      assert(object !== undefined);
      const read: Uint8Array[] = [];
      for await (const part of object.read(0, whole.length)) read.push(part);
      assert(Buffer.concat(read).equals(whole));
      await object.close();
    }),
    { numRuns: 25 },
  ));

test('bytes that could not be written are never given back', async () => {
  const world = await openWorld();
  const draft = await world.namespace.objects.draft(s3);
  world.device.failWhen((operation) => operation === 'write');
  let taken = 0;
  for (let each = 0; each < 2; each += 1)
    await draft.write([Buffer.alloc(600_000)], () => (taken += 1)).catch(() => undefined);
  await draft.discard();
  assert.equal(taken, 0);
});

test('bytes that wait for their turn to be written are not given back when all before them end at once', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const { device } = world;
  const write = device.write.bind(device);
  const waiting: (() => void)[] = [];
  device.write = async (...given) => {
    const checksums = await write(...given);
    await new Promise<void>((go) => waiting.push(go));
    return checksums;
  };
  // As many as are under way end in one turn, as the completions of a device come.
  const releasing = setInterval(() => waiting.splice(0).forEach((go) => go()), 20);
  const draft = await objects.draft(s3);
  const mebibyte = 1 << 20;
  const pieces = [mebibyte, mebibyte, mebibyte - 20_000, mebibyte + 20_000].map((each, index) =>
    Buffer.alloc(each, index + 1),
  );
  const whole = Buffer.concat(pieces);
  try {
    for (const piece of pieces) await draft.write([piece], () => piece.fill(0xee));
    const facet = plainFacet('e');
    await objects.attach(s3, draft, { bucket: bucket.ino, key: bytes('k'), facet, expect: {} });
  } finally {
    clearInterval(releasing);
  }
  const object = await objects.open({ bucket: bucket.ino, key: bytes('k') });
  assert(object !== undefined);
  const read: Uint8Array[] = [];
  for await (const part of object.read(0, whole.length)) read.push(part);
  assert(Buffer.concat(read).equals(whole));
  await object.close();
});
