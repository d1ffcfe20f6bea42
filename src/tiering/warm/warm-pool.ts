import type { SegmentStore } from '../segment-store.ts';
import type { StripeShape } from '../../workers/erasure.ts';
import type { BalanceProgress } from './balance-work.ts';
import type { PoolAlert } from './pool-alerts.ts';
import type { RoundProgress } from './repair-work.ts';
import type { DeviceKind } from './shard-device.ts';

/** One device as an operator sees it. */
export interface WarmDevice {
  readonly path: string;
  /** Absent while it has not been there since the start. */
  readonly kind?: DeviceKind;
  /** `missing`: nothing of it is at its path; `failing`: it hangs, has failed a few times in a row, or takes no writes. */
  readonly state: 'in-service' | 'draining' | 'missing' | 'failing';
  /** Nothing new is written there; also of one that is missing. */
  readonly isDraining: boolean;
  /** Why it is missing or failing, where that is known. */
  readonly reason?: string;
  /** Who takes over its shards. */
  readonly successor?: string;
  readonly bytesTotal: number;
  readonly bytesFree: number;
  readonly shards: number;
  readonly bytesStored: number;
  /** Calls that failed since the start, and shards that were not what had been written. */
  readonly errors: number;
}

export interface WarmPoolState {
  readonly configured: StripeShape;
  /** Of what is written now; absent when nothing can be. */
  readonly shape: StripeShape | undefined;
  readonly devices: readonly WarmDevice[];
  readonly segments: number;
  /** Shards that are on no device that is there. */
  readonly shardsMissing: number;
  readonly repair: RoundProgress;
  readonly balance: BalanceProgress;
}

/** Background work of the pool, one bounded unit a call. */
export interface WarmStep {
  readonly name: string;
  readonly step: () => Promise<'busy' | 'idle'>;
}

/**
 * Segments as k+m shards, each on a device of its own. Changes of devices resolve when they are durable; the work that they
 * mean is done by the steps, and `state` shows how far it is. Faults of `device` carry a sentence for the user.
 */
export interface WarmPool extends SegmentStore {
  state(): WarmPoolState;
  /** What an operator should know, one sentence each. */
  alerts(): readonly PoolAlert[];
  /** Looks at every shard, and makes anew what is gone, also what lies on devices that are missing. */
  rebuild(): void;
  /** An empty directory becomes a device; one that is being drained goes back into service. */
  add(path: string): Promise<void>;
  /** Fault('conflict', 'device') when the others are too few for its shards. */
  drain(path: string): Promise<void>;
  /** `path` gets the shards of `old`, which may be gone; both may be the same directory, when that is empty now. */
  replace(old: string, path: string): Promise<void>;
  readonly steps: readonly WarmStep[];
}
