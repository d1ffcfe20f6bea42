import type { Bucket, BucketConfigurationName, ByActor } from './namespace.ts';
import type { BucketRules } from './version.ts';

/** How a bucket begins. */
export interface NewBucket extends ByActor {
  readonly owner?: Bucket['owner'];
  readonly objectOwnership?: Bucket['objectOwnership'];
  readonly rules?: BucketRules;
  /** As putBucketConfiguration takes them. */
  readonly documents?: ReadonlyMap<BucketConfigurationName, Uint8Array>;
}
