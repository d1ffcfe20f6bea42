import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_BYTES_MAX } from '../../src/limits.ts';
import type { Bucket, Ino, OpenObject } from '../../src/namespace/namespace.ts';
import { underSchedules } from '../simulation/simulation.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, openWorld, plainFacet, put, root, settle, text, type World } from './world.ts';

/** More than the 256 MiB up to which all extents are looked up when the object is opened. */
const LARGE_BYTES = 300 << 20;
const EXTENTS = 24;

interface Scene extends World {
  readonly bucket: Bucket;
  readonly ino: Ino;
}

const at = (index: number): number => index * (10 << 20);

/** A large file with holes between more extents than its record holds. */
async function largeFile(): Promise<Scene> {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const { ino } = (
    await files.create(
      root,
      { directory: bucket.ino, name: bytes('f') },
      { mode: { how: 'guarded' }, wish: {} },
    )
  ).attributes;
  for (let index = 0; index < EXTENTS; index += 1)
    await files.write(root, ino, { offset: at(index), data: bytes('old'), stable: false });
  await files.commit(root, ino);
  await files.setAttributes(root, ino, { wish: { size: LARGE_BYTES } });
  return { ...world, bucket, ino };
}

async function openLarge({ namespace, bucket }: Scene): Promise<OpenObject> {
  const object = await namespace.objects.open({ bucket: bucket.ino, key: bytes('f') });
  assert(object !== undefined);
  return object;
}

async function piece(object: OpenObject, index: number): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of object.read(at(index), 3)) parts.push(part);
  return text(parts);
}

const changes = [
  { name: 'a write', change: async () => undefined },
  {
    name: 'a write and a removal',
    change: ({ namespace, bucket }: Scene) =>
      namespace.files.remove(root, { directory: bucket.ino, name: bytes('f') }),
  },
  {
    name: 'a write and a truncation to nothing',
    change: ({ namespace, ino }: Scene) => namespace.files.setAttributes(root, ino, { wish: { size: 0 } }),
  },
] as const;

for (const { name, change } of changes) {
  test(`a large object that is open never shows another generation: after ${name} it is a conflict`, async () => {
    const scene = await largeFile();
    const object = await openLarge(scene);
    assert.equal(await piece(object, 1), 'old');
    await scene.namespace.files.write(root, scene.ino, { offset: at(1), data: bytes('new'), stable: true });
    await change(scene);
    await settle(scene);
    const outcome = await faultOf(piece(object, 1).then((seen) => assert.equal(seen, 'old')));
    assert.match(outcome, /^(done|conflict)$/);
    await object.close();
    await settle(scene);
    await checkSettledStore(scene);
  });
}

test('a large object that is only removed is read to its end', async () => {
  const scene = await largeFile();
  const object = await openLarge(scene);
  await scene.namespace.files.remove(root, { directory: scene.bucket.ino, name: bytes('f') });
  await settle(scene);
  for (let index = 0; index < EXTENTS; index += 1) assert.equal(await piece(object, index), 'old');
  await object.close();
  await settle(scene);
  await checkSettledStore(scene);
});

test('a read behind the end, however far, is the end', async () => {
  const { namespace, ino } = await largeFile();
  for (const offset of [LARGE_BYTES, LARGE_BYTES + 1, FILE_BYTES_MAX - 1, FILE_BYTES_MAX]) {
    const { length, eof, parts } = await namespace.files.read(root, ino, { offset, length: 100 });
    assert.deepEqual([length, eof, parts.length], [0, true, 0]);
  }
});

test('a draft of a thousand pieces becomes an object; discarded or forgotten it leaves nothing', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'b');
  const facet = plainFacet('e');
  const piece = await objects.draft(root);
  await piece.write([bytes('0123456789')]);
  await objects.attach(root, piece, { bucket: bucket.ino, key: bytes('piece'), facet, expect: {} });
  const splice = async (count: number): ReturnType<typeof objects.draft> => {
    const draft = await objects.draft(root);
    const source = await objects.open({ bucket: bucket.ino, key: bytes('piece') });
    assert(source !== undefined);
    for (let index = 0; index < count; index += 1) await draft.splice(source, index % 5, 5);
    await source.close();
    return draft;
  };
  await objects.attach(root, await splice(1100), {
    bucket: bucket.ino,
    key: bytes('long'),
    facet,
    expect: {},
  });
  const object = await objects.open({ bucket: bucket.ino, key: bytes('long') });
  assert(object !== undefined);
  const parts: Uint8Array[] = [];
  for await (const part of object.read(0, 5500)) parts.push(part);
  await object.close();
  const cycle = ['01234', '12345', '23456', '34567', '45678'];
  assert.equal(text(parts), cycle.join('').repeat(220));
  await (await splice(600)).discard();
  await splice(600);
  const after = await openWorld({ engine: world.engine, device: world.device });
  await settle(after);
  await checkSettledStore(after);
});

test('a copy of a large object that is overwritten meanwhile has what it was given, or is refused', () =>
  underSchedules(12, async (stack, simulation) => {
    const { files, objects } = stack.namespace;
    const bucket = await objects.createBucket(root, 'b');
    const { ino } = (
      await files.create(
        root,
        { directory: bucket.ino, name: bytes('f') },
        { mode: { how: 'guarded' }, wish: {} },
      )
    ).attributes;
    for (let index = 0; index < EXTENTS; index += 1)
      await files.write(root, ino, { offset: at(index), data: bytes('old'), stable: false });
    await files.commit(root, ino);
    await files.setAttributes(root, ino, { wish: { size: LARGE_BYTES } });
    const source = await objects.open({ bucket: bucket.ino, key: bytes('f') });
    assert(source !== undefined);
    const draft = await objects.draft(root);
    await draft.write([bytes('head'.repeat(30))]);
    const copy = async (): Promise<void> => {
      await draft.splice(source, at(1), 3);
      await source.close();
      await simulation.clock.sleep(50);
      const facet = plainFacet('e');
      await objects.attach(root, draft, { bucket: bucket.ino, key: bytes('copy'), facet, expect: {} });
    };
    const overwrite = async (): Promise<void> => {
      await files.write(root, ino, { offset: at(1), data: bytes('new'), stable: true });
      await settle(stack);
    };
    const [outcome] = await Promise.all([faultOf(copy()), overwrite()]);
    if (outcome === 'done') {
      const object = await objects.open({ bucket: bucket.ino, key: bytes('copy') });
      assert(object !== undefined);
      const parts: Uint8Array[] = [];
      for await (const part of object.read(120, 3)) parts.push(part);
      await object.close();
      assert.equal(text(parts), 'old');
    } else {
      assert.equal(outcome, 'conflict');
      await source.close();
      await draft.discard();
    }
    await settle(stack);
    await checkSettledStore(stack);
  }));

test('content that is lent is what is read, by way of any windows, and stays while it is held', async () => {
  const world = await openWorld();
  const { objects } = world.namespace;
  const bucket = await objects.createBucket(root, 'lent');
  const content = Buffer.from(
    Array.from({ length: 3_300_000 }, (_, index) => (index * 7 + index / 4099) & 255),
  );
  await put(world, bucket, 'k', content);
  const object = await objects.open({ bucket: bucket.ino, key: bytes('k') });
  assert(object !== undefined);
  for (const [offset, length] of [
    [0, content.length],
    [1, 65_536],
    [65_535, 2],
    [1_048_570, 2_000_000],
  ] as const) {
    const held: { readonly parts: readonly Uint8Array[]; readonly letGo: () => void }[] = [];
    for await (const lent of object.lend(offset, length)) held.push(lent);
    const whole = Buffer.concat(held.flatMap(({ parts }) => parts));
    assert(whole.equals(content.subarray(offset, offset + length)), `${offset}+${length}`);
    for (const { letGo } of held) letGo();
  }
  // Who stops early leaves nothing behind that the next reader would find changed.
  for await (const lent of object.lend(0, content.length)) {
    lent.letGo();
    break;
  }
  const again: Uint8Array[] = [];
  for await (const { parts } of object.lend(0, content.length)) again.push(...parts);
  assert(Buffer.concat(again).equals(content));
  await object.close();
});
