import { Fault } from '../../fault.ts';
import type { AccessControl, Permission } from '../../namespace/access-control.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import { aclAllows, isPublicAcl } from './acl.ts';
import { keyBytes } from './members.ts';
import type { Action, S3Parts } from './operation.ts';
import { bucketAcl, isEnforced, objectAcl } from './ownership.ts';
import { publicAccessBlock } from './public-access-block.ts';
import { versionOf } from './version.ts';

/** What somebody wants to do in a bucket, as ACLs see it. */
export interface AclWish {
  readonly action: Action;
  readonly bucket: Bucket;
  readonly key: string | undefined;
  readonly versionId: string | undefined;
  readonly uploadId: string | undefined;
  /** Id of the account that asks. */
  readonly asker: string;
}

export type AclParts = Pick<S3Parts, 'accounts' | 'objectOwnership' | 'objects'>;

type PermissionOf = Readonly<Record<string, Permission | 'none'>>;

/** AWS, "Mapping of ACL permissions and access policy permissions". */
const onBucket: PermissionOf = {
  's3:DeleteObject': 'WRITE',
  's3:GetBucketAcl': 'READ_ACP',
  's3:ListBucket': 'READ',
  's3:ListBucketMultipartUploads': 'READ',
  's3:ListBucketVersions': 'READ',
  's3:PutBucketAcl': 'WRITE_ACP',
  's3:PutObject': 'WRITE',
};

/** The same for objects that are there; what no permission gives is their owner's alone. */
const onObject: PermissionOf = {
  's3:DeleteObjectTagging': 'none',
  's3:DeleteObjectVersionTagging': 'none',
  's3:GetObject': 'READ',
  's3:GetObjectAcl': 'READ_ACP',
  's3:GetObjectAttributes': 'READ',
  's3:GetObjectTagging': 'none',
  's3:GetObjectVersion': 'READ',
  's3:GetObjectVersionAcl': 'READ_ACP',
  's3:GetObjectVersionAttributes': 'READ',
  's3:GetObjectVersionTagging': 'none',
  's3:PutObjectAcl': 'WRITE_ACP',
  's3:PutObjectTagging': 'none',
  's3:PutObjectVersionAcl': 'WRITE_ACP',
  's3:PutObjectVersionTagging': 'none',
};

/** AWS, "Multipart upload API and permissions": by default the initiator may do this, wherever it may write. */
const ofInitiator: ReadonlySet<Action> = new Set(['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts']);

/**
 * What the ACL of an object has to say: `allow`; `foreign` when the object belongs to another account than its bucket, so
 * that neither the bucket's owner nor its policy can allow what the ACL does not; else `none`. One read, and none where
 * ownership is enforced.
 */
export async function objectVerdict(parts: AclParts, wish: AclWish): Promise<'allow' | 'foreign' | 'none'> {
  const { action, bucket, key, asker } = wish;
  const permission = onObject[action];
  if (permission === undefined || key === undefined || isEnforced(parts, bucket)) return 'none';
  const versionId = versionOf(wish.versionId);
  const found = await parts.objects.head({ bucket: bucket.ino, key: keyBytes(key), versionId });
  if (found === undefined) return 'none';
  const acl = objectAcl(parts, bucket, found.facet);
  if (asker === acl.owner) return 'allow';
  if (permission !== 'none' && (await grants(parts, acl, { bucket, asker, permission }))) return 'allow';
  return acl.owner === parts.accounts.account(bucket.owner).id ? 'none' : 'foreign';
}

/** Does the bucket's ACL allow it, or that the asker has begun the upload? At most one read, and none without either. */
export async function bucketGrants(parts: AclParts, wish: AclWish): Promise<boolean> {
  if (ofInitiator.has(wish.action)) return isInitiator(parts, wish);
  const { action, bucket, asker } = wish;
  const permission = onBucket[action];
  if (permission === undefined || permission === 'none' || isEnforced(parts, bucket)) return false;
  return grants(parts, await bucketAcl(parts, bucket), { bucket, asker, permission });
}

/** Whether a bucket's ACL lets in anybody whom its owner does not know. */
export async function isPublicByAcl(parts: AclParts, bucket: Bucket): Promise<boolean> {
  if (isEnforced(parts, bucket) || !isPublicAcl(await bucketAcl(parts, bucket))) return false;
  return !(await publicAccessBlock(parts.objects, bucket)).IgnorePublicAcls;
}

async function grants(
  { objects }: AclParts,
  acl: AccessControl,
  { bucket, asker, permission }: Pick<AclWish, 'bucket' | 'asker'> & { readonly permission: Permission },
): Promise<boolean> {
  const ignoresPublic = isPublicAcl(acl) && (await publicAccessBlock(objects, bucket)).IgnorePublicAcls;
  return aclAllows(acl, { asker, permission, ignoresPublic });
}

async function isInitiator(
  { objects }: AclParts,
  { bucket, key, uploadId, asker }: AclWish,
): Promise<boolean> {
  if (key === undefined || uploadId === undefined) return false;
  try {
    const upload = await objects.upload({ bucket: bucket.ino, key: keyBytes(key), uploadId });
    return upload.initiator === asker;
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'not-found') return false;
    throw failure;
  }
}
