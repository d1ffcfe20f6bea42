import assert from 'node:assert/strict';
import type { Kv, KvReader, KvTransaction, Value } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import { readDeviceBlob, type BlobRun } from './blob-bytes.ts';
import {
  blobIdOf,
  blobKey,
  bytesStored,
  decodeDeviceBlob,
  decodeInlineBlob,
  encodeDeviceBlob,
  encodeInlineBlob,
  tableRange,
  type BlobTables,
  type DeviceBlob,
} from './blob-records.ts';
import type { BlobRows } from './blob-rows.ts';
import type { BlobSpace } from './blob-space.ts';
import type { BlobText } from './blob-text.ts';
import type { Device, DeviceExtent } from './device.ts';
import type { HotCopy, HotDraft } from './hot-blobs.ts';
import { placeBlob } from './place-blob.ts';
import type { ReadsUnderWay } from './reads-under-way.ts';

interface Parts {
  readonly kv: Kv;
  readonly tables: BlobTables;
  readonly device: Device;
  readonly space: BlobSpace;
  readonly rows: BlobRows;
  readonly reads: ReadsUnderWay;
  readonly text: BlobText;
  readonly inlineBytesMax: number;
}

interface Draft extends HotDraft {
  readonly row: Value;
  readonly device: DeviceBlob | undefined;
}

/** Copies of the hot tier that come and go while their blob stays, because it has others in lower tiers. */
export class HotCopies {
  readonly #parts: Parts;
  readonly #drafts = new Map<HotDraft, Draft>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async of(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (HotCopy | undefined)[]> {
    const { device, inline } = this.#parts.tables;
    const rows = await reader.getMany(ids.flatMap((id) => [blobKey(device, id), blobKey(inline, id)]));
    return ids.map((id, index) => {
      const [onDevice, inRow] = [rows[2 * index], rows[2 * index + 1]];
      assert(onDevice === undefined || inRow === undefined, `blob ${id} has two hot copies`);
      if (onDevice !== undefined) return deviceCopy(id, onDevice);
      if (inRow === undefined) return undefined;
      return { id, length: decodeInlineBlob(inRow).length, bytesTaken: 0, row: inRow };
    });
  }

  /** Which have a copy here. */
  async present(reader: KvReader, ids: readonly BlobId[]): Promise<readonly ('hot' | undefined)[]> {
    const { device, inline } = this.#parts.tables;
    const rows = await reader.getMany(ids.flatMap((id) => [blobKey(device, id), blobKey(inline, id)]));
    return ids.map((_, index) => (rows[2 * index] ?? rows[2 * index + 1]) && 'hot');
  }

  async after(after: BlobId, countMax: number): Promise<readonly HotCopy[]> {
    const { kv, tables } = this.#parts;
    const range = tableRange(tables.device, (after + 1) as BlobId);
    for await (const page of kv.scan(range, { pageEntries: countMax })) {
      return page.map(({ key, value }) => deviceCopy(blobIdOf(key), value));
    }
    return [];
  }

  drop(tx: KvTransaction, { id, bytesTaken, row }: HotCopy): void {
    const { tables, rows } = this.#parts;
    tx.delete(blobKey(bytesTaken > 0 ? tables.device : tables.inline, id));
    if (bytesTaken === 0) return;
    const { extents } = decodeDeviceBlob(row);
    // Not earlier than the commit is durable: if it were lost, the row would name space that others write to.
    tx.whenCommitted(() => {
      rows.forget(id);
      this.#release(id, extents);
    });
  }

  /** Sealed, whatever the blob was before: a lower copy does not say, and must not be the way to plain text. */
  draft(id: BlobId, bytes: Uint8Array): Promise<HotDraft> {
    const { text, inlineBytesMax } = this.#parts;
    const { length } = bytes;
    return text.seal(id, [bytes], async (sealed, keyId) => {
      if (length > inlineBytesMax) {
        // The read cache: it goes again when others are read more.
        return this.#draftOnDevice(id, { length, keyId, parts: [sealed], lifetime: 'short' });
      }
      return this.#keep({ id, length, row: encodeInlineBlob([sealed], keyId) }, undefined);
    });
  }

  async #draftOnDevice(id: BlobId, run: BlobRun): Promise<HotDraft> {
    const { device, space } = this.#parts;
    const placed = await placeBlob(this.#parts, run);
    try {
      await device.flush();
      await readDeviceBlob(device, placed, { offset: 0, length: bytesStored(run) });
      return this.#keep({ id, length: run.length, row: encodeDeviceBlob(placed) }, placed);
    } catch (cause) {
      space.release(placed.extents);
      throw cause;
    }
  }

  attachDraft(tx: KvTransaction, draft: HotDraft, replaced: HotCopy | undefined): void {
    const { tables, rows } = this.#parts;
    const found = this.#found(draft);
    assert(replaced === undefined || replaced.length === found.length, 'a copy of another length');
    if (replaced !== undefined) this.drop(tx, replaced);
    tx.put(blobKey(found.device === undefined ? tables.inline : tables.device, found.id), found.row);
    tx.whenCommitted(() => {
      this.#drafts.delete(draft);
      if (found.device !== undefined) rows.remember(found.id, found.device);
    });
  }

  discardDraft(draft: HotDraft): void {
    const { device } = this.#found(draft);
    this.#drafts.delete(draft);
    // The commit that failed may have reached the disk and name this very space: it stays as it is.
    if (device !== undefined && !this.#parts.kv.hasStopped) this.#parts.space.release(device.extents);
  }

  #keep(made: Omit<Draft, 'bytesTaken' | 'device'>, device: DeviceBlob | undefined): HotDraft {
    const draft = { ...made, device, bytesTaken: bytesOf(device?.extents ?? []) };
    this.#drafts.set(draft, draft);
    return draft;
  }

  #found(draft: HotDraft): Draft {
    const found = this.#drafts.get(draft);
    assert(found !== undefined, `blob ${draft.id} has no such draft`);
    return found;
  }

  #release(id: BlobId, extents: readonly DeviceExtent[]): void {
    const { reads, space } = this.#parts;
    reads.afterwards(id, () => space.release(extents));
  }
}

function deviceCopy(id: BlobId, row: Value): HotCopy {
  const { length, extents } = decodeDeviceBlob(row);
  return { id, length, bytesTaken: bytesOf(extents), row };
}

const bytesOf = (extents: readonly DeviceExtent[]): number =>
  extents.reduce((sum, { length }) => sum + length, 0);
