import { PLAN_ENTRIES_MAX, SURVEY_ANSWER_SLICES_MAX } from '../limits/storage-policy.ts';
import type { ObjectKey } from '../namespace/namespace.ts';
import type { Tier } from '../tiering/tier.ts';
import type { Assessment } from './assess.ts';
import { assessments, type AssessmentsParts } from './assessments.ts';
import type { StoragePolicy } from './policy.ts';
import type { TierShare } from './report.ts';
import { survey, type Slice } from './survey.ts';
import { isWithin, type Target } from './target.ts';

/** Why a slice of an object is where it is. */
export interface Explanation {
  readonly slice: Slice;
  /** `undefined`: no policy is about the object, only the fill level of the hot tier moves it. */
  readonly policy: StoragePolicy | undefined;
  readonly assessment: Assessment | undefined;
}

/** Of all versions of one key, and of all their slices. Empty when there is no such object. */
export async function explain(
  parts: AssessmentsParts,
  bucket: string,
  key: ObjectKey,
): Promise<readonly Explanation[]> {
  const found: Explanation[] = [];
  for await (const slice of survey(parts, { bucket, prefix: key })) {
    // In key order: whatever only begins like the key comes behind it.
    if (Buffer.compare(slice.key, key) !== 0 || found.length >= PLAN_ENTRIES_MAX) break;
    found.push(await explained(parts, slice));
  }
  return found;
}

async function explained(parts: AssessmentsParts, slice: Slice): Promise<Explanation> {
  const policy = parts.policies.about(slice.bucket, slice.key);
  if (policy === undefined) return { slice, policy, assessment: undefined };
  await parts.scores.refresh(policy);
  return { slice, policy, assessment: parts.assessor.assess(policy, slice) };
}

export interface Plan {
  /** What would move now, at most `PLAN_ENTRIES_MAX` of it. */
  readonly moves: readonly Assessment[];
  /** All of what would move, by the tier it would come to. */
  readonly to: Readonly<Record<Tier, TierShare>>;
  /** False: there is more than was looked at. */
  readonly isWhole: boolean;
}

/** What the policies would move if they ran now: below a target, or all that they are about. */
export async function plan(parts: AssessmentsParts, target?: Target): Promise<Plan> {
  const moves: Assessment[] = [];
  const to = emptyShares();
  let seen = 0;
  for await (const assessment of allAssessments(parts, target)) {
    if (seen >= SURVEY_ANSWER_SLICES_MAX) return { moves, to, isWhole: false };
    seen += 1;
    if (assessment.due.length === 0) continue;
    if (moves.length < PLAN_ENTRIES_MAX) moves.push(assessment);
    const share = to[assessment.placement.tier];
    share.objects += 1;
    share.bytes += assessment.due.reduce((sum, { length }) => sum + length, 0);
  }
  return { moves, to, isWhole: true };
}

/** Each slice that a policy is about, once. */
async function* allAssessments(
  parts: AssessmentsParts,
  target: Target | undefined,
): AsyncGenerator<Assessment, void> {
  for (const { policy } of parts.policies.list()) {
    const within = target === undefined ? policy.target : overlap(policy.target, target);
    if (within === undefined) continue;
    for await (const assessment of assessments(parts, policy, within))
      if (assessment !== undefined) yield assessment;
  }
}

/** Prefixes lie within one another or apart. */
function overlap(one: Target, other: Target): Target | undefined {
  if (one.bucket !== other.bucket) return undefined;
  if (isWithin(one, other.prefix)) return other;
  return isWithin(other, one.prefix) ? one : undefined;
}

const emptyShares = (): Record<Tier, { objects: number; bytes: number }> => ({
  hot: { objects: 0, bytes: 0 },
  warm: { objects: 0, bytes: 0 },
  cold: { objects: 0, bytes: 0 },
});
