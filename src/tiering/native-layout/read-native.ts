import { Fault, type FaultCode } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { COLD_READ_BACKS_MAX } from '../../limits/tiering.ts';
import type { Compute } from '../../workers/compute.ts';
import type { BlobId } from '../blobs.ts';
import type { ObjectStore } from '../cold/object-store.ts';
import { decodeForeign, foreignKey, type ForeignRange } from '../foreign/foreign-records.ts';
import { areSound, blocksAround } from './block-checksums.ts';

export interface NativeReading {
  readonly kv: Kv;
  readonly compute: Compute;
  readonly store: ObjectStore;
  /** Hears of an object in the place of which something else lies. */
  readonly changed: (key: string) => void;
}

/** Of a blob, within it, and at least one byte. */
export interface BlobBytes {
  readonly offset: number;
  readonly length: number;
}

/** What a store answers when an object is not what was put there. */
const changedCodes: ReadonlySet<FaultCode> = new Set([
  'not-found',
  'precondition-failed',
  'range-not-satisfiable',
  'corrupt',
]);

/**
 * Bytes of a blob whose copy lies in an object of ours: whole blocks are read and their checksums compared, since the store's word
 * for them is all there is. Fault('corrupt', 'blob') where something else lies there, and for bytes that are damaged;
 * 'not-found' when the copy has gone elsewhere meanwhile; else faults of the store.
 */
export async function readNative(reading: NativeReading, id: BlobId, wanted: BlobBytes): Promise<Uint8Array> {
  let damaged = '';
  for (let attempt = 1; attempt <= COLD_READ_BACKS_MAX; attempt += 1) {
    const row = await reading.kv.get(foreignKey(id));
    const range = row && decodeForeign(row);
    if (row === undefined || range?.native === undefined) throw new Fault('not-found', 'blob', `blob ${id}`);
    const { first, start, end } = blocksAround(wanted, range.length);
    const bytes = await bytesThere(reading.store, range, { start, end });
    if (bytes !== undefined) {
      if (areSound(reading.compute, range.native.checksums, first, bytes))
        return bytes.subarray(wanted.offset - start, wanted.offset - start + wanted.length);
      damaged = `${range.key} is damaged in the cold store`;
      continue;
    }
    const now = await reading.kv.get(foreignKey(id));
    // Its copy has moved since, and what was there was ours to take away.
    if (now === undefined || Buffer.compare(now, row) !== 0) continue;
    reading.changed(range.key);
    throw new Fault('corrupt', 'blob', `${range.key} was changed outside in the cold store`);
  }
  if (damaged === '') throw new Fault('throttled', 'blob', `blob ${id} moves faster than it can be read`);
  throw new Fault('corrupt', 'blob', damaged);
}

/** Of a range that lies under a key; `undefined`: something else lies there. */
export async function bytesThere(
  store: ObjectStore,
  { key, etag, offset }: Pick<ForeignRange, 'key' | 'etag' | 'offset'>,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<Uint8Array | undefined> {
  const { signal } = new AbortController();
  try {
    const body = await store.get(key, { offset: offset + start, length: end - start, etag }, signal);
    return body.etag === etag ? body.bytes : undefined;
  } catch (cause) {
    const isChanged = cause instanceof Fault && cause.subject === 'object' && changedCodes.has(cause.code);
    if (isChanged) return undefined;
    throw cause;
  }
}
