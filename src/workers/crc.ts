import type { CrcAlgorithm } from './compute.ts';

/**
 * Reflected CRCs with all-ones initial value and final exclusive-or. `polynomial` is in reflected form.
 * CRC-32/ISO-HDLC, CRC-32/ISCSI and CRC-64/NVME of the catalogue of parametrised CRC algorithms; the last one is also
 * NVM Command Set specification 1.0, section 5.2.1.3.4.
 */
interface CrcParameters {
  readonly bits: 32 | 64;
  readonly polynomial: bigint;
}

const PARAMETERS: Readonly<Record<CrcAlgorithm, CrcParameters>> = {
  crc32: { bits: 32, polynomial: 0xedb88320n },
  crc32c: { bits: 32, polynomial: 0x82f63b78n },
  crc64nvme: { bits: 64, polynomial: 0x9a6c9329ac4bc9b5n },
};

/** A 64-bit register as two halves, because bigint arithmetic per byte would be a hundred times slower. */
interface Table {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** The state of one CRC over a stream; `bits` is 32 or 64 and `high` stays zero for 32. */
export interface CrcState {
  readonly algorithm: CrcAlgorithm;
  low: number;
  high: number;
}

const tables: Readonly<Record<CrcAlgorithm, Table>> = {
  crc32: table(PARAMETERS.crc32),
  crc32c: table(PARAMETERS.crc32c),
  crc64nvme: table(PARAMETERS.crc64nvme),
};

export function crcStart(algorithm: CrcAlgorithm): CrcState {
  return { algorithm, low: 0xffffffff, high: PARAMETERS[algorithm].bits === 64 ? 0xffffffff : 0 };
}

export function crcUpdate(state: CrcState, bytes: Uint8Array): void {
  if (PARAMETERS[state.algorithm].bits === 32) updateNarrow(state, bytes);
  else updateWide(state, bytes);
}

function updateNarrow(state: CrcState, bytes: Uint8Array): void {
  const table = tables[state.algorithm].low;
  let { low } = state;
  for (let at = 0; at < bytes.length; at++) low = (low >>> 8) ^ table[(low ^ bytes[at]!) & 0xff]!;
  state.low = low >>> 0;
}

function updateWide(state: CrcState, bytes: Uint8Array): void {
  const { low: tableLow, high: tableHigh } = tables[state.algorithm];
  let { low, high } = state;
  for (let at = 0; at < bytes.length; at++) {
    const index = (low ^ bytes[at]!) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ tableLow[index]!;
    high = (high >>> 8) ^ tableHigh[index]!;
  }
  state.low = low >>> 0;
  state.high = high >>> 0;
}

/** Big endian, as S3 prints it. */
export function crcBytes(state: CrcState): Uint8Array {
  const wide = PARAMETERS[state.algorithm].bits === 64;
  const bytes = new Uint8Array(wide ? 8 : 4);
  const view = new DataView(bytes.buffer);
  if (wide) view.setUint32(0, ~state.high >>> 0);
  view.setUint32(wide ? 4 : 0, ~state.low >>> 0);
  return bytes;
}

/** CRC32C of one run of bytes, as the device keeps it for each block. */
export function crc32c(bytes: Uint8Array): number {
  const state = crcStart('crc32c');
  crcUpdate(state, bytes);
  return ~state.low >>> 0;
}

/**
 * CRC of A followed by B: crc(A) · x^(8 · length of B) + crc(B) modulo the polynomial. The all-ones start and end cancel
 * out, so the finished values combine directly.
 */
export function crcCombine(parameters: {
  readonly algorithm: CrcAlgorithm;
  readonly crcOfA: Uint8Array;
  readonly crcOfB: Uint8Array;
  readonly lengthOfB: number;
}): Uint8Array {
  const { bits, polynomial } = PARAMETERS[parameters.algorithm];
  const shifted = multiply(
    toBigint(parameters.crcOfA),
    powerOfX(BigInt(parameters.lengthOfB) * 8n, { bits, polynomial }),
    { bits, polynomial },
  );
  return toBytes(shifted ^ toBigint(parameters.crcOfB), bits / 8);
}

/** Product of two polynomials in reflected form (the highest bit is x^0), modulo the CRC's polynomial. */
function multiply(a: bigint, b: bigint, { bits, polynomial }: CrcParameters): bigint {
  let product = 0n;
  let shifted = b;
  for (let bit = bits - 1; bit >= 0; bit--) {
    if (((a >> BigInt(bit)) & 1n) === 1n) product ^= shifted;
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  }
  return product;
}

/** x^exponent modulo the polynomial, by squaring. */
function powerOfX(exponent: bigint, parameters: CrcParameters): bigint {
  let power = 1n << BigInt(parameters.bits - 1);
  let square = 1n << BigInt(parameters.bits - 2);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) power = multiply(power, square, parameters);
    square = multiply(square, square, parameters);
  }
  return power;
}

function table({ polynomial }: CrcParameters): Table {
  const low = new Uint32Array(256);
  const high = new Uint32Array(256);
  for (let index = 0; index < 256; index++) {
    let value = BigInt(index);
    for (let bit = 0; bit < 8; bit++) value = (value & 1n) === 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    low[index] = Number(value & 0xffffffffn);
    high[index] = Number(value >> 32n);
  }
  return { low, high };
}

function toBigint(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function toBytes(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) =>
    Number((value >> BigInt(8 * (length - 1 - index))) & 0xffn),
  );
}
