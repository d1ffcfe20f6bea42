import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import type { DigestAlgorithm } from '../../../src/workers/compute.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { uploadInParts } from './multipart.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned } from './signed-request.ts';

const Bucket = 'parts';
const mebi = 1024 ** 2;
const large = Buffer.alloc(5 * mebi, 'large part ');
const small = Buffer.from('the small last part');
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
});
after(() => door.close());

const start = async (Key: string): Promise<string> => {
  const { UploadId } = await door.s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  assert(UploadId !== undefined);
  return UploadId;
};
const part = async (
  Key: string,
  UploadId: string,
  PartNumber: number,
  Body: Uint8Array,
): Promise<CompletedPart> => {
  const { ETag } = await door.s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
  return { PartNumber, ETag };
};
const md5 = (body: Uint8Array): Buffer => createHash('md5').update(body).digest();

test('the object is the parts in order, its ETag the MD5 of their MD5s', async () => {
  const done = await uploadInParts(door.s3, {
    Bucket,
    Key: 'whole',
    ContentType: 'text/plain',
    Metadata: { colour: 'red' },
    parts: [large, small],
  });
  const etag = `"${createHash('md5')
    .update(Buffer.concat([md5(large), md5(small)]))
    .digest('hex')}-2"`;
  assert.equal(done.ETag, etag);
  const got = await door.s3.send(new GetObjectCommand({ Bucket, Key: 'whole' }));
  assert.equal(got.ETag, etag);
  assert.equal(got.ContentType, 'text/plain');
  assert.deepEqual(got.Metadata, { colour: 'red' });
  assert.equal(
    Buffer.compare(
      Buffer.from((await got.Body?.transformToByteArray()) ?? []),
      Buffer.concat([large, small]),
    ),
    0,
  );
});

test('partNumber reads the parts as they were uploaded', async () => {
  const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'whole', PartNumber: 2 }));
  assert.deepEqual([head.PartsCount, head.ContentLength], [2, small.length]);
  const got = await door.s3.send(new GetObjectCommand({ Bucket, Key: 'whole', PartNumber: 2 }));
  assert.equal(await got.Body?.transformToString(), small.toString());
  assert.equal(
    got.ContentRange,
    `bytes ${large.length}-${large.length + small.length - 1}/${large.length + small.length}`,
  );
  const none = await sendSigned(door.port, {
    method: 'GET',
    bucket: Bucket,
    key: 'whole',
    query: { partNumber: '3' },
  });
  assert.deepEqual([none.status, codeOf(none)], [416, 'InvalidPartNumber']);
});

/** Base64 of a digest by the reference. */
const digest = (algorithm: DigestAlgorithm, parts: readonly Uint8Array[]): Buffer =>
  Buffer.from(referenceCompute().digest([algorithm], parts)[algorithm]!);

const checksums = [
  { algorithm: 'CRC32', type: undefined, want: 'COMPOSITE' },
  { algorithm: 'CRC32', type: 'FULL_OBJECT', want: 'FULL_OBJECT' },
  { algorithm: 'CRC32C', type: 'COMPOSITE', want: 'COMPOSITE' },
  { algorithm: 'CRC32C', type: 'FULL_OBJECT', want: 'FULL_OBJECT' },
  { algorithm: 'CRC64NVME', type: undefined, want: 'FULL_OBJECT' },
  { algorithm: 'SHA1', type: undefined, want: 'COMPOSITE' },
  { algorithm: 'SHA256', type: 'COMPOSITE', want: 'COMPOSITE' },
] as const;

for (const { algorithm, type, want } of checksums) {
  test(`an upload with ${algorithm} and type ${type ?? 'left open'} gets a ${want} checksum`, async () => {
    const Key = `sums-${algorithm}-${want}`;
    const done = await uploadInParts(door.s3, {
      Bucket,
      Key,
      ChecksumAlgorithm: algorithm,
      ...(type === undefined ? {} : { ChecksumType: type }),
      parts: [large, small],
    });
    const name = algorithm.toLowerCase() as Parameters<typeof digest>[0];
    const expected =
      want === 'FULL_OBJECT'
        ? digest(name, [large, small]).toString('base64')
        : `${digest(name, [digest(name, [large]), digest(name, [small])]).toString('base64')}-2`;
    assert.equal(done[`Checksum${algorithm}`], expected);
    const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
    assert.equal(head[`Checksum${algorithm}`], expected);
    assert.equal(head.ChecksumType, want);
  });
}

for (const { algorithm, type, want } of checksums) {
  test(`a ${want} ${algorithm} (${type ?? 'left open'}) of the whole may be promised at completion`, async () => {
    const at = { Bucket, Key: `promised-${algorithm}-${want}` };
    const choice = { ChecksumAlgorithm: algorithm, ChecksumType: want } as const;
    const { UploadId } = await door.s3.send(new CreateMultipartUploadCommand({ ...at, ...choice }));
    const part = { ...at, UploadId, PartNumber: 1, Body: small, ChecksumAlgorithm: algorithm };
    const sent = await door.s3.send(new UploadPartCommand(part));
    const member = `Checksum${algorithm}` as const;
    const name = algorithm.toLowerCase() as Parameters<typeof digest>[0];
    const expected =
      want === 'FULL_OBJECT'
        ? digest(name, [small]).toString('base64')
        : `${digest(name, [digest(name, [small])]).toString('base64')}-1`;
    const Parts = [{ PartNumber: 1, ETag: sent.ETag, [member]: sent[member] }];
    const complete = { ...at, UploadId, MultipartUpload: { Parts } };
    const wrong = want === 'FULL_OBJECT' ? digest(name, [large]).toString('base64') : `${expected}1`;
    await assert.rejects(door.s3.send(new CompleteMultipartUploadCommand({ ...complete, [member]: wrong })), {
      name: 'BadDigest',
    });
    const done = await door.s3.send(new CompleteMultipartUploadCommand({ ...complete, [member]: expected }));
    assert.equal(done[member], expected);
  });
}

test('without a choice the whole object gets CRC64NVME', async () => {
  const Key = 'plain-upload';
  const query = { uploads: '' };
  const created = await sendSigned(door.port, { method: 'POST', bucket: Bucket, key: Key, query });
  const uploadId = /<UploadId>([^<]*)</.exec(created.body.toString())?.[1] ?? '';
  const request = { method: 'PUT', bucket: Bucket, key: Key };
  const put = await sendSigned(door.port, { ...request, query: { uploadId, partNumber: '1' }, body: 'x' });
  const etag = put.headers['etag'] ?? '';
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
  const done = await sendSigned(door.port, { ...request, method: 'POST', query: { uploadId }, body });
  const value = digest('crc64nvme', [Buffer.from('x')]).toString('base64');
  assert(done.body.toString().includes(`<ChecksumCRC64NVME>${value}</ChecksumCRC64NVME>`));
});

test('a second Complete answers what the first did', async () => {
  const Key = 'twice';
  const UploadId = await start(Key);
  const MultipartUpload = { Parts: [await part(Key, UploadId, 1, small)] };
  const complete = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload });
  const first = await door.s3.send(complete);
  const second = await door.s3.send(complete);
  assert.equal(second.ETag, first.ETag);
});

test('a part that is sent again replaces, also late', async () => {
  const Key = 'replaced';
  const UploadId = await start(Key);
  await part(Key, UploadId, 2, Buffer.from('old'));
  const first = await part(Key, UploadId, 1, large);
  const second = await part(Key, UploadId, 2, Buffer.from('new'));
  const MultipartUpload = { Parts: [first, second] };
  await door.s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
  const got = await door.s3.send(new GetObjectCommand({ Bucket, Key, Range: `bytes=${large.length}-` }));
  assert.equal(await got.Body?.transformToString(), 'new');
});

const completions: readonly {
  readonly name: string;
  readonly parts: (one: CompletedPart, two: CompletedPart) => CompletedPart[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: string | undefined;
}[] = [
  { name: 'no part', parts: () => [], code: 'MalformedXML' },
  { name: 'parts out of order', parts: (one, two) => [two, one], code: 'InvalidPartOrder' },
  { name: 'a part twice', parts: (one) => [one, one], code: 'InvalidPartOrder' },
  {
    name: 'a part that was not uploaded',
    parts: (one) => [one, { ...one, PartNumber: 9 }],
    code: 'InvalidPart',
  },
  { name: 'another ETag', parts: (one) => [{ ...one, ETag: '"0"' }], code: 'InvalidPart' },
  { name: 'a short part that is not the last', parts: (one, two) => [one, two], code: 'EntityTooSmall' },
  { name: 'a part number that is none', parts: (one) => [{ ...one, PartNumber: 0 }], code: 'MalformedXML' },
  {
    name: 'the wrong size of the whole',
    parts: (one) => [one],
    headers: { 'x-amz-mp-object-size': '1' },
    code: 'InvalidRequest',
  },
  {
    name: 'the wrong checksum of the whole',
    parts: (one) => [one],
    headers: { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' },
    code: 'BadDigest',
  },
  {
    name: 'another checksum type than the upload has',
    parts: (one) => [one],
    headers: { 'x-amz-checksum-type': 'COMPOSITE' },
    code: 'InvalidRequest',
  },
  { name: 'only the last part', parts: (_one, two) => [two], code: undefined },
];

for (const { name, parts, headers = {}, code } of completions) {
  test(`Complete with ${name} is ${code ?? 'a success'}`, async () => {
    const key = 'completing';
    const created = await sendSigned(door.port, {
      method: 'POST',
      bucket: Bucket,
      key,
      query: { uploads: '' },
    });
    const uploadId = /<UploadId>([^<]*)</.exec(created.body.toString())?.[1] ?? '';
    const uploaded: CompletedPart[] = [];
    for (const PartNumber of [1, 2]) {
      const query = { uploadId, partNumber: String(PartNumber) };
      const put = await sendSigned(door.port, {
        method: 'PUT',
        bucket: Bucket,
        key,
        query,
        body: `part ${PartNumber}`,
      });
      uploaded.push({ PartNumber, ETag: put.headers['etag'] ?? '' });
    }
    const [one, two] = uploaded;
    assert(one !== undefined && two !== undefined);
    const list = parts(one, two)
      .map((it) => `<Part><PartNumber>${it.PartNumber}</PartNumber><ETag>${it.ETag}</ETag></Part>`)
      .join('');
    const body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${list}</CompleteMultipartUpload>`;
    const answer = await sendSigned(door.port, {
      method: 'POST',
      bucket: Bucket,
      key,
      query: { uploadId },
      headers,
      body,
    });
    assert.equal(codeOf(answer), code, answer.body.toString());
    await sendSigned(door.port, { method: 'DELETE', bucket: Bucket, key, query: { uploadId } });
  });
}

test('Complete with If-None-Match: * over an object is 412, and the upload stays open', async () => {
  const Key = 'conditional';
  const UploadId = await start(Key);
  const MultipartUpload = { Parts: [await part(Key, UploadId, 1, small)] };
  await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'there already' }));
  const complete = { Bucket, Key, UploadId, MultipartUpload };
  await assert.rejects(door.s3.send(new CompleteMultipartUploadCommand({ ...complete, IfNoneMatch: '*' })), {
    name: 'PreconditionFailed',
  });
  await door.s3.send(new CompleteMultipartUploadCommand(complete));
});

test('parts are copied from ranges of an object, and only from inside it', async () => {
  await door.s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: Buffer.concat([large, small]) }));
  const Key = 'from-parts';
  const UploadId = await start(Key);
  const copy = (PartNumber: number, CopySourceRange?: string): Promise<CompletedPart> =>
    door.s3
      .send(
        new UploadPartCopyCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          CopySource: `${Bucket}/source`,
          ...(CopySourceRange === undefined ? {} : { CopySourceRange }),
        }),
      )
      .then(({ CopyPartResult }) => ({ PartNumber, ETag: CopyPartResult?.ETag }));
  const Parts = [await copy(1), await copy(2, `bytes=${large.length}-${large.length + small.length - 1}`)];
  assert.equal(Parts[1]?.ETag, `"${md5(small).toString('hex')}"`);
  await assert.rejects(copy(3, `bytes=0-${large.length + small.length}`), { name: 'InvalidRange' });
  await assert.rejects(copy(3, 'bytes=0-'), { name: 'InvalidArgument' });
  await door.s3.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
  );
  const got = await door.s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
  const bytes = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
  assert.equal(Buffer.compare(bytes, Buffer.concat([large, small, small])), 0);
});

test('a copy of a multipart object carries its content and its ETag', async () => {
  const { CopyObjectResult } = await door.s3.send(
    new CopyObjectCommand({ Bucket, Key: 'copied', CopySource: `${Bucket}/whole` }),
  );
  const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'copied' }));
  assert.equal(head.ETag, CopyObjectResult?.ETag);
  assert.equal(head.ContentLength, large.length + small.length);
});

test('ListParts goes page by page', async () => {
  const Key = 'listed';
  const UploadId = await start(Key);
  for (const number of [1, 5, 3]) await part(Key, UploadId, number, small);
  const found: number[] = [];
  let PartNumberMarker: string | undefined;
  for (let pages = 0; pages < 10; pages += 1) {
    const page = await door.s3.send(
      new ListPartsCommand({ Bucket, Key, UploadId, MaxParts: 2, PartNumberMarker }),
    );
    found.push(...(page.Parts ?? []).map((it) => it.PartNumber ?? 0));
    assert(page.Parts?.every((it) => it.Size === small.length));
    if (page.IsTruncated !== true) break;
    PartNumberMarker = page.NextPartNumberMarker;
  }
  assert.deepEqual(found, [1, 3, 5]);
  await door.s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  await assert.rejects(door.s3.send(new ListPartsCommand({ Bucket, Key, UploadId })), {
    name: 'NoSuchUpload',
  });
  await assert.rejects(part(Key, UploadId, 1, small), { name: 'NoSuchUpload' });
});

test('ListMultipartUploads goes page by page, with prefix and delimiter', async () => {
  await sendSigned(door.port, { method: 'PUT', bucket: 'uploads' });
  const keys = ['a', 'b/1', 'b/2', 'c', 'c'];
  for (const Key of keys) await door.s3.send(new CreateMultipartUploadCommand({ Bucket: 'uploads', Key }));
  for (const MaxUploads of [1, 2, 10]) {
    const found: string[] = [];
    let markers: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (let pages = 0; pages < 10; pages += 1) {
      const page = await door.s3.send(
        new ListMultipartUploadsCommand({ Bucket: 'uploads', Delimiter: '/', MaxUploads, ...markers }),
      );
      found.push(
        ...(page.Uploads ?? []).map((it) => it.Key ?? ''),
        ...(page.CommonPrefixes ?? []).map((it) => it.Prefix ?? ''),
      );
      if (page.IsTruncated !== true) break;
      markers = {
        ...(page.NextKeyMarker === undefined ? {} : { KeyMarker: page.NextKeyMarker }),
        ...(page.NextUploadIdMarker === undefined ? {} : { UploadIdMarker: page.NextUploadIdMarker }),
      };
    }
    assert.deepEqual(found.toSorted(), ['a', 'b/', 'c', 'c']);
  }
  const under = await door.s3.send(new ListMultipartUploadsCommand({ Bucket: 'uploads', Prefix: 'b/' }));
  assert.deepEqual(
    under.Uploads?.map((it) => it.Key),
    ['b/1', 'b/2'],
  );
});

const choices = [
  {
    headers: { 'x-amz-checksum-algorithm': 'SHA256', 'x-amz-checksum-type': 'FULL_OBJECT' },
    code: 'InvalidRequest',
  },
  {
    headers: { 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'COMPOSITE' },
    code: 'InvalidRequest',
  },
  { headers: { 'x-amz-checksum-algorithm': 'MD4' }, code: 'InvalidRequest' },
  { headers: { 'x-amz-checksum-type': 'FULL_OBJECT' }, code: 'InvalidRequest' },
] as const;

for (const { headers, code } of choices) {
  test(`CreateMultipartUpload with ${JSON.stringify(headers)} is ${code}`, async () => {
    const answer = await sendSigned(door.port, {
      method: 'POST',
      bucket: Bucket,
      key: 'k',
      query: { uploads: '' },
      headers,
    });
    assert.equal(codeOf(answer), code);
  });
}

test('a composite checksum may be promised without the count of parts, as minio-go does', async () => {
  const at = { Bucket, Key: 'promised-without-count' };
  const create = new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: 'CRC32C' });
  const { UploadId } = await door.s3.send(create);
  const part = { ...at, UploadId, PartNumber: 1, Body: small, ChecksumAlgorithm: 'CRC32C' } as const;
  const { ETag, ChecksumCRC32C } = await door.s3.send(new UploadPartCommand(part));
  const complete = { ...at, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag, ChecksumCRC32C }] } };
  const promised = (whole: string): CompleteMultipartUploadCommand =>
    new CompleteMultipartUploadCommand({ ...complete, ChecksumCRC32C: whole });
  const ofPart = digest('crc32c', [small]);
  await assert.rejects(door.s3.send(promised(ofPart.toString('base64'))), { name: 'BadDigest' });
  const composite = digest('crc32c', [ofPart]).toString('base64');
  const done = await door.s3.send(promised(composite));
  assert.equal(done.ChecksumCRC32C, `${composite}-1`);
});

test('a part with another checksum than the upload was created with is refused', async () => {
  const Key = 'mixed';
  const created = await door.s3.send(
    new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'SHA256' }),
  );
  const wish = { Bucket, Key, UploadId: created.UploadId, PartNumber: 1, Body: 'x' };
  await assert.rejects(door.s3.send(new UploadPartCommand({ ...wish, ChecksumAlgorithm: 'CRC32' })), {
    name: 'InvalidRequest',
    message: 'Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: crc32',
  });
});
