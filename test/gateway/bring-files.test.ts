import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { FileBringer, readAll, writeAll, type Spool } from '../../src/gateway/bring-files.ts';
import { RecoveryCounts } from '../../src/gateway/recovery-report.ts';
import { RECOVERY_MEMORY_BYTES_MAX } from '../../src/limits/tiering.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import type { RecoveredFile, RecoveredPiece } from '../../src/namespace/recover-tree.ts';
import { NULL_VERSION } from '../../src/namespace/version.ts';
import { bytes, get, listed, openWorld, root, type World } from '../namespace/world.ts';
import { noise } from '../workers/segments.ts';

const directory = await mkdtemp(path.join(tmpdir(), 'terrace-bring-'));
after(() => rm(directory, { recursive: true }));
const spool = path.join(directory, 'spool');
const md5 = (content: Uint8Array): string => createHash('md5').update(content).digest('hex');

type Given = Partial<Omit<RecoveredFile, 'label'>> & {
  readonly label?: Partial<RecoveredFile['label']>;
  readonly pieces?: readonly RecoveredPiece[];
};

/** A file of `size` bytes under one key. */
function fileOf(key: string, content: Uint8Array, { label, pieces, ...given }: Given = {}): RecoveredFile {
  const time = { seconds: 1000, nanoseconds: 5 };
  return {
    label: {
      ...{
        bucket: 'b',
        keys: [bytes(key)],
        kind: 'current',
        upload: 0,
        part: 0,
        ino: 7 as Ino,
        contentGeneration: 9,
      },
      ...{
        versionId: NULL_VERSION,
        size: content.length,
        mode: 0o640,
        uid: 3,
        gid: 4,
        mtime: time,
        ctime: time,
      },
      ...{ encryption: undefined, etag: md5(content), storageClass: 'STANDARD', checksums: [] },
      ...{
        headers: { 'content-type': 'text/fine' },
        metadata: { owner: 'x' },
        tags: [{ key: 'a', value: 'b' }],
      },
      ...label,
    },
    isNewest: true,
    isMixed: false,
    missing: [],
    content: async function* () {
      yield* pieces ?? [{ offset: 0, bytes: content }];
    },
    ...given,
  };
}

async function openBench(withGaps = false): Promise<{
  readonly world: World;
  readonly counts: RecoveryCounts;
  readonly bring: (file: RecoveredFile) => Promise<void>;
}> {
  const world = await openWorld();
  const { namespace, keyring } = world;
  const counts = new RecoveryCounts();
  const bringer = new FileBringer({ namespace, keyring, counts, spool, withGaps });
  return { world, counts, bring: (file) => bringer.bring(file) };
}

async function contentAt(world: World, key: string): Promise<Buffer | undefined> {
  const bucket = await world.namespace.objects.bucket('b');
  return bucket && get(world, bucket, key);
}

suite('what was found in segments', () => {
  test('comes back with its attributes, under all of its names', async () => {
    const { world, counts, bring } = await openBench();
    await bring(fileOf('a/one', bytes('content'), { label: { keys: [bytes('a/one'), bytes('two')] } }));
    const bucket = await world.namespace.objects.bucket('b');
    assert(bucket !== undefined);
    assert.deepEqual(await listed(world, bucket), ['a/one', 'two']);
    assert.equal((await contentAt(world, 'two'))?.toString(), 'content');
    const head = await world.namespace.objects.head({ bucket: bucket.ino, key: bytes('a/one') });
    const { mode, uid, gid, mtime } = head?.attributes ?? assert.fail();
    assert.deepEqual([mode, uid, gid, mtime], [0o640, 3, 4, { seconds: 1000, nanoseconds: 5 }]);
    const { etag, headers, metadata, tags } = head?.facet ?? assert.fail();
    assert.deepEqual(
      [etag, headers['content-type'], metadata],
      [md5(bytes('content')), 'text/fine', { owner: 'x' }],
    );
    assert.deepEqual(tags, [{ key: 'a', value: 'b' }]);
    assert.deepEqual([counts.files, counts.bytes, counts.lost], [1, 7, []]);
  });

  test('pieces count in the order of writing, however long the file is', async () => {
    for (const size of [3000, RECOVERY_MEMORY_BYTES_MAX + 3000]) {
      const { world, bring } = await openBench();
      const content = Buffer.from(noise(size, 1));
      const pieces = [
        { offset: 1000, bytes: content.subarray(1000) },
        { offset: 0, bytes: Buffer.alloc(2000) },
        { offset: 0, bytes: content.subarray(0, 2000) },
      ];
      await bring(fileOf('k', content, { pieces }));
      assert((await contentAt(world, 'k'))?.equals(content));
      assert(!existsSync(spool));
    }
  });

  test('what is not whole, not readable or not current stays away, and is told', async () => {
    const { world, counts, bring } = await openBench();
    const broken = async function* (): AsyncGenerator<RecoveredPiece> {
      yield await Promise.reject(new Fault('corrupt', 'blob', 'a chunk is nowhere'));
    };
    const encryption = {
      mode: 'aws:kms',
      contentKeyId: bytes('1'),
      keyId: 'k',
      keyVersion: 1,
      sealed: bytes('s'),
    } as const;
    await bring(fileOf('gap', bytes('content'), { missing: [{ start: 3, end: 5 }] }));
    await bring(fileOf('gone', bytes('content'), { content: broken }));
    await bring(fileOf('other', bytes('content'), { label: { etag: md5(bytes('else')) } }));
    await bring(
      fileOf('kms', bytes('c'), { label: { encryption: { ...encryption, context: '', bucketKey: false } } }),
    );
    await bring(fileOf('old', bytes('c'), { label: { kind: 'version' } }));
    await bring(fileOf('part', bytes('c'), { label: { kind: 'part' } }));
    await bring(fileOf('replaced', bytes('c'), { isNewest: false }));
    await bring(fileOf('', bytes('c'), { label: { keys: [] } }));
    assert.deepEqual(
      counts.lost.map(({ why, key }) => `${why} ${key}`),
      [
        'gaps gap',
        'damaged gone',
        'damaged other',
        'sealed kms',
        'version old',
        'part part',
        'replaced replaced',
        'nameless ',
      ],
    );
    assert.deepEqual(counts.lost[0]?.missing, [{ start: 3, end: 5 }]);
    assert.equal(counts.files, 0);
    const bucket = await world.namespace.objects.bucket('b');
    assert.deepEqual(bucket && (await listed(world, bucket)), []);
  });

  test('what may be mixed comes, and is told unless its ETag proves it', async () => {
    const { world, counts, bring } = await openBench();
    await bring(fileOf('proven', bytes('content'), { isMixed: true }));
    await bring(fileOf('edited', bytes('content'), { isMixed: true, label: { etag: 'nfs-1' } }));
    await bring(fileOf('whole', bytes('content'), { label: { etag: 'nfs-2' } }));
    assert.deepEqual(
      counts.lost.map(({ why, key }) => `${why} ${key}`),
      ['mixed edited'],
    );
    assert.deepEqual([counts.files, counts.counts.mixed], [3, 1]);
    assert.equal((await contentAt(world, 'edited'))?.toString(), 'content');
  });

  test('with gaps it comes with zeros there, if that is wanted', async () => {
    const { world, counts, bring } = await openBench(true);
    const pieces = [{ offset: 0, bytes: bytes('abc') }];
    await bring(fileOf('gap', bytes('abcdefg'), { pieces, missing: [{ start: 3, end: 7 }] }));
    assert.equal((await contentAt(world, 'gap'))?.toString(), 'abc\0\0\0\0');
    assert.deepEqual([counts.files, counts.filesWithGaps, counts.counts.gaps], [1, 1, 1]);
    const { attributes } = await world.namespace.files.lookup(root, {
      directory: (await world.namespace.objects.bucket('b'))?.ino ?? assert.fail(),
      name: bytes('gap'),
    });
    assert.equal(attributes.size, 7);
  });
});

test('a spool that takes and gives less than it is asked for loses nothing, and one that stops is a fault', async () => {
  const kept = Buffer.alloc(100);
  const step = (length: number): number => Math.min(7, length);
  const narrow: Spool = {
    write: async (given, from, length, at) => ({
      bytesWritten: Buffer.from(given).copy(kept, at, from, from + step(length)),
    }),
    read: async (into, from, length, at) => ({ bytesRead: kept.copy(into, from, at, at + step(length)) }),
  };
  const content = noise(60, 1);
  await writeAll(narrow, content, 30);
  const back = new Uint8Array(60);
  await readAll(narrow, back, 30);
  assert.deepEqual(back, new Uint8Array(content));
  await assert.rejects(readAll(narrow, back, 50), { code: 'unavailable', detail: /ends too early/ });
  await assert.rejects(writeAll(narrow, content, 50), { code: 'unavailable', detail: /takes nothing/ });
});
