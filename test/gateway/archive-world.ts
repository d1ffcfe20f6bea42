import type { Clock, Environment } from '../../src/environment.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { Metrics } from '../../src/metrics.ts';
import { MemoryObjectStore } from '../../src/tiering/cold/memory-object-store.ts';
import { openColdStoreOn } from '../../src/tiering/cold/open-cold-store.ts';
import { openChunkStore } from '../../src/tiering/reduction/open-chunk-store.ts';
import { referenceErasure } from '../../src/workers/reference-erasure.ts';
import { referenceReduction } from '../../src/workers/reference-reduction.ts';
import { referenceCompute } from '../../src/workers/reference.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { memoryDevice, openStack, silent, TestClock, type World } from '../namespace/world.ts';
import { coldSettingsOfTests } from '../tiering/cold/cold-world.ts';
import { settingsDefault } from '../tiering/reduction/chunk-bed.ts';

export const HOUR_MS = 3_600_000;

/** A namespace above a cold tier in an archive class, from where content is back an hour after it was asked for. */
export interface ArchiveWorld extends World {
  readonly bucket: MemoryObjectStore;
  /** Moves all content of an object to the cold tier. */
  readonly archive: (ino: Parameters<World['namespace']['objects']['blobsOf']>[0]) => Promise<void>;
}

export async function archiveWorld(): Promise<ArchiveWorld> {
  const clock = new TestClock();
  const random = seededRandom(1);
  const bucket = new MemoryObjectStore({ clock, random, restoreMs: HOUR_MS });
  const [engine, device] = [new MemoryEngine(), memoryDevice()];
  const stack = await openStack({
    engine,
    device,
    environment: { clock, random, log: silent },
    inlineBytesMax: 64,
    lower: async ({ kv, dataKeys }) => {
      const environment: Environment = { clock: untimed(clock), random, log: silent };
      const given = { kv, environment, dataKeys, reduction: referenceReduction() };
      const kernels = { compute: referenceCompute(), erasure: referenceErasure(), metrics: new Metrics() };
      const settings = { ...coldSettingsOfTests, storageClass: 'DEEP_ARCHIVE' } as const;
      const { store: segments } = await openColdStoreOn(bucket, settings, { ...given, ...kernels });
      const chunks = await openChunkStore({ ...given, segments, tier: 'cold', settings: settingsDefault });
      return [{ chunks, segments }];
    },
  });
  const { tiering, namespace } = stack;
  return {
    ...{ engine, device, clock, bucket, ...stack },
    async archive(ino) {
      for await (const blobs of namespace.objects.blobsOf(ino)) {
        const moving = tiering.tiers.migrate({ blobs, to: 'cold', trigger: 'order' });
        await new Promise((resolve) => setImmediate(resolve));
        while ((await tiering.steps.migrate()) === 'busy');
        const { outcome, error } = await moving;
        if (outcome === 'failed') throw new Error(error);
      }
    },
  };
}

/** Longer than any pause before another attempt, and shorter than any time limit. */
const PAUSE_MS_MAX = 10_000;

/** Nothing takes too long, and nobody waits before another attempt. */
const untimed = (clock: TestClock): Clock => ({
  wall: () => clock.wall(),
  monotonic: () => clock.monotonic(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (ms <= PAUSE_MS_MAX) setImmediate(resolve);
      signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    }),
});
