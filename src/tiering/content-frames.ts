import { FRAME_BYTES, plainBytes, SEALED_FRAME_BYTES } from '../workers/cipher.ts';
import type { BlobId, Blobs } from './blobs.ts';
import type { Rooms } from './rooms.ts';
import { damaged, NO_CONTEXT, type SealedParts } from './sealed-blobs.ts';

/** Where the frames of blobs come from when memory does not have them. A frame is `FRAME_BYTES` of a blob, the last one fewer. */
export interface FrameSource {
  /**
   * Puts the frames of a blob from number `first` on into `targets`, each of `FRAME_BYTES`, and resolves to how many
   * bytes that were: the blob may end in them. Nothing touches `targets` any more when it settles.
   */
  frames(id: BlobId, first: number, targets: readonly Uint8Array[]): Promise<number>;
}

/** Frames of blobs that are as they were given. */
export const plainFrames = (blobs: Pick<Blobs, 'readUpTo'>, rooms: Rooms): FrameSource => ({
  frames: (id, first, targets) => {
    const wanted = targets.length * FRAME_BYTES;
    return rooms.lend(wanted, async (room) => {
      const bytes = await blobs.readUpTo(id, first * FRAME_BYTES, wanted, room);
      for (const [index, target] of targets.entries()) {
        target.set(bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES));
      }
      return bytes.length;
    });
  },
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
