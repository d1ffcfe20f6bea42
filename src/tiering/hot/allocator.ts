import assert from 'node:assert/strict';
import { BLOCK_BYTES, type Allocator, type DeviceExtent } from './device.ts';

/** How many units of one class make a unit of the next: 4 KiB, 64 KiB, 1 MiB, 64 MiB. */
const BLOCKS_PER_CHUNK = 16;
const CHUNKS_PER_MEBIBYTE = 16;
const MEBIBYTES_PER_REGION = 64;
const BLOCKS_PER_MEBIBYTE = BLOCKS_PER_CHUNK * CHUNKS_PER_MEBIBYTE;
const BLOCKS_PER_REGION = BLOCKS_PER_MEBIBYTE * MEBIBYTES_PER_REGION;

/** A run of blocks. */
interface Run {
  readonly start: number;
  readonly count: number;
}

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

  /** One free run of `wanted` blocks, or where there is none the longest that can be had. */
  #find(wanted: number): Run {
    return this.#fitting(wanted) ?? this.#longest();
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

  #longest(): Run {
    for (const [lists, blocksPerUnit] of [
      [this.#mebibytes, BLOCKS_PER_MEBIBYTE],
      [this.#chunks, BLOCKS_PER_CHUNK],
      [this.#blocks, 1],
    ] as const) {
      const run = lists.longest();
      if (run !== undefined) return { start: run.start * blocksPerUnit, count: run.count * blocksPerUnit };
    }
    assert.fail('free blocks are counted that no list holds');
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

/** The units of one class in groups (their parents), and a list of the groups for each length of their longest free run. */
class RunLists {
  readonly #unitsPerGroup: number;
  /** Groups whose run is longer are in no list. */
  readonly #runMax: number;
  #groupCount = 0;
  /** One bit a unit, 1 = used (or not wholly free); two words a group, so that 64 units fit. */
  #used = new Uint32Array(0);
  /** Longest free run of each group. */
  #run = new Uint8Array(0);
  /** Doubly linked lists through the groups; 0 ends a list, group g is named g + 1. */
  #next = new Uint32Array(0);
  #previous = new Uint32Array(0);
  readonly #heads: Uint32Array;
  readonly #all: Bits;

  constructor(unitsPerGroup: number, runMax: number) {
    this.#all = bitsBetween(0, unitsPerGroup);
    this.#unitsPerGroup = unitsPerGroup;
    this.#runMax = runMax;
    this.#heads = new Uint32Array(unitsPerGroup + 1);
  }

  grow(groupCount: number): void {
    const first = this.#groupCount;
    this.#used = enlarged(this.#used, groupCount * 2, Uint32Array);
    this.#run = enlarged(this.#run, groupCount, Uint8Array);
    this.#next = enlarged(this.#next, groupCount, Uint32Array);
    this.#previous = enlarged(this.#previous, groupCount, Uint32Array);
    this.#groupCount = groupCount;
    this.#run.fill(this.#unitsPerGroup, first);
    // From the end, so that the lowest address is handed out first and a growing file fills from its start.
    for (let group = groupCount - 1; group >= first; group--) this.#link(group);
  }

  /** First unit of a free run of at least `count`, out of the group whose longest run fits best. */
  find(count: number): number | undefined {
    for (let run = count; run <= this.#runMax; run++) {
      const head = this.#heads[run]!;
      if (head !== 0) return (head - 1) * this.#unitsPerGroup + this.#startOf(head - 1, count);
    }
    return undefined;
  }

  longest(): Run | undefined {
    for (let count = this.#runMax; count > 0; count--) {
      const head = this.#heads[count]!;
      if (head !== 0)
        return { start: (head - 1) * this.#unitsPerGroup + this.#startOf(head - 1, count), count };
    }
    return undefined;
  }

  /**
   * Marks a run of units as used or free. Returns the run of groups that are no longer wholly free, or are so again:
   * these are the units to mark in the class above.
   */
  mark(units: Run, used: boolean): Run | undefined {
    const first = Math.floor(units.start / this.#unitsPerGroup);
    const end = units.start + units.count;
    const last = Math.floor((end - 1) / this.#unitsPerGroup);
    let start = first;
    let count = 0;
    for (let group = first; group <= last; group++) {
      const from = Math.max(0, units.start - group * this.#unitsPerGroup);
      const to = Math.min(this.#unitsPerGroup, end - group * this.#unitsPerGroup);
      const isWhole = to - from === this.#unitsPerGroup;
      if (isWhole) this.#markWhole(group, used);
      else if (!this.#markPart(group, bitsBetween(from, to), used)) continue;
      if (count === 0) start = group;
      count++;
    }
    return count === 0 ? undefined : { start, count };
  }

  #markWhole(group: number, used: boolean): void {
    const [low, high] = used ? [0, 0] : [this.#all.low, this.#all.high];
    assert(this.#used[group * 2] === low && this.#used[group * 2 + 1] === high, twice(used));
    this.#unlink(group);
    this.#used[group * 2] = this.#all.low - low;
    this.#used[group * 2 + 1] = this.#all.high - high;
    this.#run[group] = used ? 0 : this.#unitsPerGroup;
    this.#link(group);
  }

  /** True when the group was wholly free or is so now. */
  #markPart(group: number, bits: Bits, used: boolean): boolean {
    const low = this.#used[group * 2]!;
    const high = this.#used[group * 2 + 1]!;
    const wanted = used ? { low: 0, high: 0 } : bits;
    assert((low & bits.low) >>> 0 === wanted.low && (high & bits.high) >>> 0 === wanted.high, twice(used));
    const wasWhole = this.#run[group] === this.#unitsPerGroup;
    this.#unlink(group);
    this.#used[group * 2] = low ^ bits.low;
    this.#used[group * 2 + 1] = high ^ bits.high;
    this.#run[group] = this.#longestRun(group);
    this.#link(group);
    return wasWhole || this.#run[group] === this.#unitsPerGroup;
  }

  #isUsed(group: number, unit: number): boolean {
    return ((this.#used[group * 2 + (unit >>> 5)]! >>> (unit & 31)) & 1) === 1;
  }

  #longestRun(group: number): number {
    if (this.#unitsPerGroup > 32) return this.#longestRunCounted(group);
    let starts = ~this.#used[group * 2]! & this.#all.low;
    let longest = 0;
    // Each step leaves only the bits that start a run longer than `longest`.
    for (; starts !== 0; longest++) starts &= starts >>> 1;
    return longest;
  }

  #longestRunCounted(group: number): number {
    let longest = 0;
    let run = 0;
    for (let unit = 0; unit < this.#unitsPerGroup; unit++) {
      run = this.#isUsed(group, unit) ? 0 : run + 1;
      if (run > longest) longest = run;
    }
    return longest;
  }

  /** Where the shortest free run of at least `count` units starts: long runs are kept for those who need them. */
  #startOf(group: number, count: number): number {
    let best = -1;
    let bestCount = this.#unitsPerGroup + 1;
    let run = 0;
    for (let unit = 0; unit <= this.#unitsPerGroup; unit++) {
      if (unit < this.#unitsPerGroup && !this.#isUsed(group, unit)) {
        run++;
        continue;
      }
      if (run >= count && run < bestCount) {
        best = unit - run;
        bestCount = run;
      }
      run = 0;
    }
    assert(best >= 0, 'a list holds a group whose run is shorter');
    return best;
  }

  #isListed(run: number): boolean {
    return run > 0 && run <= this.#runMax;
  }

  #link(group: number): void {
    const run = this.#run[group]!;
    if (!this.#isListed(run)) return;
    const head = this.#heads[run]!;
    this.#next[group] = head;
    this.#previous[group] = 0;
    if (head !== 0) this.#previous[head - 1] = group + 1;
    this.#heads[run] = group + 1;
  }

  #unlink(group: number): void {
    const run = this.#run[group]!;
    if (!this.#isListed(run)) return;
    const next = this.#next[group]!;
    const previous = this.#previous[group]!;
    if (next !== 0) this.#previous[next - 1] = previous;
    if (previous === 0) this.#heads[run] = next;
    else this.#next[previous - 1] = next;
  }
}

/** Units of one group, a bit each. */
interface Bits {
  readonly low: number;
  readonly high: number;
}

function bitsBetween(from: number, to: number): Bits {
  return { low: wordBits(from, to), high: wordBits(from - 32, to - 32) };
}

function wordBits(from: number, to: number): number {
  const below = (count: number): number => 2 ** Math.min(32, Math.max(0, count)) - 1;
  return below(to) - below(from);
}

function twice(used: boolean): string {
  return used ? 'space is in use twice' : 'space is freed twice';
}

function enlarged<T extends Uint32Array | Uint8Array>(
  old: T,
  length: number,
  array: new (length: number) => T,
): T {
  const enlarged = new array(length);
  enlarged.set(old);
  return enlarged;
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

function toExtent(run: Run): DeviceExtent {
  return { offset: run.start * BLOCK_BYTES, length: run.count * BLOCK_BYTES };
}
