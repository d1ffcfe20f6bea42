import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fattr3, fattr3Plain } from '../src/attributes.ts';
import { u64, type Codec } from '../src/codec.ts';
import { mountProcedures } from '../src/mount3.ts';
import { procedures } from '../src/nfs3.ts';
import { XdrError, XdrReader, XdrWriter } from '../src/xdr.ts';
import { arbitraryOf } from './support/arbitrary.ts';

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new XdrWriter();
  writer.begin();
  codec.write(writer, value);
  return Uint8Array.from(Buffer.concat(writer.take()));
}

function check<T>(codec: Codec<T>, value: T): void {
  const bytes = encode(codec, value);
  assert.equal(bytes.length % 4, 0);
  const reader = XdrReader.over(bytes);
  assert.deepEqual(codec.read(reader), value);
  assert.equal(reader.left, 0);
}

const tables: readonly [string, Record<string, unknown>][] = [
  ...Object.entries(procedures).map(([name, { args, resok, resfail }]): [string, Record<string, unknown>] => [
    name,
    { args, resok, resfail },
  ]),
  ...Object.entries(mountProcedures).map(([name, { args, result }]): [string, Record<string, unknown>] => [
    `MOUNT ${name}`,
    { args, result },
  ]),
];
const codecs = tables.flatMap(([name, row]) =>
  Object.entries(row).map(([part, codec]) => ({ name: `${name} ${part}`, codec: codec as Codec<unknown> })),
);

describe('what was written is what is read', () => {
  for (const { name, codec } of codecs) {
    test(name, () =>
      fc.assert(
        fc.property(arbitraryOf(codec), (value) => check(codec, value)),
        { numRuns: 60 },
      ),
    );
  }
});

describe('a message that is cut short is malformed wherever the cut is', () => {
  for (const { name, codec } of codecs) {
    test(name, () =>
      fc.assert(
        fc.property(arbitraryOf(codec), (value) => {
          const bytes = encode(codec, value);
          for (let length = 0; length < bytes.length; length++) {
            assert.throws(() => codec.read(XdrReader.over(bytes.subarray(0, length))), XdrError);
          }
        }),
        { numRuns: 10 },
      ),
    );
  }
});

test('the fast codec of attributes writes and reads what the plain one does', () =>
  fc.assert(
    fc.property(arbitraryOf(fattr3Plain), (value) => {
      assert.deepEqual(encode(fattr3, value), encode(fattr3Plain, value));
      assert.deepEqual(fattr3.read(XdrReader.over(encode(fattr3Plain, value))), value);
    }),
  ));

const hypers = [
  {
    name: '2^53-1 is the largest number',
    bytes: '001fffffffffffff',
    want: Number.MAX_SAFE_INTEGER,
    clamped: false,
  },
  { name: '2^53 is clamped', bytes: '0020000000000000', want: Number.MAX_SAFE_INTEGER, clamped: true },
  { name: '2^64-1 is clamped', bytes: 'ffffffffffffffff', want: Number.MAX_SAFE_INTEGER, clamped: true },
  { name: '2^32 has its halves in order', bytes: '0000000100000002', want: 4_294_967_298, clamped: false },
] as const;
for (const { name, bytes, want, clamped } of hypers) {
  test(`hyper: ${name}`, () => {
    const reader = XdrReader.over(Buffer.from(bytes, 'hex'));
    assert.equal(u64.read(reader), want);
    assert.equal(reader.clamped, clamped);
  });
}

test('a message that outgrows its slab is whole, and long byte strings in it are not copied', () => {
  const writer = new XdrWriter();
  const content = Buffer.alloc(200_001, 7);
  for (let round = 0; round < 50; round++) {
    writer.begin();
    const expected: Uint8Array[] = [];
    for (let index = 0; index < 40; index++) {
      const short = Buffer.alloc(1999, index);
      writer.opaque(short);
      expected.push(Buffer.from([0, 0, 7, 0xcf]), short, Buffer.alloc(1));
    }
    writer.opaqueParts([content, Buffer.from('end')]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(200_004);
    expected.push(length, content, Buffer.from('end'));
    assert.equal(writer.length, Buffer.concat(expected).length);
    const parts = writer.take();
    assert.equal(Buffer.concat(parts).equals(Buffer.concat(expected)), true);
    assert.equal(parts.includes(content), true);
  }
});
