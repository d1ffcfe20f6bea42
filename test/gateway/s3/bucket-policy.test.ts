import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeleteBucketPolicyCommand,
  DeletePublicAccessBlockCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetPublicAccessBlockCommand,
  PutBucketPolicyCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { codeOf } from './signed-request.ts';
import { policyOf, town, type Town } from './town.ts';

const Bucket = 'alice-bucket';
const refusedAs =
  (code: string, status: number) => (failure: { name: string; $metadata: { httpStatusCode?: number } }) =>
    failure.name === code && failure.$metadata.httpStatusCode === status;

test('a policy comes back byte for byte, and goes', async (context) => {
  const { alice } = await town(context);
  const Policy = `{ "Version": "2012-10-17",\n\t"Id": "ü", ${policyOf({}).slice(1).replace('"Version":"2012-10-17",', '')}  `;
  await assert.rejects(
    alice.s3.send(new GetBucketPolicyCommand({ Bucket })),
    refusedAs('NoSuchBucketPolicy', 404),
  );
  const put = await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  assert.equal(put.$metadata.httpStatusCode, 204);
  assert.equal((await alice.s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy, Policy);
  const raw = await alice.send({ method: 'GET', bucket: Bucket, query: { policy: '' } });
  assert.equal(raw.headers['content-type'], 'application/json');
  for (let count = 0; count < 2; count += 1) {
    const gone = await alice.s3.send(new DeleteBucketPolicyCommand({ Bucket }));
    assert.equal(gone.$metadata.httpStatusCode, 204);
  }
  await assert.rejects(
    alice.s3.send(new GetBucketPolicyCommand({ Bucket })),
    refusedAs('NoSuchBucketPolicy', 404),
  );
});

const ofBucket = 'arn:aws:s3:::alice-bucket';
const accepted: readonly object[] = [
  { Action: ['s3:GetObject', 's3:ListBucket'], Resource: [ofBucket, `${ofBucket}/*`] },
  { Action: '*', Resource: [ofBucket, `${ofBucket}/*`] },
  { Action: 's3:*', Resource: ofBucket },
  { Action: 's3:ListBucket', Resource: 'arn:aws:s3:::*' },
  { Resource: 'arn:aws:s3:::*' },
  { Resource: 'arn:aws:s3:::alice-*' },
  { Resource: 'arn:aws:s3:::*/*' },
  { Resource: `${ofBucket}/\${aws:username}/*` },
  { Effect: 'Deny', Principal: undefined, NotPrincipal: { AWS: '111122223333' } },
  { Action: undefined, NotAction: 's3:ListBucket' },
  { Principal: { Service: 'logging.s3.amazonaws.com' }, Action: 's3:PutObject' },
  { Action: 's3:ListBucket', Resource: ofBucket, Condition: { StringLike: { 's3:prefix': 'a/*' } } },
  { Condition: { StringEquals: { 's3:ExistingObjectTag/a b': 'c' } } },
];

const refused: readonly (readonly [statement: object, message: string])[] = [
  [{ Action: 's3:ListBucket' }, 'Action does not apply to any resource(s) in statement'],
  [{ Resource: ofBucket }, 'Action does not apply to any resource(s) in statement'],
  [{ Action: ['s3:GetObject', 's3:ListBucket'] }, 'Action does not apply to any resource(s) in statement'],
  [{ Action: 's3:GetNothing' }, 'Policy has invalid action'],
  [{ Action: 'ec2:*' }, 'Policy has invalid action'],
  [{ Action: 's3:ListAllMyBuckets', Resource: ofBucket }, 'Policy has invalid action'],
  [{ Resource: 'arn:aws:s3:::bob-bucket/*' }, 'Policy has invalid resource'],
  [{ Resource: [`${ofBucket}/*`, 'arn:aws:s3:::alice-bucket2/*'] }, 'Policy has invalid resource'],
  [{ Resource: '*' }, 'Policy has invalid resource'],
  [{ Resource: 'alice-bucket/*' }, 'Policy has invalid resource'],
  [{ Principal: { AWS: 'nobody' } }, 'Invalid principal in policy'],
  [{ Principal: undefined }, 'Missing required field Principal'],
  [{ Principal: undefined, NotPrincipal: '*' }, 'Allow with NotPrincipal is not allowed'],
  [{ Condition: { StringEquals: { 's3:Nothing': 'x' } } }, 'Policy has an invalid condition key'],
  [
    { Condition: { StringEquals: { 's3:prefix': 'x' } } },
    'Conditions do not apply to combination of actions and resources in statement',
  ],
];

test('a policy is checked against its bucket, with AWS’s words', async (context) => {
  const { alice } = await town(context);
  for (const statement of accepted)
    await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(statement) }));
  const kept = policyOf({ Sid: 'kept' });
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: kept }));
  for (const [statement, message] of refused)
    await assert.rejects(
      alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(statement) })),
      (failure: Error) => failure.name === 'MalformedPolicy' && failure.message === message,
      message,
    );
  for (const body of [Buffer.from([0x7b, 0xff, 0x7d]), Buffer.from('{'), Buffer.from('')]) {
    const answer = await alice.send({ method: 'PUT', bucket: Bucket, query: { policy: '' }, body });
    assert.equal(codeOf(answer), 'MalformedPolicy');
  }
  assert.equal((await alice.s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy, kept);
});

test('a policy is a matter of the bucket’s account, whatever it allows to others', async (context) => {
  const { alice, bob, door } = await town(context);
  const Policy = policyOf({
    Principal: { AWS: bob.arn },
    Action: 's3:*',
    Resource: [ofBucket, `${ofBucket}/*`],
  });
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  for (const command of [
    new PutBucketPolicyCommand({ Bucket, Policy }),
    new GetBucketPolicyCommand({ Bucket }),
    new DeleteBucketPolicyCommand({ Bucket }),
  ])
    await assert.rejects(bob.s3.send(command as PutBucketPolicyCommand), refusedAs('MethodNotAllowed', 405));
  assert.equal((await door.s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy, Policy);
});

test('nobody is locked out of a policy unless they say so, and root never is', async (context) => {
  const { alice, door } = await town(context);
  const Policy = policyOf({ Effect: 'Deny', Action: 's3:*', Resource: [ofBucket, `${ofBucket}/*`] });
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  assert.equal((await alice.send({ method: 'GET', bucket: Bucket, key: 'k' })).status, 403);
  assert.equal((await alice.s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy, Policy);
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy, ConfirmRemoveSelfBucketAccess: true }));
  for (const command of [new GetBucketPolicyCommand({ Bucket }), new DeleteBucketPolicyCommand({ Bucket })])
    await assert.rejects(alice.s3.send(command), refusedAs('AccessDenied', 403));
  await door.s3.send(new DeleteBucketPolicyCommand({ Bucket }));
  assert.equal((await alice.send({ method: 'GET', bucket: Bucket, key: 'k' })).status, 200);
});

const publicCases: readonly (readonly [statement: object, isPublic: boolean])[] = [
  [{}, true],
  [{ Principal: { AWS: '*' } }, true],
  [{ Principal: { AWS: '111122223333' } }, false],
  [{ Effect: 'Deny' }, false],
  [{ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/32' } } }, false],
  [{ Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '2001:db8::/32'] } } }, false],
  [{ Condition: { IpAddress: { 'aws:SourceIp': ['10.0.0.0/8', '0.0.0.0/1'] } } }, true],
  [{ Condition: { NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }, true],
  [{ Condition: { IpAddressIfExists: { 'aws:SourceIp': '10.0.0.0/8' } } }, true],
  [{ Condition: { StringEquals: { 'aws:SourceVpc': 'vpc-1' } } }, false],
  [{ Condition: { StringLike: { 'aws:SourceVpc': 'vpc-*' } } }, true],
  [{ Condition: { StringLike: { 'aws:userid': '${aws:username}' } } }, true],
  [{ Condition: { StringLike: { 'aws:Referer': 'http://example.org/' } } }, true],
  [{ Condition: { 'ForAllValues:StringEquals': { 'aws:SourceVpc': 'vpc-1' } } }, true],
];

test('what is public is what AWS calls public', async (context) => {
  const { alice } = await town(context);
  const status = async (): Promise<boolean | undefined> =>
    (await alice.s3.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic;
  assert.equal(await status(), false);
  for (const [statement, isPublic] of publicCases) {
    await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(statement) }));
    assert.equal(await status(), isPublic, JSON.stringify(statement));
  }
});

const flags = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: false,
  RestrictPublicBuckets: true,
};

test('a public access block is kept and goes', async (context) => {
  const { alice } = await town(context);
  const missing = refusedAs('NoSuchPublicAccessBlockConfiguration', 404);
  await assert.rejects(alice.s3.send(new GetPublicAccessBlockCommand({ Bucket })), missing);
  for (const PublicAccessBlockConfiguration of [flags, { BlockPublicPolicy: true }]) {
    await alice.s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
    const { PublicAccessBlockConfiguration: found } = await alice.s3.send(
      new GetPublicAccessBlockCommand({ Bucket }),
    );
    const off = {
      BlockPublicAcls: false,
      IgnorePublicAcls: false,
      BlockPublicPolicy: false,
      RestrictPublicBuckets: false,
    };
    assert.deepEqual(found, { ...off, ...PublicAccessBlockConfiguration });
  }
  const gone = await alice.s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
  assert.equal(gone.$metadata.httpStatusCode, 204);
  await assert.rejects(alice.s3.send(new GetPublicAccessBlockCommand({ Bucket })), missing);
});

test('BlockPublicPolicy refuses public policies and no others', async (context) => {
  const { alice } = await town(context);
  const PublicAccessBlockConfiguration = { BlockPublicPolicy: true };
  await alice.s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
  for (const [statement, isPublic] of publicCases) {
    const put = alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(statement) }));
    if (isPublic) await assert.rejects(put, refusedAs('AccessDenied', 403));
    else await put;
  }
});

const read = async ({ alice, bob, anyone }: Town): Promise<readonly number[]> => {
  const request = { method: 'GET', bucket: Bucket, key: 'k' };
  const answers = [await alice.send(request), await bob.send(request), await anyone(request)];
  return answers.map(({ status }) => status);
};

test('RestrictPublicBuckets leaves a public bucket to its account', async (context) => {
  const here = await town(context);
  const { alice, bob } = here;
  const named = { Principal: { AWS: bob.arn } };
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf({}, named) }));
  assert.deepEqual(await read(here), [200, 200, 200]);
  const PublicAccessBlockConfiguration = { RestrictPublicBuckets: true };
  await alice.s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
  assert.deepEqual(await read(here), [200, 403, 403]);
  await alice.s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policyOf(named) }));
  assert.deepEqual(await read(here), [200, 200, 403]);
});
