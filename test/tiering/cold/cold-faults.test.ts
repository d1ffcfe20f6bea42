import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/fault.ts';
import type { ObjectFailure } from '../../../src/tiering/cold/memory-object-store.ts';
import { packedImage } from '../../../src/tiering/packed-image.ts';
import type { SegmentId } from '../../../src/tiering/segment-store.ts';
import { packedSegment, segmentId } from '../packed-segments.ts';
import { coldWorld, idsOf, type ColdWorld } from './cold-world.ts';

const segments = await Promise.all(
  [1, 2, 3, 4, 5, 6].map(async (number) => {
    const packed = await packedSegment(number);
    return { id: segmentId(number), packed, image: Buffer.concat(packedImage(packed).data) };
  }),
);
const expected = ['unavailable', 'throttled', 'corrupt', 'not-found'];

/** The code of a fault that the port allows; anything else fails the test. */
function codeOf(failure: unknown): string {
  assert.ok(failure instanceof Fault, String(failure));
  assert.equal(failure.subject, 'store');
  assert.ok(expected.includes(failure.code), failure.message);
  return failure.code;
}

/** For each key all uploads that had an effect, which must be one and the same. */
function assertNeverOtherBytes({ bucket }: ColdWorld): void {
  const etags = new Map<string, string>();
  for (const { key, etag } of bucket.uploads()) {
    if (!key.includes('/segments/')) continue;
    assert.equal(etags.get(key) ?? etag, etag, `other bytes under ${key}`);
    etags.set(key, etag);
  }
}

const failures = fc.constantFrom<ObjectFailure>(
  'error',
  'slow-down',
  'silence',
  'lost-answer',
  'corrupt-answer',
  'short-answer',
  'corrupt-write',
  'gone',
);

test('whatever the store does, what was acknowledged was read back, and no key ever gets other bytes', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 2 ** 30 }),
      fc.array(failures, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 60 }),
      async (seed, kinds, percent) => {
        const world: ColdWorld = coldWorld(seed, { delay: () => world.simulation.latency('bucket') });
        const { random } = world.simulation;
        await world.simulation.run(
          (async () => {
            const { store } = await world.open();
            world.bucket.failWhen(() =>
              random.below(100) < percent ? kinds[random.below(kinds.length)] : undefined,
            );
            const acknowledged = new Set<SegmentId>();
            const put = async ({ id, packed }: (typeof segments)[number]): Promise<void> => {
              // Twice at a time: the second one meets what the first one does.
              const outcomes = await Promise.allSettled([store.put(id, packed), store.put(id, packed)]);
              for (const outcome of outcomes) {
                if (outcome.status === 'rejected') codeOf(outcome.reason);
                else acknowledged.add(id);
              }
            };
            await Promise.all(segments.map(put));
            world.bucket.failWhen(undefined);
            await world.simulation.after(120_000, 'the pause of the breaker');
            assertNeverOtherBytes(world);
            for (const { id, image } of segments) {
              if (!acknowledged.has(id)) continue;
              assert.deepEqual(Buffer.from(await store.read(id, 0, image.length)), image);
            }
            await store.close();
          })(),
        );
      },
    ),
    { numRuns: 60 },
  ));

test('random damage of objects is found, all of it, and healed where no row of blocks has more than the parity', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...segments),
      fc.array(fc.nat({ max: 6 * 4096 + 2 * 4096 - 1 }), { minLength: 1, maxLength: 3 }),
      async ({ id, packed, image }, offsets) => {
        const world = coldWorld();
        await world.simulation.run(
          (async () => {
            const { store } = await world.open();
            await store.put(id, packed);
            const key = `one/segments/00/${id}`;
            const sound = Uint8Array.from(world.bucket.lying(key));
            const blocks = new Set(offsets.map((offset) => Math.floor(offset / 4096)));
            for (const block of blocks) world.bucket.corrupt(key, block * 4096 + ((offsets[0] ?? 0) % 4096));
            const headers = [4, 7].filter((block) => blocks.has(block)).length;
            const health = await store.scrub(id);
            assert.equal(health.corrupt, 1);
            const isHealable = blocks.size - headers <= 2 && headers < 2;
            assert.deepEqual([health.healed, health.isWhole], [Number(isHealable), isHealable]);
            if (!isHealable) return;
            assert.deepEqual(world.bucket.lying(key), sound);
            assert.deepEqual(Buffer.from(await store.read(id, 0, image.length)), image);
          })(),
        );
      },
    ),
    { numRuns: 100 },
  ));

test('an outage of minutes under load loses nothing, holds nothing up, and ends by itself', async () => {
  const world: ColdWorld = coldWorld(5, { delay: () => world.simulation.latency('bucket') });
  const { clock } = world.environment;
  await world.simulation.run(
    (async () => {
      const { store, alerts } = await world.open();
      const [known = assert.fail()] = segments;
      await store.put(known.id, known.packed);
      let isOver = false;
      let slowestMs = 0;
      let readsFailed = 0;
      const reading = async (): Promise<void> => {
        while (!isOver) {
          const beganAt = clock.monotonic();
          const bytes = await store.read(known.id, 0, 64).catch((failure: unknown) => void codeOf(failure));
          if (bytes === undefined) readsFailed += 1;
          else assert.deepEqual(Buffer.from(bytes), known.image.subarray(0, 64));
          slowestMs = Math.max(slowestMs, clock.monotonic() - beganAt);
          await world.simulation.after(50, 'reader');
        }
      };
      const writing = async ({ id, packed }: (typeof segments)[number]): Promise<void> => {
        for (;;) {
          const isStored = await store.put(id, packed).then(
            () => true,
            (failure: unknown) => codeOf(failure) === '',
          );
          if (isStored) return;
          await world.simulation.after(1_000, 'writer');
        }
      };
      const readers = [1, 2, 3].map(reading);
      world.bucket.failWhen(() => 'gone');
      const writers = segments.slice(1).map(writing);
      await world.simulation.after(300_000, 'outage');
      assert.match(alerts()[0]?.text ?? '', /is out of reach since/);
      assert.deepEqual(await idsOf(store).catch((failure: unknown) => codeOf(failure)), 'unavailable');
      world.bucket.failWhen(undefined);
      await Promise.all(writers);
      isOver = true;
      await Promise.all(readers);
      assert.deepEqual(alerts(), []);
      assert.deepEqual(
        await idsOf(store),
        segments.map(({ id }) => id),
      );
      assert.ok(readsFailed > 100, `${readsFailed} reads failed`);
      assert.ok(slowestMs < 30_000, `a read took ${slowestMs} ms`);
      assertNeverOtherBytes(world);
    })(),
  );
});
