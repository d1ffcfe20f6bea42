import type { FrameCipher } from '../../src/workers/frame.ts';
import type { Chunking, Packed, Packing } from '../../src/workers/reduction.ts';
import type { StripeShape } from '../../src/workers/erasure.ts';
import { SHARD_HEADER_BYTES } from '../../src/workers/segment.ts';

/** Bytes that look random and are the same in every run (xorshift, Marsaglia 2003). */
export function noise(length: number, seed: number): Uint8Array {
  let state = Math.imul(seed, 2_654_435_761) | 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) & 255;
  });
}

/** Half of them zeros. */
export function mixed(length: number, seed: number): Uint8Array {
  const bytes = noise(length, seed);
  bytes.fill(0, length >> 1);
  return bytes;
}

interface PackingChoices {
  readonly shape?: StripeShape;
  readonly imageBytesMax?: number;
  readonly cipher?: FrameCipher;
  readonly secret?: Uint8Array;
  readonly codec?: Packing['compression']['codec'];
}

export function packingOf(choices: PackingChoices): Packing {
  const { cipher = 'none', codec = 'plain', imageBytesMax = 1 << 20 } = choices;
  const secret = choices.secret ?? Buffer.alloc(cipher === 'none' ? 0 : 32, 1);
  return {
    shape: choices.shape ?? { data: 4, parity: 2 },
    imageBytesMax,
    id: Buffer.from('a segment of one'),
    generation: 1,
    compression: { codec, level: 3 },
    seal: { cipher, secret, keyId: 2 ** 40 + 3 },
  };
}

/** Small chunks, so that few bytes make many. A key of 0 is none. */
export const chunkingOf = (key = 0): Chunking => ({
  bytesMin: 1024,
  bytesAverage: 4096,
  bytesMax: 16_384,
  seed: Buffer.alloc(8, key),
  fingerprintKey: Buffer.alloc(key === 0 ? 0 : 32, key),
  hasSuperFeatures: key % 2 === 1,
});

/** The data of all shards, one after the other. */
export const imageOf = ({ shards, shardBytes }: Packed, data = 4): Buffer =>
  Buffer.concat(
    shards.slice(0, data).map((shard) => shard.subarray(SHARD_HEADER_BYTES, SHARD_HEADER_BYTES + shardBytes)),
  );
