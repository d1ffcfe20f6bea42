import { Type } from '@sinclair/typebox';
import { aclDocument, putAclMembers } from '../acl-document.ts';
import { refuseAnotherOwner, wholeWish, wishedAcl } from '../acl-request.ts';
import { S3Error } from '../errors.ts';
import { bucketOf, ownerOf } from '../members.ts';
import { operation } from '../operation.ts';
import { isEnforced, objectAcl, refuseBlockedAcl, saysFullControl, storedAcl } from '../ownership.ts';
import { existing, objectVersionMembers, versionAt, versionHeaders } from '../version.ts';

/** AWS API reference, GetObjectAcl. */
export const getObjectAcl = operation({
  name: 'GetObjectAcl',
  route: { method: 'GET', level: 'object', query: { acl: true } },
  action: 's3:GetObjectAcl',
  input: Type.Object(objectVersionMembers.input),
  bindings: objectVersionMembers.bindings,
  success: 200,
  async handle(context, input) {
    const { facet, versionId } = await existing(context, input);
    const acl = objectAcl(context.parts, bucketOf(context), facet);
    const body = aclDocument(context.parts.accounts, acl);
    return { headers: versionHeaders(context, versionId), body };
  },
});

/** AWS API reference, PutObjectAcl. */
export const putObjectAcl = operation({
  name: 'PutObjectAcl',
  route: { method: 'PUT', level: 'object', query: { acl: true } },
  action: 's3:PutObjectAcl',
  input: Type.Object({ ...objectVersionMembers.input, ...putAclMembers.input }),
  bindings: { ...objectVersionMembers.bindings, ...putAclMembers.bindings },
  success: 200,
  async handle(context, input) {
    const { parts } = context;
    const bucket = bucketOf(context);
    const bucketOwner = ownerOf(context).id;
    const wish = wholeWish(parts.accounts, input, input.policy);
    const { attributes, facet, versionId } = await existing(context, input);
    const headers = versionHeaders(context, versionId);
    if (isEnforced(parts, bucket)) {
      if (!saysFullControl(wish, bucketOwner)) throw new S3Error('AccessControlListNotSupported');
      return { headers };
    }
    const { owner } = objectAcl(parts, bucket, facet);
    refuseAnotherOwner(wish, owner);
    const acl = wishedAcl(wish, { owner, bucketOwner });
    await refuseBlockedAcl(context, acl);
    // The version that was looked at. When it was replaced meanwhile, it had this ACL for the moment before.
    const at = { ...versionAt(context, input), versionId, ino: attributes.ino };
    await parts.objects.setAcl(at, storedAcl(acl, bucketOwner));
    return { headers };
  },
});
