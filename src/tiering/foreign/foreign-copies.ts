import assert from 'node:assert/strict';
import { Fault, type FaultCode } from '../../fault.ts';
import type { Kv, KvReader, KvTransaction } from '../../kv/kv.ts';
import type { Compute } from '../../workers/compute.ts';
import type { BlobId } from '../blobs.ts';
import type {
  FolderAfter,
  FolderPage,
  ObjectBody,
  ObjectFacts,
  ObjectPage,
  ObjectStore,
} from '../cold/object-store.ts';
import { forgetNativeBlob, NATIVE_BINDING } from '../native-layout/native-records.ts';
import { readNative, type BlobBytes } from '../native-layout/read-native.ts';
import {
  blobOfForeignKey,
  decodeForeign,
  encodeForeign,
  foreignAfter,
  foreignKey,
  type BindingId,
  type ForeignRange,
} from './foreign-records.ts';

/** What a store answers when an object is not what it was when it was listed. */
const changed: ReadonlySet<FaultCode> = new Set([
  'not-found',
  'precondition-failed',
  'range-not-satisfiable',
  'corrupt',
]);

/** For the namespace, which knows what the objects are; references of such blobs are those of any (blobs.ts). */
export interface ForeignBlobs {
  /** The store of a binding; whoever has opened it closes it. */
  bind(binding: BindingId, store: ObjectStore): void;
  /** From now on reads of its objects are Fault('unavailable', 'store'). */
  unbind(binding: BindingId): void;
  /** Makes a blob out of bytes that lie in an object of a binding: after this commit it exists, with one reference. */
  attach(tx: KvTransaction, range: ForeignRange): BlobId;
  /** Where the bytes of a blob lie there; `undefined` for one that has no such copy. */
  rangeOf(reader: KvReader, id: BlobId): Promise<ForeignRange | undefined>;
  /** See ObjectStore.browse, list, head. Fault('unavailable', 'store') for a binding that has no store. */
  browse(binding: BindingId, prefix: string, page: FolderAfter): Promise<FolderPage>;
  list(binding: BindingId, prefix: string, after: string): Promise<ObjectPage>;
  head(binding: BindingId, key: string): Promise<ObjectFacts | undefined>;
  /** Hears of objects that are not what they were when they were listed, whenever a read meets one. One listener. */
  whenChanged(listener: (binding: BindingId, key: string) => void): void;
  /** Hears of blobs that are read again at that offset and are too long to have another copy. One listener. */
  whenTooLong(listener: (blob: BlobId, offset: number) => void): void;
}

/** Rows of one binding among the next ones of the table. */
export interface ForeignPage {
  readonly ids: readonly BlobId[];
  /** `undefined`: those were the last. */
  readonly next: BlobId | undefined;
}

/**
 * Copies of blobs that lie in objects of others, one row for each. They are only read: nothing here is written to a store or
 * deleted from it. An object whose ETag is another one by now is Fault('conflict', 'blob'), never other bytes (ADR 34).
 */
export class ForeignCopies implements ForeignBlobs {
  readonly tier = 'cold';
  /** Of the store of objects of ours; there is none without it. */
  readonly #compute: Compute | undefined;
  readonly #kv: Kv;
  readonly #nextId: () => number;
  readonly #stores = new Map<BindingId, ObjectStore>();
  #changed: (binding: BindingId, key: string) => void = () => undefined;
  #tooLong: (blob: BlobId, offset: number) => void = () => undefined;
  #ownChanged: (key: string) => void = () => undefined;

  constructor({
    kv,
    nextId,
    compute,
  }: {
    readonly kv: Kv;
    readonly nextId: () => number;
    readonly compute: Compute | undefined;
  }) {
    this.#kv = kv;
    this.#nextId = nextId;
    this.#compute = compute;
  }

  bind(binding: BindingId, store: ObjectStore): void {
    assert(!this.#stores.has(binding), `binding ${binding} has a store already`);
    this.#stores.set(binding, store);
  }

  unbind(binding: BindingId): void {
    this.#stores.delete(binding);
  }

  attach(tx: KvTransaction, range: ForeignRange): BlobId {
    const id = this.#nextId() as BlobId;
    tx.put(foreignKey(id), encodeForeign(range));
    return id;
  }

  async browse(binding: BindingId, prefix: string, wanted: FolderAfter): Promise<FolderPage> {
    const page = await this.#asked(binding, (store, signal) => store.browse(prefix, wanted, signal));
    requireFolder(prefix, wanted.after, page);
    return page;
  }

  async list(binding: BindingId, prefix: string, after: string): Promise<ObjectPage> {
    const page = await this.#asked(binding, (store, signal) => store.list(prefix, after, signal));
    requireListing(prefix, after, page.keys);
    return page;
  }

  head(binding: BindingId, key: string): Promise<ObjectFacts | undefined> {
    return this.#asked(binding, (store, signal) => store.head(key, signal));
  }

  whenChanged(listener: (binding: BindingId, key: string) => void): void {
    this.#changed = listener;
  }

  /** The same of objects that are ours. */
  whenOwnChanged(listener: (key: string) => void): void {
    this.#ownChanged = listener;
  }

  whenTooLong(listener: (blob: BlobId, offset: number) => void): void {
    this.#tooLong = listener;
  }

  tooLong(blob: BlobId, offset: number): void {
    this.#tooLong(blob, offset);
  }

  /** There are buckets of others, whose content may have copies here. */
  get isOpen(): boolean {
    return this.#stores.size > 0;
  }

  async rangeOf(reader: KvReader, id: BlobId): Promise<ForeignRange | undefined> {
    const row = await reader.get(foreignKey(id));
    return row && decodeForeign(row);
  }

  async rangesOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (ForeignRange | undefined)[]> {
    const rows = await reader.getMany(ids.map(foreignKey));
    return rows.map((row) => row && decodeForeign(row));
  }

  /** Of the next `rowsMax` rows those of the binding. */
  async pageOf(binding: BindingId, after: BlobId | 0, rowsMax: number): Promise<ForeignPage> {
    for await (const page of this.#kv.scan(foreignAfter(after), { pageEntries: rowsMax })) {
      const ids = page
        .filter(({ value }) => decodeForeign(value).binding === binding)
        .map(({ key }) => blobOfForeignKey(key));
      const last = page.at(-1);
      return { ids, next: last && blobOfForeignKey(last.key) };
    }
    return { ids: [], next: undefined };
  }

  /** False when there is no such copy. */
  async release(tx: KvTransaction, id: BlobId): Promise<boolean> {
    const range = await this.rangeOf(tx, id);
    if (range === undefined) return false;
    tx.delete(foreignKey(id));
    const { key, native } = range;
    if (native !== undefined) forgetNativeBlob(tx, { id, object: native.object, key });
    return true;
  }

  /** The length of each blob that has a foreign copy. */
  async lengthsOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (number | undefined)[]> {
    const rows = await reader.getMany(ids.map(foreignKey));
    return rows.map((row) => row && decodeForeign(row).length);
  }

  /**
   * Exactly `length` bytes from `offset` of the blob. Fault('not-found', 'blob') without a foreign copy, ('conflict', 'blob')
   * when the object was changed outside, 'recall-pending' when it is archived, else faults of the store.
   */
  async read(id: BlobId, offset: number, length: number): Promise<Uint8Array> {
    const row = await this.#kv.get(foreignKey(id));
    if (row === undefined) throw new Fault('not-found', 'blob', `blob ${id}`);
    const range = decodeForeign(row);
    assert(offset >= 0 && offset + length <= range.length, `bytes ${offset}+${length} of blob ${id}`);
    if (length === 0) return new Uint8Array(0);
    if (range.native !== undefined) return this.#readOwn(id, { offset, length });
    const wanted = { offset: range.offset + offset, length };
    try {
      const body = await fetchFrom(this.#storeOf(range.binding), range, wanted);
      // A store that ignores conditions gives what it has now.
      if (body.etag !== range.etag) throw changedOutside(range.key);
      return body.bytes;
    } catch (cause) {
      if (cause instanceof Fault && cause.code === 'conflict') this.#changed(range.binding, range.key);
      throw cause;
    }
  }

  #readOwn(id: BlobId, wanted: BlobBytes): Promise<Uint8Array> {
    const compute = this.#compute;
    assert(compute !== undefined, `blob ${id} lies in a store that is not configured`);
    const store = this.#storeOf(NATIVE_BINDING);
    return readNative({ kv: this.#kv, compute, store, changed: this.#ownChanged }, id, wanted);
  }

  async #asked<Answer>(
    binding: BindingId,
    ask: (store: ObjectStore, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    return ask(this.#storeOf(binding), new AbortController().signal);
  }

  #storeOf(binding: BindingId): ObjectStore {
    const store = this.#stores.get(binding);
    if (store !== undefined) return store;
    throw new Fault('unavailable', 'store', `The attached bucket ${binding} is not open now.`);
  }
}

async function fetchFrom(
  store: ObjectStore,
  { key, etag }: ForeignRange,
  wanted: { readonly offset: number; readonly length: number },
): Promise<ObjectBody> {
  try {
    return await store.get(key, { ...wanted, etag }, new AbortController().signal);
  } catch (cause) {
    const isChanged = cause instanceof Fault && cause.subject === 'object' && changed.has(cause.code);
    throw isChanged ? changedOutside(key, cause) : cause;
  }
}

/** Nothing but keys that were asked for: who takes others goes round for ever, or makes names of them that there cannot be. */
function requireListing(prefix: string, after: string, keys: readonly string[]): void {
  const behind = Buffer.from(after);
  for (const key of keys) {
    if (!key.startsWith(prefix)) throw disorderly('the prefix that it is asked for', key);
    if (Buffer.compare(Buffer.from(key), behind) <= 0)
      throw disorderly('where a listing is to begin (StartAfter)', key);
  }
}

/** The same of a page that does not go into folders. */
function requireFolder(prefix: string, after: string, { objects, folders, next }: FolderPage): void {
  const keys = objects.map(({ key }) => key);
  requireListing(prefix, after, next === undefined ? keys : [...keys, next]);
  const slashOf = (key: string): number => key.indexOf('/', prefix.length);
  const deep =
    keys.find((key) => slashOf(key) >= 0) ??
    folders.find((key) => !key.startsWith(prefix) || slashOf(key) !== key.length - 1);
  if (deep !== undefined) throw disorderly('the delimiter of a listing', deep);
}

const disorderly = (what: string, key: string): Fault =>
  new Fault('not-supported', 'store', `The attached store ignores ${what}: it answers with ${key}.`);

const changedOutside = (key: string, cause?: Fault): Fault =>
  new Fault('conflict', 'blob', `${key} was changed in its own bucket since it was listed`, { cause });
