import { Type, type Static } from '@sinclair/typebox';
import { LIST_ENTRIES_MAX } from '../../../limits/s3.ts';
import type { PartSummary, UploadSummary } from '../../../namespace/upload.ts';
import { checksumValueElements } from '../checksums.ts';
import { abortHeaders } from '../lifecycle-headers.ts';
import { delimiterOf, encoderOf, pageSize, type Encode } from '../listing.ts';
import {
  bucketMembers,
  bucketOf,
  count,
  encodingType,
  keyBytes,
  keyText,
  objectMembers,
  ownerElement,
  query,
  quoted,
  text,
} from '../members.ts';
import { operation, type S3Context } from '../operation.ts';
import { objectOwner } from '../ownership.ts';
import { xmlDate } from '../timestamp.ts';
import { uploadPage, type UploadPage } from '../upload-listing.ts';
import { xmlElement, xmlHead, xmlNamespace, xmlOptional } from '../xml.ts';

/** AWS API reference, AbortMultipartUpload. */
export const abortMultipartUpload = operation({
  name: 'AbortMultipartUpload',
  route: { method: 'DELETE', level: 'object', query: { uploadId: true } },
  action: 's3:AbortMultipartUpload',
  input: Type.Object({ ...objectMembers.input, uploadId: Type.String() }),
  bindings: { ...objectMembers.bindings, uploadId: query('uploadId') },
  success: 204,
  async handle(context, { key, uploadId }) {
    await context.parts.objects.abortUpload({ bucket: bucketOf(context).ino, key: keyBytes(key), uploadId });
    return { headers: [] };
  },
});

const partsInput = Type.Object({
  ...objectMembers.input,
  uploadId: Type.String(),
  partNumberMarker: Type.Optional(count('part-number-marker')),
  maxParts: Type.Optional(count('max-parts')),
  encodingType: Type.Optional(encodingType),
});

/** AWS API reference, ListParts. */
export const listParts = operation({
  name: 'ListParts',
  route: { method: 'GET', level: 'object', query: { uploadId: true } },
  action: 's3:ListMultipartUploadParts',
  input: partsInput,
  bindings: {
    ...objectMembers.bindings,
    uploadId: query('uploadId'),
    partNumberMarker: query('part-number-marker'),
    maxParts: query('max-parts'),
    encodingType: query('encoding-type'),
  },
  success: 200,
  async handle(context, input) {
    const { objects } = context.parts;
    const bucket = bucketOf(context).ino;
    const key = keyBytes(input.key);
    const upload = await objects.upload({ bucket, key, uploadId: input.uploadId });
    const partsMax = pageSize(input.maxParts);
    const page =
      partsMax === 0
        ? { parts: [], more: false }
        : await objects.parts(
            { bucket, key, uploadId: input.uploadId },
            { afterNumber: input.partNumberMarker ?? 0, partsMax },
          );
    const people = peopleXml(context, upload);
    const headers = await abortHeaders(context, input.key, upload);
    return { headers, body: partsDocument({ input, upload, people, partsMax, ...page }) };
  },
});

interface PartsView {
  readonly input: Static<typeof partsInput>;
  readonly upload: UploadSummary;
  readonly people: string;
  readonly partsMax: number;
  readonly parts: readonly PartSummary[];
  readonly more: boolean;
}

function partsDocument({ input, upload, people, partsMax, parts, more }: PartsView): string {
  const marker = input.partNumberMarker ?? 0;
  const encode = encoderOf(input.encodingType);
  let xml = `${xmlHead}<ListPartsResult${xmlNamespace}>${xmlElement('Bucket', input.bucket)}`;
  xml += `<Key>${encode(input.key)}</Key>${xmlElement('UploadId', upload.uploadId)}`;
  xml += `${people}${xmlElement('StorageClass', upload.facet.storageClass)}${xmlElement('PartNumberMarker', marker)}`;
  xml += xmlElement('NextPartNumberMarker', parts.at(-1)?.number ?? 0);
  xml += `${xmlElement('MaxParts', partsMax)}${xmlElement('IsTruncated', more)}`;
  xml += checksumChoice(upload);
  // Checksums that nobody asked for are the gateway's own affair until the upload is complete.
  for (const part of parts) xml += partXml(part, upload.checksum !== undefined);
  return `${xml}</ListPartsResult>`;
}

const partXml = (part: PartSummary, showsChecksums: boolean): string =>
  `<Part>${xmlElement('PartNumber', part.number)}${xmlElement('LastModified', xmlDate(part.modifiedAt))}` +
  `${xmlElement('ETag', quoted(part.etag))}${xmlElement('Size', part.size)}` +
  `${showsChecksums ? checksumValueElements(part.checksums) : ''}</Part>`;

/** Who began the upload, and to whom the object will belong. */
const peopleXml = (context: S3Context, { initiator, facet }: UploadSummary): string =>
  ownerElement('Initiator', context.parts.accounts.account(initiator ?? bucketOf(context).owner)) +
  ownerElement('Owner', objectOwner(context, facet.acl?.owner));

const checksumChoice = ({ checksum }: UploadSummary): string =>
  checksum === undefined
    ? ''
    : xmlElement('ChecksumAlgorithm', checksum.algorithm) + xmlElement('ChecksumType', checksum.type);

const uploadsInput = Type.Object({
  ...bucketMembers.input,
  prefix: text,
  delimiter: text,
  keyMarker: text,
  uploadIdMarker: text,
  maxUploads: Type.Optional(count('max-uploads')),
  encodingType: Type.Optional(encodingType),
});

/** AWS API reference, ListMultipartUploads. */
export const listMultipartUploads = operation({
  name: 'ListMultipartUploads',
  route: { method: 'GET', level: 'bucket', query: { uploads: true } },
  action: 's3:ListBucketMultipartUploads',
  input: uploadsInput,
  bindings: {
    ...bucketMembers.bindings,
    prefix: query('prefix'),
    delimiter: query('delimiter'),
    keyMarker: query('key-marker'),
    uploadIdMarker: query('upload-id-marker'),
    maxUploads: query('max-uploads'),
    encodingType: query('encoding-type'),
  },
  success: 200,
  async handle(context, input) {
    const page = await uploadPage(context.parts.objects, bucketOf(context).ino, {
      prefix: input.prefix ?? '',
      delimiter: delimiterOf(input.delimiter),
      keyMarker: input.keyMarker ?? '',
      // AWS: ignored unless there is a key marker.
      uploadIdMarker: input.keyMarker === undefined ? '' : (input.uploadIdMarker ?? ''),
      entriesMax: pageSize(input.maxUploads ?? LIST_ENTRIES_MAX),
    });
    return { headers: [], body: uploadsDocument(input, page, (upload) => peopleXml(context, upload)) };
  },
});

function uploadsDocument(
  input: Static<typeof uploadsInput>,
  page: UploadPage,
  people: (upload: UploadSummary) => string,
): string {
  const encode = encoderOf(input.encodingType);
  const delimiter = delimiterOf(input.delimiter);
  let xml = `${xmlHead}<ListMultipartUploadsResult${xmlNamespace}>${xmlElement('Bucket', input.bucket)}`;
  xml += `<KeyMarker>${encode(input.keyMarker ?? '')}</KeyMarker>`;
  xml += xmlElement('UploadIdMarker', input.uploadIdMarker ?? '');
  if (page.next !== undefined) {
    xml += `<NextKeyMarker>${encode(page.next.keyMarker)}</NextKeyMarker>`;
    xml += xmlElement('NextUploadIdMarker', page.next.uploadIdMarker);
  }
  xml += `<Prefix>${encode(input.prefix ?? '')}</Prefix>`;
  if (delimiter !== undefined) xml += `<Delimiter>${encode(delimiter)}</Delimiter>`;
  xml += xmlOptional('EncodingType', input.encodingType);
  xml += xmlElement('MaxUploads', pageSize(input.maxUploads));
  xml += xmlElement('IsTruncated', page.next !== undefined);
  for (const upload of page.uploads) xml += uploadXml(upload, encode, people(upload));
  for (const prefix of page.prefixes)
    xml += `<CommonPrefixes><Prefix>${encode(prefix)}</Prefix></CommonPrefixes>`;
  return `${xml}</ListMultipartUploadsResult>`;
}

const uploadXml = (upload: UploadSummary, encode: Encode, people: string): string =>
  `<Upload><Key>${encode(keyText(upload.key))}</Key>${xmlElement('UploadId', upload.uploadId)}` +
  `${people}${xmlElement('StorageClass', upload.facet.storageClass)}` +
  `${xmlElement('Initiated', xmlDate(upload.initiatedAt))}${checksumChoice(upload)}</Upload>`;
