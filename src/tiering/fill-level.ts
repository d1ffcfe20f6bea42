import {
  HOT_CRITICAL_SHARE,
  HOT_HIGH_SHARE,
  HOT_LOW_SHARE,
  LOWER_FREE_SHARE_MIN,
} from '../limits/tiering.ts';
import type { BlobUsage } from './blobs.ts';
import type { FlashMode } from './tiers.ts';

/** How full the hot tier is. */
export interface FillFacts extends BlobUsage {
  /** Of device space, what has a copy in a lower tier as well and may be dropped at any time. */
  readonly bytesClean: number;
}

/** What should go from a tier, in bytes of its space: nothing below the high mark; above it, down to the low one. */
export function bytesToFree({ bytesTotal, bytesFree }: BlobUsage, isUnderWay: boolean): number {
  if (bytesTotal === Infinity) return 0;
  const used = bytesTotal - bytesFree;
  if (!isUnderWay && used < bytesTotal * HOT_HIGH_SHARE) return 0;
  return Math.max(0, Math.ceil(used - bytesTotal * HOT_LOW_SHARE));
}

/**
 * How a writer of `wanted` bytes is treated: by what is in use and cannot be dropped. `write-through`: it has room only
 * when something else has gone to a lower tier.
 */
export function flashModeOf({ bytesTotal, bytesFree, bytesClean }: FillFacts, wanted = 0): FlashMode {
  const pinned = Math.max(0, bytesTotal - bytesFree - bytesClean);
  if (pinned + wanted > bytesTotal) return 'write-through';
  return pinned >= bytesTotal * HOT_CRITICAL_SHARE ? 'critical' : 'normal';
}

/** A hot tier that may be larger than it shall be: as if it ended at `bytesMax`. */
export function usageWithin({ bytesTotal, bytesFree }: BlobUsage, bytesMax: number): BlobUsage {
  if (bytesTotal <= bytesMax) return { bytesTotal, bytesFree };
  return { bytesTotal: bytesMax, bytesFree: Math.max(0, bytesMax - (bytesTotal - bytesFree)) };
}

/** Above the mark from which on content should go from a tier; and where little more fits. */
export const isFull = (space: BlobUsage): boolean => bytesToFree(space, false) > 0;
export const isCriticallyFull = ({ bytesTotal, bytesFree }: BlobUsage): boolean =>
  bytesTotal !== Infinity && bytesTotal - bytesFree >= bytesTotal * HOT_CRITICAL_SHARE;

/** Whether a lower tier takes so many bytes more; some of it stays free, for what its own upkeep writes. */
export const hasRoomFor = ({ bytesTotal, bytesFree }: BlobUsage, bytes: number): boolean =>
  bytesTotal === Infinity || bytesFree - bytes > bytesTotal * LOWER_FREE_SHARE_MIN;

/** What a lower tier could hold, and of that what is free: whatever else lies on its disks is none of it. */
export const ownSpace = (bytesStored: number, { bytesTotal, bytesFree }: BlobUsage): BlobUsage =>
  bytesTotal === Infinity ? { bytesTotal, bytesFree } : { bytesTotal: bytesStored + bytesFree, bytesFree };
