import { Type, type Static } from '@sinclair/typebox';
import { PUT_BYTES_MAX } from '../../../limits.ts';
import type { ContentKey } from '../../../keyring/encryption.ts';
import type { OpenObject } from '../../../namespace/namespace.ts';
import type { PartSummary, UploadSummary } from '../../../namespace/upload.ts';
import {
  checksumValueElements,
  checksumValueHeaders,
  defaultChecksum,
  rowOf,
  type ChecksumRow,
} from '../checksums.ts';
import { checkCopyConditions } from '../conditions.ts';
import { withCopySource } from '../copy-source.ts';
import { customerKeyMembers, customerKeyOf, sourceKeyMembers } from '../customer-key.ts';
import { encryptionHeaders, etagOf, partContentKey } from '../encryption.ts';
import { S3Error } from '../errors.ts';
import { digestsOfRange } from '../hash-range.ts';
import { abortHeaders } from '../lifecycle-headers.ts';
import {
  bucketOf,
  copySourceMembers,
  header,
  keyBytes,
  objectMembers,
  partNumber,
  query,
  quoted,
  stream,
  text,
} from '../members.ts';
import { operation, type S3Context } from '../operation.ts';
import { receive } from '../payload.ts';
import { parseCopyRange, type ByteRange } from '../ranges.ts';
import { requireQuota } from '../quota.ts';
import { xmlDate } from '../timestamp.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

const partMembers = {
  input: { ...objectMembers.input, uploadId: Type.String(), partNumber },
  bindings: { ...objectMembers.bindings, uploadId: query('uploadId'), partNumber: query('partNumber') },
} as const;

/** AWS API reference, UploadPart. */
export const uploadPart = operation({
  name: 'UploadPart',
  route: { method: 'PUT', level: 'object', query: { partNumber: true, uploadId: true } },
  action: 's3:PutObject',
  input: Type.Object({ ...partMembers.input, ...customerKeyMembers.input, body: stream }),
  bindings: { ...partMembers.bindings, ...customerKeyMembers.bindings, body: { in: 'stream' } },
  success: 200,
  async handle(context, input) {
    const { key, uploadId, partNumber: number, body } = input;
    const { objects } = context.parts;
    const bucket = bucketOf(context).ino;
    const upload = await objects.upload({ bucket, key: keyBytes(key), uploadId });
    const wanted = partChecksums(upload, body.promised.checksum?.row);
    const customerKey = customerKeyOf(context.parts, input);
    const contentKey = partContentKey(context.parts, upload.encryption, customerKey);
    const { length } = body.promised;
    await requireQuota(context, { key, length, part: { uploadId, number } });
    return receive(context, { payload: body, wanted, contentKey }, async (draft, { md5, checksums }) => {
      const etag = etagOf(contentKey, md5);
      await objects.putPart({ bucket, key: keyBytes(key), uploadId }, draft, { number, etag, checksums });
      const made = encryptionHeaders(context.parts, upload.encryption, customerKey);
      const abort = await abortHeaders(context, key, upload);
      const values = checksumValueHeaders(checksums.slice(-1));
      return { headers: ['ETag', quoted(etag), ...made, ...values, ...abort] };
    });
  },
});

/** What is computed of a part. Without a choice at creation it is CRC64NVME, besides what the client itself sends. */
function partChecksums(upload: UploadSummary, sent: ChecksumRow | undefined): readonly ChecksumRow[] {
  if (upload.checksum === undefined)
    return sent === undefined || sent === defaultChecksum ? [defaultChecksum] : [defaultChecksum, sent];
  const row = rowOf(upload.checksum.algorithm);
  if (sent !== undefined && sent !== row)
    throw new S3Error('InvalidRequest', {
      message: `Checksum Type mismatch occurred, expected checksum Type: ${row.digest}, actual checksum Type: ${sent.digest}`,
    });
  return [row];
}

const copyInput = Type.Object({
  ...partMembers.input,
  ...copySourceMembers.input,
  ...customerKeyMembers.input,
  ...sourceKeyMembers.input,
  copyRange: text,
});

/** AWS API reference, UploadPartCopy. The part shares the source's extents; what is read is read to hash it. */
export const uploadPartCopy = operation({
  name: 'UploadPartCopy',
  route: {
    method: 'PUT',
    level: 'object',
    query: { partNumber: true, uploadId: true },
    header: 'x-amz-copy-source',
  },
  action: 's3:PutObject',
  input: copyInput,
  bindings: {
    ...partMembers.bindings,
    ...copySourceMembers.bindings,
    ...customerKeyMembers.bindings,
    ...sourceKeyMembers.bindings,
    copyRange: header('x-amz-copy-source-range'),
  },
  success: 200,
  async handle(context, input) {
    const { objects } = context.parts;
    const upload = await objects.upload({
      bucket: bucketOf(context).ino,
      key: keyBytes(input.key),
      uploadId: input.uploadId,
    });
    const customerKey = customerKeyOf(context.parts, input);
    const contentKey = partContentKey(context.parts, upload.encryption, customerKey);
    return withCopySource(context, input, async (source, object) => {
      checkCopyConditions(source.conditions, object.found);
      const { size } = object.found.attributes;
      const range =
        input.copyRange === undefined ? { offset: 0, length: size } : parseCopyRange(input.copyRange, size);
      if (range.length > PUT_BYTES_MAX)
        throw new S3Error('EntityTooLarge', {
          members: { ProposedSize: range.length, MaxSizeAllowed: PUT_BYTES_MAX },
        });
      const rows = partChecksums(upload, undefined);
      const part = await splicePart(context, { input, object, range, rows, contentKey });
      const made = encryptionHeaders(context.parts, upload.encryption, customerKey);
      return { headers: [...source.headers, ...made], body: partDocument(part) };
    });
  },
});

interface PartCopy {
  readonly input: Static<typeof copyInput>;
  readonly object: OpenObject;
  readonly range: ByteRange;
  readonly rows: readonly ChecksumRow[];
  readonly contentKey: ContentKey | undefined;
}

async function splicePart(
  context: S3Context,
  { input, object, range, rows, contentKey }: PartCopy,
): Promise<PartSummary> {
  const { objects } = context.parts;
  const { key, uploadId, partNumber: number } = input;
  await requireQuota(context, { key, length: range.length, part: { uploadId, number } });
  const { md5, checksums } = await digestsOfRange(context.parts.compute, object, range, rows);
  const draft = await objects.draft(context.principal.caller, contentKey);
  try {
    if (range.length > 0) await draft.splice(object, range.offset, range.length);
    const bucket = bucketOf(context).ino;
    return await objects.putPart({ bucket, key: keyBytes(key), uploadId }, draft, {
      number,
      etag: etagOf(contentKey, md5),
      checksums,
    });
  } catch (failure) {
    await draft.discard();
    throw failure;
  }
}

const partDocument = (part: PartSummary): string =>
  `${xmlHead}<CopyPartResult${xmlNamespace}>${xmlElement('LastModified', xmlDate(part.modifiedAt))}` +
  `${xmlElement('ETag', quoted(part.etag))}${checksumValueElements(part.checksums)}</CopyPartResult>`;
