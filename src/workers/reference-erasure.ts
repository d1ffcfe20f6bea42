import assert from 'node:assert/strict';
import { isStripeShape, type Erasure, type StripeShape } from './erasure.ts';

/** x^8 + x^4 + x^3 + x^2 + 1; 2 generates the field. */
const polynomial = 0x11d;
const { exponentials, logarithms } = tables();

/** `Erasure` in plain TypeScript, slow and close to the definition: the oracle of the native one, and for simulation. */
export function referenceErasure(): Erasure {
  const decode: Erasure['decode'] = (shape, present, wanted) => {
    const sources = present.map(({ bytes }) => bytes);
    const length = sources[0]?.length ?? 0;
    for (const source of sources) assert.equal(source.length, length);
    const rows = decoder(
      shape,
      present.map(({ index }) => index),
    );
    return wanted.map((index) => combination(times(generatorRow(shape, index), rows), sources, length));
  };
  const encode: Erasure['encode'] = (shape, data) => {
    const wanted = Array.from({ length: shape.parity }, (_, index) => shape.data + index);
    const present = data.map((bytes, index) => ({ index, bytes }));
    return decode(shape, present, wanted);
  };
  const verify: Erasure['verify'] = async (shape, shards) => {
    assert(isStripeShape(shape));
    assert.equal(shards.length, shape.data + shape.parity);
    const parity = await encode(shape, shards.slice(0, shape.data));
    return parity.every((bytes, index) => Buffer.compare(bytes, shards[shape.data + index] ?? bytes) === 0);
  };
  return { encode, decode, verify };
}

function tables(): { readonly exponentials: Uint8Array; readonly logarithms: Uint8Array } {
  const exponentials = new Uint8Array(255);
  const logarithms = new Uint8Array(256);
  for (let exponent = 0, power = 1; exponent < 255; exponent += 1) {
    exponentials[exponent] = power;
    logarithms[power] = exponent;
    power <<= 1;
    if (power > 255) power ^= polynomial;
  }
  return { exponentials, logarithms };
}

const logarithm = (a: number): number => logarithms[a] ?? 0;
const exponential = (a: number): number => exponentials[a % 255] ?? 0;
const product = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : exponential(logarithm(a) + logarithm(b));

function inverse(a: number): number {
  assert(a !== 0, '0 has no inverse');
  return exponential(255 - logarithm(a));
}

/** How shard `index` is made of all data shards. */
function generatorRow({ data, parity }: StripeShape, index: number): Uint8Array {
  assert(Number.isInteger(index) && index >= 0 && index < data + parity, `shard ${index}`);
  return Uint8Array.from({ length: data }, (_, column) =>
    index < data ? Number(index === column) : inverse(index ^ column),
  );
}

/** How each data shard is made of the shards `present`: the inverse of their rows, by Gauss and Jordan. */
function decoder(shape: StripeShape, present: readonly number[]): readonly Uint8Array[] {
  assert(isStripeShape(shape));
  const size = shape.data;
  assert.equal(present.length, size);
  assert.equal(new Set(present).size, size);
  const rows = present.map((index, at) => {
    const row = new Uint8Array(2 * size);
    row.set(generatorRow(shape, index));
    row[size + at] = 1;
    return row;
  });
  for (let column = 0; column < size; column += 1) {
    const pivot = rows.findIndex((row, at) => at >= column && row[column] !== 0);
    const [found] = rows.splice(pivot, 1);
    assert(found !== undefined);
    const scaled = found.map((cell) => product(cell, inverse(found[column] ?? 0)));
    rows.splice(column, 0, scaled);
    rows.forEach((row, at) => {
      if (at !== column) addMultiple(row, scaled, row[column] ?? 0);
    });
  }
  return rows.map((row) => row.subarray(size));
}

/** One row of the product of `row` and the matrix `rows`. */
function times(row: Uint8Array, rows: readonly Uint8Array[]): Uint8Array {
  const sum = new Uint8Array(row.length);
  rows.forEach((other, at) => addMultiple(sum, other, row[at] ?? 0));
  return sum;
}

function combination(factors: Uint8Array, sources: readonly Uint8Array[], length: number): Uint8Array {
  const sum = new Uint8Array(length);
  sources.forEach((source, at) => addMultiple(sum, source, factors[at] ?? 0));
  return sum;
}

function addMultiple(target: Uint8Array, source: Uint8Array, factor: number): void {
  for (let at = 0; at < target.length; at += 1) {
    target[at] = (target[at] ?? 0) ^ product(source[at] ?? 0, factor);
  }
}
