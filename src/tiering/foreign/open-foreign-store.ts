import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { COLD_OBJECT_BYTES_MAX, COLD_WAITING_MAX } from '../../limits/tiering.ts';
import type { Compute } from '../../workers/compute.ts';
import type { ColdPlace } from '../cold/cold-place.ts';
import { nameOf } from '../cold/cold-place.ts';
import { bounded } from '../cold/layers/bounded.ts';
import { Breaker, type Outage } from '../cold/layers/breaker.ts';
import { closing } from '../cold/layers/closing.ts';
import { exact } from '../cold/layers/exact.ts';
import { retrying } from '../cold/layers/retrying.ts';
import { timed } from '../cold/layers/timed.ts';
import { layered, unchanged, type ObjectStore, type ObjectStoreLayer } from '../cold/object-store.ts';
import { attachedRole } from '../cold/sdk-failure.ts';

export interface ForeignStoreSettings {
  readonly place: ColdPlace;
  /** `undefined`: the usual chain of AWS programs. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Of the configuration of AWS programs. */
  readonly profile: string | undefined;
  /** Under way at a time. */
  readonly requestsMax: number;
}

export interface ForeignStore {
  readonly store: ObjectStore;
  /** Since when it does not answer, and why; `undefined`: it does. */
  outage(): Outage | undefined;
  /** Rejects with a Fault and a sentence unless the bucket answers now; it is asked once, for a page of one key. */
  probe(prefix: string): Promise<void>;
}

export interface ForeignStoreParts {
  readonly environment: Environment;
  readonly compute: Compute;
}

/** A bucket of others, which is only read. Nothing is asked before somebody reads; whoever opens it closes `store`. */
export async function openForeignStore(
  settings: ForeignStoreSettings,
  parts: ForeignStoreParts,
): Promise<ForeignStore> {
  // Loaded only by those who have such a bucket: it takes a quarter of a second and 25 MB.
  const { sdkObjectStore } = await import('../cold/sdk-object-store.ts');
  const { requestsMax, ...where } = settings;
  const given = { ...where, socketsMax: requestsMax, storageClass: 'STANDARD', role: attachedRole };
  return openForeignStoreOn(sdkObjectStore({ ...given, compute: parts.compute }), settings, parts);
}

/** The same on any object store; owns it. */
export function openForeignStoreOn(
  bucket: ObjectStore,
  { place, requestsMax }: Pick<ForeignStoreSettings, 'place' | 'requestsMax'>,
  { environment }: Pick<ForeignStoreParts, 'environment'>,
): ForeignStore {
  const breaker = new Breaker(environment, nameOf(place));
  const attempt = [readOnly(), breaker.layer, timed(environment.clock, COLD_OBJECT_BYTES_MAX), exact()];
  const alive = layered(bucket, attempt);
  const store = layered(alive, [
    closing(),
    bounded({ runningMax: requestsMax, waitingMax: COLD_WAITING_MAX }),
    retrying({ environment, isHopeless: () => breaker.outage() !== undefined }),
  ]);
  return {
    store,
    outage: () => breaker.outage(),
    probe: async (prefix) => {
      await alive.browse(prefix, { after: '', entriesMax: 1 }, new AbortController().signal);
    },
  };
}

/** Nothing is written to somebody else's bucket, whatever is asked. */
const readOnly = (): ObjectStoreLayer => (inner) => {
  const refuse = (): never => {
    throw new Fault('read-only', 'store', 'An attached bucket is only read.');
  };
  return {
    ...unchanged(inner),
    put: async () => refuse(),
    begin: async () => refuse(),
    putPart: async () => refuse(),
    complete: async () => refuse(),
    abandon: async () => refuse(),
    delete: async () => refuse(),
    deleteSame: async () => refuse(),
    restore: async () => refuse(),
    archive: async () => refuse(),
  };
};
