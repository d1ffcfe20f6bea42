import { Type } from '@sinclair/typebox';
import { putBucketDocument } from '../bucket-document.ts';
import { checkCors, corsConfiguration, corsDocument, corsRules } from '../cors.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';

/** AWS API reference, PutBucketCors. */
export const putBucketCors = operation({
  name: 'PutBucketCors',
  route: { method: 'PUT', level: 'bucket', query: { cors: true } },
  action: 's3:PutBucketCORS',
  input: Type.Object({ ...bucketMembers.input, cors: corsConfiguration }),
  bindings: {
    ...bucketMembers.bindings,
    cors: { in: 'xml', root: 'CORSConfiguration', integrity: 'required' },
  },
  success: 200,
  async handle(context, { cors }) {
    checkCors(cors);
    await putBucketDocument(context.parts.objects, bucketOf(context), { name: 'cors', document: cors });
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketCors. */
export const getBucketCors = operation({
  name: 'GetBucketCors',
  route: { method: 'GET', level: 'bucket', query: { cors: true } },
  action: 's3:GetBucketCORS',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const bucket = bucketOf(context);
    const rules = await corsRules(context.parts.objects, bucket);
    if (rules === undefined)
      throw new S3Error('NoSuchCORSConfiguration', { members: { BucketName: bucket.name } });
    return { headers: [], body: corsDocument({ CORSRule: [...rules] }) };
  },
});

/** AWS API reference, DeleteBucketCors. The right to put is the right to delete. */
export const deleteBucketCors = operation({
  name: 'DeleteBucketCors',
  route: { method: 'DELETE', level: 'bucket', query: { cors: true } },
  action: 's3:PutBucketCORS',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.deleteBucketConfiguration(bucketOf(context), 'cors');
    return { headers: [] };
  },
});
