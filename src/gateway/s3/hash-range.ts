import type { Checksum, Found, OpenObject } from '../../namespace/namespace.ts';
import type { Compute, DigestAlgorithm, Digests } from '../../workers/compute.ts';
import { checksumOf, digestOf, type ChecksumRow } from './checksums.ts';
import { hasMd5Etag } from './encryption.ts';
import type { ByteRange } from './ranges.ts';

/** Digests of a range of stored content, one piece in memory at a time. */
async function hashRange(
  compute: Compute,
  object: OpenObject,
  { offset, length }: ByteRange,
  algorithms: readonly DigestAlgorithm[],
): Promise<Digests> {
  const hasher = compute.hasher(algorithms);
  if (length > 0) for await (const piece of object.read(offset, length)) await hasher.update([piece]);
  return hasher.digests();
}

/** What a PUT of the same bytes would have computed. */
export interface ContentDigests {
  readonly md5: Uint8Array;
  /** Of the rows that were asked for, in that order. */
  readonly checksums: readonly Checksum[];
}

/** The digests of a range of an object: its own where it is the whole and they are known, else the bytes are read. */
export async function digestsOfRange(
  compute: Compute,
  object: OpenObject,
  range: ByteRange,
  rows: readonly ChecksumRow[],
): Promise<ContentDigests> {
  const { found } = object;
  const known = range.length === found.attributes.size ? wholeDigests(found, rows) : undefined;
  if (known !== undefined) return known;
  const digests = await hashRange(compute, object, range, ['md5', ...rows.map((row) => row.digest)]);
  return {
    md5: digestOf(digests, 'md5'),
    checksums: rows.map((row) => checksumOf(row, digestOf(digests, row.digest))),
  };
}

/** Its ETag is an MD5, and its checksums are of the whole content. */
function wholeDigests(
  { facet, encryption }: Found,
  rows: readonly ChecksumRow[],
): ContentDigests | undefined {
  if (!hasMd5Etag(encryption) || !/^[0-9a-f]{32}$/.test(facet.etag)) return undefined;
  const checksums = rows.map((row) =>
    facet.checksums.find((it) => it.algorithm === row.algorithm && it.type === 'FULL_OBJECT'),
  );
  const present = checksums.filter((checksum) => checksum !== undefined);
  return present.length === rows.length
    ? { md5: Buffer.from(facet.etag, 'hex'), checksums: present }
    : undefined;
}
