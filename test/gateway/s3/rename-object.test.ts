import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  RenameObjectCommand,
} from '@aws-sdk/client-s3';
import { liveDoor } from './live-door.ts';
import { codeOf, sendSigned } from './signed-request.ts';

const Bucket = 'renaming';

test('a renamed object keeps its content, type, metadata and time', async (context) => {
  const { s3 } = await liveDoor(context);
  await s3.send(new CreateBucketCommand({ Bucket }));
  const stored = {
    Body: 'content',
    ContentType: 'a/b',
    Metadata: { a: 'b' },
    StorageClass: 'GLACIER_IR',
  } as const;
  await s3.send(new PutObjectCommand({ Bucket, Key: 'folder/old name', ...stored }));
  const before = await s3.send(new HeadObjectCommand({ Bucket, Key: 'folder/old name' }));
  const RenameSource = encodeURIComponent('folder/old name');
  await s3.send(new RenameObjectCommand({ Bucket, Key: 'new/näme', RenameSource }));
  const after = await s3.send(new HeadObjectCommand({ Bucket, Key: 'new/näme' }));
  assert.deepEqual({ ...after, $metadata: undefined }, { ...before, $metadata: undefined });
  const read = await s3.send(new GetObjectCommand({ Bucket, Key: 'new/näme' }));
  assert.equal(await read.Body?.transformToString(), 'content');
  const list = await s3.send(new ListObjectsV2Command({ Bucket }));
  assert.deepEqual(
    list.Contents?.map(({ Key }) => Key),
    ['new/näme'],
  );
});

const past = 'Thu, 01 Jan 2015 00:00:00 GMT';
const future = 'Thu, 01 Jan 2093 00:00:00 GMT';

const cases: readonly {
  readonly headers: Readonly<Record<string, string>>;
  readonly to?: string;
  readonly outcome: readonly [number, string | undefined];
}[] = [
  { headers: {}, outcome: [200, undefined] },
  { headers: { 'x-amz-rename-source': '/a' }, outcome: [200, undefined] },
  { headers: { 'x-amz-rename-source': 'missing' }, outcome: [404, 'NoSuchKey'] },
  { headers: { 'x-amz-rename-source': 'a/' }, outcome: [400, 'InvalidArgument'] },
  { headers: {}, to: 'b/', outcome: [400, 'InvalidArgument'] },
  { headers: { 'x-amz-rename-source': '%zz' }, outcome: [400, 'InvalidURI'] },
  { headers: { 'if-none-match': '*' }, outcome: [412, 'PreconditionFailed'] },
  { headers: { 'if-none-match': '*' }, to: 'c', outcome: [200, undefined] },
  { headers: { 'if-match': '*' }, outcome: [200, undefined] },
  { headers: { 'if-match': 'another' }, outcome: [412, 'PreconditionFailed'] },
  { headers: { 'if-match': '*' }, to: 'c', outcome: [412, 'PreconditionFailed'] },
  { headers: { 'if-modified-since': past }, outcome: [200, undefined] },
  { headers: { 'if-modified-since': future }, outcome: [412, 'PreconditionFailed'] },
  { headers: { 'if-unmodified-since': past }, outcome: [412, 'PreconditionFailed'] },
  {
    headers: { 'x-amz-rename-source-if-match': '"0cc175b9c0f1b6a831c399e269772661"' },
    outcome: [200, undefined],
  },
  {
    headers: { 'x-amz-rename-source-if-match': '0cc175b9c0f1b6a831c399e269772661' },
    outcome: [200, undefined],
  },
  { headers: { 'x-amz-rename-source-if-match': 'another' }, outcome: [412, 'PreconditionFailed'] },
  { headers: { 'x-amz-rename-source-if-none-match': '*' }, outcome: [412, 'PreconditionFailed'] },
  { headers: { 'x-amz-rename-source-if-modified-since': future }, outcome: [412, 'PreconditionFailed'] },
  { headers: { 'x-amz-rename-source-if-unmodified-since': past }, outcome: [412, 'PreconditionFailed'] },
  { headers: { 'x-amz-client-token': 'x'.repeat(65) }, outcome: [400, 'InvalidArgument'] },
];

test('a rename with conditions happens or is refused as AWS says, and then nothing has changed', async (context) => {
  const { port, s3 } = await liveDoor(context);
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const { headers, to = 'b', outcome } of cases) {
    await sendSigned(port, { method: 'DELETE', bucket: Bucket, key: 'c' });
    for (const key of ['a', 'b']) await sendSigned(port, { method: 'PUT', bucket: Bucket, key, body: key });
    const all = { 'x-amz-rename-source': 'a', ...headers };
    const query = { renameObject: '' };
    const answer = await sendSigned(port, { method: 'PUT', bucket: Bucket, key: to, query, headers: all });
    assert.deepEqual([answer.status, codeOf(answer)], outcome, `${to} ${JSON.stringify(headers)}`);
    const source = await sendSigned(port, { method: 'HEAD', bucket: Bucket, key: 'a' });
    assert.equal(source.status, outcome[0] === 200 ? 404 : 200);
  }
});

test('the SDK sends a token, with which a rename may be repeated', async (context) => {
  const { s3 } = await liveDoor(context);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }));
  const rename = { Bucket, Key: 'b', RenameSource: 'a', ClientToken: 'token-1' };
  await s3.send(new RenameObjectCommand(rename));
  await s3.send(new RenameObjectCommand(rename));
  await assert.rejects(s3.send(new RenameObjectCommand({ ...rename, ClientToken: 'token-2' })), {
    name: 'NoSuchKey',
  });
});
