import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coldStoreAttached } from '../../../src/tiering/cold/ownership.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { packedSegment, segmentId } from '../packed-segments.ts';
import { coldSettingsOfTests, coldWorld, idsOf } from './cold-world.ts';

const { place } = coldSettingsOfTests;
const name = 's3://cold/one at http://127.0.0.1:9';

test('a store that ignores conditions is refused with one sentence, and nothing of the test is left there', async () => {
  const world = coldWorld(1, { ignores: 'conditions' });
  const opening = world.simulation.run(world.open());
  await assert.rejects(opening, {
    code: 'not-supported',
    detail: `The cold store ${name} ignores conditions of uploads (If-None-Match): use another one.`,
  });
  assert.deepEqual(world.bucket.keys(), ['one/terrace.json']);
});

test('a store that ignores conditions of uploads in parts is refused where objects shall lie under their own keys', async () => {
  const world = coldWorld(1, { ignores: 'conditions of parts' });
  await assert.rejects(world.simulation.run(world.open({ layout: 'native' })), {
    code: 'not-supported',
    detail: `The cold store ${name} ignores conditions of uploads in parts (If-None-Match), which cold.layout native needs: use another one.`,
  });
  assert.deepEqual(world.bucket.keys(), ['one/terrace.json']);
});

test('a store seals only if it says so of uploads in parts as well', async () => {
  for (const ignores of ['sealing', 'sealing of parts', undefined] as const) {
    const world = coldWorld(1, ignores && { ignores });
    const opened = await world.simulation.run(world.open({ layout: 'native' }));
    assert.equal(opened?.value.seals(), ignores === undefined);
    assert.equal(world.bucket.begun(), 0);
  }
});

test('a store that ignores checksums is used, and the operator told', async () => {
  const world = coldWorld(1, { ignores: 'checksums' });
  const opened = await world.simulation.run(world.open());
  const alerts = opened?.value.alerts() ?? [];
  assert.deepEqual(
    alerts.map(({ severity }) => severity),
    ['degraded'],
  );
  assert.match(alerts[0]?.text ?? '', /takes uploads whose checksum is wrong/);
});

test('a store that gives back something else is refused', async () => {
  const world = coldWorld();
  world.bucket.failWhen((operation, key) =>
    operation === 'get' && key.includes('probe') ? 'corrupt-answer' : undefined,
  );
  await assert.rejects(world.simulation.run(world.open()), /does not give back what it was given/);
});

test('a store that was never attached must answer at the start', async () => {
  const world = coldWorld();
  world.bucket.failWhen(() => 'gone');
  await assert.rejects(world.simulation.run(world.open()), { code: 'unavailable', subject: 'store' });
  assert.equal(await coldStoreAttached(world.kv), undefined);
});

test('one that was attached before may be out of reach at the start, and is used as soon as it is back', async () => {
  const world = coldWorld();
  await world.simulation.run(
    (async () => {
      const first = await world.open();
      await first.store.put(segmentId(1), await packedSegment(1));
      assert.equal(await coldStoreAttached(world.kv), name);
      world.bucket.failWhen(() => 'gone');
      const second = await world.open();
      assert.match(second.alerts()[0]?.text ?? '', /ECONNREFUSED/);
      await assert.rejects(second.store.read(segmentId(1), 0, 4), { code: 'unavailable' });
      await assert.rejects(second.store.read(segmentId(1), 0, 4), { code: 'unavailable' });
      assert.match(second.alerts()[0]?.text ?? '', /is out of reach since 20\d\d-.*ECONNREFUSED/);
      world.bucket.failWhen(undefined);
      await world.simulation.after(60_000, 'the pause of the breaker');
      assert.equal((await second.store.read(segmentId(1), 0, 4)).length, 4);
      assert.deepEqual(second.alerts(), []);
    })(),
  );
});

test('a store that comes back while nobody uses it is found by the background, and costs nothing while it is there', async () => {
  const world = coldWorld();
  await world.simulation.run(
    (async () => {
      await world.open();
      world.bucket.failWhen(() => 'gone');
      const { step, alerts } = await world.open();
      const background = async (seconds: number): Promise<void> => {
        for (let second = 1; second <= seconds; second += 1) {
          await step();
          await world.simulation.after(1_000, 'a second');
        }
      };
      await background(300);
      assert.match(alerts()[0]?.text ?? '', /is out of reach since/);
      world.bucket.failWhen(undefined);
      await background(60);
      assert.deepEqual(alerts(), []);
      world.bucket.failWhen(() => assert.fail('nothing is sent'));
      await background(5);
    })(),
  );
});

test('a prefix of another Terrace is left alone', async () => {
  const world = coldWorld();
  const other = coldWorld(2);
  await world.simulation.run(world.open());
  const marker = world.bucket.lying('one/terrace.json');
  const { signal } = new AbortController();
  const { crc64nvme = marker } = referenceCompute().digest(['crc64nvme'], [marker]);
  await other.bucket.put(
    'one/terrace.json',
    { bytes: marker, crc64nvme, condition: { kind: 'absent' } },
    signal,
  );
  await assert.rejects(
    other.simulation.run(other.open()),
    /belongs to another Terrace \(one\/terrace\.json says [0-9a-f]{32}\)/,
  );
  assert.deepEqual(other.bucket.keys(), ['one/terrace.json']);
});

test('an empty place is not taken for the one where the content is', async () => {
  const world = coldWorld();
  await world.simulation.run(world.open());
  const opening = world.simulation.run(world.open({ place: { ...place, prefix: 'two' } }));
  await assert.rejects(opening, (failure: { detail: string }) => {
    assert.match(failure.detail, /has nothing of this Terrace .* describes content in s3:\/\/cold\/one at/);
    return true;
  });
  assert.deepEqual(world.bucket.keys(), ['one/terrace.json']);
});

test('a lost answer while the prefix is claimed makes it nobody else’s', async () => {
  const world = coldWorld();
  let losses = 1;
  world.bucket.failWhen((operation) => (operation === 'put' && losses-- > 0 ? 'lost-answer' : undefined));
  await assert.rejects(world.simulation.run(world.open()), { code: 'unavailable' });
  const opened = await world.simulation.run(world.open());
  assert.deepEqual(await idsOf(opened?.value.store ?? assert.fail()), []);
});
