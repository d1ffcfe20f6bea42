import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/fault.ts';
import { POLICY_BYTES_MAX, POLICY_DOCUMENT_BYTES_MAX, POLICY_QUESTION_MARKS_MAX } from '../../src/limits.ts';
import { evaluate, evaluateAll, type Verdict } from '../../src/policy/evaluate.ts';
import { parsePolicy, type PolicyKind } from '../../src/policy/parse.ts';
import { accountArn, canonicalName, userArn, type Requester } from '../../src/policy/principal.ts';

const canonical = 'a'.repeat(64);
const alice: Requester = {
  names: [userArn('111122223333', 'alice')],
  accountNames: [accountArn('111122223333'), canonicalName(canonical)],
};
const anyone: Requester = { names: [], accountNames: [] };

const statement = {
  Effect: 'Allow',
  Principal: '*',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::b/*',
};
const policyOf = (...statements: object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

interface Asked {
  readonly action?: string;
  readonly resource?: string;
  readonly requester?: Requester;
  readonly values?: Readonly<Record<string, readonly string[]>>;
}

const verdict = (text: string, asked: Asked = {}): Verdict =>
  evaluate(parsePolicy(text, 'resource'), {
    action: asked.action ?? 's3:GetObject',
    resource: asked.resource ?? 'arn:aws:s3:::b/k',
    requester: asked.requester ?? alice,
    lookup: (key) => asked.values?.[key],
  });

const cases: readonly (readonly [
  name: string,
  statements: readonly object[],
  asked: Asked,
  want: Verdict,
])[] = [
  ['a statement for everyone is one for anonymous callers', [{}], { requester: anyone }, 'allow'],
  ['AWS "*" is everyone, too', [{ Principal: { AWS: '*' } }], { requester: anyone }, 'allow'],
  ['an action is compared without case', [{ Action: 'S3:getobject' }], {}, 'allow'],
  ['another action is not meant', [{}], { action: 's3:PutObject' }, 'none'],
  ['wildcards in an action', [{ Action: 's3:Get*' }], { action: 's3:GetObjectTagging' }, 'allow'],
  ['a list of actions', [{ Action: ['s3:PutObject', '*'] }], {}, 'allow'],
  ['NotAction is everything else', [{ Action: undefined, NotAction: 's3:Put*' }], {}, 'allow'],
  ['NotAction is not what it names', [{ Action: undefined, NotAction: 's3:Get*' }], {}, 'none'],
  ['a resource is compared with case', [{ Resource: 'arn:aws:s3:::B/*' }], {}, 'none'],
  ['NotResource is everything else', [{ Resource: undefined, NotResource: 'arn:aws:s3:::b/x' }], {}, 'allow'],
  [
    'NotResource is not what it names',
    [{ Resource: undefined, NotResource: 'arn:aws:s3:::b/*' }],
    {},
    'none',
  ],
  ['the user itself', [{ Principal: { AWS: 'arn:aws:iam::111122223333:user/alice' } }], {}, 'allow'],
  ['another user', [{ Principal: { AWS: 'arn:aws:iam::111122223333:user/bob' } }], {}, 'none'],
  ['its account by number', [{ Principal: { AWS: ['444455556666', '111122223333'] } }], {}, 'delegate'],
  ['its account by ARN', [{ Principal: { AWS: 'arn:aws:iam::111122223333:root' } }], {}, 'delegate'],
  ['its account by canonical id', [{ Principal: { CanonicalUser: canonical } }], {}, 'delegate'],
  ['an account is not anyone', [{ Principal: { AWS: '111122223333' } }], { requester: anyone }, 'none'],
  ['a service is nobody here', [{ Principal: { Service: 'logging.s3.amazonaws.com' } }], {}, 'none'],
  ['a denial counts more than a permission', [{}, { Effect: 'Deny', Action: 's3:*' }], {}, 'deny'],
  [
    'a denial of somebody else does not count',
    [{}, { Effect: 'Deny', Principal: { AWS: '444455556666' } }],
    {},
    'allow',
  ],
  [
    'NotPrincipal denies everybody else',
    [{}, { Effect: 'Deny', Principal: undefined, NotPrincipal: { AWS: '444455556666' } }],
    {},
    'deny',
  ],
  [
    'NotPrincipal spares whom it names',
    [{}, { Effect: 'Deny', Principal: undefined, NotPrincipal: { AWS: '111122223333' } }],
    {},
    'allow',
  ],
  [
    'a condition that holds',
    [{ Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
    { values: { 'aws:securetransport': ['false'] } },
    'allow',
  ],
  [
    'a condition that does not',
    [{ Condition: { Bool: { 'aws:SecureTransport': 'true' } } }],
    { values: { 'aws:securetransport': ['false'] } },
    'none',
  ],
  [
    'a variable in a resource',
    [{ Resource: 'arn:aws:s3:::b/${aws:username}' }],
    { values: { 'aws:username': ['k'] } },
    'allow',
  ],
  ['a variable without a value', [{ Resource: 'arn:aws:s3:::b/${aws:username}*' }], {}, 'none'],
];

for (const [name, statements, asked, want] of cases) {
  test(`policy: ${name}: ${want}`, () =>
    assert.equal(verdict(policyOf(...statements.map((it) => ({ ...statement, ...it }))), asked), want));
}

test('version 2008-10-17, also when none is given, has no variables', () => {
  const Statement = { ...statement, Resource: 'arn:aws:s3:::b/${aws:username}' };
  const values = { 'aws:username': ['k'] };
  for (const text of [JSON.stringify({ Statement }), JSON.stringify({ Version: '2008-10-17', Statement })]) {
    assert.equal(verdict(text, { values }), 'none');
    assert.equal(verdict(text, { resource: 'arn:aws:s3:::b/${aws:username}' }), 'allow');
  }
});

test('of several policies of an identity one allows and one denies', () => {
  const [allow, deny] = ['Allow', 'Deny'].map((Effect) =>
    parsePolicy(policyOf({ Effect, Action: '*', Resource: '*' }), 'identity'),
  );
  assert(allow !== undefined && deny !== undefined);
  const question = { action: 's3:X', resource: 'r', requester: alice, lookup: () => undefined };
  assert.equal(evaluateAll([], question), 'none');
  assert.equal(evaluateAll([allow], question), 'allow');
  assert.equal(evaluateAll([allow, deny], question), 'deny');
});

test('a policy says which keys it depends on', () => {
  const { keys } = parsePolicy(
    policyOf({
      ...statement,
      Resource: 'arn:aws:s3:::b/${aws:UserName}',
      Condition: { StringEquals: { 's3:ExistingObjectTag/a': '${aws:PrincipalTag/a}' } },
    }),
    'resource',
  );
  assert.deepEqual([...keys].sort(), ['aws:principaltag/a', 'aws:username', 's3:existingobjecttag/a']);
});

const notJson = "Policies must be valid JSON and the first byte must be '{'";
const wrong: readonly (readonly [text: string, message: string, kind?: PolicyKind])[] = [
  ['', notJson],
  ['[]', notJson],
  ['null', notJson],
  ['{', 'This policy contains invalid Json'],
  ['{"Statement":[],}', 'This policy contains invalid Json'],
  ['{}', 'Missing required field Statement'],
  ['{"Statement":[]}', 'Could not parse the policy: Statement is empty!'],
  ['{"Statement":"x"}', 'Invalid policy syntax.'],
  ['{"Statement":[[]]}', 'Invalid policy syntax.'],
  [`{"Version":"2020-01-01","Statement":[]}`, 'The policy must contain a valid version string'],
  [`{"Version":7,"Statement":[]}`, 'The policy must contain a valid version string'],
  [`{"Foo":1,"Statement":[]}`, 'Unknown field Foo'],
  [policyOf({ ...statement, Foo: 1 }), 'Unknown field Foo'],
  [policyOf({ ...statement, Effect: undefined }), 'Missing required field Effect'],
  [policyOf({ ...statement, Effect: 'Maybe' }), 'Invalid effect: Maybe'],
  [policyOf({ ...statement, Principal: undefined }), 'Missing required field Principal'],
  [policyOf({ ...statement, Action: undefined }), 'Missing required field Action'],
  [policyOf({ ...statement, Resource: undefined }), 'Missing required field Resource'],
  [policyOf({ ...statement, Action: [] }), 'Policy has invalid action'],
  [policyOf({ ...statement, Action: [1] }), 'Policy has invalid action'],
  [policyOf({ ...statement, Resource: {} }), 'Policy has invalid resource'],
  [policyOf({ ...statement, Sid: 1 }), 'Invalid policy syntax.'],
  [policyOf({ ...statement, NotAction: '*' }), 'Statement contains both Action and NotAction'],
  [policyOf({ ...statement, NotPrincipal: '*' }), 'Statement contains both Principal and NotPrincipal'],
  [
    policyOf({ ...statement, Principal: undefined, NotPrincipal: '*' }),
    'Allow with NotPrincipal is not allowed',
  ],
  [policyOf(statement), 'Policy document should not specify a principal.', 'identity'],
  ...[
    'someone',
    {},
    [],
    null,
    7,
    { AWS: [] },
    { AWS: '12345' },
    { AWS: 'arn:aws:iam::12345:root' },
    { AWS: 'arn:aws:s3:::b' },
    { AWS: 'arn:aws:iam::111122223333:user/*' },
    { CanonicalUser: 'abc' },
    { Service: 'evil.example.org' },
    { Nobody: '*' },
    { __proto__x: '*' },
    { toString: '*' },
  ].map((Principal) => [policyOf({ ...statement, Principal }), 'Invalid principal in policy'] as const),
];

const messageOf = (text: string, kind: PolicyKind = 'resource'): string | undefined => {
  try {
    parsePolicy(text, kind);
    return undefined;
  } catch (failure) {
    if (failure instanceof Fault && failure.code === 'invalid-argument' && failure.subject === 'policy')
      return failure.detail;
    throw failure;
  }
};

test('what is no policy is refused, each by its message', () => {
  for (const [text, message, kind] of wrong) assert.equal(messageOf(text, kind), message, text);
});

test('a policy has no more question marks than one look at it can afford', () => {
  const of = (count: number): string =>
    policyOf({ ...statement, Resource: `arn:aws:s3:::b/*${'?'.repeat(count)}` });
  assert.equal(verdict(of(POLICY_QUESTION_MARKS_MAX)), verdict(of(100)));
  assert.match(messageOf(of(POLICY_QUESTION_MARKS_MAX + 1)) ?? '', /at most 256 question marks/);
});

test('a policy is as long as it is without white space', () => {
  const tooLarge = 'Policy exceeds the maximum allowed document size';
  const filled = (bytes: number): string => {
    const bare = policyOf({ ...statement, Sid: '' });
    return policyOf({ ...statement, Sid: ' '.repeat(bytes - bare.length) });
  };
  assert.equal(messageOf(filled(POLICY_BYTES_MAX)), undefined);
  assert.equal(messageOf(filled(POLICY_BYTES_MAX + 1)), tooLarge);
  const indented = `${filled(POLICY_BYTES_MAX)}${'\n'.repeat(POLICY_DOCUMENT_BYTES_MAX)}`;
  assert.equal(messageOf(indented.slice(0, POLICY_DOCUMENT_BYTES_MAX)), undefined);
  assert.equal(messageOf(indented), tooLarge);
});

test('nesting without end is refused like any nonsense', () => {
  const deep = `{"Statement":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
  assert.equal(messageOf(deep), 'Invalid policy syntax.');
  assert.equal(
    messageOf(`{"Id":${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)},"Statement":[]}`),
    'Invalid policy syntax.',
  );
});

const word = fc.constantFrom(
  '*',
  's3:*',
  's3:GetObject',
  'arn:aws:s3:::b/*',
  'Allow',
  'Deny',
  '${aws:username}',
  '111122223333',
  '2012-10-17',
  'true',
  '10.0.0.0/8',
  '',
);
const member = fc.constantFrom(
  'Version',
  'Id',
  'Statement',
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
  'AWS',
  'StringEquals',
  'Bool',
  'Null',
  'IpAddress',
  'ForAllValues:StringLike',
  'aws:SourceIp',
  '__proto__',
);
const { nonsense } = fc.letrec((tie) => ({
  nonsense: fc.oneof(
    { maxDepth: 5 },
    word,
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie('nonsense'), { maxLength: 3 }),
    fc.dictionary(member, tie('nonsense'), { maxKeys: 6 }),
  ),
}));
const nearly = fc.record(
  {
    Effect: fc.constantFrom('Allow', 'Deny'),
    Principal: fc.constantFrom<unknown>('*', { AWS: '111122223333' }),
    Action: fc.oneof(word, fc.array(word, { maxLength: 3 })),
    Resource: fc.oneof(word, fc.array(word, { maxLength: 3 })),
    Condition: fc.dictionary(member, fc.dictionary(member, nonsense, { maxKeys: 2 }), { maxKeys: 2 }),
  },
  { requiredKeys: ['Effect', 'Principal', 'Action', 'Resource'] },
);

test('nonsense is refused by the one failure, and what is not refused can be asked', () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        nonsense.map((value) => JSON.stringify(value)),
        nonsense.map((value) => JSON.stringify({ Version: '2012-10-17', Statement: value })),
        fc.array(nearly, { minLength: 1, maxLength: 3 }).map((Statement) => JSON.stringify({ Statement })),
      ),
      (text) => {
        if (messageOf(text) === undefined)
          assert(['allow', 'deny', 'delegate', 'none'].includes(verdict(text)));
      },
    ),
    { numRuns: 1000 },
  ));
