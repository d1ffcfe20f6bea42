import { Type, type Static } from '@sinclair/typebox';
import { Fault } from '../../../fault.ts';
import { PART_BYTES_MIN, PART_NUMBER_MAX, PARTS_PAGE_MAX } from '../../../limits/s3.ts';
import type { Checksum, Expectation, Found, ObjectFacet, ObjectPart } from '../../../namespace/namespace.ts';
import type { PartSummary, UploadSummary } from '../../../namespace/upload.ts';
import { encodePercentPath } from '../../../signing/percent.ts';
import {
  badChecksum,
  checkValue,
  checksumElements,
  checksumRows,
  compositeChecksum,
  defaultChecksum,
  fullObjectChecksum,
  rowOf,
  type ChecksumRow,
} from '../checksums.ts';
import { etagsOf, writeExpectation } from '../conditions.ts';
import { customerKeyMembers, customerKeyOf } from '../customer-key.ts';
import { encryptionHeaders, partContentKey } from '../encryption.ts';
import { S3Error } from '../errors.ts';
import {
  bucketOf,
  emptyFacet,
  header,
  keyBytes,
  objectMembers,
  query,
  quoted,
  text,
  writeConditionMembers,
} from '../members.ts';
import { operation, type S3Context } from '../operation.ts';
import { publishing } from '../publish.ts';
import { writtenHeaders } from '../written.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

/** One member for each algorithm. */
const perChecksum = <Member>(member: (row: ChecksumRow) => Member): Record<ChecksumRow['element'], Member> =>
  Object.fromEntries(checksumRows.map((row) => [row.element, member(row)])) as Record<
    ChecksumRow['element'],
    Member
  >;

const checksumText = perChecksum(() => text);

const completedPart = Type.Object({
  PartNumber: Type.Integer({ minimum: 1, maximum: PART_NUMBER_MAX }),
  ETag: Type.String(),
  ...checksumText,
});

const input = Type.Object({
  ...objectMembers.input,
  ...writeConditionMembers.input,
  ...customerKeyMembers.input,
  uploadId: Type.String(),
  host: text,
  objectSize: Type.Optional(Type.Integer({ minimum: 0 })),
  checksumType: text,
  ...checksumText,
  completion: Type.Object({
    Part: Type.Array(completedPart, { minItems: 1, maxItems: PART_NUMBER_MAX }),
  }),
});

type Input = Static<typeof input>;
type CompletedPart = Static<typeof completedPart>;

/** AWS API reference, CompleteMultipartUpload. No data moves; a second completion answers what the first did. */
export const completeMultipartUpload = operation({
  name: 'CompleteMultipartUpload',
  route: { method: 'POST', level: 'object', query: { uploadId: true } },
  action: 's3:PutObject',
  input,
  bindings: {
    ...objectMembers.bindings,
    ...writeConditionMembers.bindings,
    ...customerKeyMembers.bindings,
    uploadId: query('uploadId'),
    host: header('host'),
    objectSize: header('x-amz-mp-object-size'),
    checksumType: header('x-amz-checksum-type'),
    ...perChecksum((row) => header(row.header)),
    completion: { in: 'xml', root: 'CompleteMultipartUpload', integrity: 'none' },
  },
  success: 200,
  async handle(context, wish) {
    const expect = writeExpectation(wish);
    checkOrder(wish.completion.Part);
    const facet = (await facetOfOpenUpload(context, wish)) ?? emptyFacet;
    const found = await complete(context, { wish, facet, expect });
    const headers = [
      ...encryptionHeaders(context.parts, found.encryption, customerKeyOf(context.parts, wish)),
      ...(await writtenHeaders(context, wish.key, found)),
    ];
    return { headers, body: resultDocument(wish, found) };
  },
});

function checkOrder(parts: readonly CompletedPart[]): void {
  for (const [index, { PartNumber: number }] of parts.entries()) {
    const before = parts[index - 1];
    if (before !== undefined && before.PartNumber >= number) throw new S3Error('InvalidPartOrder');
  }
}

/** `undefined` when the upload is not open: it may be complete already, and then the namespace keeps the answer. */
async function facetOfOpenUpload(context: S3Context, wish: Input): Promise<ObjectFacet | undefined> {
  try {
    const bucket = bucketOf(context).ino;
    const upload = await context.parts.objects.upload({
      bucket,
      key: keyBytes(wish.key),
      uploadId: wish.uploadId,
    });
    checkCustomerKey(context, wish, upload);
    return await completedFacet(context, wish, upload);
  } catch (failure) {
    const isOver = failure instanceof Fault && failure.code === 'not-found' && failure.subject === 'upload';
    if (isOver) return undefined;
    throw failure;
  }
}

/** No byte is read; AWS asks for the key where there is a checksum of the whole, which there always is. */
function checkCustomerKey({ parts }: S3Context, wish: Input, { encryption }: UploadSummary): void {
  if (encryption?.mode === 'customer') partContentKey(parts, encryption, customerKeyOf(parts, wish));
}

async function complete(
  context: S3Context,
  { wish, facet, expect }: { wish: Input; facet: ObjectFacet; expect: Expectation },
): Promise<Found> {
  const parts = wish.completion.Part.map((part) => ({
    number: part.PartNumber,
    etag: etagsOf(part.ETag)[0] ?? '',
  }));
  return publishing({ key: wish.key, expect }, () =>
    context.parts.objects.completeUpload(context.principal.caller, {
      bucket: bucketOf(context).ino,
      key: keyBytes(wish.key),
      uploadId: wish.uploadId,
      parts,
      facet,
      expect,
    }),
  );
}

/** The object that the listed parts make, everything that the client said about it checked. */
async function completedFacet(context: S3Context, wish: Input, upload: UploadSummary): Promise<ObjectFacet> {
  const { compute } = context.parts;
  const stored = await storedParts(context, wish);
  const parts = wish.completion.Part.map((part) => matchingPart(part, stored, upload));
  checkSizes(parts);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (wish.objectSize !== undefined && wish.objectSize !== size)
    throw new S3Error('InvalidRequest', {
      message: `The provided 'x-amz-mp-object-size' header value ${wish.objectSize} does not match what was computed: ${size}`,
    });
  const md5s = parts.map((part) => Buffer.from(part.etag, 'hex'));
  const { md5 } = compute.digest(['md5'], md5s);
  const checksum = wholeChecksum(context, parts, upload.checksum);
  checkPromise(wish, checksum, upload);
  return {
    ...upload.facet,
    etag: `${Buffer.from(md5 ?? []).toString('hex')}-${parts.length}`,
    checksums: checksum === undefined ? [] : [checksum],
    parts: parts.map((part) => objectPart(part, upload)),
  };
}

/** With the checksum of its upload; AWS takes CRC64NVME where none was chosen (API_ObjectPart). */
function objectPart({ size, checksums }: PartSummary, { checksum }: UploadSummary): ObjectPart {
  const algorithm = checksum?.algorithm ?? defaultChecksum.algorithm;
  return { length: size, checksums: checksums.filter((it) => it.algorithm === algorithm) };
}

async function storedParts(context: S3Context, wish: Input): Promise<ReadonlyMap<number, PartSummary>> {
  const stored = new Map<number, PartSummary>();
  const { objects } = context.parts;
  const last = wish.completion.Part.at(-1)?.PartNumber ?? 0;
  let after = 0;
  while (after < last) {
    const bucket = bucketOf(context).ino;
    const page = await objects.parts(
      { bucket, key: keyBytes(wish.key), uploadId: wish.uploadId },
      { afterNumber: after, partsMax: PARTS_PAGE_MAX },
    );
    for (const part of page.parts) stored.set(part.number, part);
    after = page.more ? (page.parts.at(-1)?.number ?? last) : last;
  }
  return stored;
}

function matchingPart(
  listed: CompletedPart,
  stored: ReadonlyMap<number, PartSummary>,
  upload: UploadSummary,
): PartSummary {
  const part = stored.get(listed.PartNumber);
  const etag = etagsOf(listed.ETag)[0];
  const isMatch = part !== undefined && part.etag === etag && checksumsMatch(listed, part);
  if (!isMatch)
    throw new S3Error('InvalidPart', {
      members: { UploadId: upload.uploadId, PartNumber: listed.PartNumber, ETag: etag ?? '' },
    });
  if (upload.checksum?.type === 'COMPOSITE') requirePartChecksum(listed, rowOf(upload.checksum.algorithm));
  return part;
}

function checksumsMatch(listed: CompletedPart, part: PartSummary): boolean {
  return checksumRows.every((row) => {
    const value = listed[row.element];
    if (value === undefined) return true;
    return part.checksums.some((it) => it.algorithm === row.algorithm && it.value === value);
  });
}

function requirePartChecksum(listed: CompletedPart, row: ChecksumRow): void {
  if (listed[row.element] !== undefined) return;
  throw new S3Error('InvalidRequest', {
    message: `The upload was created using a ${row.digest} checksum. The complete request must include the checksum for each part. It was missing for part ${listed.PartNumber} in the request.`,
  });
}

function checkSizes(parts: readonly PartSummary[]): void {
  for (const part of parts.slice(0, -1)) {
    if (part.size < PART_BYTES_MIN)
      throw new S3Error('EntityTooSmall', {
        members: {
          ProposedSize: part.size,
          MinSizeAllowed: PART_BYTES_MIN,
          PartNumber: part.number,
          ETag: part.etag,
        },
      });
  }
}

function wholeChecksum(
  { parts: { compute } }: S3Context,
  parts: readonly PartSummary[],
  wanted: UploadSummary['checksum'],
): Checksum | undefined {
  const row = wanted === undefined ? defaultChecksum : rowOf(wanted.algorithm);
  const digests = parts.flatMap((part) => {
    const checksum = part.checksums.find((it) => it.algorithm === row.algorithm);
    return checksum === undefined ? [] : [{ size: part.size, value: checksum.value }];
  });
  if (digests.length < parts.length) return undefined;
  return wanted?.type === 'COMPOSITE'
    ? compositeChecksum(compute, row, digests)
    : fullObjectChecksum(compute, row, digests);
}

/** The client may say what the checksum of the whole and its type are. */
function checkPromise(wish: Input, checksum: Checksum | undefined, upload: UploadSummary): void {
  const type = upload.checksum?.type ?? 'FULL_OBJECT';
  if (wish.checksumType !== undefined && wish.checksumType !== type)
    throw new S3Error('InvalidRequest', {
      message: `The upload was created using the ${type} checksum mode. The complete request must use the same checksum mode.`,
    });
  for (const row of checksumRows) {
    const promised = wish[row.element];
    if (promised === undefined) continue;
    if (checksum?.algorithm !== row.algorithm)
      throw new S3Error('InvalidRequest', {
        message: `Checksum Type mismatch occurred, expected checksum Type: ${upload.checksum?.algorithm.toLowerCase() ?? 'null'}, actual checksum Type: ${row.digest}`,
      });
    if (type === 'FULL_OBJECT') checkValue(row, promised);
    if (promised !== checksum.value && promised !== withoutCount(checksum)) throw badChecksum(row);
  }
}

/** minio-go, and with it `mc`, promises the digest of the digests alone, and AWS takes it. */
const withoutCount = ({ type, value }: Checksum): string =>
  type === 'COMPOSITE' ? value.slice(0, value.lastIndexOf('-')) : value;

const resultDocument = (wish: Input, { facet }: Found): string =>
  `${xmlHead}<CompleteMultipartUploadResult${xmlNamespace}>${xmlElement('Location', locationOf(wish))}` +
  `${xmlElement('Bucket', wish.bucket)}${xmlElement('Key', wish.key)}${xmlElement('ETag', quoted(facet.etag))}` +
  `${checksumElements(facet.checksums)}</CompleteMultipartUploadResult>`;

/** The object's address in the style that the client uses. */
function locationOf({ bucket, key, host = '' }: Input): string {
  const path = host.startsWith(`${bucket}.`) ? '' : `/${bucket}`;
  return `http://${host}${path}/${encodePercentPath(key)}`;
}
