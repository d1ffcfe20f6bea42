import { malformed } from './malformed.ts';
import { operatorNamed, type Test } from './operators.ts';
import type { Lookup, PatternRules } from './pattern.ts';

/** One key of one operator of a Condition block. */
export interface Condition {
  readonly operator: string;
  /** Lower case. */
  readonly key: string;
  /** As the policy has them. */
  readonly values: readonly string[];
  /** Lower-case names of the variables in the values. */
  readonly variables: readonly string[];
  /** Which of several values of the request must do: one for `ForAnyValue`, each for `ForAllValues`. */
  readonly set: 'any' | 'all' | undefined;
  /** True without a value in the request. */
  readonly isOptional: boolean;
  readonly test: Test;
}

/** IAM User Guide, "Condition operators": `[ForAnyValue:|ForAllValues:]Operator[IfExists]`. */
const operatorForm = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/;

export function parseConditions(element: unknown, rules: PatternRules): readonly Condition[] {
  const conditions: Condition[] = [];
  for (const [operator, block] of entriesOf(element, 'Invalid Condition element'))
    for (const [key, value] of entriesOf(block, `Invalid Condition element for ${operator}`))
      conditions.push(conditionOf(operator, { key, value, rules }));
  return conditions;
}

function entriesOf(element: unknown, message: string): readonly (readonly [string, unknown])[] {
  if (typeof element !== 'object' || element === null || Array.isArray(element)) throw malformed(message);
  return Object.entries(element);
}

function conditionOf(
  operator: string,
  { key, value, rules }: { readonly key: string; readonly value: unknown; readonly rules: PatternRules },
): Condition {
  const [, set, name = '', isOptional] = operatorForm.exec(operator) ?? [];
  const kind = operatorNamed(name);
  if (kind === undefined || (name === 'Null' && isOptional !== undefined))
    throw malformed(`Invalid Condition type : ${operator}`);
  if (!/^[^\s:]+:[^\s:].*$/.test(key)) throw malformed('Policy has an invalid condition key');
  const values = valuesOf(value);
  const { test, variables } = kind.prepare(values, rules);
  return {
    operator: name,
    key: key.toLowerCase(),
    values,
    variables,
    set: set === undefined ? undefined : set === 'ForAnyValue' ? 'any' : 'all',
    isOptional: isOptional !== undefined,
    test: { ...test, isNegated: kind.isNegated },
  };
}

/** Numbers and booleans may be written without quotes. */
function valuesOf(element: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(element) ? element : [element];
  return list.map((value) => {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    throw malformed('Invalid value in Condition element');
  });
}

/** IAM User Guide, "Evaluation logic for multiple context keys or values" and "Set operators". */
export function holds({ key, set, isOptional, test }: Condition, lookup: Lookup): boolean {
  const actual = lookup(key) ?? [];
  if (test.ofAbsence !== undefined) return test.ofAbsence === (actual.length === 0);
  if (actual.length === 0) return isOptional || set === 'all' || (set === undefined && test.isNegated);
  const isGood = (value: string): boolean => test.matches(value, lookup) !== test.isNegated;
  // Without a set operator a negated test holds only when it holds for each value there is.
  const isForEach = set === 'all' || (set === undefined && test.isNegated);
  return isForEach ? actual.every(isGood) : actual.some(isGood);
}
