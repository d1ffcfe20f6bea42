import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, Expectation, Ino } from '../../src/namespace/namespace.ts';
import { underSchedules, type Simulation } from '../simulation/simulation.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, get, listed, plainFacet, put, root, s3, settle, text, type Stack } from './world.ts';

const SCHEDULES = 40;

interface Scene extends Stack {
  readonly bucket: Bucket;
  readonly simulation: Simulation;
  /** Starts after a random time. */
  later<T>(operation: () => Promise<T>): Promise<T>;
}

const races = (play: (scene: Scene) => Promise<void>): Promise<void> =>
  underSchedules(SCHEDULES, async (stack, simulation) => {
    const bucket = await stack.namespace.objects.createBucket(root, 'b');
    const later = async <T>(operation: () => Promise<T>): Promise<T> => {
      await simulation.latency('caller');
      return operation();
    };
    await play({ ...stack, bucket, simulation, later });
    await settle(stack);
    await checkSettledStore(stack);
  });

async function putIf(
  { namespace, bucket }: Scene,
  key: string,
  { body, expect }: { body: string; expect: Expectation },
): Promise<void> {
  const draft = await namespace.objects.draft(s3);
  await draft.write([bytes(body)]);
  try {
    await namespace.objects.attach(s3, draft, {
      bucket: bucket.ino,
      key: bytes(key),
      facet: plainFacet(body),
      expect,
    });
  } catch (fault) {
    await draft.discard();
    throw fault;
  }
}

const makeDirectory = async (at: Scene, parent: Ino, name: string): Promise<Ino> =>
  (await at.namespace.files.makeDirectory(root, { directory: parent, name: bytes(name) }, {})).attributes.ino;

const place = (directory: Ino, name: string): { directory: Ino; name: Uint8Array } => ({
  directory,
  name: bytes(name),
});

for (const [name, first, expect] of [
  ['If-None-Match: *', undefined, { ifNoneMatch: ['*'] }],
  ['If-Match', 'first', { ifMatch: ['first'] }],
] as const) {
  test(`of racing puts with ${name} exactly one wins`, () =>
    races(async (at) => {
      if (first !== undefined) await putIf(at, 'd/k', { body: first, expect: {} });
      const bodies = ['one', 'two', 'three', 'four'];
      const codes = await Promise.all(
        bodies.map((body) => at.later(() => faultOf(putIf(at, 'd/k', { body, expect })))),
      );
      assert.equal(codes.filter((code) => code === 'done').length, 1);
      assert.equal(codes.filter((code) => code === 'precondition-failed').length, 3);
      const winner = bodies[codes.indexOf('done')];
      assert.equal(String(await get(at, at.bucket, 'd/k')), winner);
      assert.equal(
        (await at.namespace.objects.head({ bucket: at.bucket.ino, key: bytes('d/k') }))?.facet.etag,
        winner,
      );
    }));
}

test('an object put while its directory is renamed is at one of the two places, and all others moved', () =>
  races(async (at) => {
    await put(at, at.bucket, 'd/e/old', 'old');
    const moved = at.later(() =>
      at.namespace.files.rename(root, { from: place(at.bucket.ino, 'd'), to: place(at.bucket.ino, 'm') }),
    );
    await Promise.all([moved, at.later(() => put(at, at.bucket, 'd/e/new', 'new'))]);
    const keys = await listed(at, at.bucket);
    assert(keys.includes('m/e/old'));
    assert(keys.includes('m/e/new') !== keys.includes('d/e/new'), keys.join());
    assert.equal(keys.length, 2);
  }));

test('an object put into a directory that is being removed is there, or the directory is gone first', () =>
  races(async (at) => {
    const d = await makeDirectory(at, at.bucket.ino, 'd');
    const [removed] = await Promise.all([
      at.later(() =>
        faultOf(at.namespace.files.removeDirectory(root, { directory: at.bucket.ino, name: bytes('d') })),
      ),
      at.later(() => put(at, at.bucket, 'd/k', 'content')),
    ]);
    assert.equal(String(await get(at, at.bucket, 'd/k')), 'content');
    const isOld =
      (await at.namespace.files.lookup(root, { directory: at.bucket.ino, name: bytes('d') })).attributes
        .ino === d;
    assert.equal(removed, isOld ? 'not-empty' : 'done');
  }));

test('a file made in a directory that is being removed is there, or one of the two is refused', () =>
  races(async (at) => {
    const d = await makeDirectory(at, at.bucket.ino, 'd');
    const { files } = at.namespace;
    const [removed, made] = await Promise.all([
      at.later(() => faultOf(files.removeDirectory(root, { directory: at.bucket.ino, name: bytes('d') }))),
      at.later(() =>
        faultOf(
          files.create(root, { directory: d, name: bytes('f') }, { mode: { how: 'guarded' }, wish: {} }),
        ),
      ),
    ]);
    assert.deepEqual([removed, made], removed === 'done' ? ['done', 'stale-handle'] : ['not-empty', 'done']);
  }));

test('deleting the last key and putting another into the same implicit directory keeps the other', () =>
  races(async (at) => {
    await put(at, at.bucket, 'x/y/one', '1');
    await Promise.all([
      at.later(() =>
        at.namespace.objects.removeKey({ bucket: at.bucket.ino, key: bytes('x/y/one'), expect: {} }),
      ),
      at.later(() => put(at, at.bucket, 'x/y/two', '2')),
      at.later(() => put(at, at.bucket, 'x/three', '3')),
    ]);
    assert.deepEqual(await listed(at, at.bucket), ['x/three', 'x/y/two']);
  }));

test('all keys of implicit directories deleted at once leave nothing', () =>
  races(async (at) => {
    const keys = ['x/a', 'x/b', 'x/y/a', 'x/y/b', 'x/y/z/a', 'x/y/z/b'];
    await Promise.all(keys.map((key) => put(at, at.bucket, key, key)));
    await Promise.all(
      keys.map((key) =>
        at.later(() =>
          at.namespace.objects.removeKey({ bucket: at.bucket.ino, key: bytes(key), expect: {} }),
        ),
      ),
    );
    assert.deepEqual(await listed(at, at.bucket), []);
    const { entries } = await at.namespace.files.entries(root, at.bucket.ino, { after: 0, entriesMax: 10 });
    assert.deepEqual(entries, []);
  }));

test('two directories are never renamed into one another', () =>
  races(async (at) => {
    const [a, b] = [await makeDirectory(at, at.bucket.ino, 'a'), await makeDirectory(at, at.bucket.ino, 'b')];
    const { files } = at.namespace;
    const codes = await Promise.all([
      at.later(() => faultOf(files.rename(root, { from: place(at.bucket.ino, 'a'), to: place(b, 'a') }))),
      at.later(() => faultOf(files.rename(root, { from: place(at.bucket.ino, 'b'), to: place(a, 'b') }))),
    ]);
    assert.equal(codes.filter((code) => code === 'done').length, 1);
    assert.equal((await files.entries(root, at.bucket.ino, { after: 0, entriesMax: 10 })).entries.length, 1);
  }));

test('a bucket is deleted, or what was put into it meanwhile is there', () =>
  races(async (at) => {
    const other = await at.namespace.objects.createBucket(root, 'other');
    const { objects } = at.namespace;
    const [deleted, putCode, uploadCode] = await Promise.all([
      at.later(() => faultOf(objects.deleteBucket('other'))),
      at.later(() => faultOf(putIf({ ...at, bucket: other }, 'd/k', { body: 'x', expect: {} }))),
      at.later(() =>
        faultOf(
          objects.createUpload(s3, {
            bucket: other.ino,
            key: bytes('k'),
            facet: plainFacet(''),
            checksum: undefined,
          }),
        ),
      ),
    ]);
    if (deleted === 'done') assert.deepEqual(putCode, 'not-found');
    else assert.deepEqual([deleted, putCode, uploadCode], ['not-empty', 'done', 'done']);
    assert.equal((await objects.bucket('other')) === undefined, deleted === 'done');
  }));

test('a name made by many at once is made once', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const codes = await Promise.all(
      [1, 2, 3, 4].map(() =>
        at.later(() =>
          faultOf(
            files.create(
              root,
              { directory: at.bucket.ino, name: bytes('f') },
              { mode: { how: 'guarded' }, wish: {} },
            ),
          ),
        ),
      ),
    );
    assert.equal(codes.filter((code) => code === 'done').length, 1);
    assert.equal(codes.filter((code) => code === 'exists').length, 3);
  }));

test('a listing under way has each name that stays once, whatever is made and removed meanwhile', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const stays = Array.from({ length: 30 }, (_, index) => `stays${index}`);
    const goes = Array.from({ length: 30 }, (_, index) => `goes${index}`);
    const make = (name: string): Promise<unknown> =>
      files.create(
        root,
        { directory: at.bucket.ino, name: bytes(name) },
        { mode: { how: 'guarded' }, wish: {} },
      );
    for (const [index, name] of stays.entries()) await Promise.all([make(name), make(`goes${index}`)]);
    const found: string[] = [];
    const list = async (): Promise<void> => {
      for (let [after, eof] = [0, false]; !eof;) {
        const page = await files.entries(root, at.bucket.ino, { after, entriesMax: 7 });
        found.push(...page.entries.map(({ name }) => text(name)));
        after = page.entries.at(-1)?.cookie ?? Infinity;
        ({ eof } = page);
      }
    };
    const change = async (): Promise<void> => {
      for (const name of goes) {
        await files.remove(root, { directory: at.bucket.ino, name: bytes(name) });
        await make(`comes-${name}`);
      }
    };
    await Promise.all([list(), change()]);
    assert.equal(new Set(found).size, found.length, 'no name twice');
    const missed = stays.filter((name) => !found.includes(name));
    assert.deepEqual(missed, []);
  }));

test('a listing shows every name once while new files take names over', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const directory = await makeDirectory(at, at.bucket.ino, 'd');
    const names = Array.from({ length: 8 }, (_, index) => `f${index}`);
    for (const name of names) await put(at, at.bucket, `d/${name}`, 'old');
    const takeOver = async (name: string): Promise<void> => {
      const made = place(directory, `new-${name}`);
      await files.create(root, made, { mode: { how: 'guarded' }, wish: {} });
      await files.rename(root, { from: made, to: place(directory, name) });
      await put(at, at.bucket, `d/${name}`, 'put');
    };
    const seen: string[] = [];
    const list = async (): Promise<void> => {
      for (let [after, eof] = [0, false]; !eof;) {
        const page = await files.entries(root, directory, { after, entriesMax: 3 });
        seen.push(...page.entries.map(({ name }) => text(name)));
        after = page.entries.at(-1)?.cookie ?? after;
        ({ eof } = page);
      }
    };
    await Promise.all([at.later(list), ...names.map((name) => at.later(() => takeOver(name)))]);
    assert.deepEqual(
      seen.filter((name) => !name.startsWith('new-')),
      names,
    );
  }));

test('a name that new files take over is found at every moment, and opens for whoever may make it', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const directory = await makeDirectory(at, at.bucket.ino, 'd');
    await put(at, at.bucket, 'd/f', 'old');
    const takeOver = async (name: string): Promise<void> => {
      await files.create(root, place(directory, name), { mode: { how: 'guarded' }, wish: {} });
      await files.rename(root, { from: place(directory, name), to: place(directory, 'f') });
    };
    const look = async (): Promise<void> => {
      await files.lookup(root, place(directory, 'f'));
      await files.create(root, place(directory, 'f'), { mode: { how: 'unchecked' }, wish: { size: 0 } });
    };
    const names = ['a', 'b', 'c', 'd'];
    await Promise.all(
      names.flatMap((name) => [at.later(() => takeOver(name)), at.later(look), at.later(look)]),
    );
  }));

test('a file that anybody may make is made or opened, whoever removes it in between', () =>
  races(async (at) => {
    const { files } = at.namespace;
    const directory = await makeDirectory(at, at.bucket.ino, 'd');
    const make = async (): Promise<void> => {
      await files.create(root, place(directory, 'f'), { mode: { how: 'unchecked' }, wish: { size: 0 } });
    };
    const remove = (): Promise<unknown> => faultOf(files.remove(root, place(directory, 'f')));
    const both = [make, remove, make, remove, make, remove, make];
    await Promise.all(both.map((one) => at.later<unknown>(one)));
  }));

for (const key of ['a', 'd/a'])
  test(`nobody is shown under ${key} what its file became under another name`, () =>
    underSchedules(
      SCHEDULES,
      async (stack, simulation) => {
        const { files, objects } = stack.namespace;
        const bucket = await objects.createBucket(root, 'b');
        await put(stack, bucket, key, 'old');
        const [moved, ino] = [
          key.slice(0, 1),
          (await objects.head({ bucket: bucket.ino, key: bytes(key) }))!,
        ];
        const change = async (): Promise<void> => {
          const [from, to] = [place(bucket.ino, moved), place(bucket.ino, 'elsewhere')];
          await files.rename(root, { from, to });
          await files.setAttributes(root, ino.attributes.ino, { wish: { size: 2 } });
        };
        const changing = change();
        for (let isThere = true; isThere; await simulation.latency('reader')) {
          const read = await get(stack, bucket, key);
          assert(read === undefined || read.toString() === 'old', read?.toString());
          const head = await objects.head({ bucket: bucket.ino, key: bytes(key) });
          assert(head === undefined || head.attributes.size === 3);
          isThere = head !== undefined;
        }
        await changing;
      },
      { slowReads: true },
    ));

test('a CREATE that empties what is there does not empty what has moved away meanwhile', () =>
  underSchedules(
    SCHEDULES,
    async (stack, simulation) => {
      const { files, objects } = stack.namespace;
      const bucket = await objects.createBucket(root, 'b');
      await put(stack, bucket, 'a', 'old');
      const [from, to] = [place(bucket.ino, 'a'), place(bucket.ino, 'kept')];
      const creating = files.create(root, from, { mode: { how: 'unchecked' }, wish: { size: 0 } });
      await simulation.latency('renamer');
      await files.rename(root, { from, to });
      // Made before the rename, the file is empty when that is over; made after it, it is another one.
      const seen = String(await get(stack, bucket, 'kept'));
      await creating;
      assert.equal(String(await get(stack, bucket, 'kept')), seen);
    },
    { slowReads: true },
  ));
