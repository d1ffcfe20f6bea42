import assert from 'node:assert/strict';
import { hotDeviceAlerts } from '../../src/gateway/observe-hot-device.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { Metrics } from '../../src/metrics.ts';
import { MemoryObjectStore } from '../../src/tiering/cold/memory-object-store.ts';
import { unchanged } from '../../src/tiering/cold/object-store.ts';
import { openColdStoreOn, type OpenedColdStore } from '../../src/tiering/cold/open-cold-store.ts';
import type { MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import { watchedDevice, type WatchedDevice } from '../../src/tiering/hot/watched-device.ts';
import type { LowerTierParts } from '../../src/tiering/open-tiering.ts';
import { openChunkStore } from '../../src/tiering/reduction/open-chunk-store.ts';
import { MemoryShardDevices, type MemoryPlace } from '../../src/tiering/warm/memory-shard-devices.ts';
import { openWarmPool } from '../../src/tiering/warm/open-warm-pool.ts';
import type { WarmPool } from '../../src/tiering/warm/warm-pool.ts';
import { referenceErasure } from '../../src/workers/reference-erasure.ts';
import { referenceReduction } from '../../src/workers/reference-reduction.ts';
import { referenceCompute } from '../../src/workers/reference.ts';
import { memoryDevice, openStack, silent, type ChunkStoreParts, type Stack } from '../namespace/world.ts';
import { coldSettingsOfTests } from '../tiering/cold/cold-world.ts';
import { settingsDefault } from '../tiering/reduction/chunk-bed.ts';
import type { Simulation } from './simulation.ts';
import { SlowDevice } from './slow-device.ts';

const INLINE_BYTES_MAX = 40;
const PATHS = ['/d1', '/d2', '/d3', '/d4', '/d5', '/d6', '/d7'];

/**
 * All parts of a gateway below its doors: metadata and a hot device in memory, a warm pool of seven devices, a cold store, each of
 * which takes its time and fails as told. They outlive the process, which `open` begins anew.
 */
export class FaultyWorld {
  readonly simulation: Simulation;
  readonly device: MemoryDevice = memoryDevice();
  readonly bucket: MemoryObjectStore;
  /** Whether the disk of the metadata takes writes. */
  metadataFails = false;
  /** Why the process could not go on. */
  stopped: unknown;
  stack!: Stack;
  slow!: SlowDevice;
  #engine: MemoryEngine;
  readonly #places = new MemoryShardDevices();
  #watched!: WatchedDevice;
  #pool!: WarmPool;
  #cold!: OpenedColdStore;
  #lower: readonly LowerTierParts[] = [];

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    const { clock, random } = simulation;
    this.#engine = new MemoryEngine({
      delay: (operation) => simulation.latency(`kv ${operation}`),
      writeFailure: () => (this.metadataFails ? new Error('EIO: the log of the metadata') : undefined),
    });
    this.bucket = new MemoryObjectStore({
      clock,
      random,
      delay: (name) => simulation.latency(`cold ${name}`),
    });
    for (const path of PATHS) {
      this.#places.place(path).delay = (name) => simulation.latency(`warm ${path} ${name}`);
    }
  }

  async open(): Promise<Stack> {
    const { clock, random } = this.simulation;
    const environment = { clock, random, log: silent };
    this.slow = new SlowDevice(this.device, (label) => this.simulation.latency(label));
    this.#watched = watchedDevice(this.slow, environment);
    this.stopped = undefined;
    this.stack = await openStack({
      ...{ engine: this.#engine, device: this.#watched, environment, inlineBytesMax: INLINE_BYTES_MAX },
      defaultEncryption: { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false },
      stopped: (cause) => (this.stopped = cause),
      lower: (given) => this.#openLower(given),
    });
    return this.stack;
  }

  /** Power loss at this moment. */
  crash(): void {
    this.simulation.forgetAll();
    this.#engine = this.#engine.crash(this.simulation.random);
    this.device.crash(this.simulation.random);
    for (const place of this.#places.places.values()) place.crash(this.simulation.random);
  }

  /** A device of the warm pool. */
  place(index: number): MemoryPlace {
    return this.#places.places.get(PATHS[index] ?? '') ?? assert.fail('there is no such device');
  }

  /** What operators are told, in no order. */
  alerts(): readonly string[] {
    const hot = hotDeviceAlerts(this.#watched.health(), this.stack.tiering.counts());
    return [...hot, ...this.#pool.alerts(), ...this.#cold.alerts()].map(({ text }) => text);
  }

  /** All background work of the tiers, one unit each. */
  steps(): readonly (() => Promise<unknown>)[] {
    const { tiering, namespace } = this.stack;
    return [
      () => namespace.step(),
      () => namespace.rewrap(),
      ...Object.values(tiering.steps),
      ...this.#pool.steps.map(({ step }) => step),
      () => this.#cold.step(),
      ...this.#lower.map(
        ({ chunks }) =>
          () =>
            chunks.collect(),
      ),
    ];
  }

  async #openLower(parts: ChunkStoreParts): Promise<readonly LowerTierParts[]> {
    const given = { ...parts, reduction: referenceReduction() };
    const kernels = { compute: referenceCompute(), erasure: referenceErasure(), metrics: new Metrics() };
    const shape = { data: 4, parity: 2 };
    const bytes = { imageBytesMax: 1 << 18 };
    this.#pool = await openWarmPool({ ...given, ...bytes, devices: PATHS, shape, places: this.#places });
    // The bucket outlives whoever is connected to it.
    const connection = { ...unchanged(this.bucket), close: () => Promise.resolve() };
    const settings = { ...coldSettingsOfTests, ...bytes };
    this.#cold = await openColdStoreOn(connection, settings, { ...given, ...kernels });
    const tiers = [
      { tier: 'warm', segments: this.#pool },
      { tier: 'cold', segments: this.#cold.store },
    ] as const;
    this.#lower = await Promise.all(
      tiers.map(async ({ tier, segments }) => ({
        chunks: await openChunkStore({ ...given, segments, tier, settings: settingsDefault }),
        segments,
      })),
    );
    return this.#lower;
  }
}
