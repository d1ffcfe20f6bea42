import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadNative } from '../../src/native.ts';
import type { Compute, CrcAlgorithm, DigestAlgorithm, Digests } from '../../src/workers/compute.ts';
import { nativeCompute } from '../../src/workers/native.ts';
import { referenceCompute } from '../../src/workers/reference.ts';

const ALGORITHMS: readonly DigestAlgorithm[] = [
  ...(['md5', 'sha1', 'sha256', 'sha512', 'crc32', 'crc32c', 'crc64nvme'] as const),
  ...(['xxhash64', 'xxhash3', 'xxhash128'] as const),
];
const CRCS: readonly CrcAlgorithm[] = ['crc32', 'crc32c', 'crc64nvme'];
const implementations: Readonly<Record<string, Compute>> = {
  native: nativeCompute(loadNative()),
  reference: referenceCompute(),
};

const partsArbitrary = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
const algorithmsArbitrary = fc.subarray([...ALGORITHMS]);

function hex(digests: Digests): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(digests).map(([algorithm, bytes]) => [algorithm, Buffer.from(bytes).toString('hex')]),
  );
}

/** Sizes around the slices, blocks and thresholds of either implementation. */
function largeParts(): Uint8Array[] {
  const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
  const cuts = [0, 1, 64, 4096, 20_481, 86_017, 151_553, 151_553, 300_000];
  return cuts.slice(1).map((cut, index) => bytes.subarray(cuts[index], cut));
}

// RFC 1321 A.5, FIPS 180, and the check values of the CRC catalogue.
const knownAnswers = [
  { algorithm: 'md5', input: 'abc', want: '900150983cd24fb0d6963f7d28e17f72' },
  { algorithm: 'sha1', input: 'abc', want: 'a9993e364706816aba3e25717850c26c9cd0d89d' },
  {
    algorithm: 'sha256',
    input: 'abc',
    want: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  },
  { algorithm: 'crc32', input: '123456789', want: 'cbf43926' },
  { algorithm: 'crc32c', input: '123456789', want: 'e3069283' },
  { algorithm: 'crc64nvme', input: '123456789', want: 'ae8b14860a799888' },
  {
    algorithm: 'sha512',
    input: 'abc',
    want:
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
      '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  },
  // The values of xxHash's reference implementation.
  { algorithm: 'xxhash64', input: '', want: 'ef46db3751d8e999' },
  { algorithm: 'xxhash64', input: 'abc', want: '44bc2cf5ad770999' },
  { algorithm: 'xxhash3', input: '', want: '2d06800538d394c2' },
  { algorithm: 'xxhash3', input: 'abc', want: '78af5f94892f3950' },
  { algorithm: 'xxhash128', input: '', want: '99aa06d3014798d86001c324468d497f' },
  { algorithm: 'xxhash128', input: 'abc', want: '06b05ab6733a618578af5f94892f3950' },
] as const;

for (const [name, compute] of Object.entries(implementations)) {
  for (const { algorithm, input, want } of knownAnswers) {
    test(`${name}: ${algorithm} of "${input}" is the published value`, () => {
      assert.deepEqual(hex(compute.digest([algorithm], [Buffer.from(input)])), { [algorithm]: want });
    });
  }

  test(`${name}: digests can be asked for in the middle of a stream`, async () => {
    const hasher = compute.hasher(ALGORITHMS);
    await hasher.update([Buffer.from('first')]);
    assert.deepEqual(hex(hasher.digests()), hex(compute.digest(ALGORITHMS, [Buffer.from('first')])));
    await hasher.update([Buffer.from('second')]);
    assert.deepEqual(hex(hasher.digests()), hex(compute.digest(ALGORITHMS, [Buffer.from('firstsecond')])));
  });

  test(`${name}: the CRC of a concatenation follows from those of its pieces`, () =>
    fc.assert(
      fc.property(fc.constantFrom(...CRCS), fc.uint8Array(), fc.uint8Array(), (algorithm, a, b) => {
        const crc = (parts: readonly Uint8Array[]): Uint8Array =>
          compute.digest([algorithm], parts)[algorithm]!;
        assert.deepEqual(compute.combine(algorithm, crc([a]), crc([b]), b.length), crc([a, b]));
      }),
    ));
}

test('native and reference agree on every digest of every stream', () =>
  fc.assert(
    fc.asyncProperty(
      algorithmsArbitrary,
      fc.array(partsArbitrary, { maxLength: 4 }),
      async (algorithms, updates) => {
        const digests = [];
        for (const compute of Object.values(implementations)) {
          const hasher = compute.hasher(algorithms);
          for (const parts of updates) await hasher.update(parts);
          digests.push(hex(hasher.digests()), hex(compute.digest(algorithms, updates.flat())));
        }
        for (const each of digests) assert.deepEqual(each, digests[0]);
        assert.deepEqual(Object.keys(digests[0] ?? {}).toSorted(), algorithms.toSorted());
      },
    ),
  ));

test('native and reference agree on the combination with lengths beyond 32 bits', () =>
  fc.assert(
    fc.property(fc.constantFrom(...CRCS), fc.maxSafeNat(), fc.uint8Array(), (algorithm, length, seed) => {
      const [a, b] = [[seed], [seed, seed]].map((parts) =>
        implementations['reference']!.digest([algorithm], parts),
      );
      const [native, reference] = ['native', 'reference'].map((name) =>
        implementations[name]!.combine(algorithm, a![algorithm]!, b![algorithm]!, length),
      );
      assert.deepEqual(native, reference);
    }),
  ));

test('updates take effect in the order of the calls, even when large and small ones overlap', async () => {
  const parts = largeParts();
  const want = hex(implementations['reference']!.digest(ALGORITHMS, parts));
  const hasher = implementations['native']!.hasher(ALGORITHMS);
  await Promise.all(parts.map(async (part) => hasher.update([part])));
  assert.deepEqual(hex(hasher.digests()), want);
});

test('a small update is hashed before the call returns', () => {
  const hasher = implementations['native']!.hasher(['md5']);
  assert.equal(hasher.update([Buffer.from('abc')]), undefined);
  assert.deepEqual(hex(hasher.digests()), { md5: '900150983cd24fb0d6963f7d28e17f72' });
});

test('digests are refused while an update is under way', async () => {
  const hasher = implementations['native']!.hasher(['crc32']);
  const update = hasher.update([new Uint8Array(1_000_000)]);
  assert.throws(() => hasher.digests(), /under way/);
  await update;
  assert.equal(hasher.digests().crc32!.length, 4);
});
