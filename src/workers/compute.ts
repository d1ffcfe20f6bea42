export type DigestAlgorithm =
  | 'md5'
  | 'sha1'
  | 'sha256'
  | 'sha512'
  | 'crc32'
  | 'crc32c'
  | 'crc64nvme'
  | 'xxhash64'
  | 'xxhash3'
  | 'xxhash128';
/** CRCs that combine: the CRC of a concatenation follows from those of its pieces. */
export type CrcAlgorithm = 'crc32' | 'crc32c' | 'crc64nvme';

/** Digests in the byte order in which S3 prints them (CRCs and xxHashes big endian); only the algorithms that were asked for. */
export type Digests = Readonly<Partial<Record<DigestAlgorithm, Uint8Array>>>;

/** Several digests of one stream of bytes, in one pass over them. */
export interface Hasher {
  /**
   * Feeds the next bytes. Small ones are hashed before it returns, large ones off the event loop: the caller must not
   * change `parts` until it resolves. Calls may overlap; they take effect in the order of the calls.
   */
  update(parts: readonly Uint8Array[]): void | Promise<void>;
  /** The digests of all bytes fed so far, after every `update` has resolved. May be called again after more updates. */
  digests(): Digests;
}

/** CPU-bound work on bytes. Implemented by the native addon, and in plain TypeScript as oracle and for simulation. */
export interface Compute {
  hasher(algorithms: readonly DigestAlgorithm[]): Hasher;
  /** One-shot and synchronous, for bodies small enough that a hop between threads would cost more. */
  digest(algorithms: readonly DigestAlgorithm[], parts: readonly Uint8Array[]): Digests;
  /** CRC of A followed by B, from the CRCs of both and the length of B in bytes. */
  combine(algorithm: CrcAlgorithm, crcOfA: Uint8Array, crcOfB: Uint8Array, lengthOfB: number): Uint8Array;
}
