import assert from 'node:assert/strict';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import {
  COLD_LOOK_AGAIN_MS_MAX,
  COLD_READ_BACKS_MAX,
  COLD_UPLOADS_MAX,
  NATIVE_PART_BYTES,
  NATIVE_PARTS_MAX,
  NATIVE_READ_BACK_BYTES,
  NATIVE_WHOLE_BYTES_MAX,
} from '../../limits/tiering.ts';
import type { Compute } from '../../workers/compute.ts';
import type { ObjectAbout, ObjectStore, UploadCondition } from '../cold/object-store.ts';

export interface ObjectUploading {
  readonly environment: Pick<Environment, 'clock' | 'random'>;
  readonly objects: ObjectStore;
  readonly compute: Compute;
  readonly sizes?: UploadSizes;
}

/** Tests choose smaller ones. */
export interface UploadSizes {
  /** A longer object is put in parts. */
  readonly wholeBytesMax: number;
  /** Of a part, unless there would be too many of them. */
  readonly partBytes: number;
}

const usualSizes: UploadSizes = { wholeBytesMax: NATIVE_WHOLE_BYTES_MAX, partBytes: NATIVE_PART_BYTES };

/** What is going to be under a key, as far as it is known before it may be there: to be durable when `note` resolves. */
export interface UploadNote {
  /** Of all bytes; empty while they are not known, and nothing can be under the key. */
  readonly crc64nvme: Uint8Array;
  /** Of an upload in parts; empty for none. */
  readonly upload: string;
}

export interface WantedObject {
  readonly key: string;
  readonly about: ObjectAbout;
  /** At least 1. */
  readonly length: number;
  readonly condition: UploadCondition;
  /** The same bytes whenever it is called. */
  readonly read: (start: number, end: number) => Promise<Uint8Array>;
  readonly note: (note: UploadNote) => Promise<void>;
}

/** The store does not keep it encrypted, and it must be: nothing of it was put there. */
export const UNSEALED = Symbol('unsealed');

/** A run of an object and its checksum (CRC64NVME). */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly crc64nvme: Uint8Array;
}

/**
 * Resolves to the ETag once all bytes were read back from under the key, by requests of their own. An answer that was lost is no
 * harm: what is there then counts. `undefined`: something that is not what the condition says was there, and is as it was.
 * Fault('unavailable', 'store') for a store that gives back something else than it was given.
 */
export async function uploadObject(
  parts: ObjectUploading,
  wanted: WantedObject,
): Promise<string | typeof UNSEALED | undefined> {
  let { condition } = wanted;
  for (let attempt = 1; attempt <= COLD_UPLOADS_MAX; attempt += 1) {
    const sent = await send(parts, { ...wanted, condition });
    if (sent === UNSEALED) return UNSEALED;
    const { etag, pieces } = sent;
    const found = await readBack(parts, wanted.key, pieces);
    if (found !== undefined) return found;
    if (etag === undefined) return undefined;
    condition = { kind: 'same', etag };
  }
  const detail = `The cold store does not give back what it was given (${wanted.key}): see what it runs on.`;
  throw new Fault('unavailable', 'store', detail);
}

interface Sent {
  /** `undefined`: the store says that the condition was not met. */
  readonly etag: string | undefined;
  readonly pieces: readonly Piece[];
}

function send(parts: ObjectUploading, wanted: WantedObject): Promise<Sent | typeof UNSEALED> {
  const { wholeBytesMax } = parts.sizes ?? usualSizes;
  return wanted.length <= wholeBytesMax ? sendWhole(parts, wanted) : sendInParts(parts, wanted);
}

async function sendWhole({ objects, compute }: ObjectUploading, wanted: WantedObject): Promise<Sent> {
  const { key, about, length, condition, read, note } = wanted;
  const bytes = await read(0, length);
  const crc64nvme = await crcOf(compute, bytes);
  await note({ crc64nvme, upload: '' });
  const upload = { bytes, crc64nvme, condition, about };
  const put = await unlessRefused(objects.put(key, upload, forever()));
  return { etag: put?.etag, pieces: [{ start: 0, end: length, crc64nvme }] };
}

async function sendInParts(parts: ObjectUploading, wanted: WantedObject): Promise<Sent | typeof UNSEALED> {
  const { objects } = parts;
  const { key, about, condition, note } = wanted;
  const { upload, isSealed } = await objects.begin(key, about, forever());
  try {
    await note({ crc64nvme: NOTHING, upload });
    if (about.isSealed && !isSealed) {
      await objects.abandon(key, upload, forever());
      return UNSEALED;
    }
    const { etags, pieces, crc64nvme } = await sendParts(parts, wanted, upload);
    await note({ crc64nvme, upload });
    const completion = { upload, etags, crc64nvme, condition };
    // Much time may have passed since the first look.
    const facts = await objects.head(key, forever());
    const isMet = facts?.etag === (condition.kind === 'same' ? condition.etag : undefined);
    const put = isMet ? await unlessRefused(objects.complete(key, completion, forever())) : undefined;
    if (put === undefined) await objects.abandon(key, upload, forever());
    return { etag: put?.etag, pieces };
  } catch (failure) {
    // Who looks after what is left over does it again where this fails.
    await objects.abandon(key, upload, forever()).catch(() => undefined);
    throw failure;
  }
}

async function sendParts(
  { objects, compute, sizes = usualSizes }: ObjectUploading,
  { key, length, read }: WantedObject,
  upload: string,
): Promise<{
  readonly etags: readonly string[];
  readonly pieces: readonly Piece[];
  readonly crc64nvme: Uint8Array;
}> {
  const partBytes = partBytesOf(length, sizes);
  const etags: string[] = [];
  const pieces: Piece[] = [];
  let whole: Uint8Array | undefined;
  for (let start = 0; start < length; start += partBytes) {
    const end = Math.min(length, start + partBytes);
    const bytes = await read(start, end);
    const crc64nvme = await crcOf(compute, bytes);
    const part = { upload, number: etags.length + 1, bytes, crc64nvme };
    etags.push((await objects.putPart(key, part, forever())).etag);
    pieces.push({ start, end, crc64nvme });
    whole = whole === undefined ? crc64nvme : compute.combine('crc64nvme', whole, crc64nvme, end - start);
  }
  return { etags, pieces, crc64nvme: whole ?? NOTHING };
}

/** In whole MiB; AWS: all parts but the last at least 5 MiB. */
const partBytesOf = (length: number, { partBytes }: UploadSizes): number =>
  length <= partBytes * NATIVE_PARTS_MAX
    ? partBytes
    : Math.ceil(length / NATIVE_PARTS_MAX / MEBIBYTE) * MEBIBYTE;

const MEBIBYTE = 1 << 20;
const NOTHING = new Uint8Array(0);

/** Calls end by themselves, or with the store. */
const forever = (): AbortSignal => new AbortController().signal;

async function unlessRefused<Answer>(put: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await put;
  } catch (failure) {
    // 'not-found': an upload in parts that was completed already, by a call whose answer was lost; or nothing to replace.
    const isRefusal = failure instanceof Fault && failure.subject === 'object' && refusals.has(failure.code);
    if (isRefusal) return undefined;
    throw failure;
  }
}

const refusals: ReadonlySet<Fault['code']> = new Set(['precondition-failed', 'not-found']);

/** The ETag of what lies there, if it has these bytes; it is looked at again if it does not look so. */
async function readBack(
  { objects, compute, environment: { clock, random } }: ObjectUploading,
  key: string,
  pieces: readonly Piece[],
): Promise<string | undefined> {
  for (let look = 1; look <= COLD_READ_BACKS_MAX; look += 1) {
    const etag = await readAll({ objects, compute }, key, pieces);
    if (etag !== undefined) return etag;
    await clock.sleep(random.below(COLD_LOOK_AGAIN_MS_MAX));
  }
  return undefined;
}

/**
 * All of an object in pieces, each compared with its checksum and all of them of one ETag, which is the answer; `undefined` where
 * one differs, or the length does. In memory is what one request brings.
 */
async function readAll(
  { objects, compute }: Pick<ObjectUploading, 'objects' | 'compute'>,
  key: string,
  pieces: readonly Piece[],
): Promise<string | undefined> {
  let etag: string | undefined;
  try {
    for (const piece of pieces) {
      const hasher = compute.hasher(['crc64nvme']);
      for (let offset = piece.start; offset < piece.end; offset += NATIVE_READ_BACK_BYTES) {
        const length = Math.min(NATIVE_READ_BACK_BYTES, piece.end - offset);
        const range = { offset, length, ...(etag !== undefined && { etag }) };
        const body = await objects.get(key, range, forever());
        if (body.objectBytes !== pieces.at(-1)?.end || body.etag !== (etag ?? body.etag)) return undefined;
        etag = body.etag;
        await hasher.update([body.bytes]);
      }
      if (!isSame(hasher.digests().crc64nvme, piece.crc64nvme)) return undefined;
    }
    return etag;
  } catch (failure) {
    if (!(failure instanceof Fault) || failure.subject !== 'object') throw failure;
    return undefined;
  }
}

/** The ETag of what lies under a key if it is so long and has that checksum, of a store that does not say the checksum itself. */
export const etagOfContent = (
  parts: ObjectUploading,
  key: string,
  { length, crc64nvme }: { readonly length: number; readonly crc64nvme: Uint8Array },
): Promise<string | undefined> => readBack(parts, key, [{ start: 0, end: length, crc64nvme }]);

async function crcOf(compute: Compute, bytes: Uint8Array): Promise<Uint8Array> {
  const hasher = compute.hasher(['crc64nvme']);
  await hasher.update([bytes]);
  const { crc64nvme } = hasher.digests();
  assert(crc64nvme !== undefined);
  return crc64nvme;
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0;
