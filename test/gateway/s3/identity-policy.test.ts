import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { codeOf, type RawRequest } from './signed-request.ts';
import { policyOf, town, type Town } from './town.ts';

interface Case {
  readonly name: string;
  /** Of Alice, who owns `alice-bucket`; each statement is completed to one that allows everything. */
  readonly identity: readonly object[];
  readonly bucket?: readonly object[];
  readonly asked: readonly (readonly [RawRequest, number])[];
}

const get = (bucket: string, key?: string): RawRequest => ({
  method: 'GET',
  bucket,
  ...(key === undefined ? {} : { key }),
});
const put = (bucket: string, key?: string): RawRequest => ({
  method: 'PUT',
  bucket,
  ...(key === undefined ? {} : { key, body: 'x' }),
});
const own = 'arn:aws:s3:::alice-bucket';

const cases: readonly Case[] = [
  {
    name: 'may do only what it allows',
    identity: [{ Action: 's3:GetObject', Resource: `${own}/*` }],
    asked: [
      [get('alice-bucket', 'k'), 200],
      [put('alice-bucket', 'k'), 403],
      [get('alice-bucket'), 403],
      [{ method: 'GET' }, 403],
      [put('a-new-bucket'), 403],
    ],
  },
  {
    name: 'may list buckets and make those that it may make',
    identity: [
      { Action: ['s3:ListAllMyBuckets'] },
      { Action: 's3:CreateBucket', Resource: 'arn:aws:s3:::alice-*' },
    ],
    asked: [
      [{ method: 'GET' }, 200],
      [put('alice-more'), 200],
      [put('bobs-more'), 403],
    ],
  },
  {
    name: 'is kept from what it denies',
    identity: [{}, { Effect: 'Deny', Action: 's3:DeleteObject' }],
    asked: [
      [get('alice-bucket', 'k'), 200],
      [{ method: 'DELETE', bucket: 'alice-bucket', key: 'k' }, 403],
      [put('alice-bucket', 'k'), 200],
    ],
  },
  {
    name: 'is let in by the bucket of its own account, too',
    identity: [{ Action: 's3:ListAllMyBuckets' }],
    bucket: [{ Condition: { StringEquals: { 'aws:username': 'alice' } } }],
    asked: [
      [get('alice-bucket', 'k'), 200],
      [put('alice-bucket', 'k'), 403],
    ],
  },
  {
    name: 'is denied by the bucket of its own account',
    identity: [{}],
    bucket: [{ Effect: 'Deny' }, { Effect: 'Deny', Action: 's3:GetBucketPolicy', Resource: own }],
    asked: [
      [get('alice-bucket', 'k'), 403],
      [put('alice-bucket', 'k'), 200],
      [{ ...get('alice-bucket'), query: { policy: '' } }, 403],
    ],
  },
  {
    name: 'gets into no bucket of another account by itself',
    identity: [{}],
    asked: [
      [get('bob-bucket'), 403],
      [put('bob-bucket', 'k'), 403],
    ],
  },
  {
    name: 'has a home of its own by variables',
    identity: [
      { Action: ['s3:GetObject', 's3:PutObject'], Resource: `${own}/home/\${aws:username}/*` },
      {
        Action: 's3:ListBucket',
        Resource: own,
        Condition: { StringLike: { 's3:prefix': ['home/${aws:username}/*'] } },
      },
    ],
    asked: [
      [put('alice-bucket', 'home/alice/x'), 200],
      [put('alice-bucket', 'home/bob/x'), 403],
      [get('alice-bucket', 'k'), 403],
      [{ ...get('alice-bucket'), query: { prefix: 'home/alice/' } }, 200],
      [get('alice-bucket'), 403],
      [get('alice-bucket', 'home/alice/none'), 404],
    ],
  },
];

const documentOf = (statements: readonly object[]): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((statement) => ({ Effect: 'Allow', Action: '*', Resource: '*', ...statement })),
  });

async function townWith(
  context: TestContext,
  { identity, bucket }: Pick<Case, 'identity' | 'bucket'>,
): Promise<Town> {
  const here = await town(context);
  if (bucket !== undefined)
    await here.alice.s3.send(
      new PutBucketPolicyCommand({ Bucket: 'alice-bucket', Policy: policyOf(...bucket) }),
    );
  await here.door.accounts.putPolicy('alice', { name: 'own', text: documentOf(identity) });
  return here;
}

for (const { name, asked, ...given } of cases) {
  test(`a user with an identity policy ${name}`, async (context) => {
    const { alice } = await townWith(context, given);
    for (const [request, want] of asked) {
      const answer = await alice.send(request);
      assert.equal(answer.status, want, `${request.method} ${request.bucket} ${request.key ?? ''}`);
      if (want === 403) assert.equal(codeOf(answer), 'AccessDenied');
    }
  });
}

test('from another account both sides must allow', async (context) => {
  const { alice, bob, door } = await town(context);
  const Policy = policyOf({ Principal: { AWS: bob.user.account.id } });
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket: 'alice-bucket', Policy }));
  const read = async (): Promise<number> => (await bob.send(get('alice-bucket', 'k'))).status;
  assert.equal(await read(), 200);
  await door.accounts.putPolicy('bob', { name: 'own', text: documentOf([{ Action: 's3:PutObject' }]) });
  assert.equal(await read(), 403);
  await door.accounts.putPolicy('bob', { name: 'more', text: documentOf([{ Action: 's3:GetObject' }]) });
  assert.equal(await read(), 200);
  await door.accounts.removePolicy('bob', 'more');
  await door.accounts.removePolicy('bob', 'own');
  assert.equal(await read(), 200);
});

test('a bucket that names the account lets in no user of it that its own policies keep out', async (context) => {
  const { alice, door } = await town(context);
  await door.accounts.putPolicy('alice', {
    name: 'own',
    text: documentOf([{ Action: 's3:PutBucketPolicy' }]),
  });
  const read = async (AWS: string): Promise<number> => {
    const Policy = policyOf({ Principal: { AWS } });
    await alice.s3.send(new PutBucketPolicyCommand({ Bucket: 'alice-bucket', Policy }));
    return (await alice.send(get('alice-bucket', 'k'))).status;
  };
  assert.equal(await read(alice.user.account.id), 403);
  assert.equal(await read(alice.arn), 200);
});
