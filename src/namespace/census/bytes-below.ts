import type { KvReader } from '../../kv/kv.ts';
import type { BlobId, Blobs } from '../../tiering/blobs.ts';
import type { Tier } from '../../tiering/tier.ts';
import { NOTHING_BELOW, type BytesBelow, type Extent } from '../records.ts';

interface Reading {
  /** The transaction in which the answer must hold. */
  readonly tx: KvReader;
  readonly blobs: Pick<Blobs, 'warmestOf'>;
}

/** So many bytes more, or fewer, in a tier; those in the hot one are not counted. */
export function changedBelow(below: BytesBelow, tier: Tier | undefined, bytes: number): BytesBelow {
  if (tier === undefined || tier === 'hot') return below;
  return { ...below, [tier]: Math.max(0, below[tier] + bytes) };
}

export const isSameBelow = (one: BytesBelow, other: BytesBelow): boolean =>
  one.warm === other.warm && one.cold === other.cold;

/** What of the extents lies below the hot tier. */
export async function bytesBelow({ tx, blobs }: Reading, extents: readonly Extent[]): Promise<BytesBelow> {
  if (extents.length === 0) return NOTHING_BELOW;
  const lengths = new Map<BlobId, number>();
  for (const { blob, length } of extents) lengths.set(blob, (lengths.get(blob) ?? 0) + length);
  const ids = [...lengths.keys()];
  const tiers = await blobs.warmestOf(tx, ids);
  return ids.reduce(
    (below, id, index) => changedBelow(below, tiers[index], lengths.get(id) ?? 0),
    NOTHING_BELOW,
  );
}

/** After a change that leaves `kept` of the `old` extents. Reads nothing where nothing was below, as of most files. */
export async function lessBelow(
  reading: Reading,
  below: BytesBelow,
  { old, kept }: { readonly old: readonly Extent[]; readonly kept: readonly Extent[] },
): Promise<BytesBelow> {
  if (isSameBelow(below, NOTHING_BELOW)) return below;
  const stays = new Set(kept);
  const was = new Set(old);
  const gone = await bytesBelow(
    reading,
    old.filter((extent) => !stays.has(extent)),
  );
  const back = await bytesBelow(
    reading,
    kept.filter((extent) => !was.has(extent)),
  );
  return sumBelow(lowered(below, gone), back);
}

export const sumBelow = (one: BytesBelow, other: BytesBelow): BytesBelow => ({
  warm: one.warm + other.warm,
  cold: one.cold + other.cold,
});

const lowered = (one: BytesBelow, other: BytesBelow): BytesBelow => ({
  warm: Math.max(0, one.warm - other.warm),
  cold: Math.max(0, one.cold - other.cold),
});
