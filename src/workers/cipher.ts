/**
 * The format of sealed bytes. A run of plain bytes is cut into frames of `FRAME_BYTES`, the last one shorter; an empty
 * run is one empty frame. A frame is
 *
 *     salt (16 bytes, the same in all frames of a run) | ciphertext (as long as the plain bytes) | tag (16 bytes)
 *
 * AES-256-GCM (NIST SP 800-38D) under the key HMAC-SHA256(secret, label | salt | 1), which is the first block of
 * HKDF-Expand (RFC 5869 §2.3); the nonce is the number of the frame in its run. So every run has a key of its own,
 * however many there are, every frame opens alone, and none opens in the place of another.
 */
export const FRAME_BYTES = 65_536;
export const SALT_BYTES = 16;
export const TAG_BYTES = 16;
export const SECRET_BYTES = 32;
export const SEALED_FRAME_BYTES = SALT_BYTES + FRAME_BYTES + TAG_BYTES;

/** What a run is sealed with. */
export interface Seal {
  /** `SECRET_BYTES`. */
  readonly secret: Uint8Array;
  /** `SALT_BYTES`, random: never twice under one secret. */
  readonly salt: Uint8Array;
  /** Authenticated with every frame; to open it must be the same. */
  readonly context: Uint8Array;
}

export interface Opening extends Pick<Seal, 'secret' | 'context'> {
  /** The number in its run of the first frame that is opened. */
  readonly firstFrame: number;
}

/** Authenticated encryption in frames. Implemented by the native addon, and on node:crypto as oracle and for simulation. */
export interface Cipher {
  /**
   * The sealed run of the concatenated `parts`. Large ones are sealed off the event loop: the caller must not change them.
   * It may be put into `room`, when that is long enough.
   */
  seal(seal: Seal, parts: readonly Uint8Array[], room?: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** The plain bytes of whole frames that follow one another; `undefined` when one of them is not what was sealed. */
  open(opening: Opening, sealed: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /**
   * The same with each frame in an array of its own, which has the length of its text; false when one of them is not what
   * was sealed. The caller touches none of the arrays until it resolves.
   */
  openEach(opening: Opening, sealed: Uint8Array, targets: readonly Uint8Array[]): boolean | Promise<boolean>;
  /** As `seal` and `open`, at once, for keys and other bytes of less than a frame. */
  sealNow(seal: Seal, parts: readonly Uint8Array[], room?: Uint8Array): Uint8Array;
  openNow(opening: Opening, sealed: Uint8Array): Uint8Array | undefined;
}

/** What `bytes` plain bytes become. */
export const sealedBytes = (bytes: number): number =>
  bytes + Math.max(1, Math.ceil(bytes / FRAME_BYTES)) * (SALT_BYTES + TAG_BYTES);

/** How many plain bytes `bytes` sealed ones from the start of a frame hold; `undefined` for no length of whole frames. */
export function plainBytes(bytes: number): number | undefined {
  const frames = Math.ceil(bytes / SEALED_FRAME_BYTES);
  const plain = bytes - frames * (SALT_BYTES + TAG_BYTES);
  return plain >= 0 && frames > 0 && sealedBytes(plain) === bytes ? plain : undefined;
}
