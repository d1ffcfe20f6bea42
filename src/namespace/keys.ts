import assert from 'node:assert/strict';
import { decodeU64, encodeU64, prefixRange, successorOfPrefix, tupleKey } from '../kv/tuple.ts';
import type { KeyRange } from '../kv/kv.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { BucketConfigurationName, Ino, Name, ObjectKey } from './namespace.ts';
import type { Owner } from './quota/usage.ts';

/** Table prefixes of the namespace. 0x40 and above belong to tiering. ADR 0001. */
const table = {
  inode: 0x10,
  directory: 0x11,
  dentry: 0x12,
  order: 0x13,
  extent: 0x14,
  alias: 0x15,
  bucket: 0x18,
  draft: 0x19,
  orphan: 0x1a,
  configuration: 0x1b,
  binding: 0x1c,
  again: 0x1d,
  upload: 0x20,
  part: 0x21,
  finished: 0x22,
  remembered: 0x23,
  version: 0x24,
  nullVersion: 0x25,
  usage: 0x26,
  quota: 0x27,
  shares: 0x29,
  belonging: 0x2a,
  recount: 0x2b,
  moved: 0x2c,
  folder: 0x2d,
  brought: 0x2e,
  holder: 0x2f,
} as const;

const SLASH = 0x2f;
const INO_BYTES = 8;
const NAME_OFFSET = 1 + INO_BYTES;

export const SEQUENCE_KEY = Buffer.from('\u0001sequence');
export const FORMAT_KEY = Buffer.from('\u0001format');
export const SECRET_KEY = Buffer.from('\u0001secret');
/** Present: usage rows count everything that is there. */
export const COUNTED_KEY = Buffer.from('\u0001counted');

/** Present: rows of shares count everything that is there. */
export const SHARED_OUT_KEY = Buffer.from('\u0001shares');

export const inodeKey = (ino: Ino): Uint8Array => tupleKey(table.inode, [ino]);
export const allInodes = (): KeyRange => prefixRange(tupleKey(table.inode, []));
export const isInodeKey = (key: Uint8Array): boolean => key[0] === table.inode;
export const inoOfInodeKey = (key: Uint8Array): Ino => decodeU64(key, 1) as Ino;
export const directoryKey = (ino: Ino): Uint8Array => tupleKey(table.directory, [ino]);

/** A file's name as it is, a directory's with a slash behind it: byte order of dentries is S3 listing order. */
export function entryName(name: Name, isDirectory: boolean): Uint8Array {
  if (!isDirectory) return name;
  const bytes = Buffer.allocUnsafe(name.length + 1);
  bytes.set(name, 0);
  bytes[name.length] = SLASH;
  return bytes;
}
/** `entry` as made by `entryName`. */
export const dentryKey = (parent: Ino, entry: Uint8Array): Uint8Array =>
  tupleKey(table.dentry, [parent], entry);
export const isDirectoryEntry = (entry: Uint8Array): boolean =>
  entry.length > 0 && entry[entry.length - 1] === SLASH;
export const nameOfEntry = (entry: Uint8Array): Name =>
  isDirectoryEntry(entry) ? entry.subarray(0, entry.length - 1) : entry;
export const entryOfDentryKey = (key: Uint8Array): Uint8Array => key.subarray(NAME_OFFSET);
/** Entries of one directory from `first` (inclusive), only those that start with `prefix`. */
export const dentryRange = (parent: Ino, prefix: Uint8Array, first: Uint8Array): KeyRange => ({
  start: dentryKey(parent, first),
  end: successorOfPrefix(dentryKey(parent, prefix)),
});

export const orderKey = (parent: Ino, ordinal: number): Uint8Array =>
  tupleKey(table.order, [parent, ordinal]);
export const orderRange = (parent: Ino, after: number): KeyRange => ({
  start: orderKey(parent, after + 1),
  end: successorOfPrefix(tupleKey(table.order, [parent])),
});
export const ordinalOfKey = (key: Uint8Array): number => decodeU64(key, NAME_OFFSET);

/** Keyed by its end (exclusive), so that one forward seek to offset + 1 finds the extent at an offset. */
export const extentKey = (contentId: number, end: number): Uint8Array =>
  tupleKey(table.extent, [contentId, end]);
export const extentRange = (contentId: number, offset: number): KeyRange => ({
  start: extentKey(contentId, offset + 1),
  end: successorOfPrefix(tupleKey(table.extent, [contentId])),
});
export const endOfExtentKey = (key: Uint8Array): number => decodeU64(key, 1 + INO_BYTES);

export const aliasKey = (parent: Ino, digest: Uint8Array): Uint8Array =>
  tupleKey(table.alias, [parent], digest);

export const bucketKey = (name: string): Uint8Array => tupleKey(table.bucket, [], Buffer.from(name));
export const bucketRange = (): KeyRange => prefixRange(tupleKey(table.bucket, []));
export const nameOfBucketKey = (key: Uint8Array): string => Buffer.from(key.subarray(1)).toString('utf8');

/** A configuration document of a bucket. */
export const configurationKey = (bucket: Ino, name: BucketConfigurationName): Uint8Array =>
  tupleKey(table.configuration, [bucket], Buffer.from(name));

export const draftKey = (contentId: number): Uint8Array => tupleKey(table.draft, [contentId]);
export const draftRange = (): KeyRange => prefixRange(tupleKey(table.draft, []));
export const orphanKey = (contentId: number): Uint8Array => tupleKey(table.orphan, [contentId]);
export const orphanRange = (): KeyRange => prefixRange(tupleKey(table.orphan, []));
/** Of a `draft` or `orphan` row. */
export const contentIdOfKey = (key: Uint8Array): number => decodeU64(key, 1);

/** A zero byte becomes 00 FF and 00 ends the key, so that order by (key, rest) is byte order of the whole. */
function terminated(key: Uint8Array): Uint8Array {
  const bytes: number[] = [];
  for (const byte of key) {
    bytes.push(byte);
    if (byte === 0) bytes.push(0xff);
  }
  bytes.push(0);
  return Uint8Array.from(bytes);
}

/** `sequence` orders the uploads of one key by their initiation. */
export const uploadKey = (bucket: Ino, key: ObjectKey, sequence: number): Uint8Array =>
  Buffer.concat([tupleKey(table.upload, [bucket], terminated(key)), tupleKey(0, [sequence]).subarray(1)]);
export const keyOfUploadKey = (key: Uint8Array): ObjectKey => terminatedKey(key);

/** The object key between a table's prefix and a number. */
function terminatedKey(key: Uint8Array): ObjectKey {
  const bytes: number[] = [];
  const escaped = key.subarray(NAME_OFFSET, key.length - INO_BYTES - 1);
  for (let index = 0; index < escaped.length; index += 1) {
    const byte = escaped[index] ?? 0;
    bytes.push(byte);
    if (byte === 0) index += 1;
  }
  return Uint8Array.from(bytes);
}
/** Of all buckets. */
export const allUploads = (): KeyRange => prefixRange(tupleKey(table.upload, []));
/** Uploads of keys that start with `prefix`, strictly after those of `afterKey` up to `afterSequence`. */
export function uploadRange(
  bucket: Ino,
  prefix: Uint8Array,
  after?: { key: ObjectKey; sequence: number },
): KeyRange {
  const escaped = terminated(prefix);
  const all = prefixRange(tupleKey(table.upload, [bucket], escaped.subarray(0, escaped.length - 1)));
  if (after === undefined) return all;
  const start = uploadKey(bucket, after.key, after.sequence);
  return Buffer.compare(start, all.start) < 0
    ? all
    : { start: Buffer.concat([start, Buffer.alloc(1)]), end: all.end };
}

/** Parts of the upload with that sequence number. */
export const partKey = (upload: number, number: number): Uint8Array => tupleKey(table.part, [upload, number]);
export const partRange = (upload: number, afterNumber: number): KeyRange => ({
  start: partKey(upload, afterNumber + 1),
  end: successorOfPrefix(tupleKey(table.part, [upload])),
});
export const numberOfPartKey = (key: Uint8Array): number => decodeU64(key, 1 + INO_BYTES);

/** Uploads that were completed or aborted and whose parts have not been given up yet. */
export const finishedKey = (upload: number): Uint8Array => tupleKey(table.finished, [upload]);
export const finishedRange = (): KeyRange => prefixRange(tupleKey(table.finished, []));
export const uploadOfFinishedKey = (key: Uint8Array): number => decodeU64(key, 1);

/** All parts of all uploads. */
export const allParts = (): KeyRange => prefixRange(tupleKey(table.part, []));
export const uploadOfPartKey = (key: Uint8Array): number => decodeU64(key, 1);

/** Completed uploads whose rows still answer a second Complete, oldest first. */
export const rememberedKey = (upload: number): Uint8Array => tupleKey(table.remembered, [upload]);
export const rememberedRange = (): KeyRange => prefixRange(tupleKey(table.remembered, []));

/** Versions that their key does not lead to, newest first; `order` grows with time. */
export const versionKey = (bucket: Ino, key: ObjectKey, order: number): Uint8Array =>
  Buffer.concat([
    tupleKey(table.version, [bucket], terminated(key)),
    encodeU64(Number.MAX_SAFE_INTEGER - order),
  ]);
export const keyOfVersionKey = (key: Uint8Array): ObjectKey => terminatedKey(key);
export const orderOfVersionKey = (key: Uint8Array): number =>
  Number.MAX_SAFE_INTEGER - decodeU64(key, key.length - INO_BYTES);
/** All of one key. */
export function versionsOfKey(bucket: Ino, key: ObjectKey): KeyRange {
  const start = tupleKey(table.version, [bucket], terminated(key));
  // A number below 2^53 begins with a zero byte; the escape of a zero byte inside a longer key goes on with 0xff.
  return { start, end: Buffer.concat([start, Uint8Array.of(1)]) };
}
/** All of the keys that start with `prefix`, from behind the version of `after` with that order, or behind all of that key. */
export function versionRange(
  bucket: Ino,
  prefix: Uint8Array,
  after: { readonly key: ObjectKey; readonly order: number | undefined },
): KeyRange {
  const escaped = terminated(prefix);
  const all = prefixRange(tupleKey(table.version, [bucket], escaped.subarray(0, escaped.length - 1)));
  const start =
    after.order === undefined
      ? versionsOfKey(bucket, after.key).end
      : Buffer.concat([versionKey(bucket, after.key, after.order), Buffer.alloc(1)]);
  return Buffer.compare(start, all.start) < 0 ? all : { start, end: all.end };
}
/** Holds the order of the key's null version, when the key does not lead to it. */
export const nullVersionKey = (bucket: Ino, key: ObjectKey): Uint8Array =>
  tupleKey(table.nullVersion, [bucket], key);

/** What an owner uses; rows are merged. */
export const usageKey = ({ bucket, uid, gid }: Owner): Uint8Array =>
  tupleKey(table.usage, [bucket, uid, gid]);
export const isUsageKey = (key: Uint8Array): boolean => key[0] === table.usage;
export const allUsage = (): KeyRange => prefixRange(tupleKey(table.usage, []));
export const ownerOfUsageKey = (key: Uint8Array): Owner => ({
  bucket: decodeU64(key, 1) as Ino,
  uid: decodeU64(key, NAME_OFFSET),
  gid: decodeU64(key, NAME_OFFSET + INO_BYTES),
});

/** What of a bucket the tiers answer for; rows are merged. */
export const sharesKey = (bucket: Ino): Uint8Array => tupleKey(table.shares, [bucket]);
export const isSharesKey = (key: Uint8Array): boolean => key[0] === table.shares;
export const allShares = (): KeyRange => prefixRange(tupleKey(table.shares, []));
export const bucketOfSharesKey = (key: Uint8Array): Ino => decodeU64(key, 1) as Ino;

/** Inodes of which it is to be found out how much lies below the hot tier; 0 stands for all. */
export const recountKey = (ino: Ino | 0): Uint8Array => tupleKey(table.recount, [ino]);
export const recountsAfter = (ino: Ino | 0): KeyRange => ({
  start: recountKey((ino + 1) as Ino),
  end: prefixRange(tupleKey(table.recount, [])).end,
});
export const inoOfRecountKey = (key: Uint8Array): Ino => decodeU64(key, 1) as Ino;
export const inodesAfter = (ino: Ino | 0): KeyRange => ({
  start: inodeKey((ino + 1) as Ino),
  end: allInodes().end,
});

/** What an inode belongs to that no name leads to. */
export const belongingKey = (ino: Ino): Uint8Array => tupleKey(table.belonging, [ino]);

/** Which inodes show a blob. */
export const holderKey = (blob: BlobId): Uint8Array => tupleKey(table.holder, [blob]);

const quotaKinds = ['bucket', 'user', 'group'] as const;
interface QuotaPlace {
  readonly kind: (typeof quotaKinds)[number];
  /** 0: everywhere. */
  readonly bucket: Ino | 0;
  /** 0 of a bucket's own. */
  readonly id: number;
}
export const quotaKey = ({ kind, bucket, id }: QuotaPlace): Uint8Array =>
  tupleKey(table.quota, [bucket, quotaKinds.indexOf(kind), id]);
export const allQuotas = (): KeyRange => prefixRange(tupleKey(table.quota, []));
/** Of the bucket, and of users and groups in it. */
export const quotasOfBucket = (bucket: Ino): KeyRange => prefixRange(tupleKey(table.quota, [bucket]));
export function placeOfQuotaKey(key: Uint8Array): QuotaPlace {
  const kind = quotaKinds[decodeU64(key, NAME_OFFSET)];
  assert(kind !== undefined, 'quota row of an unknown kind');
  return { kind, bucket: decodeU64(key, 1) as Ino | 0, id: decodeU64(key, NAME_OFFSET + INO_BYTES) };
}

/** Prefixes of keys whose directory has moved, oldest first. */
export const movedKey = (sequence: number): Uint8Array => tupleKey(table.moved, [sequence]);
export const movedRange = (): KeyRange => prefixRange(tupleKey(table.moved, []));

/** Buckets that show what lies in one of others. */
export const bindingKey = (bucket: Ino): Uint8Array => tupleKey(table.binding, [bucket]);
export const allBindings = (): KeyRange => prefixRange(tupleKey(table.binding, []));
export const bucketOfBindingKey = (key: Uint8Array): Ino => decodeU64(key, 1) as Ino;

/** Directories that stand for a folder of an attached bucket. */
export const folderKey = (directory: Ino): Uint8Array => tupleKey(table.folder, [directory]);

/** Directories whose folder shall be looked at again. */
export const againKey = (bucket: Ino, directory: Ino): Uint8Array =>
  tupleKey(table.again, [bucket, directory]);
export const againRange = (bucket: Ino): KeyRange => prefixRange(tupleKey(table.again, [bucket]));
export const directoryOfAgainKey = (key: Uint8Array): Ino => decodeU64(key, NAME_OFFSET) as Ino;

/** Keys of an attached bucket that have become objects or directories here, also when those are gone since. */
export type BroughtKind = 'object' | 'folder';
const broughtKinds: readonly BroughtKind[] = ['object', 'folder'];
/** `key` as it is there; that of a folder ends in a slash. */
export const broughtKey = (bucket: Ino, kind: BroughtKind, key: string | Uint8Array): Uint8Array =>
  tupleKey(table.brought, [bucket, broughtKinds.indexOf(kind)], Buffer.from(key));
/** Those behind `after` that begin with `prefix`. */
export const broughtRange = (
  bucket: Ino,
  kind: BroughtKind,
  { prefix, after }: { readonly prefix: string; readonly after: string | Uint8Array },
): KeyRange => {
  const all = prefixRange(broughtKey(bucket, kind, prefix));
  const start = Buffer.concat([broughtKey(bucket, kind, after), Buffer.alloc(1)]);
  return after.length === 0 || Buffer.compare(start, all.start) < 0 ? all : { start, end: all.end };
};
export const keyOfBroughtKey = (row: Uint8Array): string =>
  Buffer.from(row.subarray(NAME_OFFSET + INO_BYTES)).toString('utf8');
