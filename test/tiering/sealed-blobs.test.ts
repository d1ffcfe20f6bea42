import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/fault.ts';
import type { BlobId, StagedBlob } from '../../src/tiering/blobs.ts';
import { sealedBlobs, type BlobContent } from '../../src/tiering/sealed-blobs.ts';
import { FRAME_BYTES, SEALED_FRAME_BYTES } from '../../src/workers/cipher.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent } from '../namespace/world.ts';

const environment = { random: seededRandom(1), log: silent };
const cipher = referenceCipher();
const secret = Buffer.alloc(32, 1);

/** Blobs that are kept as they come, and how many bytes of them were read. */
class KeptBlobs {
  readonly kept: Buffer[] = [];
  bytesRead = 0;

  async stage(parts: readonly Uint8Array[]): Promise<StagedBlob> {
    const length = this.kept.push(Buffer.concat(parts));
    return { id: (length - 1) as BlobId, length };
  }

  async readUpTo(id: BlobId, offset: number, lengthMax: number): Promise<Uint8Array> {
    const bytes = this.kept[id]?.subarray(offset, offset + lengthMax) ?? Buffer.of();
    this.bytesRead += bytes.length;
    return Buffer.from(bytes);
  }

  under(key: Uint8Array): BlobContent {
    return sealedBlobs({ blobs: this, cipher, environment }, key);
  }
}

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
        const { id } = await blobs.under(secret).stage([plain]);
        const [start = 0, end = 0] = [from % (length + 1), until % (length + 1)].sort((a, b) => a - b);
        const bytes = await blobs.under(secret).read(id, start, end - start);
        assert.ok(plain.subarray(start, end).equals(bytes), `${start}-${end} of ${length}`);
      },
    ),
    { numRuns: 100 },
  ));

test('a read opens only the frames that it touches', async () => {
  const blobs = new KeptBlobs();
  const { id } = await blobs.under(secret).stage([pattern(10 * FRAME_BYTES)]);
  await blobs.under(secret).read(id, 3 * FRAME_BYTES + 5, 10);
  assert.equal(blobs.bytesRead, SEALED_FRAME_BYTES);
});

test('equal content is sealed to different bytes each time', async () => {
  const blobs = new KeptBlobs();
  for (let time = 0; time < 2; time += 1) await blobs.under(secret).stage([pattern(100)]);
  const [one, other] = blobs.kept;
  assert.ok(one !== undefined && other !== undefined && !one.subarray(16).equals(other.subarray(16)));
});

test('another key and a changed byte are a fault, never other bytes', async () => {
  const blobs = new KeptBlobs();
  const { id } = await blobs.under(secret).stage([pattern(2 * FRAME_BYTES)]);
  const isCorrupt = (failure: unknown): boolean => failure instanceof Fault && failure.code === 'corrupt';
  await assert.rejects(blobs.under(Buffer.alloc(32, 2)).read(id, 0, 10), isCorrupt);
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
    await assert.rejects(blobs.under(secret).read(id, 0, 2 * FRAME_BYTES), isCorrupt, `byte ${at}`);
    sealed[at] = (sealed[at] ?? 0) ^ 1;
  }
  blobs.kept[id] = sealed.subarray(0, SEALED_FRAME_BYTES);
  await assert.rejects(blobs.under(secret).read(id, 0, FRAME_BYTES + 1), isCorrupt);
});
