import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateCrashes } from './crashes.ts';
import { simulateEveryFlush } from './flushes.ts';

const SEEDS = 120;
const SEEDS_OF_FLUSHES = 4;

test('after a crash at any moment everything acknowledged is there, whole, and nothing leaks', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    await simulateCrashes(seed).catch((cause: unknown) => {
      throw new Error(`replay it by: npm run sim -- --seed ${seed}`, { cause });
    });
  }
});

test('and so it is after a crash right before and right after whatever makes something durable', async () => {
  let crashes = 0;
  for (let seed = 1; seed <= SEEDS_OF_FLUSHES; seed += 1) {
    crashes += await simulateEveryFlush(seed).catch((cause: unknown) => {
      throw new Error(`replay it by: npm run sim -- --flushes --seed ${seed}`, { cause });
    });
  }
  assert(crashes > 100, `${crashes} crashes`);
});

test('a seed gives the same trace each time, and another seed another', async () => {
  const traces = [await simulateCrashes(7), await simulateCrashes(7), await simulateCrashes(8)];
  assert.deepEqual(traces[0], traces[1]);
  assert.notDeepEqual(traces[0], traces[2]);
});
