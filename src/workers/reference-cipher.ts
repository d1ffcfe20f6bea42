import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import {
  FRAME_BYTES,
  plainBytes,
  SALT_BYTES,
  SEALED_FRAME_BYTES,
  SECRET_BYTES,
  TAG_BYTES,
  type Cipher,
  type Opening,
  type Seal,
} from './cipher.ts';

const algorithm = 'aes-256-gcm';
/** Says what the derived keys are for; part of the format. */
const label = 'terrace sealed frames v1';
const nonceBytes = 12;

/** `Cipher` on node:crypto: the oracle of the native one, and the one that simulations run. */
export function referenceCipher(): Cipher {
  return { seal, open, openEach, sealNow: seal, openNow: open };
}

function derived(secret: Uint8Array, salt: Uint8Array): Buffer {
  assert.equal(secret.length, SECRET_BYTES);
  assert.equal(salt.length, SALT_BYTES);
  return createHmac('sha256', secret).update(label).update(salt).update(Uint8Array.of(1)).digest();
}

function nonceOf(frame: number): Uint8Array {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeBigUInt64BE(BigInt(frame), nonceBytes - 8);
  return nonce;
}

function seal({ secret, salt, context }: Seal, parts: readonly Uint8Array[]): Uint8Array {
  const plain = Buffer.concat(parts);
  const key = derived(secret, salt);
  const frames: Uint8Array[] = [];
  for (let number = 0; number === 0 || number * FRAME_BYTES < plain.length; number += 1) {
    const sealing = createCipheriv(algorithm, key, nonceOf(number)).setAAD(context);
    const text = sealing.update(plain.subarray(number * FRAME_BYTES, (number + 1) * FRAME_BYTES));
    sealing.final();
    frames.push(salt, text, sealing.getAuthTag());
  }
  return Buffer.concat(frames);
}

function open({ secret, context, firstFrame }: Opening, sealed: Uint8Array): Uint8Array | undefined {
  if (plainBytes(sealed.length) === undefined) return undefined;
  const salt = sealed.subarray(0, SALT_BYTES);
  const key = derived(secret, salt);
  const texts: Uint8Array[] = [];
  for (let at = 0; at < sealed.length; at += SEALED_FRAME_BYTES) {
    const frame = sealed.subarray(at, at + SEALED_FRAME_BYTES);
    if (Buffer.compare(frame.subarray(0, SALT_BYTES), salt) !== 0) return undefined;
    const opening = createDecipheriv(algorithm, key, nonceOf(firstFrame + texts.length), {
      authTagLength: TAG_BYTES,
    });
    opening.setAAD(context).setAuthTag(frame.subarray(-TAG_BYTES));
    texts.push(opening.update(frame.subarray(SALT_BYTES, -TAG_BYTES)));
    if (!isAuthentic(opening)) return undefined;
  }
  return Buffer.concat(texts);
}

function openEach(opening: Opening, sealed: Uint8Array, targets: readonly Uint8Array[]): boolean {
  const plain = open(opening, sealed);
  if (plain === undefined) return false;
  let at = 0;
  for (const target of targets) {
    target.set(plain.subarray(at, at + target.length));
    at += target.length;
  }
  return at === plain.length;
}

/** node:crypto says it by an exception without a code. */
function isAuthentic(opening: ReturnType<typeof createDecipheriv>): boolean {
  try {
    opening.final();
    return true;
  } catch {
    return false;
  }
}
