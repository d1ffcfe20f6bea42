import assert from 'node:assert/strict';
import type { DeviceExtent } from '../../hot/device.ts';

/**
 * Free space of a device as its free runs, in the order of their offsets: memory goes with how fragmented it is, not with how
 * large. Next fit: new shards lie behind those before them as long as they can.
 */
export class FreeSpace {
  readonly #runs: { offset: number; length: number }[];
  #bytes: number;
  /** Index of the run to begin with. */
  #next = 0;

  /** `runs`: ascending, and no two touch. */
  constructor(runs: readonly DeviceExtent[]) {
    this.#runs = runs.map(({ offset, length }) => ({ offset, length }));
    this.#bytes = runs.reduce((sum, { length }) => sum + length, 0);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One extent where a run is long enough, else the longest ones; `undefined` when `extentsMax` of them are too little. */
  allocate(length: number, extentsMax: number): readonly DeviceExtent[] | undefined {
    assert(length > 0, 'space for nothing');
    if (length > this.#bytes) return undefined;
    const fitting = this.#fitting(length);
    if (fitting !== undefined) return [this.#take(fitting, length)];
    const longest = this.#longest(extentsMax);
    if (longest.reduce((sum, run) => sum + run.length, 0) < length) return undefined;
    const taken: DeviceExtent[] = [];
    let wanted = length;
    for (const run of longest) {
      if (wanted === 0) break;
      const some = Math.min(wanted, run.length);
      taken.push(this.#take(this.#indexOf(run.offset), some));
      wanted -= some;
    }
    return taken;
  }

  /** A run that is free already is a broken invariant. */
  release({ offset, length }: DeviceExtent): void {
    const at = this.#indexOf(offset);
    const [before, after] = [this.#runs[at - 1], this.#runs[at]];
    assert(before === undefined || before.offset + before.length <= offset, 'space is freed twice');
    assert(after === undefined || offset + length <= after.offset, 'space is freed twice');
    this.#bytes += length;
    const joinsBefore = before !== undefined && before.offset + before.length === offset;
    const joinsAfter = after?.offset === offset + length;
    if (joinsBefore) {
      before.length += length + (joinsAfter ? after.length : 0);
      if (joinsAfter) this.#remove(at);
    } else if (joinsAfter) {
      after.offset = offset;
      after.length += length;
    } else {
      this.#runs.splice(at, 0, { offset, length });
      if (at < this.#next) this.#next += 1;
    }
  }

  #fitting(length: number): number | undefined {
    for (let step = 0; step < this.#runs.length; step++) {
      const at = (this.#next + step) % this.#runs.length;
      if (this.#runs[at]!.length >= length) return at;
    }
    return undefined;
  }

  /** At most `countMax`, the longest first. */
  #longest(countMax: number): readonly DeviceExtent[] {
    const longest: DeviceExtent[] = [];
    for (const { offset, length } of this.#runs) {
      if (longest.length === countMax && length <= longest.at(-1)!.length) continue;
      const place = longest.findIndex((it) => it.length < length);
      longest.splice(place < 0 ? longest.length : place, 0, { offset, length });
      if (longest.length > countMax) longest.pop();
    }
    return longest;
  }

  #take(at: number, length: number): DeviceExtent {
    const run = this.#runs[at];
    assert(run !== undefined && run.length >= length, 'a run is as long as was seen');
    const taken = { offset: run.offset, length };
    this.#next = at;
    this.#bytes -= length;
    if (run.length === length) this.#remove(at);
    else {
      run.offset += length;
      run.length -= length;
    }
    return taken;
  }

  #remove(at: number): void {
    this.#runs.splice(at, 1);
    if (at < this.#next) this.#next -= 1;
  }

  /** Of the first run at `offset` or behind it. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]!.offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
