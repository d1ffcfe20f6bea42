import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNative } from '../src/native.ts';

const freeArrays = (arrays: readonly Uint8Array[]): void => loadNative().freeArrays(arrays);

test('arrays that span their buffer have no bytes once they are freed', () => {
  const whole = Buffer.allocUnsafeSlow(100_000).fill(7);
  const views = [whole, new Uint8Array(64)];
  freeArrays(views);
  assert.deepEqual(
    views.map(({ byteLength, buffer }) => [byteLength, buffer.byteLength]),
    [
      [0, 0],
      [0, 0],
    ],
  );
  freeArrays(views);
});

test('parts of a larger buffer, and memory that threads share, stay as they are', () => {
  const buffer = new Uint8Array(1000).fill(7);
  const shared = new Uint8Array(new SharedArrayBuffer(16)).fill(7);
  const pooled = Buffer.from('short');
  freeArrays([buffer.subarray(0, 999), buffer.subarray(1), shared, pooled]);
  assert(buffer.length === 1000 && buffer.every((byte) => byte === 7));
  assert(shared.length === 16 && shared.every((byte) => byte === 7));
  assert.equal(pooled.toString(), 'short');
});
