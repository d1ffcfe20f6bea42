import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompleteMultipartUploadCommandOutput,
  type CreateMultipartUploadCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';

/** A whole multipart upload, one part after the other. */
export async function uploadInParts(
  s3: S3Client,
  {
    parts,
    ...create
  }: CreateMultipartUploadCommandInput & { readonly parts: readonly (string | Uint8Array)[] },
): Promise<CompleteMultipartUploadCommandOutput> {
  const { Bucket, Key, ChecksumAlgorithm } = create;
  const sum = ChecksumAlgorithm === undefined ? {} : { ChecksumAlgorithm };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(create));
  const Parts = [];
  for (const [index, Body] of parts.entries()) {
    const PartNumber = index + 1;
    const part = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...sum }));
    const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumCRC64NVME, ChecksumSHA1, ChecksumSHA256 } = part;
    Parts.push({
      PartNumber,
      ETag,
      ChecksumCRC32,
      ChecksumCRC32C,
      ChecksumCRC64NVME,
      ChecksumSHA1,
      ChecksumSHA256,
    });
  }
  return s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
}
