import { Type } from '@sinclair/typebox';
import type { Tag } from '../../../namespace/namespace.ts';
import { bucketDocument, putBucketDocument } from '../bucket-document.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';
import { bucketTags, tagging, taggingDocument } from '../tags.ts';

/** AWS API reference, PutBucketTagging. An empty set is none. */
export const putBucketTagging = operation({
  name: 'PutBucketTagging',
  route: { method: 'PUT', level: 'bucket', query: { tagging: true } },
  action: 's3:PutBucketTagging',
  input: Type.Object({ ...bucketMembers.input, tagging }),
  bindings: {
    ...bucketMembers.bindings,
    tagging: { in: 'xml', root: 'Tagging', integrity: 'required' },
  },
  success: 204,
  async handle(context, input) {
    const { objects } = context.parts;
    const bucket = bucketOf(context);
    const tags = bucketTags(input.tagging);
    if (tags.length === 0) await objects.deleteBucketConfiguration(bucket, 'tagging');
    else await putBucketDocument(objects, bucket, { name: 'tagging', document: tags });
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketTagging. */
export const getBucketTagging = operation({
  name: 'GetBucketTagging',
  route: { method: 'GET', level: 'bucket', query: { tagging: true } },
  action: 's3:GetBucketTagging',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const bucket = bucketOf(context);
    const stored = await bucketDocument(context.parts.objects, bucket, 'tagging');
    if (stored === undefined) throw new S3Error('NoSuchTagSet', { members: { BucketName: bucket.name } });
    return { headers: [], body: taggingDocument(stored as readonly Tag[]) };
  },
});

/** AWS API reference, DeleteBucketTagging. The right to put is the right to delete. */
export const deleteBucketTagging = operation({
  name: 'DeleteBucketTagging',
  route: { method: 'DELETE', level: 'bucket', query: { tagging: true } },
  action: 's3:PutBucketTagging',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.deleteBucketConfiguration(bucketOf(context), 'tagging');
    return { headers: [] };
  },
});
