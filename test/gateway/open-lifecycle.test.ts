import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Environment } from '../../src/environment.ts';
import { startLifecycle } from '../../src/gateway/open-lifecycle.ts';
import { Metrics } from '../../src/metrics.ts';
import { Scheduler } from '../../src/scheduler.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { bytes, listed, openWorld, put, s3, silent } from '../namespace/world.ts';
import { documentOf } from '../lifecycle/ageing.ts';

const TURNS_MAX = 10_000;

test('rules that change are carried out, counted and shown', async (context) => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const clock: Environment['clock'] = {
    wall: () => world.clock.wall(),
    monotonic: () => world.clock.monotonic(),
    sleep: () => turn(),
  };
  const environment = { clock, random: seededRandom(1), log: silent };
  const scheduler = new Scheduler(environment);
  context.after(() => scheduler.close());
  const metrics = new Metrics();
  const lifecycle = startLifecycle(
    { lifecycle: { secondsPerDay: 10 } },
    { objects, environment, metrics, scheduler },
  );
  const passed = async (count: number): Promise<void> => {
    for (let turns = 0; lifecycle.status().passes < count; turns += 1) {
      assert(turns < TURNS_MAX, 'no pass');
      await turn();
    }
  };
  await passed(1);
  const bucket = await objects.createBucket(s3, 'bucket');
  await put(world, bucket, 'k', 'x');
  world.clock.ms += 9_500;
  await passed(2);
  const document = documentOf([{ Expiration: { Date: '2020-01-01' } }]);
  await objects.putBucketConfiguration(bucket, 'lifecycle', document);
  lifecycle.hook.changed();
  world.clock.ms += 1_000;
  await passed(3);
  assert.deepEqual(await listed(world, bucket), []);
  assert.equal(lifecycle.status().counts.expired, 1);
  assert.equal(lifecycle.status().secondsPerDay, 10);
  const { body } = await metrics.text();
  assert.match(body, /^terrace_lifecycle_actions_total\{outcome="expired"\} 1$/m);
  assert.deepEqual(
    scheduler.states().map(({ name, isHealthy }) => [name, isHealthy]),
    [['lifecycle', true]],
  );
  assert.equal(await objects.head({ bucket: bucket.ino, key: bytes('k') }), undefined);
});
