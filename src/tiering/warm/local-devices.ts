import { stat } from 'node:fs/promises';
import { Fault } from '../../fault.ts';
import type { NativeDevices } from '../../native.ts';
import { openBareDevice } from '../hot/native-device.ts';
import type { OpenedDisk } from './block/block-device.ts';
import { blockDevices } from './block/block-devices.ts';
import { directoryDevices } from './directory-devices.ts';
import type { ShardDevices } from './shard-device.ts';

/** What is at a path of this machine: a block device, or a file that stands for one, is used as a whole; else directories. */
export function localDevices(addon: NativeDevices): ShardDevices {
  const directories = directoryDevices();
  const disks = blockDevices((place) => openDisk(addon, place));
  const devicesAt = async (place: string): Promise<ShardDevices> =>
    (await isDisk(place)) ? disks : directories;
  return {
    placeOf: (place) => directories.placeOf(place),
    make: async (place, identity) => (await devicesAt(place)).make(place, identity),
    find: async (place, identity) => (await devicesAt(place)).find(place, identity),
  };
}

const isDisk = (place: string): Promise<boolean> =>
  stat(place).then(
    (found) => found.isBlockDevice() || found.isFile(),
    () => false,
  );

/** The disk at a path, for this process alone. Fault('unavailable', 'device') when another one has it, or it cannot be opened. */
export async function openDisk(addon: NativeDevices, place: string): Promise<OpenedDisk> {
  const disk = await openBareDevice(addon, { path: place, driver: 'any' });
  try {
    const found = await stat(place);
    return found.isBlockDevice()
      ? { disk, kind: 'block-device', volume: `disk ${found.rdev}` }
      : { disk, kind: 'file', volume: `file ${found.dev}.${found.ino}` };
  } catch (cause) {
    await disk.close();
    throw new Fault('unavailable', 'device', (cause as Error).message, { cause });
  }
}
