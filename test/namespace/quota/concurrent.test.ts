import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DIRTY_MS_MAX } from '../../../src/limits.ts';
import { isUsageKey } from '../../../src/namespace/keys.ts';
import type { Bucket, Ino } from '../../../src/namespace/namespace.ts';
import { underSchedules, type Simulation } from '../../simulation/simulation.ts';
import { checkSettledStore, checkStore } from '../check-store.ts';
import { faultOf } from '../fault-of.ts';
import { root, type Stack } from '../world.ts';
import { bucketQuota, groupQuota, QuotaScene, s3As, userQuota } from './quota-scene.ts';

const SCHEDULES = 40;
const LIMIT = 100;

async function open(stack: Stack): Promise<QuotaScene<Stack>> {
  const bucket = await stack.namespace.objects.createBucket(root, 'b');
  return new QuotaScene(stack, bucket);
}

test('writers of both doors together never overrun a limit, and one of them gets the last byte', () =>
  underSchedules(SCHEDULES, async (stack, simulation) => {
    const scene = await open(stack);
    await scene.limit(LIMIT);
    const ino = await scene.create('nfs');
    const work = [
      ...Array.from({ length: 6 }, (_, index) => scene.put(`k${index}`, 30)),
      ...Array.from({ length: 3 }, () => scene.put('same', 20)),
      late(simulation, () => scene.write(ino, 40, { stable: true })),
      late(simulation, () => scene.remove('k0')),
    ];
    const outcomes = await Promise.all(work.map(faultOf));
    const [bytes] = scene.used();
    assert(bytes <= LIMIT, `${bytes} bytes`);
    assert(outcomes.includes('quota-exceeded'));
    await scene.put('last', LIMIT - bytes);
    assert.deepEqual(scene.used()[0], LIMIT);
    await scene.settle();
    await checkSettledStore(stack);
  }));

async function late<T>(simulation: Simulation, work: () => Promise<T>): Promise<T> {
  await simulation.latency('late');
  return work();
}

test('PUTs into one bucket with a quota do not conflict', () =>
  underSchedules(10, async (stack) => {
    const scene = await open(stack);
    await scene.limit(2 ** 40);
    const merges = countedMerges(stack);
    await Promise.all(Array.from({ length: 20 }, (_, index) => scene.put(`k${index}`, 1)));
    assert.deepEqual(scene.used(), [20, 20]);
    assert.equal(merges.count, 20, 'each ran once');
  }));

/** How often transactions have merged something into usage: more often than they commit when they run again. */
function countedMerges({ kv }: Stack): { readonly count: number } {
  const merges = { count: 0 };
  const transact = kv.transact.bind(kv);
  kv.transact = (durability, body) =>
    transact(durability, (tx) => {
      const merge = tx.merge.bind(tx);
      tx.merge = (key, operand) => {
        if (isUsageKey(key)) merges.count += 1;
        return merge(key, operand);
      };
      return body(tx);
    });
  return merges;
}

interface Step {
  readonly kind: 'put' | 'remove' | 'write' | 'chown' | 'truncate' | 'link' | 'rename';
  readonly key: number;
  readonly length: number;
  readonly uid: number;
}

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('put', 'remove', 'write', 'chown', 'truncate', 'link', 'rename'),
    key: fc.nat(3),
    length: fc.nat(60),
    uid: fc.nat(2),
  }),
  { maxLength: 25 },
);

async function take(scene: QuotaScene, { kind, key, length, uid }: Step): Promise<unknown> {
  const { files, objects } = scene.world.namespace;
  const name = `k${key}`;
  if (kind === 'put') return scene.put(name, length, s3As(uid));
  if (kind === 'remove') return scene.remove(name);
  if (kind === 'rename') return files.rename(root, { from: scene.place(name), to: scene.place(`k${uid}`) });
  const ino: Ino | undefined = (await objects.head(scene.at(name)))?.attributes.ino;
  if (ino === undefined) return scene.create(name);
  if (kind === 'write') return scene.write(ino, length + 1, { offset: uid * 20, stable: uid === 0 });
  if (kind === 'link') return files.link(root, ino, scene.place(`k${uid}`));
  return files.setAttributes(root, ino, { wish: kind === 'chown' ? { uid } : { size: length } });
}

for (const versioning of ['off', 'enabled', 'suspended'] as const) {
  test(`whatever happens, usage is a full count and keeps below limits: versioning ${versioning}`, () =>
    fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const scene = await QuotaScene.open(versioning === 'off' ? {} : { versioning: 'enabled' });
        const { objects } = scene.world.namespace;
        if (versioning === 'suspended') await objects.changeBucketRules(scene.bucket, { versioning });
        await limitAll(scene, scene.bucket);
        for (const step of list) {
          // Where there are versions, taking away one of several links keeps a copy, whatever the limits.
          if (step.kind === 'link' && versioning !== 'off') continue;
          await faultOf(take(scene, step));
          // Written out in time: data that waits until its version is sealed has to begin another one.
          scene.world.clock.ms += DIRTY_MS_MAX;
          await scene.settle();
          scene.world.clock.ms += step.length * 500;
          await requireKept(scene);
        }
        await scene.world.namespace.close();
        await checkStore(scene.world);
        await requireKept(scene);
      }),
      { numRuns: 60 },
    ));
}

async function limitAll(scene: QuotaScene, bucket: Bucket): Promise<void> {
  await scene.limit(150);
  await scene.limitInodes(6);
  await scene.limit(80, userQuota(1));
  await scene.limit(70, userQuota(2, bucket));
  await scene.limitInodes(2, groupQuota(1, bucket));
}

async function requireKept(scene: QuotaScene): Promise<void> {
  const { quotas } = scene.world.namespace;
  for (const { used, limits, subject } of quotas.list()) {
    const { hard } = limits.bytes;
    assert(hard === undefined || used.bytes <= hard, JSON.stringify({ used, subject }));
    const inodes = limits.inodes.hard;
    assert(inodes === undefined || used.inodes <= inodes, JSON.stringify({ used, subject }));
  }
  assert.equal(quotas.get(bucketQuota(scene.bucket)).isSet, true);
}
