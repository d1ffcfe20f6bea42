import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { parseCopyRange, parseRange } from '../../../src/gateway/s3/ranges.ts';
import { S3Error } from '../../../src/gateway/s3/errors.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer } from './signed-request.ts';

const bucket = 'reading';
const body = '0123456789';
let door: LiveDoor;
let etag = '';
let lastModified = '';

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket });
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-cache',
    'content-disposition': 'attachment; filename="a.txt"',
    'content-encoding': 'gzip,aws-chunked',
    'content-language': 'en',
    expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
    'x-amz-meta-colour': 'blue',
    'x-amz-meta-Sign': '=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?=',
  };
  const put = await sendSigned(door.port, { method: 'PUT', bucket, key: 'digits', headers, body });
  assert.equal(put.status, 200, put.body.toString());
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'empty', body: '' });
  etag = put.headers['etag'] ?? '';
  const head = await sendSigned(door.port, { method: 'HEAD', bucket, key: 'digits' });
  lastModified = head.headers['last-modified'] ?? '';
});
after(() => door.close());

const read = (
  method: string,
  headers: Readonly<Record<string, string>>,
  { key = 'digits', query = {} }: { key?: string; query?: Readonly<Record<string, string>> } = {},
): Promise<RawAnswer> => sendSigned(door.port, { method, bucket, key, headers, query });

const ranges = [
  { range: 'bytes=0-3', status: 206, want: '0123', contentRange: 'bytes 0-3/10' },
  { range: 'bytes=4-', status: 206, want: '456789', contentRange: 'bytes 4-9/10' },
  { range: 'bytes=-3', status: 206, want: '789', contentRange: 'bytes 7-9/10' },
  { range: 'bytes=-99', status: 206, want: body, contentRange: 'bytes 0-9/10' },
  { range: 'bytes=5-99', status: 206, want: '56789', contentRange: 'bytes 5-9/10' },
  { range: 'bytes=9-9', status: 206, want: '9', contentRange: 'bytes 9-9/10' },
  { range: 'BYTES=0-0', status: 206, want: '0', contentRange: 'bytes 0-0/10' },
  { range: 'bytes=10-', status: 416, want: 'InvalidRange', contentRange: 'bytes */10' },
  { range: 'bytes=99999999999999999999-', status: 416, want: 'InvalidRange', contentRange: 'bytes */10' },
  { range: 'bytes=-0', status: 416, want: 'InvalidRange', contentRange: 'bytes */10' },
  { range: 'bytes=5-4', status: 200, want: body, contentRange: undefined },
  { range: 'bytes=a-b', status: 200, want: body, contentRange: undefined },
  { range: 'bytes=-', status: 200, want: body, contentRange: undefined },
  { range: 'bytes=0-1,3-4', status: 200, want: body, contentRange: undefined },
  { range: 'items=0-1', status: 200, want: body, contentRange: undefined },
] as const;

for (const { range, status, want, contentRange } of ranges) {
  test(`GET and HEAD with Range: ${range} answer ${status}`, async () => {
    const got = await read('GET', { range });
    assert.equal(got.status, status);
    assert.equal(status === 416 ? codeOf(got) : got.body.toString(), want);
    assert.equal(got.headers['content-range'], contentRange);
    const head = await read('HEAD', { range });
    assert.equal(head.status, status);
    assert.equal(head.body.length, 0);
    assert.equal(head.headers['content-range'], contentRange);
    if (status !== 416) assert.equal(head.headers['content-length'], String(want.length));
  });
}

test('InvalidRange tells the range and the size', async () => {
  const text = (await read('GET', { range: 'bytes=10-' })).body.toString();
  assert.match(text, /<RangeRequested>bytes=10-<\/RangeRequested><ActualObjectSize>10<\/ActualObjectSize>/);
});

for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) {
  test(`no range of an empty object is satisfiable: ${range}`, async () => {
    const got = await read('GET', { range }, { key: 'empty' });
    assert.equal(got.status, 416);
    assert.equal(got.headers['content-range'], 'bytes */0');
  });
}

test('an empty object is answered whole', async () => {
  const got = await read('GET', {}, { key: 'empty' });
  assert.deepEqual([got.status, got.headers['content-length'], got.body.length], [200, '0', 0]);
  assert.equal(got.headers['content-type'], 'binary/octet-stream');
});

const past = 'Mon, 01 Jan 2001 00:00:00 GMT';
const future = 'Fri, 01 Jan 2100 00:00:00 GMT';

/** RFC 9110 §13.2.2; `ETAG` and `DATE` stand for the object's own. */
const conditions: readonly { readonly headers: Readonly<Record<string, string>>; readonly status: number }[] =
  [
    { headers: { 'if-match': 'ETAG' }, status: 200 },
    { headers: { 'if-match': '"other", ETAG' }, status: 200 },
    { headers: { 'if-match': '*' }, status: 200 },
    { headers: { 'if-match': '"other"' }, status: 412 },
    { headers: { 'if-none-match': '"other"' }, status: 200 },
    { headers: { 'if-none-match': 'ETAG' }, status: 304 },
    { headers: { 'if-none-match': 'W/ETAG' }, status: 304 },
    { headers: { 'if-none-match': '*' }, status: 304 },
    { headers: { 'if-modified-since': past }, status: 200 },
    { headers: { 'if-modified-since': 'DATE' }, status: 304 },
    { headers: { 'if-modified-since': future }, status: 304 },
    { headers: { 'if-modified-since': 'no date' }, status: 200 },
    { headers: { 'if-unmodified-since': past }, status: 412 },
    { headers: { 'if-unmodified-since': 'DATE' }, status: 200 },
    { headers: { 'if-unmodified-since': 'no date' }, status: 200 },
    { headers: { 'if-match': 'ETAG', 'if-unmodified-since': past }, status: 200 },
    { headers: { 'if-match': '"other"', 'if-unmodified-since': future }, status: 412 },
    { headers: { 'if-none-match': '"other"', 'if-modified-since': future }, status: 200 },
    { headers: { 'if-none-match': 'ETAG', 'if-modified-since': past }, status: 304 },
    { headers: { 'if-match': 'ETAG', 'if-none-match': 'ETAG' }, status: 304 },
    { headers: { range: 'bytes=0-0', 'if-range': 'ETAG' }, status: 206 },
    { headers: { range: 'bytes=0-0', 'if-range': '"other"' }, status: 200 },
    { headers: { range: 'bytes=0-0', 'if-range': 'DATE' }, status: 206 },
    { headers: { range: 'bytes=0-0', 'if-range': past }, status: 200 },
  ];

for (const { headers, status } of conditions) {
  test(`GET and HEAD with ${JSON.stringify(headers)} answer ${status}`, async () => {
    const filled = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        value.replace('ETAG', etag).replace('DATE', lastModified),
      ]),
    );
    for (const method of ['GET', 'HEAD']) {
      const answer = await read(method, filled);
      assert.equal(answer.status, status);
      if (status === 304) {
        assert.equal(answer.headers['etag'], etag);
        assert.equal(answer.headers['last-modified'], lastModified);
        assert.equal(answer.body.length, 0);
      }
      if (status === 412 && method === 'GET') assert.equal(codeOf(answer), 'PreconditionFailed');
    }
  });
}

test('an ETag without quotes matches as one with them', async () =>
  assert.equal((await read('GET', { 'if-match': etag.replaceAll('"', '') })).status, 200));

test('GET and HEAD answer every stored header and the metadata', async () => {
  for (const method of ['GET', 'HEAD']) {
    const { headers } = await read(method, {});
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8');
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers['content-disposition'], 'attachment; filename="a.txt"');
    assert.equal(headers['content-encoding'], 'gzip');
    assert.equal(headers['content-language'], 'en');
    assert.equal(headers['expires'], 'Thu, 01 Dec 2033 16:00:00 GMT');
    assert.equal(headers['x-amz-meta-colour'], 'blue');
    assert.equal(headers['x-amz-meta-sign'], '=?UTF-8?B?w4RNw4Raw5XDkSBTMw==?=');
    assert.equal(headers['accept-ranges'], 'bytes');
    assert.equal(headers['content-length'], '10');
    assert.equal(headers['x-amz-checksum-crc64nvme'], undefined);
  }
});

test('checksums are answered when they are asked for, of whole reads only', async () => {
  const mode = { 'x-amz-checksum-mode': 'ENABLED' };
  const whole = await read('GET', mode);
  assert.match(whole.headers['x-amz-checksum-crc64nvme'] ?? '', /^[A-Za-z0-9+/]{11}=$/);
  assert.equal(whole.headers['x-amz-checksum-type'], 'FULL_OBJECT');
  const part = await read('GET', { ...mode, range: 'bytes=0-0' });
  assert.equal(part.headers['x-amz-checksum-crc64nvme'], undefined);
});

test('response-* parameters override headers and cannot break the header section', async () => {
  const { headers } = await read(
    'GET',
    {},
    {
      query: {
        'response-content-type': 'application/json',
        'response-content-language': 'de',
        'response-expires': 'never',
        'response-cache-control': 'max-age=1',
        'response-content-disposition': 'inline; filename="ä"\r\nx-injected: 1',
        'response-content-encoding': 'br',
      },
    },
  );
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['content-language'], 'de');
  assert.equal(headers['expires'], 'never');
  assert.equal(headers['cache-control'], 'max-age=1');
  assert.equal(headers['content-encoding'], 'br');
  assert.equal(headers['x-injected'], undefined);
  assert.equal(
    Buffer.from(headers['content-disposition'] ?? '', 'latin1').toString(),
    'inline; filename="ä"  x-injected: 1',
  );
});

test('partNumber reads an object that was not multipart as its only part', async () => {
  const first = await read('GET', {}, { query: { partNumber: '1' } });
  assert.deepEqual([first.status, first.body.toString()], [206, body]);
  assert.equal(first.headers['x-amz-mp-parts-count'], undefined);
  const second = await read('GET', {}, { query: { partNumber: '2' } });
  assert.deepEqual([second.status, codeOf(second)], [416, 'InvalidPartNumber']);
  const both = await read('GET', { range: 'bytes=0-0' }, { query: { partNumber: '1' } });
  assert.deepEqual([both.status, codeOf(both)], [400, 'InvalidRequest']);
});

const refused = [
  { query: { partNumber: '0' }, status: 400, code: 'InvalidArgument' },
  { query: { partNumber: '10001' }, status: 400, code: 'InvalidArgument' },
  { query: { partNumber: 'x' }, status: 400, code: 'InvalidArgument' },
  { query: { versionId: 'xyz' }, status: 400, code: 'InvalidArgument' },
  { query: { versionId: 'null' }, status: 200, code: undefined },
  { query: { torrent: '' }, status: 501, code: 'NotImplemented' },
  { query: { 'legal-hold': '' }, status: 400, code: 'InvalidRequest' },
  { query: { versioning: '' }, status: 405, code: 'MethodNotAllowed' },
] as const;

for (const { query, status, code } of refused) {
  test(`GET with ${JSON.stringify(query)} answers ${code ?? status}`, async () => {
    const got = await read('GET', {}, { query });
    assert.deepEqual([got.status, codeOf(got)], [status, code]);
  });
}

test('a key that is not there is NoSuchKey and names it; its HEAD is 404 without a body', async () => {
  const got = await read('GET', {}, { key: 'nobody <here>' });
  assert.deepEqual([got.status, codeOf(got)], [404, 'NoSuchKey']);
  assert.match(got.body.toString(), /<Key>nobody &lt;here&gt;<\/Key>/);
  assert.match(
    got.body.toString(),
    new RegExp(`<RequestId>${got.headers['x-amz-request-id']}</RequestId><HostId>`),
  );
  const head = await read('HEAD', {}, { key: 'nobody' });
  assert.deepEqual([head.status, head.body.length], [404, 0]);
  assert.match(head.headers['x-amz-request-id'] ?? '', /^[0-9A-F]{16}$/);
});

test('a range is inside the object, or refused, or none', () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(fc.nat(50), fc.nat(50)).map(([first, last]) => `bytes=${first}-${last}`),
        fc.nat(50).map((first) => `bytes=${first}-`),
        fc.nat(50).map((length) => `bytes=-${length}`),
        fc.string({ maxLength: 8 }).map((text) => `bytes=${text}`),
        fc.string({ maxLength: 12 }),
      ),
      fc.nat(40),
      (header, size) => {
        try {
          const range = parseRange(header, size);
          if (range === undefined) return;
          assert(range.length > 0 && range.offset >= 0 && range.offset + range.length <= size);
        } catch (error) {
          assert(error instanceof S3Error && error.code === 'InvalidRange');
        }
      },
    ),
    { numRuns: 3000, seed: 6 },
  ));

test('the source range of a part copy lies inside the source', () => {
  assert.deepEqual(parseCopyRange('bytes=2-5', 6), { offset: 2, length: 4 });
  for (const header of ['bytes=2-6', 'bytes=6-6'])
    assert.throws(() => parseCopyRange(header, 6), { code: 'InvalidRange' });
  for (const header of ['bytes=5-2', 'bytes=2-', 'bytes=-2', '2-5', 'bytes=a-b'])
    assert.throws(() => parseCopyRange(header, 6), { code: 'InvalidArgument' });
});
