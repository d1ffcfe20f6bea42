import type { Environment, MonotonicMs } from '../environment.ts';
import { RECENT_MOVES_MAX } from '../limits/storage-policy.ts';
import type { BlobId } from '../tiering/blobs.ts';
import type { Tier } from '../tiering/tier.ts';
import type { Tiers } from '../tiering/tiers.ts';
import { classTierOf } from './class-tier.ts';
import { isWarmer, place, type ObjectFacts, type Placement } from './placement.ts';
import type { StoragePolicy } from './policy.ts';
import type { Scores } from './scores.ts';
import type { PlacedBlob, Slice } from './survey.ts';

export interface AssessmentParts {
  readonly tiers: Pick<Tiers, 'present' | 'heatOf' | 'takesBack'>;
  readonly environment: Pick<Environment, 'clock'>;
  readonly scores: Scores;
}

export interface Assessment {
  readonly slice: Slice;
  readonly facts: ObjectFacts;
  readonly placement: Placement;
  /** Those that lie elsewhere than they should and may move now. */
  readonly due: readonly PlacedBlob[];
}

/** Looks at slices with the eyes of policies, and remembers which were moved lately. */
export class Assessor {
  readonly #parts: AssessmentParts;
  readonly #startedAt: MonotonicMs;
  /** The oldest first. */
  readonly #moved = new Map<BlobId, MonotonicMs>();

  constructor(parts: AssessmentParts) {
    this.#parts = parts;
    this.#startedAt = parts.environment.clock.monotonic();
  }

  assess(policy: StoragePolicy, slice: Slice): Assessment {
    const { tiers } = this.#parts;
    const facts = this.#factsOf(policy, slice);
    const placement = place(policy, tiers.present, facts);
    const { tier, reason } = placement;
    const mayMove = reason === 'score' || reason === 'storage-class';
    const due = mayMove ? slice.blobs.filter((blob) => isDue(tiers, blob, tier)) : [];
    return { slice, facts, placement, due };
  }

  moved(blobs: readonly BlobId[]): void {
    const now = this.#parts.environment.clock.monotonic();
    for (const id of blobs) {
      this.#moved.delete(id);
      this.#moved.set(id, now);
    }
    for (const [oldest] of this.#moved) {
      if (this.#moved.size <= RECENT_MOVES_MAX) break;
      this.#moved.delete(oldest);
    }
  }

  #factsOf(policy: StoragePolicy, { at, attributes, storageClass, blobs }: Slice): ObjectFacts {
    const { environment, scores, tiers } = this.#parts;
    const now = environment.clock.monotonic();
    const movedAt = blobs.flatMap(({ id }) => this.#moved.get(id) ?? []).at(0);
    const own = (): number =>
      blobs.reduce((sum, { id }) => {
        const { readsPerSecond, writesPerSecond } = tiers.heatOf(id);
        return sum + readsPerSecond + writesPerSecond;
      }, 0);
    return {
      at,
      iops: policy.query === undefined ? own() : scores.of(policy),
      idleSeconds: Math.max(0, environment.clock.wall().seconds - attributes.mtime.seconds),
      movedSeconds: movedAt === undefined ? undefined : (now - movedAt) / 1000,
      observedSeconds: (now - this.#startedAt) / 1000,
      classTier: classTierOf(storageClass),
    };
  }
}

/**
 * Whether a blob is to be moved where it belongs. A warmer copy of what lies in its tier is one that reads have brought there: the cache of
 * reads sees to that.
 */
export function isDue(
  tiers: Pick<Tiers, 'takesBack'>,
  { tiers: [warmest, ...others] }: PlacedBlob,
  wanted: Tier,
): boolean {
  if (warmest === undefined || warmest === wanted || others.includes(wanted)) return false;
  return isWarmer(warmest, wanted) || tiers.takesBack(wanted);
}
