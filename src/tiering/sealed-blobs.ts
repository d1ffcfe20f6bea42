import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { FRAME_BYTES, SALT_BYTES, SEALED_FRAME_BYTES, type Cipher } from '../workers/cipher.ts';
import type { BlobId, Blobs } from './blobs.ts';

/** Blobs as who makes and reads content sees them, whatever their bytes look like at their place. */
export type BlobContent = Pick<Blobs, 'stage' | 'read'>;

export interface SealedParts {
  readonly blobs: Pick<Blobs, 'stage' | 'readUpTo'>;
  readonly cipher: Cipher;
  readonly environment: Pick<Environment, 'random' | 'log'>;
}

const noContext = new Uint8Array(0);

/**
 * Blobs that are encrypted with `secret` (workers/cipher.ts): offsets and lengths are those of the plain bytes. A blob is
 * one run of frames, so that a read opens only the frames that it touches. Bytes that are not what was sealed, because
 * they were changed or because `secret` is another one, are Fault('corrupt', 'blob').
 */
export function sealedBlobs({ blobs, cipher, environment }: SealedParts, secret: Uint8Array): BlobContent {
  return {
    async stage(parts) {
      const salt = environment.random.bytes(SALT_BYTES);
      return blobs.stage([await cipher.seal({ secret, salt, context: noContext }, parts)]);
    },
    async read(id, offset, length) {
      if (length === 0) return new Uint8Array(0);
      const firstFrame = Math.floor(offset / FRAME_BYTES);
      const frames = Math.ceil((offset + length) / FRAME_BYTES) - firstFrame;
      const start = firstFrame * SEALED_FRAME_BYTES;
      const sealed = await blobs.readUpTo(id, start, frames * SEALED_FRAME_BYTES);
      const plain = await cipher.open({ secret, firstFrame, context: noContext }, sealed);
      const from = offset - firstFrame * FRAME_BYTES;
      if (plain !== undefined && plain.length >= from + length) return plain.subarray(from, from + length);
      return damaged(environment, id, offset);
    },
  };
}

function damaged({ log }: Pick<Environment, 'log'>, blob: BlobId, offset: number): never {
  // A door may be in the middle of an answer, where all it can do is to break off.
  log.error('encryption: content does not open', { blob, offset });
  throw new Fault('corrupt', 'blob', `blob ${blob} does not open at ${offset}`);
}
