import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Random } from '../../../src/environment.ts';
import type { ShardDevice, ShardName } from '../../../src/tiering/warm/shard-device.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { noise } from '../../workers/segments.ts';
import { memoryDisks, type MemoryDisks } from './memory-disks.ts';
import { idOf } from './pool-bed.ts';

const identity = { pool: 'a'.repeat(32), device: 'b'.repeat(32) };

/** What may be there of a shard after a crash: the seeds of its content, `undefined` for none of it. */
type Possible = ReadonlySet<number | undefined>;

interface Step {
  readonly kind: 'put' | 'delete' | 'crash' | 'cut';
  readonly shard: number;
  readonly length: number;
  /** Operations of the disk before the power goes. */
  readonly after: number;
}

const lengths = [4_096, 20_480, 69_632, 6_000];
const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('put', 'put', 'put', 'delete', 'delete', 'crash', 'cut', 'cut'),
  shard: fc.nat(7),
  length: fc.constantFrom(...lengths),
  after: fc.nat(6),
});

const nameOf = (shard: number): ShardName => ({
  id: idOf(shard % 4),
  generation: 1 + (shard >> 2),
  index: 0,
});
const contentOf = (seed: number): Uint8Array => noise(lengths[seed % lengths.length]!, seed);

class Run {
  readonly #disks: MemoryDisks = memoryDisks();
  readonly #place = this.#disks.fresh();
  readonly #random: Random;
  readonly #possible = new Map<number, Possible>();
  #device: ShardDevice | undefined;
  #seed = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  async open(): Promise<void> {
    this.#device = await this.#disks.devices.make(this.#place, identity);
  }

  async take({ kind, shard, length, after }: Step): Promise<void> {
    if (kind === 'crash') return this.#crash();
    if (kind === 'put') return this.#put(shard, length);
    if (kind === 'delete') return this.#delete(shard);
    // The power goes in the middle of a put or a deletion.
    const acting = shard % 2 === 0 ? this.#put(shard, length) : this.#delete(shard);
    const before = this.#possible.get(shard) ?? new Set([undefined]);
    acting.catch(() => undefined);
    for (let turn = 0; turn < after * 3; turn++) await Promise.resolve();
    const now = this.#possible.get(shard) ?? new Set([undefined]);
    this.#possible.set(shard, new Set([...before, ...now, shard % 2 === 0 ? this.#seed : undefined]));
    await this.#crash();
  }

  async #put(shard: number, length: number): Promise<void> {
    this.#seed += lengths.length;
    const seed = this.#seed - (this.#seed % lengths.length) + lengths.indexOf(length);
    this.#seed = seed;
    await this.#device!.put(nameOf(shard), contentOf(seed));
    this.#possible.set(shard, new Set([seed]));
  }

  async #delete(shard: number): Promise<void> {
    const before = this.#possible.get(shard) ?? new Set([undefined]);
    await this.#device!.delete(nameOf(shard));
    // It may come back, as it was, until the next flush.
    this.#possible.set(shard, new Set([...before, undefined]));
    assert.equal(await this.#device!.lengthOf(nameOf(shard)), undefined);
  }

  async #crash(): Promise<void> {
    this.#disks.crash(this.#place, this.#random);
    this.#device = await this.#disks.devices.find(this.#place, identity);
    await this.check();
  }

  /** Everything that is there is what was put; nothing is lost but what may be. */
  async check(): Promise<void> {
    const device = this.#device!;
    let used = 0;
    for (let shard = 0; shard < 8; shard++) {
      const possible = this.#possible.get(shard) ?? new Set([undefined]);
      const length = await device.lengthOf(nameOf(shard));
      const bytes = length === undefined ? undefined : Buffer.from(await device.readWhole(nameOf(shard)));
      const found = [...possible].find((seed) =>
        seed === undefined ? bytes === undefined : bytes?.equals(contentOf(seed)) === true,
      );
      assert.ok(
        possible.has(found) && (found !== undefined || bytes === undefined),
        `shard ${shard} is what it may be`,
      );
      this.#possible.set(shard, new Set([found]));
      used += Math.ceil((length ?? 0) / 4_096) * 4_096;
    }
    const { bytesTotal, bytesFree } = await device.space();
    assert.equal(bytesFree, bytesTotal - used, 'nothing is leaked');
  }
}

suite('a power loss of a block device', () => {
  test('after several deletions in a row takes nothing along that was put before them', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const disks = memoryDisks();
      const place = disks.fresh();
      const device = await disks.devices.make(place, identity);
      for (let shard = 0; shard < 8; shard++) await device.put(nameOf(shard), contentOf(shard));
      // The last ones lie in another sector of the block than its head.
      for (const shard of [7, 6, 5]) await device.delete(nameOf(shard));
      disks.crash(place, seededRandom(seed));
      const again = await disks.devices.find(place, identity);
      for (let shard = 0; shard < 5; shard++) {
        const bytes = await again.readWhole(nameOf(shard));
        assert.ok(Buffer.from(contentOf(shard)).equals(bytes), `seed ${seed}, shard ${shard}`);
      }
    }
  });

  test('of a disk whose last process ended between a deletion and a flush takes nothing along either', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const disks = memoryDisks();
      const place = disks.fresh();
      const device = await disks.devices.make(place, identity);
      for (let shard = 0; shard < 8; shard++) await device.put(nameOf(shard), contentOf(shard));
      await device.delete(nameOf(7));
      await device.close();
      await (await disks.devices.find(place, identity)).delete(nameOf(6));
      disks.crash(place, seededRandom(seed));
      const again = await disks.devices.find(place, identity);
      for (let shard = 0; shard < 6; shard++) {
        assert.ok((await again.lengthOf(nameOf(shard))) !== undefined, `seed ${seed}, shard ${shard}`);
      }
    }
  });

  test('at any moment loses nothing that was put, and gives back nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 30 }), fc.nat(), async (steps, seed) => {
        const run = new Run(seed);
        await run.open();
        for (const step of steps) await run.take(step);
      }),
      { numRuns: 40 },
    );
  });

  test('while a device is made leaves one that can be made or found', async () => {
    for (let after = 0; after < 40; after++) {
      const disks = memoryDisks();
      const place = disks.fresh();
      const making = disks.devices.make(place, identity);
      making.catch(() => undefined);
      for (let turn = 0; turn < after; turn++) await Promise.resolve();
      disks.crash(place, seededRandom(after));
      const device = await disks.devices.make(place, identity);
      await device.put(nameOf(1), contentOf(1));
      await device.close();
      const again = await disks.devices.find(place, identity);
      assert.ok(Buffer.from(contentOf(1)).equals(await again.readWhole(nameOf(1))));
    }
  });
});
