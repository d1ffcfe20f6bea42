import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SessionTokens, type SessionClaims } from '../../src/accounts/session-token.ts';
import type { Session } from '../../src/accounts/sessions.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { SECRETS_KEY_BYTES, SESSION_POLICY_CHARS_MAX, SESSION_TOKEN_CHARS_MAX } from '../../src/limits.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { TestClock } from '../namespace/world.ts';
import { openMemoryIdentities, root, type MemoryIdentities } from './memory-accounts.ts';

const alice = { name: 'alice', key: { accessKey: 'ALICE-KEY', secretKey: 'the secret of alice' } };
const trust =
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}';
const reading = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}';

interface Given extends MemoryIdentities {
  readonly clock: TestClock;
  readonly accountId: string;
}

async function withAlice(): Promise<Given> {
  const clock = new TestClock();
  const identities = await openMemoryIdentities(new MemoryEngine(), { clock });
  const { user } = await identities.accounts.create({ ...alice, uid: 1000, gid: 100 });
  return { ...identities, clock, accountId: user.account.id };
}

const ofAlice = (accountId: string, federatedName?: string): SessionClaims['subject'] => ({
  kind: 'user',
  accountId,
  parentKey: 'ALICE-KEY',
  federatedName,
});

const sessionOf = (found: Session | string): Session => {
  assert.notEqual(typeof found, 'string');
  return found as Session;
};

test('temporary keys of a user stand for the user, until they expire', async () => {
  const { sessions, clock, accountId } = await withAlice();
  const keys = sessions.issue({ subject: ofAlice(accountId), seconds: 900, policy: undefined });
  assert.match(keys.accessKey, /^ASIA[A-Z2-7]{16}$/);
  const session = sessionOf(sessions.find(keys.accessKey, keys.token));
  assert.equal(session.secretKey, keys.secretKey);
  assert.deepEqual(
    [session.account.id, session.uid, session.gid, session.isRoot],
    [accountId, 1000, 100, false],
  );
  assert.equal(session.identity.arn, `arn:aws:iam::${accountId}:user/alice`);
  assert.deepEqual([session.policies, session.sessionPolicies], [undefined, undefined]);
  clock.ms += 899_000;
  assert.equal(sessionOf(sessions.find(keys.accessKey, keys.token)).accessKey, keys.accessKey);
  clock.ms += 1_000;
  assert.equal(sessions.find(keys.accessKey, keys.token), 'expired-token');
});

test('a token is good with its own access key alone', async () => {
  const { sessions, accountId } = await withAlice();
  const wish = { subject: ofAlice(accountId), seconds: 900, policy: undefined };
  const [one, other] = [sessions.issue(wish), sessions.issue(wish)];
  assert.notEqual(one.token, other.token);
  for (const accessKey of [other.accessKey, 'ALICE-KEY', root.accessKey, ''])
    assert.equal(sessions.find(accessKey, one.token), 'invalid-token');
});

test('a federated user may do nothing but what its policy says', async () => {
  const { sessions, accountId } = await withAlice();
  const find = (policy: string | undefined): Session => {
    const keys = sessions.issue({ subject: ofAlice(accountId, 'carol'), seconds: 900, policy });
    return sessionOf(sessions.find(keys.accessKey, keys.token));
  };
  const arn = `arn:aws:sts::${accountId}:federated-user/carol`;
  assert.deepEqual(find(undefined).sessionPolicies, []);
  assert.deepEqual(find(undefined).identity, { arn, userId: `${accountId}:carol`, names: [arn] });
  assert.equal(find(reading).sessionPolicies?.length, 1);
});

test('temporary keys of a user end with the access key that asked for them, and with the user', async () => {
  const { sessions, accounts, accountId } = await withAlice();
  const keys = sessions.issue({ subject: ofAlice(accountId), seconds: 900, policy: undefined });
  await accounts.removeKey('alice', 'ALICE-KEY');
  assert.equal(sessions.find(keys.accessKey, keys.token), 'unknown-key');
  await accounts.addKey('alice', alice.key);
  assert.equal(typeof sessions.find(keys.accessKey, keys.token), 'object');
  await accounts.remove('alice');
  assert.equal(sessions.find(keys.accessKey, keys.token), 'unknown-key');
  await accounts.create(alice);
  assert.equal(sessions.find(keys.accessKey, keys.token), 'unknown-key', 'the same key of another account');
});

test('temporary keys of a role have its policies, its account and its owner’s ids', async () => {
  const { sessions, roles, accountId } = await withAlice();
  const role = await roles.create({ name: 'reader', user: 'alice', trust, policies: [reading] });
  const subject = { kind: 'role', name: 'reader', id: role.id, sessionName: 'night' } as const;
  const keys = sessions.issue({ subject, seconds: 900, policy: reading });
  const session = sessionOf(sessions.find(keys.accessKey, keys.token));
  const arn = `arn:aws:sts::${accountId}:assumed-role/reader/night`;
  assert.deepEqual(session.identity, { arn, userId: `${role.id}:night`, names: [arn, role.arn] });
  assert.deepEqual(
    [session.account.id, session.uid, session.gid, session.isRoot],
    [accountId, 1000, 100, false],
  );
  assert.deepEqual([session.policies?.length, session.sessionPolicies?.length], [1, 1]);
});

test('temporary keys of a role end with it, also when another has its name, and with the user of its account', async () => {
  const { sessions, roles, accounts } = await withAlice();
  const made = { name: 'reader', user: 'alice', trust, policies: [reading] };
  const issue = async (): Promise<() => Session | string> => {
    const { id } = await roles.create(made);
    const subject = { kind: 'role', name: 'reader', id, sessionName: 'night' } as const;
    const { accessKey, token } = sessions.issue({ subject, seconds: 900, policy: undefined });
    return () => sessions.find(accessKey, token);
  };
  const first = await issue();
  assert.equal(typeof first(), 'object');
  await roles.remove('reader');
  assert.equal(first(), 'unknown-key');
  const second = await issue();
  assert.equal(typeof second(), 'object');
  assert.equal(first(), 'unknown-key');
  await accounts.remove('alice');
  assert.equal(second(), 'unknown-key');
});

test('a token is good at the next start, and at no gateway with another key of secrets', async () => {
  const engine = new MemoryEngine();
  const clock = new TestClock();
  const open = (fill: number): Promise<MemoryIdentities> =>
    openMemoryIdentities(engine, { clock, secretsKey: new Uint8Array(SECRETS_KEY_BYTES).fill(fill) });
  const { sessions, accounts } = await open(7);
  const accountId = accounts.account(undefined).id;
  const subject = { kind: 'user', accountId, parentKey: root.accessKey, federatedName: undefined } as const;
  const { accessKey, token } = sessions.issue({ subject, seconds: 900, policy: undefined });
  assert.equal(sessionOf((await open(7)).sessions.find(accessKey, token)).isRoot, true);
  assert.equal((await open(8)).sessions.find(accessKey, token), 'invalid-token');
});

const tokens = new SessionTokens(new Uint8Array(SECRETS_KEY_BYTES).fill(3), seededRandom(1));

const plain = { noNullPrototype: true };

const claims: fc.Arbitrary<SessionClaims> = fc.record(
  {
    accessKey: fc.string(),
    secretKey: fc.string({ unit: 'grapheme' }),
    issuedAt: fc.nat(),
    expiresAt: fc.nat(),
    policy: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
    subject: fc.oneof(
      fc.record(
        {
          kind: fc.constant('user' as const),
          accountId: fc.string(),
          parentKey: fc.string(),
          federatedName: fc.option(fc.string(), { nil: undefined }),
        },
        plain,
      ),
      fc.record(
        {
          kind: fc.constant('role' as const),
          name: fc.string(),
          id: fc.string(),
          sessionName: fc.string(),
        },
        plain,
      ),
    ),
  },
  plain,
);

test('what was sealed is what is opened, and nothing of it can be read in the token', () =>
  fc.assert(
    fc.property(claims, (given) => {
      const secretKey = `secret-${given.secretKey}`;
      const token = tokens.seal({ ...given, secretKey });
      assert.deepEqual(tokens.open(token), { ...given, secretKey });
      assert(!Buffer.from(token, 'base64url').includes(secretKey));
    }),
    { numRuns: 300, seed: 1 },
  ));

test('a token with the longest policy, names and keys is short enough', () => {
  const text = 'x'.repeat(128);
  const subject = { kind: 'user', accountId: '1'.repeat(12), parentKey: text, federatedName: text } as const;
  const times = { issuedAt: 4e9, expiresAt: 4e9 };
  const policy = '\u00ff'.repeat(SESSION_POLICY_CHARS_MAX);
  const token = tokens.seal({ accessKey: text, secretKey: text, ...times, subject, policy });
  assert(token.length <= SESSION_TOKEN_CHARS_MAX, String(token.length));
});

test('whatever is not a token is none: text, changed tokens, other spellings of one', () => {
  const subject = { kind: 'role', name: 'r', id: 'AROA', sessionName: 's' } as const;
  const good = tokens.seal({
    accessKey: 'A',
    secretKey: 'S',
    issuedAt: 1,
    expiresAt: 2,
    subject,
    policy: undefined,
  });
  assert.notEqual(tokens.open(good), undefined);
  for (const other of [
    `${good}=`,
    `${good}A`,
    ` ${good}`,
    good.slice(1),
    good.slice(0, -1),
    '',
    'A'.repeat(1e5),
  ])
    assert.equal(tokens.open(other), undefined, other.slice(0, 20));
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), fc.constantFrom(...'AbZ09-_'), (at, character) => {
      const changed = good.slice(0, at) + character + good.slice(at + 1);
      assert.equal(tokens.open(changed) === undefined, changed !== good);
    }),
    { numRuns: 500, seed: 2 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.base64String(), (text, coded) => {
      assert.equal(tokens.open(text), undefined);
      assert.equal(tokens.open(coded), undefined);
    }),
    { numRuns: 500, seed: 3 },
  );
});
