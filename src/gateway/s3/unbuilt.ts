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
  row('DeleteBucketMetadataConfiguration', 'DELETE', 'bucket', 'metadataConfiguration'),
  row('DeleteBucketMetadataTableConfiguration', 'DELETE', 'bucket', 'metadataTable'),
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
  row('GetBucketMetadataConfiguration', 'GET', 'bucket', 'metadataConfiguration'),
  row('GetBucketMetadataTableConfiguration', 'GET', 'bucket', 'metadataTable'),
  row('GetObjectTorrent', 'GET', 'object', 'torrent'),
  row('CreateBucketMetadataConfiguration', 'POST', 'bucket', 'metadataConfiguration'),
  row('CreateBucketMetadataTableConfiguration', 'POST', 'bucket', 'metadataTable'),
  row('SelectObjectContent', 'POST', 'object', 'select'),
  row('UpdateBucketMetadataInventoryTableConfiguration', 'PUT', 'bucket', 'metadataInventoryTable'),
  row('UpdateBucketMetadataJournalTableConfiguration', 'PUT', 'bucket', 'metadataJournalTable'),
];

/**
 * Headers that ask for functionality that is not there: an upload that asks for encryption or a lock must not succeed
 * without it. AWS answers NotImplemented and names the header.
 */
export const unbuiltHeaders: readonly string[] = ['x-amz-write-offset-bytes'];
