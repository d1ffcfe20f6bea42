import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { POOL_CALLERS_WAITING_MAX, POOL_JOB_BYTES_MIN, POOL_SLAB_BYTES_MAX } from '../../src/limits.ts';
import { loadNative } from '../../src/native.ts';
import { nativeReduction } from '../../src/workers/native-reduction.ts';
import { reductionPool } from '../../src/workers/pool.ts';
import type { ChunkItem } from '../../src/workers/reduction.ts';
import { Slabs } from '../../src/workers/slabs.ts';
import { chunkingOf, imageOf, mixed, noise, packingOf } from './segments.ts';

const inline = nativeReduction(loadNative());
const chunks = (count: number): readonly ChunkItem[] =>
  Array.from({ length: count }, (_, index) => ({
    kind: 'chunk',
    plain: mixed(50_000, index + 1),
    fingerprint: Buffer.from(noise(32, index + 1)),
    salts: noise(32, index + 99),
    label: Buffer.from(`label ${index}`),
  }));

suite('the pool', () => {
  const pool = reductionPool({ threads: 2, inline });
  after(() => pool.close());

  test('gives what the same work gives without it, many jobs at a time', async () => {
    const packing = packingOf({ cipher: 'aes-256-gcm', codec: 'lz4' });
    const items = chunks(8);
    const want = await inline.pack(packing, items);
    const all = await Promise.all(Array.from({ length: 9 }, async () => pool.pack(packing, items)));
    for (const packed of all) {
      assert.deepEqual(packed.placed, want.placed);
      assert.ok(Buffer.concat(packed.shards).equals(Buffer.concat(want.shards)));
    }
    const rebuilt = await pool.rebuild(want.shards.slice(2), [0, 1]);
    assert.ok(imageOf(want).equals(imageOf({ ...want, shards: [...rebuilt!, ...want.shards.slice(2)] })));
    const bytes = noise(POOL_JOB_BYTES_MIN, 1);
    const hex = (list: Awaited<ReturnType<typeof pool.cut>>): readonly unknown[] =>
      list.map((it) => [
        it.offset,
        it.length,
        Buffer.concat([it.fingerprint, it.superFeatures]).toString('hex'),
      ]);
    assert.deepEqual(hex(await pool.cut(chunkingOf(3), bytes)), hex(await inline.cut(chunkingOf(3), bytes)));
  });

  test('takes input that is shared memory as it is, and leaves that of others alone', async () => {
    const [item] = chunks(1);
    const plain = new Uint8Array(new SharedArrayBuffer(POOL_JOB_BYTES_MIN));
    plain.set(noise(plain.length, 7));
    const before = Buffer.from(plain);
    const packing = packingOf({});
    const packed = await pool.pack(packing, [{ ...item!, plain }, item!]);
    const want = await inline.pack(packing, [{ ...item!, plain: before }, item!]);
    assert.ok(Buffer.concat(packed.shards).equals(Buffer.concat(want.shards)));
    assert.ok(before.equals(plain));
  });

  test('a delta finds its base there too', async () => {
    const [item] = chunks(1);
    const plain = noise(POOL_JOB_BYTES_MIN, 3);
    const base = { plain, fingerprint: Buffer.alloc(32, 4) };
    const packed = await pool.pack(packingOf({}), [{ ...item!, plain, base }]);
    assert.ok(packed.placed[0]!.length < 1000);
  });

  test('small work is done at once', () => {
    const packed = pool.pack(packingOf({}), chunks(1));
    assert.ok('shards' in packed);
    assert.ok(Array.isArray(pool.cut(chunkingOf(), noise(1000, 1))));
  });

  test('faults keep their code, and the pool goes on', async () => {
    const damaged = [{ kind: 'frame', bytes: noise(POOL_JOB_BYTES_MIN, 1) }] as const;
    await assert.rejects(
      async () => pool.pack(packingOf({}), damaged),
      (fault) => fault instanceof Fault && fault.code === 'corrupt' && fault.subject === 'blob',
    );
    const wrong = packingOf({ shape: { data: 0, parity: 1 } });
    await assert.rejects(async () => pool.pack(wrong, chunks(8)));
    assert.equal((await pool.pack(packingOf({}), chunks(8))).placed.length, 8);
  });
});

test('as many jobs have a slab as may, the others wait in line, and too many are refused', async () => {
  const slabs = new Slabs(2);
  const order: number[] = [];
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const jobs = Array.from({ length: 2 + POOL_CALLERS_WAITING_MAX }, (_, index) =>
    slabs.with(10, async () => {
      order.push(index);
      await gate;
    }),
  );
  await assert.rejects(
    slabs.with(10, () => Promise.resolve()),
    (fault) => fault instanceof Fault && fault.code === 'throttled',
  );
  assert.deepEqual(order, [0, 1]);
  open();
  await Promise.all(jobs);
  assert.deepEqual(order, [...jobs.keys()]);
  await assert.rejects(slabs.with(POOL_SLAB_BYTES_MAX + 1, () => Promise.resolve()));
});

test('a slab is used again, and a job that failed gives it back', async () => {
  const slabs = new Slabs(1);
  const first = await slabs.with(100, async (slab) => {
    assert.deepEqual(Buffer.from(slab.share(Buffer.from('abc'))), Buffer.from('abc'));
    return Promise.resolve(slab.memory);
  });
  await assert.rejects(slabs.with(100, () => Promise.reject(new Error('no'))));
  assert.equal(await slabs.with(1 << 20, (slab) => Promise.resolve(slab.memory)), first);
  const larger = await slabs.with((1 << 20) + 1, (slab) => Promise.resolve(slab.memory));
  assert.equal(larger.byteLength, 2 << 20);
});
