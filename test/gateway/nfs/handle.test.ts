import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fileSystemIdOf, fsidOf, HANDLE_BYTES, Handles } from '../../../src/gateway/nfs/handle.ts';
import type { Ino } from '../../../src/namespace/namespace.ts';

const secret = Buffer.from('a secret of 16 b');
const other = Buffer.from('another secret16');
const ino = fc.maxSafeNat().map((number) => number as Ino);
const handled = fc.record({ ino, bucket: ino }, { noNullPrototype: true });

test('a handle opens to what it was made of, also by another instance with the secret', () =>
  fc.assert(
    fc.property(handled, (value) => {
      const handle = new Handles(secret).seal(value);
      assert.equal(handle.length, HANDLE_BYTES);
      assert.deepEqual(new Handles(secret).open(handle), value);
    }),
  ));

test('two inodes never share a handle, and making one leaves those made before alone', () =>
  fc.assert(
    fc.property(handled, handled, (one, two) => {
      fc.pre(one.ino !== two.ino || one.bucket !== two.bucket);
      const handles = new Handles(secret);
      const first = handles.seal(one);
      assert.notDeepEqual(handles.seal(two), first);
      assert.deepEqual(handles.open(first), one);
    }),
  ));

test('a handle with any bit changed is bad', () => {
  const handles = new Handles(secret);
  const handle = handles.seal({ ino: 123_456 as Ino, bucket: 7 as Ino });
  for (let bit = 0; bit < HANDLE_BYTES * 8; bit++) {
    const forged = Uint8Array.from(handle);
    forged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(handles.open(forged), 'bad');
  }
});

test('a handle of another length, or made with another secret, is bad', () => {
  const handles = new Handles(secret);
  const handle = handles.seal({ ino: 1 as Ino, bucket: 0 as Ino });
  assert.equal(handles.open(handle.subarray(1)), 'bad');
  assert.equal(handles.open(new Uint8Array(0)), 'bad');
  assert.equal(handles.open(Buffer.concat([handle, Buffer.alloc(4)])), 'bad');
  assert.equal(new Handles(other).open(handle), 'bad');
});

test('a handle of another tree under the same secret is stale', () => {
  const handle = new Handles(secret, fileSystemIdOf(other)).seal({ ino: 1 as Ino, bucket: 0 as Ino });
  assert.equal(new Handles(secret).open(handle), 'stale');
});

test('the file system id follows from the secret and fits a number', () => {
  assert.deepEqual(fileSystemIdOf(secret), fileSystemIdOf(Uint8Array.from(secret)));
  assert.notDeepEqual(fileSystemIdOf(secret), fileSystemIdOf(other));
  assert.equal(Number.isSafeInteger(fsidOf(new Uint8Array(8).fill(255))), true);
});
