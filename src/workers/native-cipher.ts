import assert from 'node:assert/strict';
import { CIPHER_INLINE_BYTES_MAX } from '../limits.ts';
import type { NativeSealing } from '../native.ts';
import { plainBytes, sealedBytes, type Cipher, type Opening, type Seal } from './cipher.ts';

/** `Cipher` in the native addon. */
export function nativeCipher(addon: NativeSealing): Cipher {
  const sealNow = (
    { secret, salt, context }: Seal,
    parts: readonly Uint8Array[],
    room?: Uint8Array,
  ): Uint8Array => {
    const output = sealedRoom(parts, room);
    assert(addon.sealFrames(secret, salt, context, parts, output), 'a key or salt of the wrong length');
    return output;
  };
  const openNow = ({ secret, context, firstFrame }: Opening, sealed: Uint8Array): Uint8Array | undefined => {
    const output = plainRoom(sealed);
    return output !== undefined && addon.openFrames(secret, context, firstFrame, sealed, output)
      ? output
      : undefined;
  };
  return {
    sealNow,
    openNow,
    seal: (seal, parts, room) =>
      lengthOf(parts) <= CIPHER_INLINE_BYTES_MAX
        ? sealNow(seal, parts, room)
        : sealElsewhere(addon, seal, { parts, room }),
    openEach: ({ secret, context, firstFrame }, sealed, targets) =>
      sealed.length <= CIPHER_INLINE_BYTES_MAX
        ? addon.openFramesEach(secret, context, firstFrame, sealed, targets)
        : addon.openFramesEachElsewhere(secret, context, firstFrame, sealed, targets),
    open: (opening, sealed) =>
      sealed.length <= CIPHER_INLINE_BYTES_MAX
        ? openNow(opening, sealed)
        : openElsewhere(addon, opening, sealed),
  };
}

async function sealElsewhere(
  addon: NativeSealing,
  { secret, salt, context }: Seal,
  { parts, room }: { readonly parts: readonly Uint8Array[]; readonly room: Uint8Array | undefined },
): Promise<Uint8Array> {
  const output = sealedRoom(parts, room);
  const isSealed = await addon.sealFramesElsewhere(secret, salt, context, parts, output);
  assert(isSealed, 'a key or salt of the wrong length');
  return output;
}

async function openElsewhere(
  addon: NativeSealing,
  { secret, context, firstFrame }: Opening,
  sealed: Uint8Array,
): Promise<Uint8Array | undefined> {
  const output = plainRoom(sealed);
  if (output === undefined) return undefined;
  const isOpen = await addon.openFramesElsewhere(secret, context, firstFrame, sealed, output);
  return isOpen ? output : undefined;
}

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

function sealedRoom(parts: readonly Uint8Array[], room: Uint8Array | undefined): Uint8Array {
  const bytes = sealedBytes(lengthOf(parts));
  return room !== undefined && room.length >= bytes ? room.subarray(0, bytes) : Buffer.allocUnsafe(bytes);
}

/** Every byte of it is written when the frames open, and nobody sees it when they do not. */
function plainRoom(sealed: Uint8Array): Uint8Array | undefined {
  const bytes = plainBytes(sealed.length);
  return bytes === undefined ? undefined : Buffer.allocUnsafe(bytes);
}
