import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Environment, MonotonicMs } from '../src/environment.ts';
import { Fault } from '../src/fault.ts';
import {
  STEP_FAILED_MS_MAX,
  STEP_FAILED_MS_MIN,
  STEP_FAILURES_HEALTHY_MAX,
  STEP_IDLE_MS_MAX,
} from '../src/limits.ts';
import { Metrics } from '../src/metrics.ts';
import { Scheduler } from '../src/scheduler.ts';

/** Sleeps end when the test says so; records how long each was to be. */
class ManualEnvironment implements Environment {
  readonly slept: number[] = [];
  readonly errors: string[] = [];
  #sleepers: (() => void)[] = [];
  readonly random = { below: () => 0, bytes: (length: number) => new Uint8Array(length) };
  readonly log = {
    info: (): void => undefined,
    warn: (): void => undefined,
    error: (event: string): void => void this.errors.push(event),
  };
  readonly clock = {
    wall: () => ({ seconds: 0, nanoseconds: 0 }),
    monotonic: () => 0 as MonotonicMs,
    sleep: (ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        this.slept.push(ms);
        if (signal?.aborted === true) return reject(new Error('aborted'));
        signal?.addEventListener('abort', () => reject(new Error('aborted')));
        this.#sleepers.push(resolve);
      }),
  };

  /** Ends all sleeps and lets what follows from that happen. */
  async pass(): Promise<void> {
    for (const wake of this.#sleepers.splice(0)) wake();
    await turn();
  }
}

suite('background work', () => {
  test('a busy step runs again at once, an idle one rests longer each time up to a bound', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    const outcomes: ('busy' | 'idle')[] = ['busy', 'busy'];
    scheduler.start('sweep', async () => outcomes.shift() ?? 'idle');
    await turn();
    for (let round = 0; round < 15; round++) await environment.pass();
    const [first, second, ...idle] = environment.slept;
    assert.deepEqual([first, second], [0, 0]);
    assert(idle.every((ms, index) => ms > (idle[index - 1] ?? 0) || ms === STEP_IDLE_MS_MAX));
    assert.equal(idle.at(-1), STEP_IDLE_MS_MAX);
    assert.equal(scheduler.states()[0]?.unitsDone, 2);
    await scheduler.close();
  });

  test('a step that fails is logged, backs off, turns unhealthy, and is healthy again after a success', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    let isBroken = true;
    scheduler.start('sweep', async () => {
      if (isBroken) throw new Error('disk gone');
      return 'idle';
    });
    await turn();
    assert.equal(environment.slept[0], STEP_FAILED_MS_MIN);
    assert.equal(scheduler.states()[0]?.isHealthy, true);
    for (let round = 0; round < 12; round++) await environment.pass();
    const [state] = scheduler.states();
    assert.equal(environment.slept.at(-1), STEP_FAILED_MS_MAX);
    assert.equal(state?.state, 'failing');
    assert.equal(state?.failure, 'disk gone');
    assert.equal(state?.isHealthy, false);
    assert(state.failuresInRow > STEP_FAILURES_HEALTHY_MAX);
    assert.equal(environment.errors.length, state.failuresInRow);
    isBroken = false;
    await environment.pass();
    assert.deepEqual(scheduler.states(), [
      { name: 'sweep', state: 'waiting', unitsDone: 0, failuresInRow: 0, isHealthy: true },
    ]);
    await scheduler.close();
  });

  test('a paused step rests until it is resumed', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    let runs = 0;
    scheduler.start('sweep', async () => {
      runs += 1;
      return 'busy';
    });
    await turn();
    scheduler.pause('sweep');
    await environment.pass();
    const before = runs;
    for (let round = 0; round < 3; round++) await environment.pass();
    assert.equal(runs, before);
    assert.equal(scheduler.states()[0]?.state, 'paused');
    scheduler.resume('sweep');
    await turn();
    assert(runs > before);
    await scheduler.close();
  });

  test('a wake that comes while the step runs is not lost', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    let finish: (outcome: 'idle') => void = () => undefined;
    let runs = 0;
    scheduler.start('sweep', () => {
      runs += 1;
      return new Promise((resolve) => (finish = resolve));
    });
    scheduler.wake('sweep');
    finish('idle');
    await turn();
    assert.equal(runs, 2);
    finish('idle');
    await scheduler.close();
  });

  test('close waits for the unit under way and starts no other', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    let finish: (outcome: 'busy') => void = () => undefined;
    let runs = 0;
    scheduler.start('sweep', () => {
      runs += 1;
      return new Promise((resolve) => (finish = resolve));
    });
    let isClosed = false;
    const closing = scheduler.close().then(() => (isClosed = true));
    await turn();
    assert.equal(isClosed, false);
    finish('busy');
    await closing;
    await environment.pass();
    assert.equal(runs, 1);
    assert.throws(() => scheduler.start('late', async () => 'idle'));
  });

  test('a step that cannot go on because of the close has not failed', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    let breakOff: (fault: Error) => void = () => undefined;
    scheduler.start('sweep', () => new Promise((_resolve, reject) => (breakOff = reject)));
    const closing = scheduler.close();
    breakOff(new Fault('unavailable', 'blob', 'the gateway stops'));
    await closing;
    assert.deepEqual(environment.errors, []);
  });

  test('what breaks while it closes is told all the same', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    let fail: (error: Error) => void = () => undefined;
    scheduler.start('sweep', () => new Promise((_resolve, reject) => (fail = reject)));
    const closing = scheduler.close();
    fail(new Error('disk gone'));
    await turn();
    await environment.pass();
    await closing;
    assert.equal(environment.errors.length, 1);
  });

  test('each step shows in the metrics under its name', async () => {
    const environment = new ManualEnvironment();
    const scheduler = new Scheduler(environment);
    const metrics = new Metrics();
    const outcomes: ('busy' | 'idle')[] = ['busy'];
    scheduler.start('collect garbage', async () => outcomes.shift() ?? 'idle');
    scheduler.observe(metrics);
    await turn();
    assert((await metrics.text()).body.includes('terrace_step_units_done{step="collect garbage"} 1'));
    await scheduler.close();
  });
});
