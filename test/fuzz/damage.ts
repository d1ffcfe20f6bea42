import fc from 'fast-check';
import type { Decoder } from './decoder.ts';

type Change = (bytes: Buffer) => Buffer;

/** Values at which lengths and counts go wrong. */
const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as const;
const NOISE_BYTES_MAX = 300;

/** Sound inputs with a few changes, and noise. */
export function damagedInputs({ sound, tokens = [], reseal }: Decoder): fc.Arbitrary<Uint8Array> {
  const changes: fc.Arbitrary<Change>[] = [flip, word, cut, repeat, insert(fc.uint8Array({ maxLength: 20 }))];
  if (tokens.length > 0) changes.push(insert(fc.constantFrom(...tokens).map((token) => Buffer.from(token))));
  const changed = fc
    .tuple(fc.constantFrom(...sound), fc.array(fc.oneof(...changes), { minLength: 1, maxLength: 6 }))
    .map(([input, list]) => list.reduce<Buffer>((bytes, change) => change(bytes), Buffer.from(input)));
  const all: fc.Arbitrary<Uint8Array>[] = [changed, fc.uint8Array({ maxLength: NOISE_BYTES_MAX })];
  if (reseal !== undefined) all.push(changed.map(reseal));
  return fc.oneof(...all);
}

const place = (at: number, bytes: Buffer): number => (bytes.length === 0 ? 0 : at % bytes.length);

const flip = fc.tuple(fc.nat(), fc.nat(7)).map(([at, bit]): Change => (bytes) => {
  const flipped = Buffer.from(bytes);
  if (bytes.length > 0) flipped[place(at, bytes)]! ^= 1 << bit;
  return flipped;
});

const word = fc
  .tuple(fc.nat(), fc.constantFrom(...extremes), fc.constantFrom(1, 2, 4), fc.boolean())
  .map(([at, value, width, isLittle]): Change => (bytes) => {
    const start = place(at, bytes);
    if (start + width > bytes.length) return bytes;
    const changed = Buffer.from(bytes);
    const small = value % 2 ** (8 * width);
    if (isLittle) changed.writeUIntLE(small, start, width);
    else changed.writeUIntBE(small, start, width);
    return changed;
  });

const cut = fc.tuple(fc.nat(), fc.nat()).map(([from, to]): Change => (bytes) => {
  const [start, end] = [place(from, bytes), place(to, bytes)];
  return start <= end
    ? Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
    : bytes.subarray(0, start);
});

const repeat = fc
  .tuple(fc.nat(), fc.nat(64), fc.integer({ min: 1, max: 40 }))
  .map(([at, length, times]): Change => (bytes) => {
    const start = place(at, bytes);
    const piece = bytes.subarray(start, start + length);
    const copies = Array.from({ length: times }, () => piece);
    return Buffer.concat([bytes.subarray(0, start), ...copies, bytes.subarray(start)]);
  });

const insert = (pieces: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Change> =>
  fc.tuple(fc.nat(), pieces).map(([at, piece]): Change => (bytes) => {
    const start = place(at, bytes);
    return Buffer.concat([bytes.subarray(0, start), piece, bytes.subarray(start)]);
  });
