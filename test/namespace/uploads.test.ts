import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, Found } from '../../src/namespace/namespace.ts';
import type { PartSummary } from '../../src/namespace/upload.ts';
import { underSchedules } from '../simulation/simulation.ts';
import { checkSettledStore, checkStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, get, openWorld, plainFacet, put, root, s3, settle, text, type Stack } from './world.ts';

const SCHEDULES = 40;
const KEY = bytes('d/key');

const createUpload = async ({ namespace }: Stack, bucket: Bucket): Promise<string> =>
  (
    await namespace.objects.createUpload(s3, {
      bucket: bucket.ino,
      key: KEY,
      facet: plainFacet('u'),
      checksum: undefined,
    })
  ).uploadId;

async function putPart(
  { namespace }: Stack,
  bucket: Bucket,
  { uploadId, number, body }: { uploadId: string; number: number; body: string },
): Promise<PartSummary> {
  const draft = await namespace.objects.draft(s3);
  await draft.write([bytes(body)]);
  const part = { etag: `etag-of-${body}`, checksums: [] };
  try {
    return await namespace.objects.putPart({ bucket: bucket.ino, key: KEY, uploadId }, draft, {
      number,
      ...part,
    });
  } catch (fault) {
    await draft.discard();
    throw fault;
  }
}

const complete = (
  { namespace }: Stack,
  bucket: Bucket,
  { uploadId, bodies }: { uploadId: string; bodies: readonly string[] },
): Promise<Found> => {
  const parts = bodies.map((body, index) => ({ number: index + 1, etag: `etag-of-${body}` }));
  return namespace.objects.completeUpload(s3, {
    bucket: bucket.ino,
    key: KEY,
    uploadId,
    parts,
    facet: plainFacet('whole'),
    expect: {},
  });
};

const twoParts = async (stack: Stack, bucket: Bucket): Promise<string> => {
  const uploadId = await createUpload(stack, bucket);
  for (const [index, body] of ['one', 'two'].entries())
    await putPart(stack, bucket, { uploadId, number: index + 1, body });
  return uploadId;
};

test('the parts become the object; a second Complete answers the same', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const uploadId = await twoParts(world, bucket);
  const first = await complete(world, bucket, { uploadId, bodies: ['one', 'two'] });
  await put(world, bucket, 'd/key', 'replaced');
  assert.deepEqual(await complete(world, bucket, { uploadId, bodies: ['one', 'two'] }), first);
  assert.equal(String(await get(world, bucket, 'd/key')), 'replaced');
  assert.equal(await faultOf(objects.abortUpload({ bucket: bucket.ino, key: KEY, uploadId })), 'not-found');
  await settle(world);
  await checkSettledStore(world);
});

test('a part that is sent again replaces the first; a wrong or missing one is a fault', async () => {
  const world = await openWorld();
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  const uploadId = await twoParts(world, bucket);
  await putPart(world, bucket, { uploadId, number: 1, body: 'again' });
  const { objects } = world.namespace;
  const { parts } = await objects.parts(
    { bucket: bucket.ino, key: KEY, uploadId },
    { afterNumber: 0, partsMax: 10 },
  );
  assert.deepEqual(
    parts.map(({ number, etag, size }) => [number, etag, size]),
    [
      [1, 'etag-of-again', 5],
      [2, 'etag-of-two', 3],
    ],
  );
  assert.equal(await faultOf(complete(world, bucket, { uploadId, bodies: ['one', 'two'] })), 'not-found');
  assert.equal(
    await faultOf(complete(world, bucket, { uploadId, bodies: ['again', 'two', 'x'] })),
    'not-found',
  );
  await complete(world, bucket, { uploadId, bodies: ['again', 'two'] });
  assert.equal(String(await get(world, bucket, 'd/key')), 'againtwo');
  await checkStore(world);
});

test('uploads are listed by key and then by initiation, whatever bytes their keys have', async () => {
  const { namespace } = await openWorld();
  const bucket = await namespace.objects.createBucket(root, 'b');
  const keys = ['a', 'a\0', 'a\0\0', 'a/b', 'a/b', 'b', '\0', 'aa'].map(bytes);
  for (const key of keys)
    await namespace.objects.createUpload(s3, {
      bucket: bucket.ino,
      key,
      facet: plainFacet(''),
      checksum: undefined,
    });
  const found: string[] = [];
  let [afterKey, afterUploadId] = [bytes(''), ''];
  for (let more = true; more;) {
    const options = { prefix: bytes(''), afterKey, afterUploadId, uploadsMax: 3 };
    const page = await namespace.objects.uploads(bucket.ino, options);
    found.push(...page.uploads.map(({ key }) => text(key)));
    ({ more } = page);
    const last = page.uploads.at(-1);
    assert(last !== undefined);
    [afterKey, afterUploadId] = [last.key, last.uploadId];
  }
  assert.deepEqual(found, keys.map((key) => text(key)).sort());
  const below = { prefix: bytes('a\0'), afterKey: bytes(''), afterUploadId: '', uploadsMax: 10 };
  assert.equal((await namespace.objects.uploads(bucket.ino, below)).uploads.length, 2);
  await namespace.objects.deleteBucket('b');
});

test('of a Complete and an Abort at once exactly one succeeds', () =>
  underSchedules(SCHEDULES, async (first, simulation, world) => {
    const bucket = await first.namespace.objects.createBucket(root, 'b');
    const uploadId = await twoParts(first, bucket);
    // With nothing in memory: every look at a row takes its time.
    const stack = await world.open();
    const { objects } = stack.namespace;
    const late = async (operation: () => Promise<unknown>): Promise<string> => {
      await simulation.latency('caller');
      return faultOf(operation());
    };
    const codes = await Promise.all([
      late(() => complete(stack, bucket, { uploadId, bodies: ['one', 'two'] })),
      late(() => objects.abortUpload({ bucket: bucket.ino, key: KEY, uploadId })),
    ]);
    assert.deepEqual([...codes].sort(), ['done', 'not-found']);
    const isThere = (await objects.head({ bucket: bucket.ino, key: KEY })) !== undefined;
    assert.equal(isThere, codes[0] === 'done');
    await settle(stack);
    await checkSettledStore(stack);
  }));

test('two Completes at once answer the same', () =>
  underSchedules(SCHEDULES, async (stack, simulation) => {
    const bucket = await stack.namespace.objects.createBucket(root, 'b');
    const uploadId = await twoParts(stack, bucket);
    const once = async (): Promise<Found> => {
      await simulation.latency('caller');
      return complete(stack, bucket, { uploadId, bodies: ['one', 'two'] });
    };
    const [first, second] = await Promise.all([once(), once()]);
    assert.deepEqual(first, second);
    assert.equal(String(await get(stack, bucket, 'd/key')), 'onetwo');
    await settle(stack);
    await checkSettledStore(stack);
  }));

test('a Complete while its parts are sent again takes a whole part or says that one is missing', () =>
  underSchedules(SCHEDULES, async (first, simulation, world) => {
    const bucket = await first.namespace.objects.createBucket(root, 'b');
    const uploadId = await twoParts(first, bucket);
    // With nothing in memory: every look at a row takes its time.
    const stack = await world.open();
    const late = async (operation: () => Promise<unknown>): Promise<string> => {
      await simulation.latency('caller');
      return faultOf(operation());
    };
    const completing = late(() => complete(stack, bucket, { uploadId, bodies: ['one', 'two'] }));
    const again = late(() => putPart(stack, bucket, { uploadId, number: 1, body: 'new' }));
    const aborting = late(() =>
      stack.namespace.objects.abortUpload({ bucket: bucket.ino, key: KEY, uploadId }),
    );
    for (const code of await Promise.all([completing, again, aborting]))
      assert.match(code, /^(done|not-found)$/);
    const body = await get(stack, bucket, 'd/key');
    assert.equal(body === undefined ? 'not-found' : 'done', await completing);
    if (body !== undefined) assert.equal(String(body), 'onetwo');
    await settle(stack);
    await checkSettledStore(stack);
  }));
