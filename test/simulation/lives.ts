import assert from 'node:assert/strict';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { tiers } from '../../src/tiering/tier.ts';
import { checkSettledStore, checkStore } from '../namespace/check-store.ts';
import { imageOf } from '../namespace/store-image.ts';
import { get, listed, root, settle, text, type Stack } from '../namespace/world.ts';
import { Actor } from './actor.ts';
import { SimulatedWorld, Simulation } from './simulation.ts';

const EVENTS_OF_START_MAX = 60;

export interface LivesOptions {
  readonly actors: number;
  /** Of each actor in each life. */
  readonly operations: number;
}

/** A gateway with actors at work, which dies and comes back; whatever it has lost, or has too much of, is a failure. */
export class Lives {
  readonly simulation: Simulation;
  readonly #world: SimulatedWorld;
  readonly #options: LivesOptions;
  readonly #actors: readonly Actor[];
  readonly #bucket: Bucket;
  #stack: Stack;

  private constructor(world: SimulatedWorld, options: LivesOptions, at: { stack: Stack; bucket: Bucket }) {
    this.simulation = world.simulation;
    this.#world = world;
    this.#options = options;
    this.#stack = at.stack;
    this.#bucket = at.bucket;
    this.#actors = Array.from({ length: options.actors }, (_, id) => new Actor(id, world.simulation, at));
  }

  static async begin(seed: number, options: LivesOptions): Promise<Lives> {
    const simulation = new Simulation(seed);
    const world = new SimulatedWorld(simulation);
    const stack = await finish(simulation, world.open());
    const bucket = await finish(simulation, stack.namespace.objects.createBucket(root, 'b'));
    return new Lives(world, options, { stack, bucket });
  }

  /** All actors at work until they are done, or until `events` completions have fired; false: they are not done. */
  async work(events?: number): Promise<boolean> {
    const shift = this.#shift(this.#stack);
    return (await this.simulation.run(shift, events)) !== undefined;
  }

  /** Power loss at this moment, and sometimes once more during the start; then everything acknowledged is there. */
  async crash(): Promise<void> {
    this.#world.crash();
    this.#stack = await this.#reopened();
    for (const actor of this.#actors) actor.moveTo(this.#stack);
    const files = await finish(this.simulation, filesOf(this.#stack, this.#bucket));
    for (const actor of this.#actors)
      actor.ledger.recover(new Map([...files].filter(([key]) => actor.owns(key))));
    await finish(this.simulation, checkStore(this.#stack));
  }

  /** Everything comes to rest: nothing is lost, and nothing is left that nobody needs. */
  async end(): Promise<void> {
    await finish(this.simulation, this.#end());
  }

  async #reopened(): Promise<Stack> {
    const { random } = this.simulation;
    if (random.below(3) === 0) {
      const early = await this.simulation.run(this.#world.open(), random.below(EVENTS_OF_START_MAX));
      if (early !== undefined) return early.value;
      this.#world.crash();
    }
    return finish(this.simulation, this.#world.open());
  }

  /** All actors, background steps and rotations of the key of SSE-S3 meanwhile. */
  async #shift(stack: Stack): Promise<void> {
    const { simulation } = this;
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
    await Promise.all(this.#actors.map((actor) => actor.work(this.#options.operations)));
    isOver = true;
    await steps;
  }

  async #end(): Promise<void> {
    const stack = this.#stack;
    await filesOf(stack, this.#bucket);
    for (const actor of this.#actors) await actor.verify();
    await stack.namespace.close();
    while ((await stack.tiering.steps.migrate()) === 'busy');
    await settle(stack);
    await checkSettledStore(stack);
  }
}

export async function finish<T>(simulation: Simulation, done: Promise<T>): Promise<T> {
  const outcome = await simulation.run(done);
  assert(outcome !== undefined);
  return outcome.value;
}
/** Content goes up and down while everybody is at work. */
export async function moveSome({ kv, tiering }: Stack, { random }: Simulation): Promise<void> {
  const to = tiers[random.below(tiers.length)]!;
  const { blobs } = await imageOf(kv);
  const chosen = ([...blobs.keys()] as BlobId[]).filter(() => random.below(3) === 0);
  // Its end is of no interest: a step that fails says so itself.
  tiering.tiers.migrate({ blobs: chosen, to, trigger: 'order' }).catch(() => undefined);
  while ((await tiering.steps.migrate()) === 'busy' && random.below(4) > 0);
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
