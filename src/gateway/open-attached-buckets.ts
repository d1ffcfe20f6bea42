import type { Config } from '../config.ts';
import type { Environment } from '../environment.ts';
import { loadNative } from '../native.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Scope } from '../scope.ts';
import { openForeignStore } from '../tiering/foreign/open-foreign-store.ts';
import { nativeCompute } from '../workers/native.ts';
import { AttachedStores } from './attached-buckets.ts';
import type { Layers } from './open-layers.ts';
import { isOwnEndpoint } from './own-endpoint.ts';

const STEP = 'attached-buckets';

export interface AttachedGiven {
  readonly layers: Layers;
  readonly environment: Environment;
  readonly scheduler: Scheduler;
}

/** Opens the stores of attached buckets and starts the work that they make. */
export async function startAttachedBuckets(
  scope: Scope,
  { cold }: Pick<Config, 'cold'>,
  { layers, environment, scheduler }: AttachedGiven,
): Promise<AttachedStores> {
  const { namespace, tiering, nextId } = layers;
  const compute = nativeCompute(loadNative());
  const parts = { environment, namespace, foreign: tiering.foreign, nextId };
  const attached = scope.own(
    await AttachedStores.open(
      {
        ...parts,
        wake: () => scheduler.wake(STEP),
        isOwn: isOwnEndpoint,
        open: (settings) => openForeignStore(settings, { environment, compute }),
      },
      cold,
    ),
  );
  scheduler.start(STEP, () => attached.step());
  return attached;
}
