import { NATIVE_BLOBS_MAX } from '../../limits/tiering.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import type { BlobCopies } from '../copies.ts';
import { readAll } from '../moving.ts';
import type { StoredBlob } from '../reduction/chunk-store.ts';
import type { NativeParts } from './native-parts.ts';
import { blobOfNativeKey, decodeNative, nativeBlobs, nativeKey } from './native-records.ts';

/**
 * Takes from an object that is going to be replaced all copies that lie in it: what is nowhere else is packed first, and read back.
 * That is content which the object has shown before and something still does: another name, an old version, the rest of a file.
 */
export async function moveAside(parts: NativeParts, key: string): Promise<void> {
  const { kv } = parts;
  // Each turn takes some away, and nothing comes: the caller has the lock of the key.
  for (;;) {
    const row = await kv.get(nativeKey(key));
    const ids = row === undefined ? [] : await someBlobs(parts, decodeNative(row).id);
    if (ids.length === 0) return;
    const keeps = parts.descriptions.keep(ids);
    const unkeeps = ids.map((id) => parts.copies.hot.keep(id));
    try {
      await moveSome(parts, ids);
    } finally {
      for (const unkeep of unkeeps) unkeep();
      keeps();
    }
  }
}

async function someBlobs({ kv }: NativeParts, object: number): Promise<readonly BlobId[]> {
  const pages = kv.scan(nativeBlobs(object), { pageEntries: NATIVE_BLOBS_MAX });
  for await (const page of pages) return page.map(({ key }) => blobOfNativeKey(key));
  return [];
}

/** Only there, so that it must be read from there. */
const isOnlyThere = ({ hot, lower }: BlobCopies): boolean => hot === undefined && lower.length === 1;

async function moveSome(
  { kv, copies, foreign, labels, isOnly }: NativeParts,
  ids: readonly BlobId[],
): Promise<void> {
  const chunks = copies.lower.of('cold');
  const found = (await copies.of(kv, ids)).filter((blob) => blob !== undefined);
  const leaving = found.filter(isOnlyThere);
  // Without those that have ended since.
  const { read, failure } = await readAll(copies, leaving);
  if (failure !== undefined) throw failure;
  const said = await labels.labelsOf(read.map(({ id }) => id));
  const wanted = read.map(({ id, bytes }, index) => ({ id, bytes, label: said[index]! }));
  const stored = wanted.length === 0 ? [] : ((await chunks?.store(wanted)) ?? []);
  const made = new Map(stored.map((each) => [each.id, each]));
  const attached = new Set<StoredBlob>();
  const switched = async (tx: KvTransaction): Promise<void> => {
    attached.clear();
    const now = await copies.of(tx, ids);
    for (const [index, id] of ids.entries()) {
      const blob = now[index];
      const fresh = made.get(id);
      if (blob !== undefined && isOnlyThere(blob)) {
        // It has lost its warmer copy since it was looked at: the next round packs it.
        if (fresh === undefined || chunks === undefined) continue;
        await chunks.attach(tx, fresh);
        attached.add(fresh);
      } else if (blob !== undefined) tx.whenCommitted(() => isOnly(id));
      await foreign.release(tx, id);
    }
  };
  try {
    await kv.transact('durable', switched);
  } catch (cause) {
    attached.clear();
    throw cause;
  } finally {
    for (const each of stored) if (!attached.has(each)) chunks?.discard(each);
  }
}
