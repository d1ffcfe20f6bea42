import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ListObjectsCommand, ListObjectsV2Command, type ListObjectsV2CommandInput } from '@aws-sdk/client-s3';
import { put } from '../../namespace/world.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer } from './signed-request.ts';

const Bucket = 'listing';
/** In byte order, which is the order that S3 lists in. */
const keys = [
  'a',
  'a b+c',
  'a-b',
  'a.txt',
  'a/',
  'a/1',
  'a/2/x',
  'a/2/y',
  'a0',
  'b//c',
  'boo/bar',
  'boo/baz/xyzzy',
  'é',
  '日本',
];
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
  for (const key of keys.toReversed())
    await sendSigned(door.port, { method: 'PUT', bucket: Bucket, key, body: key });
});
after(() => door.close());

interface Listed {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
}

/** All pages of version 2, in order. */
async function listV2(wish: Omit<ListObjectsV2CommandInput, 'Bucket'>): Promise<Listed & { pages: number }> {
  const found = { keys: [] as string[], prefixes: [] as string[], pages: 0 };
  let ContinuationToken: string | undefined;
  do {
    const page = await door.s3.send(new ListObjectsV2Command({ Bucket, ...wish, ContinuationToken }));
    found.pages += 1;
    found.keys.push(...(page.Contents ?? []).map((it) => it.Key ?? ''));
    found.prefixes.push(...(page.CommonPrefixes ?? []).map((it) => it.Prefix ?? ''));
    const count = (page.Contents?.length ?? 0) + (page.CommonPrefixes?.length ?? 0);
    assert.equal(page.KeyCount, count);
    assert.equal(page.IsTruncated, page.NextContinuationToken !== undefined);
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined && found.pages < 100);
  return found;
}

/** The same by markers. */
async function listV1(wish: Omit<ListObjectsV2CommandInput, 'Bucket'>): Promise<Listed & { pages: number }> {
  const found = { keys: [] as string[], prefixes: [] as string[], pages: 0 };
  let Marker: string | undefined = wish.StartAfter;
  for (;;) {
    const page = await door.s3.send(new ListObjectsCommand({ Bucket, ...wish, Marker }));
    found.pages += 1;
    found.keys.push(...(page.Contents ?? []).map((it) => it.Key ?? ''));
    found.prefixes.push(...(page.CommonPrefixes ?? []).map((it) => it.Prefix ?? ''));
    if (page.IsTruncated !== true || found.pages >= 100) return found;
    assert.equal(page.NextMarker !== undefined, wish.Delimiter !== undefined);
    Marker = page.NextMarker ?? page.Contents?.at(-1)?.Key;
  }
}

const cases: readonly { readonly wish: Omit<ListObjectsV2CommandInput, 'Bucket'>; readonly want: Listed }[] =
  [
    { wish: {}, want: { keys, prefixes: [] } },
    {
      wish: { Delimiter: '/' },
      want: { keys: ['a', 'a b+c', 'a-b', 'a.txt', 'a0', 'é', '日本'], prefixes: ['a/', 'b/', 'boo/'] },
    },
    { wish: { Prefix: 'a/' }, want: { keys: ['a/', 'a/1', 'a/2/x', 'a/2/y'], prefixes: [] } },
    { wish: { Prefix: 'a/', Delimiter: '/' }, want: { keys: ['a/', 'a/1'], prefixes: ['a/2/'] } },
    {
      wish: { Prefix: 'a', Delimiter: '/' },
      want: { keys: ['a', 'a b+c', 'a-b', 'a.txt', 'a0'], prefixes: ['a/'] },
    },
    { wish: { Prefix: 'b/', Delimiter: '/' }, want: { keys: [], prefixes: ['b//'] } },
    { wish: { Prefix: 'bo', Delimiter: 'a' }, want: { keys: [], prefixes: ['boo/ba'] } },
    { wish: { Prefix: 'none' }, want: { keys: [], prefixes: [] } },
    { wish: { StartAfter: 'a/2/x' }, want: { keys: keys.slice(keys.indexOf('a/2/y')), prefixes: [] } },
    {
      wish: { StartAfter: 'a/', Delimiter: '/' },
      want: { keys: ['a0', 'é', '日本'], prefixes: ['b/', 'boo/'] },
    },
    { wish: { StartAfter: '日本' }, want: { keys: [], prefixes: [] } },
  ];

for (const { wish, want } of cases) {
  for (const MaxKeys of [1, 2, 3, 1000]) {
    test(`${JSON.stringify(wish)} in pages of ${MaxKeys} lists the same through both versions`, async () => {
      const count = want.keys.length + want.prefixes.length;
      for (const list of [listV1, listV2]) {
        const { pages, ...found } = await list({ ...wish, MaxKeys });
        assert.deepEqual(found, want);
        assert.equal(pages, Math.max(1, Math.ceil(count / MaxKeys)), 'the last page is known to be the last');
      }
    });
  }
}

test('a page of 1,000 out of more is full, and the next one goes on behind it', async () => {
  await sendSigned(door.port, { method: 'PUT', bucket: 'many-keys' });
  const bucket = await door.world.namespace.objects.bucket('many-keys');
  assert(bucket !== undefined);
  const names = Array.from({ length: 1001 }, (_, index) => `key-${String(index).padStart(5, '0')}`);
  for (const name of names) await put(door.world, bucket, name, 'x');
  const first = await door.s3.send(new ListObjectsV2Command({ Bucket: 'many-keys' }));
  assert.deepEqual([first.KeyCount, first.IsTruncated], [1000, true]);
  const ContinuationToken = first.NextContinuationToken;
  const second = await door.s3.send(new ListObjectsV2Command({ Bucket: 'many-keys', ContinuationToken }));
  const found = [...(first.Contents ?? []), ...(second.Contents ?? [])].map((it) => it.Key);
  assert.deepEqual(found, names);
});

const get = (query: Readonly<Record<string, string>>): Promise<RawAnswer> =>
  sendSigned(door.port, { method: 'GET', bucket: Bucket, query });

test('encoding-type=url encodes like AWS: space as %20, plus as %2B, slashes stay', async () => {
  const text = (await get({ 'list-type': '2', 'encoding-type': 'url', prefix: 'a b+' })).body.toString();
  assert.match(text, /<Prefix>a%20b%2B<\/Prefix>/);
  assert.match(text, /<Key>a%20b%2Bc<\/Key>/);
  assert.match(text, /<EncodingType>url<\/EncodingType>/);
  const rolled = (await get({ 'list-type': '2', 'encoding-type': 'url', delimiter: '/' })).body.toString();
  assert.match(rolled, /<CommonPrefixes><Prefix>a\/<\/Prefix><\/CommonPrefixes>/);
  assert.match(rolled, /<Key>%C3%A9<\/Key>/);
});

test('an entry tells what HEAD tells', async () => {
  const text = (await get({ 'list-type': '2', prefix: 'a/1', 'fetch-owner': 'true' })).body.toString();
  const head = await sendSigned(door.port, { method: 'HEAD', bucket: Bucket, key: 'a/1' });
  assert.match(text, /<Key>a\/1<\/Key><LastModified>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z<\/LastModified>/);
  assert(text.includes(`<ETag>${(head.headers['etag'] ?? '').replaceAll('"', '&quot;')}</ETag>`));
  assert.match(text, /<Size>3<\/Size><Owner><ID>[0-9a-f]{64}<\/ID>/);
  assert.match(text, /<StorageClass>STANDARD<\/StorageClass>/);
});

test('max-keys=0 is an empty page that is not truncated', async () => {
  const text = (await get({ 'list-type': '2', 'max-keys': '0' })).body.toString();
  assert.match(text, /<KeyCount>0<\/KeyCount><MaxKeys>0<\/MaxKeys><IsTruncated>false<\/IsTruncated>/);
});

test('an empty continuation token is accepted and answered', async () => {
  const text = (await get({ 'list-type': '2', 'continuation-token': '' })).body.toString();
  assert.match(text, /<ContinuationToken><\/ContinuationToken>/);
  assert.match(text, /<KeyCount>14<\/KeyCount>/);
});

test('max-keys above 1,000 is cut to 1,000', async () =>
  assert.match((await get({ 'max-keys': '5000' })).body.toString(), /<MaxKeys>1000<\/MaxKeys>/));

const refused = [
  { query: { 'max-keys': '-1' }, argument: 'maxKeys' },
  { query: { 'max-keys': 'many' }, argument: 'maxKeys' },
  { query: { 'list-type': '2', 'max-keys': '2147483648' }, argument: 'maxKeys' },
  { query: { 'encoding-type': 'xml' }, argument: 'encoding-type' },
  { query: { 'list-type': '2', 'continuation-token': 'bm9uc2Vuc2U=' }, argument: 'continuation-token' },
] as const;

for (const { query, argument } of refused) {
  test(`a listing with ${JSON.stringify(query)} is InvalidArgument`, async () => {
    const answer = await get(query);
    assert.deepEqual([answer.status, codeOf(answer)], [400, 'InvalidArgument']);
    assert.match(answer.body.toString(), new RegExp(`<ArgumentName>${argument}</ArgumentName>`));
  });
}
