import type { Assessment, Assessor } from './assess.ts';
import type { StoragePolicies } from './policies.ts';
import type { StoragePolicy } from './policy.ts';
import type { Scores } from './scores.ts';
import { survey, type SurveyParts } from './survey.ts';

export interface AssessmentsParts extends SurveyParts {
  readonly policies: StoragePolicies;
  readonly assessor: Assessor;
  readonly scores: Scores;
}

/** Of each slice below `within`, in key order; `undefined` for one that the policy is not about: a longer target takes it. */
export async function* assessments(
  parts: AssessmentsParts,
  policy: StoragePolicy,
  within = policy.target,
): AsyncGenerator<Assessment | undefined, void> {
  const { policies, scores, assessor } = parts;
  await scores.refresh(policy);
  for await (const slice of survey(parts, within)) {
    const isAbout = policies.about(slice.bucket, slice.key)?.name === policy.name;
    yield isAbout ? assessor.assess(policy, slice) : undefined;
  }
}
