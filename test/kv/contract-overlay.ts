import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Bed, OpenBed } from './contract.ts';
import { HeldEngine } from './held-engine.ts';
import { between, bytes, openAppending, put, rows, text, turns } from './rows.ts';
import type { Kv } from '../../src/kv/kv.ts';

interface Held {
  readonly kv: Kv;
  readonly engine: HeldEngine;
  readonly bed: Bed;
}

/** A store whose commits stay in flight until `engine.release()`. */
export async function withHeld(openBed: OpenBed, use: (held: Held) => Promise<void>): Promise<void> {
  const bed = await openBed();
  const engine = new HeldEngine(bed.engine);
  const kv = openAppending(engine);
  try {
    await use({ kv, engine, bed });
  } finally {
    engine.isHolding = false;
    engine.release();
    engine.isHoldingReads = false;
    engine.releaseReads();
    await kv.close();
    await bed.dispose();
  }
}

type Change = readonly [key: string, value: string | undefined];
const change: fc.Arbitrary<Change> = fc.tuple(
  fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 3 }),
  fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined }),
);
const changes = fc.array(change, { maxLength: 25 });

const modelOf = (all: readonly Change[], range: readonly [string, string]): string[] => {
  const model = new Map(all);
  const there = [...model].filter(([key, value]) => value !== undefined && key >= range[0] && key < range[1]);
  return there
    .map(([key, value]) => `${key}=${value}`)
    .sort((a, b) => (a.split('=')[0]! < b.split('=')[0]! ? -1 : 1));
};

export function overlayContract(openBed: OpenBed): void {
  mergingContract(openBed);
  raceContract(openBed);
}

function mergingContract(openBed: OpenBed): void {
  test('a scan merges the engine, commits in flight and own writes, with deletions, for any page size', () =>
    withHeld(openBed, async ({ kv, engine }) => {
      const bound = fc.constantFrom('', 'a', 'aa', 'ab', 'b', 'bb', 'ca', 'cc', 'd');
      const shape = fc.record({
        start: bound,
        end: bound,
        reverse: fc.boolean(),
        pageEntries: fc.integer({ min: 1, max: 5 }),
      });
      await fc.assert(
        fc.asyncProperty(
          changes,
          changes,
          changes,
          shape,
          async (below, flying, own, { start, end, ...walk }) => {
            engine.isHolding = false;
            engine.release();
            await kv.transact('durable', async (tx) => {
              for await (const page of tx.scan(between('', 'z'), { pageEntries: 100 }))
                page.forEach(({ key }) => tx.delete(key));
            });
            await kv.transact('durable', async (tx) => apply(tx, below));
            engine.isHolding = true;
            for (const one of flying) await kv.transact('buffered', async (tx) => apply(tx, [one]));
            const range = between(start, end);
            const expected = modelOf([...below, ...flying], [start, end]);
            if (walk.reverse) expected.reverse();
            assert.deepEqual(await rows(kv, { range, ...walk }), expected);
            const within = modelOf([...below, ...flying, ...own], [start, end]);
            if (walk.reverse) within.reverse();
            await kv.transact('buffered', async (tx) => {
              apply(tx, own);
              assert.deepEqual(await rows(tx, { range, ...walk }), within);
              const key = own[0]?.[0] ?? 'a';
              const want = new Map([...below, ...flying, ...own]).get(key);
              assert.equal(text(await tx.get(bytes(key))), want);
              assert.deepEqual((await tx.getMany([bytes(key), bytes('zz')])).map(text), [want, undefined]);
            });
          },
        ),
        { numRuns: 60 },
      );
    }));

  test('own writes are seen by the transaction that made them and by nobody else before it commits', () =>
    withHeld(openBed, async ({ kv, engine }) => {
      engine.isHolding = false;
      await put(kv, { a: '1', b: '1' });
      await kv.transact('durable', async (tx) => {
        tx.put(bytes('a'), bytes('2'));
        tx.delete(bytes('b'));
        tx.put(bytes('c'), bytes('2'));
        assert.equal(text(await tx.get(bytes('a'))), '2');
        assert.deepEqual((await tx.getMany(['c', 'b', 'a'].map(bytes))).map(text), ['2', undefined, '2']);
        assert.deepEqual(await rows(tx), ['a=2', 'c=2']);
        assert.deepEqual(await rows(tx, { reverse: true, pageEntries: 1 }), ['c=2', 'a=2']);
        assert.deepEqual(await rows(kv), ['a=1', 'b=1']);
      });
      assert.deepEqual(await rows(kv), ['a=2', 'c=2']);
    }));
}

function raceContract(openBed: OpenBed): void {
  test('a scan finds the one row behind many deletions in flight', () =>
    withHeld(openBed, async ({ kv, engine }) => {
      engine.isHolding = false;
      const keys = Array.from({ length: 3000 }, (_, index) => `k${String(index).padStart(5, '0')}`);
      await put(kv, Object.fromEntries(keys.map((key) => [key, '1'])));
      engine.isHolding = true;
      await kv.transact('buffered', async (tx) => keys.slice(1, -1).forEach((key) => tx.delete(bytes(key))));
      const found = ['k00000=1', 'k02999=1'];
      assert.deepEqual(await rows(kv, { pageEntries: 1 }), found);
      assert.deepEqual(await rows(kv, { pageEntries: 1, reverse: true }), found.toReversed());
    }));

  test('an answer of the engine that was overtaken by a commit is not given out and not cached', () =>
    withHeld(openBed, async ({ kv, engine, bed }) => {
      engine.isHolding = false;
      await bed.engine.write([{ key: bytes('a'), value: bytes('old') }], true);
      engine.isHoldingReads = true;
      const point = kv.get(bytes('a'));
      const scan = rows(kv);
      await turns();
      assert.equal(engine.readsHeld, 2);
      engine.isHoldingReads = false;
      await put(kv, { a: 'new' });
      engine.releaseReads();
      assert.equal(text(await point), 'new');
      assert.deepEqual(await scan, ['a=new']);
      assert.equal(text(await kv.get(bytes('a'))), 'new');
    }));

  for (const reverse of [false, true]) {
    test(`a commit that was in flight when a scan ${reverse ? 'backwards ' : ''}began is in it, also when it lands before the old answer comes`, () =>
      withHeld(openBed, async ({ kv, engine, bed }) => {
        await bed.engine.write([{ key: bytes('a'), value: bytes('1') }], true);
        await bed.engine.write([{ key: bytes('b'), value: bytes('1') }], true);
        await kv.transact('buffered', async (tx) => {
          tx.put(bytes('b'), bytes('2'));
          tx.put(bytes('c'), bytes('2'));
          tx.delete(bytes('a'));
        });
        engine.isHoldingReads = true;
        const plain = rows(kv, { reverse });
        const within = kv.transact('durable', (tx) => rows(tx, { reverse }));
        await turns();
        assert.equal(engine.readsHeld, 2);
        engine.release();
        await kv.sync();
        await turns();
        engine.isHoldingReads = false;
        engine.releaseReads();
        const want = reverse ? ['c=2', 'b=2'] : ['b=2', 'c=2'];
        assert.deepEqual(await plain, want);
        assert.deepEqual(await within, want);
      }));
  }

  test('getMany answers for one moment even where one row was in memory and the other had to be read', () =>
    withHeld(openBed, async ({ kv, engine, bed }) => {
      engine.isHolding = false;
      await bed.engine.write([{ key: bytes('b'), value: bytes('1') }], true);
      await put(kv, { a: '1' });
      engine.isHoldingReads = true;
      const both = kv.getMany(['a', 'b'].map(bytes));
      await turns();
      engine.isHoldingReads = false;
      await put(kv, { a: '2', b: '2' });
      engine.releaseReads();
      assert.deepEqual((await both).map(text), ['2', '2']);
    }));
}

function apply(
  tx: { put(key: Uint8Array, value: Uint8Array): void; delete(key: Uint8Array): void },
  all: readonly Change[],
): void {
  for (const [key, value] of all) {
    if (value === undefined) tx.delete(bytes(key));
    else tx.put(bytes(key), bytes(value));
  }
}
