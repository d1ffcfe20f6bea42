import assert from 'node:assert/strict';
import type { Clock, Environment, MonotonicMs, Random } from '../../src/environment.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import type { Kv } from '../../src/kv/kv.ts';
import type { MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { ChunkMedia } from '../tiering/memory-chunk-store.ts';
import { memoryDevice, openStack, silent, type Stack } from '../namespace/world.ts';
import { SlowDevice } from './slow-device.ts';
import { slowKv } from './slow-kv.ts';

const START_MS = 1_700_000_000_000;
/** Content above this goes to the device: small objects exercise it too. */
const INLINE_BYTES_MAX = 40;
const EVENTS_MAX = 200_000;

/** Of files made over NFS. */
const defaultEncryption = { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false } as const;

interface Event {
  readonly at: number;
  readonly tie: number;
  readonly label: string;
  readonly fire: () => void;
}

/**
 * Virtual time and a queue of completions: the seed decides how long every read and write of a store takes, and the
 * order of ties. Whatever happens is a function of the seed, since nothing else makes the code under test wait.
 */
export class Simulation {
  readonly random: Random;
  /** One line for each completion. */
  readonly trace: string[] = [];
  #now = 0;
  #events: Event[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  readonly clock: Clock = {
    wall: () => {
      const ms = START_MS + Math.floor(this.#now);
      return { seconds: Math.floor(ms / 1000), nanoseconds: (ms % 1000) * 1_000_000 };
    },
    monotonic: () => this.#now as MonotonicMs,
    sleep: (ms) => this.after(ms, 'sleep'),
  };

  /** Resolves `ms` from now in virtual time. */
  after(ms: number, label: string): Promise<void> {
    return new Promise((resolve) => {
      this.#events.push({ at: this.#now + ms, tie: this.random.below(2 ** 30), label, fire: resolve });
    });
  }

  /** Resolves after a random time: often at once, sometimes late. */
  latency(label: string): Promise<void> {
    const isLate = this.random.below(8) === 0;
    return this.after(this.random.below(isLate ? 40 : 4), label);
  }

  /** Runs until `done` settles, or until `events` completions have fired: then it answers `undefined`. */
  async run<T>(done: Promise<T>, events = EVENTS_MAX): Promise<{ value: T } | undefined> {
    let outcome: { value: T } | { cause: unknown } | undefined;
    done.then(
      (value) => (outcome = { value }),
      (cause: unknown) => (outcome = { cause }),
    );
    for (let count = 0; ; count += 1) {
      // A turn of the real loop lets everything run that waits for nothing.
      await new Promise((resolve) => setImmediate(resolve));
      if (outcome !== undefined || count === events) break;
      this.#fire();
    }
    if (outcome !== undefined && 'cause' in outcome) throw outcome.cause;
    assert(outcome !== undefined || events < EVENTS_MAX, 'runs for ever');
    return outcome;
  }

  /** What was under way never completes: its process is gone. */
  forgetAll(): void {
    this.#events = [];
    this.trace.push(`${this.#now} crash`);
  }

  #fire(): void {
    let best = 0;
    this.#events.forEach((event, index, all) => {
      const champion = all[best];
      if (champion === undefined || event.at > champion.at) return;
      if (event.at < champion.at || event.tie < champion.tie) best = index;
    });
    const [next] = this.#events.splice(best, 1);
    assert(next !== undefined, 'deadlock: something is awaited and nothing is under way');
    this.#now = next.at;
    this.trace.push(`${next.at} ${next.label}`);
    next.fire();
  }
}

/** A namespace whose stores take their time and survive crashes. */
export class SimulatedWorld {
  readonly simulation: Simulation;
  #engine: MemoryEngine;
  readonly #device: MemoryDevice = memoryDevice();
  readonly #lowerMedia = [
    { tier: 'warm', media: new ChunkMedia() },
    { tier: 'cold', media: new ChunkMedia() },
  ] as const;
  readonly #environment: Environment;
  readonly #around: (kv: Kv) => Kv;

  /** With `slowReads` nothing is answered from memory at once. */
  constructor(simulation: Simulation, { slowReads = false }: { readonly slowReads?: boolean } = {}) {
    this.simulation = simulation;
    this.#around = slowReads ? (kv) => slowKv(kv, (label) => simulation.latency(label)) : (kv) => kv;
    this.#engine = new MemoryEngine({ delay: (operation) => simulation.latency(`kv ${operation}`) });
    this.#environment = { clock: simulation.clock, random: simulation.random, log: silent };
  }

  /** Also a second time, with nothing in memory, when the first is not used any more. */
  open(): Promise<Stack> {
    const device = new SlowDevice(this.#device, (label) => this.simulation.latency(label));
    const given = { engine: this.#engine, device, environment: this.#environment, defaultEncryption };
    const lower = {
      lowerMedia: this.#lowerMedia,
      delay: (label: string) => this.simulation.latency(label),
    };
    return openStack({ ...given, ...lower, inlineBytesMax: INLINE_BYTES_MAX, around: this.#around });
  }

  /** Power loss at this moment. */
  crash(): void {
    this.simulation.forgetAll();
    this.#engine = this.#engine.crash(this.simulation.random);
    this.#device.crash(this.simulation.random);
  }
}

/** Runs `scenario` in a world of its own under each of `count` schedules. */
export async function underSchedules(
  count: number,
  scenario: (stack: Stack, simulation: Simulation, world: SimulatedWorld) => Promise<void>,
  options: { readonly slowReads?: boolean } = {},
): Promise<void> {
  for (let seed = 1; seed <= count; seed += 1) {
    const simulation = new Simulation(seed);
    const world = new SimulatedWorld(simulation, options);
    const run = async (): Promise<void> => scenario(await world.open(), simulation, world);
    await simulation.run(run()).catch((cause: unknown) => {
      throw new Error(`under the schedule of seed ${seed}`, { cause });
    });
  }
}
