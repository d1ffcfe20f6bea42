import { holds } from './condition.ts';
import { matches, type Lookup } from './pattern.ts';
import type { PatternSet, Policy, Statement } from './policy.ts';
import { namedBy, type Named, type Requester } from './principal.ts';

/** What a request wants to do, in the words of policies. */
export interface Question {
  /** `service:Action`. */
  readonly action: string;
  /** ARN. */
  readonly resource: string;
  readonly requester: Requester;
  /** Values of a condition key, given in lower case. */
  readonly lookup: Lookup;
}

/**
 * `deny`: a statement denies it. `allow`: one allows it to the requester. `delegate`: one allows it to the requester's
 * account, whose own policies must allow it as well. `none`: nothing is said.
 */
export type Verdict = 'deny' | 'allow' | 'delegate' | 'none';

/** IAM User Guide, "Policy evaluation logic": a denial counts more than any number of permissions. */
export function evaluate({ statements }: Policy, question: Question): Verdict {
  let verdict: Verdict = 'none';
  for (const statement of statements) {
    const named = speaksOf(statement, question);
    if (named === undefined) continue;
    if (statement.effect === 'Deny') return 'deny';
    if (named === 'itself') verdict = 'allow';
    else if (verdict === 'none') verdict = 'delegate';
  }
  return verdict;
}

/** The same for all policies of one identity. */
export function evaluateAll(policies: readonly Policy[], question: Question): Verdict {
  const verdicts = policies.map((policy) => evaluate(policy, question));
  if (verdicts.includes('deny')) return 'deny';
  return verdicts.includes('allow') ? 'allow' : 'none';
}

function speaksOf(statement: Statement, question: Question): Named {
  const { principals, actions, resources, conditions } = statement;
  if (!includes(actions, question.action.toLowerCase(), question.lookup)) return undefined;
  if (!includes(resources, question.resource, question.lookup)) return undefined;
  const named = principals === undefined ? 'itself' : namedBy(principals, question.requester);
  if (named === undefined) return undefined;
  return conditions.every((condition) => holds(condition, question.lookup)) ? named : undefined;
}

const includes = ({ isNegated, patterns }: PatternSet, text: string, lookup: Lookup): boolean =>
  patterns.some((pattern) => matches(pattern, text, lookup)) !== isNegated;
