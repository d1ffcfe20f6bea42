import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type Tag,
} from '@aws-sdk/client-s3';
import { BucketPolicies } from '../../../src/gateway/s3/bucket-policy.ts';
import type { Ino } from '../../../src/namespace/namespace.ts';
import { codeOf, type RawRequest } from './signed-request.ts';
import { policyOf, town, type Town } from './town.ts';

const Bucket = 'alice-bucket';
const ofBucket = 'arn:aws:s3:::alice-bucket';

async function townWith(context: TestContext, ...statements: object[]): Promise<Town> {
  const here = await town(context);
  await here.alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(...statements) }));
  return here;
}

const request = (method: string, key?: string, query: RawRequest['query'] = {}): RawRequest => ({
  method,
  bucket: Bucket,
  ...(key === undefined ? {} : { key }),
  query,
});

interface Case {
  readonly name: string;
  readonly statements: readonly object[];
  /** What an anonymous caller sends, and what it is answered. */
  readonly asked: readonly (readonly [RawRequest, number])[];
}

const tagged = { body: 'x', headers: { 'x-amz-tagging': 'a=b' } };
const list = (prefix?: string): RawRequest =>
  request('GET', undefined, prefix === undefined ? {} : { prefix });

const cases: readonly Case[] = [
  {
    name: 'nothing without a policy for it',
    statements: [{ Principal: { AWS: '111122223333' } }],
    asked: [
      [request('GET', 'k'), 403],
      [list(), 403],
      [{ method: 'GET' }, 403],
      [{ method: 'PUT', bucket: 'new-bucket' }, 403],
    ],
  },
  {
    name: 'reads what it may read, and nothing else',
    statements: [{}],
    asked: [
      [request('GET', 'k'), 200],
      [request('HEAD', 'k'), 200],
      [request('GET', 'k', { tagging: '' }), 403],
      [request('GET', 'k', { versionId: 'null' }), 403],
      [request('PUT', 'k'), 403],
      [request('DELETE', 'k'), 403],
      [list(), 403],
      [request('GET', undefined, { policy: '' }), 403],
    ],
  },
  {
    name: 'reads a version with the right to versions',
    statements: [{ Action: 's3:GetObjectVersion' }],
    asked: [
      [request('GET', 'k', { versionId: 'null' }), 200],
      [request('GET', 'k'), 403],
    ],
  },
  {
    name: 'writes with the right to write',
    statements: [{ Action: 's3:PutObject' }],
    asked: [
      [{ ...request('PUT', 'new'), body: 'x' }, 200],
      [{ ...request('PUT', 'new'), ...tagged }, 403],
      [request('POST', 'm', { uploads: '' }), 403],
      [request('GET', undefined, { uploads: '' }), 403],
      [request('GET', 'new'), 403],
    ],
  },
  {
    name: 'writes tags with the right to tags as well',
    statements: [{ Action: ['s3:PutObject', 's3:PutObjectTagging'] }],
    asked: [[{ ...request('PUT', 'new'), ...tagged }, 200]],
  },
  {
    name: 'lists below a prefix only',
    statements: [
      { Action: 's3:ListBucket', Resource: ofBucket, Condition: { StringLike: { 's3:prefix': 'public/*' } } },
    ],
    asked: [
      [list('public/'), 200],
      [list(), 403],
      [list('private/'), 403],
      [request('HEAD', 'public/none'), 404],
      [request('GET', 'public/none'), 404],
      [request('HEAD', 'none'), 403],
      [request('HEAD', 'k'), 403],
    ],
  },
  {
    name: 'is not told that a key is missing unless it may list',
    statements: [{}],
    asked: [
      [request('GET', 'none'), 403],
      [request('HEAD', 'none'), 403],
    ],
  },
  {
    name: 'is told so when it may',
    statements: [{}, { Action: 's3:ListBucket', Resource: ofBucket }],
    asked: [
      [request('GET', 'none'), 404],
      [request('HEAD', 'none'), 404],
    ],
  },
  {
    name: 'comes from the right address',
    statements: [{ Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } } }],
    asked: [[request('GET', 'k'), 200]],
  },
  {
    name: 'does not come from another',
    statements: [{ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }],
    asked: [[{ ...request('GET', 'k'), headers: { 'x-forwarded-for': '10.0.0.1' } }, 403]],
  },
  {
    name: 'is denied without TLS where that is asked for',
    statements: [{}, { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
    asked: [[{ ...request('GET', 'k'), headers: { 'x-forwarded-proto': 'https' } }, 403]],
  },
  {
    name: 'comes from the right page',
    statements: [{ Condition: { StringLike: { 'aws:Referer': 'http://example.org/*' } } }],
    asked: [
      [{ ...request('GET', 'k'), headers: { referer: 'http://example.org/a' } }, 200],
      [{ ...request('GET', 'k'), headers: { referer: 'http://example.com/a' } }, 403],
      [request('GET', 'k'), 403],
    ],
  },
  {
    name: 'is nobody by name',
    statements: [
      {
        Condition: {
          Null: { 'aws:username': 'true', 'aws:PrincipalArn': 'true', 's3:authType': 'true' },
          StringEquals: { 'aws:PrincipalType': 'Anonymous', 'aws:userid': 'anonymous' },
        },
      },
    ],
    asked: [[request('GET', 'k'), 200]],
  },
  {
    name: 'has signed nothing, whatever its parameters look like',
    statements: [
      { Condition: { StringEquals: { 's3:authType': 'REST-QUERY-STRING' } } },
      { Condition: { StringEquals: { 's3:signatureversion': 'AWS4-HMAC-SHA256' } } },
      { Condition: { NumericLessThan: { 's3:signatureAge': '600000' } } },
    ],
    asked: [
      [{ ...request('GET', 'k'), query: { 'X-Amz-Signature': 'x', 'X-Amz-Date': '29990101T000000Z' } }, 403],
      [request('GET', 'k'), 403],
    ],
  },
  {
    name: 'reads before a date',
    statements: [
      {
        Condition: {
          DateLessThan: { 'aws:CurrentTime': '2999-01-01T00:00:00Z' },
          NumericGreaterThan: { 'aws:EpochTime': '1600000000' },
        },
      },
    ],
    asked: [[request('GET', 'k'), 200]],
  },
  {
    name: 'must ask for the ACL that is demanded',
    statements: [
      {
        Action: 's3:PutObject',
        Condition: { StringEquals: { 's3:x-amz-acl': 'bucket-owner-full-control' } },
      },
    ],
    asked: [
      [{ ...request('PUT', 'new'), body: 'x', headers: { 'x-amz-acl': 'bucket-owner-full-control' } }, 200],
      [{ ...request('PUT', 'new'), body: 'x' }, 403],
    ],
  },
  {
    name: 'may be kept from setting an ACL',
    statements: [{ Action: 's3:PutObject' }, { Effect: 'Deny', Action: 's3:PutObjectAcl' }],
    asked: [
      [{ ...request('PUT', 'new'), body: 'x' }, 200],
      [{ ...request('PUT', 'new'), body: 'x', headers: { 'x-amz-acl': 'private' } }, 403],
    ],
  },
];

for (const { name, statements, asked } of cases) {
  test(`an anonymous caller ${name}`, async (context) => {
    const { anyone } = await townWith(context, ...statements);
    for (const [one, want] of asked) {
      const answer = await anyone(one);
      assert.equal(answer.status, want, `${one.method} ${one.key ?? ''} ${JSON.stringify(one.query)}`);
      if (want === 403 && one.method !== 'HEAD') assert.equal(codeOf(answer), 'AccessDenied');
    }
  });
}

test('a user of another account needs the bucket’s word, and is known by its names', async (context) => {
  const { alice, bob, anyone } = await town(context);
  const { id, canonicalId } = bob.user.account;
  const named = [
    { Principal: { AWS: bob.arn } },
    { Principal: { AWS: id } },
    { Principal: { AWS: `arn:aws:iam::${id}:root` } },
    { Principal: { CanonicalUser: canonicalId } },
    { Condition: { StringEquals: { 'aws:username': 'bob' } } },
    { Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:user/b?b' } } },
    { Condition: { StringEquals: { 'aws:PrincipalAccount': id, 'aws:PrincipalType': 'User' } } },
    {
      Condition: {
        StringEquals: { 's3:authType': 'REST-HEADER', 's3:signatureversion': 'AWS4-HMAC-SHA256' },
      },
    },
    { Condition: { StringEquals: { 's3:ResourceAccount': alice.user.account.id, 'aws:username': 'bob' } } },
  ];
  assert.equal((await bob.send(request('GET', 'k'))).status, 403);
  for (const statement of named) {
    await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(statement) }));
    const statuses = [await bob.send(request('GET', 'k')), await anyone(request('GET', 'k'))].map(
      (it) => it.status,
    );
    assert.deepEqual(statuses, [200, 403], JSON.stringify(statement));
  }
});

test('a denial holds for the owner and for root', async (context) => {
  const { door, alice } = await townWith(context, { Effect: 'Deny', Action: 's3:DeleteObject' });
  for (const client of [alice.s3, door.s3]) {
    const Delete = { Objects: [{ Key: 'k' }, { Key: 'none' }] };
    const { Errors, Deleted } = await client.send(new DeleteObjectsCommand({ Bucket, Delete }));
    assert.deepEqual(
      [Errors?.map(({ Code, Key }) => [Code, Key]), Deleted],
      [
        [
          ['AccessDenied', 'k'],
          ['AccessDenied', 'none'],
        ],
        undefined,
      ],
    );
  }
  assert.equal((await alice.send(request('GET', 'k'))).status, 200);
});

test('DeleteObjects decides by key', async (context) => {
  const { bob, alice } = await townWith(context, {
    Action: 's3:DeleteObject',
    Resource: `${ofBucket}/tmp/*`,
  });
  await alice.s3.send(new PutObjectCommand({ Bucket, Key: 'tmp/x', Body: 'x' }));
  const Objects = [{ Key: 'tmp/x' }, { Key: 'k' }, { Key: 'tmp/x', VersionId: 'null' }];
  const { Errors, Deleted } = await bob.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.deepEqual(
    Deleted?.map(({ Key }) => Key),
    ['tmp/x'],
  );
  assert.deepEqual(
    Errors?.map(({ Code, Key, VersionId }) => [Code, Key, VersionId]),
    [
      ['AccessDenied', 'k', undefined],
      ['AccessDenied', 'tmp/x', 'null'],
    ],
  );
});

const tags = (
  ...TagSet: Tag[]
): { readonly Bucket: string; readonly Key: string; readonly Tagging: { TagSet: Tag[] } } => ({
  Bucket,
  Key: 'k',
  Tagging: { TagSet },
});

test('tags that an object has, and tags that a request brings, decide', async (context) => {
  const { alice, bob } = await townWith(
    context,
    { Condition: { StringEquals: { 's3:ExistingObjectTag/Security': 'public' } } },
    {
      Action: 's3:PutObjectTagging',
      Condition: {
        StringEquals: { 's3:RequestObjectTag/Security': 'public' },
        'ForAllValues:StringEquals': { 's3:RequestObjectTagKeys': ['Security', 'Colour'] },
      },
    },
  );
  const get = async (): Promise<number> => (await bob.send(request('GET', 'k'))).status;
  assert.equal(await get(), 403);
  const put = (...TagSet: Tag[]): Promise<unknown> =>
    bob.s3.send(new PutObjectTaggingCommand(tags(...TagSet)));
  const denied = { name: 'AccessDenied' };
  await assert.rejects(put({ Key: 'Security', Value: 'private' }), denied);
  await assert.rejects(put({ Key: 'Security', Value: 'public' }, { Key: 'Size', Value: 's' }), denied);
  await put({ Key: 'Security', Value: 'public' }, { Key: 'Colour', Value: 'red' });
  assert.equal(await get(), 200);
  await alice.s3.send(new PutObjectTaggingCommand(tags({ Key: 'Security', Value: 'private' })));
  assert.equal(await get(), 403);
});

test('a renamed key must be one that may be read and deleted', async (context) => {
  const { bob } = await townWith(
    context,
    { Action: ['s3:PutObject', 's3:GetObject'] },
    { Action: 's3:DeleteObject', Resource: `${ofBucket}/tmp/*` },
  );
  await bob.send({ ...request('PUT', 'tmp/a'), body: 'x' });
  const rename = async (from: string, to: string): Promise<number> => {
    const headers = { 'x-amz-rename-source': from };
    return (await bob.send({ ...request('PUT', to, { renameObject: '' }), headers })).status;
  };
  assert.equal(await rename('k', 'tmp/k'), 403);
  assert.equal(await rename('tmp/a', 'b'), 200);
  assert.equal(await rename('b', 'tmp/a'), 403);
});

test('a copy needs the right to its source, and to its tags when it has any', async (context) => {
  const { alice, bob } = await townWith(context, { Resource: `${ofBucket}/k` });
  const copy = (source: string, TaggingDirective?: 'REPLACE'): Promise<unknown> =>
    bob.s3.send(
      new CopyObjectCommand({
        Bucket: 'bob-bucket',
        Key: 'copy',
        CopySource: `${Bucket}/${source}`,
        TaggingDirective,
      }),
    );
  await copy('k');
  await assert.rejects(copy('none'), { name: 'AccessDenied' });
  await alice.s3.send(new PutObjectTaggingCommand(tags({ Key: 'a', Value: 'b' })));
  await assert.rejects(copy('k'), { name: 'AccessDenied' });
  await copy('k', 'REPLACE');
  const Policy = policyOf(
    { Action: ['s3:GetObject', 's3:GetObjectTagging'] },
    { Action: 's3:ListBucket', Resource: ofBucket },
  );
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  await copy('k');
  await assert.rejects(copy('none'), { name: 'NoSuchKey' });
});

test('the source and the directive of a copy are conditions of its target', async (context) => {
  const { bob } = await townWith(context, {
    Action: 's3:PutObject',
    Condition: {
      StringLike: { 's3:x-amz-copy-source': 'bob-bucket/pub/*' },
      StringEquals: { 's3:x-amz-metadata-directive': 'COPY' },
    },
  });
  for (const Key of ['pub/a b', 'secret'])
    await bob.s3.send(new PutObjectCommand({ Bucket: 'bob-bucket', Key, Body: 'x' }));
  const copy = (source: string, directive: string): Promise<{ readonly status: number }> =>
    bob.send({
      ...request('PUT', 'copy'),
      headers: { 'x-amz-copy-source': source, 'x-amz-metadata-directive': directive },
    });
  const cases = [
    ['bob-bucket/pub/a%20b', 'COPY', 200],
    ['/bob-bucket/pub%2Fa%20b?versionId=null', 'COPY', 200],
    ['bob-bucket/pub/a%20b', 'REPLACE', 403],
    ['bob-bucket/secret', 'COPY', 403],
  ] as const;
  for (const [source, directive, want] of cases)
    assert.equal((await copy(source, directive)).status, want, source);
});

test('what an anonymous caller wrote is read by the owner', async (context) => {
  const { alice, anyone } = await townWith(context, { Action: 's3:PutObject' });
  const headers = {
    'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'x-amz-decoded-content-length': '5',
    'content-encoding': 'aws-chunked',
    'x-amz-trailer': 'x-amz-checksum-crc32',
  };
  const body = '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n';
  assert.equal((await anyone({ ...request('PUT', 'upload'), body, headers })).status, 200);
  const got = await alice.send(request('GET', 'upload'));
  assert.equal(got.body.toString(), 'hello');
  const signed = { ...headers, 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' };
  assert.equal((await anyone({ ...request('PUT', 'upload'), body, headers: signed })).status, 400);
});

test('a policy is parsed once, again when it changes, and without one nothing is read', async () => {
  const bytes = (text: string): Uint8Array => Buffer.from(JSON.stringify({ text, bindsOwner: false }));
  let document = bytes(policyOf({}));
  let reads = 0;
  const bucketConfiguration = async (): Promise<Uint8Array> => {
    reads += 1;
    return document;
  };
  const policies = new BucketPolicies({ bucketConfiguration });
  const plain = { ino: 7 as Ino, configurations: ['cors' as const] };
  assert.equal(await policies.of(plain), undefined);
  assert.equal(reads, 0);
  const bucket = { ...plain, configurations: ['policy' as const] };
  const first = await policies.of(bucket);
  document = Uint8Array.from(document);
  assert.equal(await policies.of(bucket), first);
  document = bytes(policyOf({ Effect: 'Deny' }));
  assert.notEqual(await policies.of(bucket), first);
  assert.equal(reads, 3);
});
