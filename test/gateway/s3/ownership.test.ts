import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketOwnershipControlsCommand,
  GetBucketOwnershipControlsCommand,
  GetObjectAclCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutBucketAclCommand,
  PutBucketOwnershipControlsCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  UploadPartCommand,
  type ObjectCannedACL,
  type ObjectOwnership,
} from '@aws-sdk/client-s3';
import { liveDoor, type LiveDoor } from './live-door.ts';
import { personOf, type Person } from './town.ts';
import { codeOf, sendSigned } from './signed-request.ts';

const Bucket = 'hers';

interface House {
  readonly door: LiveDoor;
  readonly alice: Person;
}

/** Alice has a bucket with this ownership; root, which may write everywhere, is the other account. */
async function house(context: TestContext, ownership: ObjectOwnership): Promise<House> {
  const door = await liveDoor(context);
  const alice = await personOf(door, 'alice', 1001);
  await alice.s3.send(new CreateBucketCommand({ Bucket, ObjectOwnership: ownership }));
  return { door, alice };
}

const ownerOf = async ({ door }: House, Key: string): Promise<string | undefined> =>
  (await door.s3.send(new GetObjectAclCommand({ Bucket, Key }))).Owner?.DisplayName;

const rows: readonly {
  readonly ownership: ObjectOwnership;
  readonly acl: ObjectCannedACL | undefined;
  /** Who owns what root writes, or how it is refused. */
  readonly want: 'root' | 'alice' | 'AccessControlListNotSupported';
}[] = [
  { ownership: 'BucketOwnerEnforced', acl: undefined, want: 'alice' },
  { ownership: 'BucketOwnerEnforced', acl: 'bucket-owner-full-control', want: 'alice' },
  { ownership: 'BucketOwnerEnforced', acl: 'private', want: 'AccessControlListNotSupported' },
  { ownership: 'BucketOwnerEnforced', acl: 'public-read', want: 'AccessControlListNotSupported' },
  { ownership: 'BucketOwnerPreferred', acl: undefined, want: 'root' },
  { ownership: 'BucketOwnerPreferred', acl: 'bucket-owner-full-control', want: 'alice' },
  { ownership: 'BucketOwnerPreferred', acl: 'private', want: 'root' },
  { ownership: 'ObjectWriter', acl: undefined, want: 'root' },
  { ownership: 'ObjectWriter', acl: 'bucket-owner-full-control', want: 'root' },
  { ownership: 'ObjectWriter', acl: 'private', want: 'root' },
]; // AWS, "Controlling ownership of objects and disabling ACLs for your bucket"

for (const { ownership, acl: ACL, want } of rows) {
  test(`with ${ownership}, what another account writes with ${ACL ?? 'no ACL'} is ${want}`, async (context) => {
    const home = await house(context, ownership);
    const { door, alice } = home;
    await alice.s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: 'x' }));
    const attempts = {
      put: () => door.s3.send(new PutObjectCommand({ Bucket, Key: 'put', Body: 'x', ACL })),
      copy: () =>
        door.s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/source`, ACL })),
      upload: () => upload(home, ACL),
    };
    for (const [Key, attempt] of Object.entries(attempts)) {
      if (want === 'AccessControlListNotSupported') {
        await assert.rejects(attempt(), { name: want, message: 'The bucket does not allow ACLs' });
        continue;
      }
      await attempt();
      assert.equal(await ownerOf(home, Key), want);
    }
    if (want === 'AccessControlListNotSupported') return;
    const { Contents } = await door.s3.send(new ListObjectsV2Command({ Bucket, FetchOwner: true }));
    const owners = Contents?.map(({ Key, Owner }) => [Key, Owner?.DisplayName]);
    assert.deepEqual(owners, [
      ['copy', want],
      ['put', want],
      ['source', 'alice'],
      ['upload', want],
    ]);
  });
}

/** A whole multipart upload by root; on the way the listings must say whose it is. */
async function upload({ door }: House, ACL: ObjectCannedACL | undefined): Promise<void> {
  const at = { Bucket, Key: 'upload' };
  const { UploadId } = await door.s3.send(new CreateMultipartUploadCommand({ ...at, ACL }));
  const sent = await door.s3.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'x' }));
  const parts = await door.s3.send(new ListPartsCommand({ ...at, UploadId }));
  const uploads = await door.s3.send(new ListMultipartUploadsCommand({ Bucket }));
  assert.equal(parts.Initiator?.DisplayName, 'root');
  assert.deepEqual(uploads.Uploads?.[0]?.Owner, parts.Owner);
  const Parts = [{ PartNumber: 1, ETag: sent.ETag }];
  await door.s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }));
  const { Owner } = await door.s3.send(new GetObjectAclCommand(at));
  assert.deepEqual(Owner, parts.Owner);
}

const controls = (ownership: ObjectOwnership) => ({
  Bucket,
  OwnershipControls: { Rules: [{ ObjectOwnership: ownership }] },
});

const controlsOf = async ({ alice }: House): Promise<ObjectOwnership | undefined> => {
  const answer = await alice.s3.send(new GetBucketOwnershipControlsCommand({ Bucket }));
  return answer.OwnershipControls?.Rules?.[0]?.ObjectOwnership;
};

test('ownership controls are those of the creation until others are put, and can be taken away', async (context) => {
  const home = await house(context, 'ObjectWriter');
  assert.equal(await controlsOf(home), 'ObjectWriter');
  await home.alice.s3.send(new PutBucketOwnershipControlsCommand(controls('BucketOwnerPreferred')));
  assert.equal(await controlsOf(home), 'BucketOwnerPreferred');
  for (let time = 0; time < 2; time += 1)
    await home.alice.s3.send(new DeleteBucketOwnershipControlsCommand({ Bucket }));
  await assert.rejects(controlsOf(home), {
    name: 'OwnershipControlsNotFoundError',
    message: 'The bucket ownership controls were not found',
  });
});

for (const objectOwnership of ['BucketOwnerEnforced', 'ObjectWriter'] as const) {
  test(`a bucket that says nothing gets the default, here ${objectOwnership}, and falls back to it`, async (context) => {
    const door = await liveDoor(context, { objectOwnership });
    const alice = await personOf(door, 'alice', 1001);
    await alice.s3.send(new CreateBucketCommand({ Bucket }));
    assert.equal(await controlsOf({ door, alice }), objectOwnership);
    await alice.s3.send(new PutBucketOwnershipControlsCommand(controls('BucketOwnerPreferred')));
    await alice.s3.send(new DeleteBucketOwnershipControlsCommand({ Bucket }));
    const attempt = alice.s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
    if (objectOwnership === 'ObjectWriter') await attempt;
    else await assert.rejects(attempt, { name: 'AccessControlListNotSupported' });
  });
}

const malformed = [
  { name: 'no rule', body: '<OwnershipControls/>' },
  {
    name: 'two rules',
    body: `<OwnershipControls>${'<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>'.repeat(2)}</OwnershipControls>`,
  },
  {
    name: 'another value',
    body: '<OwnershipControls><Rule><ObjectOwnership>Mine</ObjectOwnership></Rule></OwnershipControls>',
  },
  { name: 'no document', body: '' },
];

test('ownership controls are checked', async (context) => {
  const { alice } = await house(context, 'ObjectWriter');
  const query = { ownershipControls: '' };
  for (const { name, body } of malformed) {
    const answer = await alice.send({ method: 'PUT', bucket: Bucket, query, body });
    assert.deepEqual([name, answer.status, codeOf(answer)], [name, 400, 'MalformedXML']);
  }
});

test('an ACL that lets others in keeps ownership from being enforced, and at creation the other way round', async (context) => {
  const home = await house(context, 'ObjectWriter');
  const { s3 } = home.alice;
  await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'authenticated-read' }));
  const enforced = new PutBucketOwnershipControlsCommand(controls('BucketOwnerEnforced'));
  const clash = {
    name: 'InvalidBucketAclWithObjectOwnership',
    message: "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  };
  await assert.rejects(s3.send(enforced), clash);
  await s3.send(new PutBucketAclCommand({ Bucket, ACL: 'private' }));
  await s3.send(enforced);
  assert.equal(await controlsOf(home), 'BucketOwnerEnforced');
  await assert.rejects(s3.send(new CreateBucketCommand({ Bucket: 'new-one', ACL: 'public-read' })), clash);
  await s3.send(new CreateBucketCommand({ Bucket: 'new-one', ACL: 'private' }));
  const answer = await home.alice.send({
    method: 'PUT',
    bucket: 'another',
    headers: { 'x-amz-object-ownership': 'Mine' },
  });
  assert.deepEqual([answer.status, codeOf(answer)], [400, 'InvalidArgument']);
});

const ownerships = [
  { headers: {}, want: 'BucketOwnerEnforced' },
  { headers: { 'x-amz-acl': 'private' }, want: 'BucketOwnerPreferred' },
  {
    headers: { 'x-amz-acl': 'private', 'x-amz-object-ownership': 'BucketOwnerEnforced' },
    want: 'BucketOwnerEnforced',
  },
  { headers: { 'x-amz-acl': 'private', 'x-amz-object-ownership': 'ObjectWriter' }, want: 'ObjectWriter' },
] as const;

test('a bucket that is made with the ACL private, as rclone makes it, takes ACLs unless its ownership is said', async (context) => {
  const door = await liveDoor(context);
  for (const [index, { headers, want }] of ownerships.entries()) {
    const bucket = `made-${index}`;
    const made = await sendSigned(door.port, { method: 'PUT', bucket, headers });
    assert.equal(made.status, 200);
    const answer = await door.s3.send(new GetBucketOwnershipControlsCommand({ Bucket: bucket }));
    assert.equal(answer.OwnershipControls?.Rules?.[0]?.ObjectOwnership, want);
  }
});

test('in a bucket with enforced ownership ACLs say that its owner has full control, whatever was set before', async (context) => {
  const home = await house(context, 'ObjectWriter');
  const { alice, door } = home;
  await door.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x', ACL: 'public-read' }));
  await alice.s3.send(new PutBucketOwnershipControlsCommand(controls('BucketOwnerEnforced')));
  const { Owner, Grants } = await alice.s3.send(new GetObjectAclCommand({ Bucket, Key: 'k' }));
  assert.equal(Owner?.DisplayName, 'alice');
  assert.deepEqual(
    Grants?.map(({ Grantee, Permission }) => [Grantee?.ID, Permission]),
    [[Owner.ID, 'FULL_CONTROL']],
  );
  const put = (ACL: ObjectCannedACL): Promise<unknown> =>
    alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', ACL }));
  await put('bucket-owner-full-control');
  await assert.rejects(put('private'), { name: 'AccessControlListNotSupported' });
  const same = { Owner, Grants };
  await alice.s3.send(new PutObjectAclCommand({ Bucket, Key: 'k', AccessControlPolicy: same }));
  await alice.s3.send(new PutBucketAclCommand({ Bucket, AccessControlPolicy: same }));
  await alice.s3.send(
    new PutObjectCommand({ Bucket, Key: 'k', Body: 'y', GrantFullControl: `id=${Owner.ID}` }),
  );
  // Switched off, not lost.
  await alice.s3.send(new PutBucketOwnershipControlsCommand(controls('ObjectWriter')));
  await door.s3.send(new PutObjectCommand({ Bucket, Key: 'later', Body: 'x' }));
  assert.equal(await ownerOf(home, 'later'), 'root');
});
