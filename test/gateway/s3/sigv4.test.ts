import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rootAccount } from '../../../src/accounts/account-id.ts';
import { authenticate, type Authentication } from '../../../src/gateway/s3/authenticate.ts';
import { ChunkedBody } from '../../../src/gateway/s3/chunked.ts';
import { S3Error } from '../../../src/gateway/s3/errors.ts';
import { credentialsOf } from '../../../src/gateway/s3/open-s3.ts';
import { parseRequest, type S3Request } from '../../../src/gateway/s3/request.ts';
import { SaidBefore } from '../../../src/gateway/s3/signed-header.ts';
import { AUTHORIZATION_KEPT_CHARS_MAX, SIGNING_KEYS_MAX } from '../../../src/limits/s3.ts';
import { emptySha256, SigningKeys } from '../../../src/signing/sigv4.ts';
import { secondsOfTimestamp } from '../../../src/signing/timestamp.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { TestClock } from '../../namespace/world.ts';
import { keys } from './live-door.ts';

const signedAt = secondsOfTimestamp('20130524T000000Z');

const credential = { ...keys, account: rootAccount, uid: 0, gid: 0, isRoot: true, policies: undefined };

function authentication(seconds = signedAt): Authentication {
  const clock = new TestClock();
  clock.ms = seconds * 1000;
  return {
    credentials: credentialsOf(
      {
        find: (accessKey) => (accessKey === keys.accessKey ? credential : undefined),
      },
      { find: () => 'invalid-token' },
    ),
    keys: new SigningKeys(),
    said: new SaidBefore(),
    clock,
    region: 'us-east-1',
    signatureV2: true,
  };
}

function request(method: string, target: string, headers: Readonly<Record<string, string>>): S3Request {
  const rawHeaders = Object.entries(headers).flat();
  return parseRequest(
    {
      method,
      target,
      rawHeaders,
      body: { next: () => Promise.resolve(undefined), letGo: () => undefined, keep: () => true },
      peer: '127.0.0.1',
    },
    ['s3.amazonaws.com'],
  );
}

const authorization = (signedHeaders: string, signature: string): string =>
  `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`;

const host = 'examplebucket.s3.amazonaws.com';
const date = '20130524T000000Z';
const shortHeaders = 'host;x-amz-content-sha256;x-amz-date';

/** AWS: "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk". */
const vectors = [
  {
    name: 'GET object with a range',
    method: 'GET',
    target: '/test.txt',
    headers: { range: 'bytes=0-9', 'x-amz-content-sha256': emptySha256 },
    signed: 'host;range;x-amz-content-sha256;x-amz-date',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 'PUT object whose name has a dollar sign',
    method: 'PUT',
    target: '/test$file.text',
    headers: {
      date: 'Fri, 24 May 2013 00:00:00 GMT',
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    },
    signed: 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    name: 'GET bucket lifecycle',
    method: 'GET',
    target: '/?lifecycle',
    headers: { 'x-amz-content-sha256': emptySha256 },
    signed: shortHeaders,
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 'GET bucket, list objects',
    method: 'GET',
    target: '/?max-keys=2&prefix=J',
    headers: { 'x-amz-content-sha256': emptySha256 },
    signed: shortHeaders,
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
];

for (const { name, method, target, headers, signed, signature } of vectors) {
  const withSignature = (given: string): S3Request =>
    request(method, target, {
      host,
      'x-amz-date': date,
      ...headers,
      authorization: authorization(signed, given),
    });

  test(`the published example is accepted: ${name}`, () => {
    const who = authenticate(authentication(), withSignature(signature));
    assert.equal(who?.principal.accessKey, keys.accessKey);
  });

  test(`the published example is refused with one digit changed: ${name}`, () => {
    const changed = `${signature.slice(0, -1)}${signature.endsWith('0') ? '1' : '0'}`;
    assert.throws(
      () => authenticate(authentication(), withSignature(changed)),
      (error: S3Error) =>
        error.code === 'SignatureDoesNotMatch' &&
        error.members['SignatureProvided'] === changed &&
        String(error.members['CanonicalRequest']).startsWith(`${method}\n`) &&
        String(error.members['StringToSignBytes']).startsWith('41 57 53 34 2d'),
    );
  });
}

test('what a client has said before counts as it did then, and its signature anew', () => {
  const auth = authentication();
  const ask = (signature: string, path = '/?lifecycle') =>
    authenticate(
      auth,
      request('GET', path, {
        host,
        'x-amz-date': date,
        'x-amz-content-sha256': emptySha256,
        authorization: authorization(shortHeaders, signature),
      }),
    );
  const right = 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543';
  const isRefused = (error: S3Error): boolean => error.code === 'SignatureDoesNotMatch';
  for (const _time of [1, 2]) {
    assert.equal(ask(right)?.principal.accessKey, keys.accessKey);
    assert.throws(() => ask(right.replace('f', '0')), isRefused);
    assert.throws(() => ask(right, '/?acl'), isRefused);
    assert.throws(
      () => ask(''),
      (error: S3Error) => error.code === 'AuthorizationHeaderMalformed',
    );
  }
});

test('what clients say is kept for so many of them, and not when it is long', () => {
  const before = new SaidBefore();
  const said = { names: ['host'], written: undefined };
  before.keep('x'.repeat(AUTHORIZATION_KEPT_CHARS_MAX + 1), said);
  assert.equal(before.find('x'.repeat(AUTHORIZATION_KEPT_CHARS_MAX + 1)), undefined);
  for (let count = 0; count <= SIGNING_KEYS_MAX; count += 1) before.keep(`client ${count}`, said);
  assert.equal(before.find('client 0'), undefined);
  assert.equal(before.find(`client ${SIGNING_KEYS_MAX}`), said);
});

const presigned =
  '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';

/** AWS: "Authenticating Requests: Using Query Parameters". */
const presignedCases = [
  { name: 'at once', seconds: signedAt, target: presigned, want: undefined },
  { name: 'in its last second', seconds: signedAt + 86_400, target: presigned, want: undefined },
  { name: 'a second too late', seconds: signedAt + 86_401, target: presigned, want: 'AccessDenied' },
  { name: 'a quarter of an hour early', seconds: signedAt - 900, target: presigned, want: undefined },
  { name: 'earlier than that', seconds: signedAt - 901, target: presigned, want: 'AccessDenied' },
  {
    name: 'with another expiry than was signed',
    seconds: signedAt,
    target: presigned.replace('86400', '86401'),
    want: 'SignatureDoesNotMatch',
  },
  {
    name: 'for another key',
    seconds: signedAt,
    target: presigned.replace('/test', '/tesT'),
    want: 'SignatureDoesNotMatch',
  },
  ...['0', '-1', '604801', 'soon', ''].map((expires) => ({
    name: `with the expiry '${expires}'`,
    seconds: signedAt,
    target: presigned.replace('86400', expires),
    want: 'AuthorizationQueryParametersError',
  })),
  ...['Credential', 'Date', 'Expires', 'SignedHeaders', 'Signature'].map((name) => ({
    name: `without X-Amz-${name}`,
    seconds: signedAt,
    target: presigned.replace(`X-Amz-${name}=`, 'X-Other='),
    want: 'AuthorizationQueryParametersError',
  })),
  {
    name: 'with a date that is none',
    seconds: signedAt,
    target: presigned.replace('20130524T000000Z', '20131324T000000Z'),
    want: 'AuthorizationQueryParametersError',
  },
  {
    name: 'for another region',
    seconds: signedAt,
    target: presigned.replace('us-east-1', 'eu-west-1'),
    want: 'AuthorizationQueryParametersError',
  },
];

for (const { name, seconds, target, want } of presignedCases) {
  test(`the published presigned URL, used ${name}: ${want ?? 'accepted'}`, () =>
    check(() => authenticate(authentication(seconds), request('GET', target, { host })), want));
}

function check(work: () => unknown, want: string | undefined): void {
  if (want === undefined) assert.notEqual(work(), undefined);
  else assert.throws(work, (error: S3Error) => error instanceof S3Error && error.code === want, want);
}

const example = vectors[0]!;
const good = {
  host,
  'x-amz-date': date,
  ...example.headers,
  authorization: authorization(example.signed, example.signature),
};

const headerCases: readonly {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly seconds?: number;
  readonly code: string;
  readonly message: RegExp;
}[] = [
  {
    name: 'another scheme',
    headers: { ...good, authorization: 'Basic dXNlcjpwYXNz' },
    code: 'InvalidArgument',
    message: /^Unsupported Authorization Type$/,
  },
  {
    name: 'no signature',
    headers: { ...good, authorization: good.authorization.replace(/,Signature=.*/, '') },
    code: 'AuthorizationHeaderMalformed',
    message: /requires three components: Credential, SignedHeaders, and Signature\.$/,
  },
  {
    name: 'a credential of too few pieces',
    headers: { ...good, authorization: good.authorization.replace('/s3/aws4_request', '') },
    code: 'AuthorizationHeaderMalformed',
    message: /the Credential is mal-formed; expecting "<YOUR-AKID>\/YYYYMMDD\/REGION\/SERVICE\/aws4_request"/,
  },
  {
    name: 'another region',
    headers: { ...good, authorization: good.authorization.replace('us-east-1', 'us-west-2') },
    code: 'AuthorizationHeaderMalformed',
    message: /the region 'us-west-2' is wrong; expecting 'us-east-1'$/,
  },
  {
    name: 'another service',
    headers: { ...good, authorization: good.authorization.replace('/s3/', '/ec2/') },
    code: 'AuthorizationHeaderMalformed',
    message: /incorrect service "ec2"\. This endpoint belongs to "s3"\.$/,
  },
  {
    name: 'another day in the credential than in the date',
    headers: { ...good, authorization: good.authorization.replace('20130524', '20130523') },
    code: 'AuthorizationHeaderMalformed',
    message: /Invalid credential date "20130523"/,
  },
  {
    name: 'no date at all',
    headers: { host, 'x-amz-content-sha256': emptySha256, authorization: good.authorization },
    code: 'AccessDenied',
    message: /^AWS authentication requires a valid Date or x-amz-date header$/,
  },
  {
    name: 'no payload hash',
    headers: { host, 'x-amz-date': date, authorization: good.authorization },
    code: 'InvalidRequest',
    message: /^Missing required header for this request: x-amz-content-sha256$/,
  },
  {
    name: 'a clock that is 15 minutes and a second off',
    headers: good,
    seconds: signedAt + 901,
    code: 'RequestTimeTooSkewed',
    message: /^The difference between the request time and the current time is too large\.$/,
  },
  {
    name: 'an unknown access key',
    headers: { ...good, authorization: good.authorization.replace('AKIA', 'BKIA') },
    code: 'InvalidAccessKeyId',
    message: /^The AWS Access Key Id you provided does not exist in our records\.$/,
  },
  {
    name: 'an x-amz- header that is not signed',
    headers: { ...good, 'x-amz-meta-extra': 'slipped in' },
    code: 'AccessDenied',
    message: /^There were headers present in the request which were not signed$/,
  },
  {
    name: 'a session token that belongs to no key',
    headers: { ...good, 'x-amz-security-token': 'token' },
    code: 'InvalidToken',
    message: /^The provided token is malformed or otherwise invalid\.$/,
  },
  {
    name: 'an unsigned host',
    headers: { ...good, authorization: good.authorization.replace('host;', '') },
    code: 'AccessDenied',
    message: /not signed$/,
  },
];

for (const { name, headers, seconds, code, message } of headerCases) {
  test(`a signed request with ${name} is ${code}`, () =>
    assert.throws(
      () => authenticate(authentication(seconds), request('GET', '/test.txt', headers)),
      (error: S3Error) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      },
    ));
}

test('a request that is signed twice over is refused', () =>
  check(() => authenticate(authentication(), request('GET', presigned, good)), 'InvalidArgument'));

test('a request without a signature is anonymous', () =>
  assert.equal(authenticate(authentication(), request('GET', '/test.txt', { host })), undefined));

/** AWS: "… Transferring Payload in Multiple Chunks (Chunked Upload)", and the same with a trailer. */
const chunked = [
  {
    name: 'signed chunks',
    payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    headers: {
      host: 's3.amazonaws.com',
      'x-amz-date': date,
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '66560',
      'content-length': '66824',
    },
    seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    chunks: [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ],
    trailer: '',
  },
  {
    name: 'signed chunks and a signed trailer',
    payload: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
    headers: {
      host: 's3.amazonaws.com',
      'x-amz-date': date,
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '66560',
      'x-amz-trailer': 'x-amz-checksum-crc32c',
    },
    seed: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    chunks: [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ],
    trailer:
      'x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n',
  },
] as const;

for (const { name, payload, headers, seed, chunks, trailer } of chunked) {
  const sent = { ...headers, 'x-amz-content-sha256': payload };
  const signed = Object.keys(sent).sort().join(';');
  const body = (content = 'a'): Buffer =>
    Buffer.from(
      `10000;chunk-signature=${chunks[0]}\r\n${'a'.repeat(65_536)}\r\n` +
        `400;chunk-signature=${chunks[1]}\r\n${content.repeat(1024)}\r\n` +
        `0;chunk-signature=${chunks[2]}\r\n${trailer}\r\n`,
    );

  const decoded = async (bytes: Buffer): Promise<Buffer> => {
    const who = authenticate(
      authentication(),
      request('PUT', '/examplebucket/chunkObject.txt', {
        ...sent,
        authorization: authorization(signed, seed),
      }),
    );
    assert(who?.payload.kind === 'chunked');
    const pieces = [bytes.subarray(0, 7), bytes.subarray(7, 40_000), bytes.subarray(40_000)];
    const source = {
      next: () => Promise.resolve(pieces.length === 0 ? undefined : [pieces.shift()!]),
      letGo: () => undefined,
      keep: () => true,
    };
    const reader = new ChunkedBody(source, referenceCompute(), who.payload);
    const parts: Uint8Array[] = [];
    for (let batch = await reader.next(); batch !== undefined; batch = await reader.next())
      parts.push(...batch);
    return Buffer.concat(parts);
  };

  test(`the published example with ${name} decodes`, async () =>
    assert.equal((await decoded(body())).toString(), 'a'.repeat(66_560)));

  test(`the published example with ${name} is refused with other content`, async () =>
    assert.rejects(decoded(body('b')), { code: 'SignatureDoesNotMatch' }));
}
