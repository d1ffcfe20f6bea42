import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/fault.ts';
import { deltaCompress, deltaDecompress } from '../../src/workers/reference-delta.ts';
import { noise } from './segments.ts';

test('what was made a delta comes back, whatever the prefix', () =>
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.uint8Array({ maxLength: 600 }),
      fc.nat(70_000),
      (one, other, length) => {
        const shared = noise(length, 3);
        const prefix = Buffer.concat([one, shared]);
        const plain = Buffer.concat([shared.subarray(length >> 3), other, shared.subarray(0, length >> 2)]);
        const delta = deltaCompress(prefix, plain);
        assert.ok(plain.equals(deltaDecompress(prefix, delta, plain.length) ?? Buffer.alloc(0)));
        if (length > 30_000) assert.ok(delta.length < 2500 + other.length);
      },
    ),
    { numRuns: 50 },
  ));

test('whatever comes in, nothing but the expected length comes out', () => {
  const prefix = noise(4000, 1);
  const plain = Buffer.concat([prefix.subarray(100, 3000), noise(50, 2), prefix.subarray(500)]);
  const delta = deltaCompress(prefix, plain);
  const check = (bytes: Uint8Array, length = plain.length): void => {
    try {
      const made = deltaDecompress(prefix, bytes, length);
      assert.ok(made === undefined || made.length === length);
    } catch (failure) {
      assert.ok(failure instanceof Fault && failure.code === 'not-supported');
    }
  };
  for (let at = 0; at < delta.length; at += 1) {
    check(delta.subarray(0, at));
    for (const bit of [1, 8, 64]) {
      const changed = Uint8Array.from(delta);
      changed[at]! ^= bit;
      check(changed);
    }
  }
  for (const length of [0, 1, plain.length - 1, plain.length + 1]) {
    assert.equal(deltaDecompress(prefix, delta, length), undefined);
  }
});
