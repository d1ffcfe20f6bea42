import { FRAME_BYTES, plainBytes, SEALED_FRAME_BYTES } from '../workers/cipher.ts';
import type { BlobId, Blobs } from './blobs.ts';
import { damaged, NO_CONTEXT, type SealedParts } from './sealed-blobs.ts';

/** Where the frames of blobs come from when memory does not have them. A frame is `FRAME_BYTES` of a blob, the last one fewer. */
export interface FrameSource {
  /** As Blobs.readFrames. */
  frames(id: BlobId, first: number, targets: readonly Uint8Array[]): Promise<number>;
}

/** Frames of blobs as who staged them gave them. */
export const blobFrames = (blobs: Pick<Blobs, 'readFrames'>): FrameSource => ({
  frames: (id, first, targets) => blobs.readFrames(id, first, targets),
});

/** Frames of blobs that are encrypted with `secret`. Fault('corrupt', 'blob') where they do not open. */
export const sealedFrames = (
  { blobs, cipher, environment, rooms }: SealedParts,
  secret: Uint8Array,
): FrameSource => ({
  frames: (id, first, targets) => {
    const wanted = targets.length * SEALED_FRAME_BYTES;
    return rooms.lend(wanted, async (room) => {
      const sealed = await blobs.readUpTo(id, first * SEALED_FRAME_BYTES, wanted, room);
      const length = plainBytes(sealed.length);
      if (length === undefined) return damaged(environment, id, first * FRAME_BYTES);
      const texts = targets
        .slice(0, Math.max(1, Math.ceil(length / FRAME_BYTES)))
        .map((target, index) => target.subarray(0, length - index * FRAME_BYTES));
      const opening = { secret, context: NO_CONTEXT, firstFrame: first };
      const isOpen = await cipher.openEach(opening, sealed, texts);
      return isOpen ? length : damaged(environment, id, first * FRAME_BYTES);
    });
  },
});
