import type { Level, Method, Route } from './operation.ts';

/** An operation that AWS documents and this gateway answers with NotImplemented. */
export interface UnbuiltOperation {
  readonly name: string;
  readonly route: Route;
}

const row = (name: string, method: Method, level: Level, subresource: string): UnbuiltOperation => ({
  name,
  route: { method, level, query: { [subresource]: true } },
});

/** AWS API reference, "Actions, Amazon S3". A row moves to table.ts when it is built. */
export const unbuiltOperations: readonly UnbuiltOperation[] = [
  row('DeleteBucketAnalyticsConfiguration', 'DELETE', 'bucket', 'analytics'),
  row('DeleteBucketEncryption', 'DELETE', 'bucket', 'encryption'),
  row('DeleteBucketIntelligentTieringConfiguration', 'DELETE', 'bucket', 'intelligent-tiering'),
  row('DeleteBucketInventoryConfiguration', 'DELETE', 'bucket', 'inventory'),
  row('DeleteBucketLifecycle', 'DELETE', 'bucket', 'lifecycle'),
  row('DeleteBucketMetadataConfiguration', 'DELETE', 'bucket', 'metadataConfiguration'),
  row('DeleteBucketMetadataTableConfiguration', 'DELETE', 'bucket', 'metadataTable'),
  row('DeleteBucketMetricsConfiguration', 'DELETE', 'bucket', 'metrics'),
  row('DeleteBucketOwnershipControls', 'DELETE', 'bucket', 'ownershipControls'),
  row('DeleteBucketReplication', 'DELETE', 'bucket', 'replication'),
  row('CreateSession', 'GET', 'bucket', 'session'),
  row('GetBucketAnalyticsConfiguration', 'GET', 'bucket', 'analytics'),
  row('GetBucketEncryption', 'GET', 'bucket', 'encryption'),
  row('GetBucketIntelligentTieringConfiguration', 'GET', 'bucket', 'intelligent-tiering'),
  row('GetBucketInventoryConfiguration', 'GET', 'bucket', 'inventory'),
  row('GetBucketMetadataConfiguration', 'GET', 'bucket', 'metadataConfiguration'),
  row('GetBucketMetadataTableConfiguration', 'GET', 'bucket', 'metadataTable'),
  row('GetBucketMetricsConfiguration', 'GET', 'bucket', 'metrics'),
  row('GetBucketOwnershipControls', 'GET', 'bucket', 'ownershipControls'),
  row('GetObjectAttributes', 'GET', 'object', 'attributes'),
  row('GetObjectLegalHold', 'GET', 'object', 'legal-hold'),
  row('GetObjectRetention', 'GET', 'object', 'retention'),
  row('GetObjectTorrent', 'GET', 'object', 'torrent'),
  row('PutBucketAccelerateConfiguration', 'PUT', 'bucket', 'accelerate'),
  row('PutBucketAcl', 'PUT', 'bucket', 'acl'),
  row('PutBucketAnalyticsConfiguration', 'PUT', 'bucket', 'analytics'),
  row('PutBucketEncryption', 'PUT', 'bucket', 'encryption'),
  row('PutBucketIntelligentTieringConfiguration', 'PUT', 'bucket', 'intelligent-tiering'),
  row('PutBucketInventoryConfiguration', 'PUT', 'bucket', 'inventory'),
  row('PutBucketLifecycleConfiguration', 'PUT', 'bucket', 'lifecycle'),
  row('CreateBucketMetadataConfiguration', 'POST', 'bucket', 'metadataConfiguration'),
  row('CreateBucketMetadataTableConfiguration', 'POST', 'bucket', 'metadataTable'),
  row('PutBucketMetricsConfiguration', 'PUT', 'bucket', 'metrics'),
  row('PutBucketNotificationConfiguration', 'PUT', 'bucket', 'notification'),
  row('PutBucketOwnershipControls', 'PUT', 'bucket', 'ownershipControls'),
  row('PutBucketReplication', 'PUT', 'bucket', 'replication'),
  row('PutBucketRequestPayment', 'PUT', 'bucket', 'requestPayment'),
  row('PutBucketVersioning', 'PUT', 'bucket', 'versioning'),
  row('PutObjectAcl', 'PUT', 'object', 'acl'),
  row('PutObjectLegalHold', 'PUT', 'object', 'legal-hold'),
  row('PutObjectLockConfiguration', 'PUT', 'bucket', 'object-lock'),
  row('PutObjectRetention', 'PUT', 'object', 'retention'),
  row('RenameObject', 'PUT', 'object', 'renameObject'),
  row('RestoreObject', 'POST', 'object', 'restore'),
  row('SelectObjectContent', 'POST', 'object', 'select'),
  row('UpdateBucketMetadataInventoryTableConfiguration', 'PUT', 'bucket', 'metadataInventoryTable'),
  row('UpdateBucketMetadataJournalTableConfiguration', 'PUT', 'bucket', 'metadataJournalTable'),
];

/**
 * Headers that ask for functionality that is not there: an upload that asks for encryption or a lock must not succeed
 * without it. AWS answers NotImplemented and names the header.
 */
export const unbuiltHeaders: readonly string[] = [
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-context',
  'x-amz-server-side-encryption-bucket-key-enabled',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-server-side-encryption-customer-key',
  'x-amz-server-side-encryption-customer-key-md5',
  'x-amz-copy-source-server-side-encryption-customer-algorithm',
  'x-amz-copy-source-server-side-encryption-customer-key',
  'x-amz-copy-source-server-side-encryption-customer-key-md5',
  'x-amz-object-lock-mode',
  'x-amz-object-lock-retain-until-date',
  'x-amz-object-lock-legal-hold',
  'x-amz-bucket-object-lock-enabled',
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp',
  'x-amz-write-offset-bytes',
];
