import { Type } from '@sinclair/typebox';
import { documentOperations } from '../document-operations.ts';
import { S3Error } from '../errors.ts';
import { bucketOf } from '../members.ts';

/** AWS API reference, PutBucketAccelerateConfiguration: kept and returned. There is no edge network to switch on. */
export const accelerateOperations = documentOperations({
  configuration: 'accelerate',
  subresource: 'accelerate',
  root: 'AccelerateConfiguration',
  schema: Type.Object({ Status: Type.Optional(Type.String({ enum: ['Enabled', 'Suspended'] })) }),
  integrity: 'optional',
  put: { name: 'PutBucketAccelerateConfiguration', action: 's3:PutAccelerateConfiguration' },
  get: { name: 'GetBucketAccelerateConfiguration', action: 's3:GetAccelerateConfiguration' },
  async check(document, context) {
    if (document.Status === undefined) throw new S3Error('MalformedXML');
    if (bucketOf(context).name.includes('.'))
      throw new S3Error('InvalidRequest', {
        message: 'S3 Transfer Acceleration is not supported for buckets with periods (.) in their names',
      });
    return document;
  },
  absent: {},
});

/** AWS API reference, PutBucketRequestPayment: kept and returned. Nobody is charged. */
export const requestPaymentOperations = documentOperations({
  configuration: 'requestPayment',
  subresource: 'requestPayment',
  root: 'RequestPaymentConfiguration',
  schema: Type.Object({ Payer: Type.String({ enum: ['Requester', 'BucketOwner'] }) }),
  integrity: 'required',
  put: { name: 'PutBucketRequestPayment', action: 's3:PutBucketRequestPayment' },
  get: { name: 'GetBucketRequestPayment', action: 's3:GetBucketRequestPayment' },
  check: (document) => Promise.resolve(document),
  absent: { Payer: 'BucketOwner' },
});
