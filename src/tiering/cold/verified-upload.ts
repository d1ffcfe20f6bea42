import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { COLD_LOOK_AGAIN_MS_MAX, COLD_READ_BACKS_MAX, COLD_UPLOADS_MAX } from '../../limits/tiering.ts';
import type { ObjectFacts, ObjectStore, ObjectUpload, UploadCondition } from './object-store.ts';

export interface Uploading {
  readonly environment: Environment;
  readonly objects: ObjectStore;
  readonly signal: AbortSignal;
}

/** What shall be under a key. */
export type Content = Omit<ObjectUpload, 'condition'>;

/**
 * Resolves to the ETag once these bytes were read back from under `key`. An answer that was lost is no harm: what is there
 * then counts. Fault('corrupt', 'object') when other bytes were there before; what this call itself has put there, and
 * what does not read as it was sent, is sent once more. Fault('unavailable', 'store') when that does not help.
 */
export async function uploadVerified(
  parts: Uploading,
  key: string,
  { bytes, crc64nvme, condition }: ObjectUpload,
): Promise<string> {
  const content = { bytes, crc64nvme };
  let own: string | undefined;
  let wanted: UploadCondition = condition;
  for (let upload = 1; upload <= COLD_UPLOADS_MAX; upload += 1) {
    own = (await send(parts, key, { ...content, condition: wanted })) ?? own;
    const etag = await lookFor(parts, key, content);
    if (etag !== undefined) return etag;
    if (own === undefined) {
      throw new Fault(
        'corrupt',
        'object',
        `${key} is in the cold store with other bytes than were to be put there`,
      );
    }
    wanted = { kind: 'same', etag: own };
  }
  const detail = `The cold store does not give back what it was given (${key}): see what it runs on.`;
  throw new Fault('unavailable', 'store', detail);
}

/** The ETag, or `undefined` when what is there now is not what the condition wants. */
async function send(
  { objects, signal }: Uploading,
  key: string,
  upload: ObjectUpload,
): Promise<string | undefined> {
  try {
    return (await objects.put(key, upload, signal)).etag;
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'precondition-failed') return undefined;
    throw failure;
  }
}

/** The ETag of the object, if it has these bytes: by a request of its own, and another one if it does not look so. */
async function lookFor(parts: Uploading, key: string, content: Content): Promise<string | undefined> {
  const { clock, random } = parts.environment;
  for (let look = 1; look <= COLD_READ_BACKS_MAX; look += 1) {
    const etag = await lookOnce(parts, key, content);
    if (etag !== undefined) return etag;
    await clock.sleep(random.below(COLD_LOOK_AGAIN_MS_MAX), parts.signal);
  }
  return undefined;
}

async function lookOnce(parts: Uploading, key: string, content: Content): Promise<string | undefined> {
  const { objects, signal } = parts;
  try {
    const { bytes, etag } = await objects.get(key, undefined, signal);
    return Buffer.compare(bytes, content.bytes) === 0 ? etag : undefined;
  } catch (failure) {
    if (!(failure instanceof Fault) || failure.subject !== 'object') throw failure;
    // Archived by an earlier call, which had read it back: its checksum says whether it is the same.
    if (failure.code === 'recall-pending') {
      const facts = await objects.head(key, signal);
      return facts !== undefined && isSame(facts, content) ? facts.etag : undefined;
    }
    return undefined;
  }
}

/** By the checksum that the store keeps; without one nothing is known. */
export const isSame = (facts: ObjectFacts, { bytes, crc64nvme }: Content): boolean =>
  facts.objectBytes === bytes.length &&
  facts.crc64nvme !== undefined &&
  Buffer.compare(facts.crc64nvme, crc64nvme) === 0;
