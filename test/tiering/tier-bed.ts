import assert from 'node:assert/strict';
import type { Environment, Random } from '../../src/environment.ts';
import type { Fault } from '../../src/fault.ts';
import type { Durability, Kv } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { decodeDeviceBlob, BLOB_TABLES, blobKey, tableRange } from '../../src/tiering/hot/blob-records.ts';
import { openAllocator } from '../../src/tiering/hot/allocator.ts';
import type { Device, DeviceExtent } from '../../src/tiering/hot/device.ts';
import { DEVICE_UNIT_BYTES, MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import { openTiering, type Tiering, type TieringOptions } from '../../src/tiering/open-tiering.ts';
import type { Hold } from '../../src/tiering/hold.ts';
import type { LowerTier, Tier } from '../../src/tiering/tier.ts';
import type { MigrationRecord } from '../../src/tiering/tiers.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { TestClock } from '../namespace/world.ts';
import {
  changeKnown,
  checkKnown,
  INLINE_BYTES_MAX,
  ledgerOf,
  putKnown,
  turns,
  type Known,
  type KnownBlobs,
} from './hot/blob-bed.ts';
import { MemoryDataKeys } from './memory-data-keys.ts';
import { noLabels } from './no-labels.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { ChunkMedia, MemoryChunkStore } from './memory-chunk-store.ts';

export interface TierBedOptions {
  readonly random?: Random;
  readonly lower?: readonly LowerTier[];
  /** Of each lower tier. */
  readonly lowerBytes?: number;
  readonly tiering?: Partial<Pick<TieringOptions, 'hotBytesMax' | 'migrationBytesPerSecond'>>;
  /** Lets others run before every effect of a lower tier. */
  readonly isSlow?: boolean;
  /** Puts something between the device and the blobs. */
  readonly around?: (device: Device) => Device;
}

/** Blobs over stores of three tiers in memory, which a test may crash and open again. */
export class TierBed {
  readonly random: Random;
  readonly clock = new TestClock();
  readonly dataKeys = new MemoryDataKeys();
  readonly device = new MemoryDevice({ bytes: DEVICE_UNIT_BYTES });
  readonly media: Readonly<Record<LowerTier, ChunkMedia>> = {
    warm: new ChunkMedia(),
    cold: new ChunkMedia(),
  };
  /** Of the warm tier. */
  hold: Hold | undefined;
  /** What the next call of this kind to the lower tiers meets. */
  fault: (tier: LowerTier, label: string) => Fault | undefined = () => undefined;
  engine: MemoryEngine;
  kv!: Kv;
  tiering!: Tiering;
  stores!: Partial<Record<LowerTier, MemoryChunkStore>>;
  readonly #options: TierBedOptions;
  #lastId = 0;

  private constructor(options: TierBedOptions) {
    this.#options = options;
    this.random = options.random ?? seededRandom(1);
    this.engine = new MemoryEngine({ delay: () => turns(this.random.below(3)) });
  }

  static async open(options: TierBedOptions = {}): Promise<TierBed> {
    const bed = new TierBed(options);
    await bed.reopen();
    return bed;
  }

  /** As after the start of a new process. */
  async reopen(): Promise<void> {
    const { lower = ['warm', 'cold'], lowerBytes = 2 ** 40, tiering = {}, isSlow, around } = this.#options;
    const nothing = (): void => undefined;
    const log = { info: nothing, warn: nothing, error: nothing };
    const environment: Environment = { clock: this.clock, random: this.random, log };
    this.kv = openOptimistic(this.engine, { merge: () => undefined });
    const delay = (): Promise<void> => turns(isSlow === true ? this.random.below(12) : 0);
    const stores = lower.map(
      (tier) =>
        new MemoryChunkStore({
          ...{ kv: this.kv, tier, delay, media: this.media[tier] },
          fault: (label) => this.fault(tier, label),
        }),
    );
    this.stores = Object.fromEntries(stores.map((store) => [store.tier, store]));
    this.tiering = await openTiering({
      hot: {
        ...{ cipher: referenceCipher(), dataKeys: this.dataKeys },
        ...{ kv: this.kv, device: around?.(this.device) ?? this.device, environment },
        allocator: openAllocator(this.device.bytes()),
        nextId: () => ++this.#lastId,
        inlineBytesMax: INLINE_BYTES_MAX,
      },
      lower: stores.map((chunks) => ({
        chunks,
        hold: chunks.tier === 'warm' ? this.hold : undefined,
        segments: {
          usage: () => ({
            bytesTotal: lowerBytes,
            bytesFree: lowerBytes - chunks.usage().bytesStored,
          }),
        },
      })),
      labels: noLabels,
      migrationBytesPerSecond: 0,
      scrubBytesPerSecond: 0,
      ...tiering,
      wake: () => undefined,
    });
  }

  /** Power loss. What lower tiers have stored stays; what nobody names there is garbage. */
  crash(): void {
    this.engine = this.engine.crash(this.random);
    this.device.crash(this.random);
  }

  put(length: number, seed: number, durability: Durability = 'durable'): Promise<BlobId> {
    return putKnown(this.#known(), { length, seed }, durability);
  }

  /** Adds `by` references in one transaction, or takes one away; false when the blob is gone. */
  change(id: BlobId, by: 1 | -1, durability: Durability = 'durable'): Promise<boolean> {
    return changeKnown(this.#known(), { id, by }, durability);
  }

  ledger(): Promise<ReadonlyMap<BlobId, Known>> {
    return ledgerOf(this.kv);
  }

  check(id: BlobId, known: Pick<Known, 'length' | 'seed'>): Promise<void> {
    return checkKnown(this.tiering.blobs, id, known);
  }

  #known(): KnownBlobs {
    return { kv: this.kv, blobs: this.tiering.blobs };
  }

  async move(to: Tier, ...ids: BlobId[]): Promise<MigrationRecord> {
    const migrating = this.tiering.tiers.migrate({ blobs: ids, to, trigger: 'order' });
    await this.settle('migrate');
    return migrating;
  }

  async tiersOf(id: BlobId): Promise<string> {
    const [places] = await this.tiering.tiers.placesOf([id]);
    return places?.tiers.join('+') ?? 'none';
  }

  /** Runs a step until it has nothing to do; lets others run in between. */
  async settle(step: keyof Tiering['steps']): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    for (let count = 0; (await this.tiering.steps[step]()) === 'busy'; count += 1) {
      assert(count < 10_000, `${step} ends`);
    }
  }

  async collectAll(): Promise<void> {
    for (let count = 0; await this.tiering.blobs.collect(); count++) assert(count < 1000, 'collection ends');
    for (const store of Object.values(this.stores)) await store.collect();
  }

  /** Bytes of the hot device in use. */
  used(): number {
    const { bytesTotal, bytesFree } = this.tiering.tiers.usage().hot;
    return bytesTotal - bytesFree;
  }

  /** What the rows of hot copies say that they take. */
  async bytesOfRows(): Promise<number> {
    let bytes = 0;
    for await (const page of this.kv.scan(tableRange(BLOB_TABLES.device, 0 as BlobId), {
      pageEntries: 100,
    })) {
      for (const { value } of page) {
        for (const { length } of decodeDeviceBlob(value).extents) bytes += length;
      }
    }
    return bytes;
  }

  /** Contents that a lower tier keeps. */
  kept(tier: LowerTier): number {
    return this.media[tier].contents.size;
  }

  /** Where the hot copy lies. */
  async extentsOf(id: BlobId): Promise<readonly DeviceExtent[]> {
    const row = await this.kv.get(blobKey(BLOB_TABLES.device, id));
    assert(row !== undefined, `blob ${id} has no copy on the device`);
    return decodeDeviceBlob(row).extents;
  }

  /** Flips a bit of the hot copy. */
  async damageHot(id: BlobId): Promise<void> {
    this.device.corrupt((await this.extentsOf(id))[0]!.offset + 7, 3);
  }
}
