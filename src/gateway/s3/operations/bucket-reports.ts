import { Type, type Static } from '@sinclair/typebox';
import { S3Error } from '../errors.ts';
import { namedDocumentOperations } from '../named-documents.ts';

const optionalText = Type.Optional(Type.String());
const bucketArn = Type.String({ pattern: '^arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' });
const accountId = Type.Optional(Type.String({ pattern: '^\\d{12}$' }));
/** AWS User Guide, "Configuring Amazon S3 Inventory": names of configurations. */
const id = Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' });
const tag = Type.Object({ Key: Type.String({ minLength: 1 }), Value: Type.String() });

/** Which objects a configuration is about: one member, and the members of And together. */
const filterOf = <Members extends Parameters<typeof Type.Object>[0]>(
  further: Members,
): ReturnType<typeof Type.Optional> =>
  Type.Optional(
    Type.Object(
      {
        ...further,
        Prefix: optionalText,
        Tag: Type.Optional(tag),
        And: Type.Optional(
          Type.Object({ ...further, Prefix: optionalText, Tag: Type.Optional(Type.Array(tag)) }),
        ),
      },
      { maxProperties: 1 },
    ),
  );

const accepted = (): Promise<void> => Promise.resolve();

const inventoryFields = [
  ...['Size', 'LastModifiedDate', 'StorageClass', 'ETag', 'IsMultipartUploaded', 'ReplicationStatus'],
  ...['EncryptionStatus', 'ObjectLockRetainUntilDate', 'ObjectLockMode', 'ObjectLockLegalHoldStatus'],
  ...['IntelligentTieringAccessTier', 'BucketKeyStatus', 'ChecksumAlgorithm', 'ObjectAccessControlList'],
  ...['ObjectOwner', 'LifecycleExpirationDate'],
];

/** AWS API reference, InventoryConfiguration. Kept and returned; reports are not written yet. */
export const inventoryOperations = namedDocumentOperations({
  configuration: 'inventory',
  subresource: 'inventory',
  root: 'InventoryConfiguration',
  listRoot: 'ListInventoryConfigurationsResult',
  schema: Type.Object({
    Id: id,
    IsEnabled: Type.Boolean(),
    Filter: Type.Optional(Type.Object({ Prefix: Type.String() })),
    Destination: Type.Object({
      S3BucketDestination: Type.Object({
        AccountId: accountId,
        Bucket: bucketArn,
        Format: Type.String({ enum: ['CSV', 'ORC', 'Parquet'] }),
        Prefix: optionalText,
        Encryption: Type.Optional(
          Type.Object({
            'SSE-S3': Type.Optional(Type.Object({})),
            'SSE-KMS': Type.Optional(Type.Object({ KeyId: Type.String() })),
          }),
        ),
      }),
    }),
    Schedule: Type.Object({ Frequency: Type.String({ enum: ['Daily', 'Weekly'] }) }),
    IncludedObjectVersions: Type.String({ enum: ['All', 'Current'] }),
    OptionalFields: Type.Optional(
      Type.Object({ Field: Type.Array(Type.String({ enum: inventoryFields }), { uniqueItems: true }) }),
    ),
  }),
  put: { name: 'PutBucketInventoryConfiguration', action: 's3:PutInventoryConfiguration' },
  get: { name: 'GetBucketInventoryConfiguration', action: 's3:GetInventoryConfiguration' },
  remove: { name: 'DeleteBucketInventoryConfiguration', action: 's3:PutInventoryConfiguration' },
  list: { name: 'ListBucketInventoryConfigurations', action: 's3:GetInventoryConfiguration' },
  check: accepted,
});

/** AWS API reference, AnalyticsConfiguration. Kept and returned; nothing is analysed. */
export const analyticsOperations = namedDocumentOperations({
  configuration: 'analytics',
  subresource: 'analytics',
  root: 'AnalyticsConfiguration',
  listRoot: 'ListBucketAnalyticsConfigurationResult',
  schema: Type.Object({
    Id: id,
    Filter: filterOf({}),
    StorageClassAnalysis: Type.Object({
      DataExport: Type.Optional(
        Type.Object({
          OutputSchemaVersion: Type.String({ enum: ['V_1'] }),
          Destination: Type.Object({
            S3BucketDestination: Type.Object({
              Format: Type.String({ enum: ['CSV'] }),
              BucketAccountId: accountId,
              Bucket: bucketArn,
              Prefix: optionalText,
            }),
          }),
        }),
      ),
    }),
  }),
  put: { name: 'PutBucketAnalyticsConfiguration', action: 's3:PutAnalyticsConfiguration' },
  get: { name: 'GetBucketAnalyticsConfiguration', action: 's3:GetAnalyticsConfiguration' },
  remove: { name: 'DeleteBucketAnalyticsConfiguration', action: 's3:PutAnalyticsConfiguration' },
  list: { name: 'ListBucketAnalyticsConfigurations', action: 's3:GetAnalyticsConfiguration' },
  check: accepted,
});

/** AWS API reference, MetricsConfiguration. Kept and returned; metrics of the gateway are not filtered by it. */
export const metricsOperations = namedDocumentOperations({
  configuration: 'metrics',
  subresource: 'metrics',
  root: 'MetricsConfiguration',
  listRoot: 'ListMetricsConfigurationsResult',
  schema: Type.Object({ Id: id, Filter: filterOf({ AccessPointArn: optionalText }) }),
  put: { name: 'PutBucketMetricsConfiguration', action: 's3:PutMetricsConfiguration' },
  get: { name: 'GetBucketMetricsConfiguration', action: 's3:GetMetricsConfiguration' },
  remove: { name: 'DeleteBucketMetricsConfiguration', action: 's3:PutMetricsConfiguration' },
  list: { name: 'ListBucketMetricsConfigurations', action: 's3:GetMetricsConfiguration' },
  check: accepted,
});

const tiering = Type.Object({
  AccessTier: Type.String({ enum: ['ARCHIVE_ACCESS', 'DEEP_ARCHIVE_ACCESS'] }),
  Days: Type.Integer(),
});

const daysMin: Readonly<Record<string, number>> = { ARCHIVE_ACCESS: 90, DEEP_ARCHIVE_ACCESS: 180 };
const daysMax = 730;

/** AWS API reference, IntelligentTieringConfiguration. Kept and returned; the gateway has tiers of its own. */
export const intelligentTieringOperations = namedDocumentOperations({
  configuration: 'intelligent-tiering',
  subresource: 'intelligent-tiering',
  root: 'IntelligentTieringConfiguration',
  listRoot: 'ListBucketIntelligentTieringConfigurationsOutput',
  schema: Type.Object({
    Id: id,
    Filter: filterOf({}),
    Status: Type.String({ enum: ['Enabled', 'Disabled'] }),
    Tiering: Type.Array(tiering, { minItems: 1, maxItems: 2 }),
  }),
  put: { name: 'PutBucketIntelligentTieringConfiguration', action: 's3:PutIntelligentTieringConfiguration' },
  get: { name: 'GetBucketIntelligentTieringConfiguration', action: 's3:GetIntelligentTieringConfiguration' },
  remove: {
    name: 'DeleteBucketIntelligentTieringConfiguration',
    action: 's3:PutIntelligentTieringConfiguration',
  },
  list: {
    name: 'ListBucketIntelligentTieringConfigurations',
    action: 's3:GetIntelligentTieringConfiguration',
  },
  check: async ({ Tiering }) => checkTierings(Tiering),
});

/** AWS API reference, Tiering: at least 90 days for Archive Access, 180 for Deep Archive Access, at most two years. */
function checkTierings(tierings: readonly Static<typeof tiering>[]): void {
  const [first, second] = tierings;
  const isRepeated = second !== undefined && first?.AccessTier === second.AccessTier;
  const isInRange = tierings.every(
    ({ AccessTier, Days }) => Days >= (daysMin[AccessTier] ?? daysMax) && Days <= daysMax,
  );
  if (isRepeated || !isInRange) throw new S3Error('InvalidArgument');
}
