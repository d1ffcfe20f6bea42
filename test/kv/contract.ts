import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { KvEngine } from '../../src/kv/engine.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { commitContract } from './contract-commit.ts';
import { concurrencyContract } from './contract-concurrency.ts';
import { overlayContract } from './contract-overlay.ts';
import { between, bytes, openAppending, pages, put, rows, text } from './rows.ts';

/** An engine to be tested and its data. */
export interface Bed {
  readonly engine: KvEngine;
  /** After the engine was closed: another one over the same data. */
  reopen(): Promise<KvEngine>;
  /** Removes the data; the engine is closed. */
  dispose(): Promise<void>;
}

export type OpenBed = () => Promise<Bed>;

/** Runs `use` over a fresh engine and closes what it opened. */
export async function withKv(openBed: OpenBed, use: (kv: Kv, bed: Bed) => Promise<void>): Promise<void> {
  const bed = await openBed();
  const kv = openAppending(bed.engine);
  try {
    await use(kv, bed);
  } finally {
    await kv.close();
    await bed.dispose();
  }
}

/** What every engine under `openOptimistic` has to fulfil. */
export function kvContract(name: string, openBed: OpenBed): void {
  describe(`kv over ${name}`, () => {
    readingContract(openBed);
    rangeContract(openBed);
    lifeContract(openBed);
    overlayContract(openBed);
    commitContract(openBed);
    concurrencyContract(openBed);
  });
}

const byteKeys = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 4 }), {
  maxLength: 40,
  selector: (key) => Buffer.from(key).toString('hex'),
});

function readingContract(openBed: OpenBed): void {
  test('an absent key reads as undefined, an empty value as an empty one', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { a: '', b: 'two' });
      assert.deepEqual((await kv.getMany(['b', 'x', 'a'].map(bytes))).map(text), ['two', undefined, '']);
      assert.equal(text(await kv.get(bytes('b'))), 'two');
      assert.equal(await kv.get(bytes('x')), undefined);
      assert.equal(await kv.get(bytes('x')), undefined);
    }));

  test('scans yield unsigned byte order in both directions, in full pages', () =>
    withKv(openBed, (kv) =>
      fc.assert(
        fc.asyncProperty(
          byteKeys,
          fc.integer({ min: 1, max: 7 }),
          fc.boolean(),
          async (keys, pageEntries, reverse) => {
            await clear(kv);
            await kv.transact('durable', async (tx) => keys.forEach((key) => tx.put(key, key)));
            const sorted = keys
              .map((key) => Buffer.from(key))
              .sort((one, other) => Buffer.compare(one, other));
            if (reverse) sorted.reverse();
            const found = await pages(kv, {
              reverse,
              pageEntries,
              range: { start: bytes(''), end: bytes('\xff'.repeat(5)) },
            });
            assert.deepEqual(
              found.flat().map(({ key }) => Buffer.from(key)),
              sorted,
            );
            assert(found.every((page, index) => page.length === pageEntries || index === found.length - 1));
            assert(found.every((page) => page.length > 0));
          },
        ),
        { numRuns: 40 },
      ),
    ));
}

function rangeContract(openBed: OpenBed): void {
  const ranges = [
    { name: 'the start is part of a range and its end is not', range: ['b', 'd'], want: ['b=1', 'c=1'] },
    { name: 'bounds need not exist', range: ['aa', 'cc'], want: ['b=1', 'c=1'] },
    { name: 'a range whose end is its start is empty', range: ['b', 'b'], want: [] },
    { name: 'a range whose end is before its start is empty', range: ['c', 'b'], want: [] },
    { name: 'a range beyond the last key is empty', range: ['x', 'z'], want: [] },
  ] as const;
  for (const { name, range, want } of ranges) {
    test(name, () =>
      withKv(openBed, async (kv) => {
        await put(kv, { a: '1', b: '1', c: '1', d: '1' });
        const walk = { range: between(range[0], range[1]) };
        assert.deepEqual(await rows(kv, walk), want);
        assert.deepEqual(await rows(kv, { ...walk, reverse: true }), [...want].reverse());
      }),
    );
  }

  test('a page of large values ends early and the scan goes on after it', () =>
    withKv(openBed, async (kv) => {
      const keys = Array.from({ length: 40 }, (_, index) => `k${String(index).padStart(2, '0')}`);
      await kv.transact('buffered', async (tx) =>
        keys.forEach((key) => tx.put(bytes(key), Buffer.alloc(65_536, key))),
      );
      for (const reverse of [false, true]) {
        const found = await pages(kv, { pageEntries: 1000, reverse });
        assert(found.length > 1);
        assert.deepEqual(
          found.flat().map(({ key }) => text(key)),
          reverse ? keys.toReversed() : keys,
        );
        assert(
          found
            .flat()
            .every(({ key, value }) => value.length === 65_536 && text(value)?.startsWith(text(key) ?? '?')),
        );
      }
    }));
}

function lifeContract(openBed: OpenBed): void {
  test('rows are there when the data is opened again', async () => {
    const bed = await openBed();
    const first = openAppending(bed.engine);
    await put(first, { a: '1', b: '2' });
    await first.transact('buffered', async (tx) => tx.delete(bytes('a')));
    await first.close();
    const second = openAppending(await bed.reopen());
    assert.deepEqual(await rows(second), ['b=2']);
    await second.close();
    await bed.dispose();
  });

  test('a closed store refuses everything by a fault', async () => {
    const bed = await openBed();
    const kv = openAppending(bed.engine);
    await kv.close();
    const closed = { code: 'unavailable', subject: 'store' };
    await assert.rejects(kv.get(bytes('a')), closed);
    await assert.rejects(
      kv.transact('durable', async () => 1),
      closed,
    );
    await assert.rejects(rows(kv), closed);
    await assert.rejects(kv.sync(), closed);
    await bed.dispose();
  });
}

async function clear(kv: Kv): Promise<void> {
  await kv.transact('buffered', async (tx) => {
    const range = { start: bytes(''), end: bytes('\xff'.repeat(5)) };
    for await (const page of tx.scan(range, { pageEntries: 1000 })) page.forEach(({ key }) => tx.delete(key));
  });
}
