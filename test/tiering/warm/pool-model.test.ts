import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import {
  checkImage,
  openBed,
  openPool,
  placeOf,
  segmentOf,
  settle,
  shardsOf,
  type PoolBed,
  type Segment,
} from './pool-bed.ts';

const DEVICES = 7;
const SEGMENTS = 5;

/** One thing that happens to a pool. */
type Event =
  | {
      readonly kind: 'put' | 'delete' | 'scrub' | 'read' | 'flip';
      readonly segment: number;
      readonly at: number;
    }
  | { readonly kind: 'lose' | 'unplug' | 'plug' | 'fail' | 'hang' | 'work' | 'slow'; readonly device: number }
  | { readonly kind: 'replace' | 'settle' | 'restart' };

const events: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('put', 'put', 'delete', 'scrub', 'read', 'read', 'flip'),
    segment: fc.nat(SEGMENTS - 1),
    at: fc.nat(1_000_000),
  }),
  fc.record({
    kind: fc.constantFrom('lose', 'unplug', 'plug', 'fail', 'hang', 'work', 'slow'),
    device: fc.nat(DEVICES - 1),
  }),
  fc.record({ kind: fc.constantFrom('replace', 'settle', 'restart') }),
);

/** A pool beside what it must have. */
class Model {
  readonly bed: PoolBed;
  /** By the number of the segment: what was acknowledged. */
  readonly #there = new Map<number, Segment>();
  /** Devices that are lost, away, failing or hanging: at most as many as there is parity. */
  readonly #bad = new Set<string>();
  readonly #failing = new Set<string>();
  /** Segments with a damaged shard: these can lose one device less. */
  #isFlipped = false;
  #turn = 0;

  constructor(bed: PoolBed) {
    this.bed = bed;
  }

  async apply(event: Event): Promise<void> {
    switch (event.kind) {
      case 'put':
        return this.#put(event.segment);
      case 'delete':
        return this.#delete(event.segment);
      case 'read':
        return this.#read(event.segment, event.at);
      case 'scrub':
        return this.#scrub(event.segment);
      case 'flip':
        return this.#flip(event.segment, event.at);
      case 'replace':
        return this.#replace();
      case 'settle':
        return this.settle();
      case 'restart':
        this.bed.pool = await openPool(this.bed);
        return;
      case 'lose':
      case 'unplug':
      case 'plug':
      case 'fail':
      case 'hang':
      case 'work':
      case 'slow':
        return this.#device(event.kind, `/d${event.device + 1}`);
    }
  }

  async settle(): Promise<void> {
    await settle(this.bed);
    if (this.#bad.size === 0) this.#isFlipped = false;
  }

  async checkAll(): Promise<void> {
    for (const segment of this.#there.values()) await checkImage(this.bed, segment);
  }

  /** All devices work again, and everything is in its place once. */
  async heal(): Promise<void> {
    for (const path of [...this.#bad]) this.#device('work', path);
    await this.#replace();
    await this.settle();
    for (const segment of this.#there.values()) {
      await this.bed.clock.run(this.bed.pool.scrub(segment.id));
      await checkImage(this.bed, segment);
    }
    await this.settle();
    assert.equal(this.bed.pool.state().shardsMissing, 0);
    for (const { id, packed } of this.#there.values()) {
      assert.equal(shardsOf(this.bed, id).length, packed.shards.length);
      assert.equal((await this.bed.clock.run(this.bed.pool.scrub(id))).corrupt, 0);
    }
  }

  async #put(n: number): Promise<void> {
    if (this.#there.has(n)) return;
    this.#turn += 1;
    // Ids are never used again.
    const segment = await segmentOf(n + 1 + SEGMENTS * this.#turn, this.bed.pool.traits.shape, {
      bytes: 6_000,
    });
    try {
      await this.bed.clock.run(this.bed.pool.put(segment.id, segment.packed));
      this.#there.set(n, segment);
    } catch (cause) {
      assert.ok(cause instanceof Fault && cause.code === 'unavailable' && this.#bad.size > 0);
    }
  }

  async #delete(n: number): Promise<void> {
    const segment = this.#there.get(n);
    if (segment !== undefined) await this.bed.clock.run(this.bed.pool.delete(segment.id));
    this.#there.delete(n);
  }

  async #read(n: number, at: number): Promise<void> {
    const segment = this.#there.get(n);
    if (segment === undefined) return;
    const offset = at % segment.image.length;
    const length = Math.min(segment.image.length - offset, 1 + (at % 9_000));
    const bytes = await this.bed.clock.run(this.bed.pool.read(segment.id, offset, length));
    assert.ok(Buffer.from(bytes).equals(segment.image.subarray(offset, offset + length)));
  }

  async #scrub(n: number): Promise<void> {
    const segment = this.#there.get(n);
    if (segment === undefined) return;
    assert.equal((await this.bed.clock.run(this.bed.pool.scrub(segment.id))).isWhole, true);
  }

  async #flip(n: number, at: number): Promise<void> {
    const segment = this.#there.get(n);
    const shard = segment === undefined ? undefined : shardsOf(this.bed, segment.id)[0];
    if (segment === undefined || shard === undefined || this.#isFlipped || this.#bad.size > 1) return;
    this.#isFlipped = true;
    const name = { id: segment.id, generation: 1, index: shard.index };
    placeOf(this.bed, shard.path).corrupt(name, at % (segment.packed.shardBytes + 4_096), at);
  }

  #device(kind: 'lose' | 'unplug' | 'plug' | 'fail' | 'hang' | 'work' | 'slow', path: string): void {
    const place = placeOf(this.bed, path);
    if (kind === 'slow') {
      place.delay = () => this.bed.clock.sleep(this.bed.environment.random.below(300));
      return;
    }
    if (kind === 'work' || kind === 'plug') {
      place.failure = undefined;
      this.#failing.delete(path);
      place.delay = undefined;
      place.isPlugged = true;
      if (place.identity !== undefined) this.#bad.delete(path);
      return;
    }
    if (this.#bad.has(path) || this.#bad.size + (this.#isFlipped ? 1 : 0) >= 2) return;
    this.#bad.add(path);
    if (kind === 'lose') place.lose();
    if (kind === 'unplug') place.isPlugged = false;
    if (kind === 'fail' || kind === 'hang') this.#failing.add(path);
    if (kind === 'fail') place.failure = () => (this.bed.environment.random.below(3) > 0 ? 'EIO' : undefined);
    if (kind === 'hang') place.failure = () => 'hang';
  }

  /** Every device that was lost gets an empty one in its place, and what was on it is made anew. */
  async #replace(): Promise<void> {
    await settle(this.bed);
    for (const path of this.bed.paths) {
      if (placeOf(this.bed, path).identity !== undefined) continue;
      this.#device('work', path);
      await this.bed.clock.run(this.bed.pool.replace(path, path));
    }
    await settle(this.bed);
    const left = new Set(this.bed.pool.state().devices.flatMap((it) => (it.isDraining ? [it.path] : [])));
    for (const path of [...this.#bad]) {
      const place = placeOf(this.bed, path);
      const isGood = place.isPlugged && !this.#failing.has(path) && place.identity !== undefined;
      if (isGood && !left.has(path)) this.#bad.delete(path);
    }
  }
}

suite('a warm pool and what it must have', () => {
  test('whatever happens to at most two devices, every byte that was acknowledged is read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(events, { minLength: 5, maxLength: 30 }),
        async (seed, list) => {
          const model = new Model(await openBed({ count: DEVICES, seed }));
          for (const event of list) await model.apply(event);
          await model.checkAll();
          await model.heal();
        },
      ),
      { numRuns: 60 },
    );
  });
});
