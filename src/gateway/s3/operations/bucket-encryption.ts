import { Type, type Static } from '@sinclair/typebox';
import { encodeBucketEncryption, type BucketEncryption } from '../../../keyring/bucket-encryption.ts';
import { bucketEncryption } from '../encryption.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation } from '../operation.ts';
import { xmlElement, xmlHead, xmlNamespace, xmlOptional } from '../xml.ts';

/** AWS API reference, ServerSideEncryptionConfiguration: one rule. */
const encryptionConfiguration = Type.Object({
  Rule: Type.Array(
    Type.Object({
      ApplyServerSideEncryptionByDefault: Type.Optional(
        Type.Object({
          SSEAlgorithm: Type.Unsafe<BucketEncryption['algorithm']>({
            type: 'string',
            enum: ['AES256', 'aws:kms', 'aws:kms:dsse'],
          }),
          KMSMasterKeyID: Type.Optional(Type.String({ minLength: 1, maxLength: 2048 })),
        }),
      ),
      BucketKeyEnabled: Type.Optional(Type.Boolean()),
      BlockedEncryptionTypes: Type.Optional(
        Type.Object({
          EncryptionType: Type.Array(
            Type.Unsafe<'NONE' | 'SSE-C'>({ type: 'string', enum: ['NONE', 'SSE-C'] }),
            { minItems: 1, maxItems: 1 },
          ),
        }),
      ),
    }),
    { minItems: 1, maxItems: 1 },
  ),
});

/** AWS API reference, PutBucketEncryption. The key is looked for when it is used, as on AWS. */
export const putBucketEncryption = operation({
  name: 'PutBucketEncryption',
  route: { method: 'PUT', level: 'bucket', query: { encryption: true } },
  action: 's3:PutEncryptionConfiguration',
  input: Type.Object({ ...bucketMembers.input, configuration: encryptionConfiguration }),
  bindings: {
    ...bucketMembers.bindings,
    configuration: { in: 'xml', root: 'ServerSideEncryptionConfiguration', integrity: 'required' },
  },
  success: 200,
  async handle(context, { configuration }) {
    const document = encodeBucketEncryption(chosenBy(configuration));
    await context.parts.objects.putBucketConfiguration(bucketOf(context), 'encryption', document);
    return { headers: [] };
  },
});

function chosenBy({ Rule: [rule] }: Static<typeof encryptionConfiguration>): BucketEncryption {
  const { SSEAlgorithm: algorithm = 'AES256', KMSMasterKeyID: key } =
    rule?.ApplyServerSideEncryptionByDefault ?? {};
  if (key !== undefined && algorithm === 'AES256')
    throw invalidArgument(
      'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse',
      'ApplyServerSideEncryptionByDefault',
      algorithm,
    );
  return {
    algorithm,
    ...(key !== undefined && { key }),
    bucketKey: rule?.BucketKeyEnabled ?? false,
    blocksCustomerKeys: rule?.BlockedEncryptionTypes?.EncryptionType[0] === 'SSE-C',
  };
}

/** AWS API reference, GetBucketEncryption: what counts, also when the bucket says nothing itself. */
export const getBucketEncryption = operation({
  name: 'GetBucketEncryption',
  route: { method: 'GET', level: 'bucket', query: { encryption: true } },
  action: 's3:GetEncryptionConfiguration',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  async handle(context) {
    const bucket = bucketOf(context);
    const chosen = await bucketEncryption(context.parts, bucket);
    if (chosen === undefined)
      throw new S3Error('ServerSideEncryptionConfigurationNotFoundError', {
        members: { BucketName: bucket.name },
      });
    return { headers: [], body: encryptionDocument(chosen) };
  },
});

const encryptionDocument = ({ algorithm, key, bucketKey, blocksCustomerKeys }: BucketEncryption): string =>
  `${xmlHead}<ServerSideEncryptionConfiguration${xmlNamespace}><Rule><ApplyServerSideEncryptionByDefault>` +
  `${xmlElement('SSEAlgorithm', algorithm)}${xmlOptional('KMSMasterKeyID', key)}` +
  `</ApplyServerSideEncryptionByDefault>${xmlElement('BucketKeyEnabled', bucketKey)}` +
  `${blocksCustomerKeys ? `<BlockedEncryptionTypes>${xmlElement('EncryptionType', 'SSE-C')}</BlockedEncryptionTypes>` : ''}` +
  `</Rule></ServerSideEncryptionConfiguration>`;

/** AWS API reference, DeleteBucketEncryption. The right to put is the right to delete. */
export const deleteBucketEncryption = operation({
  name: 'DeleteBucketEncryption',
  route: { method: 'DELETE', level: 'bucket', query: { encryption: true } },
  action: 's3:PutEncryptionConfiguration',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.deleteBucketConfiguration(bucketOf(context), 'encryption');
    return { headers: [] };
  },
});
