import { blake3 } from './blake3.ts';
import { viewOf } from './frame.ts';
import { gearOf } from './reference-chunking.ts';
import type { Chunking } from './reduction.ts';
import { SUPER_FEATURE_BYTES, SUPER_FEATURES } from './similarity.ts';

/** Odess (Zou et al., ICDE 2021), step by step: native/core/src/reduction/similarity.rs says how. */
const featuresEach = 4;
/** Of 2^32 values of the hash, those below are sampled: one in 128. */
const sampledBelow = 2 ** 25;
const low32 = 2 ** 32;

interface Transform {
  readonly factor: number;
  readonly summand: number;
}

const transforms: readonly Transform[] = Array.from({ length: SUPER_FEATURES * featuresEach }, (_, index) => {
  const name = Buffer.concat([Buffer.from('terrace super-features v1'), Uint8Array.of(index)]);
  const numbers = viewOf(blake3(new Uint8Array(), name));
  return { factor: numbers.getUint32(0, true) | 1, summand: numbers.getUint32(4, true) };
});

/** Finds the super-features of chunks: one after the other, or nothing for a chunk of which no place is sampled. */
export function superFeaturesWith({ seed, fingerprintKey }: Chunking): (chunk: Uint8Array) => Uint8Array {
  const gear = Uint32Array.from(gearOf(seed), (value) => value % low32);
  return (chunk) => {
    const features = featuresOf(gear, chunk);
    if (features === undefined) return new Uint8Array();
    const found = Array.from({ length: SUPER_FEATURES }, (_, index) => {
      const input = new DataView(new ArrayBuffer(1 + 4 * featuresEach));
      input.setUint8(0, index);
      for (let at = 0; at < featuresEach; at += 1) {
        input.setUint32(1 + 4 * at, features[index * featuresEach + at] ?? 0, true);
      }
      return blake3(fingerprintKey, new Uint8Array(input.buffer)).subarray(0, SUPER_FEATURE_BYTES);
    });
    return Buffer.concat(found);
  };
}

function featuresOf(gear: Uint32Array, chunk: Uint8Array): Uint32Array | undefined {
  const features = new Uint32Array(transforms.length);
  let hash = 0;
  let isSampled = false;
  for (const byte of chunk) {
    hash = ((hash << 1) + (gear[byte] ?? 0)) >>> 0;
    if (hash >= sampledBelow) continue;
    isSampled = true;
    for (const [index, { factor, summand }] of transforms.entries()) {
      const value = (Math.imul(hash, factor) + summand) >>> 0;
      features[index] = Math.max(features[index] ?? 0, value);
    }
  }
  return isSampled ? features : undefined;
}
