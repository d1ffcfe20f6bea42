import assert from 'node:assert/strict';
import type { Environment, Log } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv, KvReader, KvTransaction, Value } from '../../kv/kv.ts';
import { BLOB_BYTES_MAX, BLOB_INLINE_BYTES_MAX } from '../../limits.ts';
import type { BlobGuard, BlobId, BlobUsage, StagedBlob } from '../blobs.ts';
import { BlobGarbage } from './blob-garbage.ts';
import { BlobGuards } from './blob-guards.ts';
import {
  BLOB_TABLES,
  blobKey,
  decodeInlineBlob,
  encodeDeviceBlob,
  encodeInlineBlob,
  type BlobTables,
  type DeviceBlob,
} from './blob-records.ts';
import { readDeviceBlob, writeDeviceBlob } from './blob-bytes.ts';
import { BlobRows } from './blob-rows.ts';
import { rebuildSpace } from './blob-scan.ts';
import { BlobSpace, type DeviceGrowth } from './blob-space.ts';
import type { Allocator, Device } from './device.ts';
import type { AlsoRelease, HotBlobs, HotCopy, HotDraft } from './hot-blobs.ts';
import { HotCopies } from './hot-copies.ts';
import { ReadsUnderWay } from './reads-under-way.ts';

export interface BlobsOptions {
  readonly kv: Kv;
  /** The one that the rows describe (device-identity.ts). Stays open when the blobs close. */
  readonly device: Device;
  /** Fresh, of the size of the device. */
  readonly allocator: Allocator;
  readonly environment: Environment;
  /** Greater with each call, also across restarts. */
  readonly nextId: () => number;
  readonly tables?: BlobTables;
  /** Blobs up to this length travel in their row. */
  readonly inlineBytesMax?: number;
  /** Absent for a device of a fixed size. */
  readonly growth?: DeviceGrowth;
  /** Releases copies of blobs that are elsewhere. */
  readonly alsoRelease?: AlsoRelease;
}

/** Blobs on one hot device, small ones in their rows. Reads the table of blobs to learn which space is free. */
export async function openBlobs(options: BlobsOptions): Promise<HotBlobs> {
  const { kv, device, allocator, environment, tables = BLOB_TABLES, alsoRelease } = options;
  assert(allocator.bytesFree() === allocator.bytesTotal(), 'the allocator is in use already');
  assert(allocator.bytesTotal() === device.bytes(), 'the allocator has not the size of the device');
  await rebuildSpace({ kv, tables, allocator, environment, alsoRelease });
  const blobs = new DeviceBlobs(options);
  await blobs.refresh();
  return blobs;
}

/** A staged blob: the row that `attach` will write. */
interface Staged {
  readonly row: Value;
  readonly device: DeviceBlob | undefined;
}

/** Some bytes of a blob, whose length is not known yet. */
interface WantedBytes {
  readonly offset: number;
  readonly lengthOf: (blobLength: number) => number;
  readonly room?: Uint8Array | undefined;
}

class DeviceBlobs implements HotBlobs {
  readonly #kv: Kv;
  readonly #log: Log;
  readonly #device: Device;
  readonly #tables: BlobTables;
  readonly #inlineBytesMax: number;
  readonly #nextId: () => number;
  readonly #guards = new BlobGuards();
  readonly #rows: BlobRows;
  readonly #garbage: BlobGarbage;
  readonly #space: BlobSpace;
  readonly #reads = new ReadsUnderWay();
  readonly #copies: HotCopies;
  readonly #staged = new Map<BlobId, Staged>();
  readonly #active = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: BlobsOptions) {
    const { kv, tables = BLOB_TABLES } = options;
    this.#kv = kv;
    this.#log = options.environment.log;
    this.#device = options.device;
    this.#tables = tables;
    this.#inlineBytesMax = options.inlineBytesMax ?? BLOB_INLINE_BYTES_MAX;
    this.#nextId = options.nextId;
    this.#rows = new BlobRows(kv, tables);
    this.#garbage = new BlobGarbage({
      kv,
      tables,
      guards: this.#guards,
      alsoRelease: options.alsoRelease ?? (() => Promise.resolve()),
      forget: (id, extents, epoch) => {
        this.#rows.forget(id);
        this.#guards.depart(id, { epoch, forget: () => this.#space.release(extents) });
      },
    });
    this.#space = new BlobSpace({
      device: options.device,
      allocator: options.allocator,
      growth: options.growth,
      collect: () => this.#garbage.collect(),
    });
    this.#copies = new HotCopies({
      kv,
      tables,
      device: options.device,
      space: this.#space,
      rows: this.#rows,
      reads: this.#reads,
      inlineBytesMax: this.#inlineBytesMax,
    });
  }

  refresh(): Promise<void> {
    return this.#space.refresh();
  }

  stage(parts: readonly Uint8Array[]): Promise<StagedBlob> {
    return this.#run(() => this.#stage(parts));
  }

  discard(staged: StagedBlob): void {
    const found = this.#staged.get(staged.id);
    assert(found !== undefined, `blob ${staged.id} is not staged`);
    assert(!this.#guards.isDeparted(staged.id), `blob ${staged.id} is discarded twice`);
    this.#guards.depart(staged.id, {
      epoch: this.#guards.advance(),
      forget: () => {
        this.#staged.delete(staged.id);
        // The commit that failed may have reached the disk and name this very space: it stays as it is.
        if (found.device !== undefined && !this.#kv.hasStopped) this.#space.release(found.device.extents);
      },
    });
  }

  flush(staged: readonly StagedBlob[]): Promise<void> {
    return this.#run(async () => {
      if (staged.some(({ length }) => length > this.#inlineBytesMax)) await this.#device.flush();
    });
  }

  attach(tx: KvTransaction, staged: StagedBlob): void {
    const found = this.#staged.get(staged.id);
    assert(found !== undefined, `blob ${staged.id} is not staged`);
    assert(!this.#guards.isDeparted(staged.id), `blob ${staged.id} was discarded`);
    const table = found.device === undefined ? this.#tables.inline : this.#tables.device;
    tx.put(blobKey(table, staged.id), found.row);
    tx.whenCommitted(() => {
      this.#staged.delete(staged.id);
      if (found.device !== undefined) this.#rows.remember(staged.id, found.device);
    });
  }

  retain(tx: KvTransaction, id: BlobId): Promise<void> {
    return this.#garbage.retain(tx, id);
  }

  release(tx: KvTransaction, id: BlobId): Promise<void> {
    return this.#garbage.release(tx, id);
  }

  guard(): BlobGuard {
    return this.#guards.guard();
  }

  read(id: BlobId, offset: number, length: number): Promise<Uint8Array> {
    const lengthOf = (blobLength: number): number => {
      assert(length >= 0 && offset + length <= blobLength, `range ${offset}+${length} of ${blobLength}`);
      return length;
    };
    return this.#readGuarded(id, { offset, lengthOf });
  }

  readUpTo(id: BlobId, offset: number, lengthMax: number, room?: Uint8Array): Promise<Uint8Array> {
    const lengthOf = (blobLength: number): number => Math.min(lengthMax, blobLength - offset);
    return this.#readGuarded(id, { offset, lengthOf, room });
  }

  #readGuarded(id: BlobId, wanted: WantedBytes): Promise<Uint8Array> {
    return this.#run(async () => {
      const { offset } = wanted;
      this.#guards.pin(id);
      this.#reads.begin(id);
      try {
        return await this.#read(id, wanted);
      } catch (failure) {
        // A door may be in the middle of an answer, where all it can do is to break off.
        const isDamaged = failure instanceof Fault && failure.code === 'corrupt';
        if (isDamaged) this.#log.error('hot tier: content is damaged', { blob: id, offset, failure });
        throw failure;
      } finally {
        this.#reads.end(id);
        this.#guards.unpin(id);
      }
    });
  }

  copiesOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (HotCopy | undefined)[]> {
    return this.#copies.of(reader, ids);
  }

  copiesAfter(after: BlobId, countMax: number): Promise<readonly HotCopy[]> {
    return this.#copies.after(after, countMax);
  }

  areGarbage(reader: KvReader, ids: readonly BlobId[]): Promise<readonly boolean[]> {
    return this.#garbage.areGarbage(reader, ids);
  }

  drop(tx: KvTransaction, copy: HotCopy): void {
    this.#copies.drop(tx, copy);
  }

  draft(id: BlobId, bytes: Uint8Array): Promise<HotDraft> {
    return this.#run(() => this.#copies.draft(id, bytes));
  }

  attachDraft(tx: KvTransaction, draft: HotDraft, replaced: HotCopy | undefined): void {
    this.#copies.attachDraft(tx, draft, replaced);
  }

  discardDraft(draft: HotDraft): void {
    this.#copies.discardDraft(draft);
  }

  keep(id: BlobId): () => void {
    this.#guards.pin(id);
    return () => this.#guards.unpin(id);
  }

  collect(): Promise<boolean> {
    return this.#run(async () => {
      const didCollect = await this.#garbage.collect();
      await this.#space.refresh();
      return didCollect;
    });
  }

  usage(): BlobUsage {
    return this.#space.usage();
  }

  /** Waits for what is under way; whatever is asked later is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#active);
  }

  async #run<T>(operation: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Fault('unavailable', 'blob', 'the hot tier is closed');
    const running = operation();
    this.#active.add(running);
    try {
      return await running;
    } finally {
      this.#active.delete(running);
    }
  }

  async #stage(parts: readonly Uint8Array[]): Promise<StagedBlob> {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    assert(length <= BLOB_BYTES_MAX, `a blob of ${length} bytes`);
    const staged =
      length <= this.#inlineBytesMax ? stageInline(parts) : await this.#stageOnDevice(parts, length);
    const id = this.#nextId() as BlobId;
    assert(!this.#staged.has(id), `blob id ${id} is given out twice`);
    this.#staged.set(id, staged);
    return { id, length };
  }

  async #stageOnDevice(parts: readonly Uint8Array[], length: number): Promise<Staged> {
    const extents = await this.#space.allocate(length);
    try {
      const device = await writeDeviceBlob(this.#device, extents, parts);
      return { row: encodeDeviceBlob(device), device };
    } catch (cause) {
      this.#space.release(extents);
      throw cause;
    }
  }

  async #read(id: BlobId, { offset, lengthOf, room }: WantedBytes): Promise<Uint8Array> {
    const staged = this.#staged.get(id);
    const row =
      staged === undefined
        ? await this.#rows.get(id)
        : staged.device === undefined
          ? { inline: decodeInlineBlob(staged.row) }
          : { device: staged.device };
    const blobLength = 'inline' in row ? row.inline.length : row.device.length;
    assert(offset >= 0 && offset <= blobLength, `offset ${offset} of ${blobLength}`);
    const length = lengthOf(blobLength);
    if ('inline' in row) return row.inline.slice(offset, offset + length);
    return readDeviceBlob(this.#device, row.device, { offset, length, room });
  }
}

function stageInline(parts: readonly Uint8Array[]): Staged {
  return { row: encodeInlineBlob(parts), device: undefined };
}
