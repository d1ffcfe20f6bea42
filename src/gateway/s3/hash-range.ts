import type { Checksum, ObjectFacet, OpenObject } from '../../namespace/namespace.ts';
import type { Compute, DigestAlgorithm, Digests } from '../../workers/compute.ts';
import { checksumOf, digestOf, type ChecksumRow } from './checksums.ts';
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
  readonly etag: string;
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
  const { facet, attributes } = object.found;
  const known = range.length === attributes.size ? wholeDigests(facet, rows) : undefined;
  if (known !== undefined) return known;
  const digests = await hashRange(compute, object, range, ['md5', ...rows.map((row) => row.digest)]);
  return {
    etag: Buffer.from(digestOf(digests, 'md5')).toString('hex'),
    checksums: rows.map((row) => checksumOf(row, digestOf(digests, row.digest))),
  };
}

/** Its ETag is an MD5, and its checksums are of the whole content. */
function wholeDigests(facet: ObjectFacet, rows: readonly ChecksumRow[]): ContentDigests | undefined {
  if (!/^[0-9a-f]{32}$/.test(facet.etag)) return undefined;
  const checksums = rows.map((row) =>
    facet.checksums.find((it) => it.algorithm === row.algorithm && it.type === 'FULL_OBJECT'),
  );
  const present = checksums.filter((checksum) => checksum !== undefined);
  return present.length === rows.length ? { etag: facet.etag, checksums: present } : undefined;
}
