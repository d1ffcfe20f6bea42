import assert from 'node:assert/strict';

/** A run of units. */
export interface Run {
  readonly start: number;
  readonly count: number;
}

/** The units of one class in groups (their parents), and a list of the groups for each length of their longest free run. */
export class RunLists {
  readonly #unitsPerGroup: number;
  /** Groups whose run is longer are in no list. */
  readonly #runMax: number;
  #groupCount = 0;
  #unitsFree = 0;
  #groupsFree = 0;
  /** One bit a unit, 1 = used (or not wholly free); two words a group, so that 64 units fit. */
  #used = new Uint32Array(0);
  /** Longest free run of each group. */
  #run = new Uint8Array(0);
  /** Doubly linked lists through the groups; 0 ends a list, group g is named g + 1. */
  #next = new Uint32Array(0);
  #previous = new Uint32Array(0);
  readonly #heads: Uint32Array;
  readonly #all: Bits;
  /** Groups that are in no list although they have free units. */
  readonly #shunned = new Set<number>();

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
    this.#groupsFree += groupCount - first;
    this.#unitsFree += (groupCount - first) * this.#unitsPerGroup;
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
    this.#unitsFree += used ? -units.count : units.count;
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
    this.#groupsFree += used ? -1 : 1;
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
    const isWhole = this.#run[group] === this.#unitsPerGroup;
    this.#groupsFree += Number(isWhole) - Number(wasWhole);
    return wasWhole || isWhole;
  }

  isUsed(unit: number): boolean {
    const group = Math.floor(unit / this.#unitsPerGroup);
    return this.#isUsed(group, unit % this.#unitsPerGroup);
  }

  /** Units of a group that are in use. */
  usedIn(group: number): number {
    return bitCount(this.#used[group * 2]!) + bitCount(this.#used[group * 2 + 1]!);
  }

  unitsFree(): number {
    return this.#unitsFree;
  }

  /** Groups that are wholly free. */
  groupsFree(): number {
    return this.#groupsFree;
  }

  /** From now on nothing is found in this group. */
  shun(group: number): void {
    this.#unlink(group);
    this.#shunned.add(group);
  }

  unshun(): void {
    const shunned = [...this.#shunned];
    this.#shunned.clear();
    for (const group of shunned) this.#link(group);
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
    if (!this.#isListed(run) || this.#shunned.has(group)) return;
    const head = this.#heads[run]!;
    this.#next[group] = head;
    this.#previous[group] = 0;
    if (head !== 0) this.#previous[head - 1] = group + 1;
    this.#heads[run] = group + 1;
  }

  #unlink(group: number): void {
    const run = this.#run[group]!;
    if (!this.#isListed(run) || this.#shunned.has(group)) return;
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

/** Of a word. */
function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
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
