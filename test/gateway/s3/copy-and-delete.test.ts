import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer, type RawRequest } from './signed-request.ts';

const bucket = 'copying';
let door: LiveDoor;
let etag = '';

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket });
  const headers = { 'content-type': 'text/plain', 'x-amz-meta-a': 'old' };
  const made = await sendSigned(door.port, {
    method: 'PUT',
    bucket,
    key: 'from here',
    headers,
    body: 'content',
  });
  etag = made.headers['etag'] ?? '';
});
after(() => door.close());

const copy = (key: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> =>
  sendSigned(door.port, {
    method: 'PUT',
    bucket,
    key,
    headers: { 'x-amz-copy-source': `/${bucket}/from%20here`, ...headers },
  });
const head = (key: string): Promise<RawAnswer> => sendSigned(door.port, { method: 'HEAD', bucket, key });

test('a copy has the content, type and metadata of its source', async () => {
  const answer = await copy('plain');
  assert.equal(answer.status, 200);
  assert(answer.body.toString().includes(`<ETag>${etag.replaceAll('"', '&quot;')}</ETag>`));
  const { headers } = await head('plain');
  assert.deepEqual(
    [headers['etag'], headers['content-type'], headers['x-amz-meta-a']],
    [etag, 'text/plain', 'old'],
  );
});

test('REPLACE takes type and metadata from the request', async () => {
  const directive = { 'x-amz-metadata-directive': 'REPLACE', 'content-type': 'a/b', 'x-amz-meta-b': 'new' };
  assert.equal((await copy('replaced', directive)).status, 200);
  const { headers } = await head('replaced');
  assert.deepEqual(
    [headers['content-type'], headers['x-amz-meta-a'], headers['x-amz-meta-b']],
    ['a/b', undefined, 'new'],
  );
});

test('a copy onto itself must change something', async () => {
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'self', body: 'same' });
  const source = { 'x-amz-copy-source': `${bucket}/self` };
  const idle = await copy('self', source);
  assert.deepEqual([idle.status, codeOf(idle)], [400, 'InvalidRequest']);
  const directive = { ...source, 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-c': 'changed' };
  assert.equal((await copy('self', directive)).status, 200);
  const got = await sendSigned(door.port, { method: 'GET', bucket, key: 'self' });
  assert.deepEqual([got.body.toString(), got.headers['x-amz-meta-c']], ['same', 'changed']);
});

test('a copy may ask for another checksum', async () => {
  const answer = await copy('summed', { 'x-amz-checksum-algorithm': 'SHA256' });
  const value = createHash('sha256').update('content').digest('base64');
  assert(answer.body.toString().includes(`<ChecksumSHA256>${value}</ChecksumSHA256>`));
});

const past = 'Mon, 01 Jan 2001 00:00:00 GMT';
const future = 'Fri, 01 Jan 2100 00:00:00 GMT';
const conditions: readonly {
  readonly headers: Readonly<Record<string, string>>;
  readonly code: string | undefined;
}[] = [
  { headers: { 'x-amz-copy-source-if-match': 'ETAG' }, code: undefined },
  { headers: { 'x-amz-copy-source-if-match': '"0"' }, code: 'PreconditionFailed' },
  { headers: { 'x-amz-copy-source-if-none-match': 'ETAG' }, code: 'PreconditionFailed' },
  { headers: { 'x-amz-copy-source-if-none-match': '"0"' }, code: undefined },
  { headers: { 'x-amz-copy-source-if-modified-since': future }, code: 'PreconditionFailed' },
  { headers: { 'x-amz-copy-source-if-unmodified-since': past }, code: 'PreconditionFailed' },
  { headers: { 'if-none-match': '*' }, code: 'PreconditionFailed' },
  { headers: { 'if-match': '"0"' }, code: 'PreconditionFailed' },
  { headers: { 'x-amz-copy-source': 'nokey' }, code: 'InvalidArgument' },
  { headers: { 'x-amz-copy-source': `${bucket}/none` }, code: 'NoSuchKey' },
  { headers: { 'x-amz-copy-source': 'no-bucket/none' }, code: 'NoSuchBucket' },
  { headers: { 'x-amz-copy-source': `${bucket}/from%20here?versionId=null` }, code: undefined },
  { headers: { 'x-amz-copy-source': `${bucket}/from%20here?versionId=1` }, code: 'InvalidArgument' },
  { headers: { 'x-amz-metadata-directive': 'MERGE' }, code: 'InvalidArgument' },
  { headers: { 'x-amz-tagging-directive': 'MERGE' }, code: 'InvalidArgument' },
  { headers: { 'x-amz-checksum-algorithm': 'MD4' }, code: 'InvalidRequest' },
  { headers: { 'x-amz-source-expected-bucket-owner': '111122223333' }, code: 'AccessDenied' },
];

for (const { headers, code } of conditions) {
  test(`a copy with ${JSON.stringify(headers)} is ${code ?? 'made'}`, async () => {
    await sendSigned(door.port, { method: 'PUT', bucket, key: 'target', body: 'there' });
    const filled = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace('ETAG', etag)]),
    );
    const answer = await copy('target', filled);
    assert.equal(codeOf(answer), code, answer.body.toString());
    const got = await sendSigned(door.port, { method: 'GET', bucket, key: 'target' });
    assert.equal(got.body.toString(), code === undefined ? 'content' : 'there');
  });
}

const md5 = (text: string): string => createHash('md5').update(text).digest('base64');
const remove = (body: string, request: Partial<RawRequest> = {}): Promise<RawAnswer> =>
  sendSigned(door.port, {
    method: 'POST',
    bucket,
    query: { delete: '' },
    headers: { 'content-md5': md5(body) },
    body,
    ...request,
  });
const wishes = (keys: readonly string[], quiet = ''): string =>
  `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${quiet}${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}</Delete>`;

test('DeleteObjects removes what is there and reports what is not the same way', async () => {
  const keys = Array.from({ length: 40 }, (_, index) => `many/${index}`);
  for (const key of keys) await sendSigned(door.port, { method: 'PUT', bucket, key, body: 'x' });
  const answer = await remove(wishes([...keys, 'never-there']));
  assert.equal(answer.body.toString().match(/<Deleted>/g)?.length, 41);
  const left = await sendSigned(door.port, { method: 'GET', bucket, query: { prefix: 'many/' } });
  assert(!left.body.toString().includes('<Contents>'));
});

test('a quiet DeleteObjects reports failures only', async () => {
  const body = wishes(['k'], '<Quiet>true</Quiet>').replace(
    '</Delete>',
    '<Object><Key>k</Key><VersionId>v1</VersionId></Object></Delete>',
  );
  const text = (await remove(body)).body.toString();
  assert(!text.includes('<Deleted>'));
  assert.match(text, /<Error><Key>k<\/Key><VersionId>v1<\/VersionId><Code>InvalidArgument<\/Code>/);
});

const refused: readonly {
  readonly name: string;
  readonly body: string;
  readonly request?: Partial<RawRequest>;
  readonly code: string;
}[] = [
  {
    name: 'more than 1,000 keys',
    body: wishes(Array.from({ length: 1001 }, (_, index) => `k${index}`)),
    code: 'MalformedXML',
  },
  { name: 'no key', body: wishes([]), code: 'MalformedXML' },
  { name: 'an empty key', body: wishes(['']), code: 'MalformedXML' },
  { name: 'no document', body: '', code: 'MalformedXML' },
  { name: 'a document type', body: `<!DOCTYPE d [<!ENTITY e "k">]>${wishes(['&e;'])}`, code: 'MalformedXML' },
  { name: 'an unknown entity', body: wishes(['&e;']), code: 'MalformedXML' },
  {
    name: 'bytes that are no UTF-8',
    body: wishes(['\ufffd']),
    request: { body: Buffer.from([0x3c, 0xff, 0x3e]) },
    code: 'MalformedXML',
  },
  {
    name: 'no promise about its content',
    body: wishes(['k']),
    request: { headers: {} },
    code: 'InvalidRequest',
  },
  {
    name: 'another Content-MD5',
    body: wishes(['k']),
    request: { headers: { 'content-md5': md5('other') } },
    code: 'BadDigest',
  },
];

for (const { name, body, request, code } of refused) {
  test(`DeleteObjects with ${name} is ${code}`, async () => {
    const headers =
      request?.body === undefined
        ? {}
        : { headers: { 'content-md5': createHash('md5').update(request.body).digest('base64') } };
    assert.equal(codeOf(await remove(body, { ...headers, ...request })), code);
  });
}
