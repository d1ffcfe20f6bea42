import { realpath, stat } from 'node:fs/promises';
import { Fault } from '../../fault.ts';
import type { NativeDevices } from '../../native.ts';
import { deviceAsFound } from './block/device-as-found.ts';
import { readMarker } from './device-marker.ts';
import { DirectReads } from './direct-reads.ts';
import { DirectoryDevice } from './directory-device.ts';
import { openDisk } from './local-devices.ts';
import type { DeviceIdentity, ShardDevice } from './shard-device.ts';

/** A device of some pool, by what it says of itself. */
export interface FoundDevice extends DeviceIdentity {
  readonly path: string;
  /** Nobody may write to it. */
  readonly shards: Pick<ShardDevice, 'kind' | 'readWhole' | 'list' | 'close'>;
}

/**
 * The device at a path, for who only reads. Nothing is written, not even what opening one for use would clear away. Fault of
 * `device` with a sentence where there is none.
 */
export async function findDevice(addon: NativeDevices, place: string): Promise<FoundDevice> {
  const path = await realpath(place).catch(() => place);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new Fault('not-found', 'device', `There is nothing at ${place}.`);
  if (found.isBlockDevice() || found.isFile()) {
    const { identity, shards } = await deviceAsFound(await openDisk(addon, path), place);
    return { path, ...identity, shards };
  }
  const identity = await readMarker(path);
  if (identity === undefined || identity.pool === '' || identity.device === '') {
    throw new Fault('not-found', 'device', `${place} is no device of a warm pool: it has no marker of one.`);
  }
  return { path, ...identity, shards: new DirectoryDevice(path, identity, new DirectReads()) };
}
