import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { FRAME_BYTES, SALT_BYTES, sealedBytes } from '../workers/cipher.ts';
import type { BlobId, Blobs } from './blobs.ts';
import { openFrames, openRange, type OpeningParts, type SealedRun } from './sealed-run.ts';

/** Blobs as who makes and reads content sees them, whatever their bytes look like at their place. */
export type BlobContent = Pick<Blobs, 'stage' | 'read'>;
/** The same for memory, which takes their content by frames. */
export type BlobFrames = Pick<Blobs, 'readFrames'>;

export interface SealedParts extends OpeningParts {
  readonly blobs: Pick<Blobs, 'stage' | 'readUpTo'>;
  readonly environment: Pick<Environment, 'random' | 'log'>;
}

/** Frames of content are bound to their blob by its salt alone. */
const NO_CONTEXT = new Uint8Array(0);

/**
 * Blobs that are encrypted with `secret` (workers/cipher.ts): offsets and lengths are those of the plain bytes. A blob is
 * one run of frames, so that a read opens only the frames that it touches. Bytes that are not what was sealed, because
 * they were changed or because `secret` is another one, are Fault('corrupt', 'blob').
 */
export function sealedBlobs(parts: SealedParts, secret: Uint8Array): BlobContent {
  const { blobs, cipher, environment, rooms } = parts;
  return {
    stage(content, lifetime) {
      const seal = { secret, salt: environment.random.bytes(SALT_BYTES), context: NO_CONTEXT };
      const length = sealedBytes(content.reduce((sum, part) => sum + part.length, 0));
      return rooms.lend(length, async (room) =>
        blobs.stage([await cipher.seal(seal, content, room)], lifetime),
      );
    },
    async read(id, offset, length) {
      const plain = await openRange(parts, runOf(parts, secret, id), { offset, length });
      return plain ?? damaged(environment, id, offset);
    },
  };
}

/** Frames of blobs that are encrypted with `secret`. Fault('corrupt', 'blob') where they do not open. */
export const sealedFrames = (parts: SealedParts, secret: Uint8Array): BlobFrames => ({
  async readFrames(id, firstFrame, targets) {
    const length = await openFrames(parts, runOf(parts, secret, id), { firstFrame, targets });
    return length ?? damaged(parts.environment, id, firstFrame * FRAME_BYTES);
  },
});

const runOf = ({ blobs }: SealedParts, secret: Uint8Array, id: BlobId): SealedRun => ({
  ...{ secret, context: NO_CONTEXT },
  fetch: (offset, bytesMax, room) => blobs.readUpTo(id, offset, bytesMax, room),
});

/** Content that is not what was sealed. */
function damaged({ log }: Pick<Environment, 'log'>, blob: BlobId, offset: number): never {
  // A door may be in the middle of an answer, where all it can do is to break off.
  log.error('encryption: content does not open', { blob, offset });
  throw new Fault('corrupt', 'blob', `blob ${blob} does not open at ${offset}`);
}
