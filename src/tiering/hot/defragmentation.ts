import assert from 'node:assert/strict';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv, Value } from '../../kv/kv.ts';
import { BLOB_EXTENTS_MAX } from '../../limits.ts';
import {
  DEFRAGMENT_BATCH_BYTES_MAX,
  DEFRAGMENT_BYTES_PER_SECOND,
  DEFRAGMENT_LOOK_UNITS,
  DEFRAGMENT_PAGE_ROWS,
  MIGRATION_PAUSE_MS_MAX,
} from '../../limits/tiering.ts';
import type { BlobId } from '../blobs.ts';
import { Pace } from '../pace.ts';
import { readDeviceBlob, writeDeviceBlob } from './blob-bytes.ts';
import type { BlobGuards } from './blob-guards.ts';
import {
  blobIdOf,
  blobKey,
  decodeDeviceBlob,
  encodeDeviceBlob,
  tableRange,
  type BlobTables,
  type DeviceBlob,
} from './blob-records.ts';
import type { BlobRows } from './blob-rows.ts';
import type { BlobSpace } from './blob-space.ts';
import { fragmentedUnit, SparseUnits } from './fragmentation.ts';
import type { Allocator, Device, DeviceExtent } from './device.ts';
import { misplacedOf, withPlaces, type Emptying, type Misplaced } from './moved-extents.ts';
import type { ReadsUnderWay } from './reads-under-way.ts';

interface Parts {
  readonly kv: Kv;
  readonly tables: BlobTables;
  readonly device: Device;
  readonly allocator: Allocator;
  readonly space: BlobSpace;
  readonly rows: BlobRows;
  readonly guards: BlobGuards;
  readonly reads: ReadsUnderWay;
  readonly environment: Pick<Environment, 'clock'>;
  /** Between two rounds. */
  readonly restMs: number;
}

/** Some units that are being emptied, by one pass over the table of blobs. */
interface Round {
  readonly emptying: Emptying;
  cursor: BlobId;
}

/** A blob on its way: the row that it had, and what of it goes where. */
interface Move {
  readonly id: BlobId;
  readonly row: Value;
  readonly blob: DeviceBlob;
  readonly misplaced: Misplaced;
  readonly places: readonly DeviceExtent[];
}

/**
 * Makes large free extents out of small ones: when most free space lies in units that are partly used, those with the least in
 * them are emptied. A piece is copied, read back and durable before one compare-and-set of the row of its blob makes it
 * count; a blob that was deleted, dropped or written anew meanwhile keeps what it has. What the old place held is free when
 * that commit is durable and readers that had begun have ended. A crash leaves space that no row names, which is free.
 */
export class Defragmentation {
  readonly #parts: Parts;
  readonly #pace: Pace;
  #looking: SparseUnits | undefined;
  #round: Round | undefined;
  #restUntil = -Infinity;
  #bytesMoved = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#pace = new Pace(parts.environment.clock, DEFRAGMENT_BYTES_PER_SECOND);
  }

  /** Since the start. */
  get bytesMoved(): number {
    return this.#bytesMoved;
  }

  /** One bounded unit of a round, where there is need for one. Faults of the device and of the store. */
  async step(): Promise<'busy' | 'idle'> {
    if (this.#round !== undefined) return this.#goOn(this.#round);
    const { allocator, environment } = this.#parts;
    if (environment.clock.monotonic() < this.#restUntil) return 'idle';
    if (this.#looking === undefined) {
      const unit = fragmentedUnit(allocator);
      if (unit === undefined) return 'idle';
      this.#looking = new SparseUnits(allocator, unit);
    }
    if (!this.#looking.look(DEFRAGMENT_LOOK_UNITS)) this.#begin(this.#looking);
    return 'busy';
  }

  #begin(looking: SparseUnits): void {
    this.#looking = undefined;
    const chosen = looking.chosen();
    if (chosen.length === 0) return this.#end();
    this.#parts.allocator.shun(looking.unit, chosen);
    const units = new Set(chosen);
    const emptying = { unitBytes: looking.unit, has: (index: number) => units.has(index) };
    this.#round = { emptying, cursor: 0 as BlobId };
  }

  #end(): void {
    const { allocator, environment, restMs } = this.#parts;
    allocator.unshun();
    this.#round = undefined;
    this.#restUntil = environment.clock.monotonic() + restMs;
  }

  async #goOn(round: Round): Promise<'busy'> {
    const { allocator, environment } = this.#parts;
    const waitMs = this.#pace.waitMs();
    if (waitMs > 0) {
      await environment.clock.sleep(Math.min(waitMs, MIGRATION_PAUSE_MS_MAX));
      return 'busy';
    }
    // Somebody needed the room: it is no time for tidying up.
    if (!allocator.isShunning()) {
      this.#end();
      return 'busy';
    }
    const { moves, isOver } = await this.#plan(round);
    if (moves.length > 0) await this.#move(round, moves);
    if (isOver) this.#end();
    return 'busy';
  }

  /** Moves for the next page of the table, as many as one batch takes. */
  async #plan(round: Round): Promise<{ readonly moves: readonly Move[]; readonly isOver: boolean }> {
    const { kv, tables } = this.#parts;
    const moves: Move[] = [];
    let bytes = 0;
    const range = tableRange(tables.device, (round.cursor + 1) as BlobId);
    for await (const page of kv.scan(range, { pageEntries: DEFRAGMENT_PAGE_ROWS })) {
      for (const { key, value } of page) {
        const move = this.#planned(round, blobIdOf(key), value);
        if (move === 'no-room') return { moves, isOver: true };
        round.cursor = blobIdOf(key);
        if (move === undefined) continue;
        moves.push(move);
        bytes += move.misplaced.bytes;
        if (bytes >= DEFRAGMENT_BATCH_BYTES_MAX) return { moves, isOver: false };
      }
      return { moves, isOver: false };
    }
    return { moves, isOver: true };
  }

  #planned({ emptying }: Round, id: BlobId, row: Value): Move | 'no-room' | undefined {
    const { allocator, space } = this.#parts;
    const blob = decodeDeviceBlob(row);
    const misplaced = misplacedOf(blob, emptying);
    if (misplaced === undefined) return undefined;
    const places = allocator.allocate(misplaced.bytes);
    if (places === undefined) return 'no-room';
    if (blob.extents.length + misplaced.extents.length + places.length <= BLOB_EXTENTS_MAX) {
      return { id, row, blob, misplaced, places };
    }
    space.release(places);
    return undefined;
  }

  /** The blobs stay where they are for readers, and exist, while this runs. */
  async #move({ emptying }: Round, moves: readonly Move[]): Promise<void> {
    const { kv, guards, reads, space } = this.#parts;
    for (const { id } of moves) {
      guards.pin(id);
      reads.begin(id);
    }
    const switched = new Set<Move>();
    try {
      const copied = await this.#copy(moves);
      for (const move of await this.#switch(emptying, copied)) switched.add(move);
    } finally {
      for (const { id } of moves) {
        reads.end(id);
        guards.unpin(id);
      }
      // A commit that failed may have reached the disk and name the new places: they stay as they are.
      const unused = kv.hasStopped ? [] : moves.filter((move) => !switched.has(move));
      for (const { places } of unused) space.release(places);
    }
  }

  /** Those whose bytes are durable at their new place, and were read back. */
  async #copy(moves: readonly Move[]): Promise<readonly Move[]> {
    const { device } = this.#parts;
    const copying = moves.map((move) => this.#copyOne(move));
    // None is under way any more when one has failed: the places of all are free again then.
    await Promise.allSettled(copying);
    const areCopied = await Promise.all(copying);
    const copied = moves.filter((_, index) => areCopied[index]);
    await device.flush();
    for (const { misplaced, places } of copied) await this.#read(misplaced, places);
    return copied;
  }

  /** False for what is damaged, which stays where it is: readers and scrubbing find it, and make it anew where they can. */
  async #copyOne({ misplaced, places }: Move): Promise<boolean> {
    const bytes = await this.#read(misplaced, misplaced.extents).catch((cause: unknown) => {
      if (cause instanceof Fault && cause.code === 'corrupt') return undefined;
      throw cause;
    });
    if (bytes === undefined) return false;
    // It was there before others went: it will stay.
    const run = { length: bytes.length, keyId: undefined, parts: [bytes], lifetime: 'long' } as const;
    const { checksums } = await writeDeviceBlob(this.#parts.device, places, run);
    assert.deepEqual(checksums, misplaced.checksums, 'the same bytes have the same checksums');
    return true;
  }

  #read({ checksums, bytes }: Misplaced, extents: readonly DeviceExtent[]): Promise<Uint8Array> {
    const run = { length: bytes, keyId: undefined, extents, checksums };
    return readDeviceBlob(this.#parts.device, run, { offset: 0, length: bytes });
  }

  /** One commit for all whose row is still what it was. */
  async #switch(emptying: Emptying, moves: readonly Move[]): Promise<readonly Move[]> {
    const { kv, tables, rows, reads, space } = this.#parts;
    if (moves.length === 0) return [];
    const switched = await kv.transact('durable', async (tx) => {
      const now = await tx.getMany(moves.map(({ id }) => blobKey(tables.device, id)));
      const same = moves.filter(({ row }, index) => isSame(row, now[index]));
      for (const { id, blob, places } of same) {
        tx.put(blobKey(tables.device, id), encodeDeviceBlob(withPlaces(blob, emptying, places)));
      }
      return same;
    });
    for (const { id, misplaced } of switched) {
      rows.forget(id);
      reads.afterwards(id, () => space.release(misplaced.extents));
      this.#bytesMoved += misplaced.bytes;
      this.#pace.spend(misplaced.bytes);
    }
    return switched;
  }
}

const isSame = (a: Value, b: Value | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0;
