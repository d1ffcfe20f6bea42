import { Type } from '@sinclair/typebox';
import { isPrivateAcl } from '../acl.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';
import { bucketAcl } from '../ownership.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

/** AWS API reference, OwnershipControls: exactly one rule. */
const ownershipControls = Type.Object({
  Rule: Type.Array(
    Type.Object({
      ObjectOwnership: Type.Union([
        Type.Literal('BucketOwnerEnforced'),
        Type.Literal('BucketOwnerPreferred'),
        Type.Literal('ObjectWriter'),
      ]),
    }),
    { minItems: 1, maxItems: 1 },
  ),
});

/** AWS API reference, PutBucketOwnershipControls. */
export const putBucketOwnershipControls = operation({
  name: 'PutBucketOwnershipControls',
  route: { method: 'PUT', level: 'bucket', query: { ownershipControls: true } },
  action: 's3:PutBucketOwnershipControls',
  input: Type.Object({ ...bucketMembers.input, controls: ownershipControls }),
  bindings: {
    ...bucketMembers.bindings,
    controls: { in: 'xml', root: 'OwnershipControls', integrity: 'optional' },
  },
  success: 200,
  async handle(context, { controls }) {
    const { parts } = context;
    const bucket = bucketOf(context);
    const [rule] = controls.Rule;
    // Somebody would lose access without a word.
    if (rule?.ObjectOwnership === 'BucketOwnerEnforced' && !isPrivateAcl(await bucketAcl(parts, bucket)))
      throw new S3Error('InvalidBucketAclWithObjectOwnership');
    await parts.objects.setBucketOwnership(bucket, rule?.ObjectOwnership);
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketOwnershipControls. */
export const getBucketOwnershipControls = operation({
  name: 'GetBucketOwnershipControls',
  route: { method: 'GET', level: 'bucket', query: { ownershipControls: true } },
  action: 's3:GetBucketOwnershipControls',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  handle(context) {
    const { name, objectOwnership } = bucketOf(context);
    if (objectOwnership === undefined)
      return Promise.reject(new S3Error('OwnershipControlsNotFoundError', { members: { BucketName: name } }));
    const rule = `<Rule>${xmlElement('ObjectOwnership', objectOwnership)}</Rule>`;
    const body = `${xmlHead}<OwnershipControls${xmlNamespace}>${rule}</OwnershipControls>`;
    return Promise.resolve({ headers: [], body });
  },
});

/** AWS API reference, DeleteBucketOwnershipControls. The right to put is the right to delete. */
export const deleteBucketOwnershipControls = operation({
  name: 'DeleteBucketOwnershipControls',
  route: { method: 'DELETE', level: 'bucket', query: { ownershipControls: true } },
  action: 's3:PutBucketOwnershipControls',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.setBucketOwnership(bucketOf(context), undefined);
    return { headers: [] };
  },
});
