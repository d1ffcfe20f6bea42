import { Type, type Static } from '@sinclair/typebox';
import { NOTIFICATIONS_MAX } from '../../../limits.ts';
import { documentOperations } from '../document-operations.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import type { S3Context } from '../operation.ts';

const filterRule = Type.Object({ Name: Type.String(), Value: Type.String() });

const common = {
  Event: Type.Array(Type.String(), { minItems: 1 }),
  Filter: Type.Optional(
    Type.Object({ S3Key: Type.Optional(Type.Object({ FilterRule: Type.Array(filterRule) })) }),
  ),
};

const optionalId = Type.Optional(Type.String({ maxLength: 255 }));

/** AWS API reference, NotificationConfiguration. */
const schema = Type.Object({
  TopicConfiguration: Type.Array(Type.Object({ Id: optionalId, Topic: Type.String(), ...common })),
  QueueConfiguration: Type.Array(Type.Object({ Id: optionalId, Queue: Type.String(), ...common })),
  CloudFunctionConfiguration: Type.Array(
    Type.Object({ Id: optionalId, CloudFunction: Type.String(), ...common }),
  ),
  EventBridgeConfiguration: Type.Optional(Type.Object({})),
});

type Document = Static<typeof schema>;

/** AWS API reference, Event: families, with what may stand behind the name of each. */
const eventFamilies: Readonly<Record<string, readonly string[]>> = {
  's3:IntelligentTiering': [],
  's3:LifecycleExpiration': ['*', 'Delete', 'DeleteMarkerCreated'],
  's3:LifecycleTransition': [],
  's3:ObjectAcl': ['Put'],
  's3:ObjectAnnotation': ['*', 'Put', 'Delete'],
  's3:ObjectCreated': ['*', 'Put', 'Post', 'Copy', 'CompleteMultipartUpload'],
  's3:ObjectRemoved': ['*', 'Delete', 'DeleteMarkerCreated'],
  's3:ObjectRestore': ['*', 'Post', 'Completed', 'Delete'],
  's3:ObjectTagging': ['*', 'Put', 'Delete'],
  's3:ReducedRedundancyLostObject': [],
  's3:Replication': [
    ...['*', 'OperationFailedReplication', 'OperationMissedThreshold'],
    ...['OperationNotTracked', 'OperationReplicatedAfterThreshold'],
  ],
};

const events: ReadonlySet<string> = new Set(
  Object.entries(eventFamilies).flatMap(([family, kinds]) =>
    kinds.length === 0 ? [family] : kinds.map((kind) => `${family}:${kind}`),
  ),
);

/** AWS API reference, PutBucketNotificationConfiguration. Kept and returned; delivery comes with the change stream. */
export const notificationOperations = documentOperations({
  configuration: 'notification',
  subresource: 'notification',
  root: 'NotificationConfiguration',
  schema,
  integrity: 'optional',
  put: { name: 'PutBucketNotificationConfiguration', action: 's3:PutBucketNotification' },
  get: { name: 'GetBucketNotificationConfiguration', action: 's3:GetBucketNotification' },
  check: async (document, context) => checked(document, context),
  absent: { TopicConfiguration: [], QueueConfiguration: [], CloudFunctionConfiguration: [] },
});

/** One configuration, whatever kind of destination it has. */
interface Rule {
  readonly destination: string;
  readonly arn: string;
  readonly service: string;
  readonly events: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
}

/** With ids for those that have none; nothing when nothing is configured: that is how AWS takes it away. */
function checked(document: Document, context: S3Context): Document | undefined {
  const { TopicConfiguration: topics, QueueConfiguration: queues } = document;
  const { CloudFunctionConfiguration: functions } = document;
  const rules = [
    ...topics.map((it) => ruleOf(it, { destination: 'Topic', arn: it.Topic, service: 'sns' })),
    ...queues.map((it) => ruleOf(it, { destination: 'Queue', arn: it.Queue, service: 'sqs' })),
    ...functions.map((it) =>
      ruleOf(it, { destination: 'CloudFunction', arn: it.CloudFunction, service: 'lambda' }),
    ),
  ];
  if (rules.length === 0 && document.EventBridgeConfiguration === undefined) return undefined;
  if (rules.length > NOTIFICATIONS_MAX) throw new S3Error('TooManyConfigurations');
  for (const rule of rules) checkRule(rule, context.parts.region);
  refuseOverlap(rules);
  return withIds(document, context);
}

function withIds(document: Document, { parts: { environment } }: S3Context): Document {
  const named = <Configuration extends { Id?: string }>(all: readonly Configuration[]): Configuration[] =>
    all.map((it) => ({
      ...it,
      Id: it.Id ?? Buffer.from(environment.random.bytes(18)).toString('base64url'),
    }));
  const whole = {
    ...document,
    TopicConfiguration: named(document.TopicConfiguration),
    QueueConfiguration: named(document.QueueConfiguration),
    CloudFunctionConfiguration: named(document.CloudFunctionConfiguration),
  };
  const { TopicConfiguration: topics, QueueConfiguration: queues } = whole;
  const ids = [...topics, ...queues, ...whole.CloudFunctionConfiguration].map(({ Id }) => Id);
  if (new Set(ids).size < ids.length)
    throw new S3Error('InvalidArgument', {
      message: 'Same ID used for multiple configurations. IDs must be unique',
    });
  return whole;
}

type Configuration = Pick<Document['TopicConfiguration'][number], 'Event' | 'Filter'>;

function ruleOf(
  { Event, Filter }: Configuration,
  destination: Pick<Rule, 'destination' | 'arn' | 'service'>,
): Rule {
  const rules = Filter?.S3Key?.FilterRule ?? [];
  for (const { Name, Value } of rules) {
    if (!/^(prefix|suffix)$/i.test(Name))
      throw invalidArgument('filter rule name must be either prefix or suffix', 'FilterRule.Name', Name);
    if (Buffer.byteLength(Value) > 1024)
      throw invalidArgument(
        'Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation',
        'FilterRule.Value',
        Value,
      );
  }
  return {
    ...destination,
    events: Event,
    prefix: valueOf(rules, 'prefix'),
    suffix: valueOf(rules, 'suffix'),
  };
}

function valueOf(rules: readonly Static<typeof filterRule>[], name: 'prefix' | 'suffix'): string {
  const [first, second] = rules.filter(({ Name }) => Name.toLowerCase() === name);
  if (second !== undefined)
    throw invalidArgument(
      `Cannot specify more than one ${name} rule in a filter.`,
      'FilterRule.Name',
      second.Name,
    );
  return first?.Value ?? '';
}

function checkRule({ events: wanted, destination, arn, service }: Rule, region: string): void {
  const unknown = wanted.find((event) => !events.has(event));
  if (unknown !== undefined)
    throw invalidArgument('A specified event is not supported for notifications.', 'Event', unknown);
  const found = /^arn:aws[a-z-]*:([a-z0-9]+):([a-z0-9-]+):(\d{12}):.+$/.exec(arn);
  if (found?.[1] !== service) throw invalidArgument('The ARN is not well formed', destination, arn);
  if (found[2] !== region)
    throw invalidArgument(
      'A specified destination is in a different region than the bucket. You must use a destination that resides in the same region as the bucket.',
      destination,
      arn,
    );
}

/** AWS User Guide, "Configuring event notifications using object key name filtering", overlapping filters. */
function refuseOverlap(rules: readonly Rule[]): void {
  for (const [index, one] of rules.entries()) {
    if (rules.slice(index + 1).some((other) => overlaps(one, other)))
      throw new S3Error('InvalidArgument', {
        message:
          'Configurations overlap. Configurations on the same bucket cannot share a common event type.',
      });
  }
}

const overlaps = (one: Rule, other: Rule): boolean =>
  one.events.some((event) => other.events.some((another) => isShared(event, another))) &&
  (one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix)) &&
  (one.suffix.endsWith(other.suffix) || other.suffix.endsWith(one.suffix));

const isShared = (one: string, other: string): boolean => covers(one, other) || covers(other, one);

const covers = (wide: string, event: string): boolean =>
  wide === event || (wide.endsWith(':*') && event.startsWith(wide.slice(0, -1)));
