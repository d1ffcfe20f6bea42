import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { uploadInParts } from './multipart.ts';
import { liveDoor } from './live-door.ts';
import { send } from './signed-request.ts';

/** Keys that other implementations lose, rename or refuse. */
const oddKeys = [
  'a//b',
  '/a',
  './x',
  'a/../b',
  'a/./b',
  '..',
  '.',
  'x'.repeat(256),
  `${'y'.repeat(300)}/${'z'.repeat(300)}`,
  'k'.repeat(1024),
  'trail/',
  'a',
  'a/b',
  'back\\slash',
  'new\nline',
  'carriage\rreturn',
  'tab\there',
  'bell\u0007and\u0001one',
  'ünï/cödé',
  '日本語/🎉',
  'a b+c&d=e?f#g%h',
  'percent%2Fslash',
  'quote\'"<>&',
  '%',
  '+',
  'tilde~star*bang!(paren)',
  '\u0085next\u2028line',
  'caf\u0065\u0301',
  'caf\u00e9',
];

for (const key of oddKeys) {
  test(`the key ${JSON.stringify(key.slice(0, 40))} round-trips on every path`, async (context) => {
    const { s3, port, errors } = await liveDoor(context);
    const Bucket = 'odd-keys';
    const body = `content of ${key}`;
    await s3.send(new CreateBucketCommand({ Bucket }));

    await s3.send(new PutObjectCommand({ Bucket, Key: key, Body: body }));
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: key }));
    assert.equal(await got.Body?.transformToString(), body);
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: key }));
    assert.equal(head.ContentLength, Buffer.byteLength(body));

    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: key }));
    // As a string: a URL object would resolve `.` and `..`.
    const path = url.slice(url.indexOf('/', 'http://'.length));
    const presigned = await send(port, { method: 'GET', path, headers: { host: `127.0.0.1:${port}` } });
    assert.equal(presigned.body.toString(), body);

    const listed = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
    assert.deepEqual(
      listed.Contents?.map((it) => decodeURIComponent(it.Key ?? '')),
      [key],
    );
    const listedV1 = await s3.send(new ListObjectsCommand({ Bucket, EncodingType: 'url', Prefix: key }));
    assert.deepEqual(
      listedV1.Contents?.map((it) => decodeURIComponent(it.Key ?? '')),
      [key],
    );

    const source = `${Bucket}/${encodeURIComponent(key)}`;
    const copyKey = key.length < 1000 ? `${key}-copy` : `c${key.slice(1)}`;
    await s3.send(new CopyObjectCommand({ Bucket, Key: copyKey, CopySource: source }));
    const copied = await s3.send(new GetObjectCommand({ Bucket, Key: copyKey }));
    assert.equal(await copied.Body?.transformToString(), body);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: copyKey }));

    await uploadInParts(s3, { Bucket, Key: key, parts: ['in one part'] });
    const whole = await s3.send(new GetObjectCommand({ Bucket, Key: key }));
    assert.equal(await whole.Body?.transformToString(), 'in one part');

    const deleted = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: key }] } }));
    assert.equal(deleted.Errors, undefined);
    const left = await s3.send(new ListObjectsV2Command({ Bucket }));
    assert.equal(left.KeyCount, 0);
    assert.deepEqual(errors, []);
  });
}
