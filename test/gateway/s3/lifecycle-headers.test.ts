import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type LifecycleRule,
  type PutBucketLifecycleConfigurationCommandOutput,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { sendSigned } from './signed-request.ts';

const Bucket = 'ageing-bucket';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
});
after(() => door.close());

const configure = (...Rules: LifecycleRule[]): Promise<PutBucketLifecycleConfigurationCommandOutput> =>
  door.s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));

test('with short days, the least times in a class are not asked for', async (context) => {
  const trial = await openLiveDoor({ secondsPerDay: 10 });
  context.after(() => trial.close());
  await sendSigned(trial.port, { method: 'PUT', bucket: Bucket });
  const rule: LifecycleRule = {
    ID: 'r',
    Filter: {},
    Status: 'Enabled',
    Transitions: [
      { Days: 1, StorageClass: 'STANDARD_IA' },
      { Days: 2, StorageClass: 'GLACIER' },
    ],
    Expiration: { Days: 3 },
  };
  const put = await trial.s3.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [rule] } }),
  );
  assert.equal(put.$metadata.httpStatusCode, 200);
  const answer = await trial.s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
  const expiry = new Date(trial.world.clock.ms + 30_000).toUTCString();
  assert.equal(answer.Expiration, `expiry-date="${expiry}", rule-id="r"`);
});

suite('answers tell', () => {
  /** The world's clock stands on 14 November 2023, 22:13:20. */
  const oneDay = 'expiry-date="Thu, 16 Nov 2023 00:00:00 GMT", rule-id="one day"';

  before(() =>
    configure(
      { ID: 'one day', Filter: { Prefix: 'logs/' }, Status: 'Enabled', Expiration: { Days: 1 } },
      {
        ID: 'tägged "%',
        Filter: { Tag: { Key: 'k', Value: 'v' } },
        Status: 'Enabled',
        Expiration: { Days: 2 },
      },
      { ID: 'large', Filter: { ObjectSizeGreaterThan: 5 }, Status: 'Enabled', Expiration: { Days: 3 } },
      { ID: 'off', Filter: {}, Status: 'Disabled', Expiration: { Days: 1 } },
      {
        ID: 'give up',
        Filter: { Prefix: 'logs/' },
        Status: 'Enabled',
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
      },
    ),
  );

  test('when the object expires, by prefix', async () => {
    const Key = 'logs/a';
    const put = await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    assert.equal(put.Expiration, oneDay);
    assert.equal((await door.s3.send(new HeadObjectCommand({ Bucket, Key }))).Expiration, oneDay);
    const got = await door.s3.send(new GetObjectCommand({ Bucket, Key }));
    assert.equal(got.Expiration, oneDay);
    await got.Body?.transformToByteArray();
    const copied = await door.s3.send(
      new CopyObjectCommand({ Bucket, Key: 'logs/b', CopySource: `${Bucket}/${Key}` }),
    );
    assert.equal(copied.Expiration, oneDay);
  });

  test('when the object expires, by tags and by size', async () => {
    const Key = 'other';
    const put = await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    assert.equal(put.Expiration, undefined);
    await door.s3.send(
      new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet: [{ Key: 'k', Value: 'v' }] } }),
    );
    assert.equal(
      (await door.s3.send(new HeadObjectCommand({ Bucket, Key }))).Expiration,
      'expiry-date="Fri, 17 Nov 2023 00:00:00 GMT", rule-id="t%C3%A4gged %22%25"',
    );
    const large = await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'longer' }));
    assert.equal(large.Expiration, 'expiry-date="Sat, 18 Nov 2023 00:00:00 GMT", rule-id="large"');
    const tagged = await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'longer', Tagging: 'k=v' }));
    assert.match(tagged.Expiration ?? '', /^expiry-date="Fri, 17 Nov 2023/);
  });

  test('nothing of it when a version is asked for', async () => {
    const Key = 'logs/a';
    await door.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const answer = await door.s3.send(new HeadObjectCommand({ Bucket, Key, VersionId: 'null' }));
    assert.equal(answer.Expiration, undefined);
  });

  test('when an upload is given up, and when its object expires', async () => {
    const Key = 'logs/parts';
    const created = await door.s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const { UploadId } = created;
    const abortDate = new Date('2023-11-17T00:00:00Z');
    assert.deepEqual([created.AbortDate, created.AbortRuleId], [abortDate, 'give up']);
    const part = await sendSigned(door.port, {
      method: 'PUT',
      bucket: Bucket,
      key: Key,
      query: { uploadId: UploadId ?? '', partNumber: '1' },
      body: 'part',
    });
    assert.equal(part.headers['x-amz-abort-date'], 'Fri, 17 Nov 2023 00:00:00 GMT');
    assert.equal(part.headers['x-amz-abort-rule-id'], 'give up');
    const listed = await door.s3.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    assert.deepEqual([listed.AbortDate, listed.AbortRuleId], [abortDate, 'give up']);
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.headers['etag'] }] };
    const done = await door.s3.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }),
    );
    assert.equal(done.Expiration, oneDay);
    const elsewhere = await door.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'x' }));
    assert.equal(elsewhere.AbortDate, undefined);
  });
});
