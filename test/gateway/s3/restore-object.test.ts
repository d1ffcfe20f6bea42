import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CreateBucketCommand, PutObjectCommand, type PutObjectCommandInput } from '@aws-sdk/client-s3';
import { SECONDS_PER_DAY } from '../../../src/limits.ts';
import { Restores } from '../../../src/storage-policy/restores.ts';
import { silent } from '../../namespace/world.ts';
import { archiveWorld, HOUR_MS, type ArchiveWorld } from '../archive-world.ts';
import { liveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer } from './signed-request.ts';

const Bucket = 'archives';
const DAY_MS = SECONDS_PER_DAY * 1000;
const content = Buffer.alloc(300_000, 'frozen ');

interface Bench {
  readonly door: LiveDoor;
  readonly world: ArchiveWorld;
  readonly put: (Key: string, more?: Partial<PutObjectCommandInput>) => Promise<void>;
  readonly ask: (method: 'GET' | 'HEAD', key?: string) => Promise<RawAnswer>;
  readonly restore: (body?: string, key?: string) => Promise<RawAnswer>;
  /** What the background does at this time. */
  readonly work: () => Promise<void>;
}

async function openBench(context: TestContext): Promise<Bench> {
  const world = await archiveWorld();
  const door = await liveDoor(context, { world: () => Promise.resolve(world) });
  await door.s3.send(new CreateBucketCommand({ Bucket }));
  const put: Bench['put'] = async (Key, more = {}) => {
    await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: content, ...more }));
    const { objects } = world.namespace;
    const { ino: bucket } = (await objects.bucket(Bucket)) ?? assert.fail();
    const found = (await objects.head({ bucket, key: Buffer.from(Key) })) ?? assert.fail();
    await world.archive(found.attributes.ino);
  };
  return {
    ...{ door, world, put },
    ask: (method, key = 'a') => sendSigned(door.port, { method, bucket: Bucket, key }),
    restore: (body = requestOf(1), key = 'a') =>
      sendSigned(door.port, { method: 'POST', bucket: Bucket, key, query: { restore: '' }, body }),
    async work() {
      world.clock.ms += 60_000;
      while ((await door.restores.step()) === 'busy');
    },
  };
}

const requestOf = (days: number, speed = 'Standard'): string =>
  `<RestoreRequest><Days>${days}</Days><GlacierJobParameters><Tier>${speed}</Tier></GlacierJobParameters></RestoreRequest>`;

const midnightAfter = (ms: number): string => new Date(Math.ceil(ms / DAY_MS) * DAY_MS).toUTCString();

test('content in an archive is read after RestoreObject, when it is back, and until its time is over', async (context) => {
  const { world, put, ask, restore, work } = await openBench(context);
  await put('a', { StorageClass: 'GLACIER' });
  const before = await ask('GET');
  assert.deepEqual([before.status, codeOf(before)], [403, 'InvalidObjectState']);
  assert.match(
    before.body.toString(),
    /<Message>The operation is not valid for the object&apos;s storage class<\/Message><StorageClass>GLACIER</,
  );
  assert.equal((await ask('HEAD')).headers['x-amz-restore'], undefined);

  assert.equal((await restore(requestOf(2))).status, 202);
  assert.equal((await ask('HEAD')).headers['x-amz-restore'], 'ongoing-request="true"');
  await work();
  assert.equal((await ask('GET')).status, 403);
  const again = await restore();
  assert.deepEqual([again.status, codeOf(again)], [409, 'RestoreAlreadyInProgress']);

  world.clock.ms += HOUR_MS;
  await work();
  const expiry = midnightAfter(world.clock.ms + 2 * DAY_MS);
  const told = `ongoing-request="false", expiry-date="${expiry}"`;
  assert.equal((await ask('HEAD')).headers['x-amz-restore'], told);
  const got = await ask('GET');
  assert.deepEqual([got.status, got.headers['x-amz-restore']], [200, told]);
  assert(got.body.equals(content));

  world.clock.ms = Date.parse(expiry) - 1;
  assert((await ask('GET')).body.equals(content), 'it can be read until then');
  world.clock.ms += 1;
  assert.equal((await ask('HEAD')).headers['x-amz-restore'], undefined);
  await work();
  world.clock.ms += DAY_MS;
  assert.equal((await ask('GET')).status, 403);
  assert.equal((await restore()).status, 202);
});

test('what was restored stays longer when it is asked for again, with 200', async (context) => {
  const { world, put, ask, restore, work } = await openBench(context);
  await put('a');
  await restore();
  await work();
  world.clock.ms += HOUR_MS;
  await work();
  assert.equal((await restore(requestOf(10))).status, 200);
  const expiry = midnightAfter(world.clock.ms + 10 * DAY_MS);
  await work();
  assert.equal(
    (await ask('HEAD')).headers['x-amz-restore'],
    `ongoing-request="false", expiry-date="${expiry}"`,
  );
  world.clock.ms = Date.parse(expiry) - 1;
  assert((await ask('GET')).body.equals(content));
});

test('a faster restore is accepted while a slower one is under way', async (context) => {
  const { put, restore } = await openBench(context);
  await put('a');
  const statuses: number[] = [];
  for (const speed of ['Bulk', 'Bulk', 'Standard', 'Bulk', 'Expedited', 'Expedited'])
    statuses.push((await restore(requestOf(1, speed))).status);
  assert.deepEqual(statuses, [202, 409, 202, 409, 202, 409]);
});

test('objects of DEEP_ARCHIVE have no expedited way back', async (context) => {
  const { put, restore } = await openBench(context);
  await put('a', { StorageClass: 'DEEP_ARCHIVE' });
  const answer = await restore(requestOf(1, 'Expedited'));
  assert.deepEqual([answer.status, codeOf(answer)], [400, 'InvalidArgument']);
});

test('a restore goes on after a restart, and when the store was away', async (context) => {
  const { world, put, ask, restore } = await openBench(context);
  await put('a');
  await restore();
  world.bucket.failWhen(() => 'error');
  const opened = (): Promise<Restores> =>
    Restores.open({
      ...{ kv: world.kv, objects: world.namespace.objects, tiers: world.tiering.tiers },
      environment: { clock: world.clock, log: silent },
      wish: { days: 1, speed: 'Standard' },
      wake: () => undefined,
    });
  const work = async (restores: Restores): Promise<void> => {
    world.clock.ms += 120_000;
    while ((await restores.step()) === 'busy');
  };
  await work(await opened());
  world.bucket.failWhen(undefined);
  const restarted = await opened();
  for (let hour = 0; hour < 3; hour += 1) {
    await work(restarted);
    world.clock.ms += HOUR_MS;
  }
  assert.match((await ask('HEAD')).headers['x-amz-restore'] ?? '', /ongoing-request="false"/);
  assert((await ask('GET')).body.equals(content));
});

test('what can be read needs no restore: 200 for an archive class, InvalidObjectState for others', async (context) => {
  const { door, ask, restore } = await openBench(context);
  await door.s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: content, StorageClass: 'GLACIER' }));
  await door.s3.send(new PutObjectCommand({ Bucket, Key: 'b', Body: content }));
  assert.equal((await restore()).status, 200);
  const answer = await restore(requestOf(1), 'b');
  assert.deepEqual([answer.status, codeOf(answer)], [403, 'InvalidObjectState']);
  assert.equal((await ask('HEAD')).headers['x-amz-restore'], undefined);
});
