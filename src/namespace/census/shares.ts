import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Merge } from '../../kv/kv.ts';
import { tiers, type Tier } from '../../tiering/tier.ts';
import type { InodeHead } from '../records.ts';

/**
 * What a tier answers for. An object, which is a file or an old version of one, counts where most of its bytes are; its bytes,
 * as readers see them and holes included, count where each is read from.
 */
export interface Share {
  readonly objects: bigint;
  readonly bytes: bigint;
}
export type Shares = Readonly<Record<Tier, Share>>;

const NOTHING: Share = { objects: 0n, bytes: 0n };
export const NO_SHARES: Shares = { hot: NOTHING, warm: NOTHING, cold: NOTHING };

/** What one inode adds; `undefined` for one that is no object: a directory, a part of an upload. */
export function sharesOf({ kind, isPart, size, below }: Omit<InodeHead, 'isMarker'>): Shares | undefined {
  if (kind === undefined || kind === 'directory' || isPart) return undefined;
  const bytes = { hot: Math.max(0, size - below.warm - below.cold), ...below };
  let at: Tier = 'hot';
  for (const tier of tiers) if (bytes[tier] > bytes[at]) at = tier;
  return byTier((tier) => ({ objects: tier === at ? 1n : 0n, bytes: BigInt(bytes[tier]) }));
}

export const addShares = (one: Shares, other: Shares): Shares =>
  byTier((tier) => ({
    objects: one[tier].objects + other[tier].objects,
    bytes: one[tier].bytes + other[tier].bytes,
  }));

export const subtractShares = (one: Shares, other: Shares): Shares =>
  byTier((tier) => ({
    objects: one[tier].objects - other[tier].objects,
    bytes: one[tier].bytes - other[tier].bytes,
  }));

export const isNothing = (shares: Shares): boolean =>
  tiers.every((tier) => shares[tier].objects === 0n && shares[tier].bytes === 0n);

const byTier = (share: (tier: Tier) => Share): Shares => ({
  hot: share('hot'),
  warm: share('warm'),
  cold: share('cold'),
});

/** A row of shares, and a change of one: of each tier, warmest first, as far as there is something. */
export function encodeShares(shares: Shares): Uint8Array {
  const writer = new RecordWriter();
  const last = tiers.findLastIndex((tier) => shares[tier].objects !== 0n || shares[tier].bytes !== 0n);
  for (const tier of tiers.slice(0, last + 1)) {
    const { objects, bytes } = shares[tier];
    writer.text(objects.toString()).text(bytes.toString());
  }
  return writer.finish();
}

export function decodeShares(row: Uint8Array): Shares {
  const reader = new RecordReader(row);
  const read = (): Share =>
    reader.hasMore() ? { objects: BigInt(reader.text()), bytes: BigInt(reader.text()) } : NOTHING;
  const shares = { hot: read(), warm: read(), cold: read() };
  reader.end();
  return shares;
}

/** The merge function of these rows. A bucket without objects has none. */
export const mergeShares: Merge = (_key, existing, operand) => {
  if (existing === undefined) return operand;
  const after = addShares(decodeShares(existing), decodeShares(operand));
  return isNothing(after) ? undefined : encodeShares(after);
};
