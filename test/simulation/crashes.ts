import assert from 'node:assert/strict';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { tiers } from '../../src/tiering/tier.ts';
import { checkSettledStore, checkStore } from '../namespace/check-store.ts';
import { imageOf } from '../namespace/store-image.ts';
import { get, listed, root, settle, text, type Stack } from '../namespace/world.ts';
import { Actor } from './actor.ts';
import { SimulatedWorld, Simulation } from './simulation.ts';

const ACTORS = 3;
const OPERATIONS = 25;
const CRASHES_MAX = 2;
const EVENTS_BEFORE_CRASH_MAX = 700;
const EVENTS_OF_START_MAX = 60;

/** Several actors and the background at work, crashes at random moments; answers the trace. */
export async function simulateCrashes(seed: number): Promise<readonly string[]> {
  const simulation = new Simulation(seed);
  const world = new SimulatedWorld(simulation);
  let stack = await finish(simulation, world.open());
  const bucket = await finish(simulation, stack.namespace.objects.createBucket(root, 'b'));
  const actors = Array.from({ length: ACTORS }, (_, id) => new Actor(id, simulation, { stack, bucket }));
  const crashes = simulation.random.below(CRASHES_MAX + 1);
  for (let count = 0; count < crashes; count += 1) {
    await simulation.run(shift(stack, actors, simulation), simulation.random.below(EVENTS_BEFORE_CRASH_MAX));
    world.crash();
    stack = await reopened(world);
    for (const actor of actors) actor.moveTo(stack);
    const files = await finish(simulation, filesOf(stack, bucket));
    for (const actor of actors) actor.ledger.recover(new Map([...files].filter(([key]) => actor.owns(key))));
    await finish(simulation, checkStore(stack));
  }
  await finish(simulation, shift(stack, actors, simulation));
  await finish(simulation, end(stack, bucket, actors));
  return simulation.trace;
}

export async function finish<T>(simulation: Simulation, done: Promise<T>): Promise<T> {
  const outcome = await simulation.run(done);
  assert(outcome !== undefined);
  return outcome.value;
}

/** Power may fail during the start as well. */
async function reopened(world: SimulatedWorld): Promise<Stack> {
  const { random } = world.simulation;
  if (random.below(3) === 0) {
    const early = await world.simulation.run(world.open(), random.below(EVENTS_OF_START_MAX));
    if (early !== undefined) return early.value;
    world.crash();
  }
  return finish(world.simulation, world.open());
}

/** All actors at work, background steps and rotations of the key of SSE-S3 meanwhile. */
async function shift(stack: Stack, actors: readonly Actor[], simulation: Simulation): Promise<void> {
  let isOver = false;
  const background = async (): Promise<void> => {
    while (!isOver) {
      await stack.namespace.step();
      await stack.namespace.rewrap();
      if (simulation.random.below(3) === 0) await moveSome(stack, simulation);
      await simulation.clock.sleep([1, 20, 400][simulation.random.below(3)] ?? 1);
    }
  };
  const rotations = async (): Promise<void> => {
    for (let count = simulation.random.below(3); count > 0 && !isOver; count -= 1) {
      await simulation.clock.sleep(simulation.random.below(400));
      simulation.trace.push('rotation');
      await stack.keyring.rotate('alias/terrace/s3');
    }
  };
  const steps = Promise.all([background(), rotations()]);
  await Promise.all(actors.map((actor) => actor.work(OPERATIONS)));
  isOver = true;
  await steps;
}

/** Content goes up and down while everybody is at work. */
async function moveSome({ kv, tiering }: Stack, { random }: Simulation): Promise<void> {
  const to = tiers[random.below(tiers.length)]!;
  const { blobs } = await imageOf(kv);
  const chosen = ([...blobs.keys()] as BlobId[]).filter(() => random.below(3) === 0);
  // Its end is of no interest: a step that fails says so itself.
  tiering.tiers.migrate({ blobs: chosen, to, trigger: 'order' }).catch(() => undefined);
  while ((await tiering.steps.migrate()) === 'busy' && random.below(4) > 0);
}

async function end(stack: Stack, bucket: Bucket, actors: readonly Actor[]): Promise<void> {
  await filesOf(stack, bucket);
  for (const actor of actors) await actor.verify();
  await stack.namespace.close();
  while ((await stack.tiering.steps.migrate()) === 'busy');
  await settle(stack);
  await checkSettledStore(stack);
}

/** All files with their contents, the same through both doors. Explicit directories are left out. */
export async function filesOf(stack: Stack, bucket: Bucket): Promise<ReadonlyMap<string, string>> {
  const keys = (await listed(stack, bucket)).filter((key) => !key.endsWith('/'));
  const files = new Map<string, string>();
  for (const key of keys) files.set(key, String(await get(stack, bucket, key)));
  const seen = await below(stack, bucket.ino, '');
  assert.deepEqual([...seen].sort(), [...files].sort(), 'both doors show the same');
  return files;
}

async function below(
  { namespace }: Pick<Stack, 'namespace'>,
  directory: Ino,
  path: string,
): Promise<[string, string][]> {
  const { entries } = await namespace.files.entries(root, directory, { after: 0, entriesMax: 1000 });
  const found: [string, string][] = [];
  for (const { name, attributes } of entries) {
    const key = path + text(name);
    if (attributes.kind === 'directory') {
      found.push(...(await below({ namespace }, attributes.ino, `${key}/`)));
    } else {
      const { parts } = await namespace.files.read(root, attributes.ino, { offset: 0, length: 1 << 20 });
      found.push([key, text(parts)]);
    }
  }
  return found;
}
