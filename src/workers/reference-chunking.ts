import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { viewOf } from './frame.ts';
import type { Chunking } from './reduction.ts';

/**
 * FastCDC (Xia et al. 2020) with normalisation 1, byte by byte. Every mask lies within the low 48 bits, and the hash only moves
 * bits upwards, so that its low 49 bits are enough: these are exact in a number.
 */
const hashModulus = 2 ** 49;
const low32 = 2 ** 32;

/** Masks by the binary logarithm of the average length (destor and restic-FastCDC), from 8 on. */
const masks = [
  0x1800035300, 0x19000353000, 0x590003530000, 0xd90003530000, 0xd90103530000, 0xd90303530000, 0xd90313530000,
  0xd90f03530000, 0xd90303537000, 0xd90703537000, 0xd90707537000, 0xd91707537000, 0xd91747537000,
  0xd91767537000, 0xd93767537000, 0xd93777537000,
] as const;
const masksFrom = 8;

/** The lengths of the chunks of `bytes`, in order. */
export function cutLengths(chunking: Chunking, bytes: Uint8Array): readonly number[] {
  const { bytesMin, bytesAverage, bytesMax } = chunking;
  const lengths = [bytesMin, bytesAverage, bytesMax];
  assert(lengths.every((length) => length > 0 && length % 2 === 0));
  assert(bytesMin <= bytesAverage && bytesAverage <= bytesMax);
  const gear = gearOf(chunking.seed);
  const chunks: number[] = [];
  for (let start = 0; start < bytes.length;) {
    const length = cutLength(chunking, gear, bytes.subarray(start, start + bytesMax));
    chunks.push(length);
    start += length;
  }
  return chunks;
}

function cutLength({ bytesMin, bytesAverage }: Chunking, gear: Float64Array, bytes: Uint8Array): number {
  if (bytes.length <= bytesMin) return bytes.length;
  const bits = Math.round(Math.log2(bytesAverage));
  const [strict, loose] = [splitMask(bits + 1), splitMask(bits - 1)];
  // In pairs of bytes: the last one of an odd length is no candidate.
  const end = bytes.length - (bytes.length % 2);
  let hash = 0;
  for (let at = bytesMin; at < end; at += 1) {
    hash = (hash * 2 + (gear[bytes[at] ?? 0] ?? 0)) % hashModulus;
    const { high, low } = at < bytesAverage ? strict : loose;
    if ((Math.floor(hash / low32) & high) === 0 && (hash & low) === 0) return at;
  }
  return bytes.length;
}

/** Halves of the mask for an average length of 2^bits. */
function splitMask(bits: number): { readonly high: number; readonly low: number } {
  const mask = masks[bits - masksFrom];
  assert(mask !== undefined, 'an average length beyond the tables');
  return { high: Math.floor(mask / low32), low: (mask % low32) | 0 };
}

/** The first 8 bytes of the MD5 of each byte value, 64 times over, and the seed added without carry. */
export function gearOf(seed: Uint8Array): Float64Array {
  assert.equal(seed.length, 8);
  const mixed = viewOf(seed).getBigUint64(0, true);
  return Float64Array.from({ length: 256 }, (_, value) => {
    const digest = createHash('md5').update(Buffer.alloc(64, value)).digest();
    return Number(BigInt.asUintN(49, digest.readBigUInt64BE() ^ mixed));
  });
}
