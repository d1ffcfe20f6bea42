import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketAclCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  PutBucketAclCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  type Grant,
  type PutBucketAclCommandInput,
} from '@aws-sdk/client-s3';
import { groups } from '../../../src/gateway/s3/acl.ts';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { personOf, type Person } from './town.ts';
import { codeOf, type RawAnswer, type RawRequest } from './signed-request.ts';

const Bucket = 'acl-bucket';
const Key = 'k';
let door: LiveDoor;
let alice: Person;
let bob: Person;

before(async () => {
  door = await openLiveDoor({ objectOwnership: 'ObjectWriter' });
  alice = await personOf(door, 'alice', 1001);
  bob = await personOf(door, 'bob', 1002);
  await alice.s3.send(new CreateBucketCommand({ Bucket }));
  await alice.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
});
after(() => door.close());

const idOf = ({ user }: Person): string => user.account.canonicalId;
const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
const user = (id: string): string => `<Grantee ${xsi} xsi:type="CanonicalUser"><ID>${id}</ID></Grantee>`;
const group = (uri: string): string => `<Grantee ${xsi} xsi:type="Group"><URI>${uri}</URI></Grantee>`;
const email = `<Grantee ${xsi} xsi:type="AmazonCustomerByEmail"><EmailAddress>a@b.example</EmailAddress></Grantee>`;
const grantOf = (grantee: string, permission = 'READ'): string =>
  `<Grant>${grantee}<Permission>${permission}</Permission></Grant>`;
const policy = (owner: string, ...grants: string[]): string =>
  `<AccessControlPolicy><Owner><ID>${owner}</ID></Owner><AccessControlList>${grants.join('')}</AccessControlList></AccessControlPolicy>`;

/** Sends the same to the bucket and to the object. */
async function putBoth(request: Partial<RawRequest>): Promise<readonly RawAnswer[]> {
  const common = { method: 'PUT', bucket: Bucket, query: { acl: '' }, ...request };
  return [await alice.send(common), await alice.send({ ...common, key: Key })];
}

const short = (grants: readonly Grant[] | undefined): unknown =>
  grants?.map(({ Grantee: who, Permission }) => [who?.DisplayName ?? who?.URI, Permission]);

test('an ACL that was put is the one that is got, for buckets and objects', async () => {
  const cases: readonly (Partial<PutBucketAclCommandInput> & { readonly want: unknown })[] = [
    {
      ACL: 'public-read',
      want: [
        [groups.AllUsers, 'READ'],
        ['alice', 'FULL_CONTROL'],
      ],
    },
    {
      GrantWrite: `id="${idOf(bob)}"`,
      GrantReadACP: `uri=${groups.LogDelivery}`,
      want: [
        [groups.LogDelivery, 'READ_ACP'],
        ['bob', 'WRITE'],
      ],
    },
    { AccessControlPolicy: { Owner: { ID: idOf(alice) }, Grants: [] }, want: [] },
    { ACL: 'private', want: [['alice', 'FULL_CONTROL']] },
  ];
  for (const { want, ...acl } of cases) {
    await alice.s3.send(new PutBucketAclCommand({ Bucket, ...acl }));
    await alice.s3.send(new PutObjectAclCommand({ Bucket, Key, ...acl }));
    for (const got of [
      await alice.s3.send(new GetBucketAclCommand({ Bucket })),
      await alice.s3.send(new GetObjectAclCommand({ Bucket, Key })),
    ]) {
      assert.deepEqual(got.Owner, { ID: idOf(alice), DisplayName: 'alice' });
      assert.deepEqual(short(got.Grants), want);
    }
  }
});

const refusals: readonly {
  readonly name: string;
  readonly request: () => Partial<RawRequest>;
  readonly status: number;
  readonly code: string;
}[] = [
  { name: 'nothing said', request: () => ({}), status: 400, code: 'MissingSecurityHeader' },
  {
    name: 'a header and a document',
    request: () => ({ headers: { 'x-amz-acl': 'private' }, body: policy(idOf(alice)) }),
    status: 400,
    code: 'UnexpectedContent',
  },
  {
    name: 'canned and granted',
    request: () => ({ headers: { 'x-amz-acl': 'private', 'x-amz-grant-read': `id=${idOf(bob)}` } }),
    status: 400,
    code: 'InvalidRequest',
  },
  {
    name: 'an unknown canned ACL',
    request: () => ({ headers: { 'x-amz-acl': 'PUBLIC' } }),
    status: 400,
    code: 'InvalidArgument',
  },
  { name: 'no XML', request: () => ({ body: 'acl' }), status: 400, code: 'MalformedACLError' },
  { name: 'another root', request: () => ({ body: '<Tagging/>' }), status: 400, code: 'MalformedACLError' },
  {
    name: 'no owner',
    request: () => ({ body: '<AccessControlPolicy><AccessControlList/></AccessControlPolicy>' }),
    status: 400,
    code: 'MalformedACLError',
  },
  {
    name: 'no list',
    request: () => ({
      body: `<AccessControlPolicy><Owner><ID>${idOf(alice)}</ID></Owner></AccessControlPolicy>`,
    }),
    status: 400,
    code: 'MalformedACLError',
  },
  {
    name: 'a grantee without a type',
    request: () => ({ body: policy(idOf(alice), grantOf(`<Grantee><ID>${idOf(bob)}</ID></Grantee>`)) }),
    status: 400,
    code: 'MalformedACLError',
  },
  {
    name: 'an unknown permission',
    request: () => ({ body: policy(idOf(alice), grantOf(user(idOf(bob)), 'OWN')) }),
    status: 400,
    code: 'MalformedACLError',
  },
  {
    name: '101 grants',
    request: () => ({ body: policy(idOf(alice), ...Array<string>(101).fill(grantOf(user(idOf(bob))))) }),
    status: 400,
    code: 'MalformedACLError',
  },
  {
    name: 'an unknown id',
    request: () => ({ body: policy(idOf(alice), grantOf(user('_foo'))) }),
    status: 400,
    code: 'InvalidArgument',
  },
  {
    name: 'an unknown owner',
    request: () => ({ body: policy('_foo') }),
    status: 400,
    code: 'InvalidArgument',
  },
  {
    name: 'an unknown group',
    request: () => ({ body: policy(idOf(alice), grantOf(group('http://example.com/all'))) }),
    status: 400,
    code: 'InvalidArgument',
  },
  {
    name: 'an e-mail address',
    request: () => ({ body: policy(idOf(alice), grantOf(email)) }),
    status: 400,
    code: 'UnresolvableGrantByEmailAddress',
  },
  { name: 'another owner', request: () => ({ body: policy(idOf(bob)) }), status: 403, code: 'AccessDenied' },
];

for (const { name, request, status, code } of refusals) {
  test(`an ACL is refused with ${name}, and the old one stays`, async () => {
    await putBoth({ headers: { 'x-amz-acl': 'log-delivery-write' } });
    for (const answer of await putBoth(request()))
      assert.deepEqual([answer.status, codeOf(answer)], [status, code]);
    for (const got of [
      await alice.s3.send(new GetBucketAclCommand({ Bucket })),
      await alice.s3.send(new GetObjectAclCommand({ Bucket, Key })),
    ])
      assert.equal(got.Grants?.length, 3);
  });
}

test('100 grants are taken, with the prefix that a client likes', async () => {
  const grantee = user(idOf(bob)).replaceAll('xsi', 'i');
  const body = policy(idOf(alice), ...Array<string>(100).fill(grantOf(grantee)));
  for (const answer of await putBoth({ body })) assert.equal(answer.status, 200);
});

test('the ACL of an object is not copied to what replaces it, and changes nothing else of it', async () => {
  const at = { Bucket, Key: 'replaced' };
  await alice.s3.send(new PutObjectCommand({ ...at, Body: 'x', ACL: 'public-read', Metadata: { a: 'b' } }));
  const before_ = await alice.s3.send(new GetObjectCommand(at));
  await alice.s3.send(new PutObjectAclCommand({ ...at, ACL: 'authenticated-read' }));
  const after_ = await alice.s3.send(new GetObjectCommand(at));
  for (const member of ['ETag', 'LastModified', 'ContentType', 'Metadata'] as const)
    assert.deepEqual(after_[member], before_[member]);
  await alice.s3.send(new PutObjectCommand({ ...at, Body: 'y' }));
  const { Grants } = await alice.s3.send(new GetObjectAclCommand(at));
  assert.deepEqual(short(Grants), [['alice', 'FULL_CONTROL']]);
});

test('the ACL of what is not there is not there', async () => {
  const at = { Bucket, Key: 'none' };
  await assert.rejects(alice.s3.send(new GetObjectAclCommand(at)), { name: 'NoSuchKey' });
  await assert.rejects(alice.s3.send(new PutObjectAclCommand({ ...at, ACL: 'private' })), {
    name: 'NoSuchKey',
  });
});

test('making a bucket again gives it the ACL that it would be made with', async () => {
  const again = { Bucket: 'again' };
  await alice.s3.send(new CreateBucketCommand({ ...again, ACL: 'public-read-write' }));
  const first = await alice.s3.send(new GetBucketAclCommand(again));
  assert.deepEqual(short(first.Grants), [
    [groups.AllUsers, 'READ'],
    [groups.AllUsers, 'WRITE'],
    ['alice', 'FULL_CONTROL'],
  ]);
  await alice.s3.send(new CreateBucketCommand(again));
  const second = await alice.s3.send(new GetBucketAclCommand(again));
  assert.deepEqual(short(second.Grants), [['alice', 'FULL_CONTROL']]);
  await alice.s3.send(new DeleteBucketCommand(again));
});

test('making a bucket again leaves its ACL to who may put one', async () => {
  const carol = await personOf(door, 'carol', 1003);
  const again = { Bucket: 'carols' };
  await carol.s3.send(new CreateBucketCommand({ ...again, ACL: 'public-read' }));
  const grants = async (): Promise<number | undefined> =>
    (await carol.s3.send(new GetBucketAclCommand(again))).Grants?.length;
  const text = JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: ['s3:CreateBucket', 's3:GetBucketAcl'], Resource: '*' },
  });
  await door.accounts.putPolicy('carol', { name: 'makes-buckets', text });
  await carol.s3.send(new CreateBucketCommand(again));
  assert.equal(await grants(), 2);
  await door.accounts.removePolicy('carol', 'makes-buckets');
  await carol.s3.send(new CreateBucketCommand(again));
  assert.equal(await grants(), 1);
});

test('each version has an ACL of its own', async () => {
  const at = { Bucket: 'versioned', Key };
  await alice.s3.send(new CreateBucketCommand({ Bucket: at.Bucket }));
  const VersioningConfiguration = { Status: 'Enabled' as const };
  await alice.s3.send(new PutBucketVersioningCommand({ Bucket: at.Bucket, VersioningConfiguration }));
  const { VersionId: first } = await alice.s3.send(new PutObjectCommand({ ...at, Body: '1' }));
  const { VersionId: second } = await alice.s3.send(new PutObjectCommand({ ...at, Body: '2' }));
  await alice.s3.send(new PutObjectAclCommand({ ...at, VersionId: first, ACL: 'authenticated-read' }));
  const grantsOf = async (VersionId: string | undefined): Promise<unknown> =>
    short((await alice.s3.send(new GetObjectAclCommand({ ...at, VersionId }))).Grants);
  const opened = [
    [groups.AuthenticatedUsers, 'READ'],
    ['alice', 'FULL_CONTROL'],
  ];
  const closed = [['alice', 'FULL_CONTROL']];
  assert.deepEqual(await Promise.all([first, second, undefined].map(grantsOf)), [opened, closed, closed]);
  const got = await bob.s3.send(new GetObjectCommand({ ...at, VersionId: first }));
  assert.equal(await got.Body?.transformToString(), '1');
  for (const VersionId of [second, undefined])
    await assert.rejects(bob.s3.send(new GetObjectCommand({ ...at, VersionId })), { name: 'AccessDenied' });
  const gone = new GetObjectAclCommand({ ...at, VersionId: '0000000000000001' });
  await assert.rejects(alice.s3.send(gone), { name: 'NoSuchVersion' });
});
