import { Type } from '@sinclair/typebox';
import { isPublicByAcl } from '../acl-access.ts';
import { requireOwnAccount } from '../authorise.ts';
import { putBucketDocument } from '../bucket-document.ts';
import type { PolicyDocument } from '../bucket-policy.ts';
import { checkedBucketPolicy } from '../check-bucket-policy.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf, header, stream, text } from '../members.ts';
import { operation } from '../operation.ts';
import { readDocument } from '../payload.ts';
import { publicAccessBlock } from '../public-access-block.ts';
import { isPublic } from '../public-policy.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

/** AWS API reference, PutBucketPolicy. */
export const putBucketPolicy = operation({
  name: 'PutBucketPolicy',
  route: { method: 'PUT', level: 'bucket', query: { policy: true } },
  action: 's3:PutBucketPolicy',
  input: Type.Object({ ...bucketMembers.input, confirmRemoveSelfBucketAccess: text, policy: stream }),
  bindings: {
    ...bucketMembers.bindings,
    confirmRemoveSelfBucketAccess: header('x-amz-confirm-remove-self-bucket-access'),
    policy: { in: 'stream' },
  },
  success: 204,
  async handle(context, { confirmRemoveSelfBucketAccess: confirmation, policy: payload }) {
    requireOwnAccount(context);
    const { objects, compute } = context.parts;
    const bucket = bucketOf(context);
    const { text: written, policy } = checkedBucketPolicy(await readDocument(compute, payload), bucket.name);
    if (isPublic(policy) && (await publicAccessBlock(objects, bucket)).BlockPublicPolicy)
      throw new S3Error('AccessDenied');
    const bindsOwner = confirmation?.toLowerCase() === 'true';
    const document: PolicyDocument = { text: written, bindsOwner };
    await putBucketDocument(objects, bucket, { name: 'policy', document });
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketPolicy: the document as it was put. */
export const getBucketPolicy = operation({
  name: 'GetBucketPolicy',
  route: { method: 'GET', level: 'bucket', query: { policy: true } },
  action: 's3:GetBucketPolicy',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    requireOwnAccount(context);
    const stored = await context.access.policyOf(bucketOf(context));
    if (stored === undefined)
      throw new S3Error('NoSuchBucketPolicy', { members: { BucketName: bucketOf(context).name } });
    const body = Buffer.from(stored.text);
    return { headers: ['Content-Type', 'application/json', 'Content-Length', String(body.length)], body };
  },
});

/** AWS API reference, DeleteBucketPolicy. */
export const deleteBucketPolicy = operation({
  name: 'DeleteBucketPolicy',
  route: { method: 'DELETE', level: 'bucket', query: { policy: true } },
  action: 's3:DeleteBucketPolicy',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    requireOwnAccount(context);
    await context.parts.objects.deleteBucketConfiguration(bucketOf(context), 'policy');
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketPolicyStatus. A bucket may be public by its policy or by its ACL. */
export const getBucketPolicyStatus = operation({
  name: 'GetBucketPolicyStatus',
  route: { method: 'GET', level: 'bucket', query: { policyStatus: true } },
  action: 's3:GetBucketPolicyStatus',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const bucket = bucketOf(context);
    const stored = await context.access.policyOf(bucket);
    const isPublicBucket = stored?.isPublic === true || (await isPublicByAcl(context.parts, bucket));
    const status = xmlElement('IsPublic', isPublicBucket);
    return { headers: [], body: `${xmlHead}<PolicyStatus${xmlNamespace}>${status}</PolicyStatus>` };
  },
});
