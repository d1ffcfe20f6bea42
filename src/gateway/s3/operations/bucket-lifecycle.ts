import { Type } from '@sinclair/typebox';
import { lifecycleConfiguration, type LifecycleDocument } from '../../../lifecycle/document.ts';
import { putBucketDocument } from '../bucket-document.ts';
import { S3Error } from '../errors.ts';
import { checkLifecycle, transitionMinimumOf } from '../lifecycle-check.ts';
import { lifecycleXml, storedLifecycle, withIds } from '../lifecycle-document.ts';
import { bucketMembers, bucketOf, header, text } from '../members.ts';
import { operation } from '../operation.ts';

const minimumHeader = 'x-amz-transition-default-minimum-object-size';

/** AWS API reference, PutBucketLifecycleConfiguration, and PutBucketLifecycle before it: rules with a prefix of their own. */
export const putBucketLifecycleConfiguration = operation({
  name: 'PutBucketLifecycleConfiguration',
  route: { method: 'PUT', level: 'bucket', query: { lifecycle: true } },
  action: 's3:PutLifecycleConfiguration',
  input: Type.Object({ ...bucketMembers.input, minimum: text, lifecycle: lifecycleConfiguration }),
  bindings: {
    ...bucketMembers.bindings,
    minimum: header(minimumHeader),
    lifecycle: { in: 'xml', root: 'LifecycleConfiguration', integrity: 'required' },
  },
  success: 200,
  async handle(context, { minimum, lifecycle }) {
    const { objects, environment, lifecycle: job } = context.parts;
    checkLifecycle(lifecycle, job.rules.calendar);
    const transitionMinimum = transitionMinimumOf(minimum);
    const document: LifecycleDocument = { ...withIds(lifecycle, environment.random), transitionMinimum };
    await putBucketDocument(objects, bucketOf(context), { name: 'lifecycle', document });
    job.changed();
    return { headers: [minimumHeader, transitionMinimum] };
  },
});

/** AWS API reference, GetBucketLifecycleConfiguration. */
export const getBucketLifecycleConfiguration = operation({
  name: 'GetBucketLifecycleConfiguration',
  route: { method: 'GET', level: 'bucket', query: { lifecycle: true } },
  action: 's3:GetLifecycleConfiguration',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const bucket = bucketOf(context);
    const stored = await storedLifecycle(context.parts.objects, bucket);
    if (stored === undefined)
      throw new S3Error('NoSuchLifecycleConfiguration', { members: { BucketName: bucket.name } });
    return { headers: [minimumHeader, stored.transitionMinimum], body: lifecycleXml(stored) };
  },
});

/** AWS API reference, DeleteBucketLifecycle. The right to put is the right to delete. */
export const deleteBucketLifecycle = operation({
  name: 'DeleteBucketLifecycle',
  route: { method: 'DELETE', level: 'bucket', query: { lifecycle: true } },
  action: 's3:PutLifecycleConfiguration',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.deleteBucketConfiguration(bucketOf(context), 'lifecycle');
    return { headers: [] };
  },
});
