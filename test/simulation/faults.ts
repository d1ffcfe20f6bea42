import assert from 'node:assert/strict';
import { Fault } from '../../src/fault.ts';
import type { Bucket } from '../../src/namespace/namespace.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { tiers } from '../../src/tiering/tier.ts';
import { checkStore } from '../namespace/check-store.ts';
import { imageOf } from '../namespace/store-image.ts';
import { root } from '../namespace/world.ts';
import { Actor } from './actor.ts';
import { filesOf, finish } from './lives.ts';
import { FaultyWorld } from './faulty-world.ts';
import type { PartFault } from './part-faults.ts';
import { Simulation } from './simulation.ts';

const ACTORS = 2;
const OPERATIONS = 12;
/** How long a fault lasts, in virtual time, beyond the time that it takes until somebody is told of it. */
const FAULT_MS = 40_000;
const ALERT_MS_MAX = 240_000;
/** Longer than any rest, pause and deadline after a fault. */
const RECOVERY_MS = 1_200_000;
const ROUNDS_MAX = 400;

/**
 * Mixed work through both doors and content on its way between the tiers; then one part fails, work goes on, and the part is
 * well again. Nothing that was acknowledged may be lost, nothing else may be read, the fault must be told while it lasts and not for long
 * after; and then everything works as before. Answers the trace.
 */
export async function simulateFault(seed: number, fault: PartFault): Promise<readonly string[]> {
  const simulation = new Simulation(seed);
  const world = new FaultyWorld(simulation);
  const stack = await finish(simulation, world.open());
  const bucket = await finish(simulation, stack.namespace.objects.createBucket(root, 'b'));
  const actors = Array.from({ length: ACTORS }, (_, id) => new Actor(id, simulation, { stack, bucket }));
  await finish(simulation, shift(world, actors));
  simulation.trace.push(`fault: ${fault.name}`);
  await finish(simulation, Promise.resolve(fault.begin(world)));
  if (fault.stops === true) await restarted(world, { fault, actors, bucket });
  else await finish(simulation, suffered(world, { fault, actors }));
  await finish(simulation, recovered(world, fault));
  await finish(simulation, filesOf(world.stack, bucket));
  for (const actor of actors) await finish(simulation, actor.verify());
  await finish(simulation, shift(world, actors));
  for (const actor of actors) await finish(simulation, actor.verify());
  await finish(simulation, checkStore(world.stack));
  await finish(simulation, scrubbed(world));
  return simulation.trace;
}

interface Suffering {
  readonly fault: PartFault;
  readonly actors: readonly Actor[];
}

/** Work while the part fails, until that is told; and until work is over, or waits for the part, for a while. */
async function suffered(world: FaultyWorld, { fault, actors }: Suffering): Promise<void> {
  const over = { isFault: false };
  await Promise.all([
    shift(world, actors, () => over.isFault),
    lasting(world, fault).then(() => (over.isFault = true)),
  ]);
}

async function lasting(world: FaultyWorld, fault: PartFault): Promise<void> {
  const { clock } = world.simulation;
  const toldWithin = fault.alert === undefined ? 0 : ALERT_MS_MAX;
  const begunAt = clock.monotonic();
  const isTold = (): boolean => world.alerts().some((text) => fault.alert?.test(text) ?? true);
  while (!isTold() && clock.monotonic() - begunAt < toldWithin) {
    await readSome(world, fault);
    await clock.sleep(1000);
  }
  if (fault.alert !== undefined) assert(isTold(), `nobody is told: ${world.alerts().join('; ')}`);
  await clock.sleep(FAULT_MS);
  await readSome(world, fault);
  fault.end(world);
}

/** The process stops by itself; the next one begins when the fault is over. */
async function restarted(
  world: FaultyWorld,
  { fault, actors, bucket }: Suffering & { readonly bucket: Bucket },
): Promise<void> {
  const { simulation } = world;
  const working = shift(world, actors).catch(() => undefined);
  const isStopped = async (): Promise<void> => {
    while (world.stopped === undefined) await simulation.clock.sleep(100);
  };
  await finish(simulation, isStopped());
  world.crash();
  fault.end(world);
  void working;
  const stack = await finish(simulation, world.open());
  for (const actor of actors) actor.moveTo(stack);
  const files = await finish(simulation, filesOf(stack, bucket));
  for (const actor of actors) actor.ledger.recover(new Map([...files].filter(([key]) => actor.owns(key))));
}

/** All actors at work, and the background until they are done and `mayEnd`. */
async function shift(
  world: FaultyWorld,
  actors: readonly Actor[],
  mayEnd: () => boolean = () => true,
): Promise<void> {
  const { simulation } = world;
  let areDone = false;
  const background = async (): Promise<void> => {
    while (!areDone || !mayEnd()) {
      await step(world);
      if (simulation.random.below(2) === 0) await tolerated(moveSome(world));
      await simulation.clock.sleep([1, 20, 400][simulation.random.below(3)] ?? 1);
    }
  };
  const working = actors.map((actor) => actor.work(OPERATIONS, 'patiently'));
  await Promise.all([background(), Promise.all(working).then(() => (areDone = true))]);
}

/** One unit of everything; what a part refuses is told by alerts. */
async function step(world: FaultyWorld): Promise<void> {
  for (const each of world.steps()) await tolerated(each());
}

async function tolerated(work: Promise<unknown>): Promise<void> {
  await work.catch((cause: unknown) => {
    if (!(cause instanceof Fault)) throw cause;
  });
}

async function moveSome({ stack: { kv, tiering }, simulation: { random } }: FaultyWorld): Promise<void> {
  const to = tiers[random.below(tiers.length)]!;
  const blobs = ([...(await imageOf(kv)).blobs.keys()] as BlobId[]).filter(() => random.below(2) === 0);
  // How it ends is in the history.
  tiering.tiers.migrate({ blobs, to, trigger: 'order' }).catch(() => undefined);
}

/**
 * Of every blob a byte, so that a part which fails at reading is heard of. Where it must not matter, what has another copy is read
 * from that.
 */
async function readSome({ stack: { kv, blobs, tiering } }: FaultyWorld, fault: PartFault): Promise<void> {
  const guard = blobs.guard();
  try {
    const ids = [...(await imageOf(kv)).blobs.keys()] as BlobId[];
    const places = await tiering.tiers.placesOf(ids);
    const reads = ids.map((id, index) => {
      const isElsewhere = fault.isHotOnly === true && (places[index]?.tiers.length ?? 0) > 1;
      const reading = blobs.read(id, 0, 1);
      return isElsewhere ? reading : tolerated(reading);
    });
    await Promise.all(reads);
  } finally {
    guard.release();
  }
}

/** Background work until nothing is told any more but what stays. */
async function recovered(world: FaultyWorld, fault: PartFault): Promise<void> {
  const { clock } = world.simulation;
  const left = (): readonly string[] => world.alerts().filter((text) => fault.leaves?.test(text) !== true);
  const begunAt = clock.monotonic();
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    await step(world);
    await clock.sleep(5_000);
    if (left().length === 0 && clock.monotonic() - begunAt > 60_000) return;
    if (clock.monotonic() - begunAt > RECOVERY_MS) break;
  }
  assert.fail(`does not recover: ${left().join('; ')}`);
}

/** Whatever was damaged is healed, and then there is no damage. */
async function scrubbed({ stack: { tiering } }: FaultyWorld): Promise<void> {
  const first = await tiering.tiers.scrub(() => undefined);
  assert.equal(first.unrecoverable, 0);
  const { corrupt, unrecoverable, unknown } = await tiering.tiers.scrub(() => undefined);
  assert.deepEqual({ corrupt, unrecoverable, unknown }, { corrupt: 0, unrecoverable: 0, unknown: 0 });
}
