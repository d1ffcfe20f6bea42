import { Fault } from '../../fault.ts';
import { COLD_READ_BACKS_MAX, NATIVE_READS_MAX } from '../../limits/tiering.ts';
import { atMost } from '../at-most.ts';
import type { BlobId } from '../blobs.ts';
import type { NativePlace } from './attach-copy.ts';
import type { NativeParts } from './native-parts.ts';
import { decodeNative, encodeNative, nativeKey, type NativeRow } from './native-records.ts';
import { bytesThere } from './read-native.ts';

/** Whether what was uploaded and read back some time ago lies under its key still, as far as the store says. */
export async function isAsUploaded(
  { store }: Pick<NativeParts, 'store'>,
  key: string,
  { etag, length }: NativeRow,
): Promise<boolean> {
  const facts = await store.objects.head(key, new AbortController().signal);
  return facts?.etag === etag && facts.objectBytes === length;
}

/** From now on nothing gets a copy in it: what moves under this key next uploads it again, if what is there may be replaced. */
export async function giveUpObject(
  { kv, changed }: Pick<NativeParts, 'kv' | 'changed'>,
  key: string,
  { id }: NativeRow,
): Promise<void> {
  await kv.transact('durable', async (tx) => {
    const known = await tx.get(nativeKey(key));
    const row = known && decodeNative(known);
    if (row?.id === id) tx.put(nativeKey(key), encodeNative({ ...row, fileState: 0 }));
  });
  changed.add(key);
}

/** Why blobs must not give up their other copies for one there. */
export interface Unconfirmed {
  readonly ids: ReadonlySet<BlobId>;
  /** Keys under which something else lies than what was uploaded, or damage. */
  readonly changed: ReadonlySet<string>;
  /** Of an object that cannot be read now. */
  readonly failure: Fault | undefined;
}

/**
 * Reads blobs back from objects that were there before, and compares them with the bytes that they have elsewhere: these may go
 * only then. An object that fails is given up. Faults of the store.
 */
export async function unconfirmed(
  parts: NativeParts,
  places: ReadonlyMap<BlobId, NativePlace>,
  bytes: ReadonlyMap<BlobId, Uint8Array>,
): Promise<Unconfirmed> {
  const ids = new Set<BlobId>();
  const changed = new Map<string, NativeRow>();
  let failure: Fault | undefined;
  await atMost(NATIVE_READS_MAX, [...places], async ([id, place]) => {
    const own = bytes.get(id);
    if (own === undefined) return;
    const found = await lookAt(parts, place, own);
    if (found === 'same') return;
    ids.add(id);
    if (found === 'other') changed.set(place.key, place.row);
    else failure ??= found;
  });
  for (const [key, row] of changed) await giveUpObject(parts, key, row);
  return { ids, changed: new Set(changed.keys()), failure };
}

async function lookAt(
  { store }: NativeParts,
  { key, row: { etag }, offset }: NativePlace,
  own: Uint8Array,
): Promise<'same' | 'other' | Fault> {
  try {
    for (let look = 1; look <= COLD_READ_BACKS_MAX; look += 1) {
      const there = await bytesThere(store.objects, { key, etag, offset }, { start: 0, end: own.length });
      if (there === undefined) return 'other';
      if (Buffer.compare(there, own) === 0) return 'same';
    }
    return 'other';
  } catch (cause) {
    if (cause instanceof Fault && cause.subject === 'object') return cause;
    throw cause;
  }
}
