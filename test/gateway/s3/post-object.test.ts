import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { PUT_BYTES_MAX } from '../../../src/limits/s3.ts';
import { keys, liveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, send, sendSigned, type RawAnswer } from './signed-request.ts';

type Fields = Readonly<Record<string, string>>;

const bucket = 'uploads';

async function openDoor(context: Parameters<typeof liveDoor>[0], signatureV2 = true): Promise<LiveDoor> {
  const door = await liveDoor(context, { signatureV2 });
  await door.s3.send(new CreateBucketCommand({ Bucket: bucket }));
  return door;
}

const partOf = (name: string, value: string | Uint8Array, more = ''): Buffer =>
  Buffer.concat([
    Buffer.from(`--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ]);

interface Form {
  readonly fields: Fields;
  readonly file?: string | Uint8Array;
  readonly filename?: string;
  readonly path?: string;
  readonly headers?: Fields;
}

/** Posts a form as a browser does. */
function post(
  door: LiveDoor,
  { fields, file = 'content', filename = 'name.txt', path, headers }: Form,
): Promise<RawAnswer> {
  const parts = Object.entries(fields).map(([name, value]) => partOf(name, value));
  const body = Buffer.concat([
    ...parts,
    partOf('file', file, `; filename="${filename}"`),
    Buffer.from('--x--\r\n'),
  ]);
  return send(door.port, {
    method: 'POST',
    path: path ?? `/${bucket}`,
    headers: { 'content-type': 'multipart/form-data; boundary=x', ...headers },
    body,
  });
}

const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString();

/** Fields signed by version 2, with a condition for each of them and the given ones. */
function signedV2(
  fields: Fields,
  {
    conditions,
    expiration = inAnHour(),
    secretKey = keys.secretKey,
  }: { conditions?: readonly unknown[]; expiration?: string; secretKey?: string } = {},
): Fields {
  const covering = [{ bucket }, ...Object.entries(fields).map(([name]) => ['starts-with', `$${name}`, ''])];
  const document = JSON.stringify({ expiration, conditions: conditions ?? covering });
  const policy = Buffer.from(document).toString('base64');
  const signature = createHmac('sha1', secretKey).update(policy).digest('base64');
  return { ...fields, AWSAccessKeyId: keys.accessKey, policy, signature };
}

const read = async (s3: S3Client, key: string): Promise<string | undefined> =>
  (await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))).Body?.transformToString();

test('a form made by the SDK uploads, with metadata, headers and a key made of the file name', async (context) => {
  const door = await openDoor(context);
  const { url, fields } = await createPresignedPost(door.s3, {
    Bucket: bucket,
    Key: 'photos/${filename}',
    Fields: { 'Content-Type': 'image/jpeg', 'x-amz-meta-Origin': 'here', acl: 'bucket-owner-full-control' },
    Conditions: [
      ['starts-with', '$Content-Type', 'image/'],
      { 'x-amz-meta-origin': 'here' },
      { acl: 'bucket-owner-full-control' },
    ],
  });
  const path = new URL(url).pathname;
  const answer = await post(door, { fields, path, filename: 'C:\\pictures\\caf\u00e9.jpg', file: 'pixels' });
  assert.equal(answer.status, 204, answer.body.toString());
  const md5 = createHash('md5').update('pixels').digest('hex');
  assert.equal(answer.headers['etag'], `"${md5}"`);
  assert.equal(answer.headers['location'], `http://127.0.0.1:${door.port}/${bucket}/photos%2Fcaf%C3%A9.jpg`);
  const found = await door.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'photos/caf\u00e9.jpg' }));
  assert.deepEqual([found.ContentType, found.Metadata], ['image/jpeg', { origin: 'here' }]);
  assert.equal(found.ContentLength, 6);
});

test('a large file is received as it comes, whatever it holds', async (context) => {
  const door = await openDoor(context);
  const file = Buffer.alloc(3_000_000, '\r\n--y\r\n--x');
  file[file.length - 1] = 0x0d;
  const whole = Buffer.from(file.toString('latin1').replaceAll('\r\n--x', '\r\n--z'), 'latin1');
  const answer = await post(door, { fields: signedV2({ key: 'large' }), file: whole });
  assert.equal(answer.status, 204, answer.body.toString());
  const found = await door.s3.send(
    new GetObjectCommand({ Bucket: bucket, Key: 'large', ChecksumMode: 'ENABLED' }),
  );
  const bytes = await found.Body?.transformToByteArray();
  assert(bytes !== undefined && whole.equals(bytes));
});

const answers: readonly {
  readonly name: string;
  readonly fields: Fields;
  readonly want: (answer: RawAnswer, port: number) => void;
}[] = [
  {
    name: 'status 200 is empty',
    fields: { success_action_status: '200' },
    want: ({ status, body }) => assert.deepEqual([status, body.length], [200, 0]),
  },
  {
    name: 'status 404 counts as 204',
    fields: { success_action_status: '404' },
    want: ({ status }) => assert.equal(status, 204),
  },
  {
    name: 'status 201 has a document',
    fields: { success_action_status: '201' },
    want: ({ status, body, headers }, port) => {
      assert.deepEqual([status, headers['content-type']], [201, 'application/xml']);
      const location = `http://127.0.0.1:${port}/${bucket}/a%26b`;
      assert(
        body
          .toString()
          .endsWith(
            `<PostResponse><Location>${location}</Location><Bucket>${bucket}</Bucket><Key>a&amp;b</Key><ETag>&quot;9a0364b9e99bb480dd25e1f0284c8555&quot;</ETag></PostResponse>`,
          ),
        body.toString(),
      );
    },
  },
  {
    name: 'a redirect tells the page what was made',
    fields: { success_action_redirect: 'https://example.org/done?x=1', success_action_status: '201' },
    want: ({ status, headers }) =>
      assert.deepEqual(
        [status, headers['location']],
        [
          303,
          `https://example.org/done?x=1&bucket=${bucket}&key=a%26b&etag=%229a0364b9e99bb480dd25e1f0284c8555%22`,
        ],
      ),
  },
  {
    name: 'the old name of the redirect is taken',
    fields: { redirect: 'http://example.org/' },
    want: ({ headers }) => assert.match(String(headers['location']), /^http:\/\/example\.org\/\?bucket=/),
  },
  {
    name: 'a redirect that is no URL is ignored',
    fields: { success_action_redirect: 'somewhere' },
    want: ({ status }) => assert.equal(status, 204),
  },
  {
    name: 'a redirect cannot break the header',
    fields: { success_action_redirect: 'http://a/\r\nx: y' },
    want: ({ headers }) => assert.equal(headers['x'], undefined),
  },
];

for (const { name, fields, want } of answers) {
  test(`the answer to a form: ${name}`, async (context) => {
    const door = await openDoor(context);
    want(await post(door, { fields: signedV2({ key: 'a&b', ...fields }) }), door.port);
    assert.equal(await read(door.s3, 'a&b'), 'content');
  });
}

test('a form sets tags, checks the digests it carries, and covers the name of the file in metadata', async (context) => {
  const door = await openDoor(context);
  const tagging = '<Tagging><TagSet><Tag><Key>a b</Key><Value>1 + 2</Value></Tag></TagSet></Tagging>';
  const md5 = createHash('md5').update('content').digest('base64');
  const sha256 = createHash('sha256').update('content').digest('base64');
  const fields = signedV2({ key: 'k', tagging, 'Content-MD5': md5, 'x-amz-meta-name': '${filename}' });
  const answer = await post(door, { fields: { 'x-amz-checksum-sha256': sha256, ...fields } });
  assert.equal(answer.status, 204, answer.body.toString());
  const { TagSet } = await door.s3.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: 'k' }));
  assert.deepEqual(TagSet, [{ Key: 'a b', Value: '1 + 2' }]);
  const head = await door.s3.send(
    new HeadObjectCommand({ Bucket: bucket, Key: 'k', ChecksumMode: 'ENABLED' }),
  );
  assert.deepEqual([head.ChecksumSHA256, head.Metadata], [sha256, { name: 'name.txt' }]);
  const other = await post(door, {
    fields: { 'x-amz-checksum-sha256': sha256, ...fields },
    file: 'contents',
  });
  assert.equal(codeOf(other), 'BadDigest');
  assert.equal(await read(door.s3, 'k'), 'content');
});

test('headers of the request itself say nothing about the object', async (context) => {
  const door = await openDoor(context);
  const headers = { 'x-amz-meta-a': 'b', 'x-amz-acl': 'public-read', 'cache-control': 'no-cache' };
  assert.equal((await post(door, { fields: signedV2({ key: 'k' }), headers })).status, 204);
  const found = await door.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'k' }));
  assert.deepEqual([found.Metadata, found.CacheControl], [{}, undefined]);
});

const v4Fields: Fields = {
  key: 'k',
  policy: Buffer.from('{}').toString('base64'),
  'x-amz-algorithm': 'AWS4-HMAC-SHA256',
  'x-amz-credential': `${keys.accessKey}/20260101/us-east-1/s3/aws4_request`,
  'x-amz-date': '20260101T000000Z',
  'x-amz-signature': '00',
};
const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
const fresh: Fields = {
  ...v4Fields,
  'x-amz-date': `${today}T000000Z`,
  'x-amz-credential': `${keys.accessKey}/${today}/us-east-1/s3/aws4_request`,
};

const refusals: readonly {
  readonly name: string;
  readonly form: () => Form;
  readonly want: readonly [number, string, string?];
}[] = [
  { name: 'nobody signed', form: () => ({ fields: { key: 'k' } }), want: [403, 'AccessDenied'] },
  {
    name: 'without a key',
    form: () => ({ fields: signedV2({ acl: 'private' }) }),
    want: [
      400,
      'InvalidArgument',
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
    ],
  },
  {
    name: 'with an empty key',
    form: () => ({ fields: signedV2({ key: '' }) }),
    want: [400, 'InvalidArgument', 'User key must have a length greater than 0.'],
  },
  {
    name: 'whose key is a name that the file does not have',
    form: () => ({ fields: signedV2({ key: '${filename}' }), filename: 'dir/' }),
    want: [400, 'InvalidArgument'],
  },
  {
    name: 'with a key that is too long',
    form: () => ({ fields: signedV2({ key: 'k'.repeat(1025) }) }),
    want: [400, 'KeyTooLongError'],
  },
  {
    name: 'with a policy and no signature',
    form: () => ({ fields: { key: 'k', policy: 'e30=' } }),
    want: [
      400,
      'InvalidArgument',
      "Bucket POST must contain a field named 'AWSAccessKeyId'.  If it is specified, please check the order of the fields.",
    ],
  },
  {
    name: 'with a key id and no signature',
    form: () => ({ fields: { key: 'k', policy: 'e30=', AWSAccessKeyId: keys.accessKey } }),
    want: [400, 'InvalidArgument'],
  },
  {
    name: 'with a signature and no policy',
    form: () => ({ fields: { key: 'k', AWSAccessKeyId: keys.accessKey, signature: 'x' } }),
    want: [400, 'InvalidArgument'],
  },
  {
    name: 'signed with another secret',
    form: () => ({ fields: signedV2({ key: 'k' }, { secretKey: 'other' }) }),
    want: [403, 'SignatureDoesNotMatch'],
  },
  {
    name: 'signed with an unknown key',
    form: () => ({ fields: { ...signedV2({ key: 'k' }), AWSAccessKeyId: 'nobody' } }),
    want: [403, 'InvalidAccessKeyId'],
  },
  {
    name: 'with a policy that has expired',
    form: () => ({ fields: signedV2({ key: 'k' }, { expiration: '2020-01-01T00:00:00Z' }) }),
    want: [403, 'AccessDenied', 'Invalid according to Policy: Policy expired.'],
  },
  {
    name: 'with a policy that is no policy',
    form: () => ({ fields: signedV2({ key: 'k' }, { expiration: 'soon' }) }),
    want: [400, 'InvalidPolicyDocument'],
  },
  {
    name: 'for another bucket, whatever a field says',
    form: () => ({
      fields: signedV2(
        { key: 'k', bucket: 'elsewhere' },
        { conditions: [{ bucket: 'elsewhere' }, { key: 'k' }] },
      ),
    }),
    want: [
      403,
      'AccessDenied',
      'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "elsewhere"]',
    ],
  },
  {
    name: 'whose policy does not name the bucket',
    form: () => ({ fields: signedV2({ key: 'k' }, { conditions: [{ key: 'k' }] }) }),
    want: [403, 'AccessDenied', 'Invalid according to Policy: Extra input fields: bucket'],
  },
  {
    name: 'with a file that is too long',
    form: () => ({
      fields: signedV2(
        { key: 'k' },
        { conditions: [{ bucket }, { key: 'k' }, ['content-length-range', 0, 6]] },
      ),
    }),
    want: [400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size'],
  },
  {
    name: 'with a file that is too short',
    form: () => ({
      fields: signedV2(
        { key: 'k' },
        { conditions: [{ bucket }, { key: 'k' }, ['content-length-range', 8, 9]] },
      ),
    }),
    want: [400, 'EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size'],
  },
  {
    name: 'for a bucket that is not there',
    form: () => ({
      fields: signedV2({ key: 'k' }, { conditions: [{ bucket: 'missing' }, { key: 'k' }] }),
      path: '/missing',
    }),
    want: [404, 'NoSuchBucket'],
  },
  {
    name: 'with tags that are no document',
    form: () => ({ fields: signedV2({ key: 'k', tagging: 'a=b' }) }),
    want: [400, 'MalformedXML'],
  },
  {
    name: 'with an MD5 of other content',
    form: () => ({
      fields: signedV2({ key: 'k', 'Content-MD5': createHash('md5').update('x').digest('base64') }),
    }),
    want: [400, 'BadDigest'],
  },
  {
    name: 'with fields of 20 KB',
    form: () => ({ fields: signedV2({ key: 'k', 'x-amz-meta-a': 'x'.repeat(20_000) }) }),
    want: [
      400,
      'MaxPostPreDataLengthExceeded',
      'Your POST request fields preceeding the upload file was too large.',
    ],
  },
  { name: 'of version 4 signed last year', form: () => ({ fields: v4Fields }), want: [403, 'AccessDenied'] },
  {
    name: 'of version 4 with another signature',
    form: () => ({ fields: fresh }),
    want: [403, 'SignatureDoesNotMatch'],
  },
  {
    name: 'of version 4 with another algorithm',
    form: () => ({ fields: { ...fresh, 'x-amz-algorithm': 'AWS4' } }),
    want: [400, 'AuthorizationQueryParametersError'],
  },
  {
    name: 'of version 4 without a date',
    form: () => ({
      fields: { key: 'k', policy: 'e30=', 'x-amz-algorithm': 'AWS4-HMAC-SHA256', 'x-amz-signature': '00' },
    }),
    want: [400, 'InvalidArgument'],
  },
  {
    name: 'of version 4 with a date that is none',
    form: () => ({ fields: { ...fresh, 'x-amz-date': 'today' } }),
    want: [400, 'AuthorizationQueryParametersError'],
  },
  {
    name: 'of version 4 for another region',
    form: () => ({
      fields: { ...fresh, 'x-amz-credential': `${keys.accessKey}/${today}/mars/s3/aws4_request` },
    }),
    want: [400, 'AuthorizationQueryParametersError'],
  },
  {
    name: 'with a session token of nobody',
    form: () => ({ fields: signedV2({ key: 'k', 'x-amz-security-token': 't' }) }),
    want: [400, 'InvalidToken'],
  },
  {
    name: 'of another type than a form',
    form: () => ({ fields: {}, headers: { 'content-type': 'text/plain' } }),
    want: [412, 'PreconditionFailed'],
  },
  {
    name: 'without a boundary',
    form: () => ({ fields: {}, headers: { 'content-type': 'multipart/form-data' } }),
    want: [400, 'MalformedPOSTRequest'],
  },
  {
    name: 'without a length',
    form: () => ({ fields: signedV2({ key: 'k' }), headers: { 'transfer-encoding': 'chunked' } }),
    want: [411, 'MissingContentLength'],
  },
];

for (const {
  name,
  form,
  want: [status, code, message],
} of refusals) {
  test(`a form ${name} is refused with ${code}`, async (context) => {
    const door = await openDoor(context);
    const answer = await post(door, form());
    assert.deepEqual([answer.status, codeOf(answer)], [status, code], answer.body.toString());
    if (message !== undefined)
      assert(
        unescaped(answer.body.toString()).includes(`<Message>${message}</Message>`),
        answer.body.toString(),
      );
    await assert.rejects(door.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'k' })));
    assert.deepEqual(door.errors, []);
  });
}

const unescaped = (xml: string): string => xml.replaceAll('&quot;', '"').replaceAll('&apos;', "'");

test('a form signed by another account is refused', async (context) => {
  const door = await openDoor(context);
  const { key } = await door.accounts.create({ name: 'bob' });
  const signed = signedV2({ key: 'k' }, { secretKey: key.secretKey });
  const answer = await post(door, { fields: { ...signed, AWSAccessKeyId: key.accessKey } });
  assert.deepEqual([answer.status, codeOf(answer)], [403, 'AccessDenied']);
});

test('a form of version 2 is refused where that version is switched off', async (context) => {
  const door = await openDoor(context, false);
  const answer = await post(door, { fields: signedV2({ key: 'k' }) });
  assert.deepEqual([answer.status, codeOf(answer)], [400, 'InvalidRequest']);
});

test('the bounds of an upload are those of a PUT unless the policy has narrower ones', async (context) => {
  const door = await openDoor(context);
  const conditions = [{ bucket }, { key: 'k' }, ['content-length-range', 0, PUT_BYTES_MAX * 2]];
  assert.equal((await post(door, { fields: signedV2({ key: 'k' }, { conditions }) })).status, 204);
  assert.deepEqual(door.observations.at(-1)?.operation, 'PostObject');
});

test('a signed POST to a bucket that is no form is refused as S3 does', async (context) => {
  const door = await openDoor(context);
  const answer = await sendSigned(door.port, { method: 'POST', bucket, query: { 'x-id': 'y' }, body: 'x' });
  assert.deepEqual([answer.status, codeOf(answer)], [412, 'PreconditionFailed']);
});

test('a form that breaks off leaves nothing behind', async (context) => {
  const door = await openDoor(context);
  const fields = Object.entries(signedV2({ key: 'k' })).map(([name, value]) => partOf(name, value));
  const body = Buffer.concat([...fields, partOf('file', Buffer.alloc(200_000))]);
  const answer = await send(door.port, {
    method: 'POST',
    path: `/${bucket}`,
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    body,
  });
  assert.deepEqual([answer.status, codeOf(answer)], [400, 'MalformedPOSTRequest']);
  await assert.rejects(door.s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'k' })));
});
