import type { Environment } from '../../../src/environment.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import type { Kv } from '../../../src/kv/kv.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import { mergeNamespace } from '../../../src/namespace/merge.ts';
import { Metrics } from '../../../src/metrics.ts';
import {
  MemoryObjectStore,
  type MemoryObjectOptions,
} from '../../../src/tiering/cold/memory-object-store.ts';
import { unchanged } from '../../../src/tiering/cold/object-store.ts';
import {
  openColdStoreOn,
  type ColdSettings,
  type OpenedColdStore,
} from '../../../src/tiering/cold/open-cold-store.ts';
import type { SegmentId, SegmentStore } from '../../../src/tiering/segment-store.ts';
import { referenceErasure } from '../../../src/workers/reference-erasure.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { silent } from '../../namespace/world.ts';
import { Simulation } from '../../simulation/simulation.ts';

export const coldSettingsOfTests: Omit<ColdSettings, 'credentials'> = {
  place: { bucket: 'cold', prefix: 'one', endpoint: 'http://127.0.0.1:9', region: 'us-east-1' },
  storageClass: 'STANDARD',
  layout: 'packed',
  shape: { data: 4, parity: 2 },
  imageBytesMax: 1 << 20,
  requestsMax: 4,
  recall: { days: 1, speed: 'Standard' },
};

/** A bucket in memory and metadata in memory, in simulated time. */
export interface ColdWorld {
  readonly simulation: Simulation;
  readonly environment: Environment;
  readonly bucket: MemoryObjectStore;
  readonly kv: Kv;
  /** With all layers, as a gateway has it; also a second time. */
  open(settings?: Partial<typeof coldSettingsOfTests>): Promise<OpenedColdStore>;
}

export function coldWorld(seed = 1, options: Omit<MemoryObjectOptions, 'clock' | 'random'> = {}): ColdWorld {
  const simulation = new Simulation(seed);
  const { clock, random } = simulation;
  const environment: Environment = { clock, random, log: silent };
  const bucket = new MemoryObjectStore({ clock, random, ...options });
  const kv = openOptimistic(new MemoryEngine(), { merge: mergeNamespace, stopped: () => undefined });
  const compute = referenceCompute();
  const reduction = referenceReduction();
  const erasure = referenceErasure();
  return {
    simulation,
    environment,
    bucket,
    kv,
    open: (settings = {}) => {
      const parts = { kv, environment, metrics: new Metrics(), compute, erasure, reduction };
      // The bucket outlives whoever is connected to it.
      const connection = { ...unchanged(bucket), close: () => Promise.resolve() };
      return openColdStoreOn(connection, { ...coldSettingsOfTests, ...settings }, parts);
    },
  };
}

export async function idsOf(store: SegmentStore, after?: SegmentId): Promise<readonly SegmentId[]> {
  const ids: SegmentId[] = [];
  for await (const page of store.list(after)) ids.push(...page);
  return ids;
}
