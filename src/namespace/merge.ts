import type { Merge } from '../kv/kv.ts';
import { mergeDirectory } from './directory-row.ts';
import { isUsageKey } from './keys.ts';
import { mergeUsage } from './quota/usage.ts';

/** The merge function of the namespace's store: rows of directories and of usage are merged, no others. */
export const mergeNamespace: Merge = (key, existing, operand) =>
  isUsageKey(key) ? mergeUsage(key, existing, operand) : mergeDirectory(key, existing, operand);
