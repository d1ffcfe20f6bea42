import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRole, encodeRole } from '../../src/accounts/role-records.ts';
import type { Roles } from '../../src/accounts/roles.ts';
import { Fault } from '../../src/fault.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { ROLE_POLICIES_MAX, ROLE_POLICY_CHARS_MAX, ROLE_TRUST_CHARS_MAX } from '../../src/limits.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { openMemoryIdentities } from './memory-accounts.ts';

const trust =
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}';
const policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}';
const dora = { name: 'dora', accessKey: 'DORA-KEY', secretKey: 'the secret of dora', uid: 7, gid: 8 };

/** Code and subject of the fault that a call ends with; 'done' when it ends without. */
const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (failure: unknown) => {
      assert(failure instanceof Fault, String(failure));
      return `${failure.code} ${failure.subject}`;
    },
  );

const namesOf = (roles: Roles): readonly string[] => roles.list().map(({ name }) => name);

test('a role is found with its policies, survives a restart and ends when it is deleted', async () => {
  const engine = new MemoryEngine();
  const { roles, accounts } = await openMemoryIdentities(engine, { declared: [dora] });
  const made = await roles.create({ name: 'reader', user: 'dora', trust, policies: [policy] });
  assert.match(made.id, /^AROA[A-Z2-7]{16}$/);
  assert.equal(made.arn, `arn:aws:iam::${accounts.accountNamed('dora')?.id}:role/reader`);
  await roles.create({ name: 'idle', user: 'root', trust, policies: [] });
  assert.deepEqual(namesOf(roles), ['idle', 'reader']);
  const survivor = engine.crash(seededRandom(3));
  const { roles: later } = await openMemoryIdentities(survivor, { declared: [dora] });
  assert.deepEqual(later.find('reader'), roles.find('reader'));
  assert.equal(later.find('reader')?.allowing.length, 1);
  assert.equal(later.find('idle')?.account.id, '000000000000');
  await later.remove('reader');
  assert.equal(later.find('reader'), undefined);
  const again = survivor.crash(seededRandom(4));
  assert.deepEqual(namesOf((await openMemoryIdentities(again, { declared: [dora] })).roles), ['idle']);
});

test('a role of the config has the same id at each start, another one for another user, and goes with the config', async () => {
  const engine = new MemoryEngine();
  const role = { name: 'reader', user: 'dora', trust, policies: [policy] };
  const idWith = async (user: string): Promise<string | undefined> => {
    const declaredRoles = [{ ...role, user }];
    const { roles } = await openMemoryIdentities(engine, { declared: [dora], declaredRoles });
    assert.equal(await outcome(roles.remove('reader')), 'not-permitted role');
    assert.equal(await outcome(roles.create(role)), 'exists role');
    return roles.find('reader')?.id;
  };
  const id = await idWith('dora');
  assert.match(id ?? '', /^AROA[0-9A-F]{16}$/);
  assert.equal(await idWith('dora'), id);
  assert.notEqual(await idWith('root'), id);
  const { roles } = await openMemoryIdentities(engine, { declared: [dora] });
  assert.deepEqual(roles.list(), []);
  await roles.create(role);
  assert.equal(
    await outcome(openMemoryIdentities(engine, { declared: [dora], declaredRoles: [role] })),
    'exists role',
  );
});

test('two roles of one name that are made at once are one', async () => {
  const { roles } = await openMemoryIdentities(new MemoryEngine());
  const wish = { name: 'reader', user: 'root', trust, policies: [] };
  const outcomes = await Promise.all([outcome(roles.create(wish)), outcome(roles.create(wish))]);
  assert.deepEqual(outcomes.sort(), ['done', 'exists role']);
});

const refused = [
  { name: 'a user that is not there', change: { user: 'nobody' }, want: 'not-found user' },
  { name: 'no JSON as trust', change: { trust: 'trust me' }, want: 'invalid-argument policy' },
  { name: 'a trust without a principal', change: { trust: policy }, want: 'invalid-argument policy' },
  {
    name: 'a trust about a resource',
    change: { trust: trust.replace('"Action"', '"Resource":"*","Action"') },
    want: 'invalid-argument policy',
  },
  { name: 'a policy with a principal', change: { policies: [trust] }, want: 'invalid-argument policy' },
  {
    name: 'a trust that is too long',
    change: { trust: trust.padEnd(ROLE_TRUST_CHARS_MAX + 1) },
    want: 'invalid-argument policy',
  },
  {
    name: 'policies that are too long together',
    change: { policies: [policy, policy.padEnd(ROLE_POLICY_CHARS_MAX - policy.length + 1)] },
    want: 'invalid-argument policy',
  },
  {
    name: 'too many policies',
    change: { policies: Array.from({ length: ROLE_POLICIES_MAX + 1 }, () => policy) },
    want: 'invalid-argument policy',
  },
] as const;
for (const { name, change, want } of refused) {
  test(`a role with ${name} is refused`, async () => {
    const { roles } = await openMemoryIdentities(new MemoryEngine());
    const wish = { name: 'reader', user: 'root', trust, policies: [policy], ...change };
    assert.equal(await outcome(roles.create(wish)), want);
    assert.deepEqual(roles.list(), []);
  });
}

test('a role that is not there cannot be deleted', async () => {
  const { roles } = await openMemoryIdentities(new MemoryEngine());
  assert.equal(await outcome(roles.remove('nobody')), 'not-found role');
});

const plain = { noNullPrototype: true };

test('any role record is read as it was written', () =>
  fc.assert(
    fc.property(
      fc.record(
        {
          id: fc.string(),
          accountId: fc.string(),
          trust: fc.string({ unit: 'grapheme' }),
          policies: fc.array(fc.string({ unit: 'grapheme' })),
          createdAt: fc.record({ seconds: fc.nat(), nanoseconds: fc.nat({ max: 999_999_999 }) }, plain),
        },
        plain,
      ),
      (row) => assert.deepEqual(decodeRole(encodeRole(row)), row),
    ),
    { numRuns: 200, seed: 1 },
  ));
