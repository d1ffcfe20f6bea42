import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ERASURE_INLINE_BYTES_MAX } from '../../src/limits.ts';
import { loadNative } from '../../src/native.ts';
import { isStripeShape, SHARDS_MAX, type Erasure, type StripeShape } from '../../src/workers/erasure.ts';
import { nativeErasure } from '../../src/workers/native-erasure.ts';
import { referenceErasure } from '../../src/workers/reference-erasure.ts';

const implementations: readonly (readonly [string, Erasure])[] = [
  ['native', nativeErasure(loadNative())],
  ['reference', referenceErasure()],
];

const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 7) * seed + seed * 97) & 255);
const dataOf = ({ data }: StripeShape, length: number): readonly Uint8Array[] =>
  Array.from({ length: data }, (_, index) => pattern(length, index + 1));

async function shardsOf(
  erasure: Erasure,
  shape: StripeShape,
  length: number,
): Promise<readonly Uint8Array[]> {
  const data = dataOf(shape, length);
  return [...data, ...(await erasure.encode(shape, data))];
}

const shapeArbitrary = fc.record({
  data: fc.integer({ min: 1, max: 12 }),
  parity: fc.integer({ min: 0, max: 5 }),
});
/** A code, which of its shards are there, in which order, and how long they are. */
const lossArbitrary = shapeArbitrary.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    order: fc.shuffledSubarray(
      Array.from({ length: shape.data + shape.parity }, (_, index) => index),
      { minLength: shape.data, maxLength: shape.data },
    ),
    length: fc.oneof(fc.nat(200), fc.constant(4096)),
  }),
);

for (const [name, erasure] of implementations) {
  suite(`the ${name} erasure code`, () => {
    test('gives back every shard from any that are as many as hold data', () =>
      fc.assert(
        fc.asyncProperty(lossArbitrary, async ({ shape, order, length }) => {
          const shards = await shardsOf(erasure, shape, length);
          const present = order.map((index) => ({ index, bytes: shards[index]! }));
          const all = shards.map((_, index) => index);
          const decoded = await erasure.decode(shape, present, all);
          decoded.forEach((bytes, index) =>
            assert.deepEqual(Buffer.from(bytes), Buffer.from(shards[index]!)),
          );
        }),
        { numRuns: 60 },
      ));

    test('decodes a range from the same range of others', async () => {
      const shape = { data: 4, parity: 2 };
      const shards = await shardsOf(erasure, shape, 5000);
      const part = (index: number): Uint8Array => shards[index]!.subarray(1234, 4321);
      const present = [5, 1, 4, 3].map((index) => ({ index, bytes: part(index) }));
      const [first, third] = await erasure.decode(shape, present, [0, 2]);
      assert.deepEqual(Buffer.from(first!), Buffer.from(part(0)));
      assert.deepEqual(Buffer.from(third!), Buffer.from(part(2)));
    });

    test('finds a changed byte in any shard', async () => {
      const shape = { data: 3, parity: 2 };
      const shards = await shardsOf(erasure, shape, 300);
      assert.equal(await erasure.verify(shape, shards), true);
      for (let index = 0; index < 5; index += 1) {
        const changed = shards.map((shard) => Uint8Array.from(shard));
        changed[index]![299]! ^= 1;
        assert.equal(await erasure.verify(shape, changed), false, `shard ${index}`);
      }
    });

    test('refuses shards that do not determine the others', () => {
      const shape = { data: 2, parity: 1 };
      const part = (index: number, length = 8): { index: number; bytes: Uint8Array } => ({
        index,
        bytes: pattern(length, 1),
      });
      const wrong = [
        [part(0)],
        [part(0), part(0)],
        [part(0), part(3)],
        [part(-1), part(2)],
        [part(0), part(1, 9)],
        [part(0), part(1), part(2)],
      ];
      for (const present of wrong) assert.throws(() => erasure.decode(shape, present, [1]));
      assert.throws(() => erasure.decode(shape, [part(0), part(1)], [3]));
    });
  });
}

test('native and reference compute the same parity, inline and on another thread', async () => {
  const shapes = [
    { data: 1, parity: 1 },
    { data: 4, parity: 2 },
    { data: 17, parity: 3 },
    { data: SHARDS_MAX - 3, parity: 3 },
  ];
  for (const shape of shapes) {
    for (const bytes of [0, 1000, ERASURE_INLINE_BYTES_MAX, ERASURE_INLINE_BYTES_MAX * 2]) {
      const data = dataOf(shape, Math.ceil(bytes / shape.data));
      const [native, reference] = await Promise.all(
        implementations.map(async ([, erasure]) => Buffer.concat(await erasure.encode(shape, data))),
      );
      assert.ok(native!.equals(reference!), `${shape.data}+${shape.parity}, ${bytes} bytes`);
    }
  }
});

test('large shards are decoded and verified off the event loop', async () => {
  const shape = { data: 4, parity: 2 };
  const native = implementations[0]![1];
  const shards = await shardsOf(native, shape, ERASURE_INLINE_BYTES_MAX);
  const present = [2, 3, 4, 5].map((index) => ({ index, bytes: shards[index]! }));
  const decoding = native.decode(shape, present, [0, 1]);
  assert.ok(decoding instanceof Promise);
  const [first] = await decoding;
  assert.ok(Buffer.from(first!).equals(shards[0]!));
  const verifying = native.verify(shape, shards);
  assert.ok(verifying instanceof Promise);
  assert.equal(await verifying, true);
  await assert.rejects(Promise.resolve(native.decode(shape, present.slice(1), [0])));
});

test('a stripe has at least one shard of data and as many in all as the field has elements', () => {
  const cases = [
    [1, 0, true],
    [4, 2, true],
    [200, 56, true],
    [0, 2, false],
    [200, 57, false],
    [1.5, 2, false],
    [4, -1, false],
  ] as const;
  for (const [data, parity, want] of cases) assert.equal(isStripeShape({ data, parity }), want);
});
