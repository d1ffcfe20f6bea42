import { Fault } from '../fault.ts';
import { viewOf } from './frame.ts';

/**
 * Deltas as Zstandard frames (RFC 8878) with a prefix, in the fewest of its forms: raw blocks, and blocks of raw literals with one
 * match in the prefix, whose three codes are tables of one symbol each (RLE mode). Every decoder of Zstandard takes
 * them; what is read back here is what was written here.
 */
const magic = 0xfd2fb528;
/** A frame content size of 4 bytes behind a window descriptor; no checksum, no dictionary id. */
const descriptor = 0x80;
const headBytes = 10;
const blockHeadBytes = 3;
const blockTypes = { raw: 0, compressed: 2 } as const;
/** RFC 8878 §3.1.1.3.2.1: all three tables in RLE mode. */
const modesRle = 0x54;
/** Of the literals and of the match of one block: together a block has at most 128 KiB. */
const piecesMax = 65_536;
const windowLogMin = 10;
const matchBytesMin = 8;
const hashBits = 15;
/** RFC 8878 §3.1.1.3.2.1.1: from here on codes of lengths have extra bits: the least length of each, and how many bits. */
const literalCodes = codesOf(16, 16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const matchCodes = codesOf(32, 35, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
/** Values up to it stand for offsets that came before. */
const repeatedOffsets = 3;
const matchLengthMin = 3;

interface LengthCode {
  readonly code: number;
  readonly least: number;
  readonly bits: number;
}

interface Match {
  /** In the prefix. */
  readonly start: number;
  readonly length: number;
}

function codesOf(first: number, least: number, bits: readonly number[]): readonly LengthCode[] {
  let next = least;
  return bits.map((each, index) => {
    const code = { code: first + index, least: next, bits: each };
    next += 2 ** each;
    return code;
  });
}

/** `plain` as a delta of `prefix`. Greedy, with one candidate for each match: simple rather than small. */
export function deltaCompress(prefix: Uint8Array, plain: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  const places = placesOf(prefix);
  let anchor = 0;
  for (let at = 0; at + matchBytesMin <= plain.length;) {
    const match = matchAt({ prefix, places, plain }, at);
    if (match === undefined) {
      at += 1;
      continue;
    }
    blocks.push(...rawBlocks(plain, anchor, at - piecesMax));
    const literals = plain.subarray(Math.max(anchor, at - piecesMax), at);
    blocks.push(matchBlock(literals, match, prefix.length - match.start + at));
    at += match.length;
    anchor = at;
  }
  blocks.push(...rawBlocks(plain, anchor, plain.length), blockOf('raw', new Uint8Array(), 1));
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(magic);
  const windowLog = Math.max(windowLogMin, Math.ceil(Math.log2(prefix.length + plain.length + 1)));
  head.set([descriptor, (windowLog - windowLogMin) << 3], 4);
  head.writeUInt32LE(plain.length, 6);
  return Buffer.concat([head, ...blocks]);
}

const slotOf = (view: DataView, at: number): number =>
  Math.imul(view.getUint32(at, true) ^ Math.imul(view.getUint32(at + 4, true), 40_503), 2_654_435_761) >>>
  (32 - hashBits);

function placesOf(prefix: Uint8Array): Int32Array {
  const places = new Int32Array(1 << hashBits).fill(-1);
  const view = viewOf(prefix);
  for (let at = 0; at + matchBytesMin <= prefix.length; at += 1) places[slotOf(view, at)] = at;
  return places;
}

interface Searched {
  readonly prefix: Uint8Array;
  readonly places: Int32Array;
  readonly plain: Uint8Array;
}

function matchAt({ prefix, places, plain }: Searched, at: number): Match | undefined {
  const start = places[slotOf(viewOf(plain), at)] ?? -1;
  if (start < 0) return undefined;
  const lengthMax = Math.min(prefix.length - start, plain.length - at, piecesMax);
  let length = 0;
  while (length < lengthMax && prefix[start + length] === plain[at + length]) length += 1;
  return length < matchBytesMin ? undefined : { start, length };
}

/** The bytes from `start` up to `end`, none when it lies before that. */
function rawBlocks(plain: Uint8Array, start: number, end: number): readonly Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let at = start; at < end; at += piecesMax) {
    blocks.push(blockOf('raw', plain.subarray(at, Math.min(end, at + piecesMax))));
  }
  return blocks;
}

function blockOf(type: keyof typeof blockTypes, content: Uint8Array, last = 0): Uint8Array {
  const head = Buffer.alloc(blockHeadBytes);
  head.writeUIntLE(last | (blockTypes[type] << 1) | (content.length << 3), 0, blockHeadBytes);
  return Buffer.concat([head, content]);
}

/** Literals, then a match so many bytes back from where they end. */
function matchBlock(literals: Uint8Array, match: Match, distance: number): Uint8Array {
  const size = Buffer.alloc(3);
  size.writeUIntLE(0b1100 | (literals.length << 4), 0, 3);
  const literal = codeOf(literalCodes, literals.length, 0);
  const length = codeOf(matchCodes, match.length, matchLengthMin);
  const value = distance + repeatedOffsets;
  const offset = { code: Math.floor(Math.log2(value)), least: 2 ** Math.floor(Math.log2(value)) };
  // Read backwards: what comes first is the offset.
  let bits = 1n;
  for (const [extra, count] of [
    [value - offset.least, offset.code],
    [match.length - length.least, length.bits],
    [literals.length - literal.least, literal.bits],
  ] as const) {
    bits = (bits << BigInt(count)) | BigInt(extra);
  }
  const stream: number[] = [];
  for (; bits > 0n; bits >>= 8n) stream.push(Number(bits & 255n));
  const sequences = Uint8Array.of(1, modesRle, literal.code, offset.code, length.code, ...stream);
  return blockOf('compressed', Buffer.concat([size, literals, sequences]));
}

/** Small lengths are their own codes, counted from `least`. */
function codeOf(codes: readonly LengthCode[], length: number, least: number): LengthCode {
  const found = codes.findLast((each) => each.least <= length);
  return found ?? { code: length - least, least: length, bits: 0 };
}

function codeWith(codes: readonly LengthCode[], code: number, least: number): LengthCode | undefined {
  const [first] = codes;
  if (first === undefined || code < first.code) return { code, least: code + least, bits: 0 };
  return codes[code - first.code];
}

/**
 * Exactly `plainBytes` bytes; `undefined` for what is no delta of `prefix` of as many. Fault('not-supported', 'blob') for forms of
 * Zstandard that are not written here.
 */
export function deltaDecompress(
  prefix: Uint8Array,
  delta: Uint8Array,
  plainBytes: number,
): Uint8Array | undefined {
  const view = viewOf(delta);
  if (delta.length < headBytes || view.getUint32(0, true) !== magic) return undefined;
  if (delta[4] !== descriptor) throw otherForm();
  // Prefix and content in one, so that a match is a copy within it.
  const all = Buffer.concat([prefix, new Uint8Array(plainBytes)]);
  let filled = prefix.length;
  for (let at = headBytes; at + blockHeadBytes <= delta.length;) {
    const head = view.getUint16(at, true) | ((delta[at + 2] ?? 0) << 16);
    const content = delta.subarray(at + blockHeadBytes, at + blockHeadBytes + (head >> 3));
    at += blockHeadBytes + content.length;
    const end = appendBlock(all, filled, { type: (head >> 1) & 3, content });
    if (end === undefined) return undefined;
    filled = end;
    if ((head & 1) === 1)
      return filled === all.length && at === delta.length ? all.subarray(prefix.length) : undefined;
  }
  return undefined;
}

const otherForm = (): Fault =>
  new Fault('not-supported', 'blob', 'the reference reads no Zstandard but its own');

/** Where it ends; `undefined` when it is larger than what is left. */
function appendBlock(
  all: Uint8Array,
  filled: number,
  { type, content }: { readonly type: number; readonly content: Uint8Array },
): number | undefined {
  if (type === blockTypes.raw) {
    if (filled + content.length > all.length) return undefined;
    all.set(content, filled);
    return filled + content.length;
  }
  if (type !== blockTypes.compressed || ((content[0] ?? 0) & 15) !== 0b1100) throw otherForm();
  const literals = ((content[0] ?? 0) | ((content[1] ?? 0) << 8) | ((content[2] ?? 0) << 16)) >> 4;
  const from = filled + literals;
  const match = readMatch(content.subarray(3 + literals), literals);
  const isOutside = match === undefined || from + match.length > all.length || match.distance > from;
  if (isOutside) return undefined;
  // Only a match in the prefix is written here, which is never one with itself.
  if (match.distance < match.length) throw otherForm();
  all.set(content.subarray(3, 3 + literals), filled);
  all.copyWithin(from, from - match.distance, from - match.distance + match.length);
  return from + match.length;
}

function readMatch(
  sequences: Uint8Array,
  literals: number,
): { readonly length: number; readonly distance: number } | undefined {
  if (sequences[0] !== 1 || sequences[1] !== modesRle) throw otherForm();
  const [, , literalCode = 0, offsetCode = 0, lengthCode = 0] = sequences;
  const literal = codeWith(literalCodes, literalCode, 0);
  const length = codeWith(matchCodes, lengthCode, matchLengthMin);
  if (literal === undefined || length === undefined || offsetCode > 31) return undefined;
  let bits = 0n;
  for (const byte of sequences.subarray(5).toReversed()) bits = (bits << 8n) | BigInt(byte);
  const take = (count: number): number => {
    const taken = Number(bits & ((1n << BigInt(count)) - 1n));
    bits >>= BigInt(count);
    return taken;
  };
  // From the other end: what was written last comes first.
  const isSame = literal.least + take(literal.bits) === literals;
  const matched = length.least + take(length.bits);
  const distance = 2 ** offsetCode + take(offsetCode) - repeatedOffsets;
  return isSame && bits === 1n && distance > 0 ? { length: matched, distance } : undefined;
}
