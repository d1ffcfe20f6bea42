import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  CreateBucketCommand,
  ListObjectsV2Command,
  PutBucketLoggingCommand,
  PutBucketPolicyCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { Fault } from '../../../src/fault.ts';
import { BLOCK_BYTES } from '../../../src/tiering/hot/device.ts';
import { liveDoor, type LiveDoor } from './live-door.ts';
import { uploadInParts } from './multipart.ts';
import { openingAs } from './replaced-store.ts';
import { codeOf, send, sendSigned, type RawAnswer } from './signed-request.ts';
import { policyOf } from './town.ts';

const MiB = 1024 ** 2;
const bucket = 'lost';

/** A public bucket with a website, whose requests are logged; one object of two parts, a small one, and an error page. */
async function openDoor(
  context: TestContext,
  options: Parameters<typeof liveDoor>[1] = {},
): Promise<LiveDoor> {
  const door = await liveDoor(context, options);
  for (const Bucket of [bucket, 'logs']) await door.s3.send(new CreateBucketCommand({ Bucket }));
  const Policy = policyOf({ Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` });
  await door.s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  const WebsiteConfiguration = { IndexDocument: { Suffix: 'i' }, ErrorDocument: { Key: 'sorry' } };
  await door.s3.send(new PutBucketWebsiteCommand({ Bucket: bucket, WebsiteConfiguration }));
  const BucketLoggingStatus = { LoggingEnabled: { TargetBucket: 'logs', TargetPrefix: '' } };
  await door.s3.send(new PutBucketLoggingCommand({ Bucket: bucket, BucketLoggingStatus }));
  const parts = [Buffer.alloc(5 * MiB, 'one '), Buffer.alloc(2 * MiB, 'two ')];
  await uploadInParts(door.s3, { Bucket: bucket, Key: 'large', parts });
  for (const Key of ['small', 'sorry']) {
    const Body = Buffer.alloc(40_000, Key);
    await door.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }));
  }
  return door;
}

/** Every block of the device has another bit than it had. */
function damageAll({ world: { device } }: LiveDoor): void {
  for (let offset = 0; offset < device.bytes(); offset += BLOCK_BYTES) device.corrupt(offset, 1);
}

/** Lines of the access log so far. */
async function logged(door: LiveDoor): Promise<readonly string[]> {
  await door.accessLog.deliver();
  const { Contents = [] } = await door.s3.send(new ListObjectsV2Command({ Bucket: 'logs' }));
  const last = Contents.at(-1)?.Key ?? '';
  const got = await sendSigned(door.port, { method: 'GET', bucket: 'logs', key: last });
  return got.body.toString().trimEnd().split('\n');
}

const reads: readonly {
  readonly name: string;
  readonly key: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}[] = [
  { name: 'a large object', key: 'large' },
  { name: 'a part', key: 'large', query: { partNumber: '2' } },
  { name: 'a range', key: 'large', headers: { range: 'bytes=100-3000000' } },
  { name: 'a small range of a large object', key: 'large', headers: { range: 'bytes=-10' } },
  { name: 'a small object', key: 'small' },
];
for (const { name, key, ...how } of reads)
  test(`GET of ${name} whose content is gone is an error`, async (context) => {
    const door = await openDoor(context);
    damageAll(door);
    const got = await sendSigned(door.port, { method: 'GET', bucket, key, ...how });
    assert.equal(got.status, 500);
    assert.equal(codeOf(got), 'InternalError');
    assert.equal(got.headers['content-type'], 'application/xml');
    assert.equal(got.headers['etag'], undefined);
    const head = await sendSigned(door.port, { method: 'HEAD', bucket, key, ...how });
    assert([200, 206].includes(head.status));
    const { operation, status, errorCode } = door.observations.at(-2) ?? {};
    assert.deepEqual([operation, status, errorCode], ['GetObject', 500, 'InternalError']);
    assert.match((await logged(door)).at(-2) ?? '', / 500 InternalError \d+ - /);
  });

test('a page of a website whose content is gone is an error page of 500', async (context) => {
  const door = await openDoor(context);
  const visit = (path: string): Promise<RawAnswer> =>
    send(door.port, { method: 'GET', path, headers: { host: `${bucket}.web.test` } });
  assert.equal((await visit('/small')).status, 200);
  damageAll(door);
  const got = await visit('/large');
  assert.equal(got.status, 500);
  assert.equal(got.headers['x-amz-error-code'], 'InternalError');
  assert.match(got.body.toString(), /Retrieve a Custom Error Document/);
});

const faults = [
  { fault: new Fault('unavailable', 'store', 'away'), want: [503, 'ServiceUnavailable'] },
  { fault: new Fault('throttled', 'store', 'busy'), want: [503, 'SlowDown'] },
  { fault: new Fault('recall-pending', 'store', 'asleep'), want: [403, 'InvalidObjectState'] },
  { fault: new Fault('corrupt', 'blob', 'damaged'), want: [500, 'InternalError'] },
  { fault: new Fault('not-found', 'blob', 'gone'), want: [500, 'InternalError'] },
  { fault: new Error('no fault'), want: [500, 'InternalError'] },
] as const;
for (const { fault, want } of faults)
  test(`GET of content that is ${fault.message} answers ${want.join(' ')}, and closes the object`, async (context) => {
    let open = 0;
    const door = await openDoor(context, {
      objects: openingAs((object) => {
        open += 1;
        return {
          async *read() {
            await Promise.resolve();
            throw fault;
          },
          close: async () => {
            open -= 1;
            await object.close();
          },
        };
      }),
    });
    for (const key of ['large', 'small']) {
      const got = await sendSigned(door.port, { method: 'GET', bucket, key });
      assert.deepEqual([got.status, codeOf(got)], want);
      assert.equal(open, 0);
    }
  });

test('a read that fails behind the headers is logged with its error, and what was sent of it', async (context) => {
  const door = await openDoor(context, {
    objects: openingAs((object) => ({
      async *read(offset: number, length: number) {
        yield* object.read(offset, Math.min(length, MiB));
        if (length > MiB) throw new Fault('unavailable', 'store', 'away');
      },
    })),
  });
  await assert.rejects(sendSigned(door.port, { method: 'GET', bucket, key: 'large' }));
  const { operation, status, errorCode } = door.observations.at(-1) ?? {};
  assert.deepEqual([operation, status, errorCode], ['GetObject', 503, 'ServiceUnavailable']);
  const lines = await logged(door);
  assert.match(lines.at(-1) ?? '', / "GET \/lost\/large HTTP\/1\.1" 200 ServiceUnavailable 1048576 /);
});
