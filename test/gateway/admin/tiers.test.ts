import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { realClock } from '../../../src/environment-real.ts';
import { openAdmin, type AdminDoor } from '../../../src/gateway/admin/serve.ts';
import {
  openStorageControl,
  type StorageControl,
} from '../../../src/storage-policy/open-storage-policies.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { Metrics } from '../../../src/metrics.ts';
import { openMemoryIdentities, root } from '../../accounts/memory-accounts.ts';
import { memoryKeyring } from '../../keyring/test-keyring.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { bytes, openWorld, plainFacet, s3, silent } from '../../namespace/world.ts';
import { MemoryTiers, recalling } from '../../tiering/memory-tiers.ts';
import { run, type Outcome } from '../../cli/double.ts';
import { quietSources } from './quiet-sources.ts';

suite('terrace tier and the admin API behind it', () => {
  let door: AdminDoor;
  let storage: StorageControl;
  const tiers = new MemoryTiers();
  let wish = 'completed';
  before(async () => {
    const { namespace, kv, clock } = await openWorld();
    const { objects } = namespace;
    const { ino } = await objects.createBucket(s3, 'photos');
    for (const key of ['raw/a', 'raw/b', 'c']) {
      const draft = await objects.draft(s3);
      await draft.write([bytes('content')]);
      await objects.attach(s3, draft, { bucket: ino, key: bytes(key), facet: plainFacet('e'), expect: {} });
    }
    const environment = { clock, random: seededRandom(1), log: silent };
    let id = 6;
    const nextId = (): number => ++id;
    storage = await openStorageControl({
      kv,
      objects,
      tiers,
      environment,
      nextId,
      query: undefined,
      ...recalling,
    });
    const quiet = await quietSources();
    const work = async (name: string): Promise<void> => {
      assert.equal(name, 'moves');
      tiers.failure = wish === 'completed' ? undefined : wish;
      while ((await storage.moves.step()) === 'busy');
    };
    door = await openAdmin({
      ...quiet,
      jobs: { ...quiet.jobs, run: (name) => void work(name) },
      address: { host: '127.0.0.1', port: 0 },
      environment: { clock: realClock(), log: silent },
      metrics: new Metrics(),
      status: () => assert.fail(),
      ...(await openMemoryIdentities(new MemoryEngine())),
      keyring: await memoryKeyring(),
      namespace,
      storage,
      tiers,
    });
  });
  after(() => door.close());

  const variables = { AWS_ACCESS_KEY_ID: root.accessKey, AWS_SECRET_ACCESS_KEY: root.secretKey };
  const tier = (...args: readonly string[]): Promise<Outcome> =>
    run(['tier', ...args, '--admin', `http://127.0.0.1:${door.address.port}`], { variables });
  const answer = async (...args: readonly string[]): Promise<unknown> => {
    const { out, errors } = await tier(...args, '--json');
    assert.deepEqual(errors, []);
    return JSON.parse(out.join('\n'));
  };

  test('status counts objects and bytes by tier', async () => {
    const { hot, cold, flashMode, complete } = (await answer('status')) as Record<string, unknown>;
    assert.deepEqual(hot, { objects: 3, bytes: 21, bytesTotal: 1000, bytesFree: 500 });
    assert.equal((cold as { objects: number }).objects, 0);
    assert.deepEqual([flashMode, complete], ['normal', true]);
    const { out } = await tier('status');
    assert.match(out[1] ?? '', /^hot\s+3\s+21\s+-\s+1000\s+500$/);
  });

  test('move waits until all below the prefix lie on the tier', async () => {
    const { code, out } = await tier('move', 'photos/raw/', '--to', 'cold', '--wait');
    assert.deepEqual(
      [code, out],
      [0, ['Move 7 of photos/raw/ to cold: completed, 2 objects seen, 200 moved']],
    );
    assert.equal(tiers.orders.at(-1)?.to, 'cold');
  });

  test('a move that fails ends with 1 and says why', async () => {
    wish = 'the store does not answer';
    const { code, out } = await tier('move', 'photos/c', '--to', 'warm', '--wait');
    wish = 'completed';
    assert.equal(code, 1);
    assert.match(
      out[0] ?? '',
      /failed, 1 objects seen, 0 moved, 1 migrations failed: the store does not answer/,
    );
  });

  const mistakes: readonly [readonly string[], RegExp][] = [
    [['move', 'photos'], /write --to hot, warm or cold/],
    [['move', 'nothing', '--to', 'cold'], /There is no bucket nothing/],
    [['move', 'photos', '--to', 'lukewarm'], /to.*(hot|allowed)/],
    [['why', 'photos/none'], /There is no object photos\/none/],
    [['policy', 'get', 'none'], /There is no storage policy none/],
    [['policy', 'put', 'p', '{"target":"photos","cooldown":"soon"}'], /cooldown: "soon" is not a duration/],
    [['policy', 'put', 'p', '{"bucket":"photos"}'], /target|bucket/],
  ];
  for (const [args, message] of mistakes)
    test(`says in a sentence what is wrong with: ${args.join(' ')}`, async () => {
      const { code, errors } = await tier(...args);
      assert.notEqual(code, 0);
      assert.equal(errors.length, 1);
      assert.match(errors[0] ?? '', message);
    });

  test('policies are put, shown, explained, planned, reported and removed', async () => {
    const put = await tier(
      'policy',
      'put',
      'all',
      '{"target":"photos","preset":"performance","cooldown":"0s"}',
    );
    assert.deepEqual(put.errors, []);
    assert.match(
      (await tier('policy', 'list')).out[1] ?? '',
      /^all\s+photos\s+hot above 500 IOPS, cold at or below 5,/,
    );
    const why = (await answer('why', 'photos/c')) as { slices: { wanted: string; policy: string }[] };
    assert.deepEqual([why.slices[0]?.policy, why.slices[0]?.wanted], ['all', 'cold']);
    const plan = (await answer('plan')) as { to: { cold: { objects: number } } };
    assert.equal(plan.to.cold.objects, 1);
    assert.match((await tier('policy', 'report', 'all')).errors[0] ?? '', /No pass over all/);
    while (storage.job.passes === 0) await storage.job.step();
    assert.match((await tier('policy', 'report', 'all')).out.join('\n'), /pending: score\s+1\s+100/);
    assert.deepEqual(await answer('policy', 'history', 'all'), { migrations: [] });
    assert.equal((await tier('policy', 'remove', 'all')).code, 0);
    assert.deepEqual(await answer('policy', 'list'), { policies: [] });
  });
});
