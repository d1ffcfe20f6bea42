import { Fault } from '../../../fault.ts';
import type { RawDisk } from '../../raw-disk.ts';
import type { DeviceIdentity } from '../shard-device.ts';
import { BlockDevice, type OpenedDisk } from './block-device.ts';
import { Catalogue } from './catalogue.ts';
import { CatalogueBlocks } from './catalogue-blocks.ts';
import { scanCatalogue } from './catalogue-scan.ts';
import { FreeSpace } from './free-space.ts';
import { newestOf, readCopies } from './superblock-copies.ts';

/** A disk of any pool as it is: a superblock that differs from the other stays so. Owns the disk, also when it faults. */
export async function deviceAsFound(
  opened: OpenedDisk,
  place: string,
): Promise<{ readonly identity: DeviceIdentity; readonly shards: BlockDevice }> {
  const disk = unwritable(opened.disk);
  try {
    const superblock = newestOf(await readCopies(disk));
    if (superblock === undefined)
      throw new Fault(
        'not-found',
        'device',
        `${place} is no device of a warm pool: it has no superblock of one.`,
      );
    const blocks = new CatalogueBlocks(disk, superblock);
    const scanned = await scanCatalogue(blocks);
    const catalogue = new Catalogue(blocks, scanned);
    const free = new FreeSpace(scanned.free);
    const { pool, device } = superblock;
    return {
      identity: { pool, device },
      shards: new BlockDevice({ ...opened, disk, superblock, catalogue, free }),
    };
  } catch (cause) {
    await disk.close();
    throw cause;
  }
}

const unwritable = (disk: RawDisk): RawDisk => ({
  bytes: () => disk.bytes(),
  readUnchecked: (offset, length) => disk.readUnchecked(offset, length),
  write: async () => {
    throw new Fault('read-only', 'device', 'this disk is only read');
  },
  flush: async () => undefined,
  close: () => disk.close(),
});
