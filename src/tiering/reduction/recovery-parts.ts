import type { Log } from '../../environment.ts';
import type { Kv } from '../../kv/kv.ts';
import type { Reduction } from '../../workers/reduction.ts';
import type { RecoveryKeys } from '../data-keys.ts';
import type { SegmentStore } from '../segment-store.ts';

/** What a recovery works with. */
export interface RecoveryParts {
  readonly segments: SegmentStore;
  readonly reduction: Reduction;
  readonly keys: RecoveryKeys;
  /** Empty, or of a recovery of another tier: rows of what is found are kept here, since there may be more than memory holds. */
  readonly scratch: Kv;
  readonly log: Log;
}
