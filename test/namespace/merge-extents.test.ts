import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Kv } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { CONTENT_BLOB_BYTES_MAX, EXTENTS_MERGED_MIN, MERGE_QUIET_MS } from '../../src/limits.ts';
import { endOf, extentsWithin } from '../../src/namespace/extents.ts';
import { inodeKey } from '../../src/namespace/keys.ts';
import { shortRuns } from '../../src/namespace/merge-extents.ts';
import type { Bucket, Ino } from '../../src/namespace/namespace.ts';
import { decodeInode, type Extent } from '../../src/namespace/records.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { checkSettledStore } from './check-store.ts';
import {
  bytes,
  get,
  memoryDevice,
  openStack,
  openWorld,
  plainFacet,
  root,
  s3,
  settle,
  silent,
  TestClock,
  type World,
} from './world.ts';

const KIB = 1024;

interface Filed extends World {
  readonly bucket: Bucket;
  readonly ino: Ino;
  readonly plain: Buffer;
}

/** A file of `length` bytes, written in order. */
async function file(length: number): Promise<Filed> {
  const world = await openWorld();
  const { files, objects } = world.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  const place = { directory: bucket.ino, name: bytes('f') };
  const made = await files.create(root, place, { mode: { how: 'guarded' }, wish: {} });
  const { ino } = made.attributes;
  const plain = Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 10)) % 251));
  for (let at = 0; at < length; at += CONTENT_BLOB_BYTES_MAX) {
    const data = Buffer.from(plain.subarray(at, at + CONTENT_BLOB_BYTES_MAX));
    await files.write(root, ino, { offset: at, data, stable: false });
  }
  await files.commit(root, ino);
  return { ...world, bucket, ino, plain };
}

async function extentsOf({ kv, ino }: Filed): Promise<readonly Extent[]> {
  const row = (await kv.get(inodeKey(ino))) ?? assert.fail();
  return extentsWithin(kv, decodeInode(ino, row), { start: 0, end: Infinity });
}

async function write({ namespace, ino, plain }: Filed, offset: number, fill: string): Promise<void> {
  const data = Buffer.alloc(4 * KIB, fill);
  plain.set(data, offset);
  await namespace.files.write(root, ino, { offset, data, stable: true });
}

async function check(at: Filed): Promise<void> {
  assert.ok(at.plain.equals((await get(at, at.bucket, 'f')) ?? Buffer.of()));
  await settle(at);
  await checkSettledStore(at);
}

test('many short writes into a large file leave few extents when they have stopped, and the same bytes', async () => {
  const at = await file(3 * CONTENT_BLOB_BYTES_MAX);
  assert.equal((await extentsOf(at)).length, 3);
  for (let index = 0; index < 40; index += 1) await write(at, index * 40 * KIB, 'ab'.charAt(index % 2));
  await settle(at);
  assert.ok((await extentsOf(at)).length > 60);
  const before = await at.namespace.files.attributes(at.ino);
  at.clock.ms += MERGE_QUIET_MS;
  await settle(at);
  assert.ok((await extentsOf(at)).length <= 20, `${(await extentsOf(at)).length} extents`);
  assert.deepEqual(await at.namespace.files.attributes(at.ino), before);
  await check(at);
});

test('what is written, removed or read while extents are merged is right', async () => {
  for (let seed = 0; seed < 12; seed += 1) {
    const at = await file(2 * CONTENT_BLOB_BYTES_MAX);
    const random = seededRandom(seed);
    for (let index = 0; index < 40; index += 1) await write(at, index * 40 * KIB, 'c');
    at.clock.ms += MERGE_QUIET_MS;
    const open =
      (await at.namespace.objects.open({ bucket: at.bucket.ino, key: bytes('f') })) ?? assert.fail();
    const seen = Buffer.from(at.plain);
    const merging = settle(at);
    for (let turn = random.below(60); turn > 0; turn -= 1) await Promise.resolve();
    await write(at, random.below(400) * 4 * KIB, 'd');
    await merging;
    const pieces: Uint8Array[] = [];
    for await (const piece of open.read(0, seen.length)) pieces.push(Buffer.from(piece));
    await open.close();
    assert.ok(seen.equals(Buffer.concat(pieces)));
    await check(at);
  }
});

test('a file that is removed before its extents are merged leaves nothing', async () => {
  const at = await file(2 * CONTENT_BLOB_BYTES_MAX);
  for (let index = 0; index < 40; index += 1) await write(at, index * 40 * KIB, 'c');
  await at.namespace.files.remove(root, { directory: at.bucket.ino, name: bytes('f') });
  at.clock.ms += MERGE_QUIET_MS;
  await settle(at);
  await checkSettledStore(at);
});

test('runs that are merged touch, are many, and are no longer than a blob', () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          gap: fc.constantFrom(0, 0, 0, 0, 0, 0, 4096),
          length: fc.integer({ min: 1, max: 200_000 }),
        }),
      ),
      (given) => {
        let end = 0;
        const extents = given.map(({ gap, length }, index): Extent => {
          const offset = end + gap;
          end = offset + length;
          return { offset, length, blob: index as BlobId, blobOffset: 0 };
        });
        for (const run of shortRuns(extents)) {
          assert.ok(run.length >= EXTENTS_MERGED_MIN);
          const [first, last] = [run[0] ?? assert.fail(), run.at(-1) ?? assert.fail()];
          assert.ok(endOf(last) - first.offset <= CONTENT_BLOB_BYTES_MAX);
          assert.deepEqual(
            run.slice(1).map(({ offset }) => offset),
            run.slice(0, -1).map(endOf),
          );
        }
      },
    ),
  ));

interface Overtaken extends Filed {
  /** From now on, once, all short extents are merged between two pages of a look at rows that is not in a transaction. */
  overtake(): void;
}

/** A file of 1 MiB with many short extents that are to be merged. */
async function overtaken(): Promise<Overtaken> {
  let next: (() => Promise<unknown>) | undefined;
  const around = (kv: Kv): Kv => ({
    ...{ get: (key) => kv.get(key), getMany: (keys) => kv.getMany(keys), sync: () => kv.sync() },
    async *scan(range, options) {
      for await (const page of kv.scan(range, options)) {
        yield page;
        const merge = next;
        next = undefined;
        await merge?.();
      }
    },
    transact: (durability, body) => kv.transact(durability, body),
    hasStopped: false,
    close: () => kv.close(),
  });
  const clock = new TestClock();
  const environment = { clock, random: seededRandom(1), log: silent };
  const stack = await openStack({ engine: new MemoryEngine(), device: memoryDevice(), environment, around });
  const { files, objects } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  const place = { directory: bucket.ino, name: bytes('f') };
  const { ino } = (await files.create(root, place, { mode: { how: 'guarded' }, wish: {} })).attributes;
  const plain = Buffer.alloc(CONTENT_BLOB_BYTES_MAX, 'old');
  const at = { ...stack, clock, bucket, ino, plain } as unknown as Overtaken;
  await files.write(root, ino, { offset: 0, data: Buffer.from(plain), stable: true });
  for (let index = 0; index < 26; index += 1) await write(at, index * 40 * KIB, `${index}`);
  clock.ms += MERGE_QUIET_MS;
  return { ...at, overtake: () => void (next = () => settle(stack)) };
}

test('merging between two pages of extents does not tear a write-out', async () => {
  const at = await overtaken();
  const { files } = at.namespace;
  const data = Buffer.alloc(512 * KIB, 'new');
  at.plain.set(data, 256 * KIB);
  await files.write(root, at.ino, { offset: 256 * KIB, data, stable: false });
  at.overtake();
  await files.commit(root, at.ino);
  assert.ok(at.plain.equals((await get(at, at.bucket, 'f')) ?? Buffer.of()));
});

/** Below the first size the extents are looked up when the file is opened, above it while it is read. */
for (const size of [CONTENT_BLOB_BYTES_MAX, 300 * CONTENT_BLOB_BYTES_MAX]) {
  test(`merging while a file of ${size} bytes is read or copied by S3 tears neither`, async () => {
    for (const act of ['read', 'copy'] as const) {
      const at = await overtaken();
      const { files, objects } = at.namespace;
      await files.setAttributes(root, at.ino, { wish: { size } });
      const before = (await extentsOf(at)).length;
      at.overtake();
      const where = { bucket: at.bucket.ino, key: bytes('f') };
      const open = (await objects.open(where)) ?? assert.fail();
      if (act === 'copy') {
        const draft = await objects.draft(root);
        await draft.splice(open, 0, at.plain.length);
        const to = { bucket: at.bucket.ino, key: bytes('copy'), facet: plainFacet('e'), expect: {} };
        await objects.attach(root, draft, to);
      }
      const pieces: Uint8Array[] = [];
      for await (const piece of open.read(0, at.plain.length)) pieces.push(Buffer.from(piece));
      await open.close();
      assert.ok(at.plain.equals(Buffer.concat(pieces)), 'read');
      if (act === 'copy') assert.ok(at.plain.equals((await get(at, at.bucket, 'copy')) ?? Buffer.of()));
      await settle(at);
      assert.ok((await extentsOf(at)).length < before, 'there was something to merge');
      await checkSettledStore(at);
    }
  });
}
