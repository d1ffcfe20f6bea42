import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkDecoder, type ChunkEvent } from '../../../src/gateway/s3/chunked.ts';
import { S3Error } from '../../../src/gateway/s3/errors.ts';

interface Decoded {
  readonly data: string;
  readonly trailers: Readonly<Record<string, string>>;
}

/** Decodes a body that arrives in pieces of these lengths, the last of them again and again. */
function decode(
  body: Uint8Array,
  options: { isSigned: boolean; hasTrailer: boolean },
  lengths: readonly number[] = [body.length],
): Decoded {
  const decoder = new ChunkDecoder(options);
  const events: ChunkEvent[] = [];
  for (let at = 0, index = 0; at < body.length; index += 1) {
    const length = Math.max(1, lengths[Math.min(index, lengths.length - 1)] ?? body.length);
    decoder.push(body.subarray(at, at + length), events);
    at += length;
  }
  decoder.finish();
  const data = Buffer.concat(events.flatMap((event) => (event.kind === 'data' ? [event.bytes] : [])));
  return { data: data.toString('latin1'), trailers: Object.fromEntries(decoder.trailers) };
}

const unsigned = { isSigned: false, hasTrailer: false };
const withTrailer = { isSigned: false, hasTrailer: true };
const signed = { isSigned: true, hasTrailer: false };

const good = [
  { name: 'no content', body: '0\r\n\r\n', options: unsigned, data: '', trailers: {} },
  { name: 'one chunk', body: '5\r\nhello\r\n0\r\n\r\n', options: unsigned, data: 'hello', trailers: {} },
  {
    name: 'a size in capitals and with leading zeros',
    body: '00A\r\n0123456789\r\n000\r\n\r\n',
    options: unsigned,
    data: '0123456789',
    trailers: {},
  },
  {
    name: 'a trailer',
    body: '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
    options: withTrailer,
    data: 'hello',
    trailers: { 'x-amz-checksum-crc32': 'AAAAAA==' },
  },
  {
    name: 'a trailer whose name is in capitals and whose value has spaces around it',
    body: '0\r\nX-Amz-Checksum-CRC32:  AAAAAA== \r\n\r\n',
    options: withTrailer,
    data: '',
    trailers: { 'x-amz-checksum-crc32': 'AAAAAA==' },
  },
  {
    name: 'signatures',
    body: '5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n',
    options: signed,
    data: 'hello',
    trailers: {},
  },
] as const;

for (const { name, body, options, data, trailers } of good) {
  test(`a body with ${name} decodes, in whatever pieces it comes`, () => {
    const bytes = Buffer.from(body);
    for (const length of [1, 2, 3, bytes.length])
      assert.deepEqual(decode(bytes, options, [length]), { data, trailers });
  });
}

const bad = [
  { name: 'a size that is no number', body: 'x\r\n', options: unsigned, code: 'IncompleteBody' },
  { name: 'a negative size', body: '-5\r\nhello\r\n', options: unsigned, code: 'IncompleteBody' },
  {
    name: 'a size beyond every object',
    body: '1000000000000\r\n',
    options: unsigned,
    code: 'IncompleteBody',
  },
  { name: 'no size at all', body: '\r\n', options: unsigned, code: 'IncompleteBody' },
  {
    name: 'a bare line feed behind the size',
    body: '5\nhello\r\n0\r\n\r\n',
    options: unsigned,
    code: 'IncompleteBody',
  },
  {
    name: 'data that is longer than its size',
    body: '5\r\nhello!\r\n0\r\n\r\n',
    options: unsigned,
    code: 'IncompleteBody',
  },
  { name: 'an end inside the data', body: '5\r\nhel', options: unsigned, code: 'IncompleteBody' },
  { name: 'an end before the last chunk', body: '5\r\nhello\r\n', options: unsigned, code: 'IncompleteBody' },
  { name: 'an end before the empty line', body: '0\r\n', options: unsigned, code: 'IncompleteBody' },
  { name: 'nothing', body: '', options: unsigned, code: 'IncompleteBody' },
  { name: 'bytes behind the end', body: '0\r\n\r\nmore', options: unsigned, code: 'IncompleteBody' },
  { name: 'a line without an end', body: `5;${'x'.repeat(2000)}`, options: unsigned, code: 'IncompleteBody' },
  { name: 'a chunk without its signature', body: '5\r\nhello\r\n', options: signed, code: 'IncompleteBody' },
  {
    name: 'a trailer that was not announced',
    body: '0\r\na:b\r\n\r\n',
    options: unsigned,
    code: 'MalformedTrailerError',
  },
  {
    name: 'a trailer without a colon',
    body: '0\r\nabc\r\n\r\n',
    options: withTrailer,
    code: 'MalformedTrailerError',
  },
  {
    name: 'a trailer that comes twice',
    body: '0\r\na:b\r\na:b\r\n\r\n',
    options: withTrailer,
    code: 'MalformedTrailerError',
  },
  {
    name: 'an end inside the trailer',
    body: '0\r\na:b\r\n',
    options: withTrailer,
    code: 'MalformedTrailerError',
  },
  {
    name: 'too many trailers',
    body: `0\r\n${Array.from({ length: 17 }, (_, index) => `n${index}:v\r\n`).join('')}\r\n`,
    options: withTrailer,
    code: 'MalformedTrailerError',
  },
  {
    name: 'a short chunk that is not the last',
    body: '5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n',
    options: unsigned,
    code: 'InvalidChunkSizeError',
  },
] as const;

for (const { name, body, options, code } of bad) {
  test(`a body with ${name} is ${code}`, () => {
    const bytes = Buffer.from(body);
    for (const length of [1, Math.max(1, bytes.length)])
      assert.throws(() => decode(bytes, options, [length]), { name: 'S3Error', code });
  });
}

test('what was chunked is what is decoded, however it is cut', () =>
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 8192, max: 20_000 }), { maxLength: 4 }),
      fc.nat(8191),
      fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 6 }),
      (sizes, last, lengths) => {
        const contents = [...sizes, ...(last > 0 ? [last] : [])].map((size, index) =>
          String.fromCharCode(97 + (index % 26)).repeat(size),
        );
        const body = `${contents.map((it) => `${it.length.toString(16)}\r\n${it}\r\n`).join('')}0\r\n\r\n`;
        assert.equal(decode(Buffer.from(body), unsigned, lengths).data, contents.join(''));
      },
    ),
    { numRuns: 100, seed: 4 },
  ));

test('any bytes either decode or are refused by an error of S3', () => {
  const piece = fc.oneof(
    fc.constantFrom('0\r\n', '\r\n', '5\r\nhello\r\n', '5;chunk-signature=ab\r\n', 'a:b\r\n', '\n', ';', 'f'),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(piece), fc.boolean(), fc.boolean(), (pieces, isSigned, hasTrailer) => {
      try {
        decode(Buffer.from(pieces.join('')), { isSigned, hasTrailer }, [3]);
      } catch (error) {
        assert(error instanceof S3Error, String(error));
      }
    }),
    { numRuns: 2000, seed: 5 },
  );
});
