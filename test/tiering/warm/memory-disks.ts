import type { Random } from '../../../src/environment.ts';
import { Fault } from '../../../src/fault.ts';
import { MemoryDevice } from '../../../src/tiering/hot/memory-device.ts';
import type { RawDisk } from '../../../src/tiering/raw-disk.ts';
import { blockDevices } from '../../../src/tiering/warm/block/block-devices.ts';
import type { ShardDevices } from '../../../src/tiering/warm/shard-device.ts';

export const DISK_BYTES = 128 << 20;

/** Simulated disks by path, which outlive those who open them. */
export interface MemoryDisks {
  readonly devices: ShardDevices;
  readonly disks: ReadonlyMap<string, MemoryDevice>;
  /** The path of a blank one. */
  fresh(bytes?: number): string;
  /** The power goes, for the disk and for all who have it open. */
  crash(path: string, random: Random): void;
}

/** `around` may stand between a disk and who opens it. */
export function memoryDisks(around: (disk: MemoryDevice) => RawDisk = (disk) => disk): MemoryDisks {
  const disks = new Map<string, MemoryDevice>();
  let life = 0;
  return {
    disks,
    devices: blockDevices(async (path) => {
      const disk = disks.get(path);
      if (disk === undefined) throw new Fault('unavailable', 'device', `ENOENT: cannot look at ${path}`);
      return { disk: openUntilCrash(around(disk), () => life), kind: 'block-device', volume: path };
    }),
    fresh(bytes = DISK_BYTES) {
      const path = `/dev/disk${disks.size + 1}`;
      disks.set(path, new MemoryDevice({ bytes }));
      return path;
    },
    crash(path, random) {
      life += 1;
      disks.get(path)?.crash(random);
    },
  };
}

/** Who closes it has no more of it, others may open it again; a process that has lost its power does nothing any more. */
function openUntilCrash(disk: RawDisk, lifeNow: () => number): RawDisk {
  let isClosed = false;
  const life = lifeNow();
  const open = (): RawDisk => {
    if (isClosed || life !== lifeNow()) throw new Fault('unavailable', 'device', 'the device is closed');
    return disk;
  };
  return {
    bytes: () => disk.bytes(),
    write: async (offset, parts) => open().write(offset, parts),
    readUnchecked: async (offset, length) => open().readUnchecked(offset, length),
    flush: async () => open().flush(),
    async close() {
      isClosed = true;
    },
  };
}
