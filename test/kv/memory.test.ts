import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryEngine, type MemoryOptions } from '../../src/kv/memory.ts';
import { kvContract, type Bed } from './contract.ts';
import { between, bytes, openAppending, put, rows, turns } from './rows.ts';
import { seededRandom } from './seeded-random.ts';
import type { KvEngine } from '../../src/kv/engine.ts';

const bedOf = (options: MemoryOptions): Bed => {
  const engine = new MemoryEngine(options);
  // After a clean stop everything is durable, so any crash leaves it all.
  const reopen = async (): Promise<KvEngine> => engine.crash(seededRandom(1), options);
  return { engine, reopen, dispose: async () => undefined };
};

kvContract('memory', async () => bedOf({}));
kvContract('memory with latency', async () => bedOf({ delay: () => turns(1) }));

test('a crash keeps everything acknowledged as durable and a prefix of the rest, whole batches in order', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 0, max: 12 }), async (seed, crashAfterTurns) => {
      const random = seededRandom(seed);
      const engine = new MemoryEngine({ delay: () => turns(1 + random.below(2)) });
      const kv = openAppending(engine);
      let acknowledged = 0;
      const writing = (async () => {
        for (let index = 1; index <= 12; index++) {
          const durability = random.below(3) === 0 ? 'durable' : 'buffered';
          const row = bytes(String(index));
          await kv.transact(durability, async (tx) =>
            ['left', 'right'].forEach((key) => tx.put(bytes(key), row)),
          );
          if (durability === 'durable') acknowledged = index;
          await turns(random.below(2));
        }
      })().catch((cause: unknown) => assert.equal((cause as { code: string }).code, 'unavailable'));
      await turns(crashAfterTurns);
      const atLeast = acknowledged;
      const survivor = openAppending(engine.crash(random, {}));
      const found = await rows(survivor);
      const last = Number(found[0]?.split('=')[1] ?? 0);
      assert.deepEqual(found, last === 0 ? [] : [`left=${last}`, `right=${last}`]);
      assert(last >= atLeast, `${last} is older than the acknowledged ${atLeast}`);
      await writing;
      await survivor.close();
    }),
    { numRuns: 200 },
  ));

test('a crash can lose a buffered commit and cannot lose a durable one', async () => {
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const engine = new MemoryEngine();
    const kv = openAppending(engine);
    await put(kv, { durable: '1' });
    await kv.transact('buffered', async (tx) => tx.put(bytes('buffered'), bytes('1')));
    outcomes.add((await rows(openAppending(engine.crash(seededRandom(seed), {})))).join());
  }
  assert.deepEqual([...outcomes].sort(), ['buffered=1,durable=1', 'durable=1']);
});

test('sync makes buffered commits survive a crash', async () => {
  const engine = new MemoryEngine();
  const kv = openAppending(engine);
  await kv.transact('buffered', async (tx) => tx.put(bytes('a'), bytes('1')));
  await kv.sync();
  const survivor = engine.crash({ below: () => 0, bytes: () => new Uint8Array() }, {});
  assert.deepEqual(await rows(openAppending(survivor)), ['a=1']);
});

test('an injected failure of a write rejects the whole group', async () => {
  const failures: Error[] = [];
  const engine: KvEngine = new MemoryEngine({ writeFailure: () => failures[0] });
  await engine.write([{ key: bytes('a'), value: bytes('1') }], true);
  failures.push(new Error('no space'));
  await assert.rejects(engine.write([{ key: bytes('a'), value: bytes('2') }], true), failures[0]);
  assert.deepEqual(await engine.page(between('', 'z'), { reverse: false, entriesMax: 9, bytesMax: 99 }), {
    entries: [{ key: bytes('a'), value: bytes('1') }],
    isLast: true,
  });
});
