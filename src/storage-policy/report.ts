import type { Time } from '../environment.ts';
import type { Tier } from '../tiering/tier.ts';
import type { Assessment } from './assess.ts';
import type { PlacementReason } from './placement.ts';
import type { StoragePolicy } from './policy.ts';

export interface TierShare {
  readonly objects: number;
  readonly bytes: number;
}

/** What a pass over the objects of a policy found. */
export interface PolicyReport {
  readonly policy: string;
  readonly at: Time;
  /** By the tier that answers reads. */
  readonly tiers: Readonly<Record<Tier, TierShare>>;
  /** Of these, what lies where the policy wants it. */
  readonly compliant: TierShare;
  /** Of the others: those that are due, and those that wait, by why. */
  readonly pending: Readonly<Partial<Record<PlacementReason, TierShare>>>;
  /** For a month, by the prices of the policy: as it is, and when everything is where it belongs. */
  readonly cost: { readonly now: number; readonly compliant: number };
}

const GIB = 2 ** 30;
const none = (): { objects: number; bytes: number } => ({ objects: 0, bytes: 0 });

/** Adds up what is assessed, slice by slice. */
export class Tally {
  readonly #policy: StoragePolicy;
  readonly #tiers = { hot: none(), warm: none(), cold: none() };
  readonly #compliant = none();
  readonly #pending: Partial<Record<PlacementReason, { objects: number; bytes: number }>> = {};
  readonly #cost = { now: 0, compliant: 0 };

  constructor(policy: StoragePolicy) {
    this.#policy = policy;
  }

  add({ slice, placement, due }: Assessment): void {
    const objects = slice.index === 0 ? 1 : 0;
    const count = (share: { objects: number; bytes: number }): void => {
      share.objects += objects;
      share.bytes += slice.bytes;
    };
    count(this.#tiers[slice.at]);
    const waits = placement.reason !== 'score' && placement.reason !== 'storage-class';
    if (!waits && due.length === 0) count(this.#compliant);
    else count((this.#pending[placement.reason] ??= none()));
    const { prices } = this.#policy;
    for (const { length, tiers } of slice.blobs) {
      const now = tiers.reduce((sum, tier) => sum + prices[tier], 0);
      this.#cost.now += (length / GIB) * now;
      this.#cost.compliant += (length / GIB) * (due.length > 0 ? prices[placement.tier] : now);
    }
  }

  report(at: Time): PolicyReport {
    return {
      policy: this.#policy.name,
      at,
      tiers: this.#tiers,
      compliant: this.#compliant,
      pending: this.#pending,
      cost: this.#cost,
    };
  }
}
