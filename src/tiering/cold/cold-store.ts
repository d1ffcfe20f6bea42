import assert from 'node:assert/strict';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { COLD_RECALL_LOOK_MS, COLD_RECALLS_MAX } from '../../limits/tiering.ts';
import type { StripeShape } from '../../workers/erasure.ts';
import type { Packed } from '../../workers/reduction.ts';
import { readShardHeader, SHARD_HEADER_BYTES } from '../../workers/segment.ts';
import type { RecallWish, SegmentHealth, SegmentId, SegmentStore, StoreTraits } from '../segment-store.ts';
import { coldObject } from './cold-object.ts';
import { keyBelow, type ColdPlace } from './cold-place.ts';
import { checkObject, type Checked, type Checking } from './heal-object.ts';
import type { ObjectRestore, ObjectStore, ObjectUpload } from './object-store.ts';
import { isArchive, type ColdStorageClass } from './storage-class.ts';
import { isSame, uploadVerified, type Content } from './verified-upload.ts';

export interface ColdStoreParts extends Checking {
  readonly environment: Environment;
  /** With all its layers. */
  readonly objects: ObjectStore;
  readonly place: ColdPlace;
  readonly shape: StripeShape;
  readonly imageBytesMax: number;
  readonly storageClass: ColdStorageClass;
  readonly recall: ObjectRestore;
}

interface Recall {
  readonly lookedAt: number;
  /** Of the last wish that the store was told. */
  readonly days: number;
  readonly isHere: boolean;
}

/** Segments as objects of an S3 store, each under a key of its own that is never reused (docs/formats.md). */
export class ColdStore implements SegmentStore {
  readonly traits: StoreTraits;
  readonly #parts: ColdStoreParts;
  readonly #objects: ObjectStore;
  readonly #recalls = new Map<SegmentId, Recall>();
  /** Of calls: they end by themselves, or with the store (`closing`). */
  readonly #signal = new AbortController().signal;

  constructor(parts: ColdStoreParts) {
    const { shape, imageBytesMax, storageClass } = parts;
    const access = isArchive(storageClass) ? 'staged' : 'immediate';
    this.traits = { tier: 'cold', shape, access, imageBytesMax };
    this.#parts = parts;
    this.#objects = parts.objects;
  }

  put(id: SegmentId, packed: Packed): Promise<void> {
    return asSegmentFault(async () => {
      const bytes = coldObject(packed);
      await this.#upload(this.#keyOf(id), {
        ...(await this.#contentOf(bytes)),
        condition: { kind: 'absent' },
      });
    });
  }

  read(id: SegmentId, offset: number, length: number): Promise<Uint8Array> {
    assert(offset >= 0 && length >= 0, `range ${offset}+${length}`);
    if (length === 0) return Promise.resolve(new Uint8Array(0));
    return asSegmentFault(
      async () => (await this.#objects.get(this.#keyOf(id), { offset, length }, this.#signal)).bytes,
    );
  }

  imageBytes(id: SegmentId): Promise<number> {
    const key = this.#keyOf(id);
    return asSegmentFault(async () => {
      const facts = await this.#objects.head(key, this.#signal);
      if (facts === undefined) throw new Fault('not-found', 'object', key);
      const { objectBytes } = facts;
      const length = Math.min(SHARD_HEADER_BYTES, objectBytes);
      if (length === 0) return 0;
      const { bytes } = await this.#objects.get(key, { offset: objectBytes - length, length }, this.#signal);
      const header = readShardHeader(bytes);
      return header === undefined ? objectBytes : header.shape.data * header.shardBytes;
    });
  }

  delete(id: SegmentId): Promise<void> {
    this.#recalls.delete(id);
    return asSegmentFault(() => this.#objects.delete(this.#keyOf(id), this.#signal));
  }

  async *list(after?: SegmentId): AsyncGenerator<readonly SegmentId[]> {
    const prefix = keyBelow(this.#parts.place, 'segments/');
    for (let last = after === undefined ? '' : this.#keyOf(after); ;) {
      const { keys, isLast } = await asSegmentFault(() => this.#objects.list(prefix, last, this.#signal));
      const [first] = keys;
      if (first !== undefined && first <= last) {
        throw new Fault(
          'unavailable',
          'store',
          'The cold store ignores where a listing is to begin (StartAfter).',
        );
      }
      const ids = keys.flatMap((key) => this.#idOf(key) ?? []);
      if (ids.length > 0) yield ids;
      if (isLast) return;
      last = keys.at(-1) ?? last;
    }
  }

  /** Counts objects. An archived one cannot be read: that it is there is all that is checked of it. */
  scrub(id: SegmentId): Promise<SegmentHealth> {
    return asSegmentFault(async () => {
      const first = await this.#inspect(id);
      if (first.state === 'sound' || first.state === 'missing') return healths[first.state];
      // What looks damaged may have been damaged on its way: a second reading decides.
      const second = await this.#inspect(id);
      if (second.state !== 'healed') return healths[second.state];
      // Over the damaged object, and over nothing else.
      const condition = { kind: 'same', etag: second.etag } as const;
      await this.#upload(this.#keyOf(id), { ...(await this.#contentOf(second.bytes)), condition });
      return healths.healed;
    });
  }

  recall(id: SegmentId, wish?: RecallWish): Promise<boolean> {
    return asSegmentFault(async () => {
      const now = this.#parts.environment.clock.monotonic();
      const days = wish?.days ?? 0;
      const known = this.#recalls.get(id);
      const isFresh = known !== undefined && now - known.lookedAt < COLD_RECALL_LOOK_MS;
      if (isFresh && days <= known.days) return known.isHere;
      const isHere = await this.#lookForRecall(this.#keyOf(id), wish);
      this.#recalls.delete(id);
      const oldest = this.#recalls.size >= COLD_RECALLS_MAX ? this.#recalls.keys().next().value : undefined;
      if (oldest !== undefined) this.#recalls.delete(oldest);
      this.#recalls.set(id, { lookedAt: now, days, isHere });
      return isHere;
    });
  }

  usage(): { readonly bytesTotal: number; readonly bytesFree: number } {
    return { bytesTotal: Infinity, bytesFree: Infinity };
  }

  close(): Promise<void> {
    return this.#objects.close();
  }

  /** The first two digits are a folder, which keeps the order of the ids and spares stores on disks huge folders. */
  #keyOf(id: SegmentId): string {
    assert(idPattern.test(id), `id ${id}`);
    return keyBelow(this.#parts.place, `segments/${id.slice(0, 2)}/${id}`);
  }

  /** `undefined` for what others have put there. */
  #idOf(key: string): SegmentId | undefined {
    const id = key.slice(-32) as SegmentId;
    return idPattern.test(id) && this.#keyOf(id) === key ? id : undefined;
  }

  async #contentOf(bytes: Uint8Array): Promise<Content> {
    const hasher = this.#parts.compute.hasher(['crc64nvme']);
    await hasher.update([bytes]);
    const { crc64nvme } = hasher.digests();
    assert(crc64nvme !== undefined);
    return { bytes, crc64nvme };
  }

  /** Uploads, reads back, and only then moves to an archive class, from where nothing could be read back. */
  async #upload(key: string, upload: ObjectUpload): Promise<void> {
    const { environment, storageClass } = this.#parts;
    const etag = await uploadVerified(
      { environment, objects: this.#objects, signal: this.#signal },
      key,
      upload,
    );
    if (isArchive(storageClass)) await this.#archive(key, { ...upload, etag });
  }

  async #archive(key: string, { etag, ...content }: Content & { readonly etag: string }): Promise<void> {
    const { storageClass } = this.#parts;
    await this.#objects.archive(key, { etag, storageClass }, this.#signal).catch((failure: unknown) => {
      // It is there already: an earlier answer was lost.
      if (!(failure instanceof Fault) || failure.code !== 'recall-pending') throw failure;
    });
    const facts = await this.#objects.head(key, this.#signal);
    if (facts?.storageClass === storageClass && isSame(facts, content)) return;
    const detail = `The cold store does not keep ${key} as it was when it is moved to ${storageClass}: choose another storage class.`;
    throw new Fault('unavailable', 'store', detail);
  }

  async #inspect(id: SegmentId): Promise<Inspected> {
    try {
      const { bytes, etag } = await this.#objects.get(this.#keyOf(id), undefined, this.#signal);
      return { ...(await checkObject(this.#parts, bytes, Buffer.from(id, 'hex'))), etag };
    } catch (failure) {
      if (!(failure instanceof Fault) || failure.subject !== 'object') throw failure;
      if (failure.code === 'not-found') return { state: 'missing' };
      if (failure.code === 'recall-pending') return { state: 'sound', etag: '' };
      throw failure;
    }
  }

  async #lookForRecall(key: string, wish: RecallWish | undefined): Promise<boolean> {
    const facts = await this.#objects.head(key, this.#signal);
    if (facts !== undefined && wish !== undefined && isArchive(facts.storageClass)) {
      await this.#objects.restore(key, wish, this.#signal);
      return facts.access === 'archived' ? this.#isReadable(key) : facts.access === 'readable';
    }
    if (facts?.access === 'readable') return true;
    if (facts?.access === 'restoring') return false;
    // Says exactly what is not there, the object or the bucket, where it is not the object that must be restored.
    await this.#objects.restore(key, this.#parts.recall, this.#signal);
    return facts?.access === 'archived' && this.#isReadable(key);
  }

  /** Some stores keep the name of the class and give everything at once, without a word about restores. */
  async #isReadable(key: string): Promise<boolean> {
    try {
      await this.#objects.get(key, { offset: 0, length: 1 }, this.#signal);
      return true;
    } catch (failure) {
      if (failure instanceof Fault && failure.code === 'recall-pending') return false;
      throw failure;
    }
  }
}

const idPattern = /^[0-9a-f]{32}$/;

type Inspected = { readonly state: 'missing' } | (Checked & { readonly etag: string });

const healths = {
  sound: { checked: 1, corrupt: 0, healed: 0, isWhole: true },
  missing: { checked: 1, corrupt: 1, healed: 0, isWhole: false },
  lost: { checked: 1, corrupt: 1, healed: 0, isWhole: false },
  healed: { checked: 1, corrupt: 1, healed: 1, isWhole: true },
} as const;

/** Faults as the port of segments has them: about one segment, or about what passes and what an operator must see to. */
async function asSegmentFault<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    throw new Fault(segmentCode(cause), 'store', cause.detail, { cause });
  }
}

function segmentCode({ code, subject }: Fault): Fault['code'] {
  if (subject !== 'object') return code === 'throttled' ? code : 'unavailable';
  if (code === 'not-found' || code === 'recall-pending' || code === 'corrupt') return code;
  return code === 'range-not-satisfiable' ? 'corrupt' : 'unavailable';
}
