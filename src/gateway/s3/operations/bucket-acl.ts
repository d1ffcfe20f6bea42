import { Type } from '@sinclair/typebox';
import { aclDocument, putAclMembers } from '../acl-document.ts';
import { refuseAnotherOwner, wholeWish, wishedAcl } from '../acl-request.ts';
import { privateAcl } from '../acl.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf, ownerOf } from '../members.ts';
import { operation } from '../operation.ts';
import {
  bucketAcl,
  bucketOwners,
  isEnforced,
  putBucketAclDocument,
  refuseBlockedAcl,
  saysFullControl,
} from '../ownership.ts';

/** AWS API reference, GetBucketAcl. */
export const getBucketAcl = operation({
  name: 'GetBucketAcl',
  route: { method: 'GET', level: 'bucket', query: { acl: true } },
  action: 's3:GetBucketAcl',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const { parts } = context;
    const bucket = bucketOf(context);
    const acl = isEnforced(parts, bucket) ? privateAcl(ownerOf(context).id) : await bucketAcl(parts, bucket);
    return { headers: [], body: aclDocument(parts.accounts, acl) };
  },
});

/** AWS API reference, PutBucketAcl. */
export const putBucketAcl = operation({
  name: 'PutBucketAcl',
  route: { method: 'PUT', level: 'bucket', query: { acl: true } },
  action: 's3:PutBucketAcl',
  input: Type.Object({ ...bucketMembers.input, ...putAclMembers.input }),
  bindings: { ...bucketMembers.bindings, ...putAclMembers.bindings },
  success: 200,
  async handle(context, input) {
    const { accounts, objects } = context.parts;
    const bucket = bucketOf(context);
    const owner = ownerOf(context).id;
    const wish = wholeWish(accounts, input, input.policy);
    if (isEnforced(context.parts, bucket)) {
      if (!saysFullControl(wish, owner)) throw new S3Error('AccessControlListNotSupported');
      return { headers: [] };
    }
    refuseAnotherOwner(wish, owner);
    const acl = wishedAcl(wish, bucketOwners(owner));
    await refuseBlockedAcl(context, acl);
    await putBucketAclDocument(objects, bucket, acl);
    return { headers: [] };
  },
});
