import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import {
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  type PutBucketLifecycleConfigurationCommandOutput,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer } from './signed-request.ts';

const Bucket = 'ageing-bucket';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket });
});
after(() => door.close());

const configure = (...Rules: LifecycleRule[]): Promise<PutBucketLifecycleConfigurationCommandOutput> =>
  door.s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));

const putDocument = (inside: string, headers: Readonly<Record<string, string>>): Promise<RawAnswer> => {
  const body = `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</LifecycleConfiguration>`;
  return sendSigned(door.port, {
    method: 'PUT',
    bucket: Bucket,
    query: { lifecycle: '' },
    body,
    headers: { 'content-md5': createHash('md5').update(body).digest('base64'), ...headers },
  });
};

const stored = async (): Promise<LifecycleRule[] | undefined> =>
  (await door.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules;

const messageOf = (answer: RawAnswer): string | undefined =>
  /<Message>(.*?)<\/Message>/.exec(answer.body.toString())?.[1]?.replaceAll('&apos;', "'");

suite('a lifecycle configuration', () => {
  test('is absent until it is put and after it was deleted', async () => {
    for (let times = 0; times < 2; times += 1) {
      const none = await sendSigned(door.port, { method: 'GET', bucket: Bucket, query: { lifecycle: '' } });
      assert.equal(none.status, 404);
      assert.match(
        none.body.toString(),
        /NoSuchLifecycleConfiguration.*The lifecycle configuration does not exist.*<BucketName>ageing-bucket</,
      );
      await configure({ Status: 'Enabled', Filter: {}, Expiration: { Days: 1 } });
      assert.equal((await stored())?.length, 1);
      const gone = await door.s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
      assert.equal(gone.$metadata.httpStatusCode, 204);
    }
    const again = await door.s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    assert.equal(again.$metadata.httpStatusCode, 204);
  });

  test('reads as it was put, with every kind of filter and action', async () => {
    const changes = door.lifecycleChanges.count;
    const rules: LifecycleRule[] = [
      {
        ID: 'first & foremost',
        Filter: { Prefix: 'a<b/' },
        Status: 'Enabled',
        Expiration: { Days: 500 },
        Transitions: [
          { Days: 30, StorageClass: 'STANDARD_IA' },
          { Days: 60, StorageClass: 'GLACIER' },
          { Days: 150, StorageClass: 'DEEP_ARCHIVE' },
        ],
      },
      {
        ID: 'tagged',
        Filter: { Tag: { Key: 'k', Value: '' } },
        Status: 'Disabled',
        Expiration: { Date: new Date('2030-01-01T00:00:00Z') },
      },
      {
        ID: 'sized',
        Filter: {
          And: {
            Prefix: '',
            Tags: [
              { Key: 'one', Value: '1' },
              { Key: 'two', Value: '2' },
            ],
            ObjectSizeGreaterThan: 1,
            ObjectSizeLessThan: 1_099_511_627_776_000,
          },
        },
        Status: 'Enabled',
        NoncurrentVersionExpiration: { NoncurrentDays: 90, NewerNoncurrentVersions: 3 },
        NoncurrentVersionTransitions: [
          { NoncurrentDays: 0, StorageClass: 'GLACIER_IR', NewerNoncurrentVersions: 1 },
        ],
      },
      {
        ID: 'all',
        Filter: {},
        Status: 'Enabled',
        Expiration: { ExpiredObjectDeleteMarker: true },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
      },
      { ID: 'small', Filter: { ObjectSizeLessThan: 1 }, Status: 'Enabled', Expiration: { Days: 1 } },
    ];
    await configure(...rules);
    assert.deepEqual(await stored(), rules);
    assert.equal(door.lifecycleChanges.count, changes + 1);
  });

  test('of the older shape keeps the prefix where it was', async () => {
    const rules: LifecycleRule[] = [
      { ID: 'one', Prefix: 'one/', Status: 'Enabled', Expiration: { Days: 31 } },
      { ID: 'two', Prefix: 'two/', Status: 'Enabled', Expiration: { Days: 120 } },
    ];
    await configure(...rules);
    assert.deepEqual(await stored(), rules);
  });

  test('gets an id for each rule that has none, and keeps it', async () => {
    const rule: LifecycleRule = { Filter: {}, Status: 'Enabled', Expiration: { Days: 1 } };
    await configure(rule, { ...rule, ID: '' }, { ...rule, ID: 'mine' });
    const ids = (await stored())?.map(({ ID }) => ID) ?? [];
    assert.equal(ids[2], 'mine');
    for (const id of ids.slice(0, 2)) {
      assert.equal(id?.length, 48);
      assert.match(
        Buffer.from(id, 'base64').toString(),
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }
    assert.notEqual(ids[0], ids[1]);
    assert.deepEqual(
      (await stored())?.map(({ ID }) => ID),
      ids,
    );
  });

  test('says from which size on objects change their class', async () => {
    const rule: LifecycleRule = { Filter: {}, Status: 'Enabled', Expiration: { Days: 1 } };
    const plain = await configure(rule);
    assert.equal(plain.TransitionDefaultMinimumObjectSize, 'all_storage_classes_128K');
    const varying = await door.s3.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: { Rules: [rule] },
        TransitionDefaultMinimumObjectSize: 'varies_by_storage_class',
      }),
    );
    assert.equal(varying.TransitionDefaultMinimumObjectSize, 'varies_by_storage_class');
    const read = await door.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    assert.equal(read.TransitionDefaultMinimumObjectSize, 'varies_by_storage_class');
    const answer = await putDocument(
      '<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>',
      { 'x-amz-transition-default-minimum-object-size': 'value' },
    );
    assert.equal(codeOf(answer), 'InvalidRequest');
    assert.equal(messageOf(answer), 'Invalid TransitionDefaultMinimumObjectSize found: value');
  });

  test('takes a thousand rules', async () => {
    const rules = (count: number): LifecycleRule[] =>
      Array.from({ length: count }, (_, index) => ({
        ID: `rule-${index}`,
        Filter: { Prefix: `${index}/` },
        Status: 'Enabled',
        Expiration: { Days: 1 + index },
      }));
    await configure(...rules(1000));
    assert.deepEqual(await stored(), rules(1000));
    await assert.rejects(configure(...rules(1001)), {
      name: 'InvalidRequest',
      message: 'The number of lifecycle rules must not exceed the allowed limit of 1000 rules.',
    });
  });
});
