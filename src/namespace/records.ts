import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import { readEncryption, writeEncryption, type Encryption } from '../keyring/encryption.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { LowerTier } from '../tiering/tier.ts';
import type { ObjectOwnership } from './access-control.ts';
import { DECODED_INODES_MAX } from '../limits.ts';
import { readFacet, writeFacet, type StoredFacet } from './facet-record.ts';
import type { Attributes, BucketConfigurationName, Ino, Kind, Name } from './namespace.ts';
import { readLock, readRules, writeLock, writeRules } from './version-record.ts';
import { NULL_VERSION, type BucketRules, type ObjectLock, type VersionId } from './version.ts';

/** A piece of a file: `length` bytes at `offset` of the file are those at `blobOffset` of the blob. Gaps are zeros. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
  readonly blob: BlobId;
  readonly blobOffset: number;
}

/** Bytes of a file that a tier below the hot one answers reads of. */
export type BytesBelow = Readonly<Record<LowerTier, number>>;
export const NOTHING_BELOW: BytesBelow = { warm: 0, cold: 0 };

export interface StoredVersion {
  readonly id: VersionId;
  /** Seconds of the wall clock until which NFS may go on changing this version in place; 0: it is sealed. */
  readonly openUntil: number;
}

/** A name in a directory, as it is entered there. */
export interface EntryName {
  readonly parent: Ino;
  readonly name: Name;
}

export interface Inode {
  readonly ino: Ino;
  readonly bucket: Ino;
  readonly kind: Kind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkCount: number;
  readonly size: number;
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
  readonly contentGeneration: number;
  readonly device: Attributes['device'];
  /**
   * Where it is entered, so that a path can be told from a handle. One for a directory, none for the root, parts of
   * uploads and old versions; of a file with very many hard links only the first `INODE_NAMES_MAX`.
   */
  readonly names: readonly EntryName[];
  /** Symlinks only. */
  readonly target: Uint8Array;
  /** Makes a retry succeed: of an exclusive create (RFC 1813 §3.3.8) or a rename with a token (API_RenameObject). */
  readonly createVerifier: Uint8Array;
  /** `undefined`: the extents have rows of their own, under `contentId`. Ascending, without overlap. */
  readonly extents: readonly Extent[] | undefined;
  /** Keys the extent rows, so that all of them change hands by one number: truncation and deletion of large files. */
  readonly contentId: number;
  /** Follows the copies of blobs as they come and go (ADR 46). */
  readonly below: BytesBelow;
  readonly facet: StoredFacet | undefined;
  /** `undefined`: the content is plain. It stays as it was made whoever edits it; only its seal changes. */
  readonly encryption: Encryption | undefined;
  readonly version: StoredVersion;
  readonly lock: ObjectLock;
  /** Directories of buckets only; the bucket's row says the same to who has only its name. */
  readonly rules: BucketRules;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

const INODE_VERSION = 1;
const kinds: readonly Kind[] = ['file', 'directory', 'symlink', 'fifo', 'socket', 'block', 'character'];
const HAS_EXTENT_ROWS = 1;
const HAS_FACET = 2;
const HAS_RARE = 4;
const HAS_VERSION = 8;
const HAS_RULES = 16;
const HAS_ENCRYPTION = 32;
const HAS_BELOW = 64;

export const NO_VERSION: StoredVersion = { id: NULL_VERSION, openUntil: 0 };
export const NO_LOCK: ObjectLock = { retention: undefined, legalHold: false };
export const NO_RULES: BucketRules = { versioning: 'off', objectLock: undefined };

/** Fields that few inodes have travel only when one of them is set. */
const hasRare = (inode: Inode): boolean =>
  inode.target.length > 0 ||
  inode.createVerifier.length > 0 ||
  inode.xattrs.size > 0 ||
  inode.device.major !== 0 ||
  inode.device.minor !== 0;

const hasBelow = ({ below }: Inode): boolean => below.warm > 0 || below.cold > 0;

const hasVersion = ({ version, lock }: Inode): boolean =>
  version.id !== NULL_VERSION || version.openUntil !== 0 || lock.legalHold || lock.retention !== undefined;

export function encodeInode(inode: Inode): Uint8Array {
  const rare = hasRare(inode);
  const versioned = hasVersion(inode);
  const ruled = inode.rules.versioning !== 'off';
  const flags =
    (inode.extents === undefined ? HAS_EXTENT_ROWS : 0) |
    (inode.facet === undefined ? 0 : HAS_FACET) |
    (rare ? HAS_RARE : 0) |
    (versioned ? HAS_VERSION : 0) |
    (ruled ? HAS_RULES : 0) |
    (inode.encryption === undefined ? 0 : HAS_ENCRYPTION) |
    (hasBelow(inode) ? HAS_BELOW : 0);
  const writer = new RecordWriter();
  writer.number(INODE_VERSION).number(flags).number(kinds.indexOf(inode.kind)).number(inode.bucket);
  writer.number(inode.mode).number(inode.uid).number(inode.gid).number(inode.linkCount);
  writer.number(inode.size).number(inode.contentGeneration);
  if (hasBelow(inode)) writer.number(inode.below.warm).number(inode.below.cold);
  writer.list(inode.names, ({ parent, name }) => writer.number(parent).bytes(name));
  writer.time(inode.atime);
  writer.time(inode.mtime);
  writer.time(inode.ctime);
  if (inode.extents === undefined) writer.number(inode.contentId);
  else writeExtents(writer, inode.extents);
  if (inode.facet !== undefined) writeFacet(writer, inode.facet);
  if (rare) writeRare(writer, inode);
  if (versioned) {
    writer.number(inode.version.id).number(inode.version.openUntil);
    writeLock(writer, inode.lock);
  }
  if (ruled) writeRules(writer, inode.rules);
  if (inode.encryption !== undefined) writeEncryption(writer, inode.encryption);
  return writer.finish();
}

/** The inode of a row. Rows are never modified, nor is what this gives: of a row that is in memory it is given again. */
export function decodeInode(ino: Ino, bytes: Uint8Array): Inode {
  const slot = ino % DECODED_INODES_MAX;
  const known = decoded[slot];
  if (known?.bytes === bytes && known.inode.ino === ino) return known.inode;
  const inode = readInode(ino, bytes);
  // A view would keep all of the page alive that it was read with.
  if (bytes.byteOffset === 0) decoded[slot] = { bytes, inode };
  return inode;
}

/** By the last digits of their numbers: buckets, directories and files that are being worked on are read again and again. */
const decoded: ({ readonly bytes: Uint8Array; readonly inode: Inode } | undefined)[] = new Array<undefined>(
  DECODED_INODES_MAX,
).fill(undefined);

function readInode(ino: Ino, bytes: Uint8Array): Inode {
  const reader = new RecordReader(bytes);
  if (reader.number() !== INODE_VERSION) assert.fail('inode record of an unknown version');
  const flags = reader.number();
  const kind = kinds[reader.number()];
  assert(kind !== undefined, 'inode record of an unknown kind');
  const bucket = reader.number() as Ino;
  const mode = reader.number();
  const uid = reader.number();
  const gid = reader.number();
  const linkCount = reader.number();
  const size = reader.number();
  const contentGeneration = reader.number();
  const below = readBelow(flags, reader);
  const names = reader.list(() => ({ parent: reader.number() as Ino, name: reader.bytes() }));
  const atime = reader.time();
  const mtime = reader.time();
  const ctime = reader.time();
  const hasRows = (flags & HAS_EXTENT_ROWS) !== 0;
  const extents = hasRows ? undefined : readExtents(reader);
  const contentId = hasRows ? reader.number() : 0;
  const facet = (flags & HAS_FACET) === 0 ? undefined : readFacet(reader);
  const rare = (flags & HAS_RARE) === 0 ? NOTHING_RARE : readRare(reader);
  const isVersioned = (flags & HAS_VERSION) !== 0;
  const version = isVersioned ? { id: reader.number() as VersionId, openUntil: reader.number() } : NO_VERSION;
  const lock = isVersioned ? readLock(reader) : NO_LOCK;
  const rules = (flags & HAS_RULES) === 0 ? NO_RULES : readRules(reader);
  const encryption = (flags & HAS_ENCRYPTION) === 0 ? undefined : readEncryption(reader);
  reader.end();
  return {
    ino,
    bucket,
    kind,
    mode,
    uid,
    gid,
    linkCount,
    size,
    atime,
    mtime,
    ctime,
    contentGeneration,
    below,
    device: rare.device,
    names,
    target: rare.target,
    createVerifier: rare.createVerifier,
    extents,
    contentId,
    facet,
    encryption,
    version,
    lock,
    rules,
    xattrs: rare.xattrs,
  };
}

const readBelow = (flags: number, reader: RecordReader): BytesBelow =>
  (flags & HAS_BELOW) === 0 ? NOTHING_BELOW : { warm: reader.number(), cold: reader.number() };

/** What is counted of an inode, from the beginning of its record: all else stays unread. */
export interface InodeHead
  extends Pick<Inode, 'bucket' | 'uid' | 'gid' | 'size' | 'below'>, Partial<Pick<Inode, 'kind'>> {
  /** What makes a directory an object of S3: its only name is empty. */
  readonly isMarker: boolean;
  readonly isPart: boolean;
}

export function decodeInodeHead(bytes: Uint8Array): InodeHead {
  const reader = new RecordReader(bytes);
  reader.number();
  const flags = reader.number();
  const kind = kinds[reader.number()];
  const bucket = reader.number() as Ino;
  const mode = reader.number();
  const uid = reader.number();
  const gid = reader.number();
  const linkCount = reader.number();
  const size = reader.number();
  reader.number();
  const below = readBelow(flags, reader);
  const isPart = linkCount === 0 && mode === 0 && (flags & (HAS_FACET | HAS_VERSION)) === 0;
  const head = { bucket, uid, gid, size, below, isMarker: isMarker(reader), isPart };
  return kind === undefined ? head : Object.assign(head, { kind });
}

/** Nobody may do anything with a part; old versions, which have no name either, say what S3 or NFS made of them. */
export const isPart = (inode: Inode): boolean =>
  inode.linkCount === 0 && inode.mode === 0 && inode.facet === undefined && !hasVersion(inode);

/** Reads the list of names as far as it must. */
function isMarker(reader: RecordReader): boolean {
  if (reader.number() !== 1) return false;
  reader.number();
  return reader.bytes().length === 0;
}

type Rare = Pick<Inode, 'target' | 'createVerifier' | 'xattrs' | 'device'>;
const EMPTY = new Uint8Array(0);
export const NOTHING_RARE: Rare = {
  target: EMPTY,
  createVerifier: EMPTY,
  xattrs: new Map(),
  device: { major: 0, minor: 0 },
};

function writeRare(writer: RecordWriter, { target, createVerifier, xattrs, device }: Rare): void {
  writer.bytes(target).bytes(createVerifier).number(device.major).number(device.minor);
  writer.list([...xattrs], ([name, value]) => writer.text(name).bytes(value));
}

function readRare(reader: RecordReader): Rare {
  return {
    target: reader.bytes(),
    createVerifier: reader.bytes(),
    device: { major: reader.number(), minor: reader.number() },
    xattrs: new Map(reader.list(() => [reader.text(), reader.bytes()] as const)),
  };
}

/** Offsets as distances from the end before, which are zero in a file without holes. */
function writeExtents(writer: RecordWriter, extents: readonly Extent[]): void {
  let end = 0;
  writer.list(extents, ({ offset, length, blob, blobOffset }) => {
    writer
      .number(offset - end)
      .number(length)
      .number(blob)
      .number(blobOffset);
    end = offset + length;
  });
}

function readExtents(reader: RecordReader): readonly Extent[] {
  let end = 0;
  return reader.list(() => {
    const offset = end + reader.number();
    const length = reader.number();
    end = offset + length;
    return { offset, length, blob: reader.number() as BlobId, blobOffset: reader.number() };
  });
}

/** What a name leads to. The ordinal finds the entry's `order` row, and is its NFS directory cookie. */
export interface Dentry {
  readonly ino: Ino;
  readonly kind: Kind;
  readonly ordinal: number;
}

export const encodeDentry = (dentry: Dentry): Uint8Array => writeDentry(new RecordWriter(), dentry).finish();

/** What listings show of the inode may follow (listed.ts). */
export const writeDentry = (writer: RecordWriter, { ino, kind, ordinal }: Dentry): RecordWriter =>
  writer.number(kinds.indexOf(kind)).number(ino).number(ordinal);

export const decodeDentry = (bytes: Uint8Array): Dentry => readDentry(new RecordReader(bytes));

export function readDentry(reader: RecordReader): Dentry {
  const kind = kinds[reader.number()];
  assert(kind !== undefined);
  return { kind, ino: reader.number() as Ino, ordinal: reader.number() };
}

/** An `order` row: enough to list a directory in cookie order without its dentries. */
export const encodeOrder = (entry: Uint8Array, ino: Ino): Uint8Array =>
  new RecordWriter().number(ino).bytes(entry).finish();

export function decodeOrder(bytes: Uint8Array): { readonly ino: Ino; readonly entry: Uint8Array } {
  const reader = new RecordReader(bytes);
  return { ino: reader.number() as Ino, entry: reader.bytes() };
}

export const encodeExtent = ({ length, blob, blobOffset }: Extent): Uint8Array =>
  new RecordWriter().number(length).number(blob).number(blobOffset).finish();

export function decodeExtent(end: number, bytes: Uint8Array): Extent {
  const reader = new RecordReader(bytes);
  const length = reader.number();
  return { offset: end - length, length, blob: reader.number() as BlobId, blobOffset: reader.number() };
}

export interface BucketRow {
  readonly ino: Ino;
  readonly createdAt: Time;
  /** Whose documents have rows of their own. */
  readonly configurations: readonly BucketConfigurationName[];
  /** `undefined`: root's. */
  readonly owner: string | undefined;
  readonly objectOwnership: ObjectOwnership | undefined;
  readonly rules: BucketRules;
}

export function encodeBucket(row: BucketRow): Uint8Array {
  const { ino, createdAt, configurations, owner, objectOwnership, rules } = row;
  const writer = new RecordWriter().number(ino);
  writer.time(createdAt);
  writer.list(configurations, (name) => writer.text(name));
  writer.list(owner === undefined ? [] : [owner], (id) => writer.text(id));
  writeRules(writer, rules);
  writer.list(objectOwnership === undefined ? [] : [objectOwnership], (text) => writer.text(text));
  return writer.finish();
}

export function decodeBucket(bytes: Uint8Array): BucketRow {
  const reader = new RecordReader(bytes);
  const ino = reader.number() as Ino;
  const createdAt = reader.time();
  const configurations = reader.list(() => reader.text() as BucketConfigurationName);
  const [owner] = reader.list(() => reader.text());
  const rules = readRules(reader);
  const [objectOwnership] = reader.list(() => reader.text() as ObjectOwnership);
  reader.end();
  return { ino, createdAt, configurations, owner, rules, objectOwnership };
}
