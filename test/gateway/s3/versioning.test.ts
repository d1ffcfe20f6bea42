import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  type BucketVersioningStatus,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned } from './signed-request.ts';

let door: LiveDoor;
before(async () => {
  door = await openLiveDoor();
});
after(() => door.close());

const versioning = (Bucket: string, Status: BucketVersioningStatus): Promise<unknown> =>
  door.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));

async function bucket(name: string, status?: BucketVersioningStatus): Promise<string> {
  await door.s3.send(new CreateBucketCommand({ Bucket: name }));
  if (status !== undefined) await versioning(name, status);
  return name;
}

const put = async (Bucket: string, Key: string, Body: string): Promise<string | undefined> =>
  (await door.s3.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId;

const body = async (Bucket: string, Key: string, VersionId?: string): Promise<string | undefined> =>
  (await door.s3.send(new GetObjectCommand({ Bucket, Key, VersionId }))).Body?.transformToString();

test('the state of versioning is what was put, and nothing before', async () => {
  const Bucket = await bucket('states');
  const state = async (): Promise<string | undefined> =>
    (await door.s3.send(new GetBucketVersioningCommand({ Bucket }))).Status;
  assert.equal(await state(), undefined);
  await versioning(Bucket, 'Suspended');
  assert.equal(await state(), 'Suspended');
  await versioning(Bucket, 'Enabled');
  assert.equal(await state(), 'Enabled');
});

const refused = [
  { document: '<VersioningConfiguration/>', code: 'IllegalVersioningConfigurationException' },
  {
    document: '<VersioningConfiguration><Status>Off</Status></VersioningConfiguration>',
    code: 'MalformedXML',
  },
  {
    document:
      '<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>',
    code: 'NotImplemented',
  },
  { document: '<Versioning><Status>Enabled</Status></Versioning>', code: 'MalformedXML' },
] as const;

for (const { document, code } of refused)
  test(`PutBucketVersioning with ${document} is ${code}`, async () => {
    const request = { method: 'PUT', bucket: 'states', query: { versioning: '' }, body: document };
    assert.equal(codeOf(await sendSigned(door.port, request)), code);
  });

test('each version is read, tagged, copied and removed by its id', async () => {
  const Bucket = await bucket('by-id', 'Enabled');
  const first = await put(Bucket, 'k', 'one');
  const second = await put(Bucket, 'k', 'two');
  assert.match(first ?? '', /^[0-9a-f]{16}$/);
  assert.equal(await body(Bucket, 'k'), 'two');
  assert.equal(await body(Bucket, 'k', first), 'one');
  const at = { Bucket, Key: 'k', VersionId: first };
  await door.s3.send(
    new PutObjectTaggingCommand({ ...at, Tagging: { TagSet: [{ Key: 'which', Value: 'first' }] } }),
  );
  const tags = await door.s3.send(new GetObjectTaggingCommand(at));
  assert.deepEqual([tags.TagSet, tags.VersionId], [[{ Key: 'which', Value: 'first' }], first]);
  assert.deepEqual((await door.s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'k' }))).TagSet, []);
  const CopySource = `${Bucket}/k?versionId=${first}`;
  const copied = await door.s3.send(new CopyObjectCommand({ Bucket, Key: 'k', CopySource }));
  assert.equal(copied.CopySourceVersionId, first);
  assert.notEqual(copied.VersionId, second);
  assert.equal(await body(Bucket, 'k'), 'one');
  const removed = await door.s3.send(
    new DeleteObjectCommand({ Bucket, Key: 'k', VersionId: copied.VersionId }),
  );
  assert.deepEqual([removed.VersionId, removed.DeleteMarker], [copied.VersionId, undefined]);
  assert.equal(await body(Bucket, 'k'), 'two');
});

test('a delete marker hides the object, is told of, and shows it again when it goes', async () => {
  const Bucket = await bucket('markers', 'Enabled');
  await put(Bucket, 'k', 'kept');
  const marker = await door.s3.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
  assert.equal(marker.DeleteMarker, true);
  const plain = await sendSigned(door.port, { method: 'GET', bucket: Bucket, key: 'k' });
  assert.deepEqual([plain.status, codeOf(plain)], [404, 'NoSuchKey']);
  assert.equal(plain.headers['x-amz-delete-marker'], 'true');
  assert.equal(plain.headers['x-amz-version-id'], marker.VersionId);
  const versionId = marker.VersionId ?? '';
  const named = await sendSigned(door.port, {
    method: 'GET',
    bucket: Bucket,
    key: 'k',
    query: { versionId },
  });
  assert.deepEqual([named.status, codeOf(named)], [405, 'MethodNotAllowed']);
  assert.equal(named.headers['x-amz-delete-marker'], 'true');
  const CopySource = `${Bucket}/k?versionId=${versionId}`;
  await assert.rejects(door.s3.send(new CopyObjectCommand({ Bucket, Key: 'c', CopySource })), {
    name: 'InvalidRequest',
  });
  const gone = await door.s3.send(new DeleteObjectCommand({ Bucket, Key: 'k', VersionId: versionId }));
  assert.deepEqual([gone.DeleteMarker, gone.VersionId], [true, versionId]);
  assert.equal(await body(Bucket, 'k'), 'kept');
});

test('a version that does not exist is NoSuchVersion, and an id that can be none is InvalidArgument', async () => {
  const Bucket = await bucket('strangers', 'Enabled');
  await put(Bucket, 'k', 'x');
  for (const [versionId, code] of [
    ['00000000000fffff', 'NoSuchVersion'],
    ['ffffffffffffffff', 'NoSuchVersion'],
    ['null', 'NoSuchVersion'],
    ['nonsense', 'InvalidArgument'],
    ['', 'InvalidArgument'],
  ] as const) {
    const got = await sendSigned(door.port, {
      method: 'GET',
      bucket: Bucket,
      key: 'k',
      query: { versionId },
    });
    assert.equal(codeOf(got), code, versionId);
  }
  await door.s3.send(new DeleteObjectCommand({ Bucket, Key: 'k', VersionId: '00000000000fffff' }));
  assert.equal(await body(Bucket, 'k'), 'x');
});

test('while versioning is suspended writes are the null version, and say nothing of it', async () => {
  const Bucket = await bucket('suspended', 'Enabled');
  const kept = await put(Bucket, 'k', 'kept');
  await versioning(Bucket, 'Suspended');
  assert.equal(await put(Bucket, 'k', 'one'), undefined);
  assert.equal(await put(Bucket, 'k', 'two'), undefined);
  const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
  assert.equal(head.VersionId, 'null');
  const { Versions } = await door.s3.send(new ListObjectVersionsCommand({ Bucket }));
  assert.deepEqual(
    Versions?.map(({ VersionId, IsLatest }) => [VersionId, IsLatest]),
    [
      ['null', true],
      [kept, false],
    ],
  );
});

test('a multipart upload makes a version', async () => {
  const Bucket = await bucket('in-parts', 'Enabled');
  await put(Bucket, 'k', 'before');
  const at = { Bucket, Key: 'k' };
  const { UploadId } = await door.s3.send(new CreateMultipartUploadCommand(at));
  const { ETag } = await door.s3.send(
    new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'in parts' }),
  );
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  const done = await door.s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));
  const again = await door.s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));
  assert.equal(again.VersionId, done.VersionId);
  assert.equal(await body(Bucket, 'k', done.VersionId), 'in parts');
  const { Versions } = await door.s3.send(new ListObjectVersionsCommand({ Bucket }));
  assert.equal(Versions?.length, 2);
});

test('DeleteObjects says which markers it made and which versions it removed', async () => {
  const Bucket = await bucket('many', 'Enabled');
  const first = await put(Bucket, 'a', '1');
  await put(Bucket, 'b', '2');
  const { Deleted } = await door.s3.send(
    new DeleteObjectsCommand({
      Bucket,
      Delete: { Objects: [{ Key: 'a', VersionId: first }, { Key: 'b' }, { Key: 'never' }] },
    }),
  );
  assert.deepEqual(
    Deleted?.map(({ Key, VersionId, DeleteMarker }) => [Key, VersionId, DeleteMarker]),
    [
      ['a', first, undefined],
      ['b', undefined, true],
      ['never', undefined, true],
    ],
  );
  const listed = await door.s3.send(new ListObjectVersionsCommand({ Bucket }));
  assert.deepEqual(
    listed.DeleteMarkers?.map(({ Key }) => Key),
    ['b', 'never'],
  );
});

test('ListObjectVersions goes on from any version, in pages of any size, and rolls prefixes up', async () => {
  const Bucket = await bucket('paged', 'Enabled');
  for (const Key of ['a', 'd/x', 'd/y', 'ü']) for (const text of ['1', '2']) await put(Bucket, Key, text);
  await door.s3.send(new DeleteObjectCommand({ Bucket, Key: 'd/x' }));
  const all = async (MaxKeys: number): Promise<string[]> => {
    const found: string[] = [];
    let next: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await door.s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys, ...next }));
      const entries = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
      found.push(...entries.map(({ Key, VersionId, IsLatest }) => `${Key} ${VersionId} ${IsLatest}`));
      if (page.IsTruncated !== true) return found.toSorted();
      next = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
  };
  const whole = await all(1000);
  assert.equal(whole.length, 9);
  for (const size of [1, 2, 4]) assert.deepEqual(await all(size), whole);
  const rolled = await door.s3.send(new ListObjectVersionsCommand({ Bucket, Delimiter: '/' }));
  assert.deepEqual(rolled.CommonPrefixes, [{ Prefix: 'd/' }]);
  assert.equal(rolled.Versions?.length, 4);
  const request = { method: 'GET', bucket: Bucket, query: { versions: '', 'version-id-marker': 'null' } };
  assert.equal(codeOf(await sendSigned(door.port, request)), 'InvalidArgument');
});
