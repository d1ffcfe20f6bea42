import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { COLD_WAITING_MAX } from '../../limits/tiering.ts';
import type { Metrics } from '../../metrics.ts';
import type { Compute } from '../../workers/compute.ts';
import type { Erasure, StripeShape } from '../../workers/erasure.ts';
import type { Reduction } from '../../workers/reduction.ts';
import { SHARD_HEADER_BYTES } from '../../workers/segment.ts';
import type { SegmentStore } from '../segment-store.ts';
import type { ColdLayout } from './cold-layout.ts';
import { keyBelow, nameOf, type ColdPlace } from './cold-place.ts';
import { ColdStore } from './cold-store.ts';
import { admitted } from './layers/admitted.ts';
import { bounded } from './layers/bounded.ts';
import { Breaker, type Outage } from './layers/breaker.ts';
import { closing } from './layers/closing.ts';
import { exact } from './layers/exact.ts';
import { metered } from './layers/metered.ts';
import { retrying } from './layers/retrying.ts';
import { timed } from './layers/timed.ts';
import { layered, type ObjectRestore, type ObjectStore, type ObjectStoreLayer } from './object-store.ts';
import { claimPrefix, openColdIdentity, rememberAttached, type ColdIdentity } from './ownership.ts';
import { coldRole } from './sdk-failure.ts';
import { selfTest, type Fitness } from './self-test.ts';
import { isArchive, type ColdStorageClass } from './storage-class.ts';

export interface ColdSettings {
  readonly place: ColdPlace;
  /** `undefined`: the usual chain of AWS programs. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  readonly storageClass: ColdStorageClass;
  /** `native` not with an archive class. */
  readonly layout: ColdLayout;
  /** `{ data: 1, parity: 0 }` for objects that are an image and nothing else. */
  readonly shape: StripeShape;
  readonly imageBytesMax: number;
  /** Under way at a time. */
  readonly requestsMax: number;
  readonly recall: ObjectRestore;
}

export interface ColdParts {
  readonly kv: Kv;
  readonly environment: Environment;
  readonly metrics: Metrics;
  readonly compute: Compute;
  readonly erasure: Erasure;
  readonly reduction: Reduction;
}

/** Something that an operator should know, in one sentence. */
export interface ColdAlert {
  readonly severity: 'degraded';
  readonly text: string;
}

export interface OpenedColdStore {
  readonly store: SegmentStore;
  /** The bucket itself, for objects under their own keys; closes with `store`. */
  readonly objects: ObjectStore;
  /** Whether it keeps encrypted what it is asked to; false until it has answered, and where the layout asks for nothing. */
  seals(): boolean;
  alerts(): readonly ColdAlert[];
  /** A unit of background work: asks a store that is out of reach whether it is back, also when nobody else does. */
  step(): Promise<'idle'>;
}

/**
 * The cold store that belongs to this metadata. A store that is attached for the first time must answer, be fit for it
 * and be nobody else's: any other is a Fault with a sentence for the user. One that was attached before may be out of
 * reach: then calls fail until it answers, and `alerts` says so.
 */
export async function openColdStore(settings: ColdSettings, parts: ColdParts): Promise<OpenedColdStore> {
  // Loaded only by those who have a cold store: it takes a quarter of a second and 25 MB.
  const { sdkObjectStore } = await import('./sdk-object-store.ts');
  const { place, credentials, requestsMax } = settings;
  const storageClass = isArchive(settings.storageClass) ? 'STANDARD' : settings.storageClass;
  const { compute } = parts;
  const socketsMax = requestsMax;
  const bucket = sdkObjectStore({ place, credentials, socketsMax, storageClass, compute, role: coldRole });
  return openColdStoreOn(bucket, settings, parts);
}

/** The same on any object store; owns it. */
export async function openColdStoreOn(
  bucket: ObjectStore,
  settings: Omit<ColdSettings, 'credentials'>,
  parts: ColdParts,
): Promise<OpenedColdStore> {
  const { environment, kv } = parts;
  const { place } = settings;
  const fresh = Buffer.from(environment.random.bytes(16)).toString('hex');
  const identity = await openColdIdentity(kv, fresh);
  const breaker = new Breaker(environment, nameOf(place));
  const alive = layered(bucket, attemptLayers(parts, breaker, objectBytesMax(settings)));
  const notes: Notes = {};
  let isAttached = false;
  const admit = async (): Promise<void> => {
    if (isAttached) return;
    try {
      const { shortcoming, seals } = await attach({ objects: alive, settings, parts }, identity);
      notes.shortcoming = shortcoming;
      notes.seals = seals;
      if (identity.attachedAs !== nameOf(place)) await rememberAttached(kv, identity.id, place);
      notes.refusal = undefined;
      isAttached = true;
    } catch (failure) {
      notes.refusal = failure instanceof Fault ? failure.detail : String(failure);
      throw failure;
    }
  };
  const objects = layered(alive, callLayers(settings, { environment, breaker, admit }));
  const store = new ColdStore({ ...parts, ...settings, objects });
  try {
    await admit();
  } catch (failure) {
    const isBearable = failure instanceof Fault && bearable.includes(failure.code);
    if (identity.attachedAs === undefined || !isBearable) {
      await store.close();
      throw failure;
    }
    environment.log.warn('started without the cold store', { reason: failure.detail });
  }
  const isAway = (): boolean => !isAttached || breaker.outage() !== undefined;
  return {
    store,
    objects,
    seals: () => notes.seals === true,
    alerts: () => alertsOf(place, breaker.outage(), notes),
    step: async () => {
      if (isAway()) await look(objects, place);
      return 'idle';
    },
  };
}

/** What one that was attached before may be without: it comes back, or the operator mends it while the rest is served. */
const bearable: readonly Fault['code'][] = ['unavailable', 'throttled', 'access-denied'];

/** Any answer is one; what went wrong is in the alerts. */
async function look(objects: ObjectStore, place: ColdPlace): Promise<void> {
  try {
    await objects.head(keyBelow(place, 'terrace.json'), new AbortController().signal);
  } catch (failure) {
    if (!(failure instanceof Fault)) throw failure;
  }
}

interface Notes {
  /** What the store does not do and can be lived with. */
  shortcoming?: string | undefined;
  /** Why it was not let in when it was last tried. */
  refusal?: string | undefined;
  seals?: boolean;
}

/** Of an object that is written with these settings. */
const objectBytesMax = ({ shape, imageBytesMax }: Pick<ColdSettings, 'shape' | 'imageBytesMax'>): number =>
  imageBytesMax * (1 + shape.parity / shape.data) + 2 * SHARD_HEADER_BYTES;

/** Around each attempt. */
const attemptLayers = (
  { environment, metrics }: ColdParts,
  breaker: Breaker,
  bytesMax: number,
): readonly ObjectStoreLayer[] => [
  breaker.layer,
  metered(metrics, environment.clock),
  timed(environment.clock, bytesMax),
  exact(),
];

/** Around each call, which may take several attempts. */
const callLayers = (
  { requestsMax }: Pick<ColdSettings, 'requestsMax'>,
  given: {
    readonly environment: Environment;
    readonly breaker: Breaker;
    readonly admit: () => Promise<void>;
  },
): readonly ObjectStoreLayer[] => [
  closing(),
  bounded({ runningMax: requestsMax, waitingMax: COLD_WAITING_MAX }),
  retrying({ environment: given.environment, isHopeless: () => given.breaker.outage() !== undefined }),
  admitted(given.admit),
];

async function attach(
  {
    objects,
    settings: { place, layout },
    parts,
  }: {
    readonly objects: ObjectStore;
    readonly settings: Pick<ColdSettings, 'place' | 'layout'>;
    readonly parts: ColdParts;
  },
  identity: ColdIdentity,
): Promise<Fitness> {
  const { compute, environment } = parts;
  const { signal } = new AbortController();
  await claimPrefix({ objects, place, compute, signal }, identity);
  const name = Buffer.from(environment.random.bytes(8)).toString('hex');
  const key = keyBelow(place, `probe/${name}`);
  return selfTest({ objects, place, compute, signal, layout }, key, environment.random.bytes(64));
}

function alertsOf(
  place: ColdPlace,
  outage: Outage | undefined,
  { shortcoming, refusal }: Notes,
): readonly ColdAlert[] {
  const alerts: ColdAlert[] = [];
  if (outage !== undefined) {
    const since = new Date(outage.since.seconds * 1000).toISOString();
    const text = `The cold store ${nameOf(place)} is out of reach since ${since}; what is only there cannot be read until it is back. ${outage.reason}`;
    alerts.push({ severity: 'degraded', text });
  } else if (refusal !== undefined) alerts.push({ severity: 'degraded', text: refusal });
  if (shortcoming !== undefined) alerts.push({ severity: 'degraded', text: shortcoming });
  return alerts;
}
