import assert from 'node:assert/strict';
import type { Environment, Random } from '../../../src/environment.ts';
import { Fault } from '../../../src/fault.ts';
import type { BucketEncryption } from '../../../src/keyring/bucket-encryption.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import type { Bucket } from '../../../src/namespace/namespace.ts';
import type { BlobId } from '../../../src/tiering/blobs.ts';
import { exact } from '../../../src/tiering/cold/layers/exact.ts';
import {
  MemoryObjectStore,
  type MemoryObjectOptions,
} from '../../../src/tiering/cold/memory-object-store.ts';
import { layered, surrounding, unchanged } from '../../../src/tiering/cold/object-store.ts';
import type { MemoryDevice } from '../../../src/tiering/hot/memory-device.ts';
import { allNatives, leadsAfter } from '../../../src/tiering/native-layout/native-records.ts';
import type { Tier } from '../../../src/tiering/tier.ts';
import type { MigrationRecord } from '../../../src/tiering/tiers.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import {
  bytes,
  memoryDevice,
  openStack,
  put,
  root,
  s3,
  settle,
  silent,
  TestClock,
  type Stack,
} from '../../namespace/world.ts';
import { turns } from '../hot/blob-bed.ts';
import { ChunkMedia } from '../memory-chunk-store.ts';

const { signal } = new AbortController();

export interface NativeBedOptions {
  readonly random?: Random;
  readonly ignores?: MemoryObjectOptions['ignores'];
  readonly seals?: boolean;
  readonly defaultEncryption?: BucketEncryption;
  /** Lets others run before every effect of the stores. */
  readonly isSlow?: boolean;
}

/** A namespace over a hot tier and a cold store in which objects lie under their own keys; a test may crash it. */
export class NativeBed {
  readonly random: Random;
  readonly clock = new TestClock();
  readonly store: MemoryObjectStore;
  readonly packed = new ChunkMedia();
  isWanted = true;
  mayForget = true;
  isAway = false;
  stack!: Stack;
  bucket!: Bucket;
  /** What was asked of the store, by operation and key. */
  asked: string[] = [];
  readonly #options: NativeBedOptions;
  #engine: MemoryEngine;
  #device: MemoryDevice = memoryDevice();
  #process = 0;

  private constructor(options: NativeBedOptions) {
    this.#options = options;
    this.random = options.random ?? seededRandom(1);
    this.#engine = new MemoryEngine({ delay: () => this.#pause(3) });
    const { ignores } = options;
    const delay = (): Promise<void> => this.#pause(6);
    this.store = new MemoryObjectStore({
      clock: this.clock,
      random: this.random,
      delay,
      ...(ignores && { ignores }),
    });
  }

  static async open(options: NativeBedOptions = {}): Promise<NativeBed> {
    const bed = new NativeBed(options);
    await bed.reopen();
    bed.bucket = await bed.stack.namespace.objects.createBucket(s3, 'bucket');
    return bed;
  }

  /** As after the start of a new process. */
  async reopen(): Promise<void> {
    const process = ++this.#process;
    const environment: Environment = { clock: this.clock, random: this.random, log: silent };
    const watched = surrounding(async ({ name, key }, abort, call) => {
      if (process !== this.#process) throw new Fault('unavailable', 'store', 'of a process that has ended');
      if (this.isAway) throw new Fault('unavailable', 'store', 'away');
      this.asked.push(`${name} ${key}`);
      return call(abort);
    });
    const { seals = true, defaultEncryption } = this.#options;
    this.stack = await openStack({
      ...{ engine: this.#engine, device: this.#device, environment, inlineBytesMax: 100 },
      ...(defaultEncryption && { defaultEncryption }),
      lowerMedia: [{ tier: 'cold', media: this.packed }],
      delay: () => this.#pause(6),
      stopped: (cause) => {
        if (process === this.#process) throw cause;
      },
      native: {
        objects: layered({ ...unchanged(this.store), close: () => Promise.resolve() }, [watched, exact()]),
        place: { prefix: 'pre' },
        compute: referenceCompute(),
        sizes: { wholeBytesMax: 20_000, partBytes: 8_000 },
        seals: () => seals,
        isWanted: this.isWanted,
        mayForget: () => this.mayForget,
      },
    });
  }

  /** Power loss; what was on its way to the store then has arrived when it resolves, or never does. */
  async crash(): Promise<void> {
    this.#process += 1;
    this.#engine = this.#engine.crash(this.random);
    this.#device.crash(this.random);
    await turns(40);
  }

  #pause(most: number): Promise<void> {
    return turns(this.#options.isSlow === true ? this.random.below(most) : 0);
  }

  async put(key: string, body: string | Uint8Array): Promise<void> {
    await put(this.stack, this.bucket, key, body);
  }

  async get(key: string): Promise<string | undefined> {
    const object = await this.stack.namespace.objects.open({ bucket: this.bucket.ino, key: bytes(key) });
    if (object === undefined) return undefined;
    try {
      const parts: Uint8Array[] = [];
      for await (const part of object.read(0, object.found.attributes.size)) parts.push(part);
      return Buffer.concat(parts).toString('latin1');
    } finally {
      await object.close();
    }
  }

  /** Over NFS, with the encryption that its bucket says. */
  async create(name: string): Promise<void> {
    const place = { directory: this.bucket.ino, name: bytes(name) };
    await this.stack.namespace.files.create(root, place, { mode: { how: 'unchecked' }, wish: {} });
  }

  /** Over NFS, durable. */
  async write(name: string, offset: number, data: string | Uint8Array): Promise<void> {
    const { files } = this.stack.namespace;
    const place = { directory: this.bucket.ino, name: bytes(name) };
    const { attributes } = await files.lookup(root, place);
    const body = typeof data === 'string' ? bytes(data) : data;
    await files.write(root, attributes.ino, { offset, data: body, stable: true });
  }

  async delete(key: string): Promise<void> {
    const at = { bucket: this.bucket.ino, key: bytes(key), expect: {} };
    await this.stack.namespace.objects.removeKey(at);
  }

  async rename(from: string, to: string): Promise<void> {
    const { files } = this.stack.namespace;
    const place = (name: string) => ({ directory: this.bucket.ino, name: bytes(name) });
    await files.rename(root, { from: place(from), to: place(to) });
  }

  /** A copy that shares all blobs. */
  async copy(from: string, to: string): Promise<void> {
    const { objects } = this.stack.namespace;
    const source = await objects.open({ bucket: this.bucket.ino, key: bytes(from) });
    assert(source !== undefined, `there is no ${from}`);
    try {
      const draft = await objects.draft(s3);
      await draft.splice(source, 0, source.found.attributes.size);
      const { facet } = source.found;
      await objects.attach(s3, draft, { bucket: this.bucket.ino, key: bytes(to), facet, expect: {} });
    } finally {
      await source.close();
    }
  }

  async blobsOf(key: string): Promise<readonly BlobId[]> {
    const { objects } = this.stack.namespace;
    const found = await objects.head({ bucket: this.bucket.ino, key: bytes(key) });
    const ids: BlobId[] = [];
    if (found !== undefined)
      for await (const page of objects.blobsOf(found.attributes.ino)) ids.push(...page);
    return ids;
  }

  async move(key: string, to: Tier = 'cold'): Promise<MigrationRecord> {
    return this.migrate(await this.blobsOf(key), to);
  }

  async migrate(blobs: readonly BlobId[], to: Tier = 'cold'): Promise<MigrationRecord> {
    const { tiers, steps } = this.stack.tiering;
    let isOver = false;
    const migrating = tiers.migrate({ blobs, to, trigger: 'order' }).finally(() => (isOver = true));
    migrating.catch(() => undefined);
    while (!isOver && tiers.totals().queued === 0) await turns(1);
    for (let count = 0; (await steps.migrate()) === 'busy'; count += 1) assert(count < 1_000, 'it ends');
    return migrating;
  }

  /** How each blob of an object lies, the warmest tier first. */
  async formsOf(key: string): Promise<readonly string[]> {
    const { tiers } = this.stack.tiering;
    const ids = await this.blobsOf(key);
    const places = await tiers.placesOf(ids);
    return Promise.all(
      ids.map(async (id, index) => {
        const form = await tiers.coldFormOf(id);
        const cold = form?.kind === 'own-key' ? form.key : form?.kind;
        return [...(places[index]?.tiers ?? []).filter((tier) => tier !== 'cold'), cold]
          .filter(Boolean)
          .join('+');
      }),
    );
  }

  /** What nobody needs any more goes, here and there. */
  async clear(): Promise<void> {
    await settle(this.stack);
    // What rests because the store failed goes on.
    this.clock.ms += 60_000;
    for (let count = 0; await this.stack.blobs.collect(); count += 1)
      assert(count < 1_000, 'collection ends');
    const { steps } = this.stack.tiering;
    // Once around: a look at all keys that want one.
    for (let round = 0; round < 2; round += 1)
      for (let count = 0; (await steps['sweep-objects']()) === 'busy'; count += 1) assert(count < 1_000);
  }

  /** Somebody else puts something there, whatever is there. */
  async outsider(key: string, body: string): Promise<void> {
    const content = bytes(body);
    const { crc64nvme = content } = referenceCompute().digest(['crc64nvme'], [content]);
    await this.store.delete(key, signal);
    await this.store.put(key, { bytes: content, crc64nvme, condition: { kind: 'absent' } }, signal);
  }

  /** What lies in the store, as text. */
  lying(key: string): string {
    return Buffer.from(this.store.lying(key)).toString('latin1');
  }

  /** Rows of objects in the store, and of keys that want a look. */
  async rows(): Promise<{ readonly objects: number; readonly leads: number }> {
    const count = async (range: typeof allNatives): Promise<number> => {
      let rows = 0;
      for await (const page of this.stack.kv.scan(range, { pageEntries: 100 })) rows += page.length;
      return rows;
    };
    return { objects: await count(allNatives), leads: await count(leadsAfter('')) };
  }
}
