import type { Tier } from '../tiering/tier.ts';

/**
 * The tier that a storage class stands for (ADR 39). Classes that are not here say nothing: policies and heat decide, as AWS's
 * INTELLIGENT_TIERING has it too.
 */
const tierOfClass: Readonly<Record<string, Tier>> = {
  STANDARD_IA: 'warm',
  ONEZONE_IA: 'warm',
  GLACIER_IR: 'warm',
  GLACIER: 'cold',
  DEEP_ARCHIVE: 'cold',
};

export const classTierOf = (storageClass: string): Tier | undefined =>
  Object.hasOwn(tierOfClass, storageClass) ? tierOfClass[storageClass] : undefined;
