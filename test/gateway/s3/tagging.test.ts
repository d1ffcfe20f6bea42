import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketTaggingCommand,
  DeleteObjectTaggingCommand,
  GetBucketTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  type Tag,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { S3Error } from '../../../src/gateway/s3/errors.ts';
import { headerTags, objectTags } from '../../../src/gateway/s3/tags.ts';
import { bytes, root } from '../../namespace/world.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer, type RawRequest } from './signed-request.ts';

const Bucket = 'tagged-bucket';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
});
after(() => door.close());

const raw = (request: RawRequest): Promise<RawAnswer> =>
  sendSigned(door.port, { bucket: Bucket, ...request });

const put = (Key: string, Tagging?: string): Promise<unknown> =>
  door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'body', Tagging }));

const tagsOf = async (Key: string): Promise<Tag[] | undefined> =>
  (await door.s3.send(new GetObjectTaggingCommand({ Bucket, Key }))).TagSet;

const countOf = async (Key: string): Promise<(number | undefined)[]> => [
  (await door.s3.send(new HeadObjectCommand({ Bucket, Key }))).TagCount,
  (await door.s3.send(new GetObjectCommand({ Bucket, Key }))).TagCount,
];

const tag = (key: string, value: string): string => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`;

const documentRequest = (method: string, inside: string): RawRequest => {
  const body = `<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</Tagging>`;
  const md5 = createHash('md5').update(body).digest('base64');
  return { method, query: { tagging: '' }, body, headers: { 'content-md5': md5 } };
};

test('tags of an object are put, read, counted, replaced and deleted; its date and ETag stay', async () => {
  await put('object');
  const first = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'object' }));
  assert.deepEqual(await tagsOf('object'), []);
  assert.deepEqual(await countOf('object'), [undefined, undefined]);
  const TagSet = [
    { Key: 'b c+d-e=f.g_h:i/j@k', Value: '2 + 2 = 4' },
    { Key: '0', Value: '' },
    { Key: 'ü'.repeat(128), Value: '文'.repeat(256) },
    ...Array.from({ length: 7 }, (_, index) => ({ Key: `key-${index}`, Value: `${index}` })),
  ];
  await door.s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'object', Tagging: { TagSet } }));
  assert.deepEqual(await tagsOf('object'), TagSet);
  assert.deepEqual(await countOf('object'), [10, 10]);
  const one = [{ Key: 'only', Value: 'one' }];
  await door.s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'object', Tagging: { TagSet: one } }));
  assert.deepEqual(await tagsOf('object'), one);
  const last = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'object' }));
  assert.deepEqual([last.LastModified, last.ETag], [first.LastModified, first.ETag]);
  const gone = await door.s3.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'object' }));
  assert.equal(gone.$metadata.httpStatusCode, 204);
  assert.deepEqual(await tagsOf('object'), []);
});

test('an empty set takes the tags away', async () => {
  await put('emptied', 'a=1');
  assert.equal((await raw({ ...documentRequest('PUT', '<TagSet/>'), key: 'emptied' })).status, 200);
  assert.deepEqual(await tagsOf('emptied'), []);
});

const headers = [
  {
    header: 'foo=bar&bar',
    want: [
      ['bar', ''],
      ['foo', 'bar'],
    ],
  },
  {
    header: 'a=1&b=2',
    want: [
      ['a', '1'],
      ['b', '2'],
    ],
  },
  {
    header: 'a&b=',
    want: [
      ['a', ''],
      ['b', ''],
    ],
  },
  {
    header: 'a%20b=c%2Bd&e+f=g=h',
    want: [
      ['a b', 'c+d'],
      ['e f', 'g=h'],
    ],
  },
  { header: '%C3%BC=%E6%96%87', want: [['ü', '文']] },
] as const;

for (const { header, want } of headers) {
  test(`x-amz-tagging: ${header} is understood by PutObject`, async () => {
    await put('by-header', header);
    assert.deepEqual(
      await tagsOf('by-header'),
      want.map(([Key, Value]) => ({ Key, Value })),
    );
  });
}

test('a plain PUT over a tagged object has no tags', async () => {
  await put('replaced', 'a=1');
  await put('replaced');
  assert.deepEqual(await tagsOf('replaced'), []);
});

test('a copy has the tags of its source, or those of the request with REPLACE', async () => {
  await put('source', 'from=source');
  const copy = (Key: string, more: object): Promise<unknown> =>
    door.s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/source`, ...more }));
  await copy('copy-1', {});
  assert.deepEqual(await tagsOf('copy-1'), [{ Key: 'from', Value: 'source' }]);
  await copy('copy-2', { TaggingDirective: 'COPY', Tagging: 'ignored=1' });
  assert.deepEqual(await tagsOf('copy-2'), [{ Key: 'from', Value: 'source' }]);
  await copy('copy-3', { TaggingDirective: 'REPLACE', Tagging: 'own=1' });
  assert.deepEqual(await tagsOf('copy-3'), [{ Key: 'own', Value: '1' }]);
  await copy('copy-4', { TaggingDirective: 'REPLACE' });
  assert.deepEqual(await tagsOf('copy-4'), []);
  await copy('source', { MetadataDirective: 'REPLACE', Metadata: { m: '1' } });
  assert.deepEqual(await tagsOf('source'), [{ Key: 'from', Value: 'source' }]);
  await copy('source', { MetadataDirective: 'REPLACE', TaggingDirective: 'REPLACE', Tagging: 'in=place' });
  assert.deepEqual(await tagsOf('source'), [{ Key: 'in', Value: 'place' }]);
});

test('a multipart object has the tags that its upload was created with', async () => {
  const at = { Bucket, Key: 'parts' };
  const { UploadId } = await door.s3.send(new CreateMultipartUploadCommand({ ...at, Tagging: 'a=1&b=2' }));
  const part = { ...at, UploadId, PartNumber: 1 };
  const { ETag } = await door.s3.send(new UploadPartCommand({ ...part, Body: 'part' }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  await door.s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload }));
  assert.deepEqual(await countOf('parts'), [2, 2]);
});

test('tags survive an edit of the file over NFS', async () => {
  await put('edited', 'kept=yes');
  const { files, objects } = door.world.namespace;
  const bucket = await objects.bucket(Bucket);
  assert(bucket !== undefined);
  const found = await files.lookup(root, { directory: bucket.ino, name: bytes('edited') });
  await files.write(root, found.attributes.ino, { offset: 4, data: bytes(' and more'), stable: true });
  const got = await raw({ method: 'GET', key: 'edited' });
  assert.deepEqual([got.body.toString(), got.headers['x-amz-tagging-count']], ['body and more', '1']);
  assert.deepEqual(await tagsOf('edited'), [{ Key: 'kept', Value: 'yes' }]);
});

const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => tag(`key-${index}`, '')).join('');
const badKey = /<Code>InvalidTag<\/Code><Message>The TagKey you have provided is invalid<\/Message><TagKey>/;
const badValue = /<Code>InvalidTag<\/Code><Message>The TagValue you have provided is invalid<\/Message>/;
const system =
  /<Code>InvalidTag<\/Code><Message>System tags cannot be added\/updated by requester<\/Message>/;
const malformed = /<Code>MalformedXML<\/Code>/;

const refusedSets: readonly (readonly [name: string, inside: string, want: RegExp])[] = [
  ['a tag without a key', `<TagSet>${tag('', 'v')}</TagSet>`, badKey],
  ['a key of 129 characters', `<TagSet>${tag('k'.repeat(129), 'v')}</TagSet>`, badKey],
  ['a value of 257 characters', `<TagSet>${tag('k', 'v'.repeat(257))}</TagSet>`, badValue],
  ['a key with a comma', `<TagSet>${tag('a,b', 'v')}</TagSet>`, badKey],
  ['a value with a bracket', `<TagSet>${tag('k', '(v)')}</TagSet>`, badValue],
  ['a value with a tab', `<TagSet>${tag('k', 'a&#9;b')}</TagSet>`, badValue],
  ['a key of AWS', `<TagSet>${tag('aws:cost', 'v')}</TagSet>`, system],
  [
    'a key twice',
    `<TagSet>${tag('a', '1')}${tag('a', '2')}</TagSet>`,
    /Cannot provide multiple Tags with the same key/,
  ],
  ['no set', '', malformed],
  ['a tag without a value', '<TagSet><Tag><Key>a</Key></Tag></TagSet>', malformed],
  ['two sets', '<TagSet/><TagSet/>', malformed],
];

for (const [name, inside, want] of refusedSets) {
  test(`${name} is refused for objects and buckets alike`, async () => {
    await put('refusing', 'kept=1');
    for (const where of [{ key: 'refusing' }, {}]) {
      const answer = await raw({ ...documentRequest('PUT', inside), ...where });
      assert.equal(answer.status, 400);
      assert.match(answer.body.toString(), want);
    }
    assert.deepEqual(await tagsOf('refusing'), [{ Key: 'kept', Value: '1' }]);
  });
}

test('more than 10 tags of an object, or 50 of a bucket, are an InvalidTag', async () => {
  await put('full');
  const eleven = await raw({ ...documentRequest('PUT', `<TagSet>${many(11)}</TagSet>`), key: 'full' });
  assert.match(
    eleven.body.toString(),
    /<Code>InvalidTag<\/Code><Message>Object tags cannot be greater than 10</,
  );
  const bucket = await raw(documentRequest('PUT', `<TagSet>${many(51)}</TagSet>`));
  assert.match(
    bucket.body.toString(),
    /<Code>InvalidTag<\/Code><Message>Bucket tag count cannot be greater than 50</,
  );
});

const refusedHeaders = [
  { header: 'a=1&a=2', code: 'InvalidArgument' },
  { header: '=1', code: 'InvalidArgument' },
  { header: 'a=%FF', code: 'InvalidArgument' },
  { header: 'a=%', code: 'InvalidArgument' },
  { header: 'a%2Cb=1', code: 'InvalidTag' },
  { header: 'aws:cost=1', code: 'InvalidTag' },
  { header: `a=${'v'.repeat(257)}`, code: 'InvalidTag' },
  { header: Array.from({ length: 11 }, (_, index) => `k${index}=`).join('&'), code: 'InvalidTag' },
] as const;

for (const { header, code } of refusedHeaders) {
  test(`x-amz-tagging: ${header.slice(0, 20)} is ${code} and nothing is stored`, async () => {
    const request = { key: 'never', headers: { 'x-amz-tagging': header } };
    assert.equal(codeOf(await raw({ ...request, method: 'PUT', body: 'x' })), code);
    assert.equal(codeOf(await raw({ ...request, method: 'POST', query: { uploads: '' } })), code);
    assert.equal((await raw({ method: 'HEAD', key: 'never' })).status, 404);
  });
}

test('a key that is not there has no tags to put, get or delete', async () => {
  for (const method of ['PUT', 'GET', 'DELETE']) {
    const body = method === 'PUT' ? documentRequest(method, `<TagSet>${tag('a', 'b')}</TagSet>`) : {};
    const answer = await raw({ query: { tagging: '' }, ...body, method, key: 'missing' });
    assert.match(answer.body.toString(), /<Code>NoSuchKey<\/Code>.*<Key>missing<\/Key>/, method);
  }
});

test('a document without Content-MD5 or checksum is refused', async () => {
  const request = documentRequest('PUT', `<TagSet>${tag('a', 'b')}</TagSet>`);
  assert.equal(codeOf(await raw({ ...request, headers: {} })), 'InvalidRequest');
});

test('tags of a bucket are put, read and deleted; a bucket without any says NoSuchTagSet', async () => {
  const TagSet = [
    { Key: 'team', Value: 'blue' },
    { Key: '7', Value: '' },
  ];
  const none = await raw({ method: 'GET', query: { tagging: '' } });
  assert.equal(none.status, 404);
  assert.match(none.body.toString(), /NoSuchTagSet.*The TagSet does not exist.*<BucketName>tagged-bucket</);
  const put = await door.s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
  assert.equal(put.$metadata.httpStatusCode, 204);
  assert.deepEqual((await door.s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet, TagSet);
  for (let times = 0; times < 2; times += 1) {
    const gone = await door.s3.send(new DeleteBucketTaggingCommand({ Bucket }));
    assert.equal(gone.$metadata.httpStatusCode, 204);
  }
  assert.equal(codeOf(await raw({ method: 'GET', query: { tagging: '' } })), 'NoSuchTagSet');
});

const character = fc.constantFrom(...'abcXYZ019 +-=._:/@üß文е', '\u00a0');
const tagSet = fc.uniqueArray(
  fc.record(
    {
      key: fc.string({ unit: character, minLength: 1, maxLength: 128 }).map((key) => `k${key}`.slice(0, 128)),
      value: fc.string({ unit: character, maxLength: 256 }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 10, selector: ({ key }) => key },
);

test('every valid set of tags comes out of a header and a document as it went in', () =>
  fc.assert(
    fc.property(tagSet, (tags) => {
      const header = tags.map(({ key, value }) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
      const sorted = tags.toSorted((one, other) => (one.key < other.key ? -1 : 1));
      assert.deepEqual(headerTags(header.join('&')), sorted);
      const Tag = tags.map(({ key, value }) => ({ Key: key, Value: value }));
      assert.deepEqual(objectTags({ TagSet: { Tag } }), tags);
    }),
  ));

test('any header gives tags that a document would give as well, or an error of S3', () =>
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab=&%+25cF,ÿ:aws'), maxLength: 40 }), (header) => {
      try {
        const tags = headerTags(header);
        const Tag = tags.map(({ key, value }) => ({ Key: key, Value: value }));
        assert.deepEqual(objectTags({ TagSet: { Tag } }), tags);
      } catch (failure) {
        assert(failure instanceof S3Error);
        assert(['InvalidArgument', 'InvalidTag'].includes(failure.code), failure.code);
      }
    }),
    { numRuns: 2_000 },
  ));
