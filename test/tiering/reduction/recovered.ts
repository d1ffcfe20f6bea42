import assert from 'node:assert/strict';
import { Fault } from '../../../src/fault.ts';
import type { Kv } from '../../../src/kv/kv.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import type { RecoveryKeys } from '../../../src/tiering/data-keys.ts';
import { RecoveredBlobs } from '../../../src/tiering/reduction/recover-blobs.ts';
import type { RecoveryParts } from '../../../src/tiering/reduction/recovery-parts.ts';
import type { SegmentStore } from '../../../src/tiering/segment-store.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { recoveryKeys } from '../memory-data-keys.ts';

export interface Recovered {
  readonly label: string;
  /** `undefined`: damaged beyond repair. */
  readonly bytes: Uint8Array | undefined;
}

export const scratchKv = (): Kv => openOptimistic(new MemoryEngine(), { merge: () => undefined });

export const recoveryOf = (segments: SegmentStore, keys: RecoveryKeys = recoveryKeys): RecoveryParts => ({
  ...{ segments, keys, reduction: referenceReduction(), scratch: scratchKv() },
  log: { info: () => undefined, warn: () => undefined, error: () => undefined },
});

/** What segments give to who has none of the rows that belong to them, by blob. */
export async function recovered(
  segments: SegmentStore,
  keys?: RecoveryKeys,
): Promise<ReadonlyMap<number, Recovered>> {
  const found = new Map<number, Recovered>();
  const blobs = await RecoveredBlobs.open(recoveryOf(segments, keys));
  for await (const { id, length, label, content } of blobs.all()) {
    const bytes = await content().catch((failure: unknown) => {
      assert(failure instanceof Fault && failure.code === 'corrupt');
      return undefined;
    });
    assert(bytes === undefined || bytes.length === length);
    found.set(id, { label: Buffer.from(label).toString(), bytes });
  }
  return found;
}
