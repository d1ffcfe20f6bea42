import type { Environment } from '../../environment.ts';
import type { Reduction } from '../../workers/reduction.ts';
import type { Hold } from '../hold.ts';
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
  /** Absent: no other metadata can know of what lies on the devices. */
  readonly hold?: Hold | undefined;
  /** Hears of segments that are not as they should be: they are looked at soon. */
  readonly wantRepair: (id: SegmentId) => void;
  /** Hears of shards that may lie where no stripe says so. */
  readonly wantSweep: () => void;
}
