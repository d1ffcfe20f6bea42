import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketLoggingCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketLoggingCommand,
  PutObjectCommand,
  type LoggingEnabled,
} from '@aws-sdk/client-s3';
import { AccessLog, type LogObject } from '../../../src/gateway/s3/access-log.ts';
import { logLine, logOperation, type LogRecord } from '../../../src/gateway/s3/access-log-line.ts';
import { operations } from '../../../src/gateway/s3/table.ts';
import { ACCESS_LOG_BYTES_MAX } from '../../../src/limits/s3.ts';
import { TestClock } from '../../namespace/world.ts';
import { realRandom } from '../../../src/environment-real.ts';
import { liveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, send, sendSigned } from './signed-request.ts';

const logsTarget = { TargetBucket: 'logs', TargetPrefix: 'log/' };
const target: LoggingEnabled = logsTarget;

async function openDoor(context: TestContext, enabled?: LoggingEnabled): Promise<LiveDoor> {
  const door = await liveDoor(context);
  for (const Bucket of ['source', 'logs']) await door.s3.send(new CreateBucketCommand({ Bucket }));
  if (enabled !== undefined) await put(door, enabled);
  return door;
}

const put = (door: LiveDoor, LoggingEnabled: LoggingEnabled): Promise<unknown> =>
  door.s3.send(new PutBucketLoggingCommand({ Bucket: 'source', BucketLoggingStatus: { LoggingEnabled } }));

/** Names and lines of what has been delivered. */
async function delivered(door: LiveDoor): Promise<{ keys: readonly string[]; lines: readonly string[] }> {
  await door.accessLog.deliver();
  const { Contents = [] } = await door.s3.send(new ListObjectsV2Command({ Bucket: 'logs' }));
  const keys = Contents.map(({ Key }) => Key ?? '');
  const texts = await Promise.all(
    keys.map(async (Key) =>
      (await door.s3.send(new GetObjectCommand({ Bucket: 'logs', Key }))).Body?.transformToString(),
    ),
  );
  return { keys, lines: texts.join('').trimEnd().split('\n') };
}

/** Fields of a line; those in quotes or brackets may hold spaces. */
const fieldsOf = (line: string): readonly string[] => line.match(/"[^"]*"|\[[^\]]*\]|[^ ]+/g) ?? [];

test('requests to a logged bucket are written with all their fields, also those that fail', async (context) => {
  const door = await openDoor(context, target);
  await door.s3.send(new PutObjectCommand({ Bucket: 'source', Key: 'a b', Body: 'content' }));
  const read = await sendSigned(door.port, {
    method: 'GET',
    bucket: 'source',
    key: 'a b',
    headers: { range: 'bytes=0-2', referer: 'http://x/"y"', 'user-agent': 'test 1' },
  });
  await send(door.port, { method: 'GET', path: '/source/none', headers: {} });
  await send(door.port, {
    method: 'GET',
    path: '/source/x',
    headers: { authorization: 'AWS nobody:x', date: new Date().toUTCString() },
  });
  await send(door.port, { method: 'GET', path: '/logs', headers: {} });
  const { keys, lines } = await delivered(door);
  assert.match(String(keys), /^log\/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}$/);
  const owner = door.accounts.account(undefined).canonicalId;
  const records = lines.map(fieldsOf);
  assert.deepEqual(
    records.map((it) => [
      it.length,
      it[0],
      it[1],
      it[4],
      it[6],
      it[7],
      it[9],
      it[10],
      it[11],
      it[12],
      it[19],
      it[21],
      it[26],
    ]),
    [
      [
        27,
        owner,
        'source',
        owner,
        'REST.PUT.OBJECT',
        'a%20b',
        '200',
        '-',
        '-',
        '7',
        'SigV4',
        'AuthHeader',
        'us-east-1',
      ],
      [
        27,
        owner,
        'source',
        owner,
        'REST.GET.OBJECT',
        'a%20b',
        '206',
        '-',
        '3',
        '7',
        'SigV4',
        'AuthHeader',
        'us-east-1',
      ],
      [
        27,
        owner,
        'source',
        '-',
        'REST.GET.OBJECT',
        'none',
        '403',
        'AccessDenied',
        String(records[2]?.[11]),
        '-',
        '-',
        '-',
        'us-east-1',
      ],
      [
        27,
        owner,
        'source',
        '-',
        'REST.GET.OBJECT',
        'x',
        '403',
        'InvalidAccessKeyId',
        String(records[3]?.[11]),
        '-',
        'SigV2',
        'AuthHeader',
        'us-east-1',
      ],
    ],
  );
  const [, ranged = []] = records;
  assert.match(ranged[2] ?? '', /^\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\]$/);
  assert.deepEqual(
    [ranged[3], ranged[5], ranged[8], ranged[15], ranged[16], ranged[18], ranged[22]],
    [
      '127.0.0.1',
      read.headers['x-amz-request-id'],
      '"GET /source/a%20b HTTP/1.1"',
      '"http://x/%22y%22"',
      '"test 1"',
      read.headers['x-amz-id-2'],
      `127.0.0.1:${door.port}`,
    ],
  );
  assert.equal(door.lostRecords.count, 0);
});

test('content that is streamed is logged with what was sent, and websites by their own names', async (context) => {
  const door = await openDoor(context, target);
  await door.s3.send(new PutObjectCommand({ Bucket: 'source', Key: 'big', Body: Buffer.alloc(300_000) }));
  await (
    await door.s3.send(new GetObjectCommand({ Bucket: 'source', Key: 'big' }))
  ).Body?.transformToByteArray();
  await send(door.port, { method: 'GET', path: '/', headers: { host: 'source.web.test' } });
  const records = (await delivered(door)).lines.map(fieldsOf);
  assert.deepEqual(
    records.slice(-2).map((it) => [it[6], it[9], it[10], it[12]]),
    [
      ['REST.GET.OBJECT', '200', '-', '300000'],
      ['WEBSITE.GET.OBJECT', '404', 'NoSuchWebsiteConfiguration', '-'],
    ],
  );
  assert.equal(records.at(-2)?.[11], '300000');
});

for (const source of ['EventTime', 'DeliveryTime'] as const) {
  test(`logs are named by account, region, bucket and day of ${source} where that is wished`, async (context) => {
    const door = await openDoor(context, {
      ...target,
      TargetObjectKeyFormat: { PartitionedPrefix: { PartitionDateSource: source } },
    });
    await send(door.port, { method: 'HEAD', path: '/source', headers: {} });
    const { keys } = await delivered(door);
    const time = source === 'EventTime' ? '00-00-00' : '\\d\\d-\\d\\d-\\d\\d';
    assert.match(
      String(keys),
      new RegExp(
        `^log/000000000000/us-east-1/source/(\\d{4})/(\\d\\d)/(\\d\\d)/\\1-\\2-\\3-${time}-[0-9A-F]{16}$`,
      ),
    );
  });
}

test('logging is switched off by an empty status, and told as it was put', async (context) => {
  const door = await openDoor(context, {
    ...target,
    TargetObjectKeyFormat: { PartitionedPrefix: { PartitionDateSource: 'EventTime' } },
  });
  const get = async () =>
    (await door.s3.send(new GetBucketLoggingCommand({ Bucket: 'source' }))).LoggingEnabled;
  assert.deepEqual(await get(), {
    ...target,
    TargetObjectKeyFormat: { PartitionedPrefix: { PartitionDateSource: 'EventTime' } },
  });
  await put(door, { ...target, TargetPrefix: '', TargetObjectKeyFormat: { SimplePrefix: {} } });
  assert.equal((await get())?.TargetPrefix, '');
  await door.s3.send(new PutBucketLoggingCommand({ Bucket: 'source', BucketLoggingStatus: {} }));
  assert.equal(await get(), undefined);
});

const enabled = (inner: string): string => `<LoggingEnabled>${inner}</LoggingEnabled>`;
const logsAt = '<TargetBucket>logs</TargetBucket><TargetPrefix>p</TargetPrefix>';

const invalid = [
  {
    name: 'a target that is not there',
    xml: enabled('<TargetBucket>none</TargetBucket><TargetPrefix/>'),
    want: 'InvalidTargetBucketForLogging',
  },
  {
    name: 'a target of another account',
    xml: enabled('<TargetBucket>hers</TargetBucket><TargetPrefix/>'),
    want: 'InvalidTargetBucketForLogging',
  },
  { name: 'no prefix', xml: enabled('<TargetBucket>logs</TargetBucket>'), want: 'MalformedXML' },
  { name: 'no target', xml: enabled('<TargetPrefix/>'), want: 'MalformedXML' },
  {
    name: 'a date source that is none',
    xml: enabled(
      `${logsAt}<TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>x</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>`,
    ),
    want: 'MalformedXML',
  },
  {
    name: 'two formats',
    xml: enabled(
      `${logsAt}<TargetObjectKeyFormat><SimplePrefix/><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix></TargetObjectKeyFormat>`,
    ),
    want: 'MalformedXML',
  },
  {
    name: 'grants where there are no ACLs',
    xml: enabled(
      `${logsAt}<TargetGrants><Grant><Grantee><ID>x</ID></Grantee><Permission>READ</Permission></Grant></TargetGrants>`,
    ),
    want: 'AccessControlListNotSupported',
  },
] as const;

for (const { name, xml, want } of invalid) {
  test(`a logging configuration with ${name} is ${want}`, async (context) => {
    const door = await openDoor(context);
    const { key, user } = await door.accounts.create({ name: 'alice' });
    assert(user.account.id !== '');
    const hers = door.client({ credentials: { accessKeyId: key.accessKey, secretAccessKey: key.secretKey } });
    await hers.send(new CreateBucketCommand({ Bucket: 'hers' }));
    const body = `<BucketLoggingStatus>${xml}</BucketLoggingStatus>`;
    const answer = await sendSigned(door.port, {
      method: 'PUT',
      bucket: 'source',
      query: { logging: '' },
      body,
    });
    assert.deepEqual([answer.status, codeOf(answer)], [400, want], answer.body.toString());
  });
}

test('records for a target that is gone are counted as lost', async (context) => {
  const door = await openDoor(context, target);
  await door.s3.send(new DeleteObjectCommand({ Bucket: 'source', Key: 'k' }));
  await door.s3.send(new DeleteBucketCommand({ Bucket: 'logs' }));
  await door.accessLog.deliver();
  assert.equal(door.lostRecords.count, 1);
});

const record: LogRecord = {
  bucketOwner: 'owner',
  requester: undefined,
  bucket: 'b',
  time: { seconds: 1549411238, nanoseconds: 0 },
  remoteIp: '192.0.2.3',
  requestId: 'R',
  hostId: 'H',
  operation: 'REST.GET.VERSIONING',
  key: undefined,
  method: 'GET',
  target: '/b?versioning',
  status: 200,
  errorCode: undefined,
  bytesSent: 113,
  objectSize: undefined,
  totalMs: 7.4,
  turnAroundMs: 6.6,
  headers: { 'user-agent': 'S3Console/0.4', host: 'b.s3.test' },
  versionId: undefined,
  signatureVersion: 'SigV4',
  authenticationType: 'AuthHeader',
  region: 'us-east-1',
};

/** AWS User Guide, "Amazon S3 server access log format": its first example, without TLS. */
test('a line is as AWS writes it', () =>
  assert.equal(
    logLine(record),
    'owner b [06/Feb/2019:00:00:38 +0000] 192.0.2.3 - R REST.GET.VERSIONING - "GET /b?versioning HTTP/1.1" 200 - 113 - 7 7 "-" "S3Console/0.4" - H SigV4 - AuthHeader b.s3.test - - - us-east-1',
  ));

test('records wait for their interval, or until there are many, and what finds no room is lost', async () => {
  const clock = new TestClock();
  const objects: LogObject[] = [];
  let lost = 0;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const accessLog = new AccessLog({
    environment: { clock, random: realRandom, log },
    region: 'us-east-1',
    intervalMs: 1_000,
    lost: (count) => {
      lost += count;
    },
  });

  test('a log holds no signature, no token and no key of a customer', () => {
    const target =
      '/b/k?versionId=1&X-Amz-Signature=aa&x-amz-security-token=bb&Signature=cc' +
      '&x-amz-server-side-encryption-customer-key=dd&x-amz-server-side-encryption-customer-key-md5=ee';
    const line = logLine({ ...record, target });
    for (const secret of ['=aa', '=bb', '=cc', '=dd']) assert(!line.includes(secret), secret);
    assert(line.includes('versionId=1&X-Amz-Signature=REDACTED'));
  });
  accessLog.connect((object) => Promise.resolve(void objects.push(object)));
  assert.equal(await accessLog.step(), 'idle');
  accessLog.record(logsTarget, 'a', record);
  assert.equal(await accessLog.step(), 'idle');
  clock.ms += 1_000;
  assert.equal(await accessLog.step(), 'busy');
  assert.equal(Buffer.from(objects[0]?.body ?? []).toString(), `${logLine(record)}\n`);
  const long = { ...record, target: 'x'.repeat(ACCESS_LOG_BYTES_MAX / 4) };
  for (let count = 0; count < 4; count += 1) accessLog.record(logsTarget, 'a', long);
  assert.equal(lost, 1);
  assert.equal(await accessLog.step(), 'busy');
  assert.deepEqual([objects.length, await accessLog.step()], [2, 'idle']);
});

test('every operation has a name in the log', () => {
  for (const { name, route } of operations)
    assert.match(logOperation(name, route), /^REST\.(GET|HEAD|PUT|POST|DELETE|COPY)\.[A-Z_]+$/);
});
