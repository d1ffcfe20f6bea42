import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/fault.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import { ContentCache, type Lent } from '../../src/tiering/content-cache.ts';
import { sealedFrames, type BlobFrames } from '../../src/tiering/sealed-blobs.ts';
import { Rooms } from '../../src/tiering/rooms.ts';
import { sealedBlobs } from '../../src/tiering/sealed-blobs.ts';
import { FRAME_BYTES } from '../../src/workers/cipher.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent } from '../namespace/world.ts';
import { KeptBlobs } from './kept-blobs.ts';

const secret = Buffer.alloc(32, 1);
const cipher = referenceCipher();
const environment = { random: seededRandom(1), log: silent };
const rooms = new Rooms();

const pattern = (length: number, seed = 7): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * seed + (at >> 8)) % 251));

const bytesOf = ({ parts }: Lent): Buffer => Buffer.concat(parts);

/** A blob of `length` bytes and the ways to its frames: as it is, and encrypted. */
async function blob(length: number): Promise<{
  readonly blobs: KeptBlobs;
  readonly plain: Buffer;
  readonly sources: readonly { readonly id: BlobId; readonly source: BlobFrames }[];
}> {
  const blobs = new KeptBlobs();
  const plain = pattern(length);
  const parts = { blobs, cipher, environment, rooms };
  const bare = await blobs.stage([plain]);
  const sealed = await sealedBlobs(parts, secret).stage([plain]);
  const sources = [
    { id: bare.id, source: blobs },
    { id: sealed.id, source: sealedFrames(parts, secret) },
  ];
  return { blobs, plain, sources };
}

suite('content in memory', () => {
  test('any range reads as it was written, let go or not, whatever was pushed out meanwhile', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 * FRAME_BYTES }),
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 12 }),
        async (length, reads) => {
          const { plain, sources } = await blob(length);
          const cache = new ContentCache(2 * FRAME_BYTES);
          for (const { id, source } of sources) {
            const held: (readonly [Lent, Buffer])[] = [];
            await Promise.all(
              reads.map(async ([from, until, isLetGo]) => {
                const [start = 0, end = 0] = [from % (length + 1), until % (length + 1)].sort(
                  (a, b) => a - b,
                );
                const lent = await cache.read(source, id, { offset: start, length: end - start });
                assert.ok(plain.subarray(start, end).equals(bytesOf(lent)), `${start}-${end} of ${length}`);
                if (isLetGo) lent.letGo();
                else held.push([lent, plain.subarray(start, end)]);
              }),
            );
            for (const [lent, wanted] of held) assert.ok(wanted.equals(bytesOf(lent)), 'held bytes changed');
            assert.ok(cache.statistics().bytes <= 2 * FRAME_BYTES);
          }
        },
      ),
      { numRuns: 60 },
    ));

  test('sixteen reads of one frame, at once or one by one, read and open it once', async () => {
    const { blobs, plain, sources } = await blob(FRAME_BYTES);
    for (const { id, source } of sources) {
      const before = blobs.reads;
      const cache = new ContentCache();
      const read = async (at: number): Promise<void> => {
        const range = { offset: at * 4096, length: 4096 };
        const lent = await cache.read(source, id, range);
        assert.ok(plain.subarray(at * 4096, (at + 1) * 4096).equals(bytesOf(lent)));
        lent.letGo();
      };
      await Promise.all([...Array(16).keys()].map(read));
      for (let at = 0; at < 16; at += 1) await read(at);
      assert.equal(blobs.reads - before, 1);
    }
  });

  test('what memory has is there without waiting', async () => {
    const { sources } = await blob(1000);
    const cache = new ContentCache();
    for (const { id, source } of sources) {
      assert.ok(cache.read(source, id, { offset: 0, length: 10 }) instanceof Promise);
      await cache.load(source, id, { offset: 0, length: 1000 });
      assert.ok(!(cache.read(source, id, { offset: 500, length: 500 }) instanceof Promise));
    }
  });

  test('a source that fails fails every reader, and the next read asks it again', async () => {
    const { plain, sources } = await blob(3 * FRAME_BYTES);
    const { id, source } = sources[0] ?? assert.fail();
    let isBroken = true;
    const flaky: BlobFrames = {
      readFrames: (...asked) =>
        isBroken ? Promise.reject(new Fault('corrupt', 'blob', 'broken')) : source.readFrames(...asked),
    };
    const cache = new ContentCache();
    const range = { offset: 10, length: 2 * FRAME_BYTES };
    const both = await Promise.allSettled([cache.read(flaky, id, range), cache.read(flaky, id, range)]);
    for (const one of both) assert.ok(one.status === 'rejected' && one.reason instanceof Fault);
    isBroken = false;
    const lent = await cache.read(flaky, id, range);
    assert.ok(plain.subarray(10, 10 + 2 * FRAME_BYTES).equals(bytesOf(lent)));
  });

  test('bytes behind the end of a blob are a fault, also when the frame is in memory', async () => {
    const { sources } = await blob(FRAME_BYTES + 100);
    const cache = new ContentCache();
    for (const { id, source } of sources) {
      for (let time = 0; time < 2; time += 1) {
        const read = async (): Promise<Lent> => cache.read(source, id, { offset: FRAME_BYTES, length: 101 });
        await assert.rejects(read, (failure) => failure instanceof Fault && failure.code === 'corrupt');
      }
    }
  });

  test('one pass over a large file leaves what is read again and again where it is', async () => {
    const hot = await blob(4 * FRAME_BYTES);
    const large = await blob(200 * FRAME_BYTES);
    const { id, source } = hot.sources[0] ?? assert.fail();
    const { source: largeSource } = large.sources[0] ?? assert.fail();
    // Another store numbers its blobs from 0 as well.
    const largeId = 1000 as BlobId;
    const renamed: BlobFrames = {
      readFrames: (_id, first, targets) => largeSource.readFrames(large.sources[0]?.id ?? id, first, targets),
    };
    const cache = new ContentCache(40 * FRAME_BYTES);
    const readHot = async (): Promise<void> => {
      for (let at = 0; at < 4; at += 1) {
        (await cache.read(source, id, { offset: at * FRAME_BYTES, length: 4096 })).letGo();
      }
    };
    await readHot();
    await readHot();
    const { misses } = cache.statistics();
    for (let at = 0; at < 200; at += 1) {
      await cache.load(renamed, largeId, { offset: at * FRAME_BYTES, length: FRAME_BYTES });
    }
    await readHot();
    assert.equal(cache.statistics().misses - misses, 200);
  });
});
