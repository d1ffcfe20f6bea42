import {
  DEFRAGMENT_FREE_BYTES_MIN,
  DEFRAGMENT_MEBIBYTES_MAX,
  DEFRAGMENT_REGIONS_MAX,
  DEFRAGMENT_WHOLE_SHARE_MIN,
} from '../../limits/tiering.ts';
import { MEBIBYTE_BYTES, REGION_BYTES, type Allocator, type SparseUnit, type UnitBytes } from './device.ts';

/** So many of the greatest units should be free, altogether, before one of them is made. */
const REGIONS_FREE_MIN = 4;

/** The class of which there should be more free units for the space that is free; `undefined`: all is well. */
export function fragmentedUnit(allocator: Allocator): UnitBytes | undefined {
  const bytesFree = allocator.bytesFree();
  if (bytesFree < DEFRAGMENT_FREE_BYTES_MIN) return undefined;
  if (allocator.bytesFreeIn(MEBIBYTE_BYTES) < bytesFree * DEFRAGMENT_WHOLE_SHARE_MIN) return MEBIBYTE_BYTES;
  const isWithoutRegion = allocator.bytesFreeIn(REGION_BYTES) === 0;
  return isWithoutRegion && bytesFree >= REGIONS_FREE_MIN * REGION_BYTES ? REGION_BYTES : undefined;
}

/** Looks through the allocator for the units that are worth emptying. */
export class SparseUnits {
  readonly unit: UnitBytes;
  readonly #allocator: Allocator;
  readonly #unitsMax: number;
  #next = 0;
  #found: readonly SparseUnit[] = [];

  constructor(allocator: Allocator, unit: UnitBytes) {
    this.unit = unit;
    this.#allocator = allocator;
    this.#unitsMax = unit === REGION_BYTES ? DEFRAGMENT_REGIONS_MAX : DEFRAGMENT_MEBIBYTES_MAX;
  }

  /** Looks at the next part of the device, of at most so many MiB; false when there is no more. */
  look(mebibytesMax: number): boolean {
    const count = Math.max(1, Math.floor((mebibytesMax * MEBIBYTE_BYTES) / this.unit));
    const found = [...this.#found, ...this.#allocator.sparse(this.unit, this.#next, count)];
    this.#found = found.sort((a, b) => a.bytesUsed - b.bytesUsed).slice(0, this.#unitsMax);
    this.#next += count;
    return this.#next * this.unit < this.#allocator.bytesTotal();
  }

  /** Those with the least in them, as long as there is twice the room for that elsewhere. */
  chosen(): readonly number[] {
    const chosen: number[] = [];
    let bytesUsed = 0;
    let bytesElsewhere = this.#allocator.bytesFree();
    for (const unit of this.#found) {
      bytesUsed += unit.bytesUsed;
      bytesElsewhere -= this.unit - unit.bytesUsed;
      if (2 * bytesUsed > bytesElsewhere) break;
      chosen.push(unit.index);
    }
    return chosen;
  }
}
