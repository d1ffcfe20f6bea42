import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { withKv, type OpenBed } from './contract.ts';
import { seededRandom } from './seeded-random.ts';
import { between, bytes, openAppending, put, rows, text, turns } from './rows.ts';
import type { Kv, KvTransaction } from '../../src/kv/kv.ts';

export function concurrencyContract(openBed: OpenBed): void {
  anomalies(openBed);
  phantomContract(openBed);
  retries(openBed);
  aloneContract(openBed);
  boundsContract(openBed);

  test('concurrent transactions have the outcome of one after the other in the order of their commits', () =>
    fc.assert(
      fc.asyncProperty(fc.integer(), (seed) => withKv(openBed, (kv) => checkSerial(kv, seed))),
      { numRuns: 25 },
    ));
}

const sum = async (tx: KvTransaction, keys: readonly string[]): Promise<number> =>
  (await tx.getMany(keys.map(bytes))).reduce((total, value) => total + Number(text(value)), 0);

function anomalies(openBed: OpenBed): void {
  test('no update is lost', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { n: '0' });
      const increment = (): Promise<void> =>
        kv.transact('durable', async (tx) => {
          const before = Number(text(await tx.get(bytes('n'))));
          await turns(1);
          tx.put(bytes('n'), bytes(String(before + 1)));
        });
      await Promise.all(Array.from({ length: 40 }, increment));
      assert.equal(text(await kv.get(bytes('n'))), '40');
    }));

  test('no write skew: of two withdrawals that each see enough in both accounts one fails', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { a: '50', b: '50' });
      const withdraw = (account: string): Promise<void> =>
        kv.transact('durable', async (tx) => {
          if ((await sum(tx, ['a', 'b'])) < 100) throw new Error('too little');
          await turns(2);
          tx.put(bytes(account), bytes('-50'));
        });
      const results = await Promise.allSettled([withdraw('a'), withdraw('b')]);
      assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      assert.equal(await kv.transact('durable', (tx) => sum(tx, ['a', 'b'])), 0);
    }));
}

function phantomContract(openBed: OpenBed): void {
  for (const reverse of [false, true]) {
    test(`no phantoms: a row added to a range scanned ${reverse ? 'backwards' : 'forwards'} is noticed`, () =>
      withKv(openBed, async (kv) => {
        await put(kv, { p1: '1', x: '1' });
        const claim = (key: string): Promise<void> =>
          kv.transact('durable', async (tx) => {
            const taken = await rows(tx, { range: between('p', 'q'), reverse, pageEntries: 1 });
            if (taken.length > 1) throw new Error('taken');
            await turns(2);
            tx.put(bytes(key), bytes('1'));
          });
        const results = await Promise.allSettled([claim('p0'), claim('p2'), claim('p11')]);
        assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
        assert.equal((await rows(kv, { range: between('p', 'q') })).length, 2);
      }));
  }

  test('a row added behind the part of a range that was scanned does not conflict', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { p1: '1', p5: '1' });
      let runs = 0;
      await kv.transact('durable', async (tx) => {
        runs += 1;
        for await (const page of tx.scan(between('p', 'q'), { pageEntries: 1 })) {
          assert.equal(page.length, 1);
          break;
        }
        if (runs === 1) await put(kv, { p3: '1' });
        tx.put(bytes('r'), bytes('1'));
      });
      assert.equal(runs, 1);
    }));

  test('a body never sees two moments mixed, whatever it reads and in which way', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { a: '0', b: '0', c: '0' });
      let isOver = false;
      const writer = (async () => {
        for (let value = 1; value <= 60; value++) {
          await put(kv, { a: String(value), b: String(value), c: String(value) });
          await turns(1);
        }
        isOver = true;
      })();
      while (!isOver) {
        const seen = await kv.transact('buffered', async (tx) => {
          const a = text(await tx.get(bytes('a')));
          await turns(2);
          const [b, all] = await Promise.all([tx.getMany([bytes('b')]), rows(tx, { pageEntries: 2 })]);
          assert.deepEqual([text(b[0]), ...all], [a, `a=${a}`, `b=${a}`, `c=${a}`]);
          return a;
        });
        assert.notEqual(seen, undefined);
      }
      await writer;
    }));
}

function retries(openBed: OpenBed): void {
  test('a transaction whose read has changed runs again, also when its body caught the error or threw another', () =>
    withKv(openBed, async (kv) => {
      const endings = {
        returns: async () => undefined,
        swallows: async (tx: KvTransaction) => void (await tx.get(bytes('b')).catch(() => undefined)),
        throws: async () => {
          throw new Error('because of what it had read');
        },
      };
      for (const [name, end] of Object.entries(endings)) {
        await put(kv, { a: 'old', b: 'old' });
        let runs = 0;
        const value = await kv.transact('durable', async (tx) => {
          const a = text(await tx.get(bytes('a')));
          runs += 1;
          if (runs > 1) return a;
          await put(kv, { a: 'new', b: 'new' });
          tx.put(bytes('c'), bytes('1'));
          await end(tx);
          return 'stale';
        });
        assert.deepEqual({ name, value, runs }, { name, value: 'new', runs: 2 });
      }
    }));

  test('a body that only reads and swallows the error of a stale read runs again too', () =>
    withKv(openBed, async (kv) => {
      let runs = 0;
      const value = await kv.transact('durable', async (tx) => {
        runs += 1;
        await tx.get(bytes('a'));
        if (runs === 1) await put(kv, { b: 'new' });
        return tx.get(bytes('b')).catch(() => undefined);
      });
      assert.deepEqual([runs, text(value)], [2, 'new']);
    }));

  test('an exception of a body whose reads still hold is the outcome, and nothing is written', () =>
    withKv(openBed, async (kv) => {
      let runs = 0;
      const failing = kv.transact('durable', async (tx) => {
        runs += 1;
        await tx.get(bytes('a'));
        tx.put(bytes('a'), bytes('1'));
        throw new RangeError('mine');
      });
      await assert.rejects(failing, RangeError);
      assert.deepEqual([runs, await rows(kv)], [1, []]);
    }));
}

function aloneContract(openBed: OpenBed): void {
  test('a transaction that always meets conflicts runs alone in the end and succeeds', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { n: '0' });
      let isOver = false;
      const disturbing = Array.from({ length: 4 }, async () => {
        while (!isOver) {
          await kv.transact('buffered', async (tx) => tx.put(bytes('n'), bytes('x')));
          await turns(1);
        }
      });
      let runs = 0;
      await kv.transact('durable', async (tx) => {
        runs += 1;
        await tx.get(bytes('n'));
        await turns(4);
        tx.put(bytes('done'), bytes('1'));
      });
      isOver = true;
      await Promise.all(disturbing);
      assert.equal(runs, 9);
      assert.equal(text(await kv.get(bytes('done'))), '1');
    }));

  test('several transactions that need to run alone do so one after the other', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { n: '0' });
      const slow = (): Promise<void> =>
        kv.transact('durable', async (tx) => {
          const before = Number(text(await tx.get(bytes('n'))));
          await turns(2);
          tx.put(bytes('n'), bytes(String(before + 1)));
        });
      await Promise.all(Array.from({ length: 30 }, slow));
      assert.equal(text(await kv.get(bytes('n'))), '30');
    }));

  test('attempts are bounded', async () => {
    const bed = await openBed();
    const kv = openAppending(bed.engine, { bounds: { attemptsSharedMax: 3, attemptsMax: 3 } });
    let runs = 0;
    const hopeless = kv.transact('durable', async (tx) => {
      runs += 1;
      await tx.get(bytes('n'));
      await put(kv, { n: String(runs) });
      tx.put(bytes('m'), bytes('1'));
    });
    await assert.rejects(hopeless, { code: 'conflict', subject: 'store' });
    assert.equal(runs, 3);
    await kv.close();
    await bed.dispose();
  });
}

function boundsContract(openBed: OpenBed): void {
  test('a transaction older than the history that is kept starts again', async () => {
    const bed = await openBed();
    const kv = openAppending(bed.engine, { bounds: { historyBytesMax: 2000, cacheBytesMax: 1000 } });
    await put(kv, { a: 'old', b: 'old' });
    let runs = 0;
    const read = await kv.transact('durable', async (tx) => {
      runs += 1;
      const a = text(await tx.get(bytes('a')));
      if (runs === 1) {
        await put(kv, { a: 'new', b: 'new' });
        for (let index = 0; index < 20; index++) await put(kv, { [`k${index}`]: '1' });
      }
      return [a, text(await tx.get(bytes('b')))];
    });
    assert.deepEqual([runs, read], [2, ['new', 'new']]);
    await kv.close();
    await bed.dispose();
  });

  test('a transaction must not grow without bound', () =>
    withKv(openBed, async (kv) => {
      const huge = kv.transact('buffered', async (tx) => {
        for (let index = 0; index < 70; index++) tx.put(bytes(String(index)), Buffer.alloc(1024 * 1024));
      });
      await assert.rejects(huge, { code: 'too-large', subject: 'store' });
    }));
}

interface Deed {
  readonly order: number;
  readonly reads: readonly string[];
  readonly writes: readonly (readonly [string, string | undefined])[];
}

const names = ['a', 'b', 'c', 'd', 'e', 'f'];

/**
 * Random transactions over six keys. Each tells what it read and wrote and, by a merged row that grows by one operand a
 * commit, its place in the order of commits. Replaying them in that order must show every one what it had read.
 */
async function checkSerial(kv: Kv, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const name = (): string => names[random.below(names.length)] as string;
  const deed = async (tx: KvTransaction, id: number): Promise<Omit<Deed, 'order'>> => {
    const reads: string[] = [];
    const own = new Map<string, string | undefined>();
    const see = (key: string, value: string | undefined): void =>
      void (own.has(key) || reads.push(`${key}=${value}`));
    for (let step = random.below(4); step >= 0; step--) {
      const [one, other] = [name(), name()].sort() as [string, string];
      if (random.below(3) === 0) await turns(1);
      const kind = random.below(5);
      if (kind === 0) see(one, text(await tx.get(bytes(one))));
      else if (kind === 1) {
        const both = await tx.getMany([bytes(one), bytes(other)]);
        [one, other].forEach((key, index) => see(key, text(both[index])));
      } else if (kind === 2) {
        const walk = {
          range: between(one, other),
          reverse: random.below(2) === 0,
          pageEntries: 1 + random.below(3),
        };
        const found = new Map((await rows(tx, walk)).map((row) => row.split('=') as [string, string]));
        for (const key of names) if (key >= one && key < other) see(key, found.get(key));
      } else {
        own.set(one, kind === 3 ? undefined : String(id));
        if (kind === 3) tx.delete(bytes(one));
        else tx.put(bytes(one), bytes(String(id)));
      }
    }
    return { reads, writes: [...own] };
  };
  const run = async (id: number): Promise<Deed> => {
    const done = await kv.transact(random.below(2) === 0 ? 'durable' : 'buffered', async (tx) => {
      const merged = tx.merge(bytes('~order'), bytes('.'));
      return { merged, ...(await deed(tx, id)) };
    });
    return { ...done, order: done.merged.after?.length ?? 0 };
  };
  const clients = Array.from({ length: 6 }, async (_, client) => {
    const deeds: Deed[] = [];
    for (let round = 0; round < 5; round++) deeds.push(await run(client * 100 + round));
    return deeds;
  });
  const deeds = (await Promise.all(clients)).flat().sort((one, other) => one.order - other.order);
  const state = new Map<string, string | undefined>();
  deeds.forEach(({ order, reads, writes }, index) => {
    assert.equal(order, index + 1);
    for (const read of reads) {
      const [key] = read.split('=') as [string];
      assert.equal(read, `${key}=${state.get(key)}`);
    }
    for (const [key, value] of writes) state.set(key, value);
  });
  const left = [...state].filter(([, value]) => value !== undefined).sort(([a], [b]) => (a < b ? -1 : 1));
  assert.deepEqual(
    await rows(kv, { range: between('a', 'g') }),
    left.map(([key, value]) => `${key}=${value}`),
  );
}
