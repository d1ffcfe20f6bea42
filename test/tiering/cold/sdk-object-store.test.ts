import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { Environment } from '../../../src/environment.ts';
import { realClock, realRandom } from '../../../src/environment-real.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import type { Kv } from '../../../src/kv/kv.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import { Metrics } from '../../../src/metrics.ts';
import { mergeNamespace } from '../../../src/namespace/merge.ts';
import {
  openColdStore,
  type ColdSettings,
  type OpenedColdStore,
} from '../../../src/tiering/cold/open-cold-store.ts';
import { coldRole, faultOf } from '../../../src/tiering/cold/sdk-failure.ts';
import { packedImage } from '../../../src/tiering/packed-image.ts';
import { referenceErasure } from '../../../src/workers/reference-erasure.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { keys, liveDoor, type LiveDoor } from '../../gateway/s3/live-door.ts';
import { silent } from '../../namespace/world.ts';
import { packedSegment, segmentId } from '../packed-segments.ts';
import { coldSettingsOfTests, idsOf } from './cold-world.ts';

const one = segmentId(1);
const keyOfOne = `one/segments/00/${one}`;
const credentials = { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey };
const environment: Environment = { clock: realClock(), random: realRandom, log: silent };
const metadata = (): Kv =>
  openOptimistic(new MemoryEngine(), { merge: mergeNamespace, stopped: () => undefined });

function settingsAt(port: number, settings: Partial<ColdSettings> = {}): ColdSettings {
  const place = { bucket: 'cold', prefix: 'one', endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1' };
  return { ...coldSettingsOfTests, credentials, place, ...settings };
}

const open = (settings: ColdSettings, kv: Kv = metadata()): Promise<OpenedColdStore> =>
  openColdStore(settings, {
    kv,
    environment,
    metrics: new Metrics(),
    compute: referenceCompute(),
    erasure: referenceErasure(),
    reduction: referenceReduction(),
  });

async function doorWithBucket(context: TestContext): Promise<LiveDoor> {
  const door = await liveDoor(context);
  await door.s3.send(new CreateBucketCommand({ Bucket: 'cold' }));
  return door;
}

/** A cold store in a second Terrace; both are closed when the test ends. */
async function coldStore(context: TestContext, settings: Partial<ColdSettings> = {}) {
  const door = await doorWithBucket(context);
  const opened = await open(settingsAt(door.port, settings));
  context.after(() => opened.store.close());
  return { door, ...opened };
}

test('a second Terrace takes segments, gives back ranges of them, lists and deletes them', async (context) => {
  const { store, alerts } = await coldStore(context);
  assert.deepEqual(alerts(), []);
  const packed = await packedSegment(1);
  const image = Buffer.concat(packedImage(packed).data);
  await store.put(one, packed);
  await store.put(one, packed);
  await store.put(segmentId(2), await packedSegment(2));
  assert.deepEqual(Buffer.from(await store.read(one, 0, image.length)), image);
  assert.deepEqual(Buffer.from(await store.read(one, 4_000, 200)), image.subarray(4_000, 4_200));
  await assert.rejects(store.put(one, await packedSegment(3)), { code: 'corrupt', subject: 'store' });
  assert.deepEqual(await idsOf(store), [one, segmentId(2)]);
  assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 0, healed: 0, isWhole: true });
  assert.equal(await store.recall(one), true);
  await store.delete(one);
  await store.delete(one);
  await assert.rejects(store.read(one, 0, 1), { code: 'not-found', subject: 'store' });
  await assert.rejects(store.read(segmentId(2), 2 ** 30, 1), { code: 'corrupt', subject: 'store' });
});

test('an object that somebody has damaged in the second Terrace is healed over', async (context) => {
  const { store, door } = await coldStore(context);
  const packed = await packedSegment(1);
  const image = Buffer.concat(packedImage(packed).data);
  await store.put(one, packed);
  const { bytes, etag } = await wholeOf(door);
  bytes[100]! ^= 4;
  bytes[bytes.length - 1]! ^= 4;
  await door.s3.send(new PutObjectCommand({ Bucket: 'cold', Key: keyOfOne, Body: bytes }));
  assert.deepEqual(await store.scrub(one), { checked: 1, corrupt: 1, healed: 1, isWhole: true });
  assert.equal((await wholeOf(door)).etag, etag);
  assert.deepEqual(Buffer.from(await store.read(one, 0, image.length)), image);
});

async function wholeOf({ s3 }: LiveDoor): Promise<{ readonly bytes: Buffer; readonly etag: string }> {
  const { Body, ETag = '' } = await s3.send(new GetObjectCommand({ Bucket: 'cold', Key: keyOfOne }));
  return { bytes: Buffer.from((await Body?.transformToByteArray()) ?? []), etag: ETag };
}

test('objects of an archive class are uploaded, read back and then moved there', async (context) => {
  const { store, door } = await coldStore(context, { storageClass: 'GLACIER' });
  await store.put(one, await packedSegment(1));
  const { StorageClass } = await door.s3.send(new HeadObjectCommand({ Bucket: 'cold', Key: keyOfOne }));
  assert.equal(StorageClass, 'GLACIER');
  assert.equal(store.traits.access, 'staged');
  // This one keeps the name and gives everything at once.
  assert.equal(await store.recall(one), true);
});

const mistakes = [
  {
    name: 'a bucket that is not there',
    settings: (port: number) => settingsAt(port, { place: { ...settingsAt(port).place, bucket: 'other' } }),
    wants:
      /^There is no bucket other for the cold store s3:\/\/other\/one at http:.*: make it, or name another with --cold\.$/,
  },
  {
    name: 'an unknown access key',
    settings: (port: number) =>
      settingsAt(port, { credentials: { ...credentials, accessKeyId: 'AKIAUNKNOWN' } }),
    wants:
      /does not take the access key AKIAUNKNOWN \(InvalidAccessKeyId\): set TERRACE_COLD_ACCESS_KEY_ID and/,
  },
  {
    name: 'a wrong secret key',
    settings: (port: number) =>
      settingsAt(port, { credentials: { ...credentials, secretAccessKey: 'x'.repeat(40) } }),
    wants:
      /does not take the access key AKIA.* \(SignatureDoesNotMatch\): set TERRACE_COLD_ACCESS_KEY_ID and/,
  },
  {
    name: 'a wrong region',
    settings: (port: number) =>
      settingsAt(port, { place: { ...settingsAt(port).place, region: 'eu-west-9' } }),
    wants: /is in another region: add region=NAME to --cold/,
  },
  {
    name: 'TLS where there is none',
    settings: (port: number) =>
      settingsAt(port, { place: { ...settingsAt(port).place, endpoint: `https://127.0.0.1:${port}` } }),
    wants: /does not speak TLS there \(\w+\): write endpoint=http:\/\//,
  },
] as const;
for (const { name, settings, wants } of mistakes) {
  test(`${name} is one sentence that says what to do`, async (context) => {
    const door = await doorWithBucket(context);
    await assert.rejects(open(settings(door.port)), (failure: { detail: string }) => {
      assert.match(failure.detail, wants);
      return true;
    });
  });
}

test('keys that may not do what is needed are told which actions to allow', async (context) => {
  const door = await doorWithBucket(context);
  const { key } = await door.accounts.create({ name: 'bob', uid: 1002, gid: 1002 });
  const stranger = { accessKeyId: key.accessKey, secretAccessKey: key.secretKey };
  await assert.rejects(
    open(settingsAt(door.port, { credentials: stranger })),
    /does not let the access key .* do what it needs: allow s3:GetObject, s3:PutObject/,
  );
});

test('an endpoint where nobody listens is told with what the system says', async () => {
  await assert.rejects(open(settingsAt(9)), /does not answer \(ECONNREFUSED.*\): see that it runs/);
});

test('a prefix belongs to the store that came first', async (context) => {
  const door = await doorWithBucket(context);
  const kv = metadata();
  await (await open(settingsAt(door.port), kv)).store.close();
  await (await open(settingsAt(door.port), kv)).store.close();
  await assert.rejects(
    open(settingsAt(door.port)),
    /belongs to another Terrace .* choose another prefix with --cold/,
  );
});

/** An S3 endpoint of which only the answers matter. */
async function answering(context: TestContext, status: number, body: string): Promise<number> {
  const server: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'text/html' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

const strangers = [
  { status: 200, body: '', wants: /does not say how long its answers are/ },
  { status: 404, body: '<html>Not here</html>', wants: /fails with status 404/ },
  { status: 500, body: '', wants: /fails with status 500/ },
  { status: 502, body: '<html>Bad gateway</html>', wants: /fails with status 502/ },
  { status: 503, body: '', wants: /fails with status 503/ },
] as const;
for (const { status, body, wants } of strangers) {
  test(`something else that answers ${status} "${body}" is never taken for a store without objects`, async (context) => {
    const port = await answering(context, status, body);
    await assert.rejects(open(settingsAt(port)), (failure: { detail: string; code: string }) => {
      assert.match(failure.detail, wants);
      assert.notEqual(failure.code, 'not-found');
      return true;
    });
  });
}

test('what the SDK says before it sends anything is a sentence, too', () => {
  const { place } = settingsAt(9);
  const failed = { place, key: 'k', accessKey: undefined, role: coldRole };
  const cases = [
    { cause: new Error('Region is missing'), wants: /^No region is known .*: add region=NAME to --cold\.$/ },
    {
      cause: Object.assign(new Error('no provider'), { name: 'CredentialsProviderError' }),
      wants: /^There are no keys for the cold store .*: set TERRACE_COLD_ACCESS_KEY_ID and/,
    },
    {
      cause: Object.assign(new Error('self-signed'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
      wants:
        /^The certificate of .* is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\): .*NODE_EXTRA_CA_CERTS\.$/,
    },
    { cause: 'a text', wants: /does not answer \(a text\)/ },
  ];
  for (const { cause, wants } of cases) assert.match(faultOf(cause, failed).detail, wants);
});
