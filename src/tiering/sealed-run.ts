import { FRAME_BYTES, plainBytes, SEALED_FRAME_BYTES, type Cipher, type Opening } from '../workers/cipher.ts';
import type { Rooms } from './rooms.ts';

/** Frames in a row (workers/cipher.ts), as they lie somewhere. */
export interface SealedRun extends Pick<Opening, 'secret' | 'context'> {
  /** Its bytes from `offset`, so many or what there is, perhaps in `room`; not to be modified. */
  readonly fetch: (offset: number, bytesMax: number, room: Uint8Array) => Promise<Uint8Array>;
}

export interface OpeningParts {
  readonly cipher: Cipher;
  /** For sealed bytes on their way. */
  readonly rooms: Rooms;
}

/** Plain bytes, which belong to the caller; `undefined`: the run does not open there, or ends before. */
export async function openRange(
  { cipher, rooms }: OpeningParts,
  { fetch, ...key }: SealedRun,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<Uint8Array | undefined> {
  if (length === 0) return new Uint8Array(0);
  const firstFrame = Math.floor(offset / FRAME_BYTES);
  const bytes = (Math.ceil((offset + length) / FRAME_BYTES) - firstFrame) * SEALED_FRAME_BYTES;
  const plain = await rooms.lend(bytes, async (room) =>
    cipher.open({ ...key, firstFrame }, await fetch(firstFrame * SEALED_FRAME_BYTES, bytes, room)),
  );
  const from = offset - firstFrame * FRAME_BYTES;
  return plain !== undefined && plain.length >= from + length
    ? plain.subarray(from, from + length)
    : undefined;
}

/** Opens frames from `firstFrame` into a target each: how many plain bytes that are; `undefined`: they do not open. */
export function openFrames(
  { cipher, rooms }: OpeningParts,
  { fetch, ...key }: SealedRun,
  { firstFrame, targets }: { readonly firstFrame: number; readonly targets: readonly Uint8Array[] },
): Promise<number | undefined> {
  const bytes = targets.length * SEALED_FRAME_BYTES;
  return rooms.lend(bytes, async (room) => {
    const sealed = await fetch(firstFrame * SEALED_FRAME_BYTES, bytes, room);
    const length = plainBytes(sealed.length);
    if (length === undefined) return undefined;
    const texts = targets
      .slice(0, Math.max(1, Math.ceil(length / FRAME_BYTES)))
      .map((target, index) => target.subarray(0, length - index * FRAME_BYTES));
    return (await cipher.openEach({ ...key, firstFrame }, sealed, texts)) ? length : undefined;
  });
}
