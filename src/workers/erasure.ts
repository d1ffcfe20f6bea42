/** Of one stripe, data and parity together: the indexes of shards are elements of GF(2^8). */
export const SHARDS_MAX = 256;

/** How many shards of a stripe hold data, and how many more there are: any `data` of all of them give back the others. */
export interface StripeShape {
  readonly data: number;
  readonly parity: number;
}

/** Bytes of one shard: all of it, or a range that is the same for all shards of a call. */
export interface ShardPart {
  /** Data shards come first, from 0. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

/**
 * Reed-Solomon codes over GF(2^8) with the polynomial 0x11d. Byte i of parity shard p is the sum over all data shards d of
 * byte i of d divided by `(data + p) xor d`: a Cauchy matrix, the same as ISA-L's. Bytes at different places do not depend
 * on each other, so that any range decodes alone. Implemented by the native addon, and in plain TypeScript as oracle and
 * for simulation.
 *
 * Small work is done before a call returns, large work off the event loop: the caller must not change what it gave until
 * the result is there. The results belong to the caller.
 */
export interface Erasure {
  /** The parity shards of all data shards, which have the same length. */
  encode(
    shape: StripeShape,
    data: readonly Uint8Array[],
  ): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /**
   * The shards `wanted`, from exactly as many others as hold data, in any order. Nothing says whether these are intact:
   * what comes out must be compared with checksums.
   */
  decode(
    shape: StripeShape,
    present: readonly ShardPart[],
    wanted: readonly number[],
  ): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Whether the parity among all shards, in the order of their indexes, is that of the data. */
  verify(shape: StripeShape, shards: readonly Uint8Array[]): boolean | Promise<boolean>;
}

export const isStripeShape = ({ data, parity }: StripeShape): boolean =>
  Number.isInteger(data) &&
  Number.isInteger(parity) &&
  data >= 1 &&
  parity >= 0 &&
  data + parity <= SHARDS_MAX;
