import type { Account } from '../../accounts/accounts.ts';
import type { AccessControl, ObjectOwnership } from '../../namespace/access-control.ts';
import type { Bucket, ObjectFacet, ObjectStore } from '../../namespace/namespace.ts';
import { headerWish, wishedAcl, type AclHeaders, type AclWish } from './acl-request.ts';
import { isPrivateAcl, isPublicAcl, privateAcl, type Owners } from './acl.ts';
import { bucketDocument } from './bucket-document.ts';
import { S3Error } from './errors.ts';
import { bucketOf, ownerOf } from './members.ts';
import type { S3Context, S3Parts } from './operation.ts';
import { publicAccessBlock } from './public-access-block.ts';

export const isObjectOwnership = (text: string): text is ObjectOwnership =>
  text === 'BucketOwnerEnforced' || text === 'BucketOwnerPreferred' || text === 'ObjectWriter';

/** ACLs mean nothing in the bucket: it and all its objects belong to one account. */
export const isEnforced = (
  { objectOwnership }: Pick<S3Parts, 'objectOwnership'>,
  bucket: Pick<Bucket, 'objectOwnership'>,
): boolean => (bucket.objectOwnership ?? objectOwnership) === 'BucketOwnerEnforced';

/** Whether a request says no more than what holds in a bucket with enforced ownership: AWS takes that, and nothing else. */
export function saysFullControl(wish: AclWish, bucketOwner: string): boolean {
  if (wish.kind === 'canned') return wish.name === 'bucket-owner-full-control';
  return isPrivateAcl({ owner: bucketOwner, grants: wish.grants });
}

/**
 * The ACL of an object that this request writes; `undefined` when it says what holds without one. AWS, "Controlling
 * ownership of objects": the writer owns it, unless it prefers the bucket's owner or must.
 */
export async function newObjectAcl(context: S3Context, headers: AclHeaders): Promise<ObjectFacet['acl']> {
  const wish = headerWish(context.parts.accounts, headers);
  const bucketOwner = ownerOf(context).id;
  if (isEnforced(context.parts, bucketOf(context))) {
    if (wish !== undefined && !saysFullControl(wish, bucketOwner))
      throw new S3Error('AccessControlListNotSupported');
    return undefined;
  }
  const owner = isGivenAway(context, wish) ? bucketOwner : context.principal.account.id;
  const acl = wishedAcl(wish, { owner, bucketOwner });
  await refuseBlockedAcl(context, acl);
  return storedAcl(acl, bucketOwner);
}

/** BlockPublicAcls: nobody sets a public ACL. Only one that is public costs a read. */
export async function refuseBlockedAcl(context: S3Context, acl: AccessControl): Promise<void> {
  if (!isPublicAcl(acl)) return;
  if ((await publicAccessBlock(context.parts.objects, bucketOf(context))).BlockPublicAcls)
    throw new S3Error('AccessDenied');
}

function isGivenAway({ parts, bucket }: S3Context, wish: AclWish | undefined): boolean {
  const ownership = bucket?.objectOwnership ?? parts.objectOwnership;
  const givesFullControl = wish?.kind === 'canned' && wish.name === 'bucket-owner-full-control';
  return ownership === 'BucketOwnerPreferred' && givesFullControl;
}

/** What an object without an ACL has needs none. */
export const storedAcl = (acl: AccessControl, bucketOwner: string): ObjectFacet['acl'] =>
  acl.owner === bucketOwner && isPrivateAcl(acl) ? undefined : acl;

/** The ACL of an object as it holds. */
export function objectAcl(
  parts: Pick<S3Parts, 'accounts' | 'objectOwnership'>,
  bucket: Bucket,
  facet: Pick<ObjectFacet, 'acl'>,
): AccessControl {
  const bucketOwner = parts.accounts.account(bucket.owner).id;
  return (isEnforced(parts, bucket) ? undefined : facet.acl) ?? privateAcl(bucketOwner);
}

/** To whom an object belongs whose ACL names `owner`, or that has none. */
export function objectOwner(context: S3Context, owner: string | undefined): Account {
  const bucket = bucketOf(context);
  const isBucketOwners = owner === undefined || isEnforced(context.parts, bucket);
  return context.parts.accounts.account(isBucketOwners ? bucket.owner : owner);
}

/** The ACL that the bucket has of its own, which counts only where ownership is not enforced. One read, if it has any. */
export async function bucketAcl(
  { objects, accounts }: Pick<S3Parts, 'accounts' | 'objects'>,
  bucket: Bucket,
): Promise<AccessControl> {
  const owner = accounts.account(bucket.owner).id;
  const stored = (await bucketDocument(objects, bucket, 'acl')) as Pick<AccessControl, 'grants'> | undefined;
  return stored === undefined ? privateAcl(owner) : { owner, grants: stored.grants };
}

/** Keeps the ACL with the bucket; a private one is kept by keeping none. */
export async function putBucketAclDocument(
  objects: ObjectStore,
  bucket: Pick<Bucket, 'ino' | 'name'>,
  acl: AccessControl,
): Promise<void> {
  if (isPrivateAcl(acl)) await objects.deleteBucketConfiguration(bucket, 'acl');
  else await objects.putBucketConfiguration(bucket, 'acl', bucketAclBytes(acl));
}

export const bucketAclBytes = ({ grants }: AccessControl): Uint8Array =>
  Buffer.from(JSON.stringify({ grants }));

export const bucketOwners = (owner: string): Owners => ({ owner, bucketOwner: owner });
