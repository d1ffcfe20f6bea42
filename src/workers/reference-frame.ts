import assert from 'node:assert/strict';
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  type CipherGCMTypes,
  type CipherChaCha20Poly1305Types,
} from 'node:crypto';
import { Fault } from '../fault.ts';
import { crc32c } from './crc.ts';
import {
  CHUNK_BYTES_MAX,
  FRAME_FIXED_BYTES,
  FRAME_MAGIC,
  FRAME_SALT_BYTES,
  FRAME_SECRET_BYTES,
  FRAME_TAG_BYTES,
  FRAME_VERSION,
  frameCiphers,
  frameCodecs,
  isIntactFrame,
  LABEL_BYTES_MAX,
  readFrameHead,
  viewOf,
  type FrameCipher,
  type FrameCodec,
  type FrameHead,
} from './frame.ts';
import { lz4Compress, lz4Decompress } from './lz4.ts';
import { deltaCompress, deltaDecompress } from './reference-delta.ts';
import type { ChunkItem, FrameOpening, Packing } from './reduction.ts';

/** Say what the derived keys are for; part of the format. */
const payloadKey = 'terrace frame payload v1';
const labelKey = 'terrace frame label v1';
/** A key is derived for one message. */
const nonce = new Uint8Array(12);
/** What is stored must be smaller than the plain bytes by this share of them. */
const gainDivisor = 16;
/** A delta must be smaller by this share than the chunk compressed alone. */
const deltaGainDivisor = 4;

interface Compressed {
  readonly codec: FrameCodec;
  readonly stored: Uint8Array;
  /** Fingerprint of the base of a delta. */
  readonly base: Uint8Array | undefined;
}

/** The frame of a chunk. Whatever compression is asked for, it is LZ4, or none where that gains nothing, or a delta. */
export function referenceFrame(
  item: ChunkItem,
  { compression, seal }: Pick<Packing, 'compression' | 'seal'>,
): Uint8Array {
  const { plain, fingerprint, salts, label } = item;
  assert(plain.length <= CHUNK_BYTES_MAX && label.length <= LABEL_BYTES_MAX);
  const { codec, stored, base } = compressed(item, compression.codec);
  const { cipher, secret, keyId } = seal;
  const [salt, labelSalt] = [salts.subarray(0, FRAME_SALT_BYTES), salts.subarray(FRAME_SALT_BYTES)];
  const context = contextOf({ codec, cipher, plainBytes: plain.length, fingerprint, base });
  const [payload, sealedLabel] =
    cipher === 'none'
      ? [stored, label]
      : [
          sealed({ cipher, secret, purpose: payloadKey, salt, context }, stored),
          Buffer.concat([
            labelSalt,
            sealed({ cipher, secret, purpose: labelKey, salt: labelSalt, context: fingerprint }, label),
          ]),
        ];
  const head = Buffer.alloc(FRAME_FIXED_BYTES);
  head.write(FRAME_MAGIC);
  head.set([FRAME_VERSION, frameCodecs.indexOf(codec), frameCiphers.indexOf(cipher)], 4);
  head.writeUInt32LE(plain.length, 8);
  head.writeUInt32LE(payload.length, 12);
  head.writeUInt16LE(sealedLabel.length, 16);
  head.writeUInt32LE(crc32c(payload), 20);
  head.writeBigUInt64LE(BigInt(keyId), 24);
  head.set(salt, 32);
  head.set(fingerprint, 48);
  const summed = Buffer.concat([head, base ?? new Uint8Array(), sealedLabel]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32c(summed));
  return Buffer.concat([summed, checksum, payload]);
}

function compressed({ plain, base }: ChunkItem, codec: Packing['compression']['codec']): Compressed {
  const lz4 = lz4Compress(plain);
  const isSmaller = lz4.length < plain.length - Math.floor(plain.length / gainDivisor);
  const alone = isSmaller ? lz4 : plain;
  if (base !== undefined) {
    const stored = deltaCompress(base.plain, plain);
    if (stored.length < alone.length - Math.floor(alone.length / deltaGainDivisor)) {
      return { codec: 'zstd-delta', stored, base: base.fingerprint };
    }
  }
  return isSmaller && codec !== 'plain'
    ? { codec: 'lz4', stored: lz4, base: undefined }
    : { codec: 'plain', stored: plain, base: undefined };
}

/** The chunk of a frame. Fault('not-supported', 'blob') for Zstandard, of which the reference has only its own deltas. */
export function openReferenceFrame(
  { secret, base }: FrameOpening,
  frame: Uint8Array,
): Uint8Array | undefined {
  const head = readFrameHead(frame);
  if (head === undefined || !isIntactFrame(frame)) return undefined;
  const payload = frame.subarray(head.headBytes);
  const { cipher, salt } = head;
  const stored =
    cipher === 'none'
      ? payload
      : opened({ cipher, secret, purpose: payloadKey, salt, context: contextOf(head) }, payload);
  if (stored === undefined) return undefined;
  switch (head.codec) {
    case 'plain':
      return stored.length === head.plainBytes ? Uint8Array.from(stored) : undefined;
    case 'lz4':
      return lz4Decompress(stored, head.plainBytes);
    case 'zstd-delta':
      return deltaDecompress(base, stored, head.plainBytes);
    case 'zstd':
      throw new Fault('not-supported', 'blob', 'the reference has no Zstandard');
  }
}

export function openReferenceLabel(secret: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
  const head = readFrameHead(bytes);
  if (head === undefined) return undefined;
  const { cipher, label, fingerprint } = head;
  if (cipher === 'none') return Uint8Array.from(label);
  const salt = label.subarray(0, FRAME_SALT_BYTES);
  const sealedBytes = label.subarray(FRAME_SALT_BYTES);
  return opened({ cipher, secret, purpose: labelKey, salt, context: fingerprint }, sealedBytes);
}

/** What is authenticated with the payload: all that decides about its meaning. */
function contextOf({
  codec,
  cipher,
  plainBytes,
  fingerprint,
  base,
}: Pick<FrameHead, 'codec' | 'cipher' | 'plainBytes' | 'fingerprint' | 'base'>): Uint8Array {
  const numbers = [FRAME_VERSION, codecNumber(codec), frameCiphers.indexOf(cipher)];
  const length = new Uint8Array(4);
  viewOf(length).setUint32(0, plainBytes, true);
  return Buffer.concat([Uint8Array.from(numbers), length, fingerprint, base ?? new Uint8Array()]);
}

const codecNumber = (codec: FrameCodec): number => frameCodecs.indexOf(codec);

interface Message {
  readonly cipher: Exclude<FrameCipher, 'none'>;
  readonly secret: Uint8Array;
  readonly purpose: string;
  readonly salt: Uint8Array;
  readonly context: Uint8Array;
}

/** HKDF-Expand (RFC 5869 §2.3), one block: the secret is uniform already. */
const keyOf = ({ secret, purpose, salt }: Message): Uint8Array =>
  createHmac('sha256', secret).update(purpose).update(salt).update(Uint8Array.of(1)).digest();

/** Both ciphers have keys, nonces and tags of the same lengths; the types of node:crypto tell them apart. */
const algorithmOf = (cipher: Message['cipher']): CipherGCMTypes =>
  cipher as CipherGCMTypes & CipherChaCha20Poly1305Types;

function sealed(message: Message, plain: Uint8Array): Uint8Array {
  assert.equal(message.secret.length, FRAME_SECRET_BYTES);
  const cipher = createCipheriv(algorithmOf(message.cipher), keyOf(message), nonce, {
    authTagLength: FRAME_TAG_BYTES,
  });
  cipher.setAAD(message.context);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function opened(message: Message, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < FRAME_TAG_BYTES || message.secret.length !== FRAME_SECRET_BYTES) return undefined;
  const cipher = createDecipheriv(algorithmOf(message.cipher), keyOf(message), nonce, {
    authTagLength: FRAME_TAG_BYTES,
  });
  cipher.setAAD(message.context);
  cipher.setAuthTag(bytes.subarray(bytes.length - FRAME_TAG_BYTES));
  const plain = cipher.update(bytes.subarray(0, bytes.length - FRAME_TAG_BYTES));
  try {
    return Buffer.concat([plain, cipher.final()]);
  } catch {
    // The only failure there: the tag is another one.
    return undefined;
  }
}
