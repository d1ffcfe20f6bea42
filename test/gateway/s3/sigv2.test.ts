import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { Fault } from '../../../src/fault.ts';
import { encodePercent } from '../../../src/signing/percent.ts';
import { parseRequest, type S3Request } from '../../../src/gateway/s3/request.ts';
import { headerClaimV2, presignedClaimV2 } from '../../../src/gateway/s3/signed-v2.ts';
import { canonicalResource, signatureV2 } from '../../../src/gateway/s3/sigv2.ts';
import { keys, liveDoor } from './live-door.ts';
import { codeOf, send, type RawAnswer } from './signed-request.ts';

type Headers = Readonly<Record<string, string>>;

const requestOf = (method: string, target: string, headers: Headers): S3Request =>
  parseRequest(
    {
      method,
      target,
      rawHeaders: Object.entries(headers).flat(),
      body: { next: () => Promise.resolve(undefined), letGo: () => undefined, keep: () => true },
      peer: '127.0.0.1',
    },
    ['s3.us-west-1.amazonaws.com', 's3.amazonaws.com'],
  );

/** AWS: "Signing and authenticating REST requests", with the keys of that page; older and newer editions of it. */
const published = [
  {
    name: 'object GET',
    method: 'GET',
    target: '/photos/puppy.jpg',
    headers: {
      host: 'awsexamplebucket1.s3.us-west-1.amazonaws.com',
      date: 'Tue, 27 Mar 2007 19:36:42 +0000',
    },
    signature: 'qgk2+6Sv9/oM7G3qLEjTH1a1l1g=',
  },
  {
    name: 'object PUT',
    method: 'PUT',
    target: '/photos/puppy.jpg',
    headers: {
      'content-type': 'image/jpeg',
      'content-length': '94328',
      host: 'awsexamplebucket1.s3.us-west-1.amazonaws.com',
      date: 'Tue, 27 Mar 2007 21:15:45 +0000',
    },
    signature: 'iqRzw+ileNPu1fhspnRs8nOjjIA=',
  },
  {
    name: 'list, whose parameters are not signed',
    method: 'GET',
    target: '/?prefix=photos&max-keys=50&marker=puppy',
    headers: {
      'user-agent': 'Mozilla/5.0',
      host: 'awsexamplebucket1.s3.us-west-1.amazonaws.com',
      date: 'Tue, 27 Mar 2007 19:42:41 +0000',
    },
    signature: 'm0WP8eCtspQl5Ahe6L1SozdX9YA=',
  },
  {
    name: 'fetch of a sub-resource',
    method: 'GET',
    target: '/?acl',
    headers: {
      host: 'awsexamplebucket1.s3.us-west-1.amazonaws.com',
      date: 'Tue, 27 Mar 2007 19:44:46 +0000',
    },
    signature: '82ZHiFIjc+WbcwFKGUVEQspPn+0=',
  },
  {
    name: 'DELETE, path style',
    method: 'DELETE',
    target: '/awsexamplebucket1/photos/puppy.jpg',
    headers: { host: 's3.us-west-1.amazonaws.com', date: 'Tue, 27 Mar 2007 21:20:26 +0000' },
    signature: 'XbyTlbQdu9Xw5o8P4iMwPktxQd8=',
  },
  {
    name: 'upload with x-amz-* headers in any case and order, one of them twice',
    method: 'PUT',
    target: '/static.johnsmith.net/db-backup.dat.gz',
    headers: {
      host: 's3.amazonaws.com',
      date: 'Tue, 27 Mar 2007 21:06:08 +0000',
      'x-amz-acl': 'public-read',
      'content-type': 'application/x-download',
      'Content-MD5': '4gJE4saaMU4BqNR0kLY+lw==',
      'X-Amz-Meta-ReviewedBy': 'joe@johnsmith.net',
      'x-amz-meta-reviewedBy': 'jane@johnsmith.net',
      'X-Amz-Meta-FileChecksum': '0x02661779',
      'X-Amz-Meta-ChecksumAlgorithm': 'crc32',
      'Content-Disposition': 'attachment; filename=database.dat',
    },
    signature: 'ilyl83RwaSoYIEdixDQcA4OnAnc=',
  },
  {
    name: 'list of all buckets',
    method: 'GET',
    target: '/',
    headers: { host: 's3.us-west-1.amazonaws.com', date: 'Wed, 28 Mar 2007 01:29:59 +0000' },
    signature: 'qGdzdERIC03wnaRNKh6OqZehG9s=',
  },
  {
    name: 'a key that is not ASCII, escaped as the client likes',
    method: 'GET',
    target: '/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re',
    headers: { host: 's3.us-west-1.amazonaws.com', date: 'Wed, 28 Mar 2007 01:49:49 +0000' },
    signature: 'DNEZGsoieTZ92F3bUfSPQcbGmlM=',
  },
] as const;

for (const { name, method, target, headers, signature } of published) {
  test(`the published example has the published signature: ${name}`, () => {
    const request = requestOf(method, target, headers);
    const signedAt = Date.parse(headers.date) / 1000;
    const claim = headerClaimV2(request, `AWS ${keys.accessKey}:${signature}`, signedAt);
    assert.equal(signatureV2(keys.secretKey, claim.stringToSign), signature);
    assert.deepEqual([claim.accessKey, claim.signature], [keys.accessKey, signature]);
  });
}

test('the published example of a presigned URL has the published signature', () => {
  const query = `AWSAccessKeyId=${keys.accessKey}&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620`;
  const request = requestOf('GET', `/photos/puppy.jpg?${query}`, { host: 'johnsmith.s3.amazonaws.com' });
  const claim = presignedClaimV2(request, 1175139620);
  assert.equal(claim.stringToSign, 'GET\n\n\n1175139620\n/johnsmith/photos/puppy.jpg');
  assert.equal(signatureV2(keys.secretKey, claim.stringToSign), claim.signature);
});

const resources = [
  { target: '/b/k?uploadId=x%2By&partNumber=2&prefix=p', want: '/b/k?partNumber=2&uploadId=x+y' },
  {
    target: '/b/k?response-content-type=text%2Fplain&versionId=1',
    want: '/b/k?response-content-type=text/plain&versionId=1',
  },
  { target: '/b?max-keys=1', want: '/b/' },
  { target: '/b/?versions&marker=a', want: '/b/?versions' },
  { target: '/b/k?', want: '/b/k' },
  { target: '/b/a%2Fb//c', want: '/b/a%2Fb//c' },
  {
    target: '/b/k?response-content-disposition=%C3%A9',
    want: '/b/k?response-content-disposition=\u00c3\u00a9',
  },
] as const;

for (const { target, want } of resources) {
  test(`the resource that is signed of ${target} is ${want}`, () =>
    assert.equal(canonicalResource(requestOf('GET', target, { host: 'x' })), want));
}

test('any query has a canonical resource that keeps the path and depends on no order, or is refused as a URI', () => {
  const piece = fc.oneof(
    fc.constantFrom('acl', 'uploadId=1', 'partNumber=%31', 'versionId=%', 'x=y', 'tagging=', ''),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.string(), (pieces, path) => {
      const place = `/b/${encodePercent(path)}`;
      const resourceOf = (some: readonly string[]): string => {
        try {
          return canonicalResource(requestOf('GET', `${place}?${some.join('&')}`, {}));
        } catch (failure) {
          assert(failure instanceof Fault, String(failure));
          return failure.code;
        }
      };
      const resource = resourceOf(pieces);
      assert(
        resource === 'invalid-argument' || resource === place || resource.startsWith(`${place}?`),
        resource,
      );
      const byName = (one: string, other: string): number => (one < other ? -1 : Number(one > other));
      assert.equal(
        resourceOf([...new Set(pieces)].sort(byName)),
        resourceOf([...new Set(pieces)].sort(byName).reverse()),
      );
    }),
  );
});

/** A request signed by this file. `target` in path style. */
function signed(
  { method, target, headers = {} }: { method: string; target: string; headers?: Headers },
  { secretKey = keys.secretKey, date = new Date().toUTCString() } = {},
): Headers {
  const dated: Headers = { date, ...headers };
  const request = requestOf(method, target, dated);
  const now = Date.parse(date) / 1000;
  const { stringToSign } = headerClaimV2(request, 'AWS a:b', now);
  return { ...dated, authorization: `AWS ${keys.accessKey}:${signatureV2(secretKey, stringToSign)}` };
}

const presigned = (target: string, { at = Date.now() / 1000, more = '' } = {}): string => {
  const expires = String(Math.floor(at));
  const request = requestOf('GET', `${target}?AWSAccessKeyId=a&Signature=b&Expires=${expires}${more}`, {});
  const signature = signatureV2(keys.secretKey, presignedClaimV2(request, 0).stringToSign);
  return `${target}?AWSAccessKeyId=${keys.accessKey}&Signature=${encodeURIComponent(signature)}&Expires=${expires}${more}`;
};

test('objects are written and read by signatures of version 2, in headers and in URLs', async (context) => {
  const door = await liveDoor(context);
  const ask = (method: string, target: string, headers: Headers, body?: string): Promise<RawAnswer> =>
    send(door.port, { method, path: target, headers, body });
  const put = {
    method: 'PUT',
    target: '/books/a%20b',
    headers: { 'content-type': 'text/plain', 'x-amz-meta-one': '1' },
  };
  assert.equal((await ask('PUT', '/books', signed({ method: 'PUT', target: '/books' }))).status, 200);
  assert.equal((await ask('PUT', put.target, signed(put), 'page')).status, 200);
  const got = await ask('GET', presigned('/books/a%20b', { at: Date.now() / 1000 + 60 }), {});
  assert.deepEqual([got.status, got.body.toString(), got.headers['x-amz-meta-one']], [200, 'page', '1']);
  const renamed = presigned('/books/a%20b', {
    at: Date.now() / 1000 + 60,
    more: '&response-content-type=text%2Fx',
  });
  assert.equal((await ask('GET', renamed, {})).headers['content-type'], 'text/x');
});

test('what an SDK wrote is found below a host name of the bucket', async (context) => {
  const door = await liveDoor(context);
  await door.world.namespace.objects.createBucket(
    { uid: 0, gid: 0, groups: [], bypassesModes: true },
    'hosted',
  );
  const headers = { date: new Date().toUTCString(), host: 'hosted.s3.test' };
  const text = `PUT\n\n\n${headers.date}\n/hosted/key`;
  const authorization = `AWS ${keys.accessKey}:${signatureV2(keys.secretKey, text)}`;
  const put = await send(door.port, {
    method: 'PUT',
    path: '/key',
    headers: { ...headers, authorization },
    body: 'x',
  });
  assert.equal(put.status, 200);
  const found = await door.s3.send(new GetObjectCommand({ Bucket: 'hosted', Key: 'key' }));
  assert.equal(await found.Body?.transformToString(), 'x');
});

const minutes = (count: number): string => new Date(Date.now() + count * 60_000).toUTCString();
const service = { method: 'GET', target: '/' };
const refusals: readonly {
  readonly name: string;
  readonly path?: () => string;
  readonly headers?: () => Headers;
  readonly want: readonly [number, string];
}[] = [
  {
    name: 'another secret',
    headers: () => signed(service, { secretKey: 'wrong' }),
    want: [403, 'SignatureDoesNotMatch'],
  },
  {
    name: 'an unknown key',
    headers: () => ({ ...signed(service), authorization: 'AWS nobody:c2ln' }),
    want: [403, 'InvalidAccessKeyId'],
  },
  {
    name: 'a header without a signature',
    headers: () => ({ authorization: 'AWS HAHAHA' }),
    want: [400, 'InvalidArgument'],
  },
  {
    name: 'no date',
    headers: () => ({ authorization: `AWS ${keys.accessKey}:c2ln` }),
    want: [403, 'AccessDenied'],
  },
  {
    name: 'a date that is none',
    headers: () => ({ ...signed(service), 'x-amz-date': 'Bad Date' }),
    want: [403, 'AccessDenied'],
  },
  {
    name: 'an empty date beside a good one',
    headers: () => ({ ...signed(service), 'x-amz-date': '' }),
    want: [403, 'AccessDenied'],
  },
  {
    name: 'a date before 1970',
    headers: () => ({ ...signed(service), 'x-amz-date': 'Tue, 07 Jul 1950 21:53:04 GMT' }),
    want: [403, 'AccessDenied'],
  },
  {
    name: 'a signature of 16 minutes ago',
    headers: () => signed(service, { date: minutes(-16) }),
    want: [403, 'RequestTimeTooSkewed'],
  },
  {
    name: 'a signature of the future',
    headers: () => signed(service, { date: minutes(16) }),
    want: [403, 'RequestTimeTooSkewed'],
  },
  {
    name: 'a header added later',
    headers: () => ({ ...signed(service), 'x-amz-meta-a': 'b' }),
    want: [403, 'SignatureDoesNotMatch'],
  },
  {
    name: 'a session token of nobody',
    headers: () => signed({ ...service, headers: { 'x-amz-security-token': 't' } }),
    want: [400, 'InvalidToken'],
  },
  {
    name: 'a URL that expired',
    path: () => presigned('/b/k', { at: Date.now() / 1000 - 5 }),
    want: [403, 'AccessDenied'],
  },
  {
    name: 'a URL without Expires',
    path: () => '/b/k?AWSAccessKeyId=a&Signature=b',
    want: [403, 'AccessDenied'],
  },
  {
    name: 'a URL whose Expires is no number',
    path: () => '/b/k?AWSAccessKeyId=a&Signature=b&Expires=soon',
    want: [403, 'AccessDenied'],
  },
  {
    name: 'a URL and a header',
    path: () => '/b/k?AWSAccessKeyId=a&Signature=b&Expires=1',
    headers: () => signed(service),
    want: [400, 'InvalidArgument'],
  },
  {
    name: 'chunks signed by version 4',
    headers: () =>
      signed({ ...service, headers: { 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' } }),
    want: [400, 'InvalidRequest'],
  },
];

for (const { name, path = () => '/', headers = () => ({}), want } of refusals) {
  test(`version 2: ${name} is refused with ${want[1]}`, async (context) => {
    const door = await liveDoor(context);
    const answer = await send(door.port, { method: 'GET', path: path(), headers: headers() });
    assert.deepEqual([answer.status, codeOf(answer)], want, answer.body.toString());
  });
}

test('version 2 is refused when it is switched off', async (context) => {
  const door = await liveDoor(context, { signatureV2: false });
  const answer = await send(door.port, { method: 'GET', path: '/', headers: signed(service) });
  assert.deepEqual([answer.status, codeOf(answer)], [400, 'InvalidRequest']);
  assert.match(answer.body.toString(), /Please use AWS4-HMAC-SHA256\./);
  const url = await send(door.port, {
    method: 'GET',
    path: presigned('/b/k', { at: 9_000_000_000 }),
    headers: {},
  });
  assert.equal(codeOf(url), 'InvalidRequest');
});
