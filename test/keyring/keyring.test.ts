import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realClock } from '../../src/environment-real.ts';
import type { Keyring } from '../../src/keyring/keyring.ts';
import { openKeyring } from '../../src/keyring/open-keyring.ts';
import type { ContentKey, EncryptionWish } from '../../src/keyring/encryption.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { mergeNamespace } from '../../src/namespace/merge.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { faultOf as codeOf } from '../namespace/fault-of.ts';
import { openTestKeyring } from './test-keyring.ts';

const cipher = referenceCipher();
const faultOf = (attempt: () => Promise<unknown>): Promise<string> => codeOf(attempt());
const environment = { clock: realClock(), random: seededRandom(1) };
const openKv = (engine: MemoryEngine): Kv =>
  openOptimistic(engine, { merge: mergeNamespace, stopped: (cause: unknown) => assert.fail(String(cause)) });
const open = async (engine = new MemoryEngine()): Promise<{ kv: Kv; keyring: Keyring }> => {
  const kv = openKv(engine);
  return { kv, keyring: await openTestKeyring({ kv, environment, cipher }) };
};
const kms = (key: string | undefined, context = ''): EncryptionWish => ({
  ...{ mode: 'aws:kms', key, context, bucketKey: false },
});
const secretOf = ({ secret }: ContentKey): Buffer => Buffer.from(secret ?? assert.fail('it has no secret'));
const sameSecret = (one: ContentKey, other: ContentKey): void =>
  assert.deepEqual(secretOf(one), secretOf(other));

test('a new store has the two keys that are always there, and the next start finds the same', async () => {
  const engine = new MemoryEngine();
  const { keyring } = await open(engine);
  assert.deepEqual(
    keyring
      .list()
      .map(({ purpose }) => purpose)
      .sort(),
    ['default', 's3'],
  );
  const made = keyring.make(kms(undefined));
  const again = await open(engine);
  assert.deepEqual(
    again.keyring.list().map(({ id }) => id),
    keyring
      .list()
      .map(({ id }) => id)
      .sort(),
  );
  sameSecret(again.keyring.open(made.encryption), made);
});

test('another secrets.key opens nothing and says what to bring back', async () => {
  const engine = new MemoryEngine();
  await open(engine);
  const options = { kv: openKv(engine), environment, cipher, expectsDataKeys: true };
  const opening = openKeyring({
    ...{ ...options, region: 'r', account: 'a', secretsKey: Buffer.alloc(32, 8) },
  });
  await assert.rejects(opening, /bring back the file secrets\.key/);
});

test('a key is found by id, ARN, alias and the ARN of its alias', async () => {
  const { keyring } = await open();
  const { id, arn } = await keyring.create('alias/blue');
  assert.match(arn, /^arn:aws:kms:us-east-1:0{12}:key\/[0-9a-f-]{36}$/);
  for (const name of [id, arn, 'alias/blue', arn.replace(`key/${id}`, 'alias/blue')]) {
    assert.equal(keyring.find(name).id, id, name);
    assert.equal(keyring.make(kms(name)).encryption.keyId, id, name);
  }
  for (const name of ['blue', 'alias/red', arn.replace('us-east-1', 'us-west-2'), '']) {
    assert.equal(await faultOf(async () => keyring.find(name)), 'not-found', name);
  }
  assert.equal(await faultOf(() => keyring.create('blue')), 'exists');
});

test('a content key opens only for its own mode, context and content', async () => {
  const { keyring } = await open();
  const made = keyring.make(kms(undefined, 'Y29udGV4dA=='));
  sameSecret(keyring.open(made.encryption), made);
  const other = keyring.make(kms(undefined)).encryption;
  for (const changed of [
    { context: '' },
    { mode: 'aws:kms:dsse' as const },
    { contentKeyId: other.contentKeyId },
    { sealed: other.sealed },
    { keyVersion: 2 },
  ]) {
    const damaged = { ...made.encryption, ...changed };
    assert.equal(await faultOf(async () => keyring.open(damaged)), 'corrupt');
  }
});

test('a customer’s content key opens with the customer’s key alone', async () => {
  const { keyring } = await open();
  const key = Buffer.alloc(32, 5);
  const made = keyring.make({ mode: 'customer', key });
  sameSecret(keyring.open(made.encryption, key), made);
  for (const wrong of [undefined, Buffer.alloc(32, 6), Buffer.alloc(16, 5)]) {
    assert.equal(await faultOf(async () => keyring.open(made.encryption, wrong)), 'access-denied');
  }
  const kept = Buffer.concat([made.encryption.contentKeyId, made.encryption.sealed]);
  assert.equal(kept.includes(key), false);
  assert.equal(kept.includes(secretOf(made)), false);
});

test('a disabled key does nothing until it is enabled; those that are always there stay', async () => {
  const { keyring } = await open();
  const { id } = await keyring.create(undefined);
  const made = keyring.make(kms(id));
  await keyring.setState(id, 'disabled');
  const uses: (() => unknown)[] = [
    () => keyring.make(kms(id)),
    () => keyring.open(made.encryption),
    () => keyring.rotate(id),
  ];
  for (const use of uses) assert.equal(await faultOf(async () => use()), 'not-permitted');
  await keyring.setState(id, 'enabled');
  sameSecret(keyring.open(made.encryption), made);
  assert.equal(await faultOf(() => keyring.setState('alias/aws/s3', 'disabled')), 'not-permitted');
  assert.equal(await faultOf(() => keyring.remove(id)), 'not-permitted');
});

test('what settles after a rotation is under the new version, with the same content key', async () => {
  const { keyring, kv } = await open();
  const { id } = await keyring.create(undefined);
  const made = keyring.make(kms(id));
  assert.equal((await keyring.rotate(id)).version, 2);
  const settled = await kv.transact('durable', (tx) => keyring.settle(tx, made.encryption));
  assert.equal(settled.keyVersion, 2);
  sameSecret(keyring.open(settled), made);
  sameSecret(keyring.open(made.encryption), made);
});

test('a commit that meets a change of its key runs again and sees it', async () => {
  const { keyring, kv } = await open();
  const { id } = await keyring.create(undefined);
  const { encryption } = keyring.make(kms(id));
  let runs = 0;
  const committed = kv.transact('durable', async (tx) => {
    runs += 1;
    const settled = await keyring.settle(tx, encryption);
    if (runs === 1) await keyring.setState(id, 'disabled');
    tx.put(Buffer.from('row'), settled.sealed);
  });
  assert.equal(await faultOf(() => committed), 'not-permitted');
  assert.equal(runs, 2);
});
