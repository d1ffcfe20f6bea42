import type { Tier } from '../tiering/tier.ts';
import type { StoragePolicy } from './policy.ts';

/** What a placement depends on, at one moment. */
export interface ObjectFacts {
  /** The tier that answers reads of most of its bytes. */
  readonly at: Tier;
  /** Reads and writes a second; `undefined`: whoever should know does not answer. */
  readonly iops: number | undefined;
  /** Since its content was written. */
  readonly idleSeconds: number;
  /** Since it was moved; `undefined`: not since the start of the gateway. */
  readonly movedSeconds: number | undefined;
  /** For how long its heat has been counted: a gateway that has just started knows nothing of before. */
  readonly observedSeconds: number;
  /** The tier that its storage class stands for; `undefined`: it says nothing. */
  readonly classTier: Tier | undefined;
}

/** Why an object belongs where `place` says. `score`: its heat says so; `storage-class`: that does; the others keep it where it is. */
export type PlacementReason =
  'score' | 'storage-class' | 'score-unknown' | 'written-recently' | 'moved-recently' | 'observing';

export interface Placement {
  readonly tier: Tier;
  readonly reason: PlacementReason;
  /** In how many seconds the answer may change by time alone; `undefined`: it does not. */
  readonly reviewSeconds: number | undefined;
}

/** Where an object belongs. Pure: the same facts give the same answer, so that it can be explained and simulated. */
export function place(
  policy: Pick<StoragePolicy, 'hotAboveIops' | 'coldAtOrBelowIops' | 'cooldownSeconds' | 'pools'>,
  present: readonly Tier[],
  facts: ObjectFacts,
): Placement {
  const { at, iops, idleSeconds, movedSeconds = Infinity, observedSeconds, classTier } = facts;
  if (classTier !== undefined) {
    const tier = nearest(policy.pools, present, classTier);
    return { tier, reason: 'storage-class', reviewSeconds: undefined };
  }
  if (iops === undefined) return { tier: at, reason: 'score-unknown', reviewSeconds: undefined };
  const tier = nearest(policy.pools, present, wanted(policy, iops));
  if (tier === at) return { tier, reason: 'score', reviewSeconds: undefined };
  const waits = [
    ['moved-recently', movedSeconds],
    ['written-recently', idleSeconds],
    ['observing', observedSeconds],
  ] as const;
  // What is busy goes up at once; what may only be resting goes down late.
  for (const [reason, seconds] of isWarmer(tier, at) ? waits.slice(0, 1) : waits)
    if (seconds < policy.cooldownSeconds)
      return { tier: at, reason, reviewSeconds: policy.cooldownSeconds - seconds };
  return { tier, reason: 'score', reviewSeconds: undefined };
}

const order: Readonly<Record<Tier, number>> = { hot: 0, warm: 1, cold: 2 };

export const isWarmer = (one: Tier, other: Tier): boolean => order[one] < order[other];

function wanted(
  { hotAboveIops, coldAtOrBelowIops }: Pick<StoragePolicy, 'hotAboveIops' | 'coldAtOrBelowIops'>,
  iops: number,
): Tier {
  if (iops > hotAboveIops) return 'hot';
  return iops <= coldAtOrBelowIops ? 'cold' : 'warm';
}

/** The wanted tier, or the next warmer one that there is and that may be used, or the next colder one. */
export function nearest(pools: readonly Tier[], present: readonly Tier[], tier: Tier): Tier {
  const usable = present.filter((it) => pools.includes(it));
  const warmer = usable.filter((it) => order[it] <= order[tier]);
  return warmer.at(-1) ?? usable[0] ?? 'hot';
}
