import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { realClock } from '../../src/environment-real.ts';
import type { AdminDoor } from '../../src/gateway/admin/serve.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { Scheduler } from '../../src/scheduler.ts';
import { MemoryShardDevices } from '../../src/tiering/warm/memory-shard-devices.ts';
import { openWarmPool } from '../../src/tiering/warm/open-warm-pool.ts';
import type { WarmPool } from '../../src/tiering/warm/warm-pool.ts';
import { root } from '../accounts/memory-accounts.ts';
import { openQuietDoor } from '../gateway/admin/quiet-door.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent } from '../namespace/world.ts';
import { reduction, segmentOf } from '../tiering/warm/pool-bed.ts';
import { run, type Outcome } from './double.ts';

const environment = { clock: realClock(), random: seededRandom(1), log: silent };

async function openDoor(warm: WarmPool | undefined): Promise<AdminDoor> {
  return openQuietDoor({
    environment,
    warm,
  });
}

const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
const warm = ({ address }: AdminDoor, ...args: readonly string[]): Promise<Outcome> =>
  run(['warm', ...args, '--admin', `http://127.0.0.1:${address.port}`], { variables });

suite('terrace warm', () => {
  const devices = new MemoryShardDevices();
  const paths = ['/d1', '/d2', '/d3', '/d4', '/d5', '/d6', '/d7'];
  let pool: WarmPool;
  let door: AdminDoor;
  let scheduler: Scheduler;
  before(async () => {
    for (const path of [...paths, '/new']) devices.place(path);
    const kv = openOptimistic(new MemoryEngine(), { merge: () => undefined });
    const shape = { data: 4, parity: 2 };
    pool = await openWarmPool({ kv, environment, reduction, devices: paths, shape, places: devices });
    for (const n of [1, 2, 3]) {
      const { id, packed } = await segmentOf(n);
      await pool.put(id, packed);
    }
    scheduler = new Scheduler(environment);
    for (const { name, step } of pool.steps) scheduler.start(name, step);
    door = await openDoor(pool);
  });
  after(async () => {
    await door.close();
    await scheduler.close();
    await pool.close();
  });
  /** The scheduler lets idle steps rest for seconds: here they are called. */
  const waking = async (work: Promise<Outcome>): Promise<Outcome> => {
    const state = { isOver: false };
    void work.finally(() => (state.isOver = true));
    while (!state.isOver) {
      for (const { name } of pool.steps) scheduler.wake(name);
      await environment.clock.sleep(5);
    }
    return work;
  };

  test('list shows every device, for people and as JSON', async () => {
    const { out, code } = await warm(door, 'list');
    assert.equal(code, 0);
    assert.match(out.join('\n'), /\/d1 +directory +in-service +\d+ +[\d.]+Ki? +4\.0Gi +4\.0Gi +0/);
    assert.match(out.join('\n'), /3 segments, configured as 4\+2, written now as 4\+2; 0 shards missing\./);
    const answer = JSON.parse((await warm(door, 'list', '--json')).out.join(''));
    assert.equal(answer.devices.length, 7);
    assert.equal(answer.segments, 3);
    assert.deepEqual(answer.alerts, []);
  });

  test('a drained device is gone when its drain has been waited for', async () => {
    const { out, code } = await waking(warm(door, 'drain', '/d3', '--wait'));
    assert.deepEqual([code, out], [0, ['/d3 is no device of the warm pool any more.']]);
    assert.deepEqual(devices.places.get('/d3')?.names(), []);
  });

  test('a device that is gone is replaced, and its shards are there again', async () => {
    devices.places.get('/d2')?.lose();
    const { out, code } = await waking(warm(door, 'replace', '/d2', '/new', '--wait'));
    assert.deepEqual([code, out], [0, ['/new has taken over from /d2.']]);
    const rebuilt = await waking(warm(door, 'rebuild', '--wait'));
    assert.deepEqual(
      [rebuilt.code, rebuilt.out],
      [0, [`0 segments rebuilt, 0 without a device for all their shards, 0 lost.`]],
    );
    assert.equal(pool.state().shardsMissing, 0);
  });

  test('rebuild makes anew what was taken away, and says how much', async () => {
    const place = devices.places.get('/d1');
    const names = [...(place?.names() ?? [])];
    for (const name of names) place?.remove(name);
    const { out } = await waking(warm(door, 'rebuild', '--wait'));
    assert.deepEqual(out, [
      `${names.length} segments rebuilt, 0 without a device for all their shards, 0 lost.`,
    ]);
    assert.equal(place?.names().length, names.length);
  });

  test('a directory is added', async () => {
    assert.deepEqual((await warm(door, 'add', '/d3')).out, ['/d3 is a device of the warm pool.']);
  });

  for (const [args, says] of [
    [['drain', '/nothing'], /\/nothing is no device of the warm pool: see terrace warm list\./],
    [['add', '/d1'], /\/d1 is a device of the warm pool already\./],
    [['replace', '/d1', '/d4'], /\/d4 is a device of the warm pool: choose another place\./],
  ] as const) {
    test(`warm ${args.join(' ')} is refused in one sentence`, async () => {
      const { code, errors } = await warm(door, ...args);
      assert.equal(code, 1);
      assert.match(errors.join(), says);
    });
  }

  test('without a pool every command says how to have one', async () => {
    const empty = await openDoor(undefined);
    for (const args of [['list'], ['rebuild'], ['drain', '/d1'], ['add', '/d1'], ['replace', '/a', '/b']]) {
      const { code, errors } = await warm(empty, ...args);
      assert.equal(code, 1);
      assert.match(errors.join(), /There is no warm pool: start the gateway with --warm PATH/);
    }
    await empty.close();
  });
});
