import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteBucketMetricsConfigurationCommand,
  GetBucketAnalyticsConfigurationCommand,
  GetBucketMetricsConfigurationCommand,
  GetBucketNotificationConfigurationCommand,
  ListBucketMetricsConfigurationsCommand,
  PutBucketAnalyticsConfigurationCommand,
  PutBucketMetricsConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import { openLiveDoor, type LiveDoor } from './live-door.ts';
import { codeOf, sendSigned, type RawAnswer } from './signed-request.ts';

const Bucket = 'configured';
let door: LiveDoor;

before(async () => {
  door = await openLiveDoor();
  await door.s3.send(new CreateBucketCommand({ Bucket }));
  await door.s3.send(new CreateBucketCommand({ Bucket: 'dotted.name' }));
});
after(() => door.close());

type Query = Readonly<Record<string, string>>;

const put = (query: Query, body: string, bucket = Bucket): Promise<RawAnswer> => {
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
  return sendSigned(door.port, { method: 'PUT', bucket, query, body, headers });
};
const get = (query: Query): Promise<RawAnswer> =>
  sendSigned(door.port, { method: 'GET', bucket: Bucket, query });

const one = (query: string, root: string, content: string, code?: string): Case => ({
  query: Object.fromEntries(new URLSearchParams(query)),
  body: `<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`,
  code,
});

interface Case {
  readonly query: Query;
  readonly body: string;
  /** `undefined`: it is kept and returned. */
  readonly code: string | undefined;
}

const accelerate = (content: string, code?: string): Case =>
  one('accelerate', 'AccelerateConfiguration', content, code);
const payment = (payer: string, code?: string): Case =>
  one('requestPayment', 'RequestPaymentConfiguration', `<Payer>${payer}</Payer>`, code);
const notification = (content: string, code?: string): Case =>
  one('notification', 'NotificationConfiguration', content, code);

const created = '<Event>s3:ObjectCreated:*</Event>';
const topic = (content: string, arn = 'arn:aws:sns:us-east-1:123456789012:events'): string =>
  `<TopicConfiguration><Id>${content.length}</Id><Topic>${arn}</Topic>${content}</TopicConfiguration>`;
const queue = (content: string, arn = 'arn:aws:sqs:us-east-1:123456789012:events'): string =>
  `<QueueConfiguration><Id>q</Id><Queue>${arn}</Queue>${content}</QueueConfiguration>`;
const filter = (...rules: readonly (readonly [string, string])[]): string =>
  `<Filter><S3Key>${rules.map(([name, value]) => `<FilterRule><Name>${name}</Name><Value>${value}</Value></FilterRule>`).join('')}</S3Key></Filter>`;

const inventory = (content: string, code?: string, query = 'inventory&id=one'): Case =>
  one(
    query,
    'InventoryConfiguration',
    '<Destination><S3BucketDestination><Bucket>arn:aws:s3:::reports</Bucket><Format>CSV</Format></S3BucketDestination></Destination>' +
      `<IsEnabled>true</IsEnabled><Id>one</Id><IncludedObjectVersions>All</IncludedObjectVersions><Schedule><Frequency>Daily</Frequency></Schedule>${content}`,
    code,
  );
const tiering = (tiers: readonly (readonly [string, number])[], code?: string): Case =>
  one(
    'intelligent-tiering&id=t',
    'IntelligentTieringConfiguration',
    `<Id>t</Id><Status>Enabled</Status>${tiers.map(([tier, days]) => `<Tiering><AccessTier>${tier}</AccessTier><Days>${days}</Days></Tiering>`).join('')}`,
    code,
  );
const metrics = (content: string, code?: string): Case =>
  one('metrics&id=m', 'MetricsConfiguration', `<Id>m</Id>${content}`, code);

const cases: readonly Case[] = [
  accelerate('<Status>Enabled</Status>'),
  accelerate('<Status>Suspended</Status>'),
  accelerate('<Status>On</Status>', 'MalformedXML'),
  accelerate('', 'MalformedXML'),
  payment('Requester'),
  payment('BucketOwner'),
  payment('Nobody', 'MalformedXML'),
  notification(queue(created)),
  notification(queue(created + filter(['Prefix', 'a/'], ['Suffix', '.jpg']))),
  notification(queue(created + filter(['prefix', 'a/'])) + topic(created + filter(['prefix', 'b/']))),
  notification('<EventBridgeConfiguration/>'),
  notification(queue('<Event>s3:Nothing</Event>'), 'InvalidArgument'),
  notification(queue(''), 'MalformedXML'),
  notification(queue(created, 'events'), 'InvalidArgument'),
  notification(queue(created, 'arn:aws:sns:us-east-1:123456789012:events'), 'InvalidArgument'),
  notification(queue(created, 'arn:aws:sqs:eu-west-1:123456789012:events'), 'InvalidArgument'),
  notification(queue(created) + topic('<Event>s3:ObjectCreated:Put</Event>'), 'InvalidArgument'),
  notification(
    queue(created + filter(['prefix', 'a'])) + topic(created + filter(['prefix', 'ab'])),
    'InvalidArgument',
  ),
  notification(
    queue('<Event>s3:ObjectRemoved:*</Event>') + queue('<Event>s3:ObjectAcl:Put</Event>'),
    'InvalidArgument',
  ),
  notification(queue(created + filter(['prefix', 'a'], ['prefix', 'b'])), 'InvalidArgument'),
  notification(queue(created + filter(['infix', 'a'])), 'InvalidArgument'),
  notification(queue(created + filter(['suffix', 'x'.repeat(1025)])), 'InvalidArgument'),
  inventory(''),
  inventory('<OptionalFields><Field>Size</Field><Field>ETag</Field></OptionalFields>'),
  inventory('<OptionalFields><Field>Colour</Field></OptionalFields>', 'MalformedXML'),
  inventory('', 'InvalidArgument', 'inventory&id=other'),
  inventory('', 'InvalidArgument', 'inventory'),
  tiering([['ARCHIVE_ACCESS', 90]]),
  tiering([
    ['ARCHIVE_ACCESS', 90],
    ['DEEP_ARCHIVE_ACCESS', 180],
  ]),
  tiering([['ARCHIVE_ACCESS', 89]], 'InvalidArgument'),
  tiering([['DEEP_ARCHIVE_ACCESS', 731]], 'InvalidArgument'),
  tiering(
    [
      ['ARCHIVE_ACCESS', 90],
      ['ARCHIVE_ACCESS', 100],
    ],
    'InvalidArgument',
  ),
  tiering([], 'MalformedXML'),
  metrics(''),
  metrics('<Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>'),
  metrics('<Filter><Prefix>a</Prefix><AccessPointArn>b</AccessPointArn></Filter>', 'MalformedXML'),
  one('metrics&id=%3F', 'MetricsConfiguration', '<Id>?</Id>', 'MalformedXML'),
];

/** Elements that hold text, sorted: S3 returns them in an order of its own. */
const leaves = (xml: string): readonly string[] =>
  (xml.match(/<([\w-]+)>[^<]*<\/\1>|<[\w-]+\/>/g) ?? []).sort();

for (const [index, { query, body, code }] of cases.entries()) {
  test(`configuration ${index}: ${Object.keys(query).join('&')} ${code ?? 'is kept and returned'}`, async () => {
    const answer = await put(query, body);
    assert.equal(code === undefined ? answer.status : codeOf(answer), code ?? 200, answer.body.toString());
    if (code === undefined) assert.deepEqual(leaves((await get(query)).body.toString()), leaves(body));
  });
}

test('what was never set is answered as AWS answers it', async () => {
  const door = await openLiveDoor();
  await door.s3.send(new CreateBucketCommand({ Bucket }));
  const answers = ['accelerate', 'requestPayment', 'notification', 'inventory', 'inventory&id=one'].map(
    async (query) => {
      const parameters = Object.fromEntries(new URLSearchParams(query));
      const answer = await sendSigned(door.port, { method: 'GET', bucket: Bucket, query: parameters });
      return (
        codeOf(answer) ?? /<([A-Za-z]+) xmlns="[^"]*"(.*)/.exec(answer.body.toString())?.slice(1).join(' ')
      );
    },
  );
  assert.deepEqual(await Promise.all(answers), [
    'AccelerateConfiguration />',
    'RequestPaymentConfiguration ><Payer>BucketOwner</Payer></RequestPaymentConfiguration>',
    'NotificationConfiguration />',
    'ListInventoryConfigurationsResult ><IsTruncated>false</IsTruncated></ListInventoryConfigurationsResult>',
    'NoSuchConfiguration',
  ]);
  await door.close();
});

test('transfer acceleration needs a bucket name without periods', async () => {
  const { query, body } = accelerate('<Status>Enabled</Status>');
  assert.equal(codeOf(await put(query, body, 'dotted.name')), 'InvalidRequest');
});

test('an SDK reads back what it put, with an id where it gave none, and takes it away with an empty document', async () => {
  const { s3 } = door;
  const Events = ['s3:ObjectRemoved:Delete'] as const;
  const LambdaFunctionArn = 'arn:aws:lambda:us-east-1:123456789012:function:f';
  const configuration = { LambdaFunctionArn, Events: [...Events] };
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      NotificationConfiguration: { LambdaFunctionConfigurations: [configuration] },
    }),
  );
  const read = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  const [found] = read.LambdaFunctionConfigurations ?? [];
  assert.deepEqual({ ...found, Id: undefined }, { ...configuration, Id: undefined });
  assert.match(found?.Id ?? '', /^[\w-]{24}$/);
  await s3.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: {} }));
  const none = await s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  assert.equal(none.LambdaFunctionConfigurations, undefined);

  const AnalyticsConfiguration = {
    Id: 'a',
    Filter: { Prefix: 'x' },
    StorageClassAnalysis: {
      DataExport: {
        OutputSchemaVersion: 'V_1' as const,
        Destination: { S3BucketDestination: { Format: 'CSV' as const, Bucket: 'arn:aws:s3:::reports' } },
      },
    },
  };
  await s3.send(new PutBucketAnalyticsConfigurationCommand({ Bucket, Id: 'a', AnalyticsConfiguration }));
  const analytics = await s3.send(new GetBucketAnalyticsConfigurationCommand({ Bucket, Id: 'a' }));
  assert.deepEqual(analytics.AnalyticsConfiguration, AnalyticsConfiguration);
});

test('configurations by id: put at the same time none is lost, listed in pages of 100, removed one by one', async () => {
  const { s3 } = door;
  const ids = Array.from({ length: 130 }, (_item, index) => `id-${String(index).padStart(3, '0')}`);
  const putOne = (Id: string): Promise<unknown> =>
    s3.send(new PutBucketMetricsConfigurationCommand({ Bucket, Id, MetricsConfiguration: { Id } }));
  await s3.send(new DeleteBucketMetricsConfigurationCommand({ Bucket, Id: 'm' }));
  for (let start = 0; start < ids.length; start += 5)
    await Promise.all(ids.slice(start, start + 5).map(putOne));
  const first = await s3.send(new ListBucketMetricsConfigurationsCommand({ Bucket }));
  const { NextContinuationToken: ContinuationToken } = first;
  const second = await s3.send(new ListBucketMetricsConfigurationsCommand({ Bucket, ContinuationToken }));
  assert.deepEqual([first.IsTruncated, second.IsTruncated], [true, false]);
  const pages = [first, second].map((page) => page.MetricsConfigurationList?.map(({ Id }) => Id));
  assert.deepEqual(pages, [ids.slice(0, 100), ids.slice(100)]);
  await s3.send(new DeleteBucketMetricsConfigurationCommand({ Bucket, Id: 'id-000' }));
  for (const Id of ['id-000', 'never']) {
    await assert.rejects(s3.send(new GetBucketMetricsConfigurationCommand({ Bucket, Id })), {
      name: 'NoSuchConfiguration',
    });
    await assert.rejects(s3.send(new DeleteBucketMetricsConfigurationCommand({ Bucket, Id })), {
      name: 'NoSuchConfiguration',
    });
  }
});

test('a parameter called id means nothing to a request for an object', async () => {
  await sendSigned(door.port, { method: 'PUT', bucket: Bucket, key: 'k', body: 'x' });
  const answer = await sendSigned(door.port, { method: 'GET', bucket: Bucket, key: 'k', query: { id: '1' } });
  assert.equal(answer.status, 200);
});
