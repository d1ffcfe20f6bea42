import { Type } from '@sinclair/typebox';
import type { Checksum } from '../../../namespace/namespace.ts';
import type { UploadSummary } from '../../../namespace/upload.ts';
import { checksumNames, rowNamed } from '../checksums.ts';
import { customerKeyOf } from '../customer-key.ts';
import { encryptionMembers, madeHeaders, newContentKey } from '../encryption.ts';
import { S3Error } from '../errors.ts';
import { facetOf } from '../facet.ts';
import { abortHeaders } from '../lifecycle-headers.ts';
import { bucketOf, emptyFacet, facetMembers, header, keyBytes, objectMembers, text } from '../members.ts';
import { lockMembers, lockOf } from '../object-lock.ts';
import { operation } from '../operation.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

/** AWS API reference, CreateMultipartUpload. */
export const createMultipartUpload = operation({
  name: 'CreateMultipartUpload',
  route: { method: 'POST', level: 'object', query: { uploads: true } },
  action: 's3:PutObject',
  input: Type.Object({
    ...objectMembers.input,
    ...facetMembers.input,
    ...encryptionMembers.input,
    ...lockMembers.input,
    checksumAlgorithm: text,
    checksumType: text,
  }),
  bindings: {
    ...objectMembers.bindings,
    ...facetMembers.bindings,
    ...encryptionMembers.bindings,
    ...lockMembers.bindings,
    checksumAlgorithm: header('x-amz-checksum-algorithm'),
    checksumType: header('x-amz-checksum-type'),
  },
  success: 200,
  async handle(context, input) {
    // AWS API reference, CreateMultipartUpload: anonymous users cannot initiate multipart uploads.
    if (context.principal.isAnonymous)
      throw new S3Error('AccessDenied', {
        message: 'Anonymous users cannot initiate multipart uploads.  Please authenticate.',
      });
    const { objects } = context.parts;
    const facet = { ...emptyFacet, ...(await facetOf(context, input)) };
    const checksum = uploadChecksum(input.checksumAlgorithm, input.checksumType);
    const bucket = bucketOf(context).ino;
    const contentKey = await newContentKey(context, input);
    const upload = await objects.createUpload(context.principal.caller, {
      bucket,
      key: keyBytes(input.key),
      facet,
      checksum,
      encryption: contentKey?.encryption,
      initiator: context.principal.account.id,
      lock: lockOf(context, input),
    });
    const body =
      `${xmlHead}<InitiateMultipartUploadResult${xmlNamespace}>${xmlElement('Bucket', input.bucket)}` +
      `${xmlElement('Key', input.key)}${xmlElement('UploadId', upload.uploadId)}</InitiateMultipartUploadResult>`;
    const customerKey = customerKeyOf(context.parts, input);
    const headers = madeHeaders(context.parts, upload.encryption, customerKey);
    if (checksum !== undefined) headers.push(...checksumChoice(checksum));
    return { headers: [...headers, ...(await abortHeaders(context, input.key, upload))], body };
  },
});

const checksumChoice = ({ algorithm, type }: Pick<Checksum, 'algorithm' | 'type'>): readonly string[] => [
  'x-amz-checksum-algorithm',
  algorithm,
  'x-amz-checksum-type',
  type,
];

/** What is asked for, or what AWS takes for that algorithm when no type is ("Checking object integrity"). */
function uploadChecksum(algorithm: string | undefined, type: string | undefined): UploadSummary['checksum'] {
  if (algorithm === undefined) {
    if (type === undefined) return undefined;
    throw new S3Error('InvalidRequest', {
      message: 'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    });
  }
  const row = rowNamed(algorithm);
  if (row === undefined)
    throw new S3Error('InvalidRequest', {
      message: `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${checksumNames}]`,
    });
  if (type === undefined) return { algorithm: row.algorithm, type: row.types[0] };
  const chosen = row.types.find((it) => it === type.toUpperCase());
  if (chosen !== undefined) return { algorithm: row.algorithm, type: chosen };
  if (type !== 'COMPOSITE' && type !== 'FULL_OBJECT')
    throw new S3Error('InvalidRequest', { message: 'Value for x-amz-checksum-type header is invalid.' });
  throw new S3Error('InvalidRequest', {
    message: `The ${type} checksum type cannot be used with the ${row.digest} checksum algorithm.`,
  });
}
