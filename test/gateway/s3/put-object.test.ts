import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { checksumRows } from '../../../src/gateway/s3/checksums.ts';
import type { DigestAlgorithm } from '../../../src/workers/compute.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, sha256, type RawAnswer, type RawRequest } from './signed-request.ts';

const bucket = 'writing';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket });
});
after(() => door.close());

const put = (key: string, request: Partial<RawRequest>): Promise<RawAnswer> =>
  sendSigned(door.port, { method: 'PUT', bucket, key, ...request });
const status = async (key: string): Promise<number> =>
  (await sendSigned(door.port, { method: 'HEAD', bucket, key })).status;
const md5 = (text: string): string => createHash('md5').update(text).digest('base64');

/** Base64 digests of a body by the header's algorithm. */
const digest = (algorithm: DigestAlgorithm, text: string): string =>
  Buffer.from(referenceCompute().digest([algorithm], [Buffer.from(text)])[algorithm]!).toString('base64');

const chunks = (...texts: readonly string[]): string =>
  [...texts, ''].map((text) => `${text.length.toString(16)}\r\n${text === '' ? '' : `${text}\r\n`}`).join('');
const streaming = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** Each is refused with that error, and nothing is stored. */
const refused: readonly {
  readonly name: string;
  readonly request: Partial<RawRequest>;
  readonly code: string;
}[] = [
  {
    name: 'a Content-MD5 of something else',
    request: { body: 'a', headers: { 'content-md5': md5('b') } },
    code: 'BadDigest',
  },
  {
    name: 'a Content-MD5 that is none',
    request: { body: 'a', headers: { 'content-md5': 'AAAA' } },
    code: 'InvalidDigest',
  },
  {
    name: 'a payload hash of something else',
    request: { body: 'a', payloadHash: sha256('b') },
    code: 'XAmzContentSHA256Mismatch',
  },
  {
    name: 'a payload hash of something else for a large body',
    request: { body: 'a'.repeat(100_000), payloadHash: sha256('b') },
    code: 'XAmzContentSHA256Mismatch',
  },
  {
    name: 'a payload hash that is none',
    request: { body: 'a', payloadHash: 'none' },
    code: 'InvalidArgument',
  },
  ...checksumRows.map(({ digest: algorithm }) => ({
    name: `a ${algorithm} of something else`,
    request: { body: 'a', headers: { [`x-amz-checksum-${algorithm}`]: digest(algorithm, 'b') } },
    code: 'BadDigest',
  })),
  {
    name: 'a checksum of the wrong length',
    request: { body: 'a', headers: { 'x-amz-checksum-crc32': 'AAA=' } },
    code: 'InvalidRequest',
  },
  {
    name: 'two checksums',
    request: {
      body: 'a',
      headers: { 'x-amz-checksum-crc32': digest('crc32', 'a'), 'x-amz-checksum-sha1': digest('sha1', 'a') },
    },
    code: 'InvalidRequest',
  },
  {
    name: 'an algorithm that is named and not sent',
    request: { body: 'a', headers: { 'x-amz-sdk-checksum-algorithm': 'CRC32' } },
    code: 'InvalidRequest',
  },
  {
    name: 'a checksum in the trailer of something else',
    request: {
      body: `${chunks('hello')}x-amz-checksum-crc32:${digest('crc32', 'other')}\r\n\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-decoded-content-length': '5', 'x-amz-trailer': 'x-amz-checksum-crc32' },
    },
    code: 'BadDigest',
  },
  {
    name: 'an announced trailer that does not come',
    request: {
      body: `${chunks('hello')}\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-decoded-content-length': '5', 'x-amz-trailer': 'x-amz-checksum-crc32' },
    },
    code: 'MalformedTrailerError',
  },
  {
    name: 'a trailer where there can be none',
    request: { body: 'hello', headers: { 'x-amz-trailer': 'x-amz-checksum-crc32' } },
    code: 'MalformedTrailerError',
  },
  {
    name: 'chunks that are more than the decoded length',
    request: {
      body: `${chunks('hello')}\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-decoded-content-length': '4' },
    },
    code: 'IncompleteBody',
  },
  {
    name: 'chunks that are less than the decoded length',
    request: {
      body: `${chunks('hello')}\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-decoded-content-length': '70000' },
    },
    code: 'IncompleteBody',
  },
  {
    name: 'chunks without a decoded length',
    request: { body: `${chunks('hello')}\r\n`, payloadHash: streaming },
    code: 'MissingContentLength',
  },
  {
    name: 'a chunked transfer without a length',
    request: { body: 'a', headers: { 'transfer-encoding': 'chunked' } },
    code: 'MissingContentLength',
  },
  {
    name: 'more than 2 KiB of metadata',
    request: { body: 'a', headers: { 'x-amz-meta-a': 'x'.repeat(1024), 'x-amz-meta-b': 'x'.repeat(1024) } },
    code: 'MetadataTooLarge',
  },
  {
    name: 'an access control list that gives something away',
    request: { body: 'a', headers: { 'x-amz-acl': 'public-read' } },
    code: 'AccessControlListNotSupported',
  },
  {
    name: 'a storage class that is none',
    request: { body: 'a', headers: { 'x-amz-storage-class': 'DUST' } },
    code: 'InvalidStorageClass',
  },
  {
    name: 'an encryption that there is not',
    request: { body: 'a', headers: { 'x-amz-server-side-encryption': 'aes:kms' } },
    code: 'InvalidArgument',
  },
  {
    name: 'an If-None-Match that is not *',
    request: { body: 'a', headers: { 'if-none-match': '"x"' } },
    code: 'NotImplemented',
  },
  {
    name: 'an If-Match where there is nothing',
    request: { body: 'a', headers: { 'if-match': '"x"' } },
    code: 'NoSuchKey',
  },
  {
    name: 'another bucket owner in mind',
    request: { body: 'a', headers: { 'x-amz-expected-bucket-owner': '111122223333' } },
    code: 'AccessDenied',
  },
  {
    name: 'half of a part upload',
    request: { body: 'a', query: { partNumber: '1' } },
    code: 'MethodNotAllowed',
  },
  { name: 'a retention', request: { body: 'a', query: { retention: '' } }, code: 'MalformedXML' },
];

for (const { name, request, code } of refused) {
  test(`PUT with ${name} is ${code} and stores nothing`, async () => {
    const answer = await put('refused', request);
    assert.equal(codeOf(answer), code, answer.body.toString());
    assert.equal(await status('refused'), 404);
  });
}

test('a key of 1,025 bytes is KeyTooLongError', async () =>
  assert.equal(codeOf(await put('ü'.repeat(512) + 'x', { body: 'a' })), 'KeyTooLongError'));

test('a bucket that is not there is NoSuchBucket and is named', async () => {
  const answer = await sendSigned(door.port, { method: 'PUT', bucket: 'nowhere', key: 'k', body: 'a' });
  assert.deepEqual([answer.status, codeOf(answer)], [404, 'NoSuchBucket']);
  assert.match(answer.body.toString(), /<BucketName>nowhere<\/BucketName>/);
});

/** Each is accepted, and reads back as `hello`. */
const accepted: readonly { readonly name: string; readonly request: Partial<RawRequest> }[] = [
  { name: 'its Content-MD5', request: { body: 'hello', headers: { 'content-md5': md5('hello') } } },
  { name: 'no promise about its content', request: { body: 'hello', payloadHash: 'UNSIGNED-PAYLOAD' } },
  {
    name: 'unsigned chunks',
    request: {
      body: `${chunks('hello')}\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-decoded-content-length': '5', 'content-encoding': 'aws-chunked' },
    },
  },
  {
    name: 'a checksum in the trailer',
    request: {
      body: `${chunks('hello')}x-amz-checksum-sha256:${digest('sha256', 'hello')}\r\n\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-decoded-content-length': '5', 'x-amz-trailer': 'x-amz-checksum-sha256' },
    },
  },
  {
    name: 'chunks in a chunked transfer',
    request: {
      body: `${chunks('hello')}\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-decoded-content-length': '5', 'transfer-encoding': 'chunked' },
    },
  },
  {
    name: 'the owner it expects',
    request: { body: 'hello', headers: { 'x-amz-expected-bucket-owner': '000000000000' } },
  },
  {
    name: 'the canned list that changes nothing',
    request: { body: 'hello', headers: { 'x-amz-acl': 'bucket-owner-full-control' } },
  },
];

for (const { name, request } of accepted) {
  test(`PUT with ${name} is stored`, async () => {
    const answer = await put('accepted', request);
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(answer.headers['etag'], `"${createHash('md5').update('hello').digest('hex')}"`);
    const got = await sendSigned(door.port, { method: 'GET', bucket, key: 'accepted' });
    assert.equal(got.body.toString(), 'hello');
    assert.equal(got.headers['content-encoding'], undefined);
  });
}

for (const size of [0, 1, 65_535, 65_536, 65_537, 1_048_576, 3_000_001]) {
  for (const algorithm of [undefined, ...(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)]) {
    test(`the SDK writes and verifies ${size} bytes with ${algorithm ?? 'its default checksum'}`, async () => {
      const Body = Buffer.alloc(size, 'terrace ');
      const wish = { Bucket: bucket, Key: `sdk-${size}`, Body };
      await door.s3.send(
        new PutObjectCommand(algorithm === undefined ? wish : { ...wish, ChecksumAlgorithm: algorithm }),
      );
      const got = await door.s3.send(
        new GetObjectCommand({ Bucket: bucket, Key: wish.Key, ChecksumMode: 'ENABLED' }),
      );
      assert.equal(got.ChecksumType, 'FULL_OBJECT');
      assert.equal(Buffer.compare(Buffer.from((await got.Body?.transformToByteArray()) ?? []), Body), 0);
    });
  }
}

test('without a checksum of the client the gateway makes CRC64NVME', async () => {
  const answer = await put('default', { body: '123456789' });
  assert.equal(answer.headers['x-amz-checksum-crc64nvme'], digest('crc64nvme', '123456789'));
  assert.equal(answer.headers['x-amz-checksum-type'], 'FULL_OBJECT');
});

test('If-None-Match: * lets exactly one of many writers win', async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      put('contested', { body: `writer ${index}`, headers: { 'if-none-match': '*' } }),
    ),
  );
  assert.equal(answers.filter((it) => it.status === 200).length, 1);
  assert(answers.every((it) => [200, 412, 409].includes(it.status)));
});

test('If-Match replaces only what it names', async () => {
  const first = await put('versions', { body: 'one' });
  const etag = first.headers['etag'] ?? '';
  const stale = await put('versions', { body: 'two', headers: { 'if-match': '"0"' } });
  assert.deepEqual([stale.status, codeOf(stale)], [412, 'PreconditionFailed']);
  assert.match(stale.body.toString(), /<Condition>If-Match<\/Condition>/);
  assert.equal((await put('versions', { body: 'two', headers: { 'if-match': etag } })).status, 200);
});

test('raw bytes above ASCII in metadata come back as AWS sends them', async () => {
  const raw = Buffer.from('ÄMÄZÕÑ S3', 'utf8').toString('latin1');
  await put('metadata', { body: 'a', headers: { 'x-amz-meta-nonascii': raw } });
  const head = await sendSigned(door.port, { method: 'HEAD', bucket, key: 'metadata' });
  assert.equal(head.headers['x-amz-meta-nonascii'], '=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=');
});

test('DELETE answers 204 whether or not there was something', async () => {
  await put('gone', { body: 'a' });
  for (const key of ['gone', 'gone', 'never/was']) {
    const answer = await sendSigned(door.port, { method: 'DELETE', bucket, key });
    assert.deepEqual([answer.status, answer.body.length], [204, 0]);
  }
  assert.equal(await status('gone'), 404);
});

test('DELETE with If-Match removes only what it names', async () => {
  await put('kept', { body: 'a' });
  const headers = { 'if-match': '"0"' };
  const answer = await sendSigned(door.port, { method: 'DELETE', bucket, key: 'kept', headers });
  assert.deepEqual([answer.status, codeOf(answer)], [412, 'PreconditionFailed']);
  assert.equal(await status('kept'), 200);
});

for (const { algorithm, digest: name, header, element } of checksumRows) {
  test(`a ${algorithm} that is promised in the header or the trailer is checked, kept and returned`, async () => {
    const value = digest(name, 'hello');
    const plain = { method: 'PUT', bucket, key: `sum-${name}`, body: 'hello', headers: { [header]: value } };
    const trailed = {
      ...plain,
      body: `${chunks('hello')}${header}:${value}\r\n\r\n`,
      payloadHash: streaming,
      headers: { 'x-amz-trailer': header, 'x-amz-decoded-content-length': '5' },
    };
    for (const request of [plain, trailed]) {
      const put = await sendSigned(door.port, request);
      assert.deepEqual([put.status, put.headers[header]], [200, value], put.body.toString());
      const query = { attributes: '' };
      const headers = { 'x-amz-object-attributes': 'Checksum' };
      const read = await sendSigned(door.port, { method: 'GET', bucket, key: plain.key, query, headers });
      assert(read.body.includes(`<${element}>${value}</${element}><ChecksumType>FULL_OBJECT</ChecksumType>`));
    }
  });
}
