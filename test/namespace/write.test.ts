import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DIRTY_FILE_BYTES_MAX, FILE_BYTES_MAX } from '../../src/limits.ts';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, get, openWorld, root, settle, text, user, type World } from './world.ts';

async function file(): Promise<World & { bucket: Bucket; ino: Ino }> {
  const world = await openWorld();
  const bucket = await world.namespace.objects.createBucket(root, 'b');
  const wish = { mode: 0o600, uid: 1000 };
  const made = await world.namespace.files.create(
    root,
    { directory: bucket.ino, name: bytes('f') },
    { mode: { how: 'guarded' }, wish },
  );
  return { ...world, bucket, ino: made.attributes.ino };
}

const operation = fc.oneof(
  fc.record({
    what: fc.constantFrom('write', 'write', 'write', 'stable'),
    at: fc.oneof(fc.nat(20_000), fc.nat(400_000)),
    length: fc.oneof(fc.nat(50), fc.nat(90_000)),
  }),
  fc.record({ what: fc.constant('truncate'), at: fc.nat(400_000), length: fc.constant(0) }),
  fc.record({ what: fc.constant('commit'), at: fc.constant(0), length: fc.constant(0) }),
);

test('a file is an array of bytes, however it is written, gathered and cut', () =>
  fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
      const at = await file();
      const { files } = at.namespace;
      let plain = Buffer.alloc(0);
      for (const [index, { what, at: offset, length }] of operations.entries()) {
        if (what === 'commit') await files.commit(root, at.ino);
        else if (what === 'truncate') {
          await files.setAttributes(root, at.ino, { wish: { size: offset } });
          plain = Buffer.concat([plain, Buffer.alloc(offset)], offset);
        } else {
          const data = Buffer.alloc(length, String.fromCharCode(97 + index));
          await files.write(root, at.ino, { offset, data, stable: what === 'stable' });
          const size = length === 0 ? plain.length : Math.max(plain.length, offset + length);
          plain = Buffer.concat([plain, Buffer.alloc(size)], size);
          data.copy(plain, offset);
        }
        const { parts } = await files.read(root, at.ino, { offset: 0, length: 1 << 20 });
        assert(Buffer.concat(parts).equals(plain), `after operation ${index}`);
      }
      assert((await get(at, at.bucket, 'f'))?.equals(plain));
      await at.namespace.close();
      await settle(at);
      await checkSettledStore(at);
    }),
    { numRuns: 40 },
  ));

test('what could not be written out is kept, told at the commit, and written when the device is well again', async () => {
  const at = await file();
  const { files } = at.namespace;
  const data = Buffer.alloc(100_000, 'x');
  await files.write(root, at.ino, { offset: 0, data, stable: false });
  at.device.failWhen((operation) => operation !== 'read');
  assert.equal(await faultOf(files.commit(root, at.ino)), 'unavailable');
  assert.equal(
    await faultOf(files.write(root, at.ino, { offset: 5, data: bytes('yy'), stable: true })),
    'unavailable',
  );
  at.clock.ms += 10_000;
  await at.namespace.step();
  data.write('yy', 5);
  assert((await get(at, at.bucket, 'f'))?.equals(data));
  at.device.failWhen(undefined);
  await files.commit(root, at.ino);
  await settle(at);
  await checkSettledStore(at);
  const after = await openWorld({
    engine: at.engine.crash({ below: () => 0, bytes: Buffer.alloc }),
    device: at.device,
  });
  assert((await get(after, at.bucket, 'f'))?.equals(data));
});

test('dirty data that nobody commits becomes durable by itself', async () => {
  const at = await file();
  await at.namespace.files.write(root, at.ino, { offset: 0, data: bytes('idle'), stable: false });
  at.clock.ms += 10_000;
  await settle(at);
  const after = await openWorld({
    engine: at.engine.crash({ below: () => 0, bytes: Buffer.alloc }),
    device: at.device,
  });
  assert.equal(String(await get(after, at.bucket, 'f')), 'idle');
});

test('much dirty data of one file is written out before more is taken', async () => {
  const at = await file();
  const data = Buffer.alloc(1 << 20, 'x');
  for (let index = 0; index < 40; index += 1)
    await at.namespace.files.write(root, at.ino, { offset: index << 20, data, stable: false });
  const { bytesTotal, bytesFree } = at.blobs.usage();
  assert(bytesTotal - bytesFree >= DIRTY_FILE_BYTES_MAX, 'some of it is on the device');
  await at.namespace.files.commit(root, at.ino);
  assert.equal((await get(at, at.bucket, 'f'))?.length, 40 << 20);
});

test('a namespace with a removed file that was written to closes', async () => {
  const at = await file();
  const writing = at.namespace.files.write(root, at.ino, { offset: 0, data: bytes('late'), stable: false });
  await at.namespace.files.remove(root, { directory: at.bucket.ino, name: bytes('f') });
  await faultOf(writing);
  await at.namespace.close();
  await settle(at);
  await checkSettledStore(at);
});

const refusals = [
  { name: 'by who may not', caller: user(9), offset: 0, want: 'access-denied' },
  { name: 'by the owner', caller: user(1000), offset: 0, want: 'done' },
  { name: 'at the greatest size', caller: root, offset: FILE_BYTES_MAX - 4, want: 'done' },
  { name: 'beyond the greatest size', caller: root, offset: FILE_BYTES_MAX - 3, want: 'too-large' },
] as const;

for (const { name, caller, offset, want } of refusals) {
  test(`a write ${name}: ${want}`, async () => {
    const at = await file();
    const { files } = at.namespace;
    assert.equal(
      await faultOf(files.write(caller, at.ino, { offset, data: bytes('data'), stable: true })),
      want,
    );
    if (want !== 'done') return;
    const { parts, eof } = await files.read(root, at.ino, { offset, length: 100 });
    assert.deepEqual([text(parts), eof], ['data', true]);
  });
}

test('what is no file cannot be written, read or cut', async () => {
  const at = await file();
  const { files } = at.namespace;
  const fifo = await files.makeSpecial(
    root,
    { directory: at.bucket.ino, name: bytes('fifo') },
    { special: { kind: 'fifo' }, wish: {} },
  );
  for (const [ino, want] of [
    [fifo.attributes.ino, 'invalid-argument'],
    [at.bucket.ino, 'is-directory'],
  ] as const) {
    assert.equal(await faultOf(files.write(root, ino, { offset: 0, data: bytes('x'), stable: true })), want);
    assert.equal(await faultOf(files.read(root, ino, { offset: 0, length: 1 })), want);
    assert.equal(await faultOf(files.setAttributes(root, ino, { wish: { size: 0 } })), want);
  }
});
