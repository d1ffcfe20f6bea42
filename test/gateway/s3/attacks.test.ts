import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  GetObjectAttributesCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  PutBucketLoggingCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { parseRequest } from '../../../src/gateway/s3/request.ts';
import { presignedClaimV2 } from '../../../src/gateway/s3/signed-v2.ts';
import { signatureV2 } from '../../../src/gateway/s3/sigv2.ts';
import { keys } from './live-door.ts';
import { codeOf, send, type RawAnswer } from './signed-request.ts';
import { policyOf, town, type Town } from './town.ts';

/** What was found by looking at the door as an attacker does. */

/** A URL presigned by version 2 with the keys of root. */
function presignedV2(method: string, target: string, signed = ''): string {
  const expires = Math.floor(Date.now() / 1000) + 60;
  const urlWith = (signature: string): string =>
    `${target}?AWSAccessKeyId=${keys.accessKey}&Signature=${encodeURIComponent(signature)}&Expires=${expires}${signed}`;
  const body = { next: () => Promise.resolve(undefined), letGo: () => undefined, keep: () => true };
  const request = parseRequest({ method, target: urlWith('-'), rawHeaders: [], body, peer: '' }, []);
  return urlWith(signatureV2(keys.secretKey, presignedClaimV2(request, 0).stringToSign));
}

/** What the holder of a URL does with it. */
const follow = (
  { door }: Town,
  { method, url, body }: { readonly method: string; readonly url: string; readonly body?: string },
): Promise<RawAnswer> =>
  send(door.port, { method, path: url, headers: { host: `127.0.0.1:${door.port}` }, body });

const additions = [
  { name: 'a header in capitals', method: 'PUT', added: '&X-Amz-Copy-Source=/bob-bucket/his' },
  {
    name: 'a header with an escape in its name',
    method: 'PUT',
    added: '&x%2Damz-copy-source=/bob-bucket/his',
  },
  { name: 'a sub-resource with an escape in its name', method: 'GET', added: '&t%61gging' },
  { name: 'a sub-resource that version 2 does not sign', method: 'GET', added: '&retention' },
  { name: 'a rename', method: 'PUT', added: '&renameObject&X-AMZ-Rename-Source=k' },
  { name: 'a version with an escape in its name', method: 'GET', added: '&%76ersionId=null' },
] as const;

for (const { name, method, added } of additions) {
  test(`who was given a URL presigned by version 2 cannot add ${name}`, async (context) => {
    const place = await town(context);
    await place.bob.s3.send(new PutObjectCommand({ Bucket: 'bob-bucket', Key: 'his', Body: 'his' }));
    const url = presignedV2(method, '/alice-bucket/k');
    const answer = await follow(place, { method, url: url + added });
    assert.equal(answer.status, 403, answer.body.toString());
    const untouched = await follow(place, { method: 'GET', url: presignedV2('GET', '/alice-bucket/k') });
    assert.equal(untouched.body.toString(), 'hers');
  });
}

test('a signed header of a presigned URL cannot be hidden in the name of another', async (context) => {
  const place = await town(context);
  const url = presignedV2('PUT', '/alice-bucket/new', '&x-amz-meta-a=1&x-amz-tagging=a%3D1');
  const hidden = url.replace('&x-amz-meta-a=1&x-amz-tagging=', '&x-amz-meta-a:1%0Ax-amz-tagging=');
  assert.notEqual(hidden, url);
  const answer = await follow(place, { method: 'PUT', url: hidden, body: 'x' });
  assert.equal(codeOf(answer), 'InvalidArgument');
  assert.equal((await follow(place, { method: 'PUT', url, body: 'x' })).status, 200);
});

const formOf = (fields: Readonly<Record<string, string>>, filename = 'f'): string => {
  const part = (name: string, value: string, more = ''): string =>
    `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
  const parts = Object.entries(fields).map(([name, value]) => part(name, value));
  return `${parts.join('')}${part('file', 'content', `; filename="${filename}"`)}--x--\r\n`;
};

const postForm = ({ door }: Town, body: string): Promise<RawAnswer> =>
  send(door.port, {
    method: 'POST',
    path: '/alice-bucket',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    body,
  });

const openToWriters = (place: Town, ...statements: object[]): Promise<unknown> =>
  place.alice.s3.send(
    new PutBucketPolicyCommand({
      Bucket: 'alice-bucket',
      Policy: policyOf({ Action: 's3:PutObject' }, ...statements),
    }),
  );

test('a form needs the rights to what its fields ask for besides the upload', async (context) => {
  const place = await town(context);
  const tag = '<Tag><Key>a</Key><Value>1</Value></Tag>';
  const tagging = `<Tagging><TagSet>${tag}</TagSet></Tagging>`;
  await openToWriters(place);
  assert.equal((await postForm(place, formOf({ key: 'plain' }))).status, 204);
  assert.equal(codeOf(await postForm(place, formOf({ key: 'tagged', tagging }))), 'AccessDenied');
  await openToWriters(place, { Action: 's3:PutObjectTagging' });
  assert.equal((await postForm(place, formOf({ key: 'tagged', tagging }))).status, 204);
  await openToWriters(place, { Effect: 'Deny', Action: 's3:PutObjectAcl' });
  const acl = 'bucket-owner-full-control';
  assert.equal(codeOf(await postForm(place, formOf({ key: 'acl', acl }))), 'AccessDenied');
  const until = { 'x-amz-object-lock-mode': 'COMPLIANCE' };
  assert.equal(codeOf(await postForm(place, formOf({ key: 'locked', ...until }))), 'AccessDenied');
});

test('a form whose file name ends in a slash costs no more than another', async (context) => {
  const place = await town(context);
  await openToWriters(place);
  const startedAt = performance.now();
  const key = `k${'${filename}'.repeat(800)}`;
  const answer = await postForm(place, formOf({ key }, `${'a'.repeat(9_000)}/`));
  assert.equal(answer.status, 204);
  assert.ok(performance.now() - startedAt < 5_000);
});

test('a policy about a copy source is about the key that is copied', async (context) => {
  const place = await town(context);
  const { alice, bob } = place;
  const Key = 'open?versionId=secret';
  await alice.s3.send(new PutObjectCommand({ Bucket: 'alice-bucket', Key, Body: 'hidden' }));
  await bob.s3.send(new PutObjectCommand({ Bucket: 'bob-bucket', Key: 'x', Body: '' }));
  const condition = { StringNotEquals: { 's3:x-amz-copy-source': 'alice-bucket/open' } };
  await alice.s3.send(
    new PutBucketPolicyCommand({
      Bucket: 'alice-bucket',
      Policy: policyOf({ Effect: 'Deny', Action: 's3:PutObject', Condition: condition }),
    }),
  );
  const CopySource = `alice-bucket/${encodeURIComponent(Key)}`;
  await assert.rejects(
    alice.s3.send(new CopyObjectCommand({ Bucket: 'alice-bucket', Key: 'copy', CopySource })),
    { name: 'AccessDenied' },
  );
});

test('a log does not go to who took the name of its bucket', async (context) => {
  const { door, alice, bob } = await town(context);
  await alice.s3.send(new CreateBucketCommand({ Bucket: 'logs' }));
  const LoggingEnabled = { TargetBucket: 'logs', TargetPrefix: 'log/' };
  await alice.s3.send(
    new PutBucketLoggingCommand({ Bucket: 'alice-bucket', BucketLoggingStatus: { LoggingEnabled } }),
  );
  await alice.s3.send(new DeleteBucketCommand({ Bucket: 'logs' }));
  await bob.s3.send(new CreateBucketCommand({ Bucket: 'logs' }));
  await alice.s3.send(new PutObjectCommand({ Bucket: 'alice-bucket', Key: 'private-name', Body: '' }));
  await door.accessLog.deliver();
  const { KeyCount } = await bob.s3.send(new ListObjectsV2Command({ Bucket: 'logs' }));
  assert.equal(KeyCount, 0);
  assert.equal(door.lostRecords.count > 0, true);
});

test('attributes of content under a customer’s key need that key', async (context) => {
  const { alice } = await town(context);
  const customer = (fill: number) => {
    const key = Buffer.alloc(32, fill);
    const SSECustomerKeyMD5 = createHash('md5').update(key).digest('base64');
    return { SSECustomerAlgorithm: 'AES256', SSECustomerKey: key.toString('base64'), SSECustomerKeyMD5 };
  };
  const at = { Bucket: 'alice-bucket', Key: 'sealed' };
  await alice.s3.send(new PutObjectCommand({ ...at, Body: 'secret', ...customer(1) }));
  const ask = (given: object) =>
    alice.s3.send(new GetObjectAttributesCommand({ ...at, ObjectAttributes: ['ObjectSize'], ...given }));
  await assert.rejects(ask({}), { name: 'InvalidRequest' });
  await assert.rejects(ask(customer(2)), { name: 'InvalidRequest' });
  assert.equal((await ask(customer(1))).ObjectSize, 6);
  await alice.s3.send(new GetObjectTaggingCommand(at));
});

const expensive = [
  { name: 'a header of version 2 full of spaces', header: `a${' '.repeat(15_000)}b` },
  { name: 'a header of version 2 full of tabs', header: `a${'\t'.repeat(15_000)}b` },
] as const;

async function quick(context: TestContext, work: (place: Town) => Promise<void>): Promise<number> {
  const place = await town(context);
  const startedAt = performance.now();
  await work(place);
  return performance.now() - startedAt;
}

for (const { name, header } of expensive) {
  test(`${name} is refused at once`, async (context) => {
    const elapsedMs = await quick(context, async ({ door }) => {
      for (let index = 0; index < 20; index += 1) {
        const authorization = 'AWS nobody:x';
        const headers = { authorization, date: new Date().toUTCString(), 'x-amz-meta-a': header };
        const answer = await send(door.port, { method: 'GET', path: '/alice-bucket/k', headers });
        assert.equal(codeOf(answer), 'InvalidAccessKeyId');
      }
    });
    assert.ok(elapsedMs < 2_000, `${elapsedMs} ms`);
  });
}

test('a number of many digits is compared at once', async (context) => {
  const place = await town(context);
  const Condition = { NumericLessThan: { 's3:max-keys': '10' } };
  await place.alice.s3.send(
    new PutBucketPolicyCommand({
      Bucket: 'alice-bucket',
      Policy: policyOf({ Action: 's3:ListBucket', Resource: 'arn:aws:s3:::alice-bucket', Condition }),
    }),
  );
  const startedAt = performance.now();
  for (let index = 0; index < 10; index += 1) {
    const query = { 'max-keys': `${'1'.repeat(15_000)}x` };
    const answer = await place.anyone({ method: 'GET', bucket: 'alice-bucket', query });
    assert.equal(codeOf(answer), 'AccessDenied');
  }
  assert.ok(performance.now() - startedAt < 2_000);
});

test('nobody holds up the door with a document of many attributes', async (context) => {
  const place = await town(context);
  const attributes = Array.from({ length: 3_000 }, (_, index) => `x${index}=""`).join(' ');
  const body = `<Delete ${attributes}><Object><Key>k</Key></Object></Delete>`;
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
  const startedAt = performance.now();
  const query = { delete: '' };
  const answer = await place.alice.send({ method: 'POST', bucket: 'alice-bucket', query, headers, body });
  assert.equal(codeOf(answer), 'MalformedXML');
  assert.ok(performance.now() - startedAt < 1_000);
});

test('nobody whom a bucket says nothing of has a document read, and whom its policy names has', async (context) => {
  const place = await town(context);
  const body = '<Delete><Object>';
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
  const request = { method: 'POST', bucket: 'alice-bucket', query: { delete: '' }, headers, body };
  assert.equal(codeOf(await place.anyone(request)), 'AccessDenied');
  assert.equal(codeOf(await place.bob.send(request)), 'AccessDenied');
  const Policy = policyOf({ Action: 's3:DeleteObject', Principal: { AWS: place.bob.arn } });
  await place.alice.s3.send(new PutBucketPolicyCommand({ Bucket: 'alice-bucket', Policy }));
  assert.equal(codeOf(await place.bob.send(request)), 'MalformedXML');
});
