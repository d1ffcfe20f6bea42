import assert from 'node:assert/strict';
import type { Bucket } from '../../src/namespace/namespace.ts';
import { root, type Stack } from '../namespace/world.ts';
import { checkStore } from '../namespace/check-store.ts';
import type { ModelDirectory } from '../namespace/model/tree.ts';
import { moveSome } from '../simulation/lives.ts';
import { SimulatedWorld, Simulation } from '../simulation/simulation.ts';
import { clientAtWork, requireOrder } from './clients.ts';
import type { Doors } from './doors.ts';
import { History } from './history.ts';
import { namespaceDoors } from './namespace-doors.ts';
import type { Maker } from './operation.ts';
import { recordRecovery } from './recovered.ts';

const CLIENTS = 4;
const CALLS_EACH = 10;
const EVENTS_BEFORE_CRASH_MAX = 400;
/** Rows, the device, and files of several blobs. */
const LENGTHS = [4, 60, 9000] as const;

export interface RoundOptions {
  /** Content moves between tiers meanwhile. */
  readonly moves: boolean;
  /** The power fails in the middle, and clients go on with the handles that they have. */
  readonly crashes: boolean;
  /** Puts something between clients and doors. */
  readonly around?: (doors: Doors) => Doors;
}

/** Several clients of both doors on the same names under the schedule of a seed; faults when no order explains what they saw. */
export async function simulateRound(seed: number, options: RoundOptions): Promise<number> {
  const simulation = new Simulation(seed);
  const world = new SimulatedWorld(simulation, { slowReads: true });
  const round = new SimulatedRound(simulation, options);
  const stack = await finish(simulation, world.open());
  const bucket = await finish(simulation, stack.namespace.objects.createBucket(root, 'b'));
  if (options.crashes) {
    await simulation.run(round.work(stack, bucket), simulation.random.below(EVENTS_BEFORE_CRASH_MAX));
    world.crash();
    const next = await finish(simulation, world.open());
    await finish(simulation, checkStore(next));
    await finish(simulation, recordRecovery(round.history, round.doors(next, bucket), bucket.ino));
    await finish(simulation, round.work(next, bucket));
  } else {
    await finish(simulation, round.work(stack, bucket));
  }
  requireOrder(round.history.calls, bucket.ino);
  return round.history.calls.length;
}

async function finish<T>(simulation: Simulation, done: Promise<T>): Promise<T> {
  const outcome = await simulation.run(done);
  assert(outcome !== undefined);
  return outcome.value;
}

class SimulatedRound {
  readonly history = new History<ModelDirectory>();
  readonly #simulation: Simulation;
  readonly #options: RoundOptions;
  readonly #handles: Pick<Maker, 'directories' | 'files' | 'contents'>[];
  #contents = 0;

  constructor(simulation: Simulation, options: RoundOptions) {
    this.#simulation = simulation;
    this.#options = options;
    this.#handles = Array.from({ length: CLIENTS }, () => ({ directories: [], files: [], contents: [] }));
  }

  doors(stack: Stack, bucket: Bucket): Doors {
    const doors = namespaceDoors(stack, bucket);
    return this.#options.around?.(doors) ?? doors;
  }

  /** All clients, until they have made their calls. */
  async work(stack: Stack, bucket: Bucket): Promise<void> {
    const doors = this.doors(stack, bucket);
    const clients = this.#handles.map((handles, index) => {
      if (handles.directories.length === 0) handles.directories.push(bucket.ino);
      const chance = { random: this.#simulation.random, lengths: LENGTHS };
      const maker = { doors, ...chance, nextContent: () => (this.#contents += 1), ...handles };
      const rest = (): Promise<void> => this.#simulation.latency(`client ${index + 1}`);
      return clientAtWork(this.history, maker, { client: index + 1, calls: CALLS_EACH, rest });
    });
    let isOver = false;
    const upkeep = this.#options.moves ? this.#upkeep(stack, () => isOver) : Promise.resolve();
    await Promise.all(clients);
    isOver = true;
    await upkeep;
  }

  async #upkeep(stack: Stack, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await stack.namespace.step();
      await moveSome(stack, this.#simulation);
      await this.#simulation.clock.sleep([1, 20, 400][this.#simulation.random.below(3)] ?? 1);
    }
  }
}
