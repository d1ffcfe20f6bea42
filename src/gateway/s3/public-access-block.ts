import type { Bucket, ObjectStore } from '../../namespace/namespace.ts';
import { bucketDocument } from './bucket-document.ts';

/** AWS API reference, PublicAccessBlockConfiguration. */
export interface PublicAccessBlock {
  /** Calls that would set an ACL for everyone, or for all who have an account, fail with AccessDenied. */
  readonly BlockPublicAcls: boolean;
  /** Grants of ACLs to these groups count as if they were not there. */
  readonly IgnorePublicAcls: boolean;
  /** PutBucketPolicy with a public policy fails with AccessDenied. */
  readonly BlockPublicPolicy: boolean;
  /** A public policy lets in nobody but the account of the bucket. */
  readonly RestrictPublicBuckets: boolean;
}

const open: PublicAccessBlock = {
  BlockPublicAcls: false,
  IgnorePublicAcls: false,
  BlockPublicPolicy: false,
  RestrictPublicBuckets: false,
};

/** What buckets begin with on AWS since April 2023. */
export const closed: PublicAccessBlock = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};

/** As it was put; `undefined` when it never was, which costs no read. */
export const storedPublicAccessBlock = (
  objects: ObjectStore,
  bucket: Bucket,
): Promise<PublicAccessBlock | undefined> =>
  bucketDocument(objects, bucket, 'public-access-block') as Promise<PublicAccessBlock | undefined>;

/** What holds for the bucket. */
export const publicAccessBlock = async (objects: ObjectStore, bucket: Bucket): Promise<PublicAccessBlock> =>
  (await storedPublicAccessBlock(objects, bucket)) ?? open;
