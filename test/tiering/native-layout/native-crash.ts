import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import type { ObjectFailure } from '../../../src/tiering/cold/memory-object-store.ts';
import type { ObjectOperation } from '../../../src/tiering/cold/object-store.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { turns } from '../hot/blob-bed.ts';
import { NativeBed } from './native-bed.ts';

const keys = ['a', 'b', 'd/c'];

/** One client that knows what each key holds, with moves, deletions and sweeps at the same time, until a crash. */
class Life {
  readonly bed: NativeBed;
  /** What was acknowledged. */
  readonly known = new Map<string, string>();
  /** What the call under way makes of some keys: after a crash each is either as before or so. */
  readonly coming = new Map<string, string | undefined>();
  isOver = false;
  #isDone = false;

  constructor(bed: NativeBed) {
    this.bed = bed;
  }

  async run(steps: number): Promise<void> {
    const client = this.#unlessOver(async () => {
      for (let step = 0; step < steps && !this.isOver; step += 1) await this.#step();
    }).finally(() => (this.#isDone = true));
    const all = [client, this.#mover(), this.#background('sweep-objects'), this.#collector()];
    const settled = await Promise.allSettled(all);
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason as Error;
  }

  async #unlessOver(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (cause) {
      if (!this.isOver) throw cause;
    }
  }

  #until(step: () => Promise<unknown>): Promise<void> {
    return this.#unlessOver(async () => {
      while (!this.isOver && !this.#isDone) {
        await step();
        await turns(1 + this.bed.random.below(30));
      }
    });
  }

  #background(step: 'sweep-objects'): Promise<void> {
    return this.#until(() => this.bed.stack.tiering.steps[step]());
  }

  #collector(): Promise<void> {
    return this.#until(() => this.bed.stack.blobs.collect());
  }

  /** What is refused, or fails since the store does, stays where it is. */
  #mover(): Promise<void> {
    return this.#until(async () => {
      const key = this.#anyKey();
      const to = this.bed.random.below(4) === 0 ? 'hot' : 'cold';
      if ((await this.bed.blobsOf(key)).length > 0) await this.bed.move(key, to);
    });
  }

  #anyKey(): string {
    return keys[this.bed.random.below(keys.length)]!;
  }

  async #step(): Promise<void> {
    const { random } = this.bed;
    const [key, other] = [this.#anyKey(), this.#anyKey()];
    const choice = random.below(10);
    const held = this.known.get(key);
    if (choice < 3 || held === undefined) await this.#put(key);
    else if (choice < 5) await this.#write(key, held);
    else if (choice === 5) await this.#change({ [key]: undefined }, () => this.bed.delete(key));
    else if (choice === 6 && other !== key)
      await this.#change({ [other]: held }, () => this.bed.copy(key, other));
    else if (choice === 7 && other !== key && !`${key}${other}`.includes('/'))
      await this.#change({ [key]: undefined, [other]: held }, () => this.bed.rename(key, other));
    else assert.equal(await this.bed.get(key), held, `content of ${key}`);
    await turns(random.below(60));
  }

  async #put(key: string): Promise<void> {
    const { random } = this.bed;
    const body = String.fromCharCode(97 + random.below(26)).repeat(1 + random.below(30_000));
    await this.#change({ [key]: body }, () => this.bed.put(key, body));
  }

  /** Over NFS: within, or beyond the end. */
  async #write(key: string, held: string): Promise<void> {
    if (key.includes('/')) return;
    const { random } = this.bed;
    const offset = random.below(held.length + 5_000);
    const data = String.fromCharCode(65 + random.below(26)).repeat(1 + random.below(4_000));
    const before = held.slice(0, offset).padEnd(offset, '\0');
    const body = before + data + held.slice(offset + data.length);
    await this.#change({ [key]: body }, () => this.bed.write(key, offset, data));
  }

  async #change(to: Record<string, string | undefined>, call: () => Promise<void>): Promise<void> {
    for (const [key, body] of Object.entries(to)) this.coming.set(key, body);
    await call();
    if (this.isOver) return;
    this.coming.clear();
    for (const [key, body] of Object.entries(to)) {
      if (body === undefined) this.known.delete(key);
      else this.known.set(key, body);
    }
  }
}

/** Everything is what was acknowledged, each object in the store is needed, and when all is deleted nothing is left of it. */
async function checkAll({ bed, known, coming }: Life): Promise<void> {
  bed.store.failWhen(undefined);
  for (const key of keys) {
    const found = await bed.get(key);
    const isComing = coming.has(key) && found === coming.get(key);
    if (!isComing) assert.equal(found, known.get(key), `content of ${key}`);
    if (found === undefined) known.delete(key);
    else known.set(key, found);
  }
  while ((await bed.stack.tiering.steps.migrate()) === 'busy');
  for (const key of keys) if ((await bed.blobsOf(key)).length > 0) await bed.move(key);
  await bed.clear();
  for (const key of keys)
    assert.equal(await bed.get(key), known.get(key), `content of ${key} when all is cold`);
  const { corrupt, unrecoverable } = await bed.stack.tiering.tiers.scrub(() => undefined);
  assert.deepEqual([corrupt, unrecoverable], [0, 0], 'every copy is whole');
  assert.deepEqual(
    bed.stack.tiering.tiers.changedOutside(),
    { keys: [], lost: [] },
    'nobody has changed anything',
  );
  assert.equal((await bed.rows()).objects, bed.store.keys().length, 'each object has its row');
  for (const key of [...known.keys()]) await bed.delete(key);
  await bed.clear();
  assert.deepEqual(bed.store.keys(), [], 'nothing is left there');
  assert.deepEqual(await bed.rows(), { objects: 0, leads: 0 }, 'nor here');
}

const openBed = (seed: number): Promise<NativeBed> =>
  NativeBed.open({ random: seededRandom(seed), isSlow: true });

/** What a store may do that is neither there nor honest for a while. */
const failures: readonly ObjectFailure[] = ['error', 'slow-down', 'lost-answer', 'corrupt-answer', 'gone'];

/** Clients, moves, deletions and sweeps at once, over a store that fails now and then. */
export const checkLife = (): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.boolean(), async (seed, isFailing) => {
      const life = new Life(await openBed(seed));
      const { bed } = life;
      const decide = (name: ObjectOperation['name']): ObjectFailure | undefined =>
        name !== 'head' && bed.random.below(15) === 0
          ? failures[bed.random.below(failures.length)]
          : undefined;
      if (isFailing) bed.store.failWhen(decide);
      await life.run(25).catch((cause: unknown) => {
        if (!isFailing || !(cause instanceof Fault)) throw cause;
      });
      await checkAll(life);
    }),
    { numRuns: 20 },
  );

/** A crash at any moment of that, and another one while the process after it still starts. */
export const checkCrash = (): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 2_500 }), async (seed, crashAfterTurns) => {
      const bed = await openBed(seed);
      let life = new Life(bed);
      for (const _round of [1, 2]) {
        const living = life.run(40);
        await turns(crashAfterTurns);
        life.isOver = true;
        await bed.crash();
        await living;
        await bed.reopen();
        const after = new Life(bed);
        for (const key of keys) {
          const found = await bed.get(key);
          const isComing = life.coming.has(key) && found === life.coming.get(key);
          if (!isComing) assert.equal(found, life.known.get(key), `content of ${key} after a crash`);
          if (found !== undefined) after.known.set(key, found);
        }
        life = after;
      }
      await checkAll(life);
    }),
    { numRuns: 40 },
  );
