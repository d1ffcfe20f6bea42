import assert from 'node:assert/strict';
import { viewOf } from './frame.ts';

/** BLAKE3 1.0, section 2: the hash and the keyed hash, 32 bytes, after the paper's own words. */
const chunkBytes = 1024;
const blockBytes = 64;
const flags = { chunkStart: 1, chunkEnd: 2, parent: 4, root: 8, keyedHash: 16 } as const;
/** The first words of the fractional parts of the square roots of the first eight primes. */
const initial = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
const permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;
/** The words of a quarter round: first the columns, then the diagonals. */
const quarters = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;
const rounds = 7;

/** What a node of the tree is before it is known whether it is the root. */
interface Output {
  readonly chaining: Uint32Array;
  readonly block: Uint32Array;
  readonly counter: number;
  readonly length: number;
  readonly flags: number;
}

/** BLAKE3 of `bytes`; keyed unless the key is empty. */
export function blake3(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  assert(key.length === 0 || key.length === 32);
  const isKeyed = key.length > 0;
  const start = isKeyed ? wordsOf(key).subarray(0, 8) : initial;
  const output = node({ start, mode: isKeyed ? flags.keyedHash : 0 }, bytes, 0);
  const digest = new Uint8Array(32);
  const view = viewOf(digest);
  compress({ ...output, flags: output.flags | flags.root }).forEach((word, at) =>
    view.setUint32(4 * at, word, true),
  );
  return digest;
}

interface Keying {
  readonly start: Uint32Array;
  readonly mode: number;
}

/** The node above `bytes`, the first chunk of which has the number `counter`. */
function node(keying: Keying, bytes: Uint8Array, counter: number): Output {
  if (bytes.length <= chunkBytes) return chunk(keying, bytes, counter);
  // As many chunks to the left as the greatest power of two that leaves something to the right.
  const leftChunks = 2 ** Math.floor(Math.log2((bytes.length - 1) / chunkBytes));
  const cut = leftChunks * chunkBytes;
  const block = new Uint32Array(16);
  block.set(compress(node(keying, bytes.subarray(0, cut), counter)));
  block.set(compress(node(keying, bytes.subarray(cut), counter + leftChunks)), 8);
  const parent = flags.parent | keying.mode;
  return { chaining: keying.start, block, counter: 0, length: blockBytes, flags: parent };
}

function chunk({ start, mode }: Keying, bytes: Uint8Array, counter: number): Output {
  let chaining = start;
  for (let at = 0; ; at += blockBytes) {
    const block = bytes.subarray(at, at + blockBytes);
    const isLast = at + blockBytes >= bytes.length;
    const output = {
      chaining,
      block: wordsOf(block),
      counter,
      length: block.length,
      flags: mode | (at === 0 ? flags.chunkStart : 0) | (isLast ? flags.chunkEnd : 0),
    };
    if (isLast) return output;
    chaining = compress(output);
  }
}

/** The first eight words of the compression function. */
function compress({ chaining, block, counter, length, flags: domain }: Output): Uint32Array {
  const state = new Uint32Array(16);
  state.set(chaining);
  state.set(initial.subarray(0, 4), 8);
  state.set([counter % 2 ** 32, Math.floor(counter / 2 ** 32), length, domain], 12);
  let message = block;
  for (let round = 0; round < rounds; round += 1) {
    quarters.forEach((words, at) => mix(state, words, message[2 * at] ?? 0, message[2 * at + 1] ?? 0));
    message = Uint32Array.from(permutation, (from) => message[from] ?? 0);
  }
  return Uint32Array.from({ length: 8 }, (_, at) => (state[at] ?? 0) ^ (state[at + 8] ?? 0));
}

function mix(
  state: Uint32Array,
  [a, b, c, d]: readonly [number, number, number, number],
  x: number,
  y: number,
): void {
  const word = (at: number): number => state[at] ?? 0;
  state[a] = word(a) + word(b) + x;
  state[d] = rotated(word(d) ^ word(a), 16);
  state[c] = word(c) + word(d);
  state[b] = rotated(word(b) ^ word(c), 12);
  state[a] = word(a) + word(b) + y;
  state[d] = rotated(word(d) ^ word(a), 8);
  state[c] = word(c) + word(d);
  state[b] = rotated(word(b) ^ word(c), 7);
}

const rotated = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/** Sixteen words, little endian; what is missing of a block is zero. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  const block = new Uint8Array(blockBytes);
  block.set(bytes);
  const view = viewOf(block);
  return Uint32Array.from({ length: blockBytes / 4 }, (_, at) => view.getUint32(4 * at, true));
}
