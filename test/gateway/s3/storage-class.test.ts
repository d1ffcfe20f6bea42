import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  RestoreObjectCommand,
  StorageClass,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { uploadInParts } from './multipart.ts';
import { codeOf, sendSigned } from './signed-request.ts';

const Bucket = 'classes';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await door.s3.send(new CreateBucketCommand({ Bucket }));
});
after(() => door.close());

const classes = [
  ...(['STANDARD', 'REDUCED_REDUNDANCY', 'STANDARD_IA', 'ONEZONE_IA'] as const),
  ...(['INTELLIGENT_TIERING', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE'] as const),
];

for (const storageClass of classes) {
  test(`${storageClass} is kept and shown wherever AWS shows it, and its bytes can be read`, async () => {
    const { s3 } = door;
    const Key = storageClass;
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'content', StorageClass: storageClass }));
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    assert.equal(head.StorageClass, storageClass === 'STANDARD' ? undefined : storageClass);
    const read = await s3.send(new GetObjectCommand({ Bucket, Key }));
    assert.equal(await read.Body?.transformToString(), 'content');
    const attributes = new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ['StorageClass'] });
    assert.equal((await s3.send(attributes)).StorageClass, storageClass);
    const list = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
    assert.equal(list.Contents?.[0]?.StorageClass, storageClass);
    const versions = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }));
    assert.equal(versions.Versions?.[0]?.StorageClass, storageClass);
  });

  test(`an upload of class ${storageClass} says so while it is open and when it is complete`, async () => {
    const { s3 } = door;
    const Key = `upload-${storageClass}`;
    const create = { Bucket, Key, StorageClass: storageClass };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(create));
    const parts = await s3.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    const uploads = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
    assert.deepEqual([parts.StorageClass, uploads.Uploads?.[0]?.StorageClass], [storageClass, storageClass]);
    await uploadInParts(s3, { ...create, parts: ['x'] });
    const list = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: Key }));
    assert.equal(list.Contents?.[0]?.StorageClass, storageClass);
  });
}

test('a copy has the class it asks for, and STANDARD when it asks for none', async () => {
  const { s3 } = door;
  await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: 'x', StorageClass: 'GLACIER_IR' }));
  const CopySource = `${Bucket}/source`;
  for (const StorageClass of [undefined, 'ONEZONE_IA'] as const) {
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource, StorageClass }));
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'copy' }));
    assert.equal(head.StorageClass, StorageClass);
  }
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'source', CopySource, StorageClass: 'STANDARD_IA' }));
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'source' }))).StorageClass, 'STANDARD_IA');
});

test('classes of other kinds of storage and unknown ones are InvalidStorageClass', async () => {
  const others = Object.values(StorageClass).filter((it) => !(classes as readonly string[]).includes(it));
  for (const storageClass of [...others, 'standard', 'toString', '']) {
    const headers = { 'x-amz-storage-class': storageClass };
    for (const request of [
      { method: 'PUT', body: 'x' },
      { method: 'POST', query: { uploads: '' } },
    ]) {
      const answer = await sendSigned(door.port, { bucket: Bucket, key: 'refused', headers, ...request });
      assert.deepEqual([answer.status, codeOf(answer)], [400, 'InvalidStorageClass'], storageClass);
    }
  }
});

const restores: readonly {
  readonly key: string;
  readonly body?: string;
  readonly outcome: readonly [number, string | undefined];
}[] = [
  { key: 'GLACIER', outcome: [200, undefined] },
  { key: 'DEEP_ARCHIVE', outcome: [200, undefined] },
  { key: 'STANDARD', outcome: [403, 'InvalidObjectState'] },
  { key: 'GLACIER_IR', outcome: [403, 'InvalidObjectState'] },
  { key: 'missing', outcome: [404, 'NoSuchKey'] },
  { key: 'GLACIER', body: '<RestoreRequest><Days>0</Days></RestoreRequest>', outcome: [400, 'MalformedXML'] },
  { key: 'GLACIER', body: '<RestoreRequest/>', outcome: [400, 'MalformedXML'] },
  {
    key: 'GLACIER',
    body: '<RestoreRequest><Days>1</Days><GlacierJobParameters><Tier>Quick</Tier></GlacierJobParameters></RestoreRequest>',
    outcome: [400, 'MalformedXML'],
  },
  {
    key: 'GLACIER',
    body: '<RestoreRequest><Type>SELECT</Type></RestoreRequest>',
    outcome: [501, 'NotImplemented'],
  },
];

test('RestoreObject is for archive classes, whose objects need none', async () => {
  for (const { key, body = '<RestoreRequest><Days>1</Days></RestoreRequest>', outcome } of restores) {
    const query = { restore: '' };
    const answer = await sendSigned(door.port, { method: 'POST', bucket: Bucket, key, query, body });
    assert.deepEqual([answer.status, codeOf(answer)], outcome, `${key} ${body}`);
  }
  await door.s3.send(
    new RestoreObjectCommand({
      Bucket,
      Key: 'GLACIER',
      RestoreRequest: { Days: 3, GlacierJobParameters: { Tier: 'Bulk' } },
    }),
  );
});
