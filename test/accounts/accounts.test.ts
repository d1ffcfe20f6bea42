import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Accounts } from '../../src/accounts/accounts.ts';
import { decodeUser, encodeUser } from '../../src/accounts/records.ts';
import { SecretBox } from '../../src/accounts/secret-box.ts';
import { Fault } from '../../src/fault.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { KEYS_PER_USER_MAX, POLICIES_PER_USER_MAX, SECRETS_KEY_BYTES } from '../../src/limits.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { openMemoryAccounts, root } from './memory-accounts.ts';

const pair = { accessKey: 'ALICE-KEY', secretKey: 'the secret of alice' };
const declared = { name: 'dora', accessKey: 'DORA-KEY', secretKey: 'the secret of dora', uid: 7, gid: 8 };

/** Code and subject of the fault that a call ends with; 'done' when it ends without. */
const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (failure: unknown) => {
      assert(failure instanceof Fault, String(failure));
      return `${failure.code} ${failure.subject}`;
    },
  );

const namesOf = (accounts: Accounts): readonly string[] => accounts.list().map(({ name }) => name);

test('a user is found by its key, with an account of its own', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine());
  const { user, key } = await accounts.create({ name: 'alice', key: pair, uid: 1000, gid: 100 });
  assert.deepEqual(key, pair);
  assert.match(user.account.id, /^\d{12}$/);
  assert.match(user.account.canonicalId, /^[0-9a-f]{64}$/);
  const found = accounts.find('ALICE-KEY');
  assert.deepEqual(found, {
    ...pair,
    account: user.account,
    uid: 1000,
    gid: 100,
    isRoot: false,
    policies: undefined,
  });
  assert.equal(accounts.find('ALICE-KEY'), found);
  assert.deepEqual(accounts.account(user.account.id), user.account);
  const other = await accounts.create({ name: 'bob' });
  assert.notEqual(other.user.account.id, user.account.id);
  assert.notEqual(other.user.account.canonicalId, user.account.canonicalId);
});

test('root is found by its key, owns what has no owner, and is not in the list', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine());
  assert.equal(accounts.find('ROOT-KEY')?.isRoot, true);
  assert.equal(accounts.account(undefined).id, '000000000000');
  assert.deepEqual(accounts.account('000000000000'), accounts.account(undefined));
  assert.deepEqual(accounts.list(), []);
  assert.equal(accounts.find('NO-KEY'), undefined);
});

test('a user id leads to the one account that makes files with it', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine(), { root: { ...root, uid: 5 } });
  const { user } = await accounts.create({ name: 'alice', uid: 1000 });
  await accounts.create({ name: 'bob' });
  assert.equal(accounts.accountOfUid(1000)?.id, user.account.id);
  assert.equal(accounts.accountOfUid(5)?.displayName, 'root', 'which bob shares');
  assert.equal(accounts.accountOfUid(1001), undefined);
  await accounts.create({ name: 'carol', uid: 1000 });
  assert.equal(accounts.accountOfUid(1000), undefined, 'two have it');
  await accounts.remove('alice');
  assert.equal(accounts.accountOfUid(1000)?.displayName, 'carol');
});

test('keys made at random are as long as those of AWS, and ids default to those of root', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine(), { root: { ...root, uid: 5, gid: 6 } });
  const { user, key } = await accounts.create({ name: 'alice' });
  assert.match(key.accessKey, /^TRCE[A-Z2-7]{16}$/);
  assert.match(key.secretKey, /^[A-Za-z0-9]{40}$/);
  assert.deepEqual([user.uid, user.gid], [5, 6]);
});

test('what was acknowledged survives a crash, secrets included, and none of them is readable in the store', async () => {
  const engine = new MemoryEngine();
  const before = await openMemoryAccounts(engine);
  const { user } = await before.create({ name: 'alice', key: pair });
  const more = await before.addKey('alice', undefined);
  await before.create({ name: 'gone' });
  await before.remove('gone');
  const survivor = engine.crash(seededRandom(3));
  const stored: string[] = [];
  const everything = { start: new Uint8Array([0]), end: new Uint8Array([255]) };
  const { entries } = await survivor.page(everything, { reverse: false, entriesMax: 100, bytesMax: 1 << 20 });
  for (const { key, value } of entries) stored.push(Buffer.concat([key, value]).toString('latin1'));
  assert(stored.length > 0 && !stored.join('').includes(pair.secretKey));
  const after = await openMemoryAccounts(survivor, { seed: 2 });
  assert.deepEqual(namesOf(after), ['alice']);
  assert.deepEqual(after.list()[0]?.account, user.account);
  assert.equal(after.find('ALICE-KEY')?.secretKey, pair.secretKey);
  assert.equal(after.find(more.accessKey)?.secretKey, more.secretKey);
  await assert.rejects(
    openMemoryAccounts(survivor.crash(seededRandom(4)), { secretsKey: new Uint8Array(SECRETS_KEY_BYTES) }),
    /ALICE-KEY cannot be opened/,
  );
});

test('a key or user that is gone signs nothing from then on, and its names are free', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine());
  const first = await accounts.create({ name: 'alice', key: pair });
  const more = await accounts.addKey('alice', undefined);
  await accounts.removeKey('alice', 'ALICE-KEY');
  assert.equal(accounts.find('ALICE-KEY'), undefined);
  assert.equal(accounts.find(more.accessKey)?.account.id, first.user.account.id);
  await accounts.remove('alice');
  assert.equal(accounts.find(more.accessKey), undefined);
  const again = await accounts.create({ name: 'alice', key: pair });
  assert.notEqual(again.user.account.id, first.user.account.id);
  assert.equal(accounts.account(first.user.account.id).canonicalId, first.user.account.canonicalId);
});

const refused: readonly { name: string; call: (accounts: Accounts) => Promise<unknown>; want: string }[] = [
  { name: 'a name twice', call: (it) => it.create({ name: 'alice' }), want: 'exists user' },
  { name: 'the name root', call: (it) => it.create({ name: 'root' }), want: 'exists user' },
  {
    name: 'an access key of another',
    call: (it) => it.create({ name: 'bob', key: pair }),
    want: 'exists access-key',
  },
  {
    name: 'the access key of root',
    call: (it) => it.addKey('alice', { ...pair, accessKey: 'ROOT-KEY' }),
    want: 'exists access-key',
  },
  {
    name: 'an access key of the config',
    call: (it) => it.addKey('alice', { ...pair, accessKey: 'DORA-KEY' }),
    want: 'exists access-key',
  },
  { name: 'a key for nobody', call: (it) => it.addKey('nobody', undefined), want: 'not-found user' },
  { name: 'the end of nobody', call: (it) => it.remove('nobody'), want: 'not-found user' },
  { name: 'the end of no key', call: (it) => it.removeKey('alice', 'X'), want: 'not-found access-key' },
  {
    name: 'the end of another’s key',
    call: (it) => it.removeKey('dora', 'ALICE-KEY'),
    want: 'not-found access-key',
  },
  { name: 'the end of a user of the config', call: (it) => it.remove('dora'), want: 'not-permitted user' },
  {
    name: 'the end of a key of the config',
    call: (it) => it.removeKey('dora', 'DORA-KEY'),
    want: 'not-permitted user',
  },
];
for (const { name, call, want } of refused) {
  test(`refused, and nothing changes: ${name}`, async () => {
    const accounts = await openMemoryAccounts(new MemoryEngine(), { declared: [declared] });
    await accounts.create({ name: 'alice', key: pair });
    const before = accounts.list();
    assert.equal(await outcome(call(accounts)), want);
    assert.deepEqual(accounts.list(), before);
  });
}

test('of two users with one name or one key made at the same time exactly one is there', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine());
  const names = await Promise.all([1, 2].map(() => outcome(accounts.create({ name: 'alice' }))));
  assert.deepEqual(names.sort(), ['done', 'exists user']);
  const keys = ['bob', 'carol'].map((name) => outcome(accounts.create({ name, key: pair })));
  assert.deepEqual((await Promise.all(keys)).sort(), ['done', 'exists access-key']);
  assert.equal(accounts.list().length, 2);
});

test('a user has a bounded number of keys', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine());
  await accounts.create({ name: 'alice' });
  for (let count = 1; count < KEYS_PER_USER_MAX; count += 1) await accounts.addKey('alice', undefined);
  assert.equal(await outcome(accounts.addKey('alice', undefined)), 'quota-exceeded access-key');
});

test('a user of the config keeps its account over starts, and without the config only loses that key', async () => {
  const engine = new MemoryEngine();
  const first = await openMemoryAccounts(engine, { declared: [declared] });
  const { account } = first.find('DORA-KEY') ?? assert.fail();
  const own = await first.addKey('dora', undefined);
  const moved = { ...declared, secretKey: 'another secret', uid: 70 };
  const second = await openMemoryAccounts(engine, { declared: [moved], seed: 2 });
  assert.deepEqual(second.find('DORA-KEY'), {
    accessKey: 'DORA-KEY',
    secretKey: 'another secret',
    account,
    uid: 70,
    gid: 8,
    isRoot: false,
    policies: undefined,
  });
  const third = await openMemoryAccounts(engine, { seed: 3 });
  assert.equal(third.find('DORA-KEY'), undefined);
  assert.deepEqual(third.find(own.accessKey)?.account, account);
  await third.remove('dora');
  assert.deepEqual(third.list(), []);
});

for (const [name, taken] of [
  ['a stored key', 'ALICE-KEY'],
  ['the key of root', 'ROOT-KEY'],
] as const) {
  test(`a user of the config with ${name} keeps the gateway from starting, and leaves no trace`, async () => {
    const engine = new MemoryEngine();
    await (await openMemoryAccounts(engine)).create({ name: 'alice', key: pair });
    const wrong = { ...declared, accessKey: taken };
    await assert.rejects(openMemoryAccounts(engine, { declared: [wrong], seed: 2 }), /also another's/);
    assert.deepEqual(namesOf(await openMemoryAccounts(engine, { seed: 3 })), ['alice']);
  });
}

const plain = { noNullPrototype: true };
const time = fc.record({ seconds: fc.integer(), nanoseconds: fc.nat(999_999_999) }, plain);

test('what was written of a user is read as that user', () =>
  fc.assert(
    fc.property(
      fc.record(
        {
          accountId: fc.stringMatching(/^\d{12}$/),
          uid: fc.nat(2 ** 31 - 1),
          gid: fc.nat(2 ** 31 - 1),
          createdAt: time,
          keys: fc.array(
            fc.record(
              {
                accessKey: fc.string(),
                sealed: fc.uint8Array({ maxLength: 200 }),
                createdAt: time,
              },
              plain,
            ),
            { maxLength: KEYS_PER_USER_MAX },
          ),
          policies: fc.array(fc.record({ name: fc.string(), text: fc.string() }, plain), { maxLength: 3 }),
        },
        plain,
      ),
      (row) => assert.deepEqual(decodeUser(encodeUser(row)), row),
    ),
  ));

const allow = (...actions: string[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action: actions, Resource: '*' } });

test('policies of a user are kept, replaced and deleted, and its key knows them at once', async () => {
  const engine = new MemoryEngine();
  const accounts = await openMemoryAccounts(engine);
  await accounts.create({ name: 'alice', key: pair });
  const known = (it: Accounts): readonly (string | undefined)[] | undefined =>
    it.find('ALICE-KEY')?.policies?.map(({ statements }) => statements[0]?.actions.patterns[0]?.text);
  assert.equal(known(accounts), undefined);
  await accounts.putPolicy('alice', { name: 'read', text: allow('s3:Get*') });
  await accounts.putPolicy('alice', { name: 'write', text: allow('s3:Put*') });
  await accounts.putPolicy('alice', { name: 'read', text: allow('s3:List*') });
  assert.deepEqual(known(accounts), ['s3:put*', 's3:list*']);
  const survivor = await openMemoryAccounts(engine.crash(seededRandom(5)), { seed: 2 });
  assert.deepEqual(known(survivor), ['s3:put*', 's3:list*']);
  assert.deepEqual(
    survivor.list()[0]?.policies.map(({ name, isDeclared }) => [name, isDeclared]),
    [
      ['write', false],
      ['read', false],
    ],
  );
  await survivor.removePolicy('alice', 'write');
  await survivor.removePolicy('alice', 'read');
  assert.equal(known(survivor), undefined);
});

test('policies of the config count too, and stay as they are', async () => {
  const policies = [allow('s3:Get*')];
  const accounts = await openMemoryAccounts(new MemoryEngine(), { declared: [{ ...declared, policies }] });
  await accounts.putPolicy('dora', { name: 'more', text: allow('s3:Put*') });
  assert.equal(accounts.find('DORA-KEY')?.policies?.length, 2);
  const change = { name: 'config-1', text: allow('*') };
  assert.equal(await outcome(accounts.putPolicy('dora', change)), 'not-permitted policy');
  assert.equal(await outcome(accounts.removePolicy('dora', 'config-1')), 'not-permitted policy');
  await assert.rejects(
    openMemoryAccounts(new MemoryEngine(), { declared: [{ ...declared, policies: ['{}'] }] }),
    /^Fault: policy: invalid-argument: The policy config-1 of the user dora is refused: Missing required field Statement$/,
  );
});

test('what is no policy for a user is refused', async () => {
  const accounts = await openMemoryAccounts(new MemoryEngine());
  await accounts.create({ name: 'alice', key: pair });
  const put = (name: string, text: string): Promise<string> =>
    outcome(accounts.putPolicy('alice', { name, text }));
  assert.equal(await put('p', '{'), 'invalid-argument policy');
  assert.equal(await put('p', allow('s3')), 'invalid-argument policy');
  assert.equal(
    await put('p', allow('*').replace('"Resource":"*"', '"Resource":"bucket"')),
    'invalid-argument policy',
  );
  assert.equal(await outcome(accounts.putPolicy('bob', { name: 'p', text: allow('*') })), 'not-found user');
  assert.equal(await outcome(accounts.removePolicy('alice', 'p')), 'not-found policy');
  for (let count = 0; count < POLICIES_PER_USER_MAX; count += 1)
    assert.equal(await put(`p${count}`, allow('*')), 'done');
  assert.equal(await put('one-more', allow('*')), 'quota-exceeded policy');
  assert.equal(await put('p0', allow('s3:*')), 'done');
});

test('a sealed secret opens for its access key and key alone, and is never sealed the same twice', () => {
  const box = new SecretBox(new Uint8Array(SECRETS_KEY_BYTES), seededRandom(1));
  const sealed = box.seal('A', 'secret ü');
  assert.equal(box.open('A', sealed), 'secret ü');
  assert.notDeepEqual(box.seal('A', 'secret ü'), sealed);
  assert.throws(() => box.open('B', sealed), Fault);
  for (let index = 0; index < sealed.length; index += 1) {
    const changed = Buffer.from(sealed);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.throws(() => box.open('A', changed), Fault);
  }
});
