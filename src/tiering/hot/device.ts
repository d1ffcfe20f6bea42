import type { Closable } from '../../scope.ts';

/** The unit of allocation, of direct I/O and of checksums, in bytes. */
export const BLOCK_BYTES = 4096;

/** What a device can do beside reading and writing. */
export interface DeviceTraits {
  /**
   * Who gets back what is discarded: the medium itself, or the file system of a file, which must then find other blocks for
   * the next write there: such a write costs more, and may fail for want of space.
   */
  readonly discard: 'none' | 'device' | 'file';
  /** `streams`: the medium keeps bytes of one lifetime apart from others, so that what ends together lies together. */
  readonly placement: 'none' | 'streams';
}

/** How long bytes will probably stay where they are written, compared with others of the device. */
export type Lifetime = 'short' | 'medium' | 'long';

/**
 * A raw block device or a preallocated file that holds blocks of `BLOCK_BYTES`. Knows nothing of what is stored where:
 * live data is never overwritten because its owner allocates free space for every write.
 */
export interface Device extends Closable {
  readonly traits: DeviceTraits;
  /** Usable bytes, a multiple of 64 MiB. Offsets count from 0 = first byte after the superblock region. */
  bytes(): number;
  /**
   * Writes the concatenation of `parts` at `offset` (a multiple of `BLOCK_BYTES`), filling the last block with zeros.
   * Resolves to the CRC32C of each block written. Visible to `read` then, durable after the next `flush`.
   * The caller must not change `parts` until it resolves. `lifetime` is for devices with streams; others pass over it.
   */
  write(offset: number, parts: readonly Uint8Array[], lifetime?: Lifetime): Promise<Uint32Array>;
  /**
   * Reads whole blocks from `offset` and compares each with its checksum; one checksum a block says how many.
   * Fault('corrupt', 'device') names the first block that differs, after reads were repeated once, or says that the medium does not
   * give the blocks (EIO); 'unavailable' is what may pass.
   * Where `room` has a block more than is read, the bytes may be put there: it is the caller's again when this settles.
   */
  read(offset: number, checksums: Uint32Array, room?: Uint8Array): Promise<Uint8Array>;
  /** Resolves when every write that resolved before the call is durable. Concurrent calls share one flush. */
  flush(): Promise<void>;
  /**
   * Gives space back that nobody reads, until it is written again, and that nobody writes until this resolves. Fault('not-supported',
   * 'device') where the device cannot, whatever its traits say.
   */
  discard(extent: DeviceExtent): Promise<void>;
  /** Enlarges a file device to at least `bytes`; Fault('no-space', 'device') when the file system refuses. */
  grow(bytes: number): Promise<void>;
}

/** Where an allocation lies: both numbers are multiples of `BLOCK_BYTES`. */
export interface DeviceExtent {
  readonly offset: number;
  readonly length: number;
}

/** The classes in which fragmentation is looked at: what a large blob wants, and the greatest. */
export const MEBIBYTE_BYTES = 1_048_576;
export const REGION_BYTES = 67_108_864;
export type UnitBytes = typeof MEBIBYTE_BYTES | typeof REGION_BYTES;

/** A unit of one of these classes of which little is in use, but something. */
export interface SparseUnit {
  /** The unit begins at `index` times its size. */
  readonly index: number;
  readonly bytesUsed: number;
}

/** Free space of one device: buddy allocation in classes of 4 KiB, 64 KiB, 1 MiB and 64 MiB. Purely in memory. */
export interface Allocator {
  /** Space for `length` bytes, as few extents as can be had, or `undefined` when less than that is free. */
  allocate(length: number): readonly DeviceExtent[] | undefined;
  release(extent: DeviceExtent): void;
  /** Marks space as used while rebuilding at start. An overlap is an assertion: two blobs would share bytes. */
  reserve(extent: DeviceExtent): void;
  grow(bytes: number): void;
  bytesFree(): number;
  bytesTotal(): number;
  /** Whether all of an extent of whole units of 1 MiB is free. */
  isFree(extent: DeviceExtent): boolean;
  /** Free bytes that lie in wholly free units of this class. */
  bytesFreeIn(unit: UnitBytes): number;
  /** Of `count` units from the one numbered `first` on, those that are sparse. */
  sparse(unit: UnitBytes, first: number, count: number): readonly SparseUnit[];
  /** From now on nothing is placed in these units, unless there is no other room: that ends it for all of them. */
  shun(unit: UnitBytes, indexes: readonly number[]): void;
  unshun(): void;
  isShunning(): boolean;
}
