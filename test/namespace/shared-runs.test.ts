import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedRuns } from '../../src/namespace/shared-runs.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who comes while a run is under way shares the one that follows', async () => {
  let begun = 0;
  const runs = new SharedRuns(async () => {
    begun += 1;
    await turn();
  });
  const first = runs.run();
  const others = [runs.run(), runs.run(), runs.run()];
  await first;
  assert.equal(begun, 1);
  await Promise.all(others);
  assert.equal(begun, 2);
  assert.equal(runs.isBusy(), false);
});

test('never are two runs under way, at whatever moment around the end of one another is asked for', async () => {
  for (let ticks = 0; ticks < 20; ticks += 1) {
    let [begun, running, late] = [0, 0, Promise.resolve()];
    const comeLate = async (): Promise<void> => {
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      const before = begun;
      await runs.run();
      assert(begun > before, 'the caller gets a run that begins after the call');
    };
    const runs = new SharedRuns(async () => {
      begun += 1;
      running += 1;
      assert.equal(running, 1, `${ticks} ticks after the end`);
      await turn();
      running -= 1;
      if (begun === 1) late = comeLate();
    });
    await Promise.all([runs.run(), runs.run()]);
    await late;
  }
});

test('a run that fails is the failure of those who share it, and the next one goes on', async () => {
  let attempts = 0;
  const runs = new SharedRuns(async () => {
    await turn();
    attempts += 1;
    if (attempts === 1) throw new Error('first');
  });
  const first = runs.run();
  const second = runs.run();
  await assert.rejects(first, /first/);
  await second;
  await runs.run();
  assert.equal(attempts, 3);
});
