import type { Environment, MonotonicMs, Time } from '../../src/environment.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { openSequence } from '../../src/kv/sequence.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { mergeDirectory } from '../../src/namespace/directory-row.ts';
import { SEQUENCE_KEY } from '../../src/namespace/keys.ts';
import type { Bucket, Caller, Found, Namespace, ObjectFacet } from '../../src/namespace/namespace.ts';
import { openNamespace } from '../../src/namespace/open-namespace.ts';
import type { Blobs } from '../../src/tiering/blobs.ts';
import { openAllocator } from '../../src/tiering/hot/allocator.ts';
import { MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import { openBlobs } from '../../src/tiering/hot/open-blobs.ts';
import { seededRandom } from '../kv/seeded-random.ts';

const DEVICE_BYTES = 64 << 20;

/** What survives a crash. */
export interface Media {
  readonly engine: MemoryEngine;
  readonly device: MemoryDevice;
}

/** A namespace over stores in memory, and everything below it. */
export interface World extends Media {
  readonly kv: Kv;
  readonly blobs: Blobs;
  readonly namespace: Namespace;
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
  const device = media?.device ?? new MemoryDevice({ bytes: DEVICE_BYTES });
  const clock = new TestClock();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const environment: Environment = { clock, random: seededRandom(seed), log };
  const stopped = (cause: unknown): never => {
    throw cause;
  };
  const kv = openOptimistic(engine, { merge: mergeDirectory, stopped });
  const sequence = await openSequence(kv, SEQUENCE_KEY, stopped);
  const allocator = openAllocator(device.bytes());
  const blobs = await openBlobs({ kv, device, allocator, environment, nextId: () => sequence.next() });
  const namespace = await openNamespace({ kv, blobs, sequence, environment });
  return { engine, device, kv, blobs, namespace, clock };
}

/** Background work until there is none. */
export async function settle({ namespace }: World): Promise<void> {
  while ((await namespace.step()) === 'busy');
}

export const plainFacet = (etag: string): ObjectFacet => ({
  etag,
  headers: { 'content-type': 'text/plain' },
  metadata: {},
  checksums: [],
  partLengths: [],
});

/** PUT, as the S3 door does it. */
export async function put(
  world: World,
  bucket: Bucket,
  key: string,
  body: string | Uint8Array,
): Promise<Found> {
  const draft = await world.namespace.objects.draft(s3);
  await draft.write([typeof body === 'string' ? bytes(body) : body]);
  return world.namespace.objects.attach(s3, draft, bucket.ino, bytes(key), plainFacet(`etag-of-${key}`), {});
}

export async function get(world: World, bucket: Bucket, key: string): Promise<Buffer | undefined> {
  const object = await world.namespace.objects.open(bucket.ino, bytes(key));
  if (object === undefined) return undefined;
  const parts: Uint8Array[] = [];
  for await (const part of object.read(0, object.found.attributes.size)) parts.push(part);
  await object.close();
  return Buffer.concat(parts);
}

export async function listed(
  world: World,
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
