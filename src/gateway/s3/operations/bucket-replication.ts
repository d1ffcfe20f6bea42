import { Type, type Static } from '@sinclair/typebox';
import { REPLICATION_RULES_MAX } from '../../../limits.ts';
import { documentOperations, newId } from '../document-operations.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { bucketOf } from '../members.ts';
import type { S3Context } from '../operation.ts';
import { storageClassOf } from '../storage-class.ts';

const optionalText = Type.Optional(Type.String());
const status = Type.Object({ Status: Type.String({ enum: ['Enabled', 'Disabled'] }) });
const minutes = Type.Object({ Minutes: Type.Integer({ minimum: 15, maximum: 15 }) });
const tag = Type.Object({ Key: Type.String({ minLength: 1 }), Value: Type.String() });

/** AWS API reference, Destination. */
const destination = Type.Object({
  Bucket: Type.String(),
  Account: Type.Optional(Type.String({ pattern: '^\\d{12}$' })),
  StorageClass: optionalText,
  AccessControlTranslation: Type.Optional(Type.Object({ Owner: Type.String({ enum: ['Destination'] }) })),
  EncryptionConfiguration: Type.Optional(Type.Object({ ReplicaKmsKeyID: optionalText })),
  ReplicationTime: Type.Optional(Type.Object({ ...status.properties, Time: minutes })),
  Metrics: Type.Optional(Type.Object({ ...status.properties, EventThreshold: Type.Optional(minutes) })),
});

/** AWS API reference, ReplicationRule. */
const rule = Type.Object({
  ID: Type.Optional(Type.String({ maxLength: 255 })),
  Priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 2147483647 })),
  Prefix: optionalText,
  Filter: Type.Optional(
    Type.Object(
      {
        Prefix: optionalText,
        Tag: Type.Optional(tag),
        And: Type.Optional(Type.Object({ Prefix: optionalText, Tag: Type.Array(tag) })),
      },
      { maxProperties: 1 },
    ),
  ),
  ...status.properties,
  SourceSelectionCriteria: Type.Optional(
    Type.Object({
      SseKmsEncryptedObjects: Type.Optional(status),
      ReplicaModifications: Type.Optional(status),
    }),
  ),
  ExistingObjectReplication: Type.Optional(status),
  DeleteMarkerReplication: Type.Optional(status),
  Destination: destination,
});

type Rule = Static<typeof rule>;

/** AWS API reference, PutBucketReplication. Kept and returned; replication comes with the change stream. */
export const replicationOperations = documentOperations({
  configuration: 'replication',
  subresource: 'replication',
  root: 'ReplicationConfiguration',
  schema: Type.Object({
    Role: Type.String(),
    Rule: Type.Array(rule, { minItems: 1, maxItems: REPLICATION_RULES_MAX }),
  }),
  integrity: 'required',
  put: { name: 'PutBucketReplication', action: 's3:PutReplicationConfiguration' },
  get: { name: 'GetBucketReplication', action: 's3:GetReplicationConfiguration' },
  remove: { name: 'DeleteBucketReplication', action: 's3:PutReplicationConfiguration' },
  async check(document, context) {
    if (bucketOf(context).rules.versioning !== 'enabled')
      throw refused("Versioning must be 'Enabled' on the bucket to apply a replication configuration");
    if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/.test(document.Role))
      throw invalidArgument('Invalid Role', 'Role', document.Role);
    const rules = document.Rule;
    for (const each of rules) checkRule(each);
    refuseRepeated(
      rules.map(({ ID }) => ID),
      'Rule Id must be unique',
    );
    refuseRepeated(
      rules.map(({ Priority }) => Priority),
      'Found duplicate priority',
    );
    for (const arn of new Set(rules.map(({ Destination }) => Destination.Bucket)))
      await checkDestination(context, arn);
    return { ...document, Rule: rules.map((each) => ({ ...each, ID: each.ID ?? newId(context) })) };
  },
  absent: 'ReplicationConfigurationNotFoundError',
});

const refused = (message: string): S3Error => new S3Error('InvalidRequest', { message });

/** Rules with a Filter are of the second version of the schema, which wants more. AWS User Guide, "Replication configuration". */
function checkRule({ Filter, Prefix, Priority, DeleteMarkerReplication, Destination }: Rule): void {
  if (Destination.StorageClass !== undefined) storageClassOf(Destination.StorageClass);
  if (Filter !== undefined && Prefix !== undefined) throw new S3Error('MalformedXML');
  if (Filter === undefined) return;
  const second =
    'must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.';
  if (DeleteMarkerReplication === undefined) throw refused(`DeleteMarkerReplication ${second}`);
  if (Priority === undefined) throw refused(`Priority ${second}`);
  const hasTags = Filter.Tag !== undefined || (Filter.And?.Tag.length ?? 0) > 0;
  if (hasTags && DeleteMarkerReplication.Status === 'Enabled')
    throw refused('Delete marker replication is not supported if any Tag filter is specified.');
}

function refuseRepeated(values: readonly (string | number | undefined)[], message: string): void {
  const given = values.filter((value) => value !== undefined);
  if (new Set(given).size < given.length) throw new S3Error('InvalidArgument', { message });
}

async function checkDestination({ parts: { objects } }: S3Context, arn: string): Promise<void> {
  const name = /^arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/.exec(arn)?.[1];
  if (name === undefined) throw invalidArgument('Invalid bucket ARN', 'Bucket', arn);
  const bucket = await objects.bucket(name);
  if (bucket === undefined) throw refused('Destination bucket must exist.');
  if (bucket.rules.versioning !== 'enabled')
    throw refused('Destination bucket must have versioning enabled.');
}
