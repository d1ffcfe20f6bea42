import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compilePattern, matches, type Lookup } from '../../src/policy/pattern.ts';

const rules = { hasWildcards: true, hasVariables: true };
const lookup: Lookup = (key) =>
  ({ 'aws:username': ['al*ce'], 's3:prefix': [''], 'aws:principaltag/team': ['a', 'b'] })[key];

const check = (pattern: string, text: string, want: boolean): void =>
  assert.equal(matches(compilePattern(pattern, rules), text, lookup), want, `${pattern} on ${text}`);

const cases: readonly (readonly [pattern: string, text: string, want: boolean])[] = [
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['*', 'any/thing', true],
  ['?', '', false],
  ['?', 'a', true],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['?*?', 'a', false],
  ['?*?', 'ab', true],
  ['a*', 'abc', true],
  ['*c', 'abc', true],
  ['a*c', 'ac', true],
  ['ab*ba', 'aba', false],
  ['ab*ba', 'abba', true],
  ['*ab*ab*', 'abab', true],
  ['*ab*ab*', 'aba', false],
  ['*a?b*', 'xaxxaxb', true],
  ['a**b', 'ab', true],
  ['arn:aws:s3:::b/*', 'arn:aws:s3:::b', false],
  ['arn:aws:s3:::b/*', 'arn:aws:s3:::b/x/y', true],
  ['GetObject', 'getobject', false],
  ['home/${aws:username}/*', 'home/al*ce/x', true],
  ['home/${aws:username}/*', 'home/alice/x', false],
  ['${aws:UserName}?', 'al*ce!', true],
  ['?${aws:username}', '?al*ce', true],
  ['${s3:prefix}x', 'x', true],
  ['${aws:none}', '', false],
  ["${aws:none, 'guest'}/*", 'guest/x', true],
  ["${aws:none,'guest*'}", 'guest*', true],
  ["${aws:none,'guest*'}", 'guests', false],
  ['${aws:PrincipalTag/team}', 'a', false],
  ['${*}', '*', true],
  ['${*}', 'x', false],
  ['${?}${$}', '?$', true],
  ['${', '${', true],
  ['${}', '${}', true],
  ['${a ${aws:username}}', '${a al*ce}', true],
];

test('wildcards and variables match as IAM documents them', () => {
  for (const [pattern, text, want] of cases) check(pattern, text, want);
});

test('without variables in the version, a variable is text', () => {
  const pattern = compilePattern('${aws:username}', { hasWildcards: true, hasVariables: false });
  assert.deepEqual(pattern.variables, []);
  assert(matches(pattern, '${aws:username}', lookup));
});

/** The definition, with all the backtracking that the real one does without. */
function fits(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  if (pattern[0] === '*')
    return fits(pattern.slice(1), text) || (text !== '' && fits(pattern, text.slice(1)));
  return (
    text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && fits(pattern.slice(1), text.slice(1))
  );
}

const small = (letters: string): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 });

test('any pattern matches what its definition says', () =>
  fc.assert(
    fc.property(small('ab*?'), small('ab'), (pattern, text) => check(pattern, text, fits(pattern, text))),
  ));

test('patterns made to be tried again and again are answered at once', () => {
  const text = 'a'.repeat(1024);
  for (const pattern of ['*a'.repeat(5_000) + 'b', '*a?'.repeat(300) + 'b', `${'a*'.repeat(1000)}b`])
    check(pattern, text, false);
  check('${'.repeat(60_000), text, false);
});

test('any text at all can be compiled and asked', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (pattern, text) => {
      matches(compilePattern(pattern, rules), text, lookup);
    }),
  ));
