import { Fault } from '../../fault.ts';
import { SPACE_ATTEMPTS_MAX } from '../../limits.ts';
import type { BlobUsage } from '../blobs.ts';
import type { Allocator, Device, DeviceExtent } from './device.ts';
import type { FailedSpace } from './failed-space.ts';
import type { Trims } from './trims.ts';

/** A file device grows by itself within these bounds; all in bytes, the first two multiples of 64 MiB. */
export interface DeviceGrowth {
  readonly growBytes: number;
  readonly bytesMax: number;
  /** What the file system keeps free for others. */
  readonly freeBytesMin: number;
  /** Free bytes of the file system that holds the file (statfs). */
  freeBytes(): Promise<number>;
}

/** The greatest class of the allocator: a device grows by whole ones. */
const GROW_UNIT_BYTES = 67_108_864;

/** Hands out space of one device; collects garbage and grows the device when it runs short. */
export class BlobSpace {
  readonly #device: Device;
  readonly #allocator: Allocator;
  readonly #growth: DeviceGrowth | undefined;
  readonly #collect: () => Promise<boolean>;
  readonly #trims: Pick<Trims, 'held' | 'freed'>;
  readonly #failed: Pick<FailedSpace, 'sift'>;
  #growing: Promise<boolean> | undefined;
  /** By how much the device could still grow when that was last asked. */
  #bytesGrowable = 0;

  constructor(parts: {
    readonly device: Device;
    readonly allocator: Allocator;
    readonly growth: DeviceGrowth | undefined;
    readonly trims: Pick<Trims, 'held' | 'freed'>;
    /** Keeps what is not to be given out again. */
    readonly failed: Pick<FailedSpace, 'sift'>;
    /** Frees space of garbage; false when there is none. */
    readonly collect: () => Promise<boolean>;
  }) {
    this.#device = parts.device;
    this.#allocator = parts.allocator;
    this.#growth = parts.growth;
    this.#trims = parts.trims;
    this.#failed = parts.failed;
    this.#collect = parts.collect;
  }

  /** Fault('no-space', 'blob') when neither garbage nor growth gives enough. */
  async allocate(length: number): Promise<readonly DeviceExtent[]> {
    // Others may take what was freed for us, hence more than one attempt.
    for (let attempt = 0; attempt < SPACE_ATTEMPTS_MAX; attempt++) {
      const extents = this.#allocator.allocate(length);
      if (extents !== undefined) return extents;
      const { ended } = this.#trims.held;
      if (ended !== undefined) {
        await ended;
        continue;
      }
      const bytesFree = this.#allocator.bytesFree();
      const didCollect = await this.#collect();
      // Garbage may be small blobs, which take no space here: growing is quicker than working through all of it.
      if (this.#allocator.bytesFree() > bytesFree) continue;
      this.#growing ??= this.#grow(length).finally(() => (this.#growing = undefined));
      const didGrow = await this.#growing;
      if (!didGrow && !didCollect) break;
    }
    const extents = this.#allocator.allocate(length);
    if (extents !== undefined) return extents;
    throw new Fault('no-space', 'blob', `${length} bytes wanted, ${this.#allocator.bytesFree()} free`);
  }

  release(extents: readonly DeviceExtent[]): void {
    for (const extent of this.#failed.sift(extents)) {
      this.#allocator.release(extent);
      this.#trims.freed(extent);
    }
  }

  /** Counts what the device can still grow by as free, and what is being given back. */
  usage(): BlobUsage {
    return {
      bytesTotal: this.#allocator.bytesTotal() + this.#bytesGrowable,
      bytesFree: this.#allocator.bytesFree() + this.#trims.held.bytes + this.#bytesGrowable,
    };
  }

  /** Asks the file system again how much the device could grow. */
  async refresh(): Promise<void> {
    if (this.#growth === undefined) return;
    const { bytesMax, freeBytesMin } = this.#growth;
    const bytesFree = await this.#growth.freeBytes();
    // Of the size after that wait: the device may have grown meanwhile.
    const room = Math.min(bytesMax - this.#allocator.bytesTotal(), bytesFree - freeBytesMin);
    this.#bytesGrowable = Math.max(0, Math.floor(room / GROW_UNIT_BYTES) * GROW_UNIT_BYTES);
  }

  async #grow(length: number): Promise<boolean> {
    if (this.#growth === undefined) return false;
    await this.refresh();
    const step = Math.max(this.#growth.growBytes, Math.ceil(length / GROW_UNIT_BYTES) * GROW_UNIT_BYTES);
    const bytes = Math.min(step, this.#bytesGrowable);
    if (bytes === 0) return false;
    try {
      await this.#device.grow(this.#allocator.bytesTotal() + bytes);
    } catch (cause) {
      if (cause instanceof Fault && cause.code === 'no-space') return false;
      throw cause;
    }
    const bytesBefore = this.#allocator.bytesTotal();
    this.#allocator.grow(this.#device.bytes());
    // Not counted twice while the file system is asked: who is let in for such space finds none.
    this.#bytesGrowable = Math.max(0, this.#bytesGrowable - (this.#allocator.bytesTotal() - bytesBefore));
    await this.refresh();
    return true;
  }
}
