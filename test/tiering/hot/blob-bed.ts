import assert from 'node:assert/strict';
import type { Environment, MonotonicMs, Random } from '../../../src/environment.ts';
import type { Durability, Key, Kv } from '../../../src/kv/kv.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import type { BlobId, Blobs, StagedBlob } from '../../../src/tiering/blobs.ts';
import { openAllocator } from '../../../src/tiering/hot/allocator.ts';
import type { DeviceGrowth } from '../../../src/tiering/hot/blob-space.ts';
import { BLOCK_BYTES, type Allocator } from '../../../src/tiering/hot/device.ts';
import type { HotBlobs } from '../../../src/tiering/hot/hot-blobs.ts';
import { DEVICE_UNIT_BYTES, MemoryDevice } from '../../../src/tiering/hot/memory-device.ts';
import { openBlobs } from '../../../src/tiering/hot/open-blobs.ts';
import { sealedBytes } from '../../../src/workers/cipher.ts';
import { referenceCipher } from '../../../src/workers/reference-cipher.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { TestClock } from '../../namespace/world.ts';
import { MemoryDataKeys } from '../memory-data-keys.ts';
import { ScatteringAllocator } from './scattering-allocator.ts';

/** Small, so that most blobs of a test lie on the device. */
export const INLINE_BYTES_MAX = 100;

/** What a namespace would know of a blob: kept in the same transactions, so it says after a crash what must be there. */
export interface Known {
  readonly references: number;
  readonly length: number;
  readonly seed: number;
}

const LEDGER = 0x01;

export function environmentOf(random: Random): Environment {
  const nothing = (): void => undefined;
  return {
    clock: {
      wall: () => ({ seconds: 0, nanoseconds: 0 }),
      monotonic: () => 0 as MonotonicMs,
      sleep: () => new Promise((resolve) => setImmediate(resolve)),
    },
    random,
    log: { info: nothing, warn: nothing, error: nothing },
  };
}

export function content(length: number, seed: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = at * 7 + (at >> 8) + seed * 131;
  return bytes;
}

/** Blobs with this seed or a greater one are sealed. */
export const SEALED_SEED = 50;
const isSealed = (seed: number): boolean => seed >= SEALED_SEED;

export function deviceBytesOf({ length, seed }: Pick<Known, 'length' | 'seed'>): number {
  const bytes = isSealed(seed) ? sealedBytes(length) : length;
  return length <= INLINE_BYTES_MAX ? 0 : Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

export function ledgerKey(id: BlobId): Key {
  const key = new Uint8Array(9);
  key[0] = LEDGER;
  new DataView(key.buffer).setFloat64(1, id);
  return key;
}

export function encodeKnown(known: Known): Uint8Array {
  return Buffer.from(JSON.stringify(known));
}

export function decodeKnown(value: Uint8Array | undefined): Known | undefined {
  return value === undefined ? undefined : (JSON.parse(Buffer.from(value).toString()) as Known);
}

/** A store with the blobs whose ledger is kept in it. */
export interface KnownBlobs {
  readonly kv: Kv;
  readonly blobs: Blobs;
}

type Content = Pick<Known, 'length' | 'seed'>;

function stageKnown({ blobs }: KnownBlobs, { length, seed }: Content): Promise<StagedBlob> {
  const bytes = content(length, seed);
  const parts = [bytes.subarray(0, length >> 1), bytes.subarray(length >> 1)];
  return isSealed(seed) ? blobs.stageSealed(parts) : blobs.stage(parts);
}

/** A new blob with one reference. */
export async function putKnown(all: KnownBlobs, known: Content, durability: Durability): Promise<BlobId> {
  const { kv, blobs } = all;
  const staged = await stageKnown(all, known);
  await blobs.flush([staged]);
  await kv.transact(durability, (tx) => {
    blobs.attach(tx, staged);
    tx.put(ledgerKey(staged.id), encodeKnown({ ...known, references: 1 }));
    return Promise.resolve();
  });
  return staged.id;
}

/** Adds a reference in one transaction, or takes one away; false when the blob is gone. */
export const changeKnown = (
  { kv, blobs }: KnownBlobs,
  { id, by }: { readonly id: BlobId; readonly by: 1 | -1 },
  durability: Durability,
): Promise<boolean> =>
  kv.transact(durability, async (tx) => {
    const known = decodeKnown(await tx.get(ledgerKey(id)));
    if (known === undefined) return false;
    await (by === 1 ? blobs.retain(tx, id) : blobs.release(tx, id));
    const references = known.references + by;
    if (references === 0) tx.delete(ledgerKey(id));
    else tx.put(ledgerKey(id), encodeKnown({ ...known, references }));
    return true;
  });

export async function ledgerOf(kv: Kv): Promise<ReadonlyMap<BlobId, Known>> {
  const known = new Map<BlobId, Known>();
  const range = { start: Uint8Array.of(LEDGER), end: Uint8Array.of(LEDGER + 1) };
  for await (const page of kv.scan(range, { pageEntries: 100 })) {
    for (const { key, value } of page) {
      known.set(new DataView(key.buffer, key.byteOffset).getFloat64(1) as BlobId, decodeKnown(value)!);
    }
  }
  return known;
}

export async function checkKnown(blobs: Blobs, id: BlobId, { length, seed }: Content): Promise<void> {
  const bytes = await blobs.read(id, 0, length);
  assert(Buffer.from(bytes).equals(content(length, seed)), `blob ${id} reads back`);
}

export interface BlobBedOptions {
  readonly growth?: DeviceGrowth;
  /** Every blob lies in a MiB of its own. */
  readonly isScattered?: boolean;
}

/** Blobs over a store and a device in memory, which a test may crash and open again. */
export class BlobBed {
  readonly device: MemoryDevice;
  readonly random: Random;
  readonly dataKeys = new MemoryDataKeys();
  /** Events that were logged as errors. */
  readonly errors: string[] = [];
  readonly clock = new TestClock();
  readonly #options: BlobBedOptions;
  engine: MemoryEngine;
  kv!: Kv;
  blobs!: HotBlobs;
  allocator!: Allocator;
  #lastId = 0;

  private constructor(random: Random, options: BlobBedOptions) {
    const { growth } = options;
    this.random = random;
    this.#options = options;
    this.device = new MemoryDevice({
      bytes: DEVICE_UNIT_BYTES,
      bytesMax: growth?.bytesMax ?? DEVICE_UNIT_BYTES,
    });
    this.engine = new MemoryEngine({ delay: () => turns(random.below(3)) });
  }

  static async open(random: Random = seededRandom(1), options: BlobBedOptions = {}): Promise<BlobBed> {
    const bed = new BlobBed(random, options);
    await bed.reopen();
    return bed;
  }

  /** As after the start of a new process. */
  async reopen(): Promise<void> {
    const { growth, isScattered = false } = this.#options;
    const environment = { ...environmentOf(this.random), clock: this.clock };
    const log = { ...environment.log, error: (event: string): void => void this.errors.push(event) };
    this.kv = openOptimistic(this.engine, { merge: () => undefined });
    const allocator = openAllocator(this.device.bytes());
    this.allocator = isScattered ? new ScatteringAllocator(allocator, this.random) : allocator;
    this.blobs = await openBlobs({
      kv: this.kv,
      device: this.device,
      allocator: this.allocator,
      ...{ trimAfterMs: 0, defragmentRestMs: 0 },
      environment: { ...environment, log },
      cipher: referenceCipher(),
      dataKeys: this.dataKeys,
      nextId: () => ++this.#lastId,
      inlineBytesMax: INLINE_BYTES_MAX,
      ...(growth !== undefined && { growth }),
    });
  }

  /** Power loss. */
  crash(): void {
    this.engine = this.engine.crash(this.random);
    this.device.crash(this.random);
  }

  stage(length: number, seed: number): Promise<StagedBlob> {
    return stageKnown(this, { length, seed });
  }

  put(length: number, seed: number, durability: Durability = 'durable'): Promise<BlobId> {
    return putKnown(this, { length, seed }, durability);
  }

  /** Adds `by` references in one transaction, or takes one away; false when the blob is gone. */
  change(id: BlobId, by: 1 | -1, durability: Durability = 'durable'): Promise<boolean> {
    return changeKnown(this, { id, by }, durability);
  }

  ledger(): Promise<ReadonlyMap<BlobId, Known>> {
    return ledgerOf(this.kv);
  }

  check(id: BlobId, known: Known): Promise<void> {
    return checkKnown(this.blobs, id, known);
  }

  async collectAll(): Promise<void> {
    for (let count = 0; await this.blobs.collect(); count++) assert(count < 1000, 'collection ends');
  }

  /** Bytes of the device in use. */
  used(): number {
    const { bytesTotal, bytesFree } = this.blobs.usage();
    return bytesTotal - bytesFree;
  }
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
