import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import type { Bucket } from '../../src/namespace/namespace.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { bytes, get, memoryDevice, openStack, put, root, silent, TestClock, type Stack } from './world.ts';

interface Bed {
  readonly stack: Stack;
  readonly bucket: Bucket;
  readonly disk: { isFull: boolean };
}

/** A bucket with an object, a file with unwritten data, and a disk of the metadata that fills up then. */
async function opened(): Promise<Bed> {
  const disk = { isFull: false };
  const stack = await openStack({
    ...{ engine: new MemoryEngine(), device: memoryDevice() },
    environment: { clock: new TestClock(), random: seededRandom(1), log: silent },
    requireRoom: () => {
      if (disk.isFull) throw new Fault('no-space', 'store', 'nothing is left for the metadata');
    },
  });
  const bucket = await stack.namespace.objects.createBucket(root, 'b');
  await put(stack, bucket, 'object', 'content');
  await put(stack, bucket, 'file', 'abc');
  return { stack, bucket, disk };
}

const isFull = (cause: unknown): boolean => cause instanceof Fault && cause.code === 'no-space';

test('without room for metadata nothing grows through either door, reads and deletes go on', async () => {
  const { stack, bucket, disk } = await opened();
  const { files, objects } = stack.namespace;
  const place = (name: string) => ({ directory: bucket.ino, name: bytes(name) });
  const { attributes } = await files.lookup(root, place('file'));
  disk.isFull = true;
  await assert.rejects(put(stack, bucket, 'more', 'x'), isFull);
  const wish = { mode: { how: 'guarded' }, wish: { mode: 0o644 } } as const;
  await assert.rejects(files.create(root, place('more'), wish), isFull);
  const longer = { offset: 3, data: bytes('d'), stable: false };
  await assert.rejects(files.write(root, attributes.ino, longer), isFull);
  assert.equal(String(await get(stack, bucket, 'object')), 'content');
  await objects.removeKey({ bucket: bucket.ino, key: bytes('object'), expect: {} });
  assert.equal(await get(stack, bucket, 'object'), undefined);
  disk.isFull = false;
  await files.write(root, attributes.ino, longer);
  assert.equal(String(await get(stack, bucket, 'file')), 'abcd');
});

test('what was taken before the room ended is written out all the same', async () => {
  const { stack, bucket, disk } = await opened();
  const { files } = stack.namespace;
  const { attributes } = await files.lookup(root, { directory: bucket.ino, name: bytes('file') });
  await files.write(root, attributes.ino, { offset: 3, data: bytes('def'), stable: false });
  disk.isFull = true;
  await files.commit(root, attributes.ino);
  assert.equal(String(await get(stack, bucket, 'file')), 'abcdef');
});
