import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../../../fault.ts';
import { WARM_DISK_BYTES_MIN } from '../../../limits/tiering.ts';
import type { RawDisk } from '../../raw-disk.ts';
import type { DeviceIdentity, ShardDevice, ShardDevices } from '../shard-device.ts';
import { BlockDevice, type OpenedDisk } from './block-device.ts';
import { Catalogue } from './catalogue.ts';
import { CatalogueBlocks } from './catalogue-blocks.ts';
import { scanCatalogue } from './catalogue-scan.ts';
import { contentOf } from './disk-content.ts';
import { FreeSpace } from './free-space.ts';
import { geometryOf, type Superblock, type SuperblockCopy } from './superblock.ts';
import { isWhole, newestOf, readCopies, writeCopies } from './superblock-copies.ts';

/**
 * Block devices as a whole, or files that stand for them. `openDisk` opens what is at a path, for this process alone;
 * Fault('unavailable', 'device') when that cannot be.
 */
export function blockDevices(openDisk: (path: string) => Promise<OpenedDisk>): ShardDevices {
  return {
    placeOf: (place) => realpath(place).catch(() => path.resolve(place)),
    async make(place, identity): Promise<ShardDevice> {
      const opened = await openDisk(place).catch((cause: unknown) => {
        if (!(cause instanceof Fault)) throw cause;
        throw refused(
          `The warm device ${place} cannot be used (${cause.detail}): choose another one.`,
          cause,
        );
      });
      return closedUnless(opened, async () => {
        const superblock = await madeOn(opened.disk, { place, identity });
        return deviceOf(opened, superblock);
      });
    },
    async find(place, identity): Promise<ShardDevice> {
      const opened = await openDisk(place);
      return closedUnless(opened, async () => {
        const superblock = await foundOn(opened.disk, identity);
        return deviceOf(opened, superblock);
      });
    },
  };
}

async function closedUnless<T>({ disk }: OpenedDisk, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    await disk.close();
    throw cause;
  }
}

/** A blank disk becomes the device; so does one of this pool that holds no shards. */
async function madeOn(
  disk: RawDisk,
  { place, identity }: { readonly place: string; readonly identity: DeviceIdentity },
): Promise<Superblock> {
  const geometry = geometryOf(disk.bytes());
  if (geometry === undefined) {
    const least = WARM_DISK_BYTES_MIN / 2 ** 20;
    throw refused(`The warm device ${place} has less than ${least} MiB: choose a larger one.`);
  }
  const copies = await readCopies(disk);
  const there = newestOf(copies);
  if (there === undefined || copies.some(({ state }) => state === 'foreign' || state === 'newer')) {
    const content = await contentOf(disk);
    if (content !== undefined) {
      throw refused(
        `The disk ${place} is not empty (it carries ${content}) and is left as it is: choose another one, or erase it with terrace warm erase ${place}.`,
      );
    }
  } else if (there.pool !== identity.pool) {
    throw refused(
      `The warm device ${place} belongs to another pool and is left as it is: choose another one, or erase it with terrace warm erase ${place}.`,
    );
  } else if (there.device !== identity.device && (await scannedOn(disk, there)).index.count > 0) {
    throw refused(
      `The disk ${place} holds shards of this pool, as another device of it: choose another one.`,
    );
  }
  if (there?.device === identity.device) return whole(disk, copies, there);
  const superblock = { ...identity, generation: (there?.generation ?? 0) + 1, geometry };
  await writeCopies(disk, superblock);
  return superblock;
}

async function foundOn(disk: RawDisk, { pool, device }: DeviceIdentity): Promise<Superblock> {
  const copies = await readCopies(disk);
  const superblock = newestOf(copies);
  if (superblock === undefined || copies.some(({ state }) => state === 'foreign' || state === 'newer')) {
    throw new Fault('not-found', 'device', absence(copies));
  }
  if (superblock.pool !== pool || superblock.device !== device) {
    throw new Fault('not-found', 'device', 'another device is there');
  }
  if (disk.bytes() < superblock.geometry.dataEnd) {
    const detail = `the device has ${disk.bytes()} bytes and had ${superblock.geometry.dataEnd}`;
    throw new Fault('not-found', 'device', detail);
  }
  return whole(disk, copies, superblock);
}

function absence(copies: readonly SuperblockCopy[]): string {
  const states = copies.map(({ state }) => state);
  if (states.includes('newer')) return 'the device has a format of a newer Terrace';
  if (states.includes('ours')) return 'something else was written over the beginning of the device';
  if (states.includes('damaged')) return 'both superblocks of the device are damaged';
  return states.includes('foreign') ? 'the disk holds something else' : 'the disk is empty';
}

/** Makes the copies the same again after a write that was torn, or damage to one of them. */
async function whole(
  disk: RawDisk,
  copies: readonly SuperblockCopy[],
  superblock: Superblock,
): Promise<Superblock> {
  if (isWhole(copies)) return superblock;
  const next = { ...superblock, generation: superblock.generation + 1 };
  await writeCopies(disk, next);
  return next;
}

const blocksOn = (disk: RawDisk, superblock: Superblock): CatalogueBlocks =>
  new CatalogueBlocks(disk, superblock);

const scannedOn = (disk: RawDisk, superblock: Superblock): ReturnType<typeof scanCatalogue> =>
  scanCatalogue(blocksOn(disk, superblock));

async function deviceOf(opened: OpenedDisk, superblock: Superblock): Promise<ShardDevice> {
  const blocks = blocksOn(opened.disk, superblock);
  const scanned = await scanCatalogue(blocks);
  // What was read may be no more than in the cache of the disk, where the last process has left it.
  await opened.disk.flush();
  const catalogue = new Catalogue(blocks, scanned);
  return new BlockDevice({ ...opened, superblock, catalogue, free: new FreeSpace(scanned.free) });
}

const refused = (what: string, cause?: unknown): Fault =>
  new Fault('invalid-argument', 'device', what, { cause });
