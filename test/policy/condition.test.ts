import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { holds, parseConditions } from '../../src/policy/condition.ts';

const rules = { hasWildcards: true, hasVariables: true };
type Values = Readonly<Record<string, readonly string[]>>;

const check = (block: unknown, values: Values, want: boolean): void => {
  const conditions = parseConditions(block, rules);
  const found = conditions.every((condition) => holds(condition, (key) => values[key]));
  assert.equal(found, want, `${JSON.stringify(block)} with ${JSON.stringify(values)}`);
};

const one = (operator: string, value: unknown): unknown => ({ [operator]: { 'aws:Key': value } });
const is = (...values: string[]): Values => ({ 'aws:key': values });
const none: Values = {};

const cases: readonly (readonly [operator: string, value: unknown, values: Values, want: boolean])[] = [
  ['StringEquals', 'a', is('a'), true],
  ['StringEquals', 'a', is('A'), false],
  ['StringEquals', 'a*', is('ab'), false],
  ['StringEquals', ['a', 'b'], is('b'), true],
  ['StringEquals', [], is('b'), false],
  ['StringEquals', 'a', none, false],
  ['StringNotEquals', 'a', is('a'), false],
  ['StringNotEquals', ['a', 'b'], is('b'), false],
  ['StringNotEquals', ['a', 'b'], is('c'), true],
  ['StringNotEquals', 'a', none, true],
  ['StringEqualsIgnoreCase', 'aB', is('Ab'), true],
  ['StringNotEqualsIgnoreCase', 'aB', is('Ab'), false],
  ['StringLike', 'a*', is('abc'), true],
  ['StringLike', 'a?', is('abc'), false],
  ['StringNotLike', 'a*', is('b'), true],
  ['StringNotLike', 'a*', none, true],
  ['StringEquals', true, is('true'), true],
  ['NumericEquals', 10, is('10.0'), true],
  ['NumericNotEquals', '10', is('11'), true],
  ['NumericLessThan', '10', is('9'), true],
  ['NumericLessThan', '10', is('10'), false],
  ['NumericLessThanEquals', '10', is('10'), true],
  ['NumericGreaterThan', '-1', is('0'), true],
  ['NumericGreaterThanEquals', '1e2', is('100'), true],
  ['NumericLessThan', '10', is('ten'), false],
  ['NumericLessThan', '10', none, false],
  ['DateGreaterThan', '2020-01-01T00:00:01Z', is('2020-01-01T00:00:02Z'), true],
  ['DateLessThan', '2020-01-01', is('2019-12-31T23:59:59Z'), true],
  ['DateEquals', '1577836800', is('2020-01-01T00:00:00Z'), true],
  ['DateNotEquals', '2020-01-01T01:00:00+01:00', is('1577836800'), false],
  ['DateLessThanEquals', '2020-01-01T00:00:00Z', is('2020-01-01T00:00:00Z'), true],
  ['DateGreaterThanEquals', '2020-01-01T00:00:00Z', is('2019-12-31T00:00:00Z'), false],
  ['Bool', 'true', is('true'), true],
  ['Bool', false, is('false'), true],
  ['Bool', 'true', is('false'), false],
  ['Bool', 'true', none, false],
  ['BinaryEquals', 'QmluYXJ5', is('QmluYXJ5'), true],
  ['BinaryEquals', 'QmluYXJ5', is('QmluYXJz'), false],
  ['IpAddress', '203.0.113.0/24', is('203.0.113.7'), true],
  ['IpAddress', '203.0.113.0/24', is('203.0.114.7'), false],
  ['IpAddress', '203.0.113.9', is('203.0.113.9'), true],
  ['IpAddress', '203.0.113.0/24', is('::ffff:203.0.113.7'), true],
  ['IpAddress', '0.0.0.0/0', is('1.2.3.4'), true],
  ['IpAddress', '0.0.0.0/0', is('2001:db8::1'), false],
  ['IpAddress', ['10.0.0.0/8', '2001:db8::/32'], is('2001:db8:1::7'), true],
  ['IpAddress', '10.0.0.0/8', is('nonsense'), false],
  ['NotIpAddress', '203.0.113.0/24', is('203.0.113.7'), false],
  ['NotIpAddress', '203.0.113.0/24', is('198.51.100.1'), true],
  ['NotIpAddress', '203.0.113.0/24', none, true],
  ['ArnEquals', 'arn:aws:iam::*:user/a*', is('arn:aws:iam::1:user/ab'), true],
  ['ArnLike', 'arn:aws:*:user/a', is('arn:aws:iam::1:user/a'), false],
  ['ArnLike', 'arn:aws:s3:::b*', is('arn:aws:s3:::bucket/a:b'), true],
  ['ArnNotEquals', 'arn:aws:iam::*:user/a', is('arn:aws:iam::1:user/b'), true],
  ['ArnNotLike', 'arn:aws:iam::*:user/a', is('arn:aws:iam::1:user/a'), false],
  ['Null', 'true', none, true],
  ['Null', 'true', is('x'), false],
  ['Null', false, is('x'), true],
  ['Null', 'false', none, false],
  ['StringEqualsIfExists', 'a', none, true],
  ['StringEqualsIfExists', 'a', is('b'), false],
  ['StringNotEqualsIfExists', 'a', is('a'), false],
  ['NumericLessThanIfExists', '5', is('4'), true],
  ['IpAddressIfExists', '10.0.0.0/8', none, true],
  ['ForAllValues:StringEquals', ['a', 'b'], is('a', 'b', 'a'), true],
  ['ForAllValues:StringEquals', ['a', 'b'], is('a', 'c'), false],
  ['ForAllValues:StringEquals', ['a', 'b'], none, true],
  ['ForAnyValue:StringEquals', ['a', 'b'], is('c', 'b'), true],
  ['ForAnyValue:StringEquals', ['a', 'b'], is('c'), false],
  ['ForAnyValue:StringEquals', ['a', 'b'], none, false],
  ['ForAllValues:StringNotEquals', ['a', 'b'], is('c', 'd'), true],
  ['ForAllValues:StringNotEquals', ['a', 'b'], is('c', 'a'), false],
  ['ForAnyValue:StringNotEquals', ['a'], is('a', 'c'), true],
  ['ForAnyValue:StringLikeIfExists', 'a*', none, true],
];

test('each operator holds as IAM documents it', () => {
  for (const [operator, value, values, want] of cases) check(one(operator, value), values, want);
});

test('several operators, keys and values are AND, AND and OR', () => {
  const block = {
    StringEquals: { 'aws:A': ['1', '2'], 'aws:B': '3' },
    Bool: { 'aws:SecureTransport': 'true' },
  };
  const all = { 'aws:a': ['2'], 'aws:b': ['3'], 'aws:securetransport': ['true'] };
  check(block, all, true);
  for (const key of Object.keys(all)) check(block, { ...all, [key]: ['none'] }, false);
});

test('a variable in a value is the request’s, and its wildcards are text', () => {
  const block = { StringLike: { 's3:prefix': ['home/${aws:username}/*'] } };
  check(block, { 's3:prefix': ['home/a*/x'], 'aws:username': ['a*'] }, true);
  check(block, { 's3:prefix': ['home/ab/x'], 'aws:username': ['a*'] }, false);
  check(block, { 's3:prefix': ['home/${aws:username}/x'] }, false);
  check(
    one('ArnLike', 'arn:aws:iam::1:user/${aws:username}'),
    { ...is('arn:aws:iam::1:user/a'), 'aws:username': ['a'] },
    true,
  );
});

const wrong: readonly (readonly [block: unknown, message: string])[] = [
  [{ StringIs: { 'aws:a': 'x' } }, 'Invalid Condition type : StringIs'],
  [{ stringequals: { 'aws:a': 'x' } }, 'Invalid Condition type : stringequals'],
  [{ NullIfExists: { 'aws:a': 'true' } }, 'Invalid Condition type : NullIfExists'],
  [{ 'ForSome:StringEquals': { 'aws:a': 'x' } }, 'Invalid Condition type : ForSome:StringEquals'],
  [{ StringEquals: { SourceIp: 'x' } }, 'Policy has an invalid condition key'],
  [{ NumericEquals: { 'aws:a': 'ten' } }, 'Invalid value in Condition element'],
  [{ DateEquals: { 'aws:a': 'yesterday' } }, 'Invalid value in Condition element'],
  [{ Bool: { 'aws:a': 'maybe' } }, 'Invalid value in Condition element'],
  [{ Null: { 'aws:a': ['true', 'false'] } }, 'Invalid value in Condition element'],
  [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } }, 'Invalid value in Condition element'],
  [{ IpAddress: { 'aws:SourceIp': '10.0.0' } }, 'Invalid value in Condition element'],
  [{ StringEquals: { 'aws:a': { b: 'c' } } }, 'Invalid value in Condition element'],
  [{ StringEquals: 'x' }, 'Invalid Condition element for StringEquals'],
  [[], 'Invalid Condition element'],
  [null, 'Invalid Condition element'],
];

test('what is no condition is refused, each by its message', () => {
  for (const [block, message] of wrong)
    assert.throws(
      () => parseConditions(block, rules),
      (failure) => failure instanceof Fault && failure.subject === 'policy' && failure.detail === message,
      JSON.stringify(block),
    );
});
