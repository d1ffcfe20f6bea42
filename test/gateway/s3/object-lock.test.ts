import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type ObjectLockConfiguration,
  type ObjectLockRetention,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned } from './signed-request.ts';

const Bucket = 'locked-bucket';
const DAY_MS = 86_400_000;
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await door.s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  await door.s3.send(new CreateBucketCommand({ Bucket: 'plain' }));
});
after(() => door.close());

/** Whole seconds: what S3 keeps is shown to the millisecond. */
const inDays = (days: number): Date => new Date((Math.floor(Date.now() / 1000) + days * 86_400) * 1000);
const governance = (days: number): ObjectLockRetention => ({
  Mode: 'GOVERNANCE',
  RetainUntilDate: inDays(days),
});

const retain = (
  Key: string,
  Retention: ObjectLockRetention,
  BypassGovernanceRetention?: boolean,
): Promise<unknown> =>
  door.s3.send(new PutObjectRetentionCommand({ Bucket, Key, Retention, BypassGovernanceRetention }));

const remove = (
  Key: string,
  VersionId: string | undefined,
  BypassGovernanceRetention?: boolean,
): Promise<unknown> =>
  door.s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention }));

const put = async (Key: string): Promise<string | undefined> =>
  (await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))).VersionId;

test('GOVERNANCE yields to a bypass, and to time going on only with it', async () => {
  const version = await put('governed');
  await retain('governed', governance(2));
  await assert.rejects(remove('governed', version), { name: 'AccessDenied' });
  await assert.rejects(retain('governed', governance(1)), { name: 'AccessDenied' });
  await retain('governed', governance(3));
  const { Retention } = await door.s3.send(new GetObjectRetentionCommand({ Bucket, Key: 'governed' }));
  assert.equal(Retention?.Mode, 'GOVERNANCE');
  await retain('governed', governance(1), true);
  await remove('governed', version, true);
});

test('COMPLIANCE yields to nobody', async () => {
  const version = await put('compliant');
  const until = inDays(2);
  await retain('compliant', { Mode: 'COMPLIANCE', RetainUntilDate: until });
  await assert.rejects(remove('compliant', version, true), { name: 'AccessDenied' });
  await assert.rejects(retain('compliant', governance(9), true), { name: 'AccessDenied' });
  const shorter = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(until.getTime() - DAY_MS) } as const;
  await assert.rejects(retain('compliant', shorter, true), { name: 'AccessDenied' });
  await retain('compliant', { Mode: 'COMPLIANCE', RetainUntilDate: inDays(3) });
});

test('a legal hold holds until it is taken off, and headers say all of it', async () => {
  const RetainUntilDate = inDays(1);
  const made = await door.s3.send(
    new PutObjectCommand({
      ...{ Bucket, Key: 'held', Body: 'x', ObjectLockMode: 'GOVERNANCE' },
      ...{ ObjectLockRetainUntilDate: RetainUntilDate, ObjectLockLegalHoldStatus: 'ON' },
    }),
  );
  const head = await door.s3.send(new HeadObjectCommand({ Bucket, Key: 'held' }));
  assert.deepEqual(
    [head.ObjectLockMode, head.ObjectLockRetainUntilDate, head.ObjectLockLegalHoldStatus],
    ['GOVERNANCE', RetainUntilDate, 'ON'],
  );
  await assert.rejects(remove('held', made.VersionId, true), { name: 'AccessDenied' });
  const LegalHold = { Status: 'OFF' } as const;
  await door.s3.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'held', LegalHold }));
  const held = await door.s3.send(new GetObjectLegalHoldCommand({ Bucket, Key: 'held' }));
  assert.deepEqual(held.LegalHold, LegalHold);
  await remove('held', made.VersionId, true);
});

test('default retention holds for what comes without one of its own', async () => {
  await door.s3.send(new CreateBucketCommand({ Bucket: 'by-default', ObjectLockEnabledForBucket: true }));
  const wanted: ObjectLockConfiguration = {
    ObjectLockEnabled: 'Enabled',
    Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 3 } },
  };
  const at = { Bucket: 'by-default' };
  await door.s3.send(new PutObjectLockConfigurationCommand({ ...at, ObjectLockConfiguration: wanted }));
  const { ObjectLockConfiguration } = await door.s3.send(new GetObjectLockConfigurationCommand(at));
  assert.deepEqual(ObjectLockConfiguration, wanted);
  await door.s3.send(new PutObjectCommand({ ...at, Key: 'k', Body: 'x' }));
  const head = await door.s3.send(new HeadObjectCommand({ ...at, Key: 'k' }));
  assert.equal(head.ObjectLockMode, 'COMPLIANCE');
  // Counted by the clock of the namespace, as the time of the write is.
  const days =
    ((head.ObjectLockRetainUntilDate?.getTime() ?? 0) - (head.LastModified?.getTime() ?? 0)) / DAY_MS;
  assert.equal(Math.floor(days), 3);
});

test('object lock and versioning go together', async () => {
  const suspend = { Bucket, VersioningConfiguration: { Status: 'Suspended' } } as const;
  await assert.rejects(door.s3.send(new PutBucketVersioningCommand(suspend)), { name: 'InvalidBucketState' });
  const enable = { Bucket: 'plain', ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } } as const;
  await assert.rejects(door.s3.send(new PutObjectLockConfigurationCommand(enable)), {
    name: 'InvalidBucketState',
  });
});

const configuration = (inside: string): string =>
  `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>${inside}</DefaultRetention></Rule></ObjectLockConfiguration>`;

const refused = [
  { query: 'object-lock', body: configuration('<Mode>GOVERNANCE</Mode>'), code: 'MalformedXML' },
  {
    query: 'object-lock',
    body: configuration('<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>'),
    code: 'MalformedXML',
  },
  {
    query: 'object-lock',
    body: configuration('<Mode>governance</Mode><Days>1</Days>'),
    code: 'MalformedXML',
  },
  {
    query: 'object-lock',
    body: configuration('<Mode>GOVERNANCE</Mode><Days>0</Days>'),
    code: 'InvalidRetentionPeriod',
  },
  {
    query: 'object-lock',
    body: configuration('<Mode>GOVERNANCE</Mode><Years>101</Years>'),
    code: 'InvalidRetentionPeriod',
  },
  { query: 'retention', key: 'k', body: '<Retention><Mode>abc</Mode></Retention>', code: 'MalformedXML' },
  {
    query: 'retention',
    key: 'k',
    body: '<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2001-01-01T00:00:00Z</RetainUntilDate></Retention>',
    code: 'InvalidArgument',
  },
  {
    query: 'legal-hold',
    key: 'k',
    body: '<LegalHold><Status>abc</Status></LegalHold>',
    code: 'MalformedXML',
  },
  { query: 'legal-hold', key: 'none', body: '<LegalHold><Status>ON</Status></LegalHold>', code: 'NoSuchKey' },
  {
    bucket: 'plain',
    query: 'legal-hold',
    key: 'k',
    body: '<LegalHold><Status>ON</Status></LegalHold>',
    code: 'InvalidRequest',
  },
] as const;

for (const { code, query, ...request } of refused)
  test(`PUT ?${query} with ${request.body} is ${code}`, async () => {
    await put('k');
    const answer = await sendSigned(door.port, {
      ...{ method: 'PUT', bucket: Bucket, query: { [query]: '' } },
      ...request,
    });
    assert.equal(codeOf(answer), code, answer.body.toString());
  });

const badHeaders = [
  { 'x-amz-object-lock-mode': 'GOVERNANCE' },
  { 'x-amz-object-lock-retain-until-date': '2100-01-01T00:00:00Z' },
  { 'x-amz-object-lock-mode': 'abc', 'x-amz-object-lock-retain-until-date': '2100-01-01T00:00:00Z' },
  { 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': 'tomorrow' },
  { 'x-amz-object-lock-legal-hold': 'maybe' },
] as const;

for (const headers of badHeaders)
  test(`PutObject with ${JSON.stringify(headers)} is InvalidArgument and stores nothing`, async () => {
    const request = { bucket: Bucket, key: 'bad' };
    const answer = await sendSigned(door.port, { method: 'PUT', ...request, headers, body: 'x' });
    assert.equal(codeOf(answer), 'InvalidArgument');
    assert.equal((await sendSigned(door.port, { method: 'HEAD', ...request })).status, 404);
  });
