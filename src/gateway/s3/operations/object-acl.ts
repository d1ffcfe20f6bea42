import { Type } from '@sinclair/typebox';
import type { Found } from '../../../namespace/namespace.ts';
import { accessControlPolicy, aclDocument } from '../acl-document.ts';
import { wholeWish, wishedAcl } from '../acl-request.ts';
import { S3Error } from '../errors.ts';
import { aclMembers, bucketOf, keyBytes, objectMembers, ownerOf, query, text } from '../members.ts';
import { operation, type S3Context } from '../operation.ts';
import { isEnforced, objectAcl, refuseBlockedAcl, saysFullControl, storedAcl } from '../ownership.ts';
import { noSuchKey } from '../publish.ts';
import { checkVersion } from '../version.ts';

const members = {
  input: { ...objectMembers.input, versionId: text },
  bindings: { ...objectMembers.bindings, versionId: query('versionId') },
} as const;

/** AWS API reference, GetObjectAcl. */
export const getObjectAcl = operation({
  name: 'GetObjectAcl',
  route: { method: 'GET', level: 'object', query: { acl: true } },
  action: 's3:GetObjectAcl',
  input: Type.Object(members.input),
  bindings: members.bindings,
  success: 200,
  async handle(context, { key, versionId }) {
    checkVersion(versionId);
    const { facet } = await existing(context, key);
    const acl = objectAcl(context.parts, bucketOf(context), facet);
    return { headers: [], body: aclDocument(context.parts.accounts, acl) };
  },
});

/** AWS API reference, PutObjectAcl. */
export const putObjectAcl = operation({
  name: 'PutObjectAcl',
  route: { method: 'PUT', level: 'object', query: { acl: true } },
  action: 's3:PutObjectAcl',
  input: Type.Object({
    ...members.input,
    ...aclMembers.input,
    policy: Type.Optional(accessControlPolicy),
  }),
  bindings: {
    ...members.bindings,
    ...aclMembers.bindings,
    policy: {
      in: 'xml',
      root: 'AccessControlPolicy',
      integrity: 'optional',
      malformed: 'MalformedACLError',
    },
  },
  success: 200,
  async handle(context, input) {
    checkVersion(input.versionId);
    const { parts } = context;
    const bucket = bucketOf(context);
    const bucketOwner = ownerOf(context).id;
    const wish = wholeWish(parts.accounts, input, input.policy);
    const { attributes, facet } = await existing(context, input.key);
    if (isEnforced(parts, bucket)) {
      if (!saysFullControl(wish, bucketOwner)) throw new S3Error('AccessControlListNotSupported');
      return { headers: [] };
    }
    const { owner } = objectAcl(parts, bucket, facet);
    // An ACL cannot give its resource away.
    if (wish.kind === 'grants' && (wish.owner ?? owner) !== owner) throw new S3Error('AccessDenied');
    const acl = wishedAcl(wish, { owner, bucketOwner });
    await refuseBlockedAcl(context, acl);
    // When the object was replaced meanwhile, it had this ACL for the moment before.
    await parts.objects.setAcl(
      { bucket: bucket.ino, key: keyBytes(input.key), ino: attributes.ino },
      storedAcl(acl, bucketOwner),
    );
    return { headers: [] };
  },
});

async function existing(context: S3Context, key: string): Promise<Found> {
  const found = await context.parts.objects.head({ bucket: bucketOf(context).ino, key: keyBytes(key) });
  if (found === undefined) throw noSuchKey(key);
  return found;
}
