import { Type } from '@sinclair/typebox';
import { bucketDocument, putBucketDocument } from '../bucket-document.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';
import {
  checkWebsite,
  websiteConfiguration,
  websiteDocument,
  type WebsiteConfiguration,
} from '../website-configuration.ts';

/** AWS API reference, PutBucketWebsite. */
export const putBucketWebsite = operation({
  name: 'PutBucketWebsite',
  route: { method: 'PUT', level: 'bucket', query: { website: true } },
  action: 's3:PutBucketWebsite',
  input: Type.Object({ ...bucketMembers.input, website: websiteConfiguration }),
  bindings: {
    ...bucketMembers.bindings,
    website: { in: 'xml', root: 'WebsiteConfiguration', integrity: 'optional' },
  },
  success: 200,
  async handle(context, { website }) {
    checkWebsite(website);
    await putBucketDocument(context.parts.objects, bucketOf(context), { name: 'website', document: website });
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketWebsite. */
export const getBucketWebsite = operation({
  name: 'GetBucketWebsite',
  route: { method: 'GET', level: 'bucket', query: { website: true } },
  action: 's3:GetBucketWebsite',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const bucket = bucketOf(context);
    const website = await bucketDocument(context.parts.objects, bucket, 'website');
    if (website === undefined)
      throw new S3Error('NoSuchWebsiteConfiguration', { members: { BucketName: bucket.name } });
    return { headers: [], body: websiteDocument(website as WebsiteConfiguration) };
  },
});

/** AWS API reference, DeleteBucketWebsite. */
export const deleteBucketWebsite = operation({
  name: 'DeleteBucketWebsite',
  route: { method: 'DELETE', level: 'bucket', query: { website: true } },
  action: 's3:DeleteBucketWebsite',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.deleteBucketConfiguration(bucketOf(context), 'website');
    return { headers: [] };
  },
});
