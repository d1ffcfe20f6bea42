import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  PutBucketCorsCommand,
  type CORSRule,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { allowance, fits, type CorsRule } from '../../../src/gateway/s3/cors.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, send, sendSigned, type RawAnswer, type RawRequest } from './signed-request.ts';

const Bucket = 'shared-bucket';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
  await sendSigned(door.port, { method: 'PUT', bucket: 'closed-bucket' });
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket, key: 'k', body: 'content' });
});
after(() => door.close());

const configure = (...CORSRules: CORSRule[]): Promise<unknown> =>
  door.s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));

const putDocument = (inside: string, more: Partial<RawRequest> = {}): Promise<RawAnswer> => {
  const body = `<CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</CORSConfiguration>`;
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
  return sendSigned(door.port, {
    method: 'PUT',
    bucket: Bucket,
    query: { cors: '' },
    body,
    headers,
    ...more,
  });
};

/** Without a signature, as browsers send it. */
const options = (path: string, headers: Readonly<Record<string, string>>): Promise<RawAnswer> =>
  send(door.port, { method: 'OPTIONS', path, headers: { host: `127.0.0.1:${door.port}`, ...headers } });

/** Headers of the protocol that an answer has, without their common beginning. */
const granted = ({ headers }: RawAnswer): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name.startsWith('access-control-') || name === 'vary')
      .map(([name, value]) => [name.replace('access-control-', ''), value]),
  );

const vary = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method';

test('a configuration reads as it was put and is gone when deleted', async () => {
  const none = await sendSigned(door.port, { method: 'GET', bucket: Bucket, query: { cors: '' } });
  assert.equal(none.status, 404);
  assert.match(none.body.toString(), /NoSuchCORSConfiguration.*does not exist.*<BucketName>shared-bucket</);
  const CORSRules = [
    {
      ID: 'first & foremost',
      AllowedHeaders: ['x-AMZ-*', 'Authorization'],
      AllowedMethods: ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'],
      AllowedOrigins: ['https://*.example.org', 'http://test.com:80', ''],
      ExposeHeaders: ['ETag', 'x-amz-request-id'],
      MaxAgeSeconds: 3000,
    },
    { AllowedMethods: ['GET'], AllowedOrigins: ['*'] },
  ];
  await configure(...CORSRules);
  assert.deepEqual((await door.s3.send(new GetBucketCorsCommand({ Bucket }))).CORSRules, CORSRules);
  for (let times = 0; times < 2; times += 1) {
    const gone = await door.s3.send(new DeleteBucketCorsCommand({ Bucket }));
    assert.equal(gone.$metadata.httpStatusCode, 204);
  }
  const answer = await sendSigned(door.port, { method: 'GET', bucket: Bucket, query: { cors: '' } });
  assert.equal(codeOf(answer), 'NoSuchCORSConfiguration');
});

const minimal = '<AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>';
const rule = (inside: string): string => `<CORSRule>${inside}</CORSRule>`;
const refused: readonly (readonly [name: string, inside: string, code: string, message: string])[] = [
  ['no rule', '', 'MalformedXML', ''],
  ['an empty rule', rule(''), 'MalformedXML', ''],
  ['a rule without an origin', rule('<AllowedMethod>GET</AllowedMethod>'), 'MalformedXML', ''],
  ['a rule without a method', rule('<AllowedOrigin>*</AllowedOrigin>'), 'MalformedXML', ''],
  ['a rule with two ids', rule(`${minimal}<ID>a</ID><ID>b</ID>`), 'MalformedXML', ''],
  ['an id of 256 characters', rule(`${minimal}<ID>${'i'.repeat(256)}</ID>`), 'MalformedXML', ''],
  ['an age in words', rule(`${minimal}<MaxAgeSeconds>long</MaxAgeSeconds>`), 'MalformedXML', ''],
  [
    'a line break in an exposed header',
    rule(`${minimal}<ExposeHeader>a&#10;b</ExposeHeader>`),
    'MalformedXML',
    '',
  ],
  [
    'a method of its own',
    rule(`${minimal}<AllowedMethod>OPTIONS</AllowedMethod>`),
    'InvalidRequest',
    'Found unsupported HTTP method in CORS config. Unsupported method is OPTIONS',
  ],
  [
    'an origin with two wildcards',
    rule(`${minimal}<AllowedOrigin>http://*.*</AllowedOrigin>`),
    'InvalidRequest',
    'AllowedOrigin &quot;http://*.*&quot; can not have more than one wildcard.',
  ],
  [
    'a header with two wildcards',
    rule(`${minimal}<AllowedHeader>x-*-*</AllowedHeader>`),
    'InvalidRequest',
    'AllowedHeader &quot;x-*-*&quot; can not have more than one wildcard.',
  ],
  [
    'a wildcard in an exposed header',
    rule(`${minimal}<ExposeHeader>x-*</ExposeHeader>`),
    'InvalidRequest',
    'ExposeHeader &quot;x-*&quot; contains wildcard. We currently do not support wildcard for ExposeHeader.',
  ],
  [
    '101 rules',
    rule(minimal).repeat(101),
    'InvalidRequest',
    'The number of CORS rules should not exceed allowed limit of 100 rules.',
  ],
  ['70 KiB', rule(`${minimal}<AllowedOrigin>${'x'.repeat(70 << 10)}</AllowedOrigin>`), 'MalformedXML', ''],
];

for (const [name, inside, code, message] of refused) {
  test(`a configuration with ${name} is ${code} and changes nothing`, async () => {
    await configure({ ID: 'kept', AllowedMethods: ['GET'], AllowedOrigins: ['*'] });
    const answer = await putDocument(inside);
    assert.deepEqual([answer.status, codeOf(answer)], [400, code]);
    assert(answer.body.toString().includes(message), answer.body.toString());
    const { CORSRules } = await door.s3.send(new GetBucketCorsCommand({ Bucket }));
    assert.equal(CORSRules?.[0]?.ID, 'kept');
  });
}

test('100 rules are taken, and a document without Content-MD5 or checksum is not', async () => {
  assert.equal((await putDocument(rule(minimal).repeat(100))).status, 200);
  assert.equal(codeOf(await putDocument(rule(minimal), { headers: {} })), 'InvalidRequest');
});

const origin = 'https://app.example.org';
const notAllowed =
  /<Code>AccessForbidden<\/Code><Message>CORSResponse: This CORS request is not allowed\. This is usually because the evalution of Origin, request method \/ Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource&apos;s CORS spec\.<\/Message><Method>(\w+)<\/Method><ResourceType>(\w+)<\/ResourceType>/;

test('a preflight without an origin is a BadRequest, whatever it asks of', async () => {
  for (const path of ['/', `/${Bucket}/k`, '/closed-bucket/k', '/no-such-bucket']) {
    const answer = await options(path, {});
    assert.deepEqual([answer.status, codeOf(answer)], [400, 'BadRequest'], path);
    assert.match(answer.body.toString(), /Insufficient information\. Origin request header needed\./);
  }
});

test('a preflight for a bucket without rules, or for none, is AccessForbidden', async () => {
  const closed = await options('/closed-bucket/k', { origin, 'access-control-request-method': 'PUT' });
  assert.equal(closed.status, 403);
  assert.match(
    closed.body.toString(),
    /<Code>AccessForbidden<\/Code><Message>CORSResponse: CORS is not enabled for this bucket\.<\/Message><Method>PUT<\/Method><ResourceType>BUCKET<\/ResourceType>/,
  );
  const missing = await options('/no-such-bucket/k', { origin });
  assert.match(
    missing.body.toString(),
    /CORSResponse: Bucket not found<\/Message><Method>OPTIONS<\/Method><ResourceType>BUCKET<\/ResourceType>/,
  );
  assert.deepEqual(granted(closed), {});
});

test('a preflight that a rule allows says what may be sent, without a signature', async () => {
  await configure(
    { AllowedMethods: ['DELETE'], AllowedOrigins: ['*'] },
    {
      AllowedMethods: ['GET', 'PUT'],
      AllowedOrigins: ['https://*.example.org'],
      AllowedHeaders: ['X-Amz-*', 'content-type'],
      ExposeHeaders: ['ETag', 'x-amz-request-id'],
      MaxAgeSeconds: 3000,
    },
  );
  const ask = { origin, 'access-control-request-method': 'PUT' };
  const answer = await options(`/${Bucket}/any/key?X-Amz-Signature=whatever`, {
    ...ask,
    'access-control-request-headers': 'Content-Type,x-amz-date, X-AMZ-meta-a',
  });
  assert.deepEqual([answer.status, answer.body.length], [200, 0]);
  assert.deepEqual(granted(answer), {
    'allow-origin': origin,
    'allow-methods': 'GET, PUT',
    'allow-headers': 'content-type, x-amz-date, x-amz-meta-a',
    'expose-headers': 'ETag, x-amz-request-id',
    'max-age': '3000',
    'allow-credentials': 'true',
    vary,
  });
  const forAll = await options(`/${Bucket}`, { origin, 'access-control-request-method': 'DELETE' });
  assert.deepEqual(granted(forAll), { 'allow-origin': '*', 'allow-methods': 'DELETE', vary });
  assert.equal(door.observations.at(-1)?.operation, 'OptionsObject');
});

const wrong = [
  { name: 'of another origin', headers: { origin: 'https://example.com' }, method: 'PUT' },
  { name: 'of an origin with a slash behind it', headers: { origin: `${origin}/` }, method: 'PUT' },
  { name: 'for another method', headers: { origin }, method: 'POST' },
  {
    name: 'with another header',
    headers: { origin, 'access-control-request-headers': 'x-amz-date,authorization' },
    method: 'PUT',
  },
  {
    name: 'with very many headers',
    headers: { origin, 'access-control-request-headers': 'x-amz-date,'.repeat(300) },
    method: 'PUT',
  },
];

for (const { name, headers, method } of wrong) {
  test(`a preflight ${name} is AccessForbidden and grants nothing`, async () => {
    const AllowedOrigins = ['https://*.example.org'];
    await configure({ AllowedMethods: ['GET', 'PUT'], AllowedOrigins, AllowedHeaders: ['x-amz-*'] });
    const answer = await options(`/${Bucket}/k`, { ...headers, 'access-control-request-method': method });
    assert.equal(answer.status, 403);
    assert.deepEqual(notAllowed.exec(answer.body.toString())?.slice(1), [method, 'OBJECT']);
    assert.deepEqual(granted(answer), {});
    const atBucket = await options(`/${Bucket}`, { ...headers, 'access-control-request-method': method });
    assert.deepEqual(notAllowed.exec(atBucket.body.toString())?.slice(1), [method, 'BUCKET']);
  });
}

test('a preflight without a method that exists is a BadRequest', async () => {
  await configure({ AllowedMethods: ['GET'], AllowedOrigins: ['*'] });
  const none = await options(`/${Bucket}/k`, { origin });
  assert.equal(none.status, 400);
  assert.match(none.body.toString(), /BadRequest.*Invalid Access-Control-Request-Method: null/);
  const odd = await options(`/${Bucket}/k`, { origin, 'access-control-request-method': 'BLAH' });
  assert.match(odd.body.toString(), /BadRequest.*Invalid Access-Control-Request-Method: BLAH/);
});

test('answers to requests from an allowed origin say so, whatever they are', async () => {
  await configure({ AllowedMethods: ['GET'], AllowedOrigins: ['https://*.example.org'], MaxAgeSeconds: 9 });
  const want = {
    'allow-origin': origin,
    'allow-methods': 'GET',
    'max-age': '9',
    'allow-credentials': 'true',
    vary,
  };
  const get = { method: 'GET', bucket: Bucket, key: 'k', headers: { origin } };
  const answers: readonly (readonly [status: number, answer: RawAnswer])[] = [
    [200, await sendSigned(door.port, get)],
    [206, await sendSigned(door.port, { ...get, headers: { origin, range: 'bytes=1-2' } })],
    [404, await sendSigned(door.port, { ...get, key: 'none' })],
    [403, await sendSigned(door.port, { ...get, secretKey: 'wrong-secret-key' })],
    [403, await send(door.port, { method: 'GET', path: `/${Bucket}/k`, headers: { origin, host: 'x' } })],
    [200, await sendSigned(door.port, { method: 'GET', bucket: Bucket, headers: { origin } })],
  ];
  for (const [status, answer] of answers) {
    assert.equal(answer.status, status);
    assert.deepEqual(granted(answer), want);
  }
  const anonymousPut = (method: string): Promise<RawAnswer> =>
    send(door.port, {
      method: 'PUT',
      path: `/${Bucket}/new`,
      headers: { origin, host: 'x', 'access-control-request-method': method },
    });
  const [asGet, asPut] = [await anonymousPut('GET'), await anonymousPut('PUT')];
  assert.deepEqual([asGet.status, granted(asGet)], [403, want]);
  assert.deepEqual([asPut.status, granted(asPut)], [403, {}]);
});

test('requests without an origin, or from another, are served as ever and told nothing', async () => {
  await configure({ AllowedMethods: ['GET'], AllowedOrigins: [origin] });
  for (const headers of [{}, { origin: 'https://elsewhere.org' }]) {
    const answer = await sendSigned(door.port, { method: 'GET', bucket: Bucket, key: 'k', headers });
    assert.deepEqual([answer.status, answer.body.toString(), granted(answer)], [200, 'content', {}]);
  }
  const put = { method: 'PUT', bucket: Bucket, key: 'written', body: 'x', headers: { origin } };
  const answer = await sendSigned(door.port, put);
  assert.deepEqual([answer.status, granted(answer)], [200, {}]);
});

test('plain requests read no configuration, whether there is one or not', async (context) => {
  const reads: string[] = [];
  const counting = await openLiveDoor({
    objects: (objects) => ({
      ...objects,
      bucketConfiguration: (bucket, name) => {
        reads.push(name);
        return objects.bucketConfiguration(bucket, name);
      },
    }),
  });
  context.after(() => counting.close());
  const { port } = counting;
  await sendSigned(port, { method: 'PUT', bucket: 'plain' });
  const at = { bucket: 'plain', key: 'k' };
  await sendSigned(port, { ...at, method: 'PUT', body: 'x', headers: { origin } });
  await sendSigned(port, { ...at, method: 'GET', headers: { origin } });
  assert.deepEqual(reads, []);
  const CORSConfiguration = { CORSRules: [{ AllowedMethods: ['GET'], AllowedOrigins: ['*'] }] };
  await counting.s3.send(new PutBucketCorsCommand({ Bucket: 'plain', CORSConfiguration }));
  await sendSigned(port, { ...at, method: 'PUT', body: 'x' });
  await sendSigned(port, { ...at, method: 'GET' });
  assert.deepEqual(reads, []);
  await sendSigned(port, { ...at, method: 'GET', headers: { origin } });
  assert.deepEqual(reads, ['cors']);
});

const patterns = [
  { pattern: '*suffix', fit: ['foo.suffix', 'suffix'], not: ['foo.suffix.get', 'suffi'] },
  { pattern: 'start*end', fit: ['startend', 'start12end'], not: ['0start12end', 'starten', 'star'] },
  { pattern: 'prefix*', fit: ['prefix', 'prefix.suffix'], not: ['bla.prefix'] },
  { pattern: 'ab*ba', fit: ['abba', 'abcba'], not: ['aba'] },
  { pattern: '*', fit: ['', 'null', 'http://x'], not: [] },
  { pattern: 'http://a', fit: ['http://a'], not: ['http://A', 'http://a/', ''] },
];

test('one wildcard stands for any text, also none, and the rest is anchored at both ends', () => {
  for (const { pattern, fit, not } of patterns) {
    for (const text of fit) assert(fits(pattern, text), `${pattern} ${text}`);
    for (const text of not) assert(!fits(pattern, text), `${pattern} ${text}`);
  }
});

const word = fc.string({ unit: fc.constantFrom('a', 'b', '.', '(', '$', '\\'), maxLength: 8 });

test('a pattern fits exactly what the regular expression of it matches', () =>
  fc.assert(
    fc.property(word, fc.option(word, { nil: undefined }), word, (before, behind, text) => {
      const quote = (plain: string): string => plain.replace(/[.($\\]/g, '\\$&');
      const pattern = behind === undefined ? before : `${before}*${behind}`;
      const wanted = behind === undefined ? quote(before) : `${quote(before)}.*${quote(behind)}`;
      for (const candidate of [text, before + (behind ?? ''), before + text + (behind ?? '')])
        assert.equal(fits(pattern, candidate), new RegExp(`^(?:${wanted})$`).test(candidate));
    }),
  ));

test('the first rule that allows origin, method and every header decides, and no other', () => {
  const some = <Value>(...values: readonly Value[]): fc.Arbitrary<Value[]> => fc.subarray<Value>([...values]);
  const ruleArbitrary: fc.Arbitrary<CorsRule> = fc.record({
    AllowedHeader: some('*', 'X-A', 'x-b*'),
    AllowedMethod: some('GET', 'PUT'),
    AllowedOrigin: some('*', 'http://a', 'http://*.b'),
    ExposeHeader: some('ETag'),
  });
  const wishArbitrary = fc.record({
    origin: fc.constantFrom('http://a', 'http://c.b', 'null'),
    method: fc.constantFrom('GET', 'PUT', 'HEAD'),
    headers: some('x-a', 'x-bc', 'x-d'),
  });
  fc.assert(
    fc.property(fc.array(ruleArbitrary, { maxLength: 4 }), wishArbitrary, (rules, wish) => {
      const alone = rules.map((it) => allowance([it], wish));
      assert.deepEqual(
        allowance(rules, wish),
        alone.find((it) => it !== undefined),
      );
      for (const [index, headers] of alone.entries()) {
        const { AllowedOrigin: origins = [], AllowedMethod: methods = [] } = rules[index] ?? {};
        if (headers === undefined) continue;
        assert(methods.includes(wish.method));
        assert.equal(headers[1], origins.includes('*') ? '*' : wish.origin);
        assert.equal(headers.includes('Access-Control-Allow-Credentials'), !origins.includes('*'));
      }
    }),
  );
});
