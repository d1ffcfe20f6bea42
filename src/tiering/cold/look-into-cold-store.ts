import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { COLD_WAITING_MAX, FOLDER_PAGE_ENTRIES } from '../../limits/tiering.ts';
import { SHARD_HEADER_BYTES } from '../../workers/segment.ts';
import type { SegmentStore } from '../segment-store.ts';
import { keyBelow, nameOf, ownFolders, type ColdPlace } from './cold-place.ts';
import { ColdStore } from './cold-store.ts';
import { bounded } from './layers/bounded.ts';
import { closing } from './layers/closing.ts';
import { exact } from './layers/exact.ts';
import { retrying } from './layers/retrying.ts';
import { timed } from './layers/timed.ts';
import { layered, type FolderPage, type ObjectStore } from './object-store.ts';
import type { ColdParts, ColdSettings } from './open-cold-store.ts';
import { coldRole } from './sdk-failure.ts';

type LookParts = Pick<ColdParts, 'compute' | 'erasure' | 'reduction'> & { readonly environment: Environment };

export interface FoundColdStore {
  /** To be closed; the rest is of the moment when it was opened. */
  readonly segments: SegmentStore;
  /** Buckets of which objects lie under their own keys (`cold.layout: native`): folders that no gateway has for itself. */
  readonly nativeBuckets: number;
}

/**
 * A cold store without the metadata that belong to it, for who only reads. Nothing is written there and nobody is told that it is in use:
 * no gateway may be writing to it. Fault with a sentence when it does not answer or no gateway has used it.
 */
export async function lookIntoColdStore(settings: ColdSettings, parts: LookParts): Promise<FoundColdStore> {
  const { sdkObjectStore } = await import('./sdk-object-store.ts');
  const { place, credentials, requestsMax: socketsMax } = settings;
  const role = coldRole;
  const where = { place, credentials, socketsMax, storageClass: 'STANDARD', role } as const;
  return lookIntoColdStoreOn(sdkObjectStore({ ...where, compute: parts.compute }), settings, parts);
}

/** The same on any object store; owns it. */
export async function lookIntoColdStoreOn(
  bucket: ObjectStore,
  settings: Omit<ColdSettings, 'credentials'>,
  parts: LookParts,
): Promise<FoundColdStore> {
  const { environment } = parts;
  const { place, requestsMax, shape, imageBytesMax } = settings;
  const bytesMax = imageBytesMax * (1 + shape.parity / shape.data) + 2 * SHARD_HEADER_BYTES;
  const objects = layered(layered(bucket, [timed(environment.clock, bytesMax), exact()]), [
    closing(),
    bounded({ runningMax: requestsMax, waitingMax: COLD_WAITING_MAX }),
    retrying({ environment, isHopeless: () => false }),
  ]);
  const store = new ColdStore({ ...parts, ...settings, objects });
  try {
    const identity = await objects.head(keyBelow(place, 'terrace.json'), new AbortController().signal);
    if (identity !== undefined)
      return { segments: store, nativeBuckets: await countNativeBuckets(objects, place) };
    const detail = `${nameOf(place)} is no cold store of a gateway: there is no terrace.json below its prefix.`;
    throw new Fault('not-found', 'store', detail);
  } catch (failure) {
    await store.close();
    throw failure;
  }
}

async function countNativeBuckets(objects: ObjectStore, place: ColdPlace): Promise<number> {
  const below = keyBelow(place, '');
  const { signal } = new AbortController();
  let count = 0;
  for (let after: string | undefined = ''; after !== undefined;) {
    const page: FolderPage = await objects.browse(below, { after, entriesMax: FOLDER_PAGE_ENTRIES }, signal);
    count += page.folders.filter((folder) => !ownFolders.has(folder.slice(below.length, -1))).length;
    after = page.next;
  }
  return count;
}
