import { LIST_ENTRIES_MAX } from '../../limits/s3.ts';
import { behindPrefix } from '../../namespace/behind-prefix.ts';
import type { Found, Ino, ListEntry, Listed, ObjectStore, WalkPage } from '../../namespace/namespace.ts';
import type { VersionEntry, VersionId } from '../../namespace/version.ts';
import { encodePercentPath } from '../../signing/percent.ts';
import { positionOfMarker, type Position } from './continuation.ts';
import { keyBytes, keyText, ownerElement, ownerOf } from './members.ts';
import type { S3Context } from './operation.ts';
import { objectOwner } from './ownership.ts';
import { xmlDate } from './timestamp.ts';
import { versionText } from '../../namespace/version.ts';
import { xmlText } from './xml.ts';

/** What both versions of ListObjects ask the namespace. */
export interface ListQuery {
  readonly prefix: Uint8Array;
  readonly delimiter: Uint8Array | undefined;
  /** Strictly after these bytes. */
  readonly after: Uint8Array;
  readonly entriesMax: number;
}

export interface ListPage {
  readonly entries: readonly ListEntry[];
  readonly isTruncated: boolean;
}

/** One page. One entry more is read than is shown: only then is it certain that a page is not the last one. */
export async function listPage(objects: ObjectStore, bucket: Ino, query: ListQuery): Promise<ListPage> {
  const { entriesMax } = query;
  if (entriesMax === 0) return { entries: [], isTruncated: false };
  const entries: ListEntry[] = [];
  // A page of the namespace lacks what goes away while it is read: the listing ends where it says so, not where it is short.
  for (
    let after: Uint8Array | undefined = query.after;
    after !== undefined && entries.length <= entriesMax;
  ) {
    const page: WalkPage<ListEntry> = await objects.list(bucket, {
      ...{ ...query, after },
      entriesMax: entriesMax + 1 - entries.length,
    });
    entries.push(...page.entries);
    after = page.next;
  }
  const isTruncated = entries.length > entriesMax;
  return { entries: isTruncated ? entries.slice(0, entriesMax) : entries, isTruncated };
}

export const pageSize = (maxKeys: number | undefined): number =>
  Math.min(maxKeys ?? LIST_ENTRIES_MAX, LIST_ENTRIES_MAX);

/** Where to go on. */
export const afterPosition = ({ kind, bytes }: Position): Uint8Array =>
  kind === 'prefix' ? behindPrefix(bytes) : bytes;

/**
 * Where to go on after a marker, a listing's own or one that a client chose. A marker that is itself a common prefix (as
 * NextMarker is) stands for all the keys below it.
 */
export function afterMarker(
  marker: string,
  { prefix, delimiter }: { readonly prefix: string; readonly delimiter: string | undefined },
): Uint8Array {
  const position = positionOfMarker(marker);
  if (position !== undefined) return afterPosition(position);
  const bytes = keyBytes(marker);
  if (delimiter === undefined || !marker.startsWith(prefix)) return bytes;
  const found = marker.indexOf(delimiter, prefix.length);
  return found >= 0 && found + delimiter.length === marker.length ? behindPrefix(bytes) : bytes;
}

/** Where a page ends that ends with this entry. */
export const positionOfEntry = (entry: ListEntry | VersionEntry): Position =>
  entry.kind === 'prefix' ? { kind: 'prefix', bytes: entry.prefix } : { kind: 'key', bytes: entry.key };

export type Encode = (text: string) => string;

/** Keys as the client wants them: escaped for XML, or percent-encoded (`encoding-type=url`), where '/' stays. */
export const encoderOf = (encodingType: string | undefined): Encode =>
  encodingType === undefined ? xmlText : encodePercentPath;

/** Contents and CommonPrefixes. A page has up to 1,000 entries: strings are appended, nothing is allocated around them. */
export function entriesXml(entries: readonly ListEntry[], encode: Encode, ownerXml: OwnerXml): string {
  let contents = '';
  let prefixes = '';
  for (const entry of entries) {
    if (entry.kind === 'prefix') {
      prefixes += prefixXml(entry.prefix, encode);
      continue;
    }
    contents += `<Contents><Key>${encode(keyText(entry.key))}</Key>${listedXml(entry.listed, ownerXml)}</Contents>`;
  }
  return contents + prefixes;
}

/** The Owner element of what this account owns, by its ACL, or none. */
export type OwnerXml = (owner: Listed['owner']) => string;

/** Of each object of the bucket. Most have the same one. */
export function ownerElements(context: S3Context): OwnerXml {
  const usual = ownerElement('Owner', ownerOf(context));
  return (owner) => (owner === undefined ? usual : ownerElement('Owner', objectOwner(context, owner)));
}

export const noOwner = (): string => '';
/** What the elements Contents and Version have in common behind the key. */
function listedXml(listed: Listed, ownerXml: OwnerXml): string {
  const { size, modifiedAt, etag, checksum, storageClass, owner } = listed;
  const checksumXml =
    checksum === undefined
      ? ''
      : `<ChecksumAlgorithm>${checksum.algorithm}</ChecksumAlgorithm><ChecksumType>${checksum.type}</ChecksumType>`;
  return (
    `<LastModified>${xmlDate({ seconds: modifiedAt })}</LastModified><ETag>&quot;${etag}&quot;</ETag>${checksumXml}` +
    `<Size>${size}</Size>${ownerXml(owner)}<StorageClass>${storageClass}</StorageClass>`
  );
}

/** Version, DeleteMarker and CommonPrefixes elements. */
export function versionsXml(entries: readonly VersionEntry[], encode: Encode, ownerXml: OwnerXml): string {
  let versions = '';
  let prefixes = '';
  for (const entry of entries) {
    if (entry.kind === 'prefix') {
      prefixes += prefixXml(entry.prefix, encode);
      continue;
    }
    const name =
      `<Key>${encode(keyText(entry.key))}</Key><VersionId>${versionText(versionIdOf(entry))}</VersionId>` +
      `<IsLatest>${entry.isLatest}</IsLatest>`;
    versions +=
      entry.kind === 'version'
        ? `<Version>${name}${listedXml(listedIn(entry.found), ownerXml)}</Version>`
        : `<DeleteMarker>${name}<LastModified>${xmlDate(entry.modifiedAt)}</LastModified>${ownerXml(undefined)}</DeleteMarker>`;
  }
  return versions + prefixes;
}

const listedIn = ({ attributes, facet }: Found): Listed => ({
  size: attributes.size,
  modifiedAt: attributes.mtime.seconds,
  etag: facet.etag,
  checksum: facet.checksums[0],
  storageClass: facet.storageClass,
  owner: facet.acl?.owner,
});

export const versionIdOf = (entry: Exclude<VersionEntry, { kind: 'prefix' }>): VersionId =>
  entry.kind === 'version' ? entry.found.versionId : entry.versionId;

const prefixXml = (prefix: Uint8Array, encode: Encode): string =>
  `<CommonPrefixes><Prefix>${encode(keyText(prefix))}</Prefix></CommonPrefixes>`;

/** An empty delimiter is none. */
export const delimiterOf = (delimiter: string | undefined): string | undefined =>
  delimiter === '' ? undefined : delimiter;
