import type { Closable } from '../scope.ts';

/**
 * All of a block device or file, from its first byte to its last whole block. Offsets and lengths are multiples of the blocks of
 * `hot/device.ts`. Faults of `device`: 'unavailable', 'no-space', 'read-only'.
 */
export interface RawDisk extends Closable {
  bytes(): number;
  /** Visible to reads when it resolves, durable after the next `flush`; the last block is filled with zeros. */
  write(offset: number, parts: readonly Uint8Array[]): Promise<unknown>;
  /** What lies there, from the medium, compared with nothing. */
  readUnchecked(offset: number, length: number): Promise<Uint8Array>;
  /** Resolves when every write that resolved before the call is durable. */
  flush(): Promise<void>;
}
