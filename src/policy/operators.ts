import { isIP } from 'node:net';
import { addressRange } from './address-range.ts';
import { malformed } from './malformed.ts';
import { compilePattern, matches, type Lookup, type Pattern, type PatternRules } from './pattern.ts';

/** What an operator makes of the values of a policy. */
interface Prepared {
  readonly test: Omit<Test, 'isNegated'>;
  readonly variables: readonly string[];
}

export interface Test {
  /** Does a value of the request match one of the policy's? */
  matches(actual: string, lookup: Lookup): boolean;
  readonly isNegated: boolean;
  /** Of `Null`: whether the key must be absent. */
  readonly ofAbsence?: boolean;
}

export interface Operator {
  readonly isNegated: boolean;
  prepare(values: readonly string[], rules: PatternRules): Prepared;
}

type Prepare = Operator['prepare'];

/** Each value as one check; one that matches is enough. */
const anyOf = (
  values: readonly string[],
  check: (value: string) => (actual: string) => boolean,
): Prepared => {
  const checks = values.map(check);
  return { test: { matches: (actual) => checks.some((it) => it(actual)) }, variables: [] };
};

const patterned = (
  patterns: readonly Pattern[],
  check: (pattern: Pattern, actual: string, lookup: Lookup) => boolean,
): Prepared => ({
  test: { matches: (actual, lookup) => patterns.some((pattern) => check(pattern, actual, lookup)) },
  variables: patterns.flatMap((pattern) => pattern.variables),
});

const stringEquals: Prepare = (values, { hasVariables }) => {
  const patterns = values.map((value) => compilePattern(value, { hasWildcards: false, hasVariables }));
  return patterned(patterns, matches);
};

const stringLike: Prepare = (values, rules) =>
  patterned(
    values.map((value) => compilePattern(value, rules)),
    matches,
  );

const lowered =
  (lookup: Lookup): Lookup =>
  (key) =>
    lookup(key)?.map((value) => value.toLowerCase());

const stringEqualsIgnoreCase: Prepare = (values, { hasVariables }) => {
  const patterns = values.map((value) =>
    compilePattern(value.toLowerCase(), { hasWildcards: false, hasVariables }),
  );
  return patterned(patterns, (pattern, actual, lookup) =>
    matches(pattern, actual.toLowerCase(), lowered(lookup)),
  );
};

/** Arn operators compare the six parts of an ARN one by one: no wildcard reaches over a colon but in the last part. */
const arnLike: Prepare = (values, rules) => {
  const all = values.map((value) => arnParts(value).map((part) => compilePattern(part, rules)));
  return {
    test: {
      matches: (actual, lookup) => {
        const parts = arnParts(actual);
        return all.some(
          (patterns) =>
            patterns.length === parts.length &&
            patterns.every((pattern, index) => matches(pattern, parts[index] as string, lookup)),
        );
      },
    },
    variables: all.flat().flatMap((pattern) => pattern.variables),
  };
};

const arnPartsMax = 6;

/** A colon inside `${…}` does not part. */
function arnParts(arn: string): readonly string[] {
  const parts: string[] = [''];
  let isInside = false;
  for (let at = 0; at < arn.length; at += 1) {
    const char = arn[at] as string;
    if (char === '{' && arn[at - 1] === '$') isInside = true;
    else if (char === '}') isInside = false;
    if (char === ':' && !isInside && parts.length < arnPartsMax) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

type Compare = (actual: number, wanted: number) => boolean;

const compared =
  (parse: (text: string) => number, compare: Compare): Prepare =>
  (values) =>
    anyOf(values, (value) => {
      const wanted = parse(value);
      if (Number.isNaN(wanted)) throw malformed('Invalid value in Condition element');
      // What is no number matches nothing: every comparison with NaN is false.
      return (actual) => compare(parse(actual), wanted);
    });

const numberOf = (text: string): number =>
  /^\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?\s*$/.test(text) ? Number(text) : Number.NaN;

const isoDate =
  /^\d{4}-\d{2}(?:-\d{2}(?:T\d{2}(?::\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?(?:Z|[-+]\d{2}:?\d{2})?)?)?$/;

/** W3C ISO 8601 or seconds since the epoch, in seconds. */
function dateOf(text: string): number {
  const trimmed = text.trim();
  if (/^\d{1,15}(?:\.\d{1,9})?$/.test(trimmed)) return Number(trimmed);
  return isoDate.test(trimmed) ? Date.parse(trimmed) / 1000 : Number.NaN;
}

const bool: Prepare = (values) =>
  anyOf(values, (value) => {
    const wanted = booleanOf(value);
    return (actual) => actual.toLowerCase() === wanted;
  });

function booleanOf(value: string): 'true' | 'false' {
  const lower = value.toLowerCase();
  if (lower !== 'true' && lower !== 'false') throw malformed('Invalid value in Condition element');
  return lower;
}

const binaryEquals: Prepare = (values) =>
  anyOf(values, (value) => {
    const wanted = Buffer.from(value, 'base64');
    return (actual) => wanted.equals(Buffer.from(actual, 'base64'));
  });

const ipAddress: Prepare = (values) =>
  anyOf(values, (value) => {
    const range = addressRange(value);
    if (range === undefined) throw malformed('Invalid value in Condition element');
    return (actual) => isIP(actual) !== 0 && range.includes(actual);
  });

const isNull: Prepare = (values) => {
  const [value] = values;
  if (value === undefined || values.length > 1) throw malformed('Invalid value in Condition element');
  return { test: { matches: () => false, ofAbsence: booleanOf(value) === 'true' }, variables: [] };
};

const is = (prepare: Prepare): Operator => ({ isNegated: false, prepare });
const isNot = (prepare: Prepare): Operator => ({ isNegated: true, prepare });

const comparisons = (kind: 'Numeric' | 'Date', parse: (text: string) => number) =>
  ({
    [`${kind}Equals`]: is(compared(parse, (actual, wanted) => actual === wanted)),
    [`${kind}NotEquals`]: isNot(compared(parse, (actual, wanted) => actual === wanted)),
    [`${kind}LessThan`]: is(compared(parse, (actual, wanted) => actual < wanted)),
    [`${kind}LessThanEquals`]: is(compared(parse, (actual, wanted) => actual <= wanted)),
    [`${kind}GreaterThan`]: is(compared(parse, (actual, wanted) => actual > wanted)),
    [`${kind}GreaterThanEquals`]: is(compared(parse, (actual, wanted) => actual >= wanted)),
  }) satisfies Readonly<Record<string, Operator>>;

/** IAM User Guide, "Condition operators". */
const operators: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    StringEquals: is(stringEquals),
    StringNotEquals: isNot(stringEquals),
    StringEqualsIgnoreCase: is(stringEqualsIgnoreCase),
    StringNotEqualsIgnoreCase: isNot(stringEqualsIgnoreCase),
    StringLike: is(stringLike),
    StringNotLike: isNot(stringLike),
    ...comparisons('Numeric', numberOf),
    ...comparisons('Date', dateOf),
    Bool: is(bool),
    BinaryEquals: is(binaryEquals),
    IpAddress: is(ipAddress),
    NotIpAddress: isNot(ipAddress),
    ArnEquals: is(arnLike),
    ArnLike: is(arnLike),
    ArnNotEquals: isNot(arnLike),
    ArnNotLike: isNot(arnLike),
    Null: is(isNull),
  }),
);

export const operatorNamed = (name: string): Operator | undefined => operators.get(name);
