import assert from 'node:assert/strict';
import type { Entry, Kv, KvReader, KvTransaction } from '../../kv/kv.ts';
import { GARBAGE_BATCH_ROWS } from '../../limits.ts';
import type { BlobId } from '../blobs.ts';
import type { BlobGuards, Epoch } from './blob-guards.ts';
import {
  blobIdOf,
  blobKey,
  decodeDeviceBlob,
  decodeReferences,
  encodeGarbage,
  encodeReferences,
  isSameGarbage,
  tableRange,
  type BlobTables,
} from './blob-records.ts';
import type { DeviceExtent } from './device.ts';
import type { AlsoRelease } from './hot-blobs.ts';

/** Garbage that waits for the guards from before `epoch` to go. */
interface Batch {
  readonly entries: readonly Entry[];
  readonly epoch: Epoch;
}

interface Collected {
  readonly id: BlobId;
  readonly extents: readonly DeviceExtent[];
}

/**
 * Counts references and collects what has none. Why no crash can hurt a blob that lives: the garbage row is durable
 * before the rows of the blob are deleted, and space is free only after that deletion has been committed, so every later
 * commit that names the space is ordered behind it. If the deletion is lost, so are those commits, and the next start
 * finds the garbage row and deletes again before it trusts the blob row.
 */
export class BlobGarbage {
  readonly #kv: Kv;
  readonly #tables: BlobTables;
  readonly #guards: BlobGuards;
  readonly #alsoRelease: AlsoRelease;
  readonly #forget: (id: BlobId, extents: readonly DeviceExtent[], epoch: Epoch) => void;
  /** Makes every garbage row of this process different. */
  #turn = 0;
  #batch: Batch | undefined;
  /** Where the next batch begins; 0 when a round over all garbage is complete. */
  #cursor = 0 as BlobId;
  #roundFreedAny = false;
  #collecting: Promise<boolean> | undefined;

  constructor(parts: {
    readonly kv: Kv;
    readonly tables: BlobTables;
    readonly guards: BlobGuards;
    readonly alsoRelease: AlsoRelease;
    /** Called after the commit that deleted the rows of a blob. */
    readonly forget: (id: BlobId, extents: readonly DeviceExtent[], epoch: Epoch) => void;
  }) {
    this.#kv = parts.kv;
    this.#tables = parts.tables;
    this.#guards = parts.guards;
    this.#alsoRelease = parts.alsoRelease;
    this.#forget = parts.forget;
  }

  async areGarbage(reader: KvReader, ids: readonly BlobId[]): Promise<readonly boolean[]> {
    const rows = await reader.getMany(ids.map((id) => blobKey(this.#tables.garbage, id)));
    return rows.map((row) => row !== undefined);
  }

  async retain(tx: KvTransaction, id: BlobId): Promise<void> {
    const referencesKey = blobKey(this.#tables.references, id);
    const garbageKey = blobKey(this.#tables.garbage, id);
    const [references, garbage] = await tx.getMany([referencesKey, garbageKey]);
    if (garbage !== undefined) {
      assert(references === undefined, 'garbage has no references');
      tx.delete(garbageKey);
      return;
    }
    const count = references === undefined ? 1 : decodeReferences(references);
    tx.put(referencesKey, encodeReferences(count + 1));
  }

  async release(tx: KvTransaction, id: BlobId): Promise<void> {
    const referencesKey = blobKey(this.#tables.references, id);
    const garbageKey = blobKey(this.#tables.garbage, id);
    const [references, garbage] = await tx.getMany([referencesKey, garbageKey]);
    assert(garbage === undefined, `blob ${id} is released more often than retained`);
    if (references === undefined) {
      tx.put(garbageKey, encodeGarbage(++this.#turn));
      return;
    }
    const count = decodeReferences(references);
    if (count === 2) tx.delete(referencesKey);
    else tx.put(referencesKey, encodeReferences(count - 1));
  }

  /** One batch; concurrent calls share it. False when there is no garbage, or none that guards let go. */
  collect(): Promise<boolean> {
    this.#collecting ??= this.#collect().finally(() => (this.#collecting = undefined));
    return this.#collecting;
  }

  async #collect(): Promise<boolean> {
    this.#batch ??= await this.#nextBatch();
    const batch = this.#batch;
    if (batch === undefined || this.#guards.isGrace(batch.epoch)) return false;
    const collected = await this.#kv.transact('buffered', (tx) => this.#deleteRows(tx, batch));
    this.#batch = undefined;
    for (const { id, extents } of collected) this.#forget(id, extents, batch.epoch);
    this.#roundFreedAny ||= collected.length > 0;
    if (this.#cursor > 0) return true;
    const roundFreedAny = this.#roundFreedAny;
    this.#roundFreedAny = false;
    return roundFreedAny;
  }

  async #nextBatch(): Promise<Batch | undefined> {
    let entries = await this.#garbageFrom(this.#cursor);
    if (entries.length === 0 && this.#cursor > 0) entries = await this.#garbageFrom(0 as BlobId);
    const last = entries.at(-1);
    if (last === undefined) {
      this.#cursor = 0 as BlobId;
      return undefined;
    }
    this.#cursor = (entries.length < GARBAGE_BATCH_ROWS ? 0 : blobIdOf(last.key) + 1) as BlobId;
    // A release may have been a buffered commit; its loss must not revive a blob whose space is in use again.
    await this.#kv.sync();
    return { entries, epoch: this.#guards.advance() };
  }

  async #garbageFrom(first: BlobId): Promise<readonly Entry[]> {
    const range = tableRange(this.#tables.garbage, first);
    for await (const page of this.#kv.scan(range, { pageEntries: GARBAGE_BATCH_ROWS })) return page;
    return [];
  }

  /** Deletes what is still the same garbage and what no guard keeps. */
  async #deleteRows(tx: KvTransaction, batch: Batch): Promise<readonly Collected[]> {
    const loose = batch.entries.filter(({ key }) => !this.#guards.isKept(blobIdOf(key), batch.epoch));
    const garbage = await tx.getMany(loose.map(({ key }) => key));
    const dead = loose.filter(({ value }, index) => isSameGarbage(value, garbage[index]));
    const rows = await tx.getMany(dead.map(({ key }) => blobKey(this.#tables.device, blobIdOf(key))));
    await this.#alsoRelease(
      tx,
      dead.map(({ key }) => blobIdOf(key)),
    );
    return dead.map(({ key }, index) => {
      const id = blobIdOf(key);
      const row = rows[index];
      tx.delete(key);
      tx.delete(blobKey(row === undefined ? this.#tables.inline : this.#tables.device, id));
      return { id, extents: row === undefined ? [] : decodeDeviceBlob(row).extents };
    });
  }
}
