import assert from 'node:assert/strict';
import type { Checksum } from '../../namespace/namespace.ts';
import type { Compute, CrcAlgorithm, DigestAlgorithm, Digests } from '../../workers/compute.ts';
import { S3Error } from './errors.ts';
import { xmlElement } from './xml.ts';

/** One checksum algorithm of S3: its names on the wire and what AWS lets it do. */
export interface ChecksumRow {
  readonly algorithm: Checksum['algorithm'];
  readonly digest: DigestAlgorithm;
  readonly header: string;
  /** Element in XML. */
  readonly element: `Checksum${Checksum['algorithm']}`;
  readonly bytes: number;
  /** First: the default for multipart uploads. AWS: "Checking object integrity", supported types. */
  readonly types: readonly [Checksum['type'], ...Checksum['type'][]];
  /** Set where checksums of parts combine into that of the whole. */
  readonly crc: CrcAlgorithm | undefined;
}

export const checksumRows = [
  {
    algorithm: 'CRC64NVME',
    digest: 'crc64nvme',
    header: 'x-amz-checksum-crc64nvme',
    element: 'ChecksumCRC64NVME',
    bytes: 8,
    types: ['FULL_OBJECT'],
    crc: 'crc64nvme',
  },
  {
    algorithm: 'CRC32',
    digest: 'crc32',
    header: 'x-amz-checksum-crc32',
    element: 'ChecksumCRC32',
    bytes: 4,
    types: ['COMPOSITE', 'FULL_OBJECT'],
    crc: 'crc32',
  },
  {
    algorithm: 'CRC32C',
    digest: 'crc32c',
    header: 'x-amz-checksum-crc32c',
    element: 'ChecksumCRC32C',
    bytes: 4,
    types: ['COMPOSITE', 'FULL_OBJECT'],
    crc: 'crc32c',
  },
  {
    algorithm: 'SHA1',
    digest: 'sha1',
    header: 'x-amz-checksum-sha1',
    element: 'ChecksumSHA1',
    bytes: 20,
    types: ['COMPOSITE'],
    crc: undefined,
  },
  {
    algorithm: 'SHA256',
    digest: 'sha256',
    header: 'x-amz-checksum-sha256',
    element: 'ChecksumSHA256',
    bytes: 32,
    types: ['COMPOSITE'],
    crc: undefined,
  },
] as const satisfies readonly ChecksumRow[];

/** What the gateway computes when the client names nothing. */
export const defaultChecksum: ChecksumRow = checksumRows[0];

export function rowOf(algorithm: Checksum['algorithm']): ChecksumRow {
  for (const row of checksumRows) if (row.algorithm === algorithm) return row;
  return defaultChecksum;
}

export const rowNamed = (name: string): ChecksumRow | undefined =>
  checksumRows.find((row) => row.algorithm === name.toUpperCase());

const rowByHeader: ReadonlyMap<string, ChecksumRow> = new Map(checksumRows.map((row) => [row.header, row]));

/** Headers of this family that carry no digest. */
const prefix = 'x-amz-checksum-';
const notDigests: ReadonlySet<string> = new Set(['algorithm', 'mode', 'type'].map((name) => prefix + name));

/** The checksum that a request promises for its body. */
export interface ChecksumClaim {
  readonly row: ChecksumRow;
  /** Base64; `undefined`: it comes in the trailer of that header's name. */
  readonly value: string | undefined;
}

const invalidRequest = (message: string): S3Error => new S3Error('InvalidRequest', { message });

/** AWS: "Checking object integrity for data uploads"; `undefined` when the client promises nothing. */
export function checksumClaim(headers: Readonly<Record<string, string>>): ChecksumClaim | undefined {
  const claim = headerClaim(headers) ?? trailerClaim(headers['x-amz-trailer']);
  const named = headers['x-amz-sdk-checksum-algorithm'];
  if (named === undefined) return claim;
  const row = rowNamed(named);
  if (row === undefined) throw invalidRequest('Value for x-amz-sdk-checksum-algorithm header is invalid.');
  if (claim === undefined)
    throw invalidRequest(
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  if (claim.row !== row) throw invalidRequest('Value for x-amz-sdk-checksum-algorithm header is invalid.');
  return claim;
}

function headerClaim(headers: Readonly<Record<string, string>>): ChecksumClaim | undefined {
  let claim: ChecksumClaim | undefined;
  for (const name in headers) {
    if (!name.startsWith(prefix) || notDigests.has(name)) continue;
    if (claim !== undefined)
      throw invalidRequest(
        'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
      );
    const row = rowByHeader.get(name);
    if (row === undefined)
      throw invalidRequest(`The algorithm type you specified in ${name} header is invalid.`);
    claim = { row, value: checkValue(row, headers[name] ?? '') };
  }
  return claim;
}

function trailerClaim(trailer: string | undefined): ChecksumClaim | undefined {
  if (trailer === undefined) return undefined;
  const row = rowByHeader.get(trailer.trim().toLowerCase());
  if (row === undefined)
    throw invalidRequest('The value specified in the x-amz-trailer header is not supported');
  return { row, value: undefined };
}

/** The value itself when it is base64 of a digest of that length. */
export function checkValue(row: ChecksumRow, value: string): string {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== row.bytes || bytes.toString('base64') !== value)
    throw invalidRequest(`Value for ${row.header} header is invalid.`);
  return value;
}

export const badChecksum = (row: ChecksumRow): S3Error =>
  new S3Error('BadDigest', {
    message: `The ${row.algorithm} you specified did not match the calculated checksum.`,
  });

export const checksumOf = (row: ChecksumRow, digest: Uint8Array): Checksum => ({
  algorithm: row.algorithm,
  value: base64(digest),
  type: 'FULL_OBJECT',
});

/** A digest that was asked for. */
export function digestOf(digests: Digests, algorithm: DigestAlgorithm): Uint8Array {
  const digest = digests[algorithm];
  assert(digest !== undefined, algorithm);
  return digest;
}

export const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');

/** Answer headers of stored checksums. */
export function checksumHeaders(checksums: readonly Checksum[]): string[] {
  const headers: string[] = [];
  for (const checksum of checksums) {
    headers.push(rowOf(checksum.algorithm).header, checksum.value, 'x-amz-checksum-type', checksum.type);
  }
  return headers;
}

/** A part has a value and no type: the type belongs to the upload. */
export const checksumValueHeaders = (checksums: readonly Checksum[]): string[] =>
  checksums.flatMap(({ algorithm, value }) => [rowOf(algorithm).header, value]);

/** The same as elements of a document. */
export const checksumValueElements = (checksums: readonly Checksum[]): string =>
  checksums.map(({ algorithm, value }) => xmlElement(rowOf(algorithm).element, value)).join('');

/** The same as elements of a result document, with the type. */
export const checksumElements = (checksums: readonly Checksum[]): string =>
  checksums
    .map(
      ({ algorithm, value, type }) =>
        xmlElement(rowOf(algorithm).element, value) + xmlElement('ChecksumType', type),
    )
    .join('');

/** Size and digest of one part, in order. */
export interface PartDigest {
  readonly size: number;
  readonly value: string;
}

/** The digest of the parts' digests, and `-N` (AWS: "Checking object integrity", composite checksums). */
export function compositeChecksum(
  compute: Compute,
  row: ChecksumRow,
  parts: readonly PartDigest[],
): Checksum {
  const digests = parts.map((part) => Buffer.from(part.value, 'base64'));
  const digest = digestOf(compute.digest([row.digest], digests), row.digest);
  return {
    algorithm: row.algorithm,
    value: `${base64(digest)}-${parts.length}`,
    type: 'COMPOSITE',
  };
}

/** The CRC of the whole object from those of its parts; no byte is read again. */
export function fullObjectChecksum(
  compute: Compute,
  row: ChecksumRow,
  parts: readonly PartDigest[],
): Checksum {
  const crc = row.crc;
  const [first, ...others] = parts;
  assert(crc !== undefined, 'only CRCs combine');
  assert(first !== undefined, 'an upload has parts');
  let whole: Uint8Array = Buffer.from(first.value, 'base64');
  for (const part of others)
    whole = compute.combine(crc, whole, Buffer.from(part.value, 'base64'), part.size);
  return checksumOf(row, whole);
}
