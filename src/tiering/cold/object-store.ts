import assert from 'node:assert/strict';
import type { Closable } from '../../scope.ts';
import type { RecallWish } from '../segment-store.ts';

/** Bytes of an object; `length` of at least 1. */
export interface ObjectRange {
  readonly offset: number;
  readonly length: number;
  /** That the object must still have: Fault('precondition-failed', 'object') when the store says that it has another. */
  readonly etag?: string;
}

/** What must be under the key at the moment of the upload. */
export type UploadCondition = { readonly kind: 'absent' } | { readonly kind: 'same'; readonly etag: string };

export interface ObjectUpload {
  /** Not changed until `put` resolves. */
  readonly bytes: Uint8Array;
  /** Of `bytes`, 8 bytes, big endian; the store compares. */
  readonly crc64nvme: Uint8Array;
  readonly condition: UploadCondition;
  /** Absent: bytes of no type, which nobody else reads. */
  readonly about?: ObjectAbout;
}

/** What the readers of an object shall be told about it, by lower-case names as `ObjectDescription` has them. */
export interface ObjectAbout extends Pick<ObjectDescription, 'headers' | 'metadata'> {
  /** The store shall keep it encrypted with a key of its own (SSE-S3). */
  readonly isSealed: boolean;
}

export interface ObjectPut {
  readonly etag: string;
  /** The store says that it keeps the object encrypted. */
  readonly isSealed: boolean;
}

/** An object that is put in parts, until it is completed or abandoned; AWS: API_CreateMultipartUpload. */
export interface BegunUpload {
  readonly upload: string;
  readonly isSealed: boolean;
}

export interface ObjectPart extends Pick<ObjectUpload, 'bytes' | 'crc64nvme'> {
  readonly upload: string;
  /** From 1 on. */
  readonly number: number;
}

/** The end of such an upload: parts in their order, without gaps. */
export interface ObjectCompletion extends Pick<ObjectUpload, 'condition' | 'crc64nvme'> {
  readonly upload: string;
  readonly etags: readonly string[];
}

export interface ObjectBody {
  readonly bytes: Uint8Array;
  /** Where `bytes` lie in the object, as the store says. */
  readonly offset: number;
  /** Of the whole object, as the store says. */
  readonly objectBytes: number;
  readonly etag: string;
}

export interface ObjectFacts {
  readonly objectBytes: number;
  readonly etag: string;
  /** `archived`: it must be restored before it can be read; `restoring`: that is under way. */
  readonly access: 'readable' | 'archived' | 'restoring';
  /** As the store keeps it, if it does. */
  readonly crc64nvme: Uint8Array | undefined;
  readonly storageClass: string;
  readonly description: ObjectDescription;
}

/** What the store tells the readers of an object about it, as far as it does. */
export interface ObjectDescription {
  /** Seconds since 1970. */
  readonly modifiedAt: number;
  /** About the content, by lower-case name: content-type, cache-control, … */
  readonly headers: Readonly<Record<string, string>>;
  /** Of whoever put it, by lower-case name without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** As the store writes them: Base64, with `-N` behind a composite one. */
  readonly checksums: readonly ObjectChecksum[];
}

export interface ObjectChecksum {
  readonly algorithm: (typeof checksumAlgorithms)[number];
  readonly value: string;
  readonly type: 'FULL_OBJECT' | 'COMPOSITE';
}

export const checksumAlgorithms = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'MD5',
  'SHA1',
  'SHA256',
  'SHA512',
  'XXHASH64',
  'XXHASH3',
  'XXHASH128',
] as const;

export interface ObjectPage {
  /** Ascending in the order of UTF-8. */
  readonly keys: readonly string[];
  readonly isLast: boolean;
}

/** An object as a listing describes it. */
export interface ListedObject {
  readonly key: string;
  readonly objectBytes: number;
  readonly etag: string;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
  readonly storageClass: string;
}

/** One page of what lies directly below a prefix; keys and folders are each ascending in the order of UTF-8. */
export interface FolderPage {
  readonly objects: readonly ListedObject[];
  /** With the prefix before and a slash behind them. */
  readonly folders: readonly string[];
  /** Pass it as `after` to go on, at any later time; `undefined`: that was all. */
  readonly next: string | undefined;
}

/** How an archived object is brought back. */
export type ObjectRestore = RecallWish;

/**
 * A bucket of an object store, as much of it as tiering uses. Knows nothing of segments: keys are whatever the caller says.
 * Every call may be made again after a failure. Faults about one object have the subject `object`: 'not-found',
 * 'precondition-failed', 'recall-pending', 'range-not-satisfiable', 'checksum-mismatch', 'corrupt'. Those about the store
 * have `store` or `bucket` and a sentence for the operator: 'unavailable' and 'throttled' pass by themselves,
 * 'access-denied', 'invalid-argument', 'not-supported' and a 'not-found' bucket do not. Fault('invalid-argument', 'request'): the
 * store refuses what was asked of it, perhaps because of this key, and may take others. Source: AWS S3 API reference.
 */
export interface ObjectStore extends Closable {
  /** Resolves when the store has acknowledged it. After a failure the object may be there all the same. */
  put(key: string, upload: ObjectUpload, signal: AbortSignal): Promise<ObjectPut>;
  /** Nothing is under the key before `complete`. An upload that nobody names any more stays until the store forgets it. */
  begin(key: string, about: ObjectAbout, signal: AbortSignal): Promise<BegunUpload>;
  /** Resolves to what `complete` must say of the part. Fault('not-found', 'object') for an upload that is over. */
  putPart(key: string, part: ObjectPart, signal: AbortSignal): Promise<{ readonly etag: string }>;
  /** As `put`, of all parts; the checksum is that of the whole object. */
  complete(
    key: string,
    completion: ObjectCompletion,
    signal: AbortSignal,
  ): Promise<{ readonly etag: string }>;
  /** One that is over is success. */
  abandon(key: string, upload: string, signal: AbortSignal): Promise<void>;
  /** The whole object without a range. */
  get(key: string, range: ObjectRange | undefined, signal: AbortSignal): Promise<ObjectBody>;
  head(key: string, signal: AbortSignal): Promise<ObjectFacts | undefined>;
  /** Absent is success. */
  delete(key: string, signal: AbortSignal): Promise<void>;
  /** As `delete`, of an object that is what `etag` says; Fault('precondition-failed', 'object') for another one. */
  deleteSame(key: string, etag: string, signal: AbortSignal): Promise<void>;
  /** One page of the keys that begin with `prefix`, strictly after `after`; the empty text is before all. */
  list(prefix: string, after: string, signal: AbortSignal): Promise<ObjectPage>;
  /** As `list`, but what has a slash behind the prefix is one folder each. At most `entriesMax` of both together, of 1,000. */
  browse(prefix: string, page: FolderAfter, signal: AbortSignal): Promise<FolderPage>;
  /** Begins to bring an archived object back; under way already is success. One that is back stays so for those days. */
  restore(key: string, how: ObjectRestore, signal: AbortSignal): Promise<void>;
  /** Changes the storage class of an object that is still what `etag` says. */
  archive(key: string, to: ObjectArchive, signal: AbortSignal): Promise<void>;
}

export interface FolderAfter {
  /** `next` of the page before, or a key; the empty text is before all. */
  readonly after: string;
  readonly entriesMax: number;
}

export interface ObjectArchive {
  readonly etag: string;
  readonly storageClass: string;
}

export const objectOperations = [
  'put',
  'begin',
  'putPart',
  'complete',
  'abandon',
  'get',
  'head',
  'delete',
  'deleteSame',
  'list',
  'browse',
  'restore',
  'archive',
] as const;

/** One call, for layers that treat all calls alike. */
export interface ObjectOperation {
  readonly name: (typeof objectOperations)[number];
  readonly key: string;
  /** That go to the store; of what comes back, as far as it is known before. */
  readonly bytes: number;
  /** Somebody waits for it: a range that is read, not a whole object. */
  readonly isUrgent: boolean;
}

/** A layer adds one behaviour to any store and hides nothing of it. */
export type ObjectStoreLayer = (inner: ObjectStore) => ObjectStore;

/** One behaviour around each call; `call` may be made several times. */
export type Around = <Answer>(
  operation: ObjectOperation,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<Answer>,
) => Promise<Answer>;

export const surrounding =
  (around: Around): ObjectStoreLayer =>
  (inner) => {
    const about = (name: ObjectOperation['name'], key: string, bytes = 0): ObjectOperation => ({
      name,
      key,
      bytes,
      isUrgent: name === 'get' && bytes > 0,
    });
    return {
      put: (key, upload, signal) =>
        around(about('put', key, upload.bytes.length), signal, (it) => inner.put(key, upload, it)),
      begin: (key, what, signal) => around(about('begin', key), signal, (it) => inner.begin(key, what, it)),
      putPart: (key, part, signal) =>
        around(about('putPart', key, part.bytes.length), signal, (it) => inner.putPart(key, part, it)),
      complete: (key, completion, signal) =>
        around(about('complete', key), signal, (it) => inner.complete(key, completion, it)),
      abandon: (key, upload, signal) =>
        around(about('abandon', key), signal, (it) => inner.abandon(key, upload, it)),
      get: (key, range, signal) =>
        around(about('get', key, range?.length), signal, (it) => inner.get(key, range, it)),
      head: (key, signal) => around(about('head', key), signal, (it) => inner.head(key, it)),
      delete: (key, signal) => around(about('delete', key), signal, (it) => inner.delete(key, it)),
      deleteSame: (key, etag, signal) =>
        around(about('deleteSame', key), signal, (it) => inner.deleteSame(key, etag, it)),
      list: (prefix, after, signal) =>
        around(about('list', prefix), signal, (it) => inner.list(prefix, after, it)),
      browse: (prefix, page, signal) =>
        around(about('browse', prefix), signal, (it) => inner.browse(prefix, page, it)),
      restore: (key, how, signal) =>
        around(about('restore', key), signal, (it) => inner.restore(key, how, it)),
      archive: (key, to, signal) => around(about('archive', key), signal, (it) => inner.archive(key, to, it)),
      close: () => inner.close(),
    };
  };

/** The same store as an object whose members can be taken over one by one: what layers about single calls begin with. */
export const unchanged: ObjectStoreLayer = surrounding((_, signal, call) => call(signal));

/** Outermost first: `layered(bucket, [bounded(…), retrying(…)])` holds a place while it retries. */
export const layered = (store: ObjectStore, layers: readonly ObjectStoreLayer[]): ObjectStore =>
  layers.reduceRight((inner, layer) => layer(inner), store);

/**
 * From where a listing goes on behind a page: the last key, or behind everything that the last folder holds, since no
 * character of a key comes after that one. Unlike a store's own token it stays good.
 */
export function nextAfter(objects: readonly { readonly key: string }[], folders: readonly string[]): string {
  const folder = folders.at(-1);
  const ends = [objects.at(-1)?.key, folder === undefined ? undefined : `${folder}\u{10ffff}`];
  const [last] = ends
    .filter((end) => end !== undefined)
    .sort((a, b) => Buffer.compare(Buffer.from(b), Buffer.from(a)));
  assert(last !== undefined, 'a page with nothing on it says that more follows');
  return last;
}
