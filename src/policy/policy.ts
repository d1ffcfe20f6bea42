import type { Condition } from './condition.ts';
import type { Pattern } from './pattern.ts';
import type { PrincipalSet } from './principal.ts';

/** A policy document, checked and ready to be asked. IAM User Guide, "IAM JSON policy elements". */
export interface Policy {
  readonly statements: readonly Statement[];
  /** Lower-case condition keys that anything in it depends on. */
  readonly keys: ReadonlySet<string>;
}

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  /** `undefined` in an identity policy, which speaks of whom it is attached to. */
  readonly principals: PrincipalSet | undefined;
  readonly actions: PatternSet;
  readonly resources: PatternSet;
  /** All must hold. */
  readonly conditions: readonly Condition[];
}

/** Action and NotAction, Resource and NotResource. */
export interface PatternSet {
  /** It stands for everything that fits none of the patterns. */
  readonly isNegated: boolean;
  readonly patterns: readonly Pattern[];
}
