import type { Closable } from '../../scope.ts';
import type { SegmentId } from '../segment-store.ts';

/** One shard of one encoding of a segment. */
export interface ShardName {
  readonly id: SegmentId;
  readonly generation: number;
  /** Within its stripe; data shards come first, from 0. */
  readonly index: number;
}

/** What a device is; a `file` stands for a block device. */
export type DeviceKind = 'directory' | 'block-device' | 'file';

export interface DeviceSpace {
  readonly bytesTotal: number;
  readonly bytesFree: number;
  /** Devices with the same one share their space, and fail together. */
  readonly volume: string;
}

/** What is written on a device once: both parts are 16 bytes in hex. */
export interface DeviceIdentity {
  readonly pool: string;
  readonly device: string;
}

/**
 * Keeps shards of one failure domain. Faults of `device`: 'not-found' for a shard that is not there, 'corrupt' for one that is
 * too short, 'no-space', 'read-only' when it takes no writes, and 'unavailable' for everything else. A call may take forever: who calls has a deadline.
 */
export interface ShardDevice extends Closable {
  readonly kind: DeviceKind;
  /** All or nothing, and durable when it resolves. It takes the place of one with the same name. */
  put(name: ShardName, bytes: Uint8Array): Promise<void>;
  /** Exactly these bytes of the shard, header included. */
  read(name: ShardName, offset: number, length: number): Promise<Uint8Array>;
  /** The whole shard, from the medium and not from a cache where the system lets one: for what compares. */
  readWhole(name: ShardName): Promise<Uint8Array>;
  /** How long the shard is; `undefined` when it is not there. */
  lengthOf(name: ShardName): Promise<number | undefined>;
  /** Absent is success. Not durable: what comes back after a crash is swept. */
  delete(name: ShardName): Promise<void>;
  /** All shards, in no order. Those that come or go meanwhile may be in it or not. */
  list(): AsyncIterable<readonly ShardName[]>;
  space(): Promise<DeviceSpace>;
  /**
   * Writes something to the medium and reads it back from there. Fault('not-found', 'device') when what is at its place is no
   * longer this device, 'no-space' when there is no room for that, 'read-only' when it takes no writes and can be read.
   */
  probe(): Promise<void>;
  /** Takes away all that the pool has put there, its identity last: the place can be used for anything. */
  retire(): Promise<void>;
}

/** Where devices come from: paths of this machine, or a simulation. Faults of `device` carry a sentence for the user. */
export interface ShardDevices {
  /** Two paths of one place are equal. */
  placeOf(path: string): Promise<string>;
  /**
   * Makes an empty place a device, also one that is marked as a device of this pool; one of just this identity is taken as it is.
   * Fault('invalid-argument') for a place that holds anything else or cannot be written.
   */
  make(path: string, identity: DeviceIdentity): Promise<ShardDevice>;
  /** Opens the device of this identity. Fault('not-found') when there is none, or another one. */
  find(path: string, identity: DeviceIdentity): Promise<ShardDevice>;
}
