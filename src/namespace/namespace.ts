import type { Census } from './census/census.ts';
import type { Actor } from '../audit/event.ts';
import type { AuditTrail } from '../audit/trail.ts';
import type { Time } from '../environment.ts';
import type { ContentKey, Encryption } from '../keyring/encryption.ts';
import type { Closable } from '../scope.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { Lent } from '../tiering/content-cache.ts';
import type { AccessControl, ObjectOwnership } from './access-control.ts';
import type { AttachedBuckets } from './foreign/attached.ts';
import type { NewBucket } from './new-bucket.ts';
import type {
  BucketRules,
  DeleteMarker,
  LockChange,
  ObjectLock,
  Removal,
  VersionAt,
  VersionEntry,
  VersionId,
  VersionsOptions,
} from './version.ts';
import type { FileTree } from './file-tree.ts';
import type { DirtyMemory } from './open-files.ts';
import type { Quotas } from './quota/quota.ts';
import type { Completion, PartSummary, UploadAt, UploadSummary } from './upload.ts';

/** Allocated in order, never reused; below 2^53 so that it stays a number. 1 is the root. */
export type Ino = number & { readonly brand: 'Ino' };
/** One component of an S3 key, byte for byte: may be empty, `.`, `..` or longer than 255 bytes; never has a '/'. */
export type Name = Uint8Array;
/**
 * One path component as POSIX allows it: 1..255 bytes, no NUL, no '/', not `.` or `..`. Names that POSIX does not allow
 * appear under the reversible escape of alias.ts; operations that take or return a PosixName translate by themselves.
 */
export type PosixName = Uint8Array;
/** An S3 object key in bytes (UTF-8), 1..1024. */
export type ObjectKey = Uint8Array;

export type Kind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'character';

export interface Attributes {
  readonly ino: Ino;
  /** The bucket that the inode belongs to for good (0 for the root): names never move between buckets. */
  readonly bucket: Ino;
  readonly kind: Kind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkCount: number;
  readonly size: number;
  readonly allocatedBytes: number;
  readonly device: { readonly major: number; readonly minor: number };
  readonly atime: Time;
  readonly mtime: Time;
  readonly ctime: Time;
  /** Grows with every change of content and is never given twice, also across crashes. */
  readonly contentGeneration: number;
}

/** Who is asking. First argument of everything that checks permissions. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** The S3 door has decided by policy already: mode bits do not apply, uid and gid own what is made. */
  readonly bypassesModes: boolean;
  /** Of an NFS call, for the audit trail: where it came from, and the uid that it claimed. */
  readonly client?: { readonly address: string; readonly uid: number };
}

/** Who is asking, for the audit trail; absent: the gateway itself. */
export interface ByActor {
  readonly by?: Actor | undefined;
}

export interface Checksum {
  readonly algorithm:
    | 'CRC32'
    | 'CRC32C'
    | 'CRC64NVME'
    | 'MD5'
    | 'SHA1'
    | 'SHA256'
    | 'SHA512'
    | 'XXHASH64'
    | 'XXHASH3'
    | 'XXHASH128';
  /** Base64, with `-N` behind it when composite, as S3 prints it. */
  readonly value: string;
  readonly type: 'FULL_OBJECT' | 'COMPOSITE';
}

/** A tag of an object or a bucket; neither member is checked below the door. */
export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** One part of a multipart object, as it was uploaded. */
export interface ObjectPart {
  /** In bytes. */
  readonly length: number;
  /** At most one. */
  readonly checksums: readonly Checksum[];
}

/** What S3 keeps about an object beside its attributes. */
export interface ObjectFacet {
  /** Without quotes. */
  readonly etag: string;
  /** System metadata by lower-case header name: content-type, cache-control, content-disposition, … */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata by lower-case name without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly checksums: readonly Checksum[];
  /** Of a multipart object, in order; else empty. */
  readonly parts: readonly ObjectPart[];
  /** As S3 names it; not checked below the door. */
  readonly storageClass: string;
  /** In the order in which they were given; keys are unique. */
  readonly tags: readonly Tag[];
  /** Absent: the object belongs to the owner of its bucket, and nobody else may do anything with it. */
  readonly acl?: AccessControl | undefined;
}

/** What may change while the content stays. Without `acl` that stays as it was. */
export type FacetChange = Pick<ObjectFacet, 'headers' | 'metadata' | 'tags' | 'acl' | 'storageClass'>;

export interface Found {
  readonly attributes: Attributes;
  readonly versionId: VersionId;
  readonly lock: ObjectLock;
  /**
   * Always whole: a file that NFS has written has an opaque ETag with a dash, made from its content generation, no
   * checksums, and the headers, metadata, tags and ACL that it had before. Symlinks read as their target (`inode/symlink`),
   * FIFOs, sockets and devices as empty objects (`inode/fifo`, `inode/socket`, `inode/blockdevice`, `inode/chardevice`).
   */
  readonly facet: ObjectFacet;
  /** How the content is encrypted; `undefined`: it is plain. */
  readonly encryption: Encryption | undefined;
}

/** Before/after of one inode around one change, taken atomically with it: NFS wcc_data (RFC 1813 §2.6) is a view of it. */
export interface Change {
  readonly before: Attributes;
  readonly after: Attributes;
}

/** What must hold of the object now at a key, checked in the transaction that changes it. Faults 'precondition-failed'. */
export interface Expectation {
  /** `*`, or ETags without quotes, of which one must match. */
  readonly ifMatch?: readonly string[];
  /** `*`: there must be no object. ETags: none of them may match. */
  readonly ifNoneMatch?: readonly string[];
  /** Whole seconds since the epoch. Holds when there is no object, like the two after it. */
  readonly ifModifiedAt?: number;
  readonly ifUnmodifiedSince?: number;
  /** In bytes. */
  readonly ifSize?: number;
  /** Whole seconds since the epoch. Does not hold when there is no object. */
  readonly ifModifiedSince?: number;
  /** As it was seen: still the same inode, current or an old version as then, and nothing of it has changed since. */
  readonly ifUnchanged?: Pick<Attributes, 'ino' | 'linkCount' | 'contentGeneration' | 'ctime'>;
}

export interface Bucket {
  readonly ino: Ino;
  readonly name: string;
  readonly createdAt: Time;
  readonly rules: BucketRules;
  /** Which documents it has: a bucket without any costs its requests no further read. */
  readonly configurations: readonly BucketConfigurationName[];
  /** Id of the account that it belongs to; `undefined`: root's. The namespace keeps it, the doors give it meaning. */
  readonly owner: string | undefined;
  /** `undefined`: never set, or taken away. It stands here because every request wants to know it. */
  readonly objectOwnership: ObjectOwnership | undefined;
}

/** The configuration documents that a bucket may have. */
export type BucketConfigurationName =
  | 'accelerate'
  | 'acl'
  | 'analytics'
  | 'cors'
  | 'encryption'
  | 'intelligent-tiering'
  | 'inventory'
  | 'lifecycle'
  | 'logging'
  | 'metrics'
  | 'notification'
  | 'policy'
  | 'public-access-block'
  | 'replication'
  | 'requestPayment'
  | 'tagging'
  | 'website';

/** A consistent view of one object's content: what others write or delete meanwhile does not show. Close it. */
export interface OpenObject extends Closable {
  readonly found: Found;
  /**
   * Exactly `length` bytes from `offset`, in pieces of at most 1 MiB. The range must lie inside the object.
   * Fault('access-denied', 'key') for one that was opened without the customer's key.
   */
  read(offset: number, length: number): AsyncIterable<Uint8Array>;
  /** The same for who only looks at the bytes: by way of memory that readers share and that is used again. */
  lend(offset: number, length: number): AsyncIterable<Lent>;
}

/** A file that has no name yet. Becomes an object by `attach` or `putPart`; is reclaimed otherwise, also by a crash. */
export interface Draft {
  /** Bytes written so far. */
  length(): number;
  /**
   * Appends. Resolves when more may come (back-pressure); the caller must not change `parts` until `taken` is called, when the draft
   * looks at them no more. After a failure it may never be.
   */
  write(parts: readonly Uint8Array[], taken?: () => void): Promise<void>;
  /** Starts writing what it still holds in memory, however little it is: memory is short. */
  relieve(): Promise<void>;
  /** Appends a range of another object by sharing its extents: no byte is copied, unless the two have different keys. */
  splice(source: OpenObject, offset: number, length: number): Promise<void>;
  discard(): Promise<void>;
}

/** How the walk goes through a bucket. All in bytes of whole keys; order is unsigned bytewise: S3 listing order. */
export interface WalkOptions {
  readonly prefix: Uint8Array;
  /** Strictly after this key; empty: from the start. */
  readonly after: Uint8Array;
  /** With it, keys that contain it after the prefix are rolled up into one `prefix` entry each. */
  readonly delimiter: Uint8Array | undefined;
  readonly entriesMax: number;
}

export type WalkEntry =
  | { readonly kind: 'object'; readonly key: ObjectKey; readonly found: Found }
  | { readonly kind: 'prefix'; readonly prefix: Uint8Array };

export interface WalkPage<Entry = WalkEntry> {
  readonly entries: readonly Entry[];
  /** Pass it as `after` to go on (for a rolled-up prefix it lies behind all its keys); `undefined`: that was all. */
  readonly next: Uint8Array | undefined;
}

/** What listings show of an object: as `Found` says it, but no more than that. */
export interface Listed {
  /** In bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modifiedAt: number;
  /** Without quotes. */
  readonly etag: string;
  readonly checksum: Pick<Checksum, 'algorithm' | 'type'> | undefined;
  readonly storageClass: string;
  /** The account that its ACL names; `undefined`: it has none, and belongs to the owner of its bucket. */
  readonly owner: string | undefined;
}

export type ListEntry =
  | { readonly kind: 'object'; readonly key: ObjectKey; readonly listed: Listed }
  | { readonly kind: 'prefix'; readonly prefix: Uint8Array };

/** An object, or the place for one. */
export interface ObjectAt {
  readonly bucket: Ino;
  readonly key: ObjectKey;
}

/** The tree as S3 sees it. Every change is durable before it resolves. Bucket faults have the subject 'bucket'. */
export interface ObjectStore {
  /** Fault('exists', 'bucket') when there is one. The name is validated by the door. */
  createBucket(caller: Caller, name: string, birth?: NewBucket): Promise<Bucket>;
  bucket(name: string): Promise<Bucket | undefined>;
  /** In byte order of names. */
  buckets(): Promise<readonly Bucket[]>;
  /** Fault('not-empty', 'bucket') while it has keys; open uploads are aborted. */
  deleteBucket(name: string): Promise<void>;

  /** The document as it was put; `undefined` when there is none. The bytes belong to the store: never modify them. */
  bucketConfiguration(bucket: Ino, name: BucketConfigurationName): Promise<Uint8Array | undefined>;
  /** Replaces the document of that name; it goes with its bucket. Fault('too-large', 'bucket') above 1 MiB. */
  putBucketConfiguration(
    bucket: Pick<Bucket, 'ino' | 'name'>,
    name: BucketConfigurationName,
    document: Uint8Array,
  ): Promise<void>;
  /** The same when the document is still `from` (`undefined`: there is none), and nothing, which is `false`, when it is not. */
  replaceBucketConfiguration(
    bucket: Pick<Bucket, 'ino' | 'name'>,
    name: BucketConfigurationName,
    change: { readonly from: Uint8Array | undefined; readonly to: Uint8Array | undefined },
  ): Promise<boolean>;
  /** Absent is success. */
  deleteBucketConfiguration(
    bucket: Pick<Bucket, 'ino' | 'name'>,
    name: BucketConfigurationName,
  ): Promise<void>;

  /** Replaces the bucket's object ownership; `undefined` takes it away. */
  setBucketOwnership(
    bucket: Pick<Bucket, 'ino' | 'name'>,
    objectOwnership: ObjectOwnership | undefined,
  ): Promise<void>;
  /**
   * Fault('conflict', 'bucket') for what AWS calls an invalid bucket state: object lock without versioning, versioning
   * that goes while object lock is on, object lock that is taken away.
   */
  changeBucketRules(
    bucket: Pick<Bucket, 'ino' | 'name'> & ByActor,
    change: Partial<BucketRules>,
  ): Promise<void>;

  head(at: VersionAt): Promise<Found | undefined>;
  /** `customerKey` for content that only its customer's key opens; anything else is opened with the ring's. */
  open(at: VersionAt, customerKey?: Uint8Array): Promise<OpenObject | undefined>;
  /** The delete marker that is the version, or the latest of the key's versions: why there is no object. */
  deleteMarker(at: VersionAt): Promise<DeleteMarker | undefined>;
  /** With a key its content is encrypted, from the first byte that is written anywhere. */
  draft(caller: Caller, key?: ContentKey): Promise<Draft>;
  /**
   * Fault('quota-exceeded', 'bucket') when an object of that length at that key, or a part of that number, would go beyond a
   * quota now: before its content comes. What is published is held against the quotas in any case.
   */
  requireQuota(
    caller: Caller,
    at: ObjectAt & { readonly part?: { readonly uploadId: string; readonly number: number } },
    length: number,
  ): Promise<void>;
  /**
   * Publishes the draft in one transaction, replacing what was there or making it an old version; makes implicit
   * directories. A version without a retention of its own gets the bucket's default.
   */
  attach(
    caller: Caller,
    draft: Draft,
    to: ObjectAt & {
      readonly facet: ObjectFacet;
      readonly expect: Expectation;
      readonly lock?: ObjectLock | undefined;
    },
  ): Promise<Found>;
  /**
   * Replaces a part of what S3 keeps about an object in place, content untouched: CopyObject onto itself.
   * Fault('conflict', 'object') where there is versioning: a copy is another version there.
   */
  changeFacet(at: ObjectAt & { readonly expect: Expectation }, change: FacetChange): Promise<Found>;
  /** Replaces the tags of an object; of its times only ctime changes. `undefined` when there is no such object. */
  setTags(at: VersionAt, tags: readonly Tag[]): Promise<Found | undefined>;
  /** The same for the ACL of that very inode: `undefined` also when the key leads to another one by now. */
  setAcl(at: VersionAt & Pick<Attributes, 'ino'>, acl: AccessControl | undefined): Promise<Found | undefined>;
  /** Puts an object, or one of its versions, into another class; of its times only ctime changes. False: there is none. */
  setStorageClass(at: VersionAt & { readonly expect: Expectation }, storageClass: string): Promise<boolean>;
  /**
   * `undefined` members stay as they are. `undefined` when there is no such version; Fault('access-denied', 'version')
   * when that would loosen a lock that holds. What is written over NFS afterwards is another version.
   */
  setLock(at: VersionAt & ByActor, change: LockChange): Promise<Found | undefined>;
  /**
   * Without a version: the key leads nowhere afterwards; where there is versioning, what it led to is an old version
   * below a delete marker. With one: that version is gone for good, and the one below the latest is the latest. Absent is
   * success. Implicit directories that became empty vanish. Fault('access-denied', 'version') for what is locked.
   */
  removeKey(
    at: VersionAt & ByActor & { readonly expect: Expectation; readonly bypassesGovernance?: boolean },
  ): Promise<Removal>;
  /**
   * Gives an object another key, replacing what is there, in one transaction: the entry moves, and nothing else. Implicit
   * directories come and go as for a PUT and a DELETE; so do versions, where there are any. A key renamed to itself stays
   * as it is. Fault('not-found', 'object') when there is no source, unless `token` (1..64 bytes) is that of the rename
   * that made the target: a retry.
   */
  renameKey(
    caller: Caller,
    bucket: Ino,
    keys: {
      readonly from: { readonly key: ObjectKey; readonly expect: Expectation };
      readonly to: { readonly key: ObjectKey; readonly expect: Expectation };
      readonly token?: string | undefined;
    },
  ): Promise<Found>;
  /** Of an attached bucket what has come so far: whoever walks in the background brings nothing. */
  walk(bucket: Ino, options: WalkOptions): Promise<WalkPage>;
  /**
   * The same walk for what listings show, which stands beside the names: it reads few inodes, if any. Of an attached bucket all
   * that is there, which is listed as far as the page goes; faults of that store.
   */
  list(bucket: Ino, options: WalkOptions): Promise<WalkPage<ListEntry>>;
  /**
   * The blobs that the durable content of a file lies in, in the order of their first use, page by page; one that several of
   * its extents use may come again. Nothing for what is no file or is gone.
   */
  blobsOf(ino: Ino): AsyncIterable<readonly BlobId[]>;
  /** All versions, in byte order of keys and newest first; `isTruncated` when there are more. */
  versions(
    bucket: Ino,
    options: VersionsOptions,
  ): Promise<{ readonly entries: readonly VersionEntry[]; readonly isTruncated: boolean }>;

  createUpload(
    caller: Caller,
    to: ObjectAt &
      Pick<UploadSummary, 'facet' | 'checksum' | 'initiator'> & {
        readonly lock?: ObjectLock | undefined;
        readonly encryption?: Encryption | undefined;
      },
  ): Promise<UploadSummary>;
  /** Fault('not-found', 'upload') unless it exists for that key; a completed one still does for a day. */
  upload(at: UploadAt): Promise<UploadSummary>;
  /** Replaces a part of the same number. */
  putPart(
    at: UploadAt,
    draft: Draft,
    part: Pick<PartSummary, 'number' | 'etag' | 'checksums'>,
  ): Promise<PartSummary>;
  parts(
    at: UploadAt,
    page: { readonly afterNumber: number; readonly partsMax: number },
  ): Promise<{ parts: readonly PartSummary[]; more: boolean }>;
  /** Ordered by key, then by time of initiation; strictly after (key, uploadId), an empty uploadId means after all of that key. */
  uploads(
    bucket: Ino,
    options: { prefix: Uint8Array; afterKey: Uint8Array; afterUploadId: string; uploadsMax: number },
  ): Promise<{ uploads: readonly UploadSummary[]; more: boolean }>;
  /**
   * The listed parts, in order, become the object; no data moves. Fault('not-found', 'part') when one is missing or its
   * ETag differs. A second call for a completed upload answers what the first did.
   */
  completeUpload(caller: Caller, completion: Completion): Promise<Found>;
  abortUpload(at: UploadAt): Promise<void>;
}

/** For those who watch the gateway. */
export interface NamespaceMemory {
  /** Written over NFS and not durable yet. */
  readonly dirty: DirtyMemory;
  /** Content that was read over NFS; bytes held now, frames found and not found since the start. */
  readonly cache: { readonly bytes: number; readonly hits: number; readonly misses: number };
}

/** One tree, seen through two interfaces over the same inodes. */
export interface Namespace extends Closable {
  readonly files: FileTree;
  readonly objects: ObjectStore;
  readonly quotas: Quotas;
  readonly audit: AuditTrail;
  /** What the tiers answer for. */
  readonly census: Pick<Census, 'now' | 'step' | 'mended'>;
  /** Buckets of others that appear in ones of ours. */
  readonly attachments: AttachedBuckets;
  /** What it holds in memory now. */
  memory(): NamespaceMemory;
  /** One bounded unit of background work (idle dirty data, orphans, garbage); says whether there was any. */
  step(): Promise<'busy' | 'idle'>;
  /** The same for keys that have rotated or shall go: looks at all content, and seals its keys anew. */
  rewrap(): Promise<'busy' | 'idle'>;
}
