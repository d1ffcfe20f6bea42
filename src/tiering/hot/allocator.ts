import assert from 'node:assert/strict';
import {
  BLOCK_BYTES,
  type Allocator,
  type DeviceExtent,
  REGION_BYTES,
  type SparseUnit,
  type UnitBytes,
} from './device.ts';
import { RunLists, type Run } from './run-lists.ts';

/** How many units of one class make a unit of the next: 4 KiB, 64 KiB, 1 MiB, 64 MiB. */
const BLOCKS_PER_CHUNK = 16;
const CHUNKS_PER_MEBIBYTE = 16;
const MEBIBYTES_PER_REGION = 64;
const BLOCKS_PER_MEBIBYTE = BLOCKS_PER_CHUNK * CHUNKS_PER_MEBIBYTE;
const BLOCKS_PER_REGION = BLOCKS_PER_MEBIBYTE * MEBIBYTES_PER_REGION;
/** A unit is sparse when at most this share of it is in use: emptying it costs little beside what it gives. */
const SPARSE_SHARE_MAX = 0.25;

/**
 * Free space as three bitmaps, one per class: a unit is free in its class when all of it is. A unit is found through
 * lists by the longest free run inside its parent, so that both an exact fit and the longest piece are one look-up, and
 * freed neighbours coalesce by themselves. The last unit of a run gives back what the request does not fill.
 */
export function openAllocator(bytes: number): Allocator {
  return new RunAllocator(bytes);
}

class RunAllocator implements Allocator {
  #regionCount = 0;
  #freeBlocks = 0;
  #isShunning = false;
  /** Wholly free units are found in the class above, except regions, which have none above. */
  readonly #blocks = new RunLists(BLOCKS_PER_CHUNK, BLOCKS_PER_CHUNK - 1);
  readonly #chunks = new RunLists(CHUNKS_PER_MEBIBYTE, CHUNKS_PER_MEBIBYTE - 1);
  readonly #mebibytes = new RunLists(MEBIBYTES_PER_REGION, MEBIBYTES_PER_REGION);

  constructor(bytes: number) {
    this.grow(bytes);
  }

  bytesFree(): number {
    return this.#freeBlocks * BLOCK_BYTES;
  }

  bytesTotal(): number {
    return this.#regionCount * BLOCKS_PER_REGION * BLOCK_BYTES;
  }

  grow(bytes: number): void {
    const regionCount = bytes / (BLOCKS_PER_REGION * BLOCK_BYTES);
    assert(Number.isInteger(regionCount), `size ${bytes} is not a multiple of the greatest class`);
    assert(regionCount >= this.#regionCount, 'a device does not shrink');
    this.#freeBlocks += (regionCount - this.#regionCount) * BLOCKS_PER_REGION;
    this.#regionCount = regionCount;
    this.#blocks.grow(regionCount * MEBIBYTES_PER_REGION * CHUNKS_PER_MEBIBYTE);
    this.#chunks.grow(regionCount * MEBIBYTES_PER_REGION);
    this.#mebibytes.grow(regionCount);
  }

  allocate(length: number): readonly DeviceExtent[] | undefined {
    assert(Number.isSafeInteger(length) && length > 0, `length ${length}`);
    let wanted = Math.ceil(length / BLOCK_BYTES);
    if (wanted > this.#freeBlocks) return undefined;
    const runs: Run[] = [];
    while (wanted > 0) {
      const run = this.#find(Math.min(wanted, BLOCKS_PER_REGION));
      this.#mark(run, true);
      runs.push(run);
      wanted -= run.count;
    }
    return merged(runs).map(toExtent);
  }

  reserve(extent: DeviceExtent): void {
    this.#mark(this.#toRun(extent), true);
  }

  release(extent: DeviceExtent): void {
    this.#mark(this.#toRun(extent), false);
  }

  isFree(extent: DeviceExtent): boolean {
    const { start, count } = this.#toRun(extent);
    assert(start % BLOCKS_PER_MEBIBYTE === 0 && count % BLOCKS_PER_MEBIBYTE === 0, 'whole units of 1 MiB');
    for (let block = start; block < start + count; block += BLOCKS_PER_MEBIBYTE) {
      if (this.#mebibytes.isUsed(block / BLOCKS_PER_MEBIBYTE)) return false;
    }
    return true;
  }

  bytesFreeIn(unit: UnitBytes): number {
    const { mebibytes } = unitOf(unit);
    const unitsFree = mebibytes === 1 ? this.#mebibytes.unitsFree() : this.#mebibytes.groupsFree();
    return unitsFree * unit;
  }

  sparse(unit: UnitBytes, first: number, count: number): readonly SparseUnit[] {
    const { mebibytes, blocks } = unitOf(unit);
    const usedMax = blocks * SPARSE_SHARE_MAX;
    const found: SparseUnit[] = [];
    const end = Math.min(first + count, this.bytesTotal() / unit);
    for (let index = first; index < end; index++) {
      const used = this.#usedIn(index * mebibytes, mebibytes, usedMax);
      if (used > 0 && used <= usedMax) found.push({ index, bytesUsed: used * BLOCK_BYTES });
    }
    return found;
  }

  shun(unit: UnitBytes, indexes: readonly number[]): void {
    const { mebibytes } = unitOf(unit);
    for (const index of indexes) {
      if (unit === REGION_BYTES) this.#mebibytes.shun(index);
      for (let mebibyte = index * mebibytes; mebibyte < (index + 1) * mebibytes; mebibyte++) {
        this.#chunks.shun(mebibyte);
        for (let chunk = 0; chunk < CHUNKS_PER_MEBIBYTE; chunk++) {
          this.#blocks.shun(mebibyte * CHUNKS_PER_MEBIBYTE + chunk);
        }
      }
    }
    this.#isShunning = true;
  }

  unshun(): void {
    for (const lists of [this.#blocks, this.#chunks, this.#mebibytes]) lists.unshun();
    this.#isShunning = false;
  }

  isShunning(): boolean {
    return this.#isShunning;
  }

  /** Blocks in use of some MiB; more than `enough` is not counted exactly. */
  #usedIn(first: number, count: number, enough: number): number {
    let used = 0;
    for (let chunk = first * CHUNKS_PER_MEBIBYTE; chunk < (first + count) * CHUNKS_PER_MEBIBYTE; chunk++) {
      used += this.#blocks.usedIn(chunk);
      if (used > enough) break;
    }
    return used;
  }

  /** One free run of `wanted` blocks, or where there is none the longest that can be had; of what is shunned only in need. */
  #find(wanted: number): Run {
    const found = this.#fitting(wanted) ?? this.#longest();
    if (found !== undefined) return found;
    assert(this.#isShunning, 'free blocks are counted that no list holds');
    this.unshun();
    return this.#find(wanted);
  }

  #fitting(wanted: number): Run | undefined {
    if (wanted < BLOCKS_PER_CHUNK) {
      const start = this.#blocks.find(wanted);
      if (start !== undefined) return { start, count: wanted };
    }
    if (wanted < BLOCKS_PER_MEBIBYTE) {
      const start = this.#chunks.find(Math.ceil(wanted / BLOCKS_PER_CHUNK));
      if (start !== undefined) return { start: start * BLOCKS_PER_CHUNK, count: wanted };
    }
    const start = this.#mebibytes.find(Math.ceil(wanted / BLOCKS_PER_MEBIBYTE));
    return start === undefined ? undefined : { start: start * BLOCKS_PER_MEBIBYTE, count: wanted };
  }

  #longest(): Run | undefined {
    for (const [lists, blocksPerUnit] of [
      [this.#mebibytes, BLOCKS_PER_MEBIBYTE],
      [this.#chunks, BLOCKS_PER_CHUNK],
      [this.#blocks, 1],
    ] as const) {
      const run = lists.longest();
      if (run !== undefined) return { start: run.start * blocksPerUnit, count: run.count * blocksPerUnit };
    }
    return undefined;
  }

  #toRun(extent: DeviceExtent): Run {
    const run = { start: extent.offset / BLOCK_BYTES, count: extent.length / BLOCK_BYTES };
    assert(Number.isSafeInteger(run.start) && run.start >= 0, `extent at ${extent.offset}`);
    assert(Number.isSafeInteger(run.count) && run.count > 0, `extent of ${extent.length} bytes`);
    assert(
      run.start + run.count <= this.#regionCount * BLOCKS_PER_REGION,
      'an extent ends outside the device',
    );
    return run;
  }

  /** Turns every block of the run from free to used or back; a block that is so already is a broken invariant. */
  #mark(run: Run, used: boolean): void {
    const chunks = this.#blocks.mark(run, used);
    const mebibytes = chunks === undefined ? undefined : this.#chunks.mark(chunks, used);
    if (mebibytes !== undefined) this.#mebibytes.mark(mebibytes, used);
    this.#freeBlocks += used ? -run.count : run.count;
  }
}

/** Pieces that happen to touch become one extent. */
function merged(runs: readonly Run[]): readonly Run[] {
  if (runs.length === 1) return runs;
  const joined: Run[] = [];
  for (const run of runs.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && last.start + last.count === run.start) {
      joined[joined.length - 1] = { start: last.start, count: last.count + run.count };
    } else {
      joined.push(run);
    }
  }
  return joined;
}

/** A class in MiB and in blocks. */
const unitOf = (unit: UnitBytes): { readonly mebibytes: number; readonly blocks: number } =>
  unit === REGION_BYTES
    ? { mebibytes: MEBIBYTES_PER_REGION, blocks: BLOCKS_PER_REGION }
    : { mebibytes: 1, blocks: BLOCKS_PER_MEBIBYTE };

function toExtent(run: Run): DeviceExtent {
  return { offset: run.start * BLOCK_BYTES, length: run.count * BLOCK_BYTES };
}
