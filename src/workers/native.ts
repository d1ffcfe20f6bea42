import assert from 'node:assert/strict';
import { HASH_INLINE_BYTES_MAX } from '../limits.ts';
import type { NativeDigests, NativeHasher } from '../native.ts';
import type { Compute, CrcAlgorithm, DigestAlgorithm, Digests, Hasher } from './compute.ts';

/** In the order of the addon's bits, which is the order of its output. */
const ALGORITHMS = [
  { algorithm: 'md5', bit: 1, bytes: 16 },
  { algorithm: 'sha1', bit: 2, bytes: 20 },
  { algorithm: 'sha256', bit: 4, bytes: 32 },
  { algorithm: 'crc32', bit: 8, bytes: 4 },
  { algorithm: 'crc32c', bit: 16, bytes: 4 },
  { algorithm: 'crc64nvme', bit: 32, bytes: 8 },
  { algorithm: 'sha512', bit: 64, bytes: 64 },
  { algorithm: 'xxhash64', bit: 128, bytes: 8 },
  { algorithm: 'xxhash3', bit: 256, bytes: 8 },
  { algorithm: 'xxhash128', bit: 512, bytes: 16 },
] as const satisfies readonly {
  readonly algorithm: DigestAlgorithm;
  readonly bit: number;
  readonly bytes: number;
}[];

const BITS = Object.fromEntries(ALGORITHMS.map(({ algorithm, bit }) => [algorithm, bit])) as Readonly<
  Record<DigestAlgorithm, number>
>;

/** `Compute` in the native addon. */
export function nativeCompute(addon: NativeDigests): Compute {
  return {
    hasher: (algorithms) =>
      new QueueingHasher(new addon.NativeHasher(maskOf(algorithms)), maskOf(algorithms)),
    digest: (algorithms, parts) => {
      const mask = maskOf(algorithms);
      const output = new Uint8Array(outputBytes(mask));
      addon.digest(mask, parts, output);
      return split(mask, output);
    },
    combine: (algorithm, crcOfA, crcOfB, lengthOfB) =>
      combine(addon, { algorithm, crcOfA, crcOfB, lengthOfB }),
  };
}

/** Small updates run at once, unless a large one is under way: then they wait for their turn behind it. */
class QueueingHasher implements Hasher {
  readonly #native: NativeHasher;
  readonly #mask: number;
  /** The last update that was given to another thread, while it is under way. */
  #last: Promise<void> | undefined;

  constructor(native: NativeHasher, mask: number) {
    this.#native = native;
    this.#mask = mask;
  }

  update(parts: readonly Uint8Array[]): void | Promise<void> {
    const before = this.#last;
    if (before === undefined && bytesOf(parts) < HASH_INLINE_BYTES_MAX) {
      this.#native.update(parts);
      return;
    }
    const update =
      before === undefined
        ? this.#native.updateElsewhere(parts)
        : before.then(() => this.#native.updateElsewhere(parts));
    const last = update.finally(() => {
      if (this.#last === last) this.#last = undefined;
    });
    this.#last = last;
    return last;
  }

  digests(): Digests {
    assert(this.#last === undefined, 'an update is under way');
    const output = new Uint8Array(outputBytes(this.#mask));
    this.#native.digests(output);
    return split(this.#mask, output);
  }
}

function combine(
  addon: NativeDigests,
  crcs: {
    readonly algorithm: CrcAlgorithm;
    readonly crcOfA: Uint8Array;
    readonly crcOfB: Uint8Array;
    readonly lengthOfB: number;
  },
): Uint8Array {
  const { algorithm, crcOfA, crcOfB, lengthOfB } = crcs;
  const mask = maskOf([algorithm]);
  assert(crcOfA.length === outputBytes(mask), `CRC of A has ${crcOfA.length} bytes`);
  assert(crcOfB.length === outputBytes(mask), `CRC of B has ${crcOfB.length} bytes`);
  assert(Number.isSafeInteger(lengthOfB) && lengthOfB >= 0, `length ${lengthOfB}`);
  const output = new Uint8Array(outputBytes(mask));
  addon.combineCrcs(mask, crcOfA, crcOfB, lengthOfB, output);
  return output;
}

function maskOf(algorithms: readonly DigestAlgorithm[]): number {
  let mask = 0;
  for (const algorithm of algorithms) mask |= BITS[algorithm];
  return mask;
}

function outputBytes(mask: number): number {
  let sum = 0;
  for (const { bit, bytes } of ALGORITHMS) if ((mask & bit) !== 0) sum += bytes;
  return sum;
}

function split(mask: number, output: Uint8Array): Digests {
  const digests: Partial<Record<DigestAlgorithm, Uint8Array>> = {};
  let at = 0;
  for (const { algorithm, bit, bytes } of ALGORITHMS) {
    if ((mask & bit) === 0) continue;
    digests[algorithm] = bytes === output.length ? output : output.subarray(at, at + bytes);
    at += bytes;
  }
  return digests;
}

function bytesOf(parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) sum += part.length;
  return sum;
}
