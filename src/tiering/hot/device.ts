import type { Closable } from '../../scope.ts';

/** The unit of allocation, of direct I/O and of checksums, in bytes. */
export const BLOCK_BYTES = 4096;

/**
 * A raw block device or a preallocated file that holds blocks of `BLOCK_BYTES`. Knows nothing of what is stored where:
 * live data is never overwritten because its owner allocates free space for every write.
 */
export interface Device extends Closable {
  /** Usable bytes, a multiple of 64 MiB. Offsets count from 0 = first byte after the superblock region. */
  bytes(): number;
  /**
   * Writes the concatenation of `parts` at `offset` (a multiple of `BLOCK_BYTES`), filling the last block with zeros.
   * Resolves to the CRC32C of each block written. Visible to `read` then, durable after the next `flush`.
   * The caller must not change `parts` until it resolves.
   */
  write(offset: number, parts: readonly Uint8Array[]): Promise<Uint32Array>;
  /**
   * Reads whole blocks from `offset` and compares each with its checksum; one checksum a block says how many.
   * Fault('corrupt', 'device') names the first block that differs. Reads are repeated once before that verdict.
   * Where `room` has a block more than is read, the bytes may be put there: it is the caller's again when this settles.
   */
  read(offset: number, checksums: Uint32Array, room?: Uint8Array): Promise<Uint8Array>;
  /** Resolves when every write that resolved before the call is durable. Concurrent calls share one flush. */
  flush(): Promise<void>;
  /** Enlarges a file device to at least `bytes`; Fault('no-space', 'device') when the file system refuses. */
  grow(bytes: number): Promise<void>;
}

/** Where an allocation lies: both numbers are multiples of `BLOCK_BYTES`. */
export interface DeviceExtent {
  readonly offset: number;
  readonly length: number;
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
}
