import type { Merge } from '../kv/kv.ts';
import { isCountsKey, mergeCounts } from '../tiering/counts.ts';
import { mergeDirectory } from './directory-row.ts';
import { mergeShares } from './census/shares.ts';
import { isSharesKey, isUsageKey } from './keys.ts';
import { mergeUsage } from './quota/usage.ts';

/** The merge function of the store: rows of directories, of usage and of shares are merged, and counts of tiering; no others. */
export const mergeNamespace: Merge = (key, existing, operand) => {
  if (isUsageKey(key)) return mergeUsage(key, existing, operand);
  if (isSharesKey(key)) return mergeShares(key, existing, operand);
  return isCountsKey(key) ? mergeCounts(key, existing, operand) : mergeDirectory(key, existing, operand);
};
