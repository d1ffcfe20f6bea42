import { constants } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { openOptimistic } from '../kv/optimistic.ts';
import { openRocksdb } from '../kv/rocksdb.ts';
import { openSequence } from '../kv/sequence.ts';
import {
  FREE_BYTES_MIN,
  FREE_SHARE_MIN,
  HANDLE_SECRET_BYTES,
  HOT_GROW_BYTES,
  HOT_INITIAL_BYTES,
  STORE_FORMAT_VERSION,
} from '../limits.ts';
import { mergeDirectory } from '../namespace/directory-row.ts';
import { FORMAT_KEY, SECRET_KEY, SEQUENCE_KEY } from '../namespace/keys.ts';
import type { Namespace } from '../namespace/namespace.ts';
import { openNamespace } from '../namespace/open-namespace.ts';
import { loadNative } from '../native.ts';
import type { Scope } from '../scope.ts';
import type { Blobs } from '../tiering/blobs.ts';
import { openAllocator } from '../tiering/hot/allocator.ts';
import { openNativeDevice, type NativeDevice } from '../tiering/hot/native-device.ts';
import { openBlobs } from '../tiering/hot/open-blobs.ts';

/** Everything below the doors. */
export interface Layers {
  readonly kv: Kv;
  readonly namespace: Namespace;
  readonly blobs: Blobs;
  readonly device: NativeDevice;
  /** Made once for a data directory: keys the MAC of file handles and names the file system. */
  readonly secret: Uint8Array;
}

/** Opens metadata, hot device and namespace in a data directory; `stopped` hears of what the gateway cannot survive. */
export async function openLayers(
  scope: Scope,
  config: Config,
  { environment, stopped }: { environment: Environment; stopped: (cause: unknown) => void },
): Promise<Layers> {
  const engine = await openRocksdb(path.join(config.data, 'metadata'));
  const kv = scope.own(openOptimistic(engine, { merge: mergeDirectory, stopped }));
  await requireFormat(kv);
  const secret = await openSecret(kv, environment);
  const sequence = scope.own(await openSequence(kv, SEQUENCE_KEY, stopped));
  const isFile = await isFileOrAbsent(config.hot.path);
  const device = scope.own(await openHotDevice(config, environment));
  const growth = isFile && config.hot.size === 'auto' ? await growthOf(config.hot.path) : undefined;
  const blobs = scope.own(
    await openBlobs({
      kv,
      device,
      allocator: openAllocator(device.bytes()),
      environment,
      nextId: () => sequence.next(),
      deviceId: device.uuid,
      ...(growth !== undefined && { growth }),
    }),
  );
  const namespace = scope.own(await openNamespace({ kv, blobs, sequence, environment }));
  return { kv, namespace, blobs, device, secret };
}

/** A store of a newer program is refused before anything is written to it. */
async function requireFormat(kv: Kv): Promise<void> {
  await kv.transact('durable', async (tx) => {
    const row = await tx.get(FORMAT_KEY);
    const version = row?.[0];
    if (version === undefined) tx.put(FORMAT_KEY, Uint8Array.of(STORE_FORMAT_VERSION));
    else if (version > STORE_FORMAT_VERSION) {
      const detail = `The data directory has format ${version}, this program knows up to ${STORE_FORMAT_VERSION}: start the newer program.`;
      throw new Fault('not-supported', 'store', detail);
    }
  });
}

async function openSecret(kv: Kv, { random }: Environment): Promise<Uint8Array> {
  const fresh = random.bytes(HANDLE_SECRET_BYTES);
  return kv.transact('durable', async (tx) => {
    const kept = await tx.get(SECRET_KEY);
    if (kept === undefined) tx.put(SECRET_KEY, fresh);
    return kept ?? fresh;
  });
}

async function isFileOrAbsent(file: string): Promise<boolean> {
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw cause;
  });
  return found === undefined || (found.mode & constants.S_IFMT) === constants.S_IFREG;
}

async function openHotDevice({ hot }: Config, { random }: Environment): Promise<NativeDevice> {
  const bytes = hot.size === 'auto' ? HOT_INITIAL_BYTES : hot.size;
  const device = await openNativeDevice(loadNative(), { path: hot.path, bytes, driver: 'any', random });
  if (hot.size !== 'auto' && device.bytes() < hot.size) await device.grow(hot.size);
  return device;
}

/** A file of automatic size leaves room on the file system for others. */
async function growthOf(file: string): Promise<{
  growBytes: number;
  bytesMax: number;
  freeBytesMin: number;
  freeBytes: () => Promise<number>;
}> {
  const directory = path.dirname(file);
  const { blocks, bsize } = await statfs(directory);
  const freeBytesMin = Math.max(FREE_BYTES_MIN, blocks * bsize * FREE_SHARE_MIN);
  const freeBytes = async (): Promise<number> => {
    const now = await statfs(directory);
    return now.bavail * now.bsize;
  };
  const bytesMax = Math.floor((blocks * bsize) / HOT_GROW_BYTES) * HOT_GROW_BYTES;
  return { growBytes: HOT_GROW_BYTES, bytesMax, freeBytesMin, freeBytes };
}
