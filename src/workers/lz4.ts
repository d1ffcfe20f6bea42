import { viewOf } from './frame.ts';

/**
 * LZ4 blocks (lz4_Block_format.md of the LZ4 project): sequences of a token, literals, and a match in what is decoded already.
 * The last sequence is literals only.
 */
const matchBytesMin = 4;
/** The last match begins at least so far from the end, and the last bytes are literals. */
const matchLimitBytes = 12;
const literalsAtEnd = 5;
const distanceMax = 65_535;
const lengthInToken = 15;
const hashBits = 14;

/** `plain` as one block. Greedy with one candidate for each match: simple rather than small. */
export function lz4Compress(plain: Uint8Array): Uint8Array {
  const output: number[] = [];
  const view = viewOf(plain);
  const seen = new Int32Array(1 << hashBits).fill(-1);
  let anchor = 0;
  for (let at = 0; at + matchLimitBytes <= plain.length;) {
    const word = view.getUint32(at, true);
    const slot = Math.imul(word, 2_654_435_761) >>> (32 - hashBits);
    const candidate = seen[slot] ?? -1;
    seen[slot] = at;
    const isMatch =
      candidate >= 0 && at - candidate <= distanceMax && view.getUint32(candidate, true) === word;
    if (!isMatch) {
      at += 1;
      continue;
    }
    const length = matchLength(plain, candidate, at);
    writeSequence(output, plain.subarray(anchor, at), { length, distance: at - candidate });
    at += length;
    anchor = at;
  }
  writeSequence(output, plain.subarray(anchor), undefined);
  return Uint8Array.from(output);
}

function matchLength(plain: Uint8Array, candidate: number, at: number): number {
  const end = plain.length - literalsAtEnd;
  let length = matchBytesMin;
  while (at + length < end && plain[candidate + length] === plain[at + length]) length += 1;
  return length;
}

function writeSequence(
  output: number[],
  literals: Uint8Array,
  match: { readonly length: number; readonly distance: number } | undefined,
): void {
  const extra = match === undefined ? 0 : match.length - matchBytesMin;
  output.push((Math.min(literals.length, lengthInToken) << 4) | Math.min(extra, lengthInToken));
  writeLength(output, literals.length);
  for (const byte of literals) output.push(byte);
  if (match === undefined) return;
  output.push(match.distance & 255, match.distance >> 8);
  writeLength(output, extra);
}

function writeLength(output: number[], length: number): void {
  if (length < lengthInToken) return;
  let rest = length - lengthInToken;
  for (; rest >= 255; rest -= 255) output.push(255);
  output.push(rest);
}

/** Exactly `plainBytes` bytes; `undefined` for what is no block of as many, whatever it is. */
export function lz4Decompress(block: Uint8Array, plainBytes: number): Uint8Array | undefined {
  const plain = new Uint8Array(plainBytes);
  let at = 0;
  let filled = 0;
  const readLength = (inToken: number): number => {
    let length = inToken;
    for (let more = inToken === lengthInToken ? 255 : 0; more === 255; at += 1) {
      more = block[at] ?? 0;
      length += more;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at] ?? 0;
    at += 1;
    const literals = readLength(token >> 4);
    if (at + literals > block.length || filled + literals > plainBytes) return undefined;
    plain.set(block.subarray(at, at + literals), filled);
    at += literals;
    filled += literals;
    if (at === block.length) return filled === plainBytes ? plain : undefined;
    const distance = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    const length = readLength(token & lengthInToken) + matchBytesMin;
    if (distance === 0 || distance > filled || filled + length > plainBytes) return undefined;
    // Byte by byte: a match may overlap what it makes.
    for (const end = filled + length; filled < end; filled += 1)
      plain[filled] = plain[filled - distance] ?? 0;
  }
  return undefined;
}
