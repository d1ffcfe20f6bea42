import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { operations } from '../../../src/gateway/s3/table.ts';
import { unbuiltOperations } from '../../../src/gateway/s3/unbuilt.ts';
import { liveDoor, type LiveDoor } from './live-door.ts';
import {
  codeOf,
  send,
  sendSigned,
  signedHeaders,
  type RawAnswer,
  type RawRequest,
} from './signed-request.ts';

const make = (door: LiveDoor, bucket: string, request: Partial<RawRequest> = {}): Promise<RawAnswer> =>
  sendSigned(door.port, { method: 'PUT', bucket, ...request });

const constraint = (region: string): string =>
  `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;

test('a bucket is made, seen, made again in us-east-1, and removed', async (context) => {
  const door = await liveDoor(context);
  const made = await make(door, 'first-bucket');
  assert.deepEqual([made.status, made.headers['location']], [200, '/first-bucket']);
  assert.equal((await make(door, 'first-bucket')).status, 200);
  const head = await sendSigned(door.port, { method: 'HEAD', bucket: 'first-bucket' });
  assert.deepEqual([head.status, head.headers['x-amz-bucket-region']], [200, 'us-east-1']);
  await sendSigned(door.port, { method: 'PUT', bucket: 'first-bucket', key: 'a/b', body: 'x' });
  const full = await sendSigned(door.port, { method: 'DELETE', bucket: 'first-bucket' });
  assert.deepEqual([full.status, codeOf(full)], [409, 'BucketNotEmpty']);
  await sendSigned(door.port, { method: 'DELETE', bucket: 'first-bucket', key: 'a/b' });
  assert.equal((await sendSigned(door.port, { method: 'DELETE', bucket: 'first-bucket' })).status, 204);
  const gone = await sendSigned(door.port, { method: 'HEAD', bucket: 'first-bucket' });
  assert.deepEqual(
    [gone.status, gone.body.length, gone.headers['x-amz-bucket-region']],
    [404, 0, 'us-east-1'],
  );
});

test('outside us-east-1 the constraint must be the region, and a bucket is made once', async (context) => {
  const door = await liveDoor(context, { region: 'eu-west-1' });
  const region = 'eu-west-1';
  assert.equal(codeOf(await make(door, 'abc', { region })), 'IllegalLocationConstraintException');
  const other = await make(door, 'abc', { region, body: constraint('eu-west-2') });
  assert.equal(codeOf(other), 'IllegalLocationConstraintException');
  assert.equal((await make(door, 'abc', { region, body: constraint(region) })).status, 200);
  const again = await make(door, 'abc', { region, body: constraint(region) });
  assert.deepEqual([again.status, codeOf(again)], [409, 'BucketAlreadyOwnedByYou']);
  const location = await sendSigned(door.port, {
    method: 'GET',
    bucket: 'abc',
    query: { location: '' },
    region,
  });
  assert.match(location.body.toString(), /<LocationConstraint [^>]*>eu-west-1<\/LocationConstraint>/);
});

const refused: readonly {
  readonly bucket: string;
  readonly request?: Partial<RawRequest>;
  readonly code: string;
}[] = [
  ...[
    'ab',
    'x'.repeat(64),
    'Upper',
    'under_score',
    '-dash',
    'dash-',
    'a..b',
    '192.168.0.1',
    'xn--a',
    'a-s3alias',
  ].map((bucket) => ({ bucket, code: 'InvalidBucketName' })),
  { bucket: 'abc', request: { body: constraint('us-east-1') }, code: 'InvalidLocationConstraint' },
  { bucket: 'abc', request: { body: constraint('nowhere') }, code: 'InvalidLocationConstraint' },
  { bucket: 'abc', request: { body: constraint('eu-west-1') }, code: 'IllegalLocationConstraintException' },
  { bucket: 'abc', request: { body: '<Other/>' }, code: 'MalformedXML' },
  { bucket: 'abc', request: { body: '<CreateBucketConfiguration>' }, code: 'MalformedXML' },
  {
    bucket: 'abc',
    request: { headers: { 'x-amz-acl': 'public-read' } },
    code: 'InvalidBucketAclWithObjectOwnership',
  },
  {
    bucket: 'abc',
    request: { headers: { 'x-amz-object-ownership': 'Nobody' } },
    code: 'InvalidArgument',
  },
];

test('what AWS refuses at the creation of a bucket is refused by the same name', async (context) => {
  const door = await liveDoor(context);
  for (const { bucket, request, code } of refused) {
    const answer = await make(door, bucket, request);
    assert.equal(codeOf(answer), code, `${bucket} ${JSON.stringify(request)}`);
  }
  assert.deepEqual((await door.s3.send(new ListBucketsCommand({}))).Buckets ?? [], []);
});

test('ListBuckets is in order, with prefix and pages', async (context) => {
  const door = await liveDoor(context);
  const names = ['alpha', 'beta-1', 'beta-2', 'gamma'];
  for (const name of names.toReversed()) await make(door, name);
  const all = await door.s3.send(new ListBucketsCommand({}));
  assert.deepEqual(
    all.Buckets?.map((it) => it.Name),
    names,
  );
  assert.match(all.Owner?.ID ?? '', /^[0-9a-f]{64}$/);
  const found: (string | undefined)[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await door.s3.send(new ListBucketsCommand({ MaxBuckets: 3, ContinuationToken }));
    found.push(...(page.Buckets ?? []).map((it) => it.Name));
    ContinuationToken = page.ContinuationToken;
  } while (ContinuationToken !== undefined);
  assert.deepEqual(found, names);
  const beta = await door.s3.send(new ListBucketsCommand({ Prefix: 'beta' }));
  assert.deepEqual(
    beta.Buckets?.map((it) => it.Name),
    ['beta-1', 'beta-2'],
  );
});

test('a bucket is reached by its host name too', async (context) => {
  const door = await liveDoor(context, { domains: ['s3.test'] });
  await make(door, 'hosted.bucket');
  const host = `hosted.bucket.s3.test:${door.port}`;
  for (const [method, key] of [
    ['PUT', 'a key'],
    ['GET', 'a key'],
    ['GET', undefined],
  ] as const) {
    const path = key === undefined ? '/' : '/a%20key';
    // Signed for the path alone: the bucket is in the host.
    const headers = signedHeaders({ method, bucket: key ?? '', body: method === 'PUT' ? 'x' : '' }, host);
    const answer = await send(door.port, { method, path, headers, body: method === 'PUT' ? 'x' : undefined });
    assert.equal(answer.status, 200, answer.body.toString());
    if (method === 'GET')
      assert.match(answer.body.toString(), key === undefined ? /<Key>a key<\/Key>/ : /^x$/);
  }
});

const unset = [
  { query: 'location', status: 200, body: /<LocationConstraint [^>]*\/>/ },
  { query: 'versioning', status: 200, body: /<VersioningConfiguration [^>]*><\/VersioningConfiguration>/ },
  { query: 'acl', status: 200, body: /<Permission>FULL_CONTROL<\/Permission>/ },
  { query: 'logging', status: 200, body: /<BucketLoggingStatus [^>]*\/>/ },
  { query: 'notification', status: 200, body: /<NotificationConfiguration [^>]*\/>/ },
  { query: 'accelerate', status: 200, body: /<AccelerateConfiguration [^>]*\/>/ },
  { query: 'requestPayment', status: 200, body: /<Payer>BucketOwner<\/Payer>/ },
  { query: 'policy', status: 404, body: /NoSuchBucketPolicy/ },
  { query: 'cors', status: 404, body: /NoSuchCORSConfiguration/ },
  { query: 'lifecycle', status: 404, body: /NoSuchLifecycleConfiguration/ },
  { query: 'tagging', status: 404, body: /NoSuchTagSet/ },
  { query: 'website', status: 404, body: /NoSuchWebsiteConfiguration/ },
  { query: 'replication', status: 404, body: /ReplicationConfigurationNotFoundError/ },
  { query: 'object-lock', status: 404, body: /ObjectLockConfigurationNotFoundError/ },
] as const;

test('configuration that was never set reads as AWS answers it', async (context) => {
  const door = await liveDoor(context);
  await make(door, 'plain-bucket');
  await sendSigned(door.port, { method: 'PUT', bucket: 'plain-bucket', key: 'k', body: 'x' });
  for (const { query, status, body } of unset) {
    const answer = await sendSigned(door.port, {
      method: 'GET',
      bucket: 'plain-bucket',
      query: { [query]: '' },
    });
    assert.equal(answer.status, status, query);
    assert.match(answer.body.toString(), body);
  }
  for (const query of ['acl', 'tagging']) {
    const request = { method: 'GET', bucket: 'plain-bucket', query: { [query]: '' } };
    assert.equal((await sendSigned(door.port, { ...request, key: 'k' })).status, 200);
    assert.equal(codeOf(await sendSigned(door.port, { ...request, key: 'none' })), 'NoSuchKey');
  }
});

test('every operation that is not there yet answers NotImplemented and changes nothing', async (context) => {
  const door = await liveDoor(context);
  await make(door, 'some-bucket');
  await sendSigned(door.port, { method: 'PUT', bucket: 'some-bucket', key: 'k', body: 'kept' });
  for (const { name, route } of unbuiltOperations) {
    const answer = await sendSigned(door.port, {
      method: route.method,
      bucket: 'some-bucket',
      ...(route.level === 'object' ? { key: 'k' } : {}),
      query: Object.fromEntries(Object.keys(route.query ?? {}).map((parameter) => [parameter, ''])),
    });
    assert.deepEqual([answer.status, codeOf(answer)], [501, 'NotImplemented'], name);
  }
  const got = await sendSigned(door.port, { method: 'GET', bucket: 'some-bucket', key: 'k' });
  assert.equal(got.body.toString(), 'kept');
});

test('every operation refuses an anonymous caller, and every row can be told from the others', async (context) => {
  const door = await liveDoor(context);
  await make(door, 'private');
  const routes = new Set<string>();
  for (const { name, route, action } of operations) {
    const query = Object.entries(route.query ?? {}).map(
      ([parameter, value]) => `${parameter}=${value === true ? '' : value}`,
    );
    const path = { service: '/', bucket: '/private', object: '/private/key' }[route.level];
    const headers = {
      host: `127.0.0.1:${door.port}`,
      ...(route.header === undefined ? {} : { [route.header]: 'private/key' }),
    };
    const target = `${path}?${query.join('&')}`;
    const answer = await send(door.port, { method: route.method, path: target, headers });
    // DeleteObjects decides by key, and these have none: access.test.ts.
    if (name !== 'DeleteObjects') assert.equal(answer.status, 403, name);
    assert.match(action, /^s3:[A-Z][A-Za-z]+$/);
    routes.add(JSON.stringify(route));
  }
  assert.equal(routes.size, operations.length);
  for (const { name } of operations)
    assert(
      door.observations.some((it) => it.operation === name),
      name,
    );
});
