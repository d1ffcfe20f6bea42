import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/fault.ts';
import { Rooms } from '../../src/tiering/rooms.ts';
import { sealedBlobs, type BlobContent } from '../../src/tiering/sealed-blobs.ts';
import { FRAME_BYTES, SEALED_FRAME_BYTES } from '../../src/workers/cipher.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent } from '../namespace/world.ts';
import { KeptBlobs } from './kept-blobs.ts';

const environment = { random: seededRandom(1), log: silent };
const cipher = referenceCipher();
const secret = Buffer.alloc(32, 1);

const under = (blobs: KeptBlobs, key: Uint8Array): BlobContent =>
  sealedBlobs({ blobs, cipher, environment, rooms: new Rooms() }, key);

const pattern = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7) % 251));

test('any range of a sealed blob reads as it was written', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 250_000 }),
      fc.nat(),
      fc.nat(),
      async (length, from, until) => {
        const blobs = new KeptBlobs();
        const plain = pattern(length);
        const { id } = await under(blobs, secret).stage([plain]);
        const [start = 0, end = 0] = [from % (length + 1), until % (length + 1)].sort((a, b) => a - b);
        const bytes = await under(blobs, secret).read(id, start, end - start);
        assert.ok(plain.subarray(start, end).equals(bytes), `${start}-${end} of ${length}`);
      },
    ),
    { numRuns: 100 },
  ));

test('a read opens only the frames that it touches', async () => {
  const blobs = new KeptBlobs();
  const { id } = await under(blobs, secret).stage([pattern(10 * FRAME_BYTES)]);
  await under(blobs, secret).read(id, 3 * FRAME_BYTES + 5, 10);
  assert.equal(blobs.bytesRead, SEALED_FRAME_BYTES);
});

test('equal content is sealed to different bytes each time', async () => {
  const blobs = new KeptBlobs();
  for (let time = 0; time < 2; time += 1) await under(blobs, secret).stage([pattern(100)]);
  const [one, other] = blobs.kept;
  assert.ok(one !== undefined && other !== undefined && !one.subarray(16).equals(other.subarray(16)));
});

test('another key and a changed byte are a fault, never other bytes', async () => {
  const blobs = new KeptBlobs();
  const { id } = await under(blobs, secret).stage([pattern(2 * FRAME_BYTES)]);
  const isCorrupt = (failure: unknown): boolean => failure instanceof Fault && failure.code === 'corrupt';
  await assert.rejects(under(blobs, Buffer.alloc(32, 2)).read(id, 0, 10), isCorrupt);
  const sealed = blobs.kept[id] ?? Buffer.of();
  // Of each kind: salt, ciphertext and tag of the first frame, and the same of the second.
  for (const at of [
    0,
    15,
    16,
    70,
    SEALED_FRAME_BYTES - 1,
    SEALED_FRAME_BYTES,
    SEALED_FRAME_BYTES + 20,
    sealed.length - 1,
  ]) {
    sealed[at] = (sealed[at] ?? 0) ^ 1;
    await assert.rejects(under(blobs, secret).read(id, 0, 2 * FRAME_BYTES), isCorrupt, `byte ${at}`);
    sealed[at] = (sealed[at] ?? 0) ^ 1;
  }
  blobs.kept[id] = sealed.subarray(0, SEALED_FRAME_BYTES);
  await assert.rejects(under(blobs, secret).read(id, 0, FRAME_BYTES + 1), isCorrupt);
});
