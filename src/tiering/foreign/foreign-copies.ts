import assert from 'node:assert/strict';
import { Fault, type FaultCode } from '../../fault.ts';
import type { Kv, KvReader, KvTransaction } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import type { FolderAfter, FolderPage, ObjectBody, ObjectStore } from '../cold/object-store.ts';
import {
  decodeForeign,
  encodeForeign,
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
  /** A page of a folder of the bucket: see ObjectStore.browse. Fault('unavailable', 'store') for one that is not bound. */
  browse(binding: BindingId, prefix: string, page: FolderAfter): Promise<FolderPage>;
}

/**
 * Copies of blobs that lie in objects of others, one row for each. They are only read: nothing here is written to a store or
 * deleted from it. An object whose ETag is another one by now is Fault('conflict', 'blob'), never other bytes (ADR 34).
 */
export class ForeignCopies implements ForeignBlobs {
  readonly tier = 'cold';
  readonly #kv: Kv;
  readonly #nextId: () => number;
  readonly #stores = new Map<BindingId, ObjectStore>();

  constructor({ kv, nextId }: { readonly kv: Kv; readonly nextId: () => number }) {
    this.#kv = kv;
    this.#nextId = nextId;
  }

  bind(binding: BindingId, store: ObjectStore): void {
    assert(!this.#stores.has(binding), `binding ${binding} has a store already`);
    this.#stores.set(binding, store);
  }

  unbind(binding: BindingId): void {
    this.#stores.delete(binding);
  }

  /** Whether any store can be read now. */
  isBound(): boolean {
    return this.#stores.size > 0;
  }

  attach(tx: KvTransaction, range: ForeignRange): BlobId {
    const id = this.#nextId() as BlobId;
    tx.put(foreignKey(id), encodeForeign(range));
    return id;
  }

  async browse(binding: BindingId, prefix: string, page: FolderAfter): Promise<FolderPage> {
    return this.#storeOf(binding).browse(prefix, page, new AbortController().signal);
  }

  /** False when there is no such copy. */
  async release(tx: KvTransaction, id: BlobId): Promise<boolean> {
    const key = foreignKey(id);
    if ((await tx.get(key)) === undefined) return false;
    tx.delete(key);
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
    const body = await fetchFrom(this.#storeOf(range.binding), range, {
      offset: range.offset + offset,
      length,
    });
    // A store that ignores conditions gives what it has now.
    if (body.etag !== range.etag) throw changedOutside(range.key);
    return body.bytes;
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

const changedOutside = (key: string, cause?: Fault): Fault =>
  new Fault('conflict', 'blob', `${key} was changed in its own bucket since it was listed`, { cause });
