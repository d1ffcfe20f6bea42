import type { Action, Operation } from './operation.ts';
import type { S3Request } from './request.ts';

/** One right that a request needs. */
export interface NeededAction {
  readonly action: Action;
  /**
   * The right to set the ACL of what one is about to make: it is the maker's own, so the bucket's policy may take it away
   * but need not give it. AWS, "Example walkthrough: bucket owner granting cross-account bucket permissions", lets an
   * upload with a grant pass with s3:PutObject alone.
   */
  readonly isOwnersRight: boolean;
}

/** AWS User Guide, "Required permissions for Amazon S3 API operations": what changes when a version is named. */
const ofVersion: Readonly<Record<string, Action>> = {
  's3:DeleteObject': 's3:DeleteObjectVersion',
  's3:DeleteObjectTagging': 's3:DeleteObjectVersionTagging',
  's3:GetObject': 's3:GetObjectVersion',
  's3:GetObjectAcl': 's3:GetObjectVersionAcl',
  's3:GetObjectAttributes': 's3:GetObjectVersionAttributes',
  's3:GetObjectTagging': 's3:GetObjectVersionTagging',
  's3:GetObjectTorrent': 's3:GetObjectVersionTorrent',
  's3:PutObjectAcl': 's3:PutObjectVersionAcl',
  's3:PutObjectTagging': 's3:PutObjectVersionTagging',
};

export const actionFor = (action: Action, versionId: string | undefined): Action =>
  versionId === undefined ? action : (ofVersion[action] ?? action);

/** Operations that make an object or a bucket, and what the headers that go with it ask for besides. */
const extras: Readonly<Record<string, readonly (readonly [prefix: string, action: Action])[]>> = {
  object: [
    ['x-amz-acl', 's3:PutObjectAcl'],
    ['x-amz-grant-', 's3:PutObjectAcl'],
    ['x-amz-tagging', 's3:PutObjectTagging'],
    ['x-amz-object-lock-legal-hold', 's3:PutObjectLegalHold'],
    ['x-amz-object-lock-mode', 's3:PutObjectRetention'],
    ['x-amz-object-lock-retain-until-date', 's3:PutObjectRetention'],
  ],
  bucket: [
    ['x-amz-acl', 's3:PutBucketAcl'],
    ['x-amz-grant-', 's3:PutBucketAcl'],
    ['x-amz-object-ownership', 's3:PutBucketOwnershipControls'],
    ['x-amz-bucket-object-lock-enabled', 's3:PutBucketObjectLockConfiguration'],
  ],
};
const extrasOf = new Map([
  ['CopyObject', extras['object']],
  ['CreateBucket', extras['bucket']],
  ['CreateMultipartUpload', extras['object']],
  ['PostObject', extras['object']],
  ['PutObject', extras['object']],
]);

/** All rights that the request needs; the operation's own comes first. */
export function actionsOf(operation: Operation, request: S3Request): readonly NeededAction[] {
  const action = actionFor(operation.action, request.query['versionId']);
  const needed = [{ action, isOwnersRight: false }];
  // Reading an object's attributes is reading the object as well.
  if (operation.name === 'GetObjectAttributes')
    needed.push({ action: actionFor('s3:GetObject', request.query['versionId']), isOwnersRight: false });
  const rows = extrasOf.get(operation.name);
  if (rows === undefined) return needed;
  for (const name in request.headers) {
    if (name.charCodeAt(0) !== 0x78) continue;
    const extra = rows.find(([header]) => (header.endsWith('-') ? name.startsWith(header) : name === header));
    if (extra !== undefined && !needed.some((it) => it.action === extra[1]))
      needed.push({ action: extra[1], isOwnersRight: extra[1] === 's3:PutObjectAcl' });
  }
  return needed;
}

const named = (names: string): ReadonlySet<string> =>
  new Set(
    names
      .trim()
      .split(/\s+/)
      .map((name) => `s3:${name.toLowerCase()}`),
  );

/** Service Authorization Reference, "Actions defined by Amazon S3", by the type of resource; in lower case. */
export const objectActions = named(`
  AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion
  DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention
  GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes
  GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication
  ListMultipartUploadParts ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectLegalHold
  PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging ReplicateDelete ReplicateObject
  ReplicateTags RestoreObject UpdateObjectEncryption`);
export const bucketActions = named(`
  CreateBucket CreateBucketMetadataTableConfiguration CreateSession DeleteBucket
  DeleteBucketMetadataTableConfiguration DeleteBucketPolicy DeleteBucketWebsite GetAccelerateConfiguration
  GetAnalyticsConfiguration GetBucketAbac GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging
  GetBucketMetadataTableConfiguration GetBucketNotification GetBucketObjectLockConfiguration
  GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock
  GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration
  GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration
  GetReplicationConfiguration ListBucket ListBucketMultipartUploads ListBucketVersions PutAccelerateConfiguration
  PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification
  PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock
  PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration
  PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration PutMetricsConfiguration
  PutReplicationConfiguration UpdateBucketMetadataInventoryTableConfiguration
  UpdateBucketMetadataJournalTableConfiguration`);
