import type { Random } from '../../../src/environment.ts';
import {
  BLOCK_BYTES,
  MEBIBYTE_BYTES,
  type Allocator,
  type DeviceExtent,
  type SparseUnit,
  type UnitBytes,
} from '../../../src/tiering/hot/device.ts';

/**
 * An allocator as after years: each small blob is put somewhere in a MiB of its own, and free space never looks whole. While
 * units are being emptied it places things well, so that emptying them makes sense.
 */
export class ScatteringAllocator implements Allocator {
  readonly #inner: Allocator;
  readonly #random: Random;

  constructor(inner: Allocator, random: Random) {
    this.#inner = inner;
    this.#random = random;
  }

  allocate(length: number): readonly DeviceExtent[] | undefined {
    const bytes = Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
    if (bytes > MEBIBYTE_BYTES || this.isShunning()) return this.#inner.allocate(length);
    const count = this.bytesTotal() / MEBIBYTE_BYTES;
    const first = this.#random.below(count);
    for (let step = 0; step < count; step += 1) {
      const offset = ((first + step) % count) * MEBIBYTE_BYTES;
      if (!this.isFree({ offset, length: MEBIBYTE_BYTES })) continue;
      const skip = this.#random.below((MEBIBYTE_BYTES - bytes) / BLOCK_BYTES + 1) * BLOCK_BYTES;
      const extent = { offset: offset + skip, length: bytes };
      this.#inner.reserve(extent);
      return [extent];
    }
    return this.#inner.allocate(length);
  }

  bytesFreeIn(): number {
    return 0;
  }

  release(extent: DeviceExtent): void {
    this.#inner.release(extent);
  }

  reserve(extent: DeviceExtent): void {
    this.#inner.reserve(extent);
  }

  grow(bytes: number): void {
    this.#inner.grow(bytes);
  }

  bytesFree(): number {
    return this.#inner.bytesFree();
  }

  bytesTotal(): number {
    return this.#inner.bytesTotal();
  }

  isFree(extent: DeviceExtent): boolean {
    return this.#inner.isFree(extent);
  }

  sparse(unit: UnitBytes, first: number, count: number): readonly SparseUnit[] {
    return this.#inner.sparse(unit, first, count);
  }

  shun(unit: UnitBytes, indexes: readonly number[]): void {
    this.#inner.shun(unit, indexes);
  }

  unshun(): void {
    this.#inner.unshun();
  }

  isShunning(): boolean {
    return this.#inner.isShunning();
  }
}
