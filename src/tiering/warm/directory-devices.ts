import { mkdir, readdir, realpath, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '../../fault.ts';
import { isMarkedAs, MARKER_NAME, markerText, readMarker } from './device-marker.ts';
import { DirectReads } from './direct-reads.ts';
import {
  DirectoryDevice,
  ifThere,
  INCOMING_NAME,
  isCode,
  SHARDS_NAME,
  syncDirectory,
  writeSynced,
} from './directory-device.ts';
import type { DeviceIdentity, ShardDevice, ShardDevices } from './shard-device.ts';

/** Made by the file system itself. */
const LOST_AND_FOUND = 'lost+found';

/** Directories of this machine as devices, each one best a file system on a disk of its own. */
export function directoryDevices(): ShardDevices {
  /** By path, as many as devices: one that hangs keeps the slots of no other. */
  const reads = new Map<string, DirectReads>();
  return {
    placeOf: (directory) => realpath(directory).catch(() => path.resolve(directory)),
    async make(directory, identity): Promise<ShardDevice> {
      try {
        await makeDevice(directory, identity);
      } catch (cause) {
        if (cause instanceof Fault) throw cause;
        const { message } = cause as Error;
        throw refused(`The warm device ${directory} cannot be used (${message})`, cause);
      }
      return opened(directory, identity);
    },
    async find(directory, identity): Promise<ShardDevice> {
      const isThere = await isMarkedAs(directory, identity).catch((cause: unknown) => {
        throw new Fault('unavailable', 'device', (cause as Error).message, { cause });
      });
      if (!isThere) throw new Fault('not-found', 'device', await absence(directory));
      const device = await opened(directory, identity);
      await device.readMarkerFromMedium();
      return device;
    },
  };

  function readsOf(directory: string): DirectReads {
    const known = reads.get(directory) ?? new DirectReads();
    reads.set(directory, known);
    return known;
  }

  async function opened(directory: string, identity: DeviceIdentity): Promise<DirectoryDevice> {
    const device = new DirectoryDevice(directory, identity, readsOf(directory));
    await device.clearIncoming();
    return device;
  }
}

async function absence(directory: string): Promise<string> {
  if ((await ifThere(stat(directory))) === undefined) return 'there is no such directory';
  return (await readMarker(directory)) === undefined ? 'the directory is empty' : 'another device is there';
}

async function makeDevice(directory: string, identity: DeviceIdentity): Promise<void> {
  const parent = path.dirname(directory);
  const isMade = await mkdir(directory, { mode: 0o700 }).then(
    () => true,
    (cause: unknown) => {
      if (isCode(cause, 'ENOENT')) {
        throw refused(`There is no directory ${parent} for the warm device ${directory}: make it`, cause);
      }
      if (!isCode(cause, 'EEXIST')) throw cause;
      return false;
    },
  );
  const marked = await readMarker(directory);
  if (marked === undefined) await refuseContent(directory);
  else if (marked.pool !== identity.pool) {
    throw refused(`The warm device ${directory} belongs to another pool and is left as it is`);
  } else if (marked.device !== identity.device && !(await isEmpty(directory))) {
    throw refused(`The directory ${directory} holds shards of this pool, as another device of it`);
  }
  for (const name of [INCOMING_NAME, SHARDS_NAME])
    await mkdir(path.join(directory, name), { recursive: true });
  const incoming = path.join(directory, INCOMING_NAME, MARKER_NAME);
  await writeSynced(incoming, Buffer.from(markerText(identity)));
  await rename(incoming, path.join(directory, MARKER_NAME));
  await syncDirectory(directory);
  if (isMade) await syncDirectory(parent);
}

/** A crash may leave a directory marked that no row knows: nothing is lost when it becomes another device. */
const isEmpty = async (directory: string): Promise<boolean> =>
  ((await ifThere(readdir(path.join(directory, SHARDS_NAME)))) ?? []).length === 0;

/** A directory without a marker may only hold what a crash leaves between these steps. */
async function refuseContent(directory: string): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name !== LOST_AND_FOUND);
  const others = names.filter((name) => name !== INCOMING_NAME && name !== SHARDS_NAME);
  const shards = names.includes(SHARDS_NAME) ? await readdir(path.join(directory, SHARDS_NAME)) : [];
  if (others.length > 0 || shards.length > 0) {
    throw refused(`The directory ${directory} is not empty and no device of this pool`);
  }
}

const refused = (what: string, cause?: unknown): Fault =>
  new Fault('invalid-argument', 'device', `${what}: choose an empty directory or disk with --warm PATH.`, {
    cause,
  });
