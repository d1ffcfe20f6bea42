import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withKv, type OpenBed } from './contract.ts';
import { withHeld } from './contract-overlay.ts';
import { HeldEngine } from './held-engine.ts';
import { bytes, openAppending, put, rows, text, turns } from './rows.ts';
import type { KvEngine } from '../../src/kv/engine.ts';
import type { Merged } from '../../src/kv/kv.ts';

/** `pending` until the promise settles. */
function watch(promise: Promise<unknown>): { state: 'pending' | 'resolved' | 'rejected' } {
  const watched: { state: 'pending' | 'resolved' | 'rejected' } = { state: 'pending' };
  promise.then(
    () => (watched.state = 'resolved'),
    () => (watched.state = 'rejected'),
  );
  return watched;
}

export function commitContract(openBed: OpenBed): void {
  mergeContract(openBed);
  durabilityContract(openBed);
  effectContract(openBed);
  endContract(openBed);
  failureContract(openBed);
}

function mergeContract(openBed: OpenBed): void {
  test('merges fold in order over the latest value and report what the row was and became', () =>
    withKv(openBed, async (kv) => {
      await put(kv, { a: 'x' });
      const merged = await kv.transact('durable', async (tx) => {
        const first = tx.merge(bytes('a'), bytes('1'));
        const second = tx.merge(bytes('a'), bytes('2'));
        const created = tx.merge(bytes('b'), bytes('3'));
        return [first, second, created];
      });
      const told = merged.map(({ before, after }) => [text(before), text(after)]);
      assert.deepEqual(told, [
        ['x', 'x1'],
        ['x1', 'x12'],
        [undefined, '3'],
      ]);
      await kv.transact('durable', async (tx) => void tx.merge(bytes('a'), bytes('!')));
      assert.deepEqual(await rows(kv), ['b=3']);
    }));

  test('concurrent merges of one key never conflict and none is lost', () =>
    withKv(openBed, async (kv) => {
      let runs = 0;
      const add = (): Promise<Merged> =>
        kv.transact('durable', async (tx) => {
          runs += 1;
          return tx.merge(bytes('count'), bytes('.'));
        });
      const all = await Promise.all(Array.from({ length: 100 }, add));
      assert.equal(runs, 100);
      assert.equal(text(await kv.get(bytes('count'))), '.'.repeat(100));
      const lengths = all.map(({ after }) => after?.length ?? 0).sort((a, b) => a - b);
      assert.deepEqual(
        lengths,
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
    }));

  test('a merge over a row that is only in the engine reads it there, also when a commit overtakes that read', () =>
    withHeld(openBed, async ({ kv, engine, bed }) => {
      await bed.engine.write([{ key: bytes('a'), value: bytes('x') }], true);
      engine.isHolding = false;
      engine.isHoldingReads = true;
      const slow = kv.transact('durable', async (tx) => tx.merge(bytes('a'), bytes('2')));
      await turns();
      engine.isHoldingReads = false;
      await kv.transact('durable', async (tx) => tx.merge(bytes('a'), bytes('1')));
      engine.releaseReads();
      assert.equal(text((await slow).before), 'x1');
      assert.equal(text(await kv.get(bytes('a'))), 'x12');
    }));

  for (const other of ['get', 'put', 'delete'] as const) {
    test(`a key must not be merged and given to ${other} in one transaction`, () =>
      withKv(openBed, async (kv) => {
        const both = kv.transact('durable', async (tx) => {
          tx.merge(bytes('a'), bytes('1'));
          if (other === 'get') await tx.get(bytes('a'));
          else if (other === 'put') tx.put(bytes('a'), bytes('1'));
          else tx.delete(bytes('a'));
        });
        await assert.rejects(both, assert.AssertionError);
        assert.deepEqual(await rows(kv), []);
      }));
  }
}

const observers = [
  { name: 'a read', by: (kv) => kv.get(bytes('a')) },
  { name: 'a read of several', by: (kv) => kv.getMany(['z', 'a'].map(bytes)) },
  { name: 'a read of a deleted row', by: (kv) => kv.get(bytes('gone')) },
  { name: 'a scan', by: (kv) => rows(kv) },
  {
    name: 'a transaction that only reads',
    by: (kv) => kv.transact('buffered', (tx) => tx.get(bytes('a'))),
  },
  {
    name: 'a transaction that scans over a deleted row',
    by: (kv) => kv.transact('durable', (tx) => rows(tx)),
  },
  {
    name: 'a buffered transaction',
    by: (kv) =>
      kv.transact('buffered', async (tx) => {
        await tx.get(bytes('a'));
        tx.put(bytes('q'), bytes('1'));
      }),
  },
  {
    name: 'a buffered merge',
    by: (kv) => kv.transact('buffered', async (tx) => tx.merge(bytes('a'), bytes('1'))),
  },
  {
    name: 'a read of what a buffered transaction made of it',
    by: async (kv) => {
      void kv.transact('buffered', async (tx) => tx.put(bytes('b'), (await tx.get(bytes('a'))) ?? bytes('')));
      await turns();
      return kv.get(bytes('b'));
    },
  },
  {
    name: 'a transaction that fails',
    by: (kv) =>
      kv
        .transact('durable', async (tx) => {
          await tx.get(bytes('a'));
          throw new Error('found');
        })
        .catch((cause: unknown) => assert.equal((cause as Error).message, 'found')),
  },
] as const satisfies { name: string; by: (kv: ReturnType<typeof openAppending>) => Promise<unknown> }[];

function durabilityContract(openBed: OpenBed): void {
  test('a durable transaction resolves with its engine write, a buffered one at once', () =>
    withHeld(openBed, async ({ kv, engine }) => {
      await kv.transact('buffered', async (tx) => tx.put(bytes('a'), bytes('1')));
      const writing = put(kv, { b: '1' });
      const durable = watch(writing);
      await turns();
      assert.equal(durable.state, 'pending');
      engine.release();
      await writing;
    }));

  for (const { name, by } of observers) {
    test(`${name} that meets a durable commit in flight settles after it`, () =>
      withHeld(openBed, async ({ kv, engine }) => {
        engine.isHolding = false;
        await put(kv, { gone: '1' });
        engine.isHolding = true;
        const writing = kv.transact('durable', async (tx) => {
          tx.put(bytes('a'), bytes('1'));
          tx.delete(bytes('gone'));
        });
        await turns();
        const order: string[] = [];
        void writing.then(() => order.push('write'));
        const observing = by(kv).then(() => order.push('observer'));
        await turns();
        assert.deepEqual(order, []);
        engine.isHolding = false;
        engine.release();
        await observing;
        assert.deepEqual(order, ['write', 'observer']);
      }));
  }
}

function effectContract(openBed: OpenBed): void {
  test('what does not meet the commit in flight does not wait for it', () =>
    withHeld(openBed, async ({ kv, engine }) => {
      engine.isHolding = false;
      await put(kv, { b: '1' });
      engine.isHolding = true;
      const writing = watch(put(kv, { a: '1' }));
      await turns();
      assert.equal(text(await kv.get(bytes('b'))), '1');
      await kv.transact('durable', async (tx) => tx.get(bytes('b')));
      await kv.transact('buffered', async (tx) => tx.put(bytes('c'), bytes('1')));
      assert.equal(writing.state, 'pending');
    }));

  test('effects run once, after the commit is durable, and never after a failure', () =>
    withHeld(openBed, async ({ kv, engine }) => {
      const effects: string[] = [];
      const failing = kv.transact('durable', async (tx) => {
        tx.whenCommitted(() => effects.push('failed'));
        tx.put(bytes('x'), bytes('1'));
        throw new Error('no');
      });
      await assert.rejects(failing, { message: 'no' });
      let runs = 0;
      const conflicted = kv.transact('durable', async (tx) => {
        runs += 1;
        await tx.get(bytes('a'));
        tx.whenCommitted(() => effects.push(`run ${runs}`));
        if (runs === 1) void put(kv, { a: 'changed' });
        await turns();
        tx.put(bytes('b'), bytes('1'));
      });
      await turns(12);
      assert.equal(runs, 2);
      assert.deepEqual(effects, []);
      engine.isHolding = false;
      engine.release();
      await conflicted;
      assert.deepEqual(effects, ['run 2']);
      assert.equal(await kv.get(bytes('x')), undefined);
    }));
}

function endContract(openBed: OpenBed): void {
  test('commits wait when too much is on its way to the engine', async () => {
    const bed = await openBed();
    const engine = new HeldEngine(bed.engine);
    const kv = openAppending(engine, { bounds: { flightBytesMax: 100 } });
    const write = (key: string): Promise<void> =>
      kv.transact('buffered', async (tx) => tx.put(bytes(key), Buffer.alloc(101)));
    await write('a');
    const second = write('b');
    const waiting = watch(second);
    await turns();
    assert.deepEqual([waiting.state, engine.writesHeld], ['pending', 1]);
    engine.isHolding = false;
    engine.release();
    await second;
    await kv.close();
    await bed.dispose();
  });

  test('a transaction that is used after its end is told so', () =>
    withHeld(openBed, async ({ kv, engine }) => {
      engine.isHolding = false;
      const tx = await kv.transact('durable', async (used) => used);
      assert.throws(() => tx.put(bytes('a'), bytes('1')), assert.AssertionError);
      await assert.rejects(tx.get(bytes('a')), assert.AssertionError);
      assert.deepEqual(await rows(kv), []);
    }));

  test('closing waits for what is in flight', async () => {
    const bed = await openBed();
    const engine = new HeldEngine(bed.engine);
    const kv = openAppending(engine);
    const order: string[] = [];
    const written = put(kv, { a: '1' }).then(() => order.push('written'));
    const closed = kv.close().then(() => order.push('closed'));
    await turns();
    assert.deepEqual(order, []);
    engine.release();
    await Promise.all([written, closed]);
    assert.deepEqual(order, ['written', 'closed']);
    await bed.dispose();
  });
}

function failureContract(openBed: OpenBed): void {
  test('a failed write stops the store: all in flight and after it get one fault, and the owner is told once', async () => {
    const bed = await openBed();
    const causes: unknown[] = [];
    const failing = new FailingEngine(bed.engine);
    const kv = openAppending(failing, { stopped: (cause) => causes.push(cause) });
    await put(kv, { before: '1' });
    failing.failure = new Error('disk on fire');
    const writes = [put(kv, { a: '1' }), put(kv, { b: '1' })];
    const read = turns(1).then(() => kv.get(bytes('a')));
    const results = await Promise.allSettled([...writes, read]);
    const faults = results.map((result) => result.status === 'rejected' && (result.reason as unknown));
    assert.equal(new Set(faults).size, 1);
    const stopped = { code: 'unavailable', subject: 'store', cause: failing.failure };
    await assert.rejects(kv.get(bytes('before')), stopped);
    await assert.rejects(rows(kv), stopped);
    await assert.rejects(put(kv, { c: '1' }), stopped);
    await assert.rejects(kv.sync(), stopped);
    assert.deepEqual(causes, [failing.failure]);
    await kv.close();
    await bed.dispose();
  });

  test('a body that is running when the store stops gets the fault at its next read and at its commit', async () => {
    const bed = await openBed();
    const failing = new FailingEngine(bed.engine);
    const kv = openAppending(failing);
    let go: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => (go = resolve));
    const reading = kv.transact('buffered', async (tx) => {
      await stopped;
      return tx.get(bytes('a'));
    });
    const writing = kv.transact('buffered', async (tx) => {
      tx.put(bytes('a'), bytes('1'));
      await stopped;
    });
    failing.failure = new Error('gone');
    await assert.rejects(put(kv, { a: '1' }), { code: 'unavailable' });
    go();
    await assert.rejects(reading, { code: 'unavailable' });
    await assert.rejects(writing, { code: 'unavailable' });
    await kv.close();
    await bed.dispose();
  });

  test('a failed sync stops the store too', async () => {
    const bed = await openBed();
    const failing = new FailingEngine(bed.engine);
    const kv = openAppending(failing);
    failing.failure = new Error('gone');
    await assert.rejects(kv.sync(), { code: 'unavailable' });
    await assert.rejects(kv.get(bytes('a')), { code: 'unavailable' });
    await kv.close();
    await bed.dispose();
  });
}

class FailingEngine implements KvEngine {
  readonly #inner: KvEngine;
  failure: Error | undefined;
  readonly getMany: KvEngine['getMany'];
  readonly page: KvEngine['page'];

  constructor(inner: KvEngine) {
    this.#inner = inner;
    this.getMany = (keys) => inner.getMany(keys);
    this.page = (range, options) => inner.page(range, options);
  }

  async write(...args: Parameters<KvEngine['write']>): Promise<void> {
    await turns();
    if (this.failure !== undefined) throw this.failure;
    await this.#inner.write(...args);
  }

  async sync(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await this.#inner.sync();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
