import { Type } from '@sinclair/typebox';
import { putBucketDocument } from '../bucket-document.ts';
import { S3Error } from '../errors.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';
import { storedPublicAccessBlock, type PublicAccessBlock } from '../public-access-block.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

const flag = Type.Optional(Type.Boolean());
const configuration = Type.Object({
  BlockPublicAcls: flag,
  IgnorePublicAcls: flag,
  BlockPublicPolicy: flag,
  RestrictPublicBuckets: flag,
});

/** AWS API reference, PutPublicAccessBlock. A flag that is not given is off. */
export const putPublicAccessBlock = operation({
  name: 'PutPublicAccessBlock',
  route: { method: 'PUT', level: 'bucket', query: { publicAccessBlock: true } },
  action: 's3:PutBucketPublicAccessBlock',
  input: Type.Object({ ...bucketMembers.input, configuration }),
  bindings: {
    ...bucketMembers.bindings,
    configuration: { in: 'xml', root: 'PublicAccessBlockConfiguration', integrity: 'required' },
  },
  success: 200,
  async handle(context, { configuration: given }) {
    const document: PublicAccessBlock = {
      BlockPublicAcls: given.BlockPublicAcls ?? false,
      IgnorePublicAcls: given.IgnorePublicAcls ?? false,
      BlockPublicPolicy: given.BlockPublicPolicy ?? false,
      RestrictPublicBuckets: given.RestrictPublicBuckets ?? false,
    };
    const change = { name: 'public-access-block', document } as const;
    await putBucketDocument(context.parts.objects, bucketOf(context), change);
    return { headers: [] };
  },
});

/** AWS API reference, GetPublicAccessBlock. */
export const getPublicAccessBlock = operation({
  name: 'GetPublicAccessBlock',
  route: { method: 'GET', level: 'bucket', query: { publicAccessBlock: true } },
  action: 's3:GetBucketPublicAccessBlock',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const bucket = bucketOf(context);
    const stored = await storedPublicAccessBlock(context.parts.objects, bucket);
    if (stored === undefined)
      throw new S3Error('NoSuchPublicAccessBlockConfiguration', { members: { BucketName: bucket.name } });
    const flags =
      xmlElement('BlockPublicAcls', stored.BlockPublicAcls) +
      xmlElement('IgnorePublicAcls', stored.IgnorePublicAcls) +
      xmlElement('BlockPublicPolicy', stored.BlockPublicPolicy) +
      xmlElement('RestrictPublicBuckets', stored.RestrictPublicBuckets);
    const root = 'PublicAccessBlockConfiguration';
    return { headers: [], body: `${xmlHead}<${root}${xmlNamespace}>${flags}</${root}>` };
  },
});

/** AWS API reference, DeletePublicAccessBlock. The right to put is the right to delete. */
export const deletePublicAccessBlock = operation({
  name: 'DeletePublicAccessBlock',
  route: { method: 'DELETE', level: 'bucket', query: { publicAccessBlock: true } },
  action: 's3:PutBucketPublicAccessBlock',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.deleteBucketConfiguration(bucketOf(context), 'public-access-block');
    return { headers: [] };
  },
});
