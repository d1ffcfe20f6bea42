import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type ChecksumAlgorithm,
  type ChecksumType,
  type GetObjectAttributesCommandOutput,
  type ObjectAttributes,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { uploadInParts } from './multipart.ts';
import { codeOf, sendSigned } from './signed-request.ts';

const Bucket = 'attributes';
const MiB = 1 << 20;
const bodies = [Buffer.alloc(5 * MiB, 'a'), Buffer.alloc(5 * MiB, 'b'), Buffer.from('tail')];
const whole = Buffer.concat(bodies);
const all: ObjectAttributes[] = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await door.s3.send(new CreateBucketCommand({ Bucket }));
  await door.s3.send(
    new PutObjectCommand({ Bucket, Key: 'plain', Body: 'content', ChecksumAlgorithm: 'SHA256' }),
  );
  await uploadInParts(door.s3, { Bucket, Key: 'parts', parts: bodies, ChecksumAlgorithm: 'SHA256' });
});
after(() => door.close());

const attributes = (
  Key: string,
  further: { MaxParts?: number; PartNumberMarker?: string } = {},
): Promise<GetObjectAttributesCommandOutput> =>
  door.s3.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: all, ...further }));

const digest = (algorithm: string, body: string | Buffer): Buffer =>
  createHash(algorithm).update(body).digest();
const sha256 = (body: string | Buffer): string => digest('sha256', body).toString('base64');

test('of an object that was put, everything but parts', async () => {
  const { ETag, Checksum, ObjectParts, StorageClass, ObjectSize } = await attributes('plain');
  assert.deepEqual(
    [ETag, Checksum, ObjectParts, StorageClass, ObjectSize],
    [
      digest('md5', 'content').toString('hex'),
      { ChecksumSHA256: sha256('content'), ChecksumType: 'FULL_OBJECT' },
      undefined,
      'STANDARD',
      7,
    ],
  );
});

test('of a multipart object, the parts with sizes and checksums', async () => {
  const { ObjectParts, Checksum, ObjectSize } = await attributes('parts');
  const composite = createHash('sha256');
  for (const body of bodies) composite.update(digest('sha256', body));
  assert.deepEqual(Checksum, {
    ChecksumSHA256: `${composite.digest('base64')}-3`,
    ChecksumType: 'COMPOSITE',
  });
  assert.equal(ObjectSize, whole.length);
  assert.deepEqual(
    [ObjectParts?.TotalPartsCount, ObjectParts?.IsTruncated, ObjectParts?.MaxParts],
    [3, false, 1000],
  );
  assert.deepEqual(
    ObjectParts?.Parts,
    bodies.map((body, index) => ({
      PartNumber: index + 1,
      Size: body.length,
      ChecksumSHA256: sha256(body),
    })),
  );
});

test('parts come in pages', async () => {
  const page = (await attributes('parts', { MaxParts: 1, PartNumberMarker: '1' })).ObjectParts;
  assert.deepEqual(
    [page?.Parts?.map((it) => it.PartNumber), page?.IsTruncated, page?.NextPartNumberMarker],
    [[2], true, '2'],
  );
  const last = (await attributes('parts', { MaxParts: 5, PartNumberMarker: '2' })).ObjectParts;
  assert.deepEqual([last?.Parts?.map((it) => it.PartNumber), last?.IsTruncated], [[3], false]);
  const behind = (await attributes('parts', { PartNumberMarker: '7' })).ObjectParts;
  assert.deepEqual([behind?.Parts, behind?.IsTruncated], [undefined, false]);
});

const refused: readonly { readonly value?: string; readonly key?: string; readonly code: string }[] = [
  { code: 'InvalidRequest' },
  { value: ' , ', code: 'InvalidRequest' },
  { value: 'ETag, Colour', code: 'InvalidArgument' },
  { value: 'etag', code: 'InvalidArgument' },
  { value: 'ETag', key: 'missing', code: 'NoSuchKey' },
];

for (const { value, key = 'plain', code } of refused) {
  test(`x-amz-object-attributes: ${value ?? 'absent'} of ${key} is ${code}`, async () => {
    const headers = value === undefined ? {} : { 'x-amz-object-attributes': value };
    const query = { attributes: '' };
    assert.equal(
      codeOf(await sendSigned(door.port, { method: 'GET', bucket: Bucket, key, query, headers })),
      code,
    );
  });
}

test('a list with a space after the comma is understood, and only what it names is answered', async () => {
  const headers = { 'x-amz-object-attributes': 'ObjectSize, ETag' };
  const request = { method: 'GET', bucket: Bucket, key: 'plain', query: { attributes: '' }, headers };
  const body = (await sendSigned(door.port, request)).body.toString();
  const [, elements] =
    /<GetObjectAttributesResponse[^>]*>(.*)<\/GetObjectAttributesResponse>/.exec(body) ?? [];
  assert.equal(
    elements,
    `<ETag>${digest('md5', 'content').toString('hex')}</ETag><ObjectSize>7</ObjectSize>`,
  );
});

test('a part that is read by number or by its range has its own checksum, any other range none', async () => {
  const read = (further: { PartNumber?: number; Range?: string }): Promise<string | undefined> =>
    door.s3
      .send(new HeadObjectCommand({ Bucket, Key: 'parts', ChecksumMode: 'ENABLED', ...further }))
      .then((head) => head.ChecksumSHA256);
  assert.equal(await read({ PartNumber: 2 }), sha256(bodies[1] ?? ''));
  assert.equal(await read({ Range: `bytes=${5 * MiB}-${10 * MiB - 1}` }), sha256(bodies[1] ?? ''));
  assert.equal(await read({ Range: `bytes=0-${10 * MiB - 1}` }), undefined);
  assert.equal(await read({ Range: 'bytes=1-5' }), undefined);
});

const copies: readonly {
  readonly source: string;
  readonly create?: { ChecksumAlgorithm: ChecksumAlgorithm; ChecksumType?: ChecksumType };
  readonly asked?: ChecksumAlgorithm;
  readonly algorithm: ChecksumAlgorithm;
}[] = [
  { source: 'default', algorithm: 'CRC64NVME' },
  { source: 'composite', create: { ChecksumAlgorithm: 'SHA256' }, algorithm: 'SHA256' },
  { source: 'full', create: { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' }, algorithm: 'CRC32' },
  { source: 'other', create: { ChecksumAlgorithm: 'SHA256' }, asked: 'SHA1', algorithm: 'SHA1' },
];

for (const { source, create, asked, algorithm } of copies) {
  test(`a copy of a multipart object (${source}) is one whole with an MD5 and a ${algorithm}`, async () => {
    await uploadInParts(door.s3, { Bucket, Key: source, parts: bodies, ...create });
    const copied = await door.s3.send(
      new CopyObjectCommand({
        Bucket,
        Key: `${source}-copy`,
        CopySource: `${Bucket}/${source}`,
        ChecksumAlgorithm: asked,
      }),
    );
    const md5 = digest('md5', whole).toString('hex');
    assert.equal(copied.CopyObjectResult?.ETag, `"${md5}"`);
    const found = await attributes(`${source}-copy`);
    assert.deepEqual([found.ETag, found.ObjectParts], [md5, undefined]);
    const { ChecksumType, ...values } = found.Checksum ?? {};
    assert.equal(ChecksumType, 'FULL_OBJECT');
    assert.deepEqual(Object.keys(values), [`Checksum${algorithm}`]);
    // The client checks the checksum while it reads.
    const read = await door.s3.send(
      new GetObjectCommand({ Bucket, Key: `${source}-copy`, ChecksumMode: 'ENABLED' }),
    );
    const bytes = (await read.Body?.transformToByteArray()) ?? new Uint8Array(0);
    assert.equal(Buffer.compare(bytes, whole), 0);
  });
}

test('a multipart object copied onto itself becomes a whole as well', async () => {
  await uploadInParts(door.s3, { Bucket, Key: 'self', parts: bodies });
  await door.s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'self',
      CopySource: `${Bucket}/self`,
      MetadataDirective: 'REPLACE',
      Metadata: { a: 'b' },
    }),
  );
  const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'self' }));
  assert.deepEqual([head.ETag, head.Metadata], [`"${digest('md5', whole).toString('hex')}"`, { a: 'b' }]);
});
