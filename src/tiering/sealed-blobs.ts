import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { FRAME_BYTES, SALT_BYTES, SEALED_FRAME_BYTES, sealedBytes, type Cipher } from '../workers/cipher.ts';
import type { BlobId, Blobs } from './blobs.ts';
import type { Rooms } from './rooms.ts';

/** Blobs as who makes and reads content sees them, whatever their bytes look like at their place. */
export type BlobContent = Pick<Blobs, 'stage' | 'read'>;

export interface SealedParts {
  readonly blobs: Pick<Blobs, 'stage' | 'readUpTo'>;
  readonly cipher: Cipher;
  readonly environment: Pick<Environment, 'random' | 'log'>;
  /** For sealed bytes on their way. */
  readonly rooms: Rooms;
}

/** Frames of content are bound to their blob by its salt alone. */
export const NO_CONTEXT = new Uint8Array(0);

/**
 * Blobs that are encrypted with `secret` (workers/cipher.ts): offsets and lengths are those of the plain bytes. A blob is
 * one run of frames, so that a read opens only the frames that it touches. Bytes that are not what was sealed, because
 * they were changed or because `secret` is another one, are Fault('corrupt', 'blob').
 */
export function sealedBlobs(
  { blobs, cipher, environment, rooms }: SealedParts,
  secret: Uint8Array,
): BlobContent {
  return {
    stage(parts) {
      const seal = { secret, salt: environment.random.bytes(SALT_BYTES), context: NO_CONTEXT };
      const length = sealedBytes(parts.reduce((sum, part) => sum + part.length, 0));
      return rooms.lend(length, async (room) => blobs.stage([await cipher.seal(seal, parts, room)]));
    },
    async read(id, offset, length) {
      if (length === 0) return new Uint8Array(0);
      const firstFrame = Math.floor(offset / FRAME_BYTES);
      const frames = Math.ceil((offset + length) / FRAME_BYTES) - firstFrame;
      const start = firstFrame * SEALED_FRAME_BYTES;
      const wanted = frames * SEALED_FRAME_BYTES;
      const plain = await rooms.lend(wanted, async (room) => {
        const sealed = await blobs.readUpTo(id, start, wanted, room);
        return cipher.open({ secret, firstFrame, context: NO_CONTEXT }, sealed);
      });
      const from = offset - firstFrame * FRAME_BYTES;
      if (plain !== undefined && plain.length >= from + length) return plain.subarray(from, from + length);
      return damaged(environment, id, offset);
    },
  };
}

/** Content that is not what was sealed. */
export function damaged({ log }: Pick<Environment, 'log'>, blob: BlobId, offset: number): never {
  // A door may be in the middle of an answer, where all it can do is to break off.
  log.error('encryption: content does not open', { blob, offset });
  throw new Fault('corrupt', 'blob', `blob ${blob} does not open at ${offset}`);
}
