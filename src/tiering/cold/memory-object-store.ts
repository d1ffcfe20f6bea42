import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Clock, Random } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { SECONDS_PER_DAY } from '../../limits.ts';
import { SEGMENTS_LISTED_MAX } from '../../limits/tiering.ts';
import { crcBytes, crcStart, crcUpdate } from '../../workers/crc.ts';
import {
  nextAfter,
  type BegunUpload,
  type FolderAfter,
  type FolderPage,
  type ListedObject,
  type ObjectAbout,
  type ObjectBody,
  type ObjectCompletion,
  type ObjectDescription,
  type ObjectFacts,
  type ObjectOperation,
  type ObjectPage,
  type ObjectPart,
  type ObjectPut,
  type ObjectRange,
  type ObjectRestore,
  type ObjectStore,
  type ObjectUpload,
} from './object-store.ts';
import { isArchive } from './storage-class.ts';

/**
 * `error`: an internal error, not done. `slow-down`: refused as too much. `silence`: done or not, no answer ever comes.
 * `lost-answer`: done, then the connection breaks. `corrupt-answer`: a read has one wrong byte. `short-answer`: a read ends
 * early. `corrupt-write`: acknowledged, and other bytes are kept. `gone`: nobody accepts connections.
 */
export type ObjectFailure =
  | 'error'
  | 'slow-down'
  | 'refused'
  | 'silence'
  | 'lost-answer'
  | 'corrupt-answer'
  | 'short-answer'
  | 'corrupt-write'
  | 'gone';

export interface MemoryObjectOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** How long an operation takes, before it has its effect and again before it answers. A turn of the loop unless given. */
  readonly delay?: (operation: ObjectOperation['name']) => Promise<void>;
  /** A store that knows no conditions, or none of deletes or of uploads in parts, or no checksums, or does not encrypt (them). */
  readonly ignores?:
    | 'conditions'
    | 'conditions of deletes'
    | 'conditions of parts'
    | 'checksums'
    | 'sealing'
    | 'sealing of parts';
  /** How long a restore takes. */
  readonly restoreMs?: number;
}

interface Kept {
  bytes: Uint8Array;
  etag: string;
  crc64nvme: Uint8Array;
  modifiedAt: number;
  storageClass: string;
  restoredAt: number | undefined;
  archivedAgainAt: number;
  description: Omit<ObjectDescription, 'modifiedAt'>;
}

const NO_DESCRIPTION: Kept['description'] = { headers: {}, metadata: {}, checksums: [] };

interface Begun {
  readonly key: string;
  readonly about: ObjectAbout;
  readonly parts: Map<number, { readonly bytes: Uint8Array; readonly etag: string }>;
}

/** What an upload put under a key, in the order of the effects. */
export interface Uploaded {
  readonly key: string;
  readonly etag: string;
}

/** The object store in memory that misbehaves as others may: for tests of the layers and of what is above them. */
export class MemoryObjectStore implements ObjectStore {
  readonly #options: MemoryObjectOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #uploads: Uploaded[] = [];
  readonly #begun = new Map<string, Begun>();
  #failing: ((operation: ObjectOperation['name'], key: string) => ObjectFailure | undefined) | undefined;
  #runningMax = 0;
  #running = 0;
  #isClosed = false;

  constructor(options: MemoryObjectOptions) {
    this.#options = options;
  }

  put(key: string, upload: ObjectUpload, signal: AbortSignal): Promise<ObjectPut> {
    return this.#serve({ name: 'put', key, signal }, (failure) => {
      this.#requireChecksum(key, upload);
      this.#requireCondition(key, upload);
      const etag = etagOf(upload.bytes);
      this.#keep(key, { bytes: upload.bytes, etag, about: upload.about, failure });
      return { etag, isSealed: this.#seals(upload.about) };
    });
  }

  begin(key: string, about: ObjectAbout, signal: AbortSignal): Promise<BegunUpload> {
    return this.#serve({ name: 'begin', key, signal }, () => {
      const upload = `upload ${this.#begun.size} ${this.#options.random.below(2 ** 30)}`;
      this.#begun.set(upload, { key, about, parts: new Map() });
      const isSealed = this.#seals(about) && this.#options.ignores !== 'sealing of parts';
      return { upload, isSealed };
    });
  }

  putPart(key: string, part: ObjectPart, signal: AbortSignal): Promise<{ readonly etag: string }> {
    return this.#serve({ name: 'putPart', key, signal }, (failure) => {
      this.#requireChecksum(key, part);
      const bytes = Uint8Array.from(part.bytes);
      const etag = etagOf(bytes);
      if (failure === 'corrupt-write') this.#flipOne(bytes);
      this.#begunOf(part.upload).parts.set(part.number, { bytes, etag });
      return { etag };
    });
  }

  complete(
    key: string,
    completion: ObjectCompletion,
    signal: AbortSignal,
  ): Promise<{ readonly etag: string }> {
    return this.#serve({ name: 'complete', key, signal }, (failure) => {
      const { about, parts } = this.#begunOf(completion.upload);
      if (this.#options.ignores !== 'conditions of parts') this.#requireCondition(key, completion);
      const pieces = completion.etags.map((etag, index) => {
        const part = parts.get(index + 1);
        assert.equal(part?.etag, etag, 'a part that was not put');
        return part.bytes;
      });
      const etag = `${etagOf(Buffer.from(completion.etags.join())).slice(0, -1)}-${pieces.length}"`;
      this.#keep(key, { bytes: Buffer.concat(pieces), etag, about, failure });
      this.#begun.delete(completion.upload);
      return { etag };
    });
  }

  abandon(key: string, upload: string, signal: AbortSignal): Promise<void> {
    return this.#serve({ name: 'abandon', key, signal }, () => void this.#begun.delete(upload));
  }

  get(key: string, range: ObjectRange | undefined, signal: AbortSignal): Promise<ObjectBody> {
    return this.#serve({ name: 'get', key, signal }, (failure) => {
      const kept = this.#present(key);
      if (this.#access(kept) !== 'readable')
        throw new Fault('recall-pending', 'object', `${key}: InvalidObjectState`);
      if (range?.etag !== undefined && range.etag !== kept.etag && this.#options.ignores !== 'conditions')
        throw new Fault('precondition-failed', 'object', `${key}: PreconditionFailed`);
      const { offset, length } = range ?? { offset: 0, length: kept.bytes.length };
      if (offset >= kept.bytes.length)
        throw new Fault('range-not-satisfiable', 'object', `${key}: InvalidRange`);
      const whole = kept.bytes.slice(offset, offset + length);
      if (failure === 'corrupt-answer') this.#flipOne(whole);
      const bytes = failure === 'short-answer' ? whole.subarray(0, whole.length >> 1) : whole;
      return { bytes, offset, objectBytes: kept.bytes.length, etag: kept.etag };
    });
  }

  head(key: string, signal: AbortSignal): Promise<ObjectFacts | undefined> {
    return this.#serve({ name: 'head', key, signal }, () => {
      const kept = this.#kept.get(key);
      if (kept === undefined) return undefined;
      const { bytes, etag, crc64nvme, storageClass, modifiedAt } = kept;
      const description = { modifiedAt, ...kept.description };
      const facts = { objectBytes: bytes.length, etag, crc64nvme, storageClass, description };
      return { ...facts, access: this.#access(kept) };
    });
  }

  delete(key: string, signal: AbortSignal): Promise<void> {
    return this.#serve({ name: 'delete', key, signal }, () => void this.#kept.delete(key));
  }

  deleteSame(key: string, etag: string, signal: AbortSignal): Promise<void> {
    return this.#serve({ name: 'deleteSame', key, signal }, () => {
      const kept = this.#kept.get(key);
      const { ignores } = this.#options;
      const isConditional = ignores !== 'conditions' && ignores !== 'conditions of deletes';
      if (kept !== undefined && kept.etag !== etag && isConditional)
        throw new Fault('precondition-failed', 'object', `${key}: PreconditionFailed`);
      this.#kept.delete(key);
    });
  }

  list(prefix: string, after: string, signal: AbortSignal): Promise<ObjectPage> {
    return this.#serve({ name: 'list', key: prefix, signal }, () => {
      const left = this.keys().filter((key) => key.startsWith(prefix) && byUtf8(key, after) > 0);
      return { keys: left.slice(0, SEGMENTS_LISTED_MAX), isLast: left.length <= SEGMENTS_LISTED_MAX };
    });
  }

  browse(prefix: string, page: FolderAfter, signal: AbortSignal): Promise<FolderPage> {
    return this.#serve({ name: 'browse', key: prefix, signal }, () => {
      const entries = this.keys()
        .filter((key) => key.startsWith(prefix) && byUtf8(key, page.after) > 0)
        .map((key) => ({ key, slash: key.indexOf('/', prefix.length) }))
        .map(({ key, slash }) => (slash < 0 ? key : key.slice(0, slash + 1)));
      const distinct = [...new Set(entries)];
      const shown = distinct.slice(0, page.entriesMax);
      const isFolder = (entry: string): boolean => entry.length > prefix.length && entry.endsWith('/');
      const folders = shown.filter(isFolder);
      const objects = shown.filter((entry) => !isFolder(entry)).map((key) => this.#listed(key));
      const isLast = shown.length === distinct.length;
      return { objects, folders, next: isLast ? undefined : nextAfter(objects, folders) };
    });
  }

  restore(key: string, { days }: ObjectRestore, signal: AbortSignal): Promise<void> {
    return this.#serve({ name: 'restore', key, signal }, () => {
      const kept = this.#present(key);
      const now = this.#options.clock.monotonic();
      if (this.#access(kept) === 'archived') kept.restoredAt = now + (this.#options.restoreMs ?? 0);
      kept.archivedAgainAt = Math.max(now, kept.restoredAt ?? now) + days * SECONDS_PER_DAY * 1000;
    });
  }

  archive(key: string, to: { etag: string; storageClass: string }, signal: AbortSignal): Promise<void> {
    return this.#serve({ name: 'archive', key, signal }, () => {
      const kept = this.#present(key);
      if (kept.etag !== to.etag)
        throw new Fault('precondition-failed', 'object', `${key}: PreconditionFailed`);
      kept.storageClass = to.storageClass;
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  /** What `head` says of an object from now on, until it is put again. */
  describe(key: string, description: Kept['description']): void {
    this.#present(key).description = description;
  }

  /** Ascending. */
  keys(): readonly string[] {
    return [...this.#kept.keys()].sort(byUtf8);
  }

  /** What lies under a key now, damage included. */
  lying(key: string): Uint8Array {
    return this.#present(key).bytes;
  }

  /** Uploads in parts that are neither complete nor abandoned. */
  begun(): number {
    return this.#begun.size;
  }

  /** What `head` would say. */
  about(key: string): Kept['description'] {
    return this.#present(key).description;
  }

  /** All that had an effect, first to last. */
  uploads(): readonly Uploaded[] {
    return this.#uploads;
  }

  /** The most calls that were under way at a time. */
  runningMax(): number {
    return this.#runningMax;
  }

  /** Flips one bit where an object lies. */
  corrupt(key: string, offset: number): void {
    const { bytes } = this.#present(key);
    assert(offset < bytes.length, `offset ${offset}`);
    bytes[offset]! ^= 1;
  }

  /** From now on operations fail as `decide` says; `undefined` ends it. */
  failWhen(
    decide: ((operation: ObjectOperation['name'], key: string) => ObjectFailure | undefined) | undefined,
  ): void {
    this.#failing = decide;
  }

  async #serve<Answer>(
    {
      name,
      key,
      signal,
    }: { readonly name: ObjectOperation['name']; readonly key: string; readonly signal: AbortSignal },
    effect: (failure: ObjectFailure | undefined) => Answer,
  ): Promise<Answer> {
    const { delay = () => Promise.resolve() } = this.#options;
    assert(!this.#isClosed, 'the store is closed');
    this.#running += 1;
    this.#runningMax = Math.max(this.#running, this.#runningMax);
    try {
      await delay(name);
      signal.throwIfAborted();
      const failure = this.#failing?.(name, key);
      if (failure === 'gone')
        throw new Fault('unavailable', 'store', 'The cold store does not answer (ECONNREFUSED).');
      if (failure === 'error')
        throw new Fault('unavailable', 'store', 'The cold store fails with status 500.');
      if (failure === 'refused')
        throw new Fault('invalid-argument', 'request', 'The cold store refuses: MethodNotAllowed.');
      if (failure === 'slow-down') throw new Fault('throttled', 'store', 'The cold store asks to slow down.');
      const isDone = failure !== 'silence' || this.#options.random.below(2) === 0;
      const answer = isDone ? effect(failure) : undefined;
      if (failure === 'silence') return await never(signal);
      await delay(name);
      signal.throwIfAborted();
      if (failure === 'lost-answer')
        throw new Fault('unavailable', 'store', 'The cold store broke off (ECONNRESET).');
      return answer as Answer;
    } finally {
      this.#running -= 1;
    }
  }

  #listed(key: string): ListedObject {
    const { bytes, etag, modifiedAt, storageClass } = this.#present(key);
    return { key, objectBytes: bytes.length, etag, modifiedAt, storageClass };
  }

  #keep(
    key: string,
    kept: Pick<Kept, 'bytes' | 'etag'> & {
      readonly about: ObjectAbout | undefined;
      readonly failure: ObjectFailure | undefined;
    },
  ): void {
    const { etag, about, failure } = kept;
    const bytes = Uint8Array.from(kept.bytes);
    const crc64nvme = crcOf(bytes);
    if (failure === 'corrupt-write') this.#flipOne(bytes);
    const modifiedAt = this.#options.clock.wall().seconds;
    const { headers, metadata } = about ?? NO_DESCRIPTION;
    const description = { headers, metadata, checksums: [] };
    const fresh = { storageClass: 'STANDARD', restoredAt: undefined, archivedAgainAt: 0, description };
    this.#kept.set(key, { bytes, etag, crc64nvme, modifiedAt, ...fresh });
    this.#uploads.push({ key, etag });
  }

  #seals(about: ObjectAbout | undefined): boolean {
    return about?.isSealed === true && this.#options.ignores !== 'sealing';
  }

  #begunOf(upload: string): Begun {
    const begun = this.#begun.get(upload);
    if (begun === undefined) throw new Fault('not-found', 'object', `${upload}: NoSuchUpload`);
    return begun;
  }

  #requireChecksum(key: string, { bytes, crc64nvme }: Pick<ObjectUpload, 'bytes' | 'crc64nvme'>): void {
    if (this.#options.ignores === 'checksums' || Buffer.compare(crcOf(bytes), crc64nvme) === 0) return;
    throw new Fault('checksum-mismatch', 'object', `${key}: BadDigest`);
  }

  #requireCondition(key: string, { condition }: Pick<ObjectUpload, 'condition'>): void {
    if (this.#options.ignores === 'conditions') return;
    const found = this.#kept.get(key);
    const isMet = condition.kind === 'absent' ? found === undefined : found?.etag === condition.etag;
    if (!isMet) throw new Fault('precondition-failed', 'object', `${key}: PreconditionFailed`);
  }

  #present(key: string): Kept {
    const kept = this.#kept.get(key);
    if (kept === undefined) throw new Fault('not-found', 'object', `${key}: NoSuchKey`);
    return kept;
  }

  #access({ storageClass, restoredAt, archivedAgainAt }: Kept): ObjectFacts['access'] {
    if (!isArchive(storageClass)) return 'readable';
    const now = this.#options.clock.monotonic();
    if (restoredAt === undefined || now >= archivedAgainAt) return 'archived';
    return now < restoredAt ? 'restoring' : 'readable';
  }

  #flipOne(bytes: Uint8Array): void {
    if (bytes.length > 0) bytes[this.#options.random.below(bytes.length)]! ^= 1;
  }
}

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const etagOf = (bytes: Uint8Array): string => `"${createHash('md5').update(bytes).digest('hex')}"`;

function crcOf(bytes: Uint8Array): Uint8Array {
  const state = crcStart('crc64nvme');
  crcUpdate(state, bytes);
  return crcBytes(state);
}

/** Rejects with the signal's reason once it is aborted, and does nothing else. */
const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
