import { Fault } from '../fault.ts';
import type { BlobLabels } from './blob-labels.ts';
import type { BlobId } from './blobs.ts';
import { isDamage } from './lower-copies.ts';
import type { BlobCopies, Copies } from './copies.ts';
import { giveUpCopy } from './native-layout/give-up-copy.ts';
import type { ChunkStore } from './reduction/chunk-store.ts';
import type { LowerTier, Tier } from './tier.ts';

/**
 * `gone`: the blob, or its copy there, does not exist any more. `sound`: it can be read after all, as when a device or the way to it has
 * failed for a while. `lost`: no copy can be read.
 */
export type Healed = 'healed' | 'gone' | 'sound' | 'lost';

/** Makes the copy of a blob in one tier anew, out of another copy. Faults of copies that may answer later. */
export async function heal(
  { copies, labels }: { readonly copies: Copies; readonly labels: BlobLabels },
  { id, tier }: { readonly id: BlobId; readonly tier: Tier },
): Promise<Healed> {
  const unkeep = copies.hot.keep(id);
  try {
    const [blob] = await copies.of(copies.kv, [id]);
    const hasCopy = tier === 'hot' ? blob?.hot !== undefined : blob?.lower.includes(tier) === true;
    if (blob === undefined || !hasCopy) return 'gone';
    if (tier === 'hot' && (await isSound(copies, blob))) return 'sound';
    const bytes = await readElsewhere(copies, blob, tier);
    if (bytes === undefined) return 'lost';
    if (tier === 'cold' && (await isNative(copies, id))) return await dropNative(copies, id);
    const store = tier === 'hot' ? undefined : copies.lower.of(tier);
    if (store === undefined) return await healHot(copies, blob, bytes);
    const [label = NO_LABEL] = await labels.labelsOf([id]);
    return await healLower(copies, store, { id, bytes, label });
  } finally {
    unkeep();
  }
}

const NO_LABEL = new Uint8Array(0);

/** In an object under its own key. */
const isNative = async ({ kv, lower }: Copies, id: BlobId): Promise<boolean> =>
  (await lower.foreign.rangeOf(kv, id))?.native !== undefined;

/** A part of such an object cannot be made anew; the blob goes on without that copy. */
async function dropNative({ kv, hot, lower }: Copies, id: BlobId): Promise<Healed> {
  const hasGone = await kv.transact('durable', async (tx) => {
    const [above] = await hot.copiesOf(tx, [id]);
    const [below] = await lower.placesOf(tx, [id]);
    const isElsewhere = above !== undefined || below?.tiers.includes('warm') === true;
    return isElsewhere && giveUpCopy(lower.foreign, tx, id);
  });
  return hasGone ? 'healed' : 'gone';
}

async function healHot(copies: Copies, blob: BlobCopies, bytes: Uint8Array): Promise<Healed> {
  const draft = await copies.hot.draft(blob.id, bytes);
  let isAttached = false;
  try {
    isAttached = await copies.kv.transact('durable', async (tx) => {
      const [now] = await copies.hot.copiesOf(tx, [blob.id]);
      if (now === undefined || !isSame(now.row, blob.hot?.row)) return false;
      copies.hot.attachDraft(tx, draft, now);
      return true;
    });
    return isAttached ? 'healed' : 'gone';
  } finally {
    if (!isAttached) copies.hot.discardDraft(draft);
  }
}

async function healLower(
  copies: Copies,
  store: ChunkStore,
  blob: { readonly id: BlobId; readonly bytes: Uint8Array; readonly label: Uint8Array },
): Promise<Healed> {
  const [stored] = await store.store([blob]);
  if (stored === undefined) throw new Fault('unavailable', 'store', 'a store has stored nothing');
  let isAttached = false;
  try {
    isAttached = await copies.kv.transact('durable', async (tx) => {
      const wasThere = await store.release(tx, blob.id);
      if (wasThere) await store.attach(tx, stored);
      return wasThere;
    });
    return isAttached ? 'healed' : 'gone';
  } finally {
    if (!isAttached) store.discard(stored);
  }
}

/** Faults of a device that does not answer now. */
async function isSound({ hot }: Copies, { id, length }: BlobCopies): Promise<boolean> {
  try {
    await hot.read(id, 0, length);
    return true;
  } catch (cause) {
    if (isDamage(cause)) return false;
    throw cause;
  }
}

/** All of a blob from a copy that is not in `tier`. */
async function readElsewhere(
  { kv, hot, lower }: Copies,
  blob: BlobCopies,
  tier: Tier,
): Promise<Uint8Array | undefined> {
  const { id, length } = blob;
  let passing: Fault | undefined;
  const attempt = async (read: () => Promise<Uint8Array>): Promise<Uint8Array | undefined> => {
    try {
      return await read();
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      if (!isDamage(cause)) passing ??= cause;
      return undefined;
    }
  };
  if (tier !== 'hot' && blob.hot !== undefined) {
    const bytes = await attempt(() => hot.read(id, 0, length));
    if (bytes !== undefined) return bytes;
  }
  for (const store of lower.stores.filter((it) => isOther(it.tier, tier))) {
    if ((await store.lengthsOf(kv, [id]))[0] === undefined) continue;
    const bytes = await attempt(() => store.read(id, 0, length));
    if (bytes !== undefined) return bytes;
  }
  if (passing !== undefined) throw passing;
  return undefined;
}

const isOther = (a: LowerTier, b: Tier): boolean => a !== b;

const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean =>
  b !== undefined && Buffer.compare(a, b) === 0;
