import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  RenameObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type S3ServiceException,
} from '@aws-sdk/client-s3';
import type { QuotaChange } from '../../../src/namespace/quota/quota.ts';
import { exchangeRaw, liveDoor, type LiveDoor } from './live-door.ts';
import { uploadInParts } from './multipart.ts';
import { signedHeaders } from './signed-request.ts';

const Bucket = 'photos';
const MiB = 1024 * 1024;

async function fullDoor(context: TestContext, change: QuotaChange): Promise<LiveDoor> {
  const door = await liveDoor(context);
  await door.s3.send(new CreateBucketCommand({ Bucket }));
  await door.s3.send(new PutObjectCommand({ Bucket, Key: 'old', Body: Buffer.alloc(1000) }));
  const { objects, quotas } = door.world.namespace;
  const bucket = await objects.bucket(Bucket);
  await quotas.set({ kind: 'bucket', bucket: bucket! }, change);
  return door;
}

const refusal = async (sent: Promise<unknown>): Promise<readonly [string, number | undefined, string]> => {
  const failure = await sent.then(
    () => assert.fail('it was taken'),
    (it: unknown) => it as S3ServiceException,
  );
  return [failure.name, failure.$metadata.httpStatusCode, failure.message];
};

const exceeded = [
  'QuotaExceeded',
  403,
  'The quota of the bucket, of its user or of its group has been exceeded.',
] as const;

test('what goes beyond a quota is QuotaExceeded, by whatever operation it comes', async (context) => {
  const { s3 } = await fullDoor(context, { bytes: { hard: 1500 } });
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'm' }));
  const Body = Buffer.alloc(501);
  const part = { Bucket, Key: 'm', UploadId, PartNumber: 1 };
  const requests = [
    () => s3.send(new PutObjectCommand({ Bucket, Key: 'new', Body })),
    () => s3.send(new PutObjectCommand({ Bucket, Key: 'large', Body: Buffer.alloc(MiB) })),
    () => s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/old` })),
    () => s3.send(new UploadPartCommand({ ...part, Body })),
    () => s3.send(new UploadPartCopyCommand({ ...part, CopySource: `${Bucket}/old` })),
  ];
  for (const request of requests) assert.deepEqual(await refusal(request()), exceeded);
});

test('what fits is taken up to the last byte, and what is full is read, tagged, renamed and deleted', async (context) => {
  const { s3 } = await fullDoor(context, { bytes: { hard: 1500 }, inodes: { hard: 2 } });
  await s3.send(new PutObjectCommand({ Bucket, Key: 'last', Body: Buffer.alloc(500) }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'old', Body: Buffer.alloc(1000, 'n') }));
  await s3.send(
    new PutObjectTaggingCommand({ Bucket, Key: 'old', Tagging: { TagSet: [{ Key: 'k', Value: 'v' }] } }),
  );
  await s3.send(new RenameObjectCommand({ Bucket, Key: 'new', RenameSource: 'last' }));
  assert.equal((await refusal(s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body: '' }))))[1], 403);
  const read = await s3.send(new GetObjectCommand({ Bucket, Key: 'old' }));
  assert.equal((await read.Body?.transformToByteArray())?.length, 1000);
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'old' }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'x', Body: Buffer.alloc(1000) }));
});

test('an upload in parts needs room for its parts only, and an aborted one gives it back', async (context) => {
  const { s3 } = await fullDoor(context, { bytes: { hard: 11 * MiB } });
  const parts = [Buffer.alloc(5 * MiB), Buffer.alloc(5 * MiB)];
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'gone' }));
  const part = { Bucket, Key: 'gone', UploadId };
  for (const [index, Body] of parts.entries())
    await s3.send(new UploadPartCommand({ ...part, PartNumber: index + 1, Body }));
  const again = new UploadPartCommand({ ...part, PartNumber: 2, Body: Buffer.alloc(5 * MiB, 'again') });
  await s3.send(again);
  assert.deepEqual(await refusal(uploadInParts(s3, { Bucket, Key: 'whole', parts })), exceeded);
  await s3.send(new AbortMultipartUploadCommand(part));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: Buffer.alloc(MiB / 2) }));
  await uploadInParts(s3, { Bucket, Key: 'whole', parts });
});

test('a user has a quota by its id', async (context) => {
  const { client, accounts, world } = await liveDoor(context);
  const key = { accessKey: 'ALICE-KEY', secretKey: 'the secret of alice' };
  await accounts.create({ name: 'alice', key, uid: 1001, gid: 1001 });
  const credentials = { accessKeyId: key.accessKey, secretAccessKey: key.secretKey };
  const alice = client({ credentials });
  await alice.send(new CreateBucketCommand({ Bucket: 'alices' }));
  await world.namespace.quotas.set({ kind: 'user', id: 1001, bucket: undefined }, { bytes: { hard: 10 } });
  await alice.send(new PutObjectCommand({ Bucket: 'alices', Key: 'a', Body: 'ten bytes.' }));
  const more = alice.send(new PutObjectCommand({ Bucket: 'alices', Key: 'b', Body: '1' }));
  assert.deepEqual(await refusal(more), exceeded);
});

test('a body that will not fit is not asked for', async (context) => {
  const door = await fullDoor(context, { bytes: { hard: 1500 } });
  const headers = { 'content-length': '5000000', expect: '100-continue' };
  const request = { method: 'PUT', bucket: Bucket, key: 'large', headers, payloadHash: 'UNSIGNED-PAYLOAD' };
  const lines = Object.entries(signedHeaders(request, `127.0.0.1:${door.port}`));
  const head = `PUT /${Bucket}/large HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  const answer = await exchangeRaw(door.port, head, (received) => received.includes('</Error>'));
  assert.match(answer, /^HTTP\/1\.1 403 /);
  assert.match(answer, /<Code>QuotaExceeded<\/Code>/);
});
