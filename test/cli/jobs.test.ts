import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { realClock } from '../../src/environment-real.ts';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { jobsOf, pausedJobs } from '../../src/gateway/paused-jobs.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { Scheduler } from '../../src/scheduler.ts';
import { root } from '../accounts/memory-accounts.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { openWorld, silent } from '../namespace/world.ts';
import { run, type Outcome } from './double.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';

const environment = { clock: realClock(), random: seededRandom(1), log: silent };

suite('terrace jobs', () => {
  let door: AdminDoor;
  let kv: Kv;
  let scheduler: Scheduler;
  let units = 0;
  before(async () => {
    const stopped = (cause: unknown): never => {
      throw cause;
    };
    kv = openOptimistic(new MemoryEngine(), { merge: () => undefined, stopped });
    scheduler = new Scheduler(environment, await pausedJobs(kv));
    scheduler.start('namespace', async () => 'idle');
    scheduler.start('lifecycle', async () => {
      units += 1;
      return 'idle';
    });
    door = await openQuietDoor({
      environment,
      jobs: jobsOf(kv, scheduler),
      namespace: (await openWorld()).namespace,
    });
  });
  after(async () => {
    await door.close();
    await scheduler.close();
  });
  const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
  const jobs = (...args: readonly string[]): Promise<Outcome> =>
    run(['jobs', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });

  test('a job that is paused stays paused over a restart, and does not run a single unit', async () => {
    assert.deepEqual((await jobs('pause', 'lifecycle')).out, ['The job lifecycle is paused.']);
    assert.match((await jobs('list')).out.join('\n'), /lifecycle +paused +0 +yes +-/);
    const next = new Scheduler(environment, await pausedJobs(kv));
    let unitsOfNext = 0;
    const step = async (): Promise<'idle'> => {
      unitsOfNext += 1;
      return 'idle';
    };
    next.start('lifecycle', step);
    next.start('another', step);
    await next.close();
    assert.equal(unitsOfNext, 1);
    assert.match((await jobs('run', 'lifecycle')).errors.join(), /The job lifecycle is paused: resume it\./);
    assert.deepEqual((await jobs('resume', 'lifecycle')).out, ['The job lifecycle goes on.']);
    assert.deepEqual([...(await pausedJobs(kv))], []);
  });

  test('a job runs when it is told to', async () => {
    const before = units;
    assert.equal((await jobs('run', 'lifecycle')).code, 0);
    while (units === before) await environment.clock.sleep(1);
  });

  const refused: readonly [args: readonly string[], says: RegExp][] = [
    [['pause', 'namespace'], /cannot be paused: it writes out what NFS clients have written\./],
    [['pause', 'nothing'], /There is no job nothing: the jobs are namespace, lifecycle\./],
    [['resume', 'constructor'], /There is no job constructor/],
  ];
  for (const [args, says] of refused)
    test(`jobs ${args.join(' ')} is refused in one sentence`, async () => {
      const { code, errors } = await jobs(...args);
      assert.equal(code, 1);
      assert.match(errors.join(), says);
    });
});
