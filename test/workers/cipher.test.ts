import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { CIPHER_INLINE_BYTES_MAX } from '../../src/limits.ts';
import { loadNative } from '../../src/native.ts';
import {
  FRAME_BYTES,
  plainBytes,
  SALT_BYTES,
  SEALED_FRAME_BYTES,
  sealedBytes,
  SECRET_BYTES,
  TAG_BYTES,
  type Cipher,
} from '../../src/workers/cipher.ts';
import { nativeCipher } from '../../src/workers/native-cipher.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';

const ciphers: readonly (readonly [string, Cipher])[] = [
  ['native', nativeCipher(loadNative())],
  ['reference', referenceCipher()],
];
const secret = Buffer.alloc(SECRET_BYTES, 1);
const salt = Buffer.alloc(SALT_BYTES, 2);
const context = Buffer.from('context');
const seal = { secret, salt, context };
const opening = { secret, context, firstFrame: 0 };
const pattern = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, (_, at) => at % 251));
const lengths = [0, 1, 4096, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, CIPHER_INLINE_BYTES_MAX, 300_000];

for (const [name, cipher] of ciphers) {
  suite(`the ${name} cipher`, () => {
    test('opens what it sealed, whatever its length and pieces', () =>
      fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.constantFrom(...lengths), fc.nat(3 * FRAME_BYTES)),
          fc.array(fc.nat(FRAME_BYTES), { maxLength: 4 }),
          async (length, cuts) => {
            const plain = pattern(length);
            const edges = [0, ...cuts.filter((at) => at < length).sort((a, b) => a - b), length];
            const parts = edges.slice(1).map((end, index) => plain.subarray(edges[index], end));
            const sealed = await cipher.seal(seal, parts);
            assert.equal(sealed.length, sealedBytes(length));
            assert.ok(plain.equals((await cipher.open(opening, sealed)) ?? Buffer.of(1)));
          },
        ),
        { numRuns: 60 },
      ));

    test('each frame opens into an array of its own, of just its length', async () => {
      for (const length of [0, 5, FRAME_BYTES, 3 * FRAME_BYTES + 7]) {
        const plain = pattern(length);
        const sealed = Buffer.from(await cipher.seal(seal, [plain], Buffer.alloc(length + 1000)));
        const lengths = [...Array(Math.max(1, Math.ceil(length / FRAME_BYTES))).keys()].map((frame) =>
          Math.min(FRAME_BYTES, length - frame * FRAME_BYTES),
        );
        const targets = lengths.map((bytes) => Buffer.alloc(bytes));
        assert.equal(await cipher.openEach(opening, sealed, targets), true);
        assert.ok(plain.equals(Buffer.concat(targets)));
        sealed[20] = (sealed[20] ?? 0) ^ 1;
        assert.equal(await cipher.openEach(opening, sealed, targets), false);
      }
    });

    test('frames open alone under their own number, and under no other', async () => {
      const plain = pattern(3 * FRAME_BYTES + 7);
      const sealed = await cipher.seal(seal, [plain]);
      for (const firstFrame of [1, 2, 3]) {
        const frames = sealed.subarray(firstFrame * SEALED_FRAME_BYTES);
        const opened = await cipher.open({ ...opening, firstFrame }, frames);
        assert.ok(plain.subarray(firstFrame * FRAME_BYTES).equals(opened ?? Buffer.of()));
        assert.equal(await cipher.open({ ...opening, firstFrame: firstFrame - 1 }, frames), undefined);
      }
    });

    test('opens nothing of which a byte has changed, nor under another key or context', async () => {
      const sealed = cipher.sealNow(seal, [pattern(40)]);
      for (let at = 0; at < sealed.length; at += 1) {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] ?? 0) ^ 0x80;
        assert.equal(cipher.openNow(opening, changed), undefined, `byte ${at}`);
      }
      assert.equal(cipher.openNow({ ...opening, secret: Buffer.alloc(SECRET_BYTES, 9) }, sealed), undefined);
      assert.equal(cipher.openNow({ ...opening, context: Buffer.of() }, sealed), undefined);
    });

    test('opens no run whose frames were changed in order, taken from another run, or cut', async () => {
      const sealed = Buffer.from(await cipher.seal(seal, [pattern(2 * FRAME_BYTES)]));
      const other = Buffer.from(
        await cipher.seal({ ...seal, salt: Buffer.alloc(SALT_BYTES, 3) }, [pattern(2 * FRAME_BYTES)]),
      );
      const frame = (of: Buffer, number: number): Buffer =>
        of.subarray(number * SEALED_FRAME_BYTES, (number + 1) * SEALED_FRAME_BYTES);
      const wrong = [
        [frame(sealed, 1), frame(sealed, 0)],
        [frame(sealed, 0), frame(sealed, 0)],
        [frame(sealed, 0), frame(other, 1)],
        [frame(sealed, 0), frame(sealed, 1).subarray(0, -1)],
        [sealed.subarray(0, SALT_BYTES + TAG_BYTES - 1)],
        [],
      ];
      for (const frames of wrong) assert.equal(await cipher.open(opening, Buffer.concat(frames)), undefined);
    });
  });
}

test('both ciphers seal to the same bytes and open what the other sealed', async () => {
  for (const length of lengths) {
    const [native, reference] = await Promise.all(
      ciphers.map(async ([, cipher]) => Buffer.from(await cipher.seal(seal, [pattern(length)]))),
    );
    assert.ok(native !== undefined && reference !== undefined && native.equals(reference), `${length}`);
  }
});

test('the plain length follows from the sealed one, and is nothing for what no run has', () => {
  for (const length of lengths) assert.equal(plainBytes(sealedBytes(length)), length);
  for (const bytes of [0, 31, SEALED_FRAME_BYTES + 1, SEALED_FRAME_BYTES + 32]) {
    assert.equal(plainBytes(bytes), undefined, `${bytes}`);
  }
});
