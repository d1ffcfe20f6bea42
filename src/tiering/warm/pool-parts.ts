import type { Environment } from '../../environment.ts';
import type { Reduction } from '../../workers/reduction.ts';
import type { SegmentId } from '../segment-store.ts';
import type { Members } from './members.ts';
import type { SegmentLocks } from './segment-locks.ts';
import type { Stripes } from './stripes.ts';

/** What the operations of a pool share. */
export interface PoolParts {
  readonly environment: Environment;
  readonly reduction: Reduction;
  readonly members: Members;
  readonly stripes: Stripes;
  readonly locks: SegmentLocks;
  /** Hears of segments that are not as they should be: they are looked at soon. */
  readonly wantRepair: (id: SegmentId) => void;
  /** Hears of shards that may lie where no stripe says so. */
  readonly wantSweep: () => void;
}
