import assert from 'node:assert/strict';
import type { Environment, Log } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv, KvReader, KvTransaction, Value } from '../../kv/kv.ts';
import { BLOB_BYTES_MAX, BLOB_INLINE_BYTES_MAX } from '../../limits.ts';
import { DEFRAGMENT_REST_MS } from '../../limits/tiering.ts';
import { FRAME_BYTES, sealedBytes, type Cipher } from '../../workers/cipher.ts';
import type { BlobGuard, BlobId, BlobUsage, StagedBlob } from '../blobs.ts';
import type { DataKeys } from '../data-keys.ts';
import { BlobGarbage } from './blob-garbage.ts';
import { BlobGuards } from './blob-guards.ts';
import {
  BLOB_TABLES,
  blobKey,
  decodeInlineBlob,
  encodeDeviceBlob,
  encodeInlineBlob,
  roomForInlineBlob,
  type BlobTables,
  type DeviceBlob,
  type InlineBlob,
} from './blob-records.ts';
import { readDeviceBlob, type BlobRun } from './blob-bytes.ts';
import { BlobRows } from './blob-rows.ts';
import { rebuildSpace } from './blob-scan.ts';
import { BlobSpace, type DeviceGrowth } from './blob-space.ts';
import { BlobText, type StoredBlob } from './blob-text.ts';
import { Defragmentation } from './defragmentation.ts';
import { MEBIBYTE_BYTES, type Allocator, type Device, type DeviceExtent, type Lifetime } from './device.ts';
import { FailedSpace } from './failed-space.ts';
import type { AlsoRelease, HotBlobs, HotCopy, HotDraft, HotUpkeep } from './hot-blobs.ts';
import { HotCopies } from './hot-copies.ts';
import { placeBlob } from './place-blob.ts';
import { ReadsUnderWay } from './reads-under-way.ts';
import { Trims } from './trims.ts';

export interface BlobsOptions {
  readonly kv: Kv;
  /** The one that the rows describe (device-identity.ts). Stays open when the blobs close. */
  readonly device: Device;
  /** Fresh, of the size of the device. */
  readonly allocator: Allocator;
  readonly environment: Environment;
  readonly cipher: Cipher;
  /** What sealed blobs are sealed with. */
  readonly dataKeys: DataKeys;
  /** Greater with each call, also across restarts. */
  readonly nextId: () => number;
  readonly tables?: BlobTables;
  /** Blobs up to this length travel in their row. */
  readonly inlineBytesMax?: number;
  /** How long space stays free before it is given back to the device; absent: it never is. */
  readonly trimAfterMs?: number;
  /** Between two rounds of defragmentation. */
  readonly defragmentRestMs?: number;
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
  const retired = await rebuildSpace({ kv, tables, allocator, environment, alsoRelease });
  const blobs = new DeviceBlobs(options, retired);
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

/** Some bytes of a blob that lies in its row. */
interface RowRange {
  readonly id: BlobId;
  readonly inline: InlineBlob;
  readonly offset: number;
  readonly length: number;
}

const closed = (): Fault => new Fault('unavailable', 'blob', 'the hot tier is closed');

class DeviceBlobs implements HotBlobs {
  readonly #kv: Kv;
  readonly #log: Log;
  readonly #device: Device;
  readonly #tables: BlobTables;
  readonly #inlineBytesMax: number;
  readonly #nextId: () => number;
  readonly #guards = new BlobGuards();
  readonly #rows: BlobRows;
  readonly #text: BlobText;
  readonly #garbage: BlobGarbage;
  readonly #space: BlobSpace;
  readonly #reads = new ReadsUnderWay();
  readonly #copies: HotCopies;
  readonly #allocator: Allocator;
  readonly #trims: Trims;
  readonly #failed: FailedSpace;
  readonly #defragmentation: Defragmentation;
  readonly #staged = new Map<BlobId, Staged>();
  readonly #active = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: BlobsOptions, retired: readonly DeviceExtent[]) {
    const { kv, tables = BLOB_TABLES, allocator, environment } = options;
    this.#kv = kv;
    this.#log = environment.log;
    this.#failed = new FailedSpace({ kv, tables, device: options.device, allocator, environment }, retired);
    const device = this.#failed.noticing(options.device);
    this.#device = device;
    this.#tables = tables;
    this.#inlineBytesMax = options.inlineBytesMax ?? BLOB_INLINE_BYTES_MAX;
    this.#nextId = options.nextId;
    this.#rows = new BlobRows(kv, tables);
    const { cipher, dataKeys, trimAfterMs: afterMs } = options;
    this.#text = new BlobText({ cipher, dataKeys, random: environment.random });
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
    this.#allocator = allocator;
    this.#trims = new Trims({ kv, device, allocator, environment, afterMs });
    this.#space = new BlobSpace({
      ...{ device, allocator },
      growth: options.growth,
      ...{ trims: this.#trims, failed: this.#failed },
      collect: () => this.#garbage.collect(),
    });
    this.#copies = new HotCopies({
      kv,
      tables,
      device,
      space: this.#space,
      rows: this.#rows,
      reads: this.#reads,
      text: this.#text,
      inlineBytesMax: this.#inlineBytesMax,
    });
    const shared = { kv, tables, device, allocator, environment, space: this.#space, rows: this.#rows };
    this.#defragmentation = new Defragmentation({
      ...{ ...shared, guards: this.#guards, reads: this.#reads },
      restMs: options.defragmentRestMs ?? DEFRAGMENT_REST_MS,
    });
  }

  refresh(): Promise<void> {
    return this.#space.refresh();
  }

  stage(parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<StagedBlob> {
    const length = lengthOf(parts);
    return this.#run(() => this.#stage(this.#newId(), { length, keyId: undefined, parts, lifetime }));
  }

  stageSealed(parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<StagedBlob> {
    const length = lengthOf(parts);
    if (length <= this.#inlineBytesMax) return this.#stageInRow(parts, length);
    return this.#run(() => {
      const id = this.#newId();
      return this.#text.seal(id, parts, (sealed, keyId) =>
        this.#stage(id, { length, keyId, parts: [sealed], lifetime }),
      );
    });
  }

  /** Sealed where it will lie. */
  async #stageInRow(parts: readonly Uint8Array[], length: number): Promise<StagedBlob> {
    if (this.#isClosed) throw closed();
    const id = this.#newId();
    const { row, keyId, stored } = roomForInlineBlob(this.#text.keyId(), sealedBytes(length));
    this.#text.sealInto(stored, { id, keyId, parts });
    return this.#keepStaged(id, length, { row, device: undefined });
  }

  #keepStaged(id: BlobId, length: number, staged: Staged): StagedBlob {
    if (this.#staged.has(id)) assert.fail(`blob id ${id} is given out twice`);
    this.#staged.set(id, staged);
    return { id, length };
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

  async flush(staged: readonly StagedBlob[]): Promise<void> {
    if (!staged.some(({ length }) => length > this.#inlineBytesMax)) return;
    await this.#run(() => this.#device.flush());
  }

  attach(tx: KvTransaction, staged: StagedBlob): void {
    const found = this.#staged.get(staged.id);
    if (found === undefined) assert.fail(`blob ${staged.id} is not staged`);
    if (this.#guards.isDeparted(staged.id)) assert.fail(`blob ${staged.id} was discarded`);
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
      if (length < 0 || offset + length > blobLength)
        assert.fail(`range ${offset}+${length} of ${blobLength}`);
      return length;
    };
    return this.#run(async () => {
      const inline = this.#staged.has(id) ? undefined : await this.#rows.inline(id);
      // Who has the row has all of it, whatever becomes of the blob meanwhile.
      if (inline !== undefined) return this.#readRow({ id, inline, offset, length });
      return this.#pinned(id, offset, () => this.#read(id, { offset, lengthOf }));
    });
  }

  #readRow({ id, inline, offset, length }: RowRange): Uint8Array {
    if (offset < 0 || length < 0 || offset + length > inline.length)
      assert.fail(`range ${offset}+${length} of ${inline.length}`);
    const { keyId, stored } = inline;
    if (keyId === undefined) return stored.slice(offset, offset + length);
    try {
      return this.#text.openWhole(id, keyId, stored).subarray(offset, offset + length);
    } catch (failure) {
      this.#noteDamage(id, offset, failure);
      throw failure;
    }
  }

  /** A door may be in the middle of an answer, where all it can do is to break off. */
  #noteDamage(id: BlobId, offset: number, failure: unknown): void {
    const isDamaged = failure instanceof Fault && failure.code === 'corrupt';
    if (isDamaged) this.#log.error('hot tier: content is damaged', { blob: id, offset, failure });
  }

  readUpTo(id: BlobId, offset: number, lengthMax: number, room?: Uint8Array): Promise<Uint8Array> {
    const lengthOf = (blobLength: number): number => Math.min(lengthMax, blobLength - offset);
    return this.#guarded(id, offset, () => this.#read(id, { offset, lengthOf, room }));
  }

  readFrames(id: BlobId, first: number, targets: readonly Uint8Array[]): Promise<number> {
    const offset = first * FRAME_BYTES;
    return this.#guarded(id, offset, async () => {
      const blob = await this.#find(id);
      assertWithin(blob, offset);
      return this.#text.readFrames(blob, first, targets);
    });
  }

  #guarded<Result>(id: BlobId, offset: number, read: () => Promise<Result>): Promise<Result> {
    return this.#run(() => this.#pinned(id, offset, read));
  }

  /** The blob stays where it is while `read` runs. */
  async #pinned<Result>(id: BlobId, offset: number, read: () => Promise<Result>): Promise<Result> {
    this.#guards.pin(id);
    this.#reads.begin(id);
    try {
      return await read();
    } catch (failure) {
      this.#noteDamage(id, offset, failure);
      throw failure;
    } finally {
      this.#reads.end(id);
      this.#guards.unpin(id);
    }
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

  warmestOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly ('hot' | undefined)[]> {
    return this.#copies.present(reader, ids);
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

  trim(): Promise<'busy' | 'idle'> {
    return this.#run(() => this.#trims.step());
  }

  examine(): Promise<'busy' | 'idle'> {
    return this.#run(() => this.#failed.step());
  }

  defragment(): Promise<'busy' | 'idle'> {
    return this.#run(() => this.#defragmentation.step());
  }

  upkeep(): HotUpkeep {
    return {
      bytesTrimmed: this.#trims.bytesTrimmed,
      bytesDefragmented: this.#defragmentation.bytesMoved,
      bytesFreeWhole: this.#allocator.bytesFreeIn(MEBIBYTE_BYTES),
      bytesRetired: this.#failed.bytes.retired,
      bytesSuspect: this.#failed.bytes.held,
    };
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
    if (this.#isClosed) throw closed();
    const running = operation();
    this.#active.add(running);
    try {
      return await running;
    } finally {
      this.#active.delete(running);
    }
  }

  #newId(): BlobId {
    return this.#nextId() as BlobId;
  }

  async #stage(id: BlobId, run: BlobRun): Promise<StagedBlob> {
    const { length, keyId, parts } = run;
    const bytes = lengthOf(parts);
    if (bytes > BLOB_BYTES_MAX) assert.fail(`a blob of ${bytes} bytes`);
    const isInline = length <= this.#inlineBytesMax;
    const staged = isInline
      ? { row: encodeInlineBlob(parts, keyId), device: undefined }
      : await this.#stageOnDevice(run);
    return this.#keepStaged(id, length, staged);
  }

  async #stageOnDevice(run: BlobRun): Promise<Staged> {
    const device = await placeBlob({ device: this.#device, space: this.#space }, run);
    return { row: encodeDeviceBlob(device), device };
  }

  async #read(id: BlobId, { offset, lengthOf, room }: WantedBytes): Promise<Uint8Array> {
    const blob = await this.#find(id);
    assertWithin(blob, offset);
    const range = { offset, length: lengthOf(blob.length) };
    if (blob.keyId !== undefined) return this.#text.read(blob, blob.keyId, range);
    const bytes = await blob.fetch(range, room);
    return blob.isInline ? bytes.slice() : bytes;
  }

  async #find(id: BlobId): Promise<StoredBlob> {
    const staged = this.#staged.get(id);
    const row =
      staged === undefined
        ? await this.#rows.get(id)
        : staged.device === undefined
          ? { inline: decodeInlineBlob(staged.row) }
          : { device: staged.device };
    if ('device' in row) {
      const { length, keyId } = row.device;
      const fetch: StoredBlob['fetch'] = (range, room) =>
        readDeviceBlob(this.#device, row.device, { ...range, room });
      return { id, length, keyId, isInline: false, fetch };
    }
    const { length, keyId, stored } = row.inline;
    const fetch: StoredBlob['fetch'] = async (range) =>
      stored.subarray(range.offset, range.offset + range.length);
    return { id, length, keyId, isInline: true, fetch };
  }
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

function assertWithin({ id, length }: StoredBlob, offset: number): void {
  assert(offset >= 0 && offset <= length, `offset ${offset} of ${length} of blob ${id}`);
}
