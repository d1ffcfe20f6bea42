import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { peerGroup } from 'nfs-server-ts/peer-address';
import { rootAccount } from '../accounts/account-id.ts';
import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { BucketEncryption } from '../keyring/bucket-encryption.ts';
import type { Keyring } from '../keyring/keyring.ts';
import { openKeyring } from '../keyring/open-keyring.ts';
import type { Kv } from '../kv/kv.ts';
import { openOptimistic } from '../kv/optimistic.ts';
import { openRocksdb } from '../kv/rocksdb.ts';
import { openSequence } from '../kv/sequence.ts';
import {
  DATA_KEYS_FORMAT_VERSION,
  FREE_BYTES_MIN,
  FREE_SHARE_MIN,
  HANDLE_SECRET_BYTES,
  HOT_GROW_BYTES,
  STORE_FORMAT_VERSION,
} from '../limits.ts';
import { TRIM_AFTER_MS } from '../limits/tiering.ts';
import { loadNative } from '../native.ts';
import type { Metrics } from '../metrics.ts';
import { blobLabels } from '../namespace/blob-labels.ts';
import { mergeNamespace } from '../namespace/merge.ts';
import { FORMAT_KEY, SECRET_KEY, SEQUENCE_KEY } from '../namespace/keys.ts';
import type { Namespace } from '../namespace/namespace.ts';
import { openNamespace } from '../namespace/open-namespace.ts';
import { wholeObjects } from '../namespace/whole-objects.ts';
import type { Scope } from '../scope.ts';
import type { Device } from '../tiering/hot/device.ts';
import { openAllocator } from '../tiering/hot/allocator.ts';
import type { BlobsOptions } from '../tiering/hot/open-blobs.ts';
import type { NativeDevice } from '../tiering/hot/native-device.ts';
import { watchedDevice, type WatchedDevice } from '../tiering/hot/watched-device.ts';
import { openTiering, type Tiering, type TieringStep } from '../tiering/open-tiering.ts';
import { nativeCipher } from '../workers/native-cipher.ts';
import { explainInUse } from './explain-in-use.ts';
import { MetadataRoom } from './metadata-room.ts';
import { isFile, openHotDevice } from './open-hot-device.ts';
import { openLowerTiers, type LowerTiers } from './open-lower-tiers.ts';

/** Everything below the doors. */
export interface Layers {
  readonly kv: Kv;
  readonly keyring: Keyring;
  /** Of buckets that say nothing themselves; `undefined`: content stays plain. */
  readonly defaultEncryption: BucketEncryption | undefined;
  readonly namespace: Namespace;
  readonly tiering: Tiering;
  readonly lowerTiers: LowerTiers;
  readonly device: NativeDevice;
  readonly metadataRoom: MetadataRoom;
  readonly hotHealth: WatchedDevice['health'];
  /** Made once for a data directory: keys the MAC of file handles and names the file system. */
  readonly secret: Uint8Array;
  /** Greater with each call, also across restarts. */
  readonly nextId: () => number;
}

export interface LayersGiven {
  readonly environment: Environment;
  /** Seals the keys of the key ring. */
  readonly secretsKey: Uint8Array;
  /** Hears of what the gateway cannot survive. */
  readonly stopped: (cause: unknown) => void;
  readonly metrics: Metrics;
  /** Says that a step of the tiers has work. */
  readonly wake: (step: TieringStep) => void;
}

/** Opens metadata, hot device, key ring and namespace in a data directory. */
export async function openLayers(
  scope: Scope,
  config: Config,
  { environment, secretsKey, stopped, metrics, wake }: LayersGiven,
): Promise<Layers> {
  const engine = await openRocksdb(path.join(config.data, 'metadata')).catch(
    explainInUse(`The data directory ${config.data}`, '--data DIR'),
  );
  const kv = scope.own(openOptimistic(engine, { merge: mergeNamespace, stopped }));
  const metadataRoom = scope.own(await MetadataRoom.open(config.data, environment.clock));
  const format = await requireFormat(kv);
  const secret = await openSecret(kv, environment);
  const sequence = scope.own(await openSequence(kv, SEQUENCE_KEY, stopped));
  const device = await openHotDevice(scope, config, { kv, environment });
  const cipher = nativeCipher(loadNative());
  const account = rootAccount.id;
  const { region } = config;
  const expectsDataKeys = format >= DATA_KEYS_FORMAT_VERSION;
  const keyring = await openKeyring({
    ...{ kv, environment, cipher, secretsKey, region, account, expectsDataKeys },
  });
  if (format !== STORE_FORMAT_VERSION) await settleFormat(kv);
  const { dataKeys } = keyring;
  const lowerTiers = await openLowerTiers(scope, config, { kv, environment, dataKeys, metrics });
  const watched = watchedDevice(stoppingOnFailedFlush(device, stopped), environment);
  const tiering = await openTiers(config, lowerTiers, {
    ...{ kv, device: watched },
    ...{ environment, cipher, dataKeys, wake, nextId: () => sequence.next() },
  });
  const blobs = scope.own(tiering.blobs);
  const { defaultEncryption: algorithm } = config.s3;
  const defaultEncryption: BucketEncryption | undefined =
    algorithm === 'none' ? undefined : { algorithm, bucketKey: false, blocksCustomerKeys: false };
  const namespace = scope.own(
    await openNamespace({
      ...{ kv, blobs, sequence, environment, cipher, keyring, defaultEncryption },
      foreign: tiering.foreign,
      wayOut: tiering.wayOut,
      groupOf: peerGroup,
      requireRoom: () => metadataRoom.require(),
    }),
  );
  return {
    kv,
    keyring,
    defaultEncryption,
    namespace,
    tiering,
    lowerTiers,
    device,
    metadataRoom,
    hotHealth: () => watched.health(),
    secret,
    nextId: () => sequence.next(),
  };
}

interface HotGiven extends Omit<BlobsOptions, 'allocator' | 'growth'> {
  readonly wake: (step: TieringStep) => void;
}

/** The hot tier on its device above the lower tiers. */
async function openTiers(
  { hot, tiering: { migrationRate, scrubRate } }: Config,
  { lower, native }: LowerTiers,
  { wake, ...given }: HotGiven,
): Promise<Tiering> {
  const growth = (await isFile(hot.path)) && hot.size === 'auto' ? await growthOf(hot.path) : undefined;
  const allocator = openAllocator(given.device.bytes());
  return openTiering({
    hot: {
      ...{ ...given, allocator, ...(growth !== undefined && { growth }) },
      ...(isToBeTrimmed(hot.discard, given.device) && { trimAfterMs: TRIM_AFTER_MS }),
    },
    ...(hot.size !== 'auto' && { hotBytesMax: hot.size }),
    lower,
    labels: blobLabels(given.kv),
    ...(native !== undefined && { native: { store: native, wholes: wholeObjects(given.kv) } }),
    migrationBytesPerSecond: migrationRate,
    scrubBytesPerSecond: scrubRate,
    wake,
  });
}

/** A file would lose the blocks that were written once for it: only who wants the space for others says so. */
const isToBeTrimmed = (wanted: Config['hot']['discard'], { traits }: Device): boolean =>
  wanted === 'auto' ? traits.discard === 'device' : wanted === 'on';

/** The format of the store, 0 for a new one. One of a newer program is refused before anything is written to it. */
async function requireFormat(kv: Kv): Promise<number> {
  const version = (await kv.get(FORMAT_KEY))?.[0] ?? 0;
  if (version <= STORE_FORMAT_VERSION) return version;
  const detail = `The data directory has format ${version}, this program knows up to ${STORE_FORMAT_VERSION}: start the newer program.`;
  throw new Fault('not-supported', 'store', detail);
}

/** From now on older programs refuse the store. To be called once that has what the format promises. */
async function settleFormat(kv: Kv): Promise<void> {
  await kv.transact('durable', async (tx) => tx.put(FORMAT_KEY, Uint8Array.of(STORE_FORMAT_VERSION)));
}

async function openSecret(kv: Kv, { random }: Environment): Promise<Uint8Array> {
  const fresh = random.bytes(HANDLE_SECRET_BYTES);
  return kv.transact('durable', async (tx) => {
    const kept = await tx.get(SECRET_KEY);
    if (kept === undefined) tx.put(SECRET_KEY, fresh);
    return kept ?? fresh;
  });
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

/** What a failed flush had to make durable is perhaps lost, whatever the next one says: better stopped than wrong. */
const stoppingOnFailedFlush = (device: Device, stopped: (cause: unknown) => void): Device => ({
  traits: device.traits,
  bytes: () => device.bytes(),
  write: (offset, parts, lifetime) => device.write(offset, parts, lifetime),
  read: (offset, checksums, room) => device.read(offset, checksums, room),
  discard: (extent) => device.discard(extent),
  grow: (bytes) => device.grow(bytes),
  close: () => device.close(),
  flush: () =>
    device.flush().catch((cause: unknown) => {
      stopped(cause);
      throw cause;
    }),
});
