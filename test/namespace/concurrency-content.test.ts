import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import type { Bucket, Ino, ObjectAt } from '../../src/namespace/namespace.ts';
import { underSchedules, type Simulation } from '../simulation/simulation.ts';
import { checkSettledStore } from './check-store.ts';
import { bytes, get, plainFacet, put, root, s3, settle, text, type Stack } from './world.ts';

const SCHEDULES = 40;

interface Scene extends Stack {
  readonly bucket: Bucket;
  readonly simulation: Simulation;
}

const scene = async (stack: Stack, simulation: Simulation): Promise<Scene> => ({
  ...stack,
  bucket: await stack.namespace.objects.createBucket(root, 'b'),
  simulation,
});

/** Under every schedule, with a look at the whole store when all is done. */
const races = (play: (scene: Scene) => Promise<void>): Promise<void> =>
  underSchedules(SCHEDULES, async (stack, simulation) => {
    await play(await scene(stack, simulation));
    await settle(stack);
    // Dirty data becomes idle, and what it replaces becomes garbage.
    await simulation.clock.sleep(10_000);
    await settle(stack);
    await checkSettledStore(stack);
  });

const file = async ({ namespace, bucket }: Scene, name: string): Promise<Ino> =>
  (
    await namespace.files.create(
      root,
      { directory: bucket.ino, name: bytes(name) },
      { mode: { how: 'guarded' }, wish: { mode: 0o644 } },
    )
  ).attributes.ino;

const contentOf = async ({ namespace }: Scene, ino: Ino): Promise<string> =>
  text((await namespace.files.read(root, ino, { offset: 0, length: 1 << 20 })).parts);

const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'done',
    (fault: unknown) => {
      if (fault instanceof Fault) return fault.code;
      throw fault;
    },
  );

test('a truncation between two commits stays', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const ino = await file(at, 'f');
    await files.write(root, ino, { offset: 0, data: bytes('x'.repeat(100)), stable: false });
    const truncation = files.setAttributes(root, ino, { wish: { size: 0 } });
    await Promise.all([
      truncation,
      files.commit(root, ino),
      files.commit(root, ino),
      files.commit(root, ino),
    ]);
    assert.equal((await files.attributes(ino)).size, 0);
    assert.equal(await contentOf(at, ino), '');
  }));

test('commits and writes in any order leave what was written last', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const ino = await file(at, 'f');
    const commits: Promise<unknown>[] = [];
    for (const letter of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await files.write(root, ino, { offset: 0, data: bytes(letter.repeat(50)), stable: false });
      commits.push(files.commit(root, ino), files.commit(root, ino));
      if (at.simulation.random.below(2) === 0) await at.simulation.latency('writer');
    }
    assert.equal(await contentOf(at, ino), 'f'.repeat(50));
    await Promise.all(commits);
    assert.equal(await contentOf(at, ino), 'f'.repeat(50));
  }));

test('a read never mixes two states of a file', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const ino = await file(at, 'f');
    let isDone = false;
    const changes = async (): Promise<void> => {
      for (const letter of ['a', 'b', 'c', 'd']) {
        await files.setAttributes(root, ino, { wish: { size: 0 } });
        await files.write(root, ino, { offset: 0, data: bytes(letter.repeat(60)), stable: true });
        await files.write(root, ino, {
          offset: 0,
          data: bytes(letter.toUpperCase().repeat(60)),
          stable: false,
        });
        await files.commit(root, ino);
      }
      isDone = true;
    };
    const looks = async (): Promise<void> => {
      while (!isDone) {
        assert.match(await contentOf(at, ino), /^(|([a-dA-D])\2{59})$/);
        assert.match(String(await get(at, at.bucket, 'f')), /^(|([a-dA-D])\2{59})$/);
        await at.simulation.latency('reader');
      }
    };
    await Promise.all([changes(), looks(), looks()]);
  }));

/** An object of twenty extents, more than fit its record, each of ten bytes. */
async function manyExtents(at: Scene, key: string): Promise<Ino> {
  const { objects } = at.namespace;
  await put(at, at.bucket, 'piece', 'p'.repeat(10));
  const draft = await objects.draft(root);
  for (let piece = 0; piece < 20; piece += 1) {
    const source = await objects.open({ bucket: at.bucket.ino, key: bytes('piece') });
    assert(source !== undefined);
    await draft.splice(source, 0, 10);
    await source.close();
  }
  const facet = plainFacet('e');
  const found = await objects.attach(root, draft, {
    bucket: at.bucket.ino,
    key: bytes(key),
    facet,
    expect: {},
  });
  return found.attributes.ino;
}

test('a read of many extents never shows a later write without an earlier one', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const ino = await manyExtents(at, 'f');
    let isDone = false;
    const changes = async (): Promise<void> => {
      for (const letter of ['q', 'r', 's', 't']) {
        await files.write(root, ino, { offset: 0, data: bytes(letter.repeat(60)), stable: false });
        const commit = files.commit(root, ino);
        await at.simulation.latency('writer');
        await files.write(root, ino, { offset: 60, data: bytes(letter.repeat(60)), stable: false });
        await commit;
        await at.simulation.latency('writer');
        await files.commit(root, ino);
      }
      isDone = true;
    };
    const looks = async (): Promise<void> => {
      while (!isDone) {
        for (const seen of [await contentOf(at, ino), String(await get(at, at.bucket, 'f'))]) {
          const [first, second] = [seen.charCodeAt(0), seen.charCodeAt(60)];
          assert(first === second || first === second + 1, seen);
        }
      }
    };
    await Promise.all([changes(), looks(), looks(), looks()]);
  }));

test('truncation and an append after it never show bytes from before it', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const ino = await file(at, 'f');
    let isDone = false;
    const changes = async (): Promise<void> => {
      for (let round = 0; round < 4; round += 1) {
        await files.write(root, ino, { offset: 0, data: bytes('o'.repeat(60)), stable: true });
        await files.setAttributes(root, ino, { wish: { size: 0 } });
        await files.write(root, ino, { offset: 50, data: bytes('n'.repeat(50)), stable: false });
        await at.simulation.latency('writer');
        await files.setAttributes(root, ino, { wish: { size: 0 } });
      }
      isDone = true;
    };
    const looks = async (): Promise<void> => {
      while (!isDone) {
        assert.match(await contentOf(at, ino), /^(|o{60}|\0{50}n{50})$/);
        await at.simulation.latency('reader');
      }
    };
    await Promise.all([changes(), looks(), looks()]);
  }));

test('write, write-out, truncation and removal of one file at once leave nothing behind', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const ino = await file(at, 'f');
    await files.write(root, ino, { offset: 0, data: bytes('x'.repeat(200)), stable: false });
    const all = [
      files.write(root, ino, { offset: 100, data: bytes('y'.repeat(200)), stable: true }),
      files.write(root, ino, { offset: 50, data: bytes('z'.repeat(10)), stable: false }),
      files.commit(root, ino),
      files.setAttributes(root, ino, { wish: { size: 120 } }),
      at.simulation
        .latency('remover')
        .then(() => files.remove(root, { directory: at.bucket.ino, name: bytes('f') })),
    ];
    for (const code of await Promise.all(all.map(codeOf))) assert.match(code, /^(done|stale-handle)$/);
    assert.equal(await codeOf(files.attributes(ino)), 'stale-handle');
    await at.namespace.close();
  }));

test('an open object reads as it was, whatever happens to its name', () =>
  races(async (at) => {
    const { files, objects } = at.namespace;
    await put(at, at.bucket, 'k', 'o'.repeat(5000));
    const snapshot = await objects.open({ bucket: at.bucket.ino, key: bytes('k') });
    assert(snapshot !== undefined);
    const ino = snapshot.found.attributes.ino;
    const disturb = async (): Promise<void> => {
      await files.write(root, ino, { offset: 10, data: bytes('dirty'), stable: false });
      await files.commit(root, ino);
      await files.setAttributes(root, ino, { wish: { size: 7 } });
      await put(at, at.bucket, 'k', 'other');
      await objects.removeKey({ bucket: at.bucket.ino, key: bytes('k'), expect: {} });
      await settle(at);
    };
    const look = async (): Promise<void> => {
      for (let round = 0; round < 4; round += 1) {
        const parts: Uint8Array[] = [];
        for await (const part of snapshot.read(0, 5000)) parts.push(part);
        assert.equal(text(parts), 'o'.repeat(5000));
        await at.simulation.latency('reader');
      }
    };
    await Promise.all([disturb(), look()]);
    await look();
    await snapshot.close();
  }));

test('a copy of a file with dirty data is the file at the moment of the copy', () =>
  races(async (at) => {
    const { files, objects } = at.namespace;
    const ino = await file(at, 'f');
    await files.write(root, ino, { offset: 0, data: bytes('a'.repeat(100)), stable: true });
    await files.write(root, ino, { offset: 0, data: bytes('b'.repeat(60)), stable: false });
    const source = await objects.open({ bucket: at.bucket.ino, key: bytes('f') });
    assert(source !== undefined);
    const draft = await objects.draft(root);
    const later = files.write(root, ino, { offset: 0, data: bytes('c'.repeat(100)), stable: true });
    await draft.splice(source, 0, 100);
    await source.close();
    await later;
    const facet = plainFacet('e');
    await objects.attach(root, draft, { bucket: at.bucket.ino, key: bytes('copy'), facet, expect: {} });
    assert.equal(String(await get(at, at.bucket, 'copy')), 'b'.repeat(60) + 'a'.repeat(40));
    assert.equal(String(await get(at, at.bucket, 'f')), 'c'.repeat(100));
  }));

test('an object opened while its file is removed has what was written to it, committed or not', () =>
  races(async (at) => {
    const { files, objects } = at.namespace;
    const ino = await manyExtents(at, 'f');
    await files.write(root, ino, { offset: 0, data: bytes('dirty'), stable: false });
    const open = at.simulation
      .latency('opener')
      .then(() => objects.open({ bucket: at.bucket.ino, key: bytes('f') }));
    await files.remove(root, { directory: at.bucket.ino, name: bytes('f') });
    const snapshot = await open;
    if (snapshot === undefined) return;
    const parts: Uint8Array[] = [];
    for await (const part of snapshot.read(0, 200)) parts.push(part);
    await snapshot.close();
    assert.equal(text(parts), 'dirty'.padEnd(200, 'p'));
  }));

test('a busy writer does not hold up a change of attributes', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const ino = await file(at, 'f');
    let writes = 0;
    let isChanged = false;
    const write = async (): Promise<void> => {
      for (; !isChanged && writes < 500; writes += 1) {
        await files.write(root, ino, { offset: writes, data: bytes('x'), stable: false });
        if (writes % 8 === 0) await at.simulation.latency('writer');
      }
    };
    const change = async (): Promise<void> => {
      await at.simulation.latency('changer');
      await files.setAttributes(root, ino, { wish: { mode: 0o600 } });
      isChanged = true;
    };
    await Promise.all([write(), change()]);
    assert(writes < 500, 'the writer came to its end first');
    assert.equal((await files.attributes(ino)).mode, 0o600);
  }));

const conditionalChanges: readonly {
  readonly name: string;
  readonly change: (
    namespace: Stack['namespace'],
    at: ObjectAt,
    ifMatch: readonly string[],
  ) => Promise<unknown>;
}[] = [
  {
    name: 'a DELETE',
    change: ({ objects }, at, ifMatch) => objects.removeKey({ ...at, expect: { ifMatch } }),
  },
  {
    name: 'a rename',
    change: ({ objects }, { bucket, key }, ifMatch) =>
      objects.renameKey(s3, bucket, {
        from: { key: bytes('other'), expect: {} },
        to: { key, expect: { ifMatch } },
      }),
  },
];
for (const { name, change } of conditionalChanges)
  test(`${name} on the condition that a file is as it was, and a write to it: not both succeed`, () =>
    underSchedules(
      SCHEDULES,
      async (stack, simulation) => {
        const { namespace } = stack;
        const bucket = await namespace.objects.createBucket(root, 'b');
        const found = await put(stack, bucket, 'k', 'old');
        await put(stack, bucket, 'other', 'other');
        const at = { bucket: bucket.ino, key: bytes('k') };
        const outcomes = await Promise.allSettled([
          simulation.latency('caller').then(() => change(namespace, at, [found.facet.etag])),
          simulation.latency('writer').then(() =>
            namespace.files.write(root, found.attributes.ino, {
              ...{ offset: 0, data: bytes('new'), stable: false },
            }),
          ),
        ]);
        assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
      },
      { slowReads: true },
    ));
