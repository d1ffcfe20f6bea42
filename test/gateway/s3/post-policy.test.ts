import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from '../../../src/gateway/s3/errors.ts';
import { checkPolicy, decodePolicy, type LengthBounds } from '../../../src/gateway/s3/post-policy.ts';

const now = Date.parse('2026-01-01T00:00:00Z') / 1000;
const encode = (text: string): string => Buffer.from(text).toString('base64');

const judge = (policy: string, fields: Readonly<Record<string, string>>): LengthBounds | undefined =>
  checkPolicy(decodePolicy(encode(policy)), new Map(Object.entries(fields)), now);

const withConditions = (...conditions: readonly unknown[]): string =>
  JSON.stringify({ expiration: '2026-01-01T00:00:01.000Z', conditions });

/** AWS: "POST policy"; messages as the service sends them. */
const refusedDocuments = [
  { name: 'no JSON', policy: '{', want: 'Invalid Policy: Invalid JSON.' },
  { name: 'a list', policy: '[]', want: 'Invalid Policy: Invalid JSON.' },
  { name: 'no expiration', policy: '{"conditions":[]}', want: 'Invalid Policy: Policy missing expiration.' },
  {
    name: 'an expiration in capitals',
    policy: '{"EXPIRATION":"2026-01-01T00:00:01Z","conditions":[]}',
    want: 'Invalid Policy: Policy missing expiration.',
  },
  {
    name: 'no conditions',
    policy: '{"expiration":"2026-01-01T00:00:01Z"}',
    want: 'Invalid Policy: Policy missing conditions.',
  },
  {
    name: 'a date that S3 does not take',
    policy: '{"expiration":"2026-01-01 00:00:01","conditions":[]}',
    want: "Invalid Policy: Invalid 'expiration' value: '2026-01-01 00:00:01'",
  },
  {
    name: 'a day that does not exist',
    policy: '{"expiration":"2026-13-01T00:00:01Z","conditions":[]}',
    want: "Invalid Policy: Invalid 'expiration' value: '2026-13-01T00:00:01Z'",
  },
  {
    name: 'an empty condition',
    policy: withConditions({}),
    want: 'Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.',
  },
  {
    name: 'a condition with two members',
    policy: withConditions({ a: 'b', c: 'd' }),
    want: 'Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.',
  },
  {
    name: 'a number to match',
    policy: withConditions({ a: 1 }),
    want: 'Invalid Policy: Invalid Simple-Condition: value must be a string.',
  },
  {
    name: 'an unknown operator',
    policy: withConditions(['like', '$key', 'a']),
    want: "Invalid Policy: Invalid Condition: unknown operation 'like'.",
  },
  {
    name: 'a field without a dollar',
    policy: withConditions(['eq', 'key', 'a']),
    want: 'Invalid Policy: Invalid eq condition: its arguments must be a field and a text.',
  },
  {
    name: 'a range without an end',
    policy: withConditions(['content-length-range', 1]),
    want: 'Invalid Policy: Invalid content-length-range condition: wrong number of arguments.',
  },
  {
    name: 'a range that begins below zero',
    policy: withConditions(['content-length-range', -1, 0]),
    want: 'Invalid Policy: Invalid content-length-range: its arguments must be non-negative integers.',
  },
  {
    name: 'a text among the conditions',
    policy: withConditions('eq'),
    want: 'Invalid Policy: Invalid Condition: it must be an object or a list.',
  },
] as const;

for (const { name, policy, want } of refusedDocuments) {
  test(`a policy with ${name} is InvalidPolicyDocument`, () =>
    assert.throws(
      () => judge(policy, {}),
      (failure: S3Error) => failure.code === 'InvalidPolicyDocument' && failure.message === want,
    ));
}

const cases: readonly {
  readonly name: string;
  readonly conditions: readonly unknown[];
  readonly fields: Readonly<Record<string, string>>;
  readonly want: string | LengthBounds | undefined;
}[] = [
  { name: 'an exact match', conditions: [{ acl: 'private' }], fields: { acl: 'private' }, want: undefined },
  {
    name: 'names in any case',
    conditions: [{ AcL: 'private' }, ['StArTs-WiTh', '$KEY', 'a']],
    fields: { acl: 'private', key: 'ab' },
    want: undefined,
  },
  {
    name: 'another value',
    conditions: [{ acl: 'private' }],
    fields: { acl: 'Private' },
    want: 'Policy Condition failed: ["eq", "$acl", "private"]',
  },
  {
    name: 'a start',
    conditions: [['starts-with', '$key', 'user/']],
    fields: { key: 'user/x' },
    want: undefined,
  },
  {
    name: 'another start',
    conditions: [['starts-with', '$key', 'user/']],
    fields: { key: 'use' },
    want: 'Policy Condition failed: ["starts-with", "$key", "user/"]',
  },
  {
    name: 'a field that may be anything',
    conditions: [['starts-with', '$x-amz-meta-a', '']],
    fields: { 'x-amz-meta-a': 'b' },
    want: undefined,
  },
  {
    name: 'a field that may be anything and is not there',
    conditions: [['starts-with', '$x-amz-meta-a', '']],
    fields: {},
    want: 'Policy Condition failed: ["starts-with", "$x-amz-meta-a", ""]',
  },
  {
    name: 'two conditions for a field, one of which fails',
    conditions: [
      ['starts-with', '$key', 'a'],
      ['eq', '$key', 'b'],
    ],
    fields: { key: 'ab' },
    want: 'Policy Condition failed: ["eq", "$key", "b"]',
  },
  {
    name: 'a field that no condition names',
    conditions: [{ key: 'k' }],
    fields: { key: 'k', 'x-amz-meta-a': 'b', acl: 'c' },
    want: 'Extra input fields: x-amz-meta-a, acl',
  },
  {
    name: 'fields that need no condition',
    conditions: [],
    fields: {
      awsaccesskeyid: 'a',
      signature: 'b',
      policy: 'c',
      'x-amz-signature': 'd',
      'x-ignore-me': 'e',
      'x-amz-checksum-crc32': 'f',
    },
    want: undefined,
  },
  {
    name: 'a list of content types that all fit',
    conditions: [['starts-with', '$Content-Type', 'image/']],
    fields: { 'content-type': 'image/jpeg, image/png' },
    want: undefined,
  },
  {
    name: 'a list of content types of which one does not fit',
    conditions: [['starts-with', '$Content-Type', 'image/']],
    fields: { 'content-type': 'image/jpeg,text/html' },
    want: 'Policy Condition failed: ["starts-with", "$Content-Type", "image/"]',
  },
  { name: 'a range', conditions: [['content-length-range', 1, '10']], fields: {}, want: { min: 1, max: 10 } },
  {
    name: 'ranges that overlap',
    conditions: [
      ['content-length-range', 1, 10],
      ['Content-Length-Range', 5, 20],
    ],
    fields: {},
    want: { min: 5, max: 10 },
  },
];

for (const { name, conditions, fields, want } of cases) {
  test(`a form under a policy with ${name} is ${typeof want === 'string' ? 'denied' : 'allowed'}`, () => {
    const policy = withConditions(...conditions);
    if (typeof want !== 'string') return assert.deepEqual(judge(policy, fields), want);
    return assert.throws(
      () => judge(policy, fields),
      (failure: S3Error) =>
        failure.code === 'AccessDenied' && failure.message === `Invalid according to Policy: ${want}`,
    );
  });
}

test('a policy is good until its expiration', () => {
  const policy = decodePolicy(encode(withConditions()));
  assert.equal(checkPolicy(policy, new Map(), now), undefined);
  assert.throws(
    () => checkPolicy(policy, new Map(), now + 1),
    /Invalid according to Policy: Policy expired\./,
  );
});

test('a dollar may be escaped in a policy, as AWS documents it', () => {
  const policy = '{"expiration":"2026-01-01T00:00:01Z","conditions":[{"key":"\\$a\\\\$b"}]}';
  assert.equal(judge(policy, { key: '$a\\$b' }), undefined);
});

test('any policy is decoded or refused, and never lets a field pass that it does not name', () => {
  const conditions = fc.array(
    fc.oneof(
      fc.tuple(
        fc.constantFrom('eq', 'starts-with', 'content-length-range', 'x'),
        fc.oneof(fc.string(), fc.integer()),
        fc.oneof(fc.string(), fc.integer()),
      ),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }),
      fc.jsonValue(),
    ),
    { maxLength: 4 },
  );
  const text = fc.oneof(
    conditions.map((some) => withConditions(...some)),
    fc.json(),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (policy) => {
      try {
        judge(policy, { 'x-amz-meta-nobody-names-me': 'x' });
        assert.fail('allowed');
      } catch (failure) {
        assert(failure instanceof S3Error, String(failure));
      }
    }),
  );
});
