import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { realClock } from '../../src/environment-real.ts';
import type { Keyring } from '../../src/keyring/keyring.ts';
import { dataKeyKey, dataKeyRange, decodeDataKey } from '../../src/keyring/records.ts';
import type { Entry, Kv } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { mergeNamespace } from '../../src/namespace/merge.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { faultOf } from '../namespace/fault-of.ts';
import { turns } from '../tiering/hot/blob-bed.ts';
import { openTestKeyring } from './test-keyring.ts';

const cipher = referenceCipher();
const environment = { clock: realClock(), random: seededRandom(1) };

interface Opened {
  readonly kv: Kv;
  readonly keyring: Keyring;
}

async function open(engine = new MemoryEngine(), expectsDataKeys = false): Promise<Opened> {
  const kv = openOptimistic(engine, { merge: mergeNamespace });
  return { kv, keyring: await openTestKeyring({ kv, environment, cipher }, expectsDataKeys) };
}

const rotate = (keyring: Keyring): Promise<unknown> => keyring.rotate('alias/terrace/s3');

async function rows(kv: Kv): Promise<readonly Entry[]> {
  for await (const page of kv.scan(dataKeyRange(), { pageEntries: 100 })) return page;
  return [];
}

const secretsOf = ({ dataKeys }: Keyring): readonly string[] =>
  Array.from({ length: dataKeys.current().keyId }, (_, at) =>
    Buffer.from(dataKeys.secretOf(at + 1)).toString('hex'),
  );

test('the first start makes a data key, and the next one finds it', async () => {
  const engine = new MemoryEngine();
  const { keyring } = await open(engine);
  const again = await open(engine, true);
  assert.equal(again.keyring.dataKeys.current().keyId, 1);
  assert.deepEqual(secretsOf(again.keyring), secretsOf(keyring));
  assert.equal(keyring.dataKeys.current().secret.length, 32);
  assert.equal(await faultOf((async () => keyring.dataKeys.secretOf(2))()), 'corrupt');
  assert.equal(await faultOf((async () => keyring.dataKeys.secretOf(0))()), 'corrupt');
});

test('a rotation of the key of SSE-S3 adds a data key that seals from then on, and seals the old ones anew', async () => {
  const engine = new MemoryEngine();
  const { keyring, kv } = await open(engine);
  for (let count = 1; count <= 3; count += 1) {
    const before = secretsOf(keyring);
    await rotate(keyring);
    assert.equal(keyring.dataKeys.current().keyId, count + 1);
    assert.deepEqual(secretsOf(keyring).slice(0, -1), before);
    assert.equal(new Set(secretsOf(keyring)).size, count + 1);
    const versions = (await rows(kv)).map(({ value }) => decodeDataKey(value).keyVersion);
    assert.deepEqual(versions, Array(count + 1).fill(count + 1));
  }
  const again = await open(engine, true);
  assert.deepEqual(secretsOf(again.keyring), secretsOf(keyring));
});

test('data keys do not need the versions of the ring that a pass over all content lets go', async () => {
  const engine = new MemoryEngine();
  const { keyring } = await open(engine);
  await rotate(keyring);
  const goal = keyring.goal();
  assert.ok(goal !== undefined);
  await keyring.finish(goal, { examined: 0, matched: new Map() });
  assert.deepEqual(keyring.find('alias/terrace/s3').oldVersions, []);
  const again = await open(engine, true);
  assert.deepEqual(secretsOf(again.keyring), secretsOf(keyring));
});

test('other keys of the ring rotate without them', async () => {
  const { keyring } = await open();
  await keyring.rotate('alias/aws/s3');
  await keyring.rotate((await keyring.create('named')).id);
  assert.equal(keyring.dataKeys.current().keyId, 1);
});

test('rotations at once add one data key each', async () => {
  const engine = new MemoryEngine();
  const { keyring } = await open(engine);
  await Promise.all([1, 2, 3, 4].map(() => rotate(keyring)));
  assert.equal(keyring.dataKeys.current().keyId, 5);
  const again = await open(engine, true);
  assert.deepEqual(secretsOf(again.keyring), secretsOf(keyring));
});

test('no secret is in the store', async () => {
  const { keyring, kv } = await open();
  await rotate(keyring);
  const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
  for await (const page of kv.scan(everything, { pageEntries: 100 })) {
    for (const secret of secretsOf(keyring)) {
      for (const { value } of page) assert.equal(Buffer.from(value).includes(secret, 'hex'), false);
    }
  }
});

const lost: readonly { readonly name: string; readonly ids: readonly number[]; readonly says: RegExp }[] = [
  { name: 'the first', ids: [1], says: /^Data key 1 .*is missing/ },
  { name: 'one in the middle', ids: [2], says: /^Data key 2 .*is missing/ },
  { name: 'the last', ids: [3], says: /^Data key 3 of 3 is missing/ },
  { name: 'the last two', ids: [2, 3], says: /^Data key 2 of 3 is missing/ },
  { name: 'all', ids: [1, 2, 3], says: /^Data key 1 is missing/ },
];
for (const { name, ids, says } of lost) {
  test(`a store that has lost ${name} of its data keys does not open and says what to do`, async () => {
    const engine = new MemoryEngine();
    const { keyring, kv } = await open(engine);
    await rotate(keyring);
    await rotate(keyring);
    await kv.transact('durable', async (tx) => {
      for (const id of ids) tx.delete(dataKeyKey(id));
    });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const opening = open(engine, true);
      await assert.rejects(opening, { code: 'corrupt', subject: 'store' });
      await assert.rejects(opening, ({ detail }: { detail: string }) => says.test(detail));
      await assert.rejects(opening, /Bring back the whole data directory/);
    }
  });
}

test('a changed, cut or misplaced row is an error at start that says what to do', async () => {
  const engine = new MemoryEngine();
  const { keyring, kv } = await open(engine);
  await rotate(keyring);
  const [first, second] = await rows(kv);
  assert.ok(first !== undefined && second !== undefined);
  const changes = [
    ...Array.from(first.value, (byte, at) => Uint8Array.from(first.value).fill(byte ^ 0x40, at, at + 1)),
    ...Array.from(first.value, (_, length) => first.value.slice(0, length)),
    second.value,
  ];
  for (const value of changes) {
    await kv.transact('buffered', async (tx) => tx.put(first.key, value));
    await assert.rejects(open(engine, true), /Data key \d.*Bring back the whole data directory/);
  }
  await kv.transact('buffered', async (tx) => tx.put(first.key, first.value));
  assert.deepEqual(secretsOf((await open(engine, true)).keyring), secretsOf(keyring));
});

test('what a first start left behind and older programs made useless gives way to a new data key', async () => {
  const engine = new MemoryEngine();
  const { keyring, kv } = await open(engine);
  await rotate(keyring);
  const before = secretsOf(keyring);
  assert.deepEqual(secretsOf((await open(engine)).keyring), before, 'what opens stays');
  const [first] = await rows(kv);
  assert.ok(first !== undefined);
  await kv.transact('durable', async (tx) => tx.put(first.key, first.value.slice(0, -1)));
  const anew = await open(engine);
  assert.equal(anew.keyring.dataKeys.current().keyId, 1);
  assert.equal(before.includes(secretsOf(anew.keyring)[0] ?? ''), false);
  assert.deepEqual(secretsOf((await open(engine, true)).keyring), secretsOf(anew.keyring));
});

test('a crash in a rotation leaves all data keys as they were, or all of them with the new one', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.nat(60), async (seed, crashAfterTurns) => {
      const random = seededRandom(seed);
      const engine = new MemoryEngine({ delay: () => turns(random.below(3)) });
      const { keyring } = await open(engine);
      await rotate(keyring);
      const before = secretsOf(keyring);
      let isDone = false;
      const rotation = rotate(keyring).then(
        () => (isDone = true),
        () => undefined,
      );
      await turns(crashAfterTurns);
      const wasDone = isDone;
      const crashed = engine.crash(random);
      await rotation;
      const after = secretsOf((await open(crashed, true)).keyring);
      assert.deepEqual(after.slice(0, before.length), before);
      assert.ok(after.length === before.length + 1 || (!wasDone && after.length === before.length));
    }),
    { numRuns: 100 },
  ));
