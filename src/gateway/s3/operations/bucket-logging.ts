import { Type } from '@sinclair/typebox';
import { putBucketDocument } from '../bucket-document.ts';
import { checkLogging, loggingDocument, loggingOf, loggingStatus } from '../logging-configuration.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';

/** AWS API reference, PutBucketLogging. There is no DeleteBucketLogging: an empty status switches it off. */
export const putBucketLogging = operation({
  name: 'PutBucketLogging',
  route: { method: 'PUT', level: 'bucket', query: { logging: true } },
  action: 's3:PutBucketLogging',
  input: Type.Object({ ...bucketMembers.input, status: loggingStatus }),
  bindings: {
    ...bucketMembers.bindings,
    status: { in: 'xml', root: 'BucketLoggingStatus', integrity: 'optional' },
  },
  success: 200,
  async handle(context, { status: { LoggingEnabled: enabled } }) {
    const { objects } = context.parts;
    const bucket = bucketOf(context);
    if (enabled === undefined) {
      await objects.deleteBucketConfiguration(bucket, 'logging');
    } else {
      await checkLogging(context.parts, bucket, enabled);
      await putBucketDocument(objects, bucket, { name: 'logging', document: enabled });
    }
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketLogging. */
export const getBucketLogging = operation({
  name: 'GetBucketLogging',
  route: { method: 'GET', level: 'bucket', query: { logging: true } },
  action: 's3:GetBucketLogging',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const enabled = await loggingOf(context.parts.objects, bucketOf(context));
    return { headers: [], body: loggingDocument(enabled) };
  },
});
