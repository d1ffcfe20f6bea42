import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { BLOB_ROW_CACHE_BYTES_MAX } from '../../limits.ts';
import type { BlobId } from '../blobs.ts';
import {
  blobKey,
  decodeDeviceBlob,
  decodeInlineBlob,
  type BlobTables,
  type DeviceBlob,
  type InlineBlob,
} from './blob-records.ts';

/** A blob as its row describes it. The bytes of an inline one belong to the store. */
export type BlobRow = { readonly inline: InlineBlob } | { readonly device: DeviceBlob };

/** What a decoded row takes beside its extents and checksums; an estimate. */
const ROW_OVERHEAD_BYTES = 200;
const EXTENT_OVERHEAD_BYTES = 64;

/** Rows by id. Who changes or deletes a row says so, so the cache of device rows (least recently used goes first) is always right. */
export class BlobRows {
  readonly #kv: Kv;
  readonly #tables: BlobTables;
  readonly #cache = new Map<BlobId, DeviceBlob>();
  #bytesCached = 0;
  /** Grows with every blob that is forgotten: a row read before that may be out of date. */
  #forgottenCount = 0;

  constructor(kv: Kv, tables: BlobTables) {
    this.#kv = kv;
    this.#tables = tables;
  }

  /** The blob, if it lies in its row. */
  async inline(id: BlobId): Promise<InlineBlob | undefined> {
    if (this.#cache.has(id)) return undefined;
    const row = await this.#kv.get(blobKey(this.#tables.inline, id));
    return row && decodeInlineBlob(row);
  }

  /** Fault('not-found', 'blob') when there is none. */
  async get(id: BlobId): Promise<BlobRow> {
    const cached = this.#cache.get(id);
    if (cached !== undefined) {
      this.#cache.delete(id);
      this.#cache.set(id, cached);
      return { device: cached };
    }
    const forgottenCount = this.#forgottenCount;
    const [onDevice, inline] = await this.#kv.getMany([
      blobKey(this.#tables.device, id),
      blobKey(this.#tables.inline, id),
    ]);
    if (inline !== undefined) return { inline: decodeInlineBlob(inline) };
    if (onDevice === undefined) throw new Fault('not-found', 'blob', `blob ${id}`);
    const device = decodeDeviceBlob(onDevice);
    if (forgottenCount === this.#forgottenCount) this.remember(id, device);
    return { device };
  }

  /** To be called with the commit of the row. */
  remember(id: BlobId, blob: DeviceBlob): void {
    if (this.#cache.has(id)) return;
    this.#cache.set(id, blob);
    this.#bytesCached += bytesOf(blob);
    for (const [oldest] of this.#cache) {
      if (this.#bytesCached <= BLOB_ROW_CACHE_BYTES_MAX) break;
      this.#drop(oldest);
    }
  }

  /** To be called with the commit that deletes the row, or makes it another one. */
  forget(id: BlobId): void {
    this.#forgottenCount++;
    this.#drop(id);
  }

  #drop(id: BlobId): void {
    const cached = this.#cache.get(id);
    if (cached === undefined) return;
    this.#cache.delete(id);
    this.#bytesCached -= bytesOf(cached);
    assert(this.#bytesCached >= 0, 'the cache has lost count');
  }
}

function bytesOf(blob: DeviceBlob): number {
  return ROW_OVERHEAD_BYTES + blob.extents.length * EXTENT_OVERHEAD_BYTES + blob.checksums.byteLength;
}
