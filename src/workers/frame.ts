import { crc32c } from './crc.ts';

/** A frame is one chunk, compressed and sealed, behind a head that says all about it. Layout: docs/formats.md. */
export const FRAME_MAGIC = 'TFRM';
export const FRAME_VERSION = 1;
/** Of a head, without the base of a delta, the label and the checksum. */
export const FRAME_FIXED_BYTES = 80;
export const FINGERPRINT_BYTES = 32;
export const FRAME_SALT_BYTES = 16;
export const FRAME_SECRET_BYTES = 32;
export const FRAME_TAG_BYTES = 16;
/** Of a chunk; no decoder takes more. */
export const CHUNK_BYTES_MAX = 16 << 20;
export const LABEL_BYTES_MAX = 32_768;

/** In the order of their numbers. `zstd-delta` is Zstandard with another chunk as prefix. */
export const frameCodecs = ['plain', 'lz4', 'zstd', 'zstd-delta'] as const;
export type FrameCodec = (typeof frameCodecs)[number];
/** In the order of their numbers. */
export const frameCiphers = ['none', 'aes-256-gcm', 'chacha20-poly1305'] as const;
export type FrameCipher = (typeof frameCiphers)[number];

/** What the head of a frame says; its checksum was right. Byte strings are views of what was read. */
export interface FrameHead {
  readonly codec: FrameCodec;
  readonly cipher: FrameCipher;
  readonly plainBytes: number;
  /** Of what follows the head. */
  readonly storedBytes: number;
  /** CRC32C of what follows the head. */
  readonly checksum: number;
  /** Says which secret sealed it; opaque. */
  readonly keyId: number;
  readonly salt: Uint8Array;
  readonly fingerprint: Uint8Array;
  /** Fingerprint of the chunk that a delta needs. */
  readonly base: Uint8Array | undefined;
  /** As it is stored: with a cipher, `salt | ciphertext | tag`. */
  readonly label: Uint8Array;
  /** Length of the head itself. */
  readonly headBytes: number;
}

/** The head at the start of `bytes`; `undefined` for anything else, whatever it is. */
export function readFrameHead(bytes: Uint8Array): FrameHead | undefined {
  if (bytes.length < FRAME_FIXED_BYTES || magicOf(bytes) !== FRAME_MAGIC) return undefined;
  const view = viewOf(bytes);
  const codec = frameCodecs[view.getUint8(5)];
  const cipher = frameCiphers[view.getUint8(6)];
  if (view.getUint8(4) !== FRAME_VERSION || codec === undefined || cipher === undefined) return undefined;
  const labelAt = FRAME_FIXED_BYTES + (codec === 'zstd-delta' ? FINGERPRINT_BYTES : 0);
  const end = labelAt + view.getUint16(16, true);
  const headBytes = end + 4;
  if (bytes.length < headBytes || crc32c(bytes.subarray(0, end)) !== view.getUint32(end, true)) {
    return undefined;
  }
  const plainBytes = view.getUint32(8, true);
  const storedBytes = view.getUint32(12, true);
  const keyId = Number(view.getBigUint64(24, true));
  const isBounded = plainBytes <= CHUNK_BYTES_MAX && storedBytes <= CHUNK_BYTES_MAX + FRAME_TAG_BYTES;
  if (!isBounded || !Number.isSafeInteger(keyId)) return undefined;
  return {
    codec,
    cipher,
    plainBytes,
    storedBytes,
    checksum: view.getUint32(20, true),
    keyId,
    salt: bytes.subarray(32, 48),
    fingerprint: bytes.subarray(48, FRAME_FIXED_BYTES),
    base: codec === 'zstd-delta' ? bytes.subarray(FRAME_FIXED_BYTES, labelAt) : undefined,
    label: bytes.subarray(labelAt, end),
    headBytes,
  };
}

/** Length of the whole frame. */
export const frameBytes = ({ headBytes, storedBytes }: FrameHead): number => headBytes + storedBytes;

/** Whether `bytes` are one whole frame, undamaged: as far as can be told without its key. */
export function isIntactFrame(bytes: Uint8Array): boolean {
  const head = readFrameHead(bytes);
  return (
    head !== undefined &&
    frameBytes(head) === bytes.length &&
    crc32c(bytes.subarray(head.headBytes)) === head.checksum
  );
}

export const magicOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 4));

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
