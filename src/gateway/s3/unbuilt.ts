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
  row('DeleteBucketIntelligentTieringConfiguration', 'DELETE', 'bucket', 'intelligent-tiering'),
  row('DeleteBucketInventoryConfiguration', 'DELETE', 'bucket', 'inventory'),
  row('DeleteBucketLifecycle', 'DELETE', 'bucket', 'lifecycle'),
  row('DeleteBucketMetadataConfiguration', 'DELETE', 'bucket', 'metadataConfiguration'),
  row('DeleteBucketMetadataTableConfiguration', 'DELETE', 'bucket', 'metadataTable'),
  row('DeleteBucketMetricsConfiguration', 'DELETE', 'bucket', 'metrics'),
  row('DeleteBucketOwnershipControls', 'DELETE', 'bucket', 'ownershipControls'),
  row('DeleteBucketPolicy', 'DELETE', 'bucket', 'policy'),
  row('DeleteBucketReplication', 'DELETE', 'bucket', 'replication'),
  row('DeleteBucketWebsite', 'DELETE', 'bucket', 'website'),
  row('DeletePublicAccessBlock', 'DELETE', 'bucket', 'publicAccessBlock'),
  row('CreateSession', 'GET', 'bucket', 'session'),
  row('GetBucketAnalyticsConfiguration', 'GET', 'bucket', 'analytics'),
  row('GetBucketIntelligentTieringConfiguration', 'GET', 'bucket', 'intelligent-tiering'),
  row('GetBucketInventoryConfiguration', 'GET', 'bucket', 'inventory'),
  row('GetBucketMetadataConfiguration', 'GET', 'bucket', 'metadataConfiguration'),
  row('GetBucketMetadataTableConfiguration', 'GET', 'bucket', 'metadataTable'),
  row('GetBucketMetricsConfiguration', 'GET', 'bucket', 'metrics'),
  row('GetBucketOwnershipControls', 'GET', 'bucket', 'ownershipControls'),
  row('GetBucketPolicyStatus', 'GET', 'bucket', 'policyStatus'),
  row('GetObjectAttributes', 'GET', 'object', 'attributes'),
  row('GetObjectTorrent', 'GET', 'object', 'torrent'),
  row('GetPublicAccessBlock', 'GET', 'bucket', 'publicAccessBlock'),
  { name: 'PostObject', route: { method: 'POST', level: 'bucket' } },
  row('PutBucketAccelerateConfiguration', 'PUT', 'bucket', 'accelerate'),
  row('PutBucketAcl', 'PUT', 'bucket', 'acl'),
  row('PutBucketAnalyticsConfiguration', 'PUT', 'bucket', 'analytics'),
  row('PutBucketIntelligentTieringConfiguration', 'PUT', 'bucket', 'intelligent-tiering'),
  row('PutBucketInventoryConfiguration', 'PUT', 'bucket', 'inventory'),
  row('PutBucketLifecycleConfiguration', 'PUT', 'bucket', 'lifecycle'),
  row('PutBucketLogging', 'PUT', 'bucket', 'logging'),
  row('CreateBucketMetadataConfiguration', 'POST', 'bucket', 'metadataConfiguration'),
  row('CreateBucketMetadataTableConfiguration', 'POST', 'bucket', 'metadataTable'),
  row('PutBucketMetricsConfiguration', 'PUT', 'bucket', 'metrics'),
  row('PutBucketNotificationConfiguration', 'PUT', 'bucket', 'notification'),
  row('PutBucketOwnershipControls', 'PUT', 'bucket', 'ownershipControls'),
  row('PutBucketPolicy', 'PUT', 'bucket', 'policy'),
  row('PutBucketReplication', 'PUT', 'bucket', 'replication'),
  row('PutBucketRequestPayment', 'PUT', 'bucket', 'requestPayment'),
  row('PutBucketWebsite', 'PUT', 'bucket', 'website'),
  row('PutObjectAcl', 'PUT', 'object', 'acl'),
  row('PutPublicAccessBlock', 'PUT', 'bucket', 'publicAccessBlock'),
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
  'x-amz-website-redirect-location',
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp',
  'x-amz-write-offset-bytes',
];
