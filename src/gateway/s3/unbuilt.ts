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
  row('DeleteBucketEncryption', 'DELETE', 'bucket', 'encryption'),
  row('DeleteBucketMetadataConfiguration', 'DELETE', 'bucket', 'metadataConfiguration'),
  row('DeleteBucketMetadataTableConfiguration', 'DELETE', 'bucket', 'metadataTable'),
  row('DeleteBucketWebsite', 'DELETE', 'bucket', 'website'),
  row('DeleteObjectAnnotation', 'DELETE', 'object', 'annotation'),
  row('GetBucketAbac', 'GET', 'bucket', 'abac'),
  row('GetObjectAnnotation', 'GET', 'object', 'annotation'),
  {
    name: 'ListObjectAnnotations',
    route: { method: 'GET', level: 'object', query: { annotation: true, 'x-id': 'ListObjectAnnotations' } },
  },
  row('PutBucketAbac', 'PUT', 'bucket', 'abac'),
  row('PutObjectAnnotation', 'PUT', 'object', 'annotation'),
  row('UpdateBucketMetadataAnnotationTableConfiguration', 'PUT', 'bucket', 'metadataAnnotationTable'),
  row('UpdateObjectEncryption', 'PUT', 'object', 'encryption'),
  row('CreateSession', 'GET', 'bucket', 'session'),
  row('GetBucketEncryption', 'GET', 'bucket', 'encryption'),
  row('GetBucketMetadataConfiguration', 'GET', 'bucket', 'metadataConfiguration'),
  row('GetBucketMetadataTableConfiguration', 'GET', 'bucket', 'metadataTable'),
  row('GetObjectTorrent', 'GET', 'object', 'torrent'),
  { name: 'PostObject', route: { method: 'POST', level: 'bucket' } },
  row('PutBucketEncryption', 'PUT', 'bucket', 'encryption'),
  row('PutBucketLogging', 'PUT', 'bucket', 'logging'),
  row('CreateBucketMetadataConfiguration', 'POST', 'bucket', 'metadataConfiguration'),
  row('CreateBucketMetadataTableConfiguration', 'POST', 'bucket', 'metadataTable'),
  row('PutBucketWebsite', 'PUT', 'bucket', 'website'),
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
  'x-amz-website-redirect-location',
  'x-amz-write-offset-bytes',
];
