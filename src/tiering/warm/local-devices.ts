import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Fault } from '../../fault.ts';
import type { NativeDevices } from '../../native.ts';
import { openBareDevice } from '../hot/native-device.ts';
import type { OpenedDisk } from './block/block-device.ts';
import { blockDevices } from './block/block-devices.ts';
import { ifThere } from './directory-device.ts';
import { directoryDevices } from './directory-devices.ts';
import type { ShardDevice, ShardDevices } from './shard-device.ts';

/** What is at a path of this machine: a block device, or a file that stands for one, is used as a whole; else directories. */
export function localDevices(addon: NativeDevices): ShardDevices {
  const directories = directoryDevices();
  const disks = blockDevices((place) => openDisk(addon, place));
  const devicesFor = (found: Stats | undefined): ShardDevices =>
    found?.isBlockDevice() === true || found?.isFile() === true ? disks : directories;
  return {
    placeOf: (place) => directories.placeOf(place),
    make: async (place, identity) => devicesFor(await statOf(place)).make(place, identity),
    async find(place, identity): Promise<ShardDevice> {
      const found = await statOf(place);
      if (found !== undefined) return devicesFor(found).find(place, identity);
      throw new Fault('not-found', 'device', 'there is no such directory or disk');
    },
  };
}

/** `undefined` where nothing is. */
const statOf = (place: string): Promise<Stats | undefined> =>
  ifThere(stat(place)).catch((cause: unknown) => {
    throw new Fault('unavailable', 'device', (cause as Error).message, { cause });
  });

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
