import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Time } from '../../src/environment.ts';
import { dayAfter } from '../../src/lifecycle/calendar.ts';
import { LifecycleJob, type LifecycleJobParts } from '../../src/lifecycle/job.ts';
import { RuleBook } from '../../src/lifecycle/rule-book.ts';
import type { Bucket } from '../../src/namespace/namespace.ts';
import { bytes, put, s3, silent, type Stack } from '../namespace/world.ts';
import { underSchedules, type Simulation } from '../simulation/simulation.ts';
import { documentOf } from './ageing.ts';

const SCHEDULES = 6;
const KEYS = ['a', 'b/1', 'b/2'];
const ROUNDS = 3;
const DAYS = 1;
const SECONDS_PER_DAY = 1;
/** A key is written again about when what is there expires. */
const SPREAD_MS = 100;
/** Nothing expires so soon after a write, however slow that was. */
const YOUNG_MS = 500;

const msOf = ({ seconds, nanoseconds }: Time): number => seconds * 1000 + nanoseconds / 1e6;

const isThere = async ({ namespace }: Stack, { ino }: Bucket, key: string): Promise<boolean> =>
  (await namespace.objects.head({ bucket: ino, key: bytes(key) })) !== undefined;

/** The same content again and again: only the moment of the write tells one object from the next. */
async function write(stack: Stack, simulation: Simulation, bucket: Bucket, key: string): Promise<number> {
  let gone = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const { attributes } = await put(stack, bucket, key, 'content');
    await simulation.clock.sleep(simulation.random.below(YOUNG_MS));
    assert(await isThere(stack, bucket, key), `${key} is gone although it is young`);
    const due = dayAfter({ secondsPerDay: SECONDS_PER_DAY }, attributes.mtime, DAYS);
    const wait = due * 1000 - msOf(simulation.clock.wall());
    await simulation.clock.sleep(wait + simulation.random.below(SPREAD_MS));
    gone += (await isThere(stack, bucket, key)) ? 0 : 1;
  }
  return gone;
}

test('whatever the timing, no write is removed before its own days are over, and all are in the end', async () => {
  let gone = 0;
  await underSchedules(SCHEDULES, async (stack, simulation) => {
    const { objects } = stack.namespace;
    const bucket = await objects.createBucket(s3, 'bucket');
    await objects.putBucketConfiguration(
      bucket,
      'lifecycle',
      documentOf([{ Expiration: { Days: DAYS } }, { Filter: { Prefix: 'b/' }, Expiration: { Days: DAYS } }]),
    );
    const parts: LifecycleJobParts = {
      objects,
      environment: { clock: simulation.clock, random: simulation.random, log: silent },
      rules: new RuleBook(objects, { secondsPerDay: SECONDS_PER_DAY }),
      count: (outcome) => assert.equal(outcome, 'expired'),
    };
    const pass = async (): Promise<void> => {
      const job = new LifecycleJob(parts);
      while (job.status().passes === 0) await job.step();
    };
    let isWriting = true;
    const sweeping = async (): Promise<void> => {
      while (isWriting) {
        await pass();
        await simulation.clock.sleep(20);
      }
    };
    const writing = async (): Promise<void> => {
      const counts = await Promise.all(KEYS.map((key) => write(stack, simulation, bucket, key)));
      gone += counts.reduce((sum, it) => sum + it, 0);
      isWriting = false;
    };
    await Promise.all([sweeping(), writing()]);
    await simulation.clock.sleep((DAYS + 1) * SECONDS_PER_DAY * 1000);
    await pass();
    for (const key of KEYS)
      assert.equal(await objects.head({ bucket: bucket.ino, key: bytes(key) }), undefined);
  });
  assert(gone > SCHEDULES, 'the job had something to do while clients wrote');
});
