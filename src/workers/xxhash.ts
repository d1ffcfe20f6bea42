/**
 * xxHash as its specification describes it (XXH64, and XXH3 with 64 and 128 bits, seed 0), one-shot and without haste: the
 * oracle of the native one. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
export function xxhash(algorithm: 'xxhash64' | 'xxhash3' | 'xxhash128', input: Uint8Array): Uint8Array {
  const bytes = new Bytes(input);
  if (algorithm === 'xxhash64') return bigEndian(xxh64(bytes), 8);
  if (algorithm === 'xxhash3') return bigEndian(xxh3(bytes), 8);
  return bigEndian(xxh128(bytes), 16);
}

const P32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const;
const P64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const MX1 = 0x165667919e3779f9n;
const MX2 = 0x9fb21c651e98df25n;

const SECRET_HEX =
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674' +
  'f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343f' +
  'f9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d3165526' +
  '29d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint): bigint => u64((value << bits) | (value >> (64n - bits)));
const shifted = (value: bigint, bits: bigint): bigint => value ^ (value >> bits);
const swap64 = (value: bigint): bigint => Buffer.from(bigEndian(value, 8)).readBigUInt64LE();
const swap32 = (value: bigint): bigint => swap64(value) >> 32n;
/** Both halves of the product of two 64-bit numbers, xored. */
const folded = (one: bigint, other: bigint): bigint => u64(one * other) ^ ((one * other) >> 64n);

function bigEndian(value: bigint, length: number): Uint8Array {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}

/** Little-endian numbers out of a run of bytes. */
class Bytes {
  readonly length: number;
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.length = bytes.length;
  }

  u8(at: number): bigint {
    return BigInt(this.#bytes.readUInt8(at));
  }

  u32(at: number): bigint {
    return BigInt(this.#bytes.readUInt32LE(at));
  }

  u64(at: number): bigint {
    return this.#bytes.readBigUInt64LE(at);
  }
}

const secret = new Bytes(Buffer.from(SECRET_HEX, 'hex'));

const round64 = (accumulator: bigint, lane: bigint): bigint =>
  u64(rotate(u64(accumulator + lane * P64[1]), 31n) * P64[0]);

function avalanche64(hash: bigint): bigint {
  const once = u64(shifted(hash, 33n) * P64[1]);
  return shifted(u64(shifted(once, 29n) * P64[2]), 32n);
}

function xxh64(input: Bytes): bigint {
  let at = 0;
  let hash: bigint = P64[4];
  if (input.length >= 32) {
    const lanes = [u64(P64[0] + P64[1]), P64[1], 0n, u64(-P64[0])];
    for (; at + 32 <= input.length; at += 32)
      for (let lane = 0; lane < 4; lane += 1)
        lanes[lane] = round64(lanes[lane] ?? 0n, input.u64(at + lane * 8));
    const turns = [1n, 7n, 12n, 18n];
    hash = u64(lanes.reduce((sum, lane, index) => sum + rotate(lane, turns[index] ?? 0n), 0n));
    for (const lane of lanes) hash = u64((hash ^ round64(0n, lane)) * P64[0] + P64[3]);
  }
  hash = u64(hash + BigInt(input.length));
  for (; at + 8 <= input.length; at += 8)
    hash = u64(rotate(hash ^ round64(0n, input.u64(at)), 27n) * P64[0] + P64[3]);
  for (; at + 4 <= input.length; at += 4)
    hash = u64(rotate(hash ^ u64(input.u32(at) * P64[0]), 23n) * P64[1] + P64[2]);
  for (; at < input.length; at += 1) hash = u64(rotate(hash ^ u64(input.u8(at) * P64[4]), 11n) * P64[0]);
  return avalanche64(hash);
}

const avalanche3 = (hash: bigint): bigint => shifted(u64(shifted(hash, 37n) * MX1), 32n);
const secretPair = (at: number): bigint => secret.u64(at) ^ secret.u64(at + 8);

function xxh3(input: Bytes): bigint {
  const { length } = input;
  if (length === 0) return avalanche64(secretPair(56));
  if (length <= 3) {
    const middle = input.u8(length >> 1);
    const combined = input.u8(length - 1) | (BigInt(length) << 8n) | (input.u8(0) << 16n) | (middle << 24n);
    return avalanche64(secret.u32(0) ^ secret.u32(4) ^ combined);
  }
  if (length <= 8) return small3(input);
  if (length <= 16) {
    const low = secretPair(24) ^ input.u64(0);
    const high = secretPair(40) ^ input.u64(length - 8);
    return avalanche3(u64(BigInt(length) + swap64(low) + high + folded(low, high)));
  }
  if (length <= 128) return medium3(input);
  if (length <= 240) return mediumLong3(input);
  const lanes = accumulated(input);
  return merged(lanes, 11, u64(BigInt(length) * P64[0]));
}

function small3(input: Bytes): bigint {
  const { length } = input;
  const combined = input.u32(length - 4) | (input.u32(0) << 32n);
  const keyed = secretPair(8) ^ combined;
  const mixed = u64((keyed ^ rotate(keyed, 49n) ^ rotate(keyed, 24n)) * MX2);
  const again = u64((mixed ^ ((mixed >> 35n) + BigInt(length))) * MX2);
  return shifted(again, 28n);
}

const mix = (input: Bytes, at: number, secretAt: number): bigint =>
  folded(input.u64(at) ^ secret.u64(secretAt), input.u64(at + 8) ^ secret.u64(secretAt + 8));

function medium3(input: Bytes): bigint {
  const { length } = input;
  let hash = BigInt(length) * P64[0];
  for (let index = (length - 1) >> 5; index >= 0; index -= 1) {
    hash += mix(input, index * 16, index * 32);
    hash += mix(input, length - (index + 1) * 16, index * 32 + 16);
  }
  return avalanche3(u64(hash));
}

function mediumLong3(input: Bytes): bigint {
  const { length } = input;
  let hash = BigInt(length) * P64[0];
  for (let index = 0; index < 8; index += 1) hash += mix(input, index * 16, index * 16);
  hash = avalanche3(u64(hash));
  for (let index = 8; index < length >> 4; index += 1) hash += mix(input, index * 16, (index - 8) * 16 + 3);
  return avalanche3(u64(hash + mix(input, length - 16, 136 - 17)));
}

const LANES = 8;
const STRIPE_BYTES = 64;
const SECRET_BYTES = 192;
const STRIPES_PER_BLOCK = (SECRET_BYTES - STRIPE_BYTES) / 8;

/** The eight lanes after all of an input of more than 240 bytes. */
function accumulated(input: Bytes): readonly bigint[] {
  const lanes = [P32[2], P64[0], P64[1], P64[2], P64[3], P32[1], P64[4], P32[0]] as bigint[];
  const stripes = Math.floor((input.length - 1) / STRIPE_BYTES);
  for (let stripe = 0; stripe < stripes; stripe += 1) {
    const index = stripe % STRIPES_PER_BLOCK;
    accumulate(lanes, { input, at: stripe * STRIPE_BYTES, secretAt: index * 8 });
    if (index === STRIPES_PER_BLOCK - 1) scramble(lanes);
  }
  const secretAt = SECRET_BYTES - STRIPE_BYTES - 7;
  accumulate(lanes, { input, at: input.length - STRIPE_BYTES, secretAt });
  return lanes;
}

function accumulate(
  lanes: bigint[],
  { input, at, secretAt }: { readonly input: Bytes; readonly at: number; readonly secretAt: number },
): void {
  for (let lane = 0; lane < LANES; lane += 1) {
    const value = input.u64(at + lane * 8);
    const keyed = value ^ secret.u64(secretAt + lane * 8);
    lanes[lane ^ 1] = u64((lanes[lane ^ 1] ?? 0n) + value);
    lanes[lane] = u64((lanes[lane] ?? 0n) + (keyed & 0xffffffffn) * (keyed >> 32n));
  }
}

function scramble(lanes: bigint[]): void {
  for (let lane = 0; lane < LANES; lane += 1) {
    const key = secret.u64(SECRET_BYTES - STRIPE_BYTES + lane * 8);
    lanes[lane] = u64((shifted(lanes[lane] ?? 0n, 47n) ^ key) * P32[0]);
  }
}

function merged(lanes: readonly bigint[], secretAt: number, start: bigint): bigint {
  let hash = start;
  for (let pair = 0; pair < LANES / 2; pair += 1) {
    const one = (lanes[pair * 2] ?? 0n) ^ secret.u64(secretAt + pair * 16);
    const other = (lanes[pair * 2 + 1] ?? 0n) ^ secret.u64(secretAt + pair * 16 + 8);
    hash += folded(one, other);
  }
  return avalanche3(u64(hash));
}

const joined = (high: bigint, low: bigint): bigint => (high << 64n) | low;

function xxh128(input: Bytes): bigint {
  const { length } = input;
  if (length === 0) return joined(avalanche64(secretPair(80)), avalanche64(secretPair(64)));
  if (length <= 3) return tiny128(input);
  if (length <= 8) return small128(input);
  if (length <= 16) return middle128(input);
  if (length <= 240) return medium128(input);
  const lanes = accumulated(input);
  const low = merged(lanes, 11, u64(BigInt(length) * P64[0]));
  const start = u64(~(BigInt(length) * P64[1]));
  return joined(merged(lanes, SECRET_BYTES - STRIPE_BYTES - 11, start), low);
}

function tiny128(input: Bytes): bigint {
  const { length } = input;
  const middle = input.u8(length >> 1);
  const low = input.u8(length - 1) | (BigInt(length) << 8n) | (input.u8(0) << 16n) | (middle << 24n);
  const swapped = swap32(low << 0n);
  const high = BigInt.asUintN(32, (swapped << 13n) | (swapped >> 19n));
  const keys = [secret.u32(0) ^ secret.u32(4), secret.u32(8) ^ secret.u32(12)] as const;
  return joined(avalanche64(keys[1] ^ high), avalanche64(keys[0] ^ low));
}

function small128(input: Bytes): bigint {
  const { length } = input;
  const combined = input.u32(0) | (input.u32(length - 4) << 32n);
  const product = (secretPair(16) ^ combined) * u64(P64[0] + (BigInt(length) << 2n));
  const low = u64(product);
  const high = u64((product >> 64n) + (low << 1n));
  const mixed = shifted(u64(shifted(low ^ (high >> 3n), 35n) * MX2), 28n);
  return joined(avalanche3(high), mixed);
}

function middle128(input: Bytes): bigint {
  const { length } = input;
  const [first, last] = [input.u64(0), input.u64(length - 8)];
  const product = (first ^ last ^ secretPair(32)) * P64[0];
  const low = u64(u64(product) + (BigInt(length - 1) << 54n));
  const keyed = last ^ secretPair(48);
  const high = u64((product >> 64n) + keyed + (keyed & 0xffffffffn) * (P32[1] - 1n));
  const again = (low ^ swap64(high)) * P64[1];
  return joined(avalanche3(u64((again >> 64n) + high * P64[1])), avalanche3(u64(again)));
}

/** Of 17 to 240 bytes: pairs of 16 bytes, each pair with 32 bytes of the secret. */
function medium128(input: Bytes): bigint {
  const { length } = input;
  let lanes: readonly [bigint, bigint] = [u64(BigInt(length) * P64[0]), 0n];
  if (length <= 128) {
    for (let index = (length - 1) >> 5; index >= 0; index -= 1)
      lanes = mixPair(input, lanes, [index * 16, length - (index + 1) * 16, index * 32]);
  } else {
    for (let index = 0; index < 4; index += 1)
      lanes = mixPair(input, lanes, [index * 32, index * 32 + 16, index * 32]);
    lanes = [avalanche3(lanes[0]), avalanche3(lanes[1])];
    for (let index = 4; index < length >> 5; index += 1)
      lanes = mixPair(input, lanes, [index * 32, index * 32 + 16, (index - 4) * 32 + 3]);
    lanes = mixPair(input, lanes, [length - 16, length - 32, 136 - 17 - 16]);
  }
  const sum = u64(lanes[0] + lanes[1]);
  const other = u64(lanes[0] * P64[0] + lanes[1] * P64[3] + BigInt(length) * P64[1]);
  return joined(u64(-avalanche3(other)), avalanche3(sum));
}

function mixPair(
  input: Bytes,
  [low, high]: readonly [bigint, bigint],
  [first, second, secretAt]: readonly [number, number, number],
): readonly [bigint, bigint] {
  const sumOf = (at: number): bigint => u64(input.u64(at) + input.u64(at + 8));
  return [
    u64(low + mix(input, first, secretAt)) ^ sumOf(second),
    u64(high + mix(input, second, secretAt + 16)) ^ sumOf(first),
  ];
}
