import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { liveDoor } from './live-door.ts';
import { codeOf, sendSigned } from './signed-request.ts';

const Bucket = 'deleting';
const past = 'Thu, 01 Jan 2015 00:00:00 GMT';
const etag = '9a0364b9e99bb480dd25e1f0284c8555';

interface Case {
  readonly headers: Readonly<Record<string, string>>;
  /** When there is an object of 7 bytes, and when there is none. */
  readonly there: readonly [number, string | undefined];
  readonly absent: readonly [number, string | undefined];
}

const gone = [204, undefined] as const;
const failed = [412, 'PreconditionFailed'] as const;
const missing = [404, 'NoSuchKey'] as const;
const date = 'x-amz-if-match-last-modified-time';
const size = 'x-amz-if-match-size';

const cases: readonly Case[] = [
  { headers: {}, there: gone, absent: gone },
  { headers: { 'if-match': '*' }, there: gone, absent: missing },
  { headers: { 'if-match': `"${etag}"` }, there: gone, absent: missing },
  { headers: { 'if-match': etag }, there: gone, absent: missing },
  { headers: { 'if-match': '"other"' }, there: failed, absent: missing },
  { headers: { [size]: '7' }, there: gone, absent: gone },
  { headers: { [size]: '8' }, there: failed, absent: gone },
  { headers: { [size]: '8', 'if-match': etag }, there: failed, absent: missing },
  { headers: { [size]: 'big' }, there: [400, 'InvalidArgument'], absent: [400, 'InvalidArgument'] },
  { headers: { [date]: 'NOW' }, there: gone, absent: gone },
  { headers: { [date]: past }, there: failed, absent: gone },
  { headers: { [date]: 'never' }, there: [400, 'InvalidArgument'], absent: [400, 'InvalidArgument'] },
];

test('DeleteObject with conditions deletes what was expected and nothing else', async (context) => {
  const { port, s3 } = await liveDoor(context);
  await s3.send(new CreateBucketCommand({ Bucket }));
  const request = { bucket: Bucket, key: 'k' };
  for (const { headers, there, absent } of cases) {
    await sendSigned(port, { method: 'DELETE', ...request });
    const none = await sendSigned(port, { method: 'DELETE', ...request, headers: dated(headers, past) });
    assert.deepEqual([none.status, codeOf(none)], absent, `absent ${JSON.stringify(headers)}`);
    await sendSigned(port, { method: 'PUT', ...request, body: 'content' });
    const modified = (await sendSigned(port, { method: 'HEAD', ...request })).headers['last-modified'] ?? '';
    const answer = await sendSigned(port, {
      method: 'DELETE',
      ...request,
      headers: dated(headers, modified),
    });
    assert.deepEqual([answer.status, codeOf(answer)], there, JSON.stringify(headers));
    const left = await sendSigned(port, { method: 'HEAD', ...request });
    assert.equal(left.status, there[0] === 204 ? 404 : 200, JSON.stringify(headers));
  }
});

const dated = (headers: Case['headers'], modified: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value === 'NOW' ? modified : value]),
  );

test('DeleteObjects weighs the conditions of each key by themselves', async (context) => {
  const { s3 } = await liveDoor(context);
  await s3.send(new CreateBucketCommand({ Bucket }));
  const keys = ['etag', 'size', 'time', 'other-etag', 'other-size', 'other-time'];
  for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'content' }));
  const { LastModified } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'time' }));
  const { Deleted, Errors } = await s3.send(
    new DeleteObjectsCommand({
      Bucket,
      Delete: {
        Objects: [
          { Key: 'etag', ETag: `"${etag}"` },
          { Key: 'size', Size: 7 },
          { Key: 'time', LastModifiedTime: LastModified },
          { Key: 'other-etag', ETag: 'other' },
          { Key: 'other-size', Size: 0 },
          { Key: 'other-time', LastModifiedTime: new Date(past) },
          { Key: 'missing', Size: 1 },
        ],
      },
    }),
  );
  assert.deepEqual(
    Deleted?.map(({ Key }) => Key),
    ['etag', 'size', 'time', 'missing'],
  );
  assert.deepEqual(
    Errors?.map(({ Key, Code }) => [Key, Code]),
    ['other-etag', 'other-size', 'other-time'].map((key) => [key, 'PreconditionFailed']),
  );
});
