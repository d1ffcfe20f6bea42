import { peerGroup } from 'nfs-server-ts/peer-address';
import type { Environment, MonotonicMs, Time } from '../../src/environment.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { openSequence } from '../../src/kv/sequence.ts';
import type { BucketEncryption } from '../../src/keyring/bucket-encryption.ts';
import type { Keyring } from '../../src/keyring/keyring.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { mergeNamespace } from '../../src/namespace/merge.ts';
import { SEQUENCE_KEY } from '../../src/namespace/keys.ts';
import type { Bucket, Caller, Found, Namespace, ObjectFacet } from '../../src/namespace/namespace.ts';
import { blobLabels } from '../../src/namespace/blob-labels.ts';
import { openNamespace } from '../../src/namespace/open-namespace.ts';
import { wholeObjects } from '../../src/namespace/whole-objects.ts';
import type { KvEngine } from '../../src/kv/engine.ts';
import type { Blobs } from '../../src/tiering/blobs.ts';
import { openAllocator } from '../../src/tiering/hot/allocator.ts';
import type { Device } from '../../src/tiering/hot/device.ts';
import { MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import type { ChunkStoreOptions } from '../../src/tiering/reduction/open-chunk-store.ts';
import type { NativeStore } from '../../src/tiering/native-layout/native-parts.ts';
import { openTiering, type LowerTierParts, type Tiering } from '../../src/tiering/open-tiering.ts';
import type { LowerTier } from '../../src/tiering/tier.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { openTestKeyring } from '../keyring/test-keyring.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { MemoryChunkStore, type ChunkMedia } from '../tiering/memory-chunk-store.ts';

const DEVICE_BYTES = 64 << 20;
export const memoryDevice = (): MemoryDevice => new MemoryDevice({ bytes: DEVICE_BYTES });

/** What survives a crash. */
export interface Media {
  readonly engine: MemoryEngine;
  readonly device: MemoryDevice;
}

/** A namespace and what it stands on. */
export interface Stack {
  readonly kv: Kv;
  readonly blobs: Blobs;
  readonly tiering: Tiering;
  readonly keyring: Keyring;
  readonly namespace: Namespace;
}

/** A namespace over stores in memory that answer at once. */
export interface World extends Media, Stack {
  readonly clock: TestClock;
}

/** Stands still unless told to move, so that ties of time are the rule. */
export class TestClock {
  ms = 1_700_000_000_000;
  wall(): Time {
    return { seconds: Math.floor(this.ms / 1000), nanoseconds: (this.ms % 1000) * 1_000_000 };
  }
  monotonic(): MonotonicMs {
    return this.ms as MonotonicMs;
  }
  async sleep(ms: number): Promise<void> {
    this.ms += ms;
  }
}

export const root: Caller = { uid: 0, gid: 0, groups: [], bypassesModes: false };
export const s3: Caller = { uid: 0, gid: 0, groups: [], bypassesModes: true };
export const user = (uid: number, ...groups: number[]): Caller => ({
  uid,
  gid: uid,
  groups,
  bypassesModes: false,
});

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const text = (parts: readonly Uint8Array[] | Uint8Array): string =>
  Buffer.concat(parts instanceof Uint8Array ? [parts] : parts).toString();

export async function openWorld(media?: Media, seed = 1): Promise<World> {
  const engine = media?.engine ?? new MemoryEngine();
  const device = media?.device ?? memoryDevice();
  const clock = new TestClock();
  const environment: Environment = { clock, random: seededRandom(seed), log: silent };
  const stack = await openStack({ engine, device, environment });
  return { engine, device, clock, ...stack };
}

export const silent: Environment['log'] = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export type ChunkStoreParts = Pick<ChunkStoreOptions, 'kv' | 'environment' | 'dataKeys'>;

/** `inlineBytesMax` small: even short content goes to the device. */
export async function openStack(given: {
  readonly engine: KvEngine;
  readonly device: Device;
  readonly environment: Environment;
  readonly inlineBytesMax?: number;
  readonly defaultEncryption?: BucketEncryption;
  /** What lower tiers keep over a crash; without any, all content stays hot. */
  readonly lowerMedia?: readonly { readonly tier: LowerTier; readonly media: ChunkMedia }[];
  /** Other lower tiers than those. */
  readonly lower?: (given: ChunkStoreParts) => Promise<readonly LowerTierParts[]>;
  /** A cold store for objects under their own keys; there must be a cold tier. */
  readonly native?: NativeStore;
  /** Of lower tiers. */
  readonly delay?: (label: string) => Promise<void>;
  /** Puts something between the store and the namespace. */
  readonly around?: (kv: Kv) => Kv;
  /** See NamespaceGiven. */
  readonly requireRoom?: () => void;
  /** Hears of what a gateway cannot survive; it is thrown where nobody does. */
  readonly stopped?: (cause: unknown) => void;
}): Promise<Stack> {
  const { engine, device, environment, inlineBytesMax, defaultEncryption, around = (kv) => kv } = given;
  const { lowerMedia = [] } = given;
  const stopped = given.stopped ?? thrown;
  const kv = around(openOptimistic(engine, { merge: mergeNamespace, stopped }));
  const sequence = await openSequence(kv, SEQUENCE_KEY, stopped);
  const allocator = openAllocator(device.bytes());
  const small = inlineBytesMax === undefined ? {} : { inlineBytesMax };
  const nextId = (): number => sequence.next();
  const cipher = referenceCipher();
  const keyring = await openTestKeyring({ kv, environment, cipher });
  const { dataKeys } = keyring;
  const memory = lowerMedia.map(({ tier, media }) => {
    const chunks = new MemoryChunkStore({ kv, tier, media, ...(given.delay && { delay: given.delay }) });
    const segments = { usage: () => ({ bytesTotal: 2 ** 40, bytesFree: 2 ** 40 }) };
    return { chunks, segments };
  });
  const others = (await given.lower?.({ kv, environment, dataKeys })) ?? [];
  const lower = [...memory, ...others];
  const tiering = await openTiering({
    labels: blobLabels(kv),
    ...(given.native && { native: { store: given.native, wholes: wholeObjects(kv) } }),
    hot: { kv, device, allocator, environment, nextId, cipher, dataKeys, ...small },
    ...{ lower, migrationBytesPerSecond: 0, scrubBytesPerSecond: 0, wake: () => undefined },
  });
  const { blobs, foreign, wayOut } = tiering;
  const namespace = await openNamespace({
    ...{ kv, blobs, foreign, wayOut, sequence, environment, cipher, keyring },
    ...{ defaultEncryption, groupOf: peerGroup },
    ...(given.requireRoom && { requireRoom: given.requireRoom }),
  });
  return { kv, blobs, keyring, namespace, tiering };
}

function thrown(cause: unknown): never {
  throw cause;
}

/** Background work until there is none. */
export async function settle({ namespace, tiering }: Pick<Stack, 'namespace' | 'tiering'>): Promise<void> {
  while ((await namespace.step()) === 'busy');
  // Space where the device has failed is kept until somebody has looked whether it still does.
  while ((await tiering.steps.examine()) === 'busy');
}

export const plainFacet = (etag: string): ObjectFacet => ({
  etag,
  headers: { 'content-type': 'text/plain' },
  metadata: {},
  checksums: [],
  parts: [],
  tags: [],
  storageClass: 'STANDARD',
});

/** PUT, as the S3 door does it. */
export async function put(
  world: Pick<Stack, 'namespace'>,
  bucket: Bucket,
  key: string,
  body: string | Uint8Array,
): Promise<Found> {
  const draft = await world.namespace.objects.draft(s3);
  await draft.write([typeof body === 'string' ? bytes(body) : body]);
  return world.namespace.objects.attach(s3, draft, {
    bucket: bucket.ino,
    key: bytes(key),
    facet: plainFacet(`etag-of-${key}`),
    expect: {},
  });
}

export async function get(world: Stack, bucket: Bucket, key: string): Promise<Buffer | undefined> {
  const object = await world.namespace.objects.open({ bucket: bucket.ino, key: bytes(key) });
  if (object === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of object.read(0, object.found.attributes.size)) parts.push(part);
  await object.close();
  return Buffer.concat(parts);
}

export async function listed(
  world: Stack,
  bucket: Bucket,
  prefix = '',
  delimiter?: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  let after: Uint8Array | undefined = new Uint8Array(0);
  while (after !== undefined) {
    const options = {
      prefix: bytes(prefix),
      after,
      delimiter: delimiter === undefined ? undefined : bytes(delimiter),
    };
    const page = await world.namespace.objects.walk(bucket.ino, { ...options, entriesMax: 3 });
    found.push(...page.entries.map((entry) => text(entry.kind === 'object' ? entry.key : entry.prefix)));
    after = page.next;
  }
  return found;
}
