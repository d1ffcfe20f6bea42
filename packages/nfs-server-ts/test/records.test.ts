import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecordError, RecordReader } from '../src/records.ts';

const limits = { recordBytesMax: 1000, fragmentsMax: 200, ownBytesMax: 300 };

function fragment(bytes: Uint8Array, isLast: boolean): Buffer {
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE(((isLast ? 0x8000_0000 : 0) | bytes.length) >>> 0);
  return Buffer.concat([mark, bytes]);
}

/** Cuts at the given places, in any order and with repetitions. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [
    0,
    ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

function record(bytes: Uint8Array, places: readonly number[]): Buffer {
  const parts = cut(bytes, places);
  return Buffer.concat(parts.map((part, index) => fragment(part, index === parts.length - 1)));
}

/** All records, looked at when all have come; what is given back meanwhile is overwritten, as memory that is used again is. */
function readAll(chunks: readonly Uint8Array[]): string[] {
  const reader = new RecordReader(
    limits,
    () => true,
    (arrays) => arrays.forEach((array) => array.fill(0xee)),
  );
  const records: Uint8Array[] = [];
  for (const chunk of chunks) {
    reader.push(Uint8Array.from(chunk));
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      records.push(next.message.rest());
      reader.release(next);
    }
  }
  assert.equal(reader.isInside, false);
  return records.map((bytes) => Buffer.from(bytes).toString('hex'));
}

test('records are the same however they are split into fragments and chunks', () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(), { maxLength: 8 })), {
        maxLength: 6,
      }),
      fc.array(fc.nat(), { maxLength: 30 }),
      (records, places) => {
        const stream = Buffer.concat(records.map(([bytes, at]) => record(bytes, at)));
        const want = records.map(([bytes]) => Buffer.from(bytes).toString('hex'));
        assert.deepEqual(readAll(cut(stream, places)), want);
      },
    ),
  ));

test('a record comes whole when every byte is a fragment and every byte is a chunk', () => {
  const bytes = Buffer.from(Array.from({ length: 120 }, (_, index) => index));
  const stream = record(bytes, [...bytes]);
  const chunks = Array.from(stream, (byte) => Uint8Array.of(byte));
  assert.deepEqual(readAll(chunks), [bytes.toString('hex')]);
});

test('what is copied out of a chunk as a whole is given back, and what is shown where it lies is not', () => {
  const freed: number[] = [];
  const reader = new RecordReader(
    limits,
    () => true,
    (arrays) => freed.push(...arrays.map(({ length }) => length)),
  );
  const long = record(Buffer.alloc(200), []);
  for (const piece of [long.subarray(0, 50), long.subarray(50, 150), long.subarray(150)]) reader.push(piece);
  reader.push(record(Buffer.from('short'), []));
  for (let next = reader.next(); next !== undefined; next = reader.next()) reader.release(next);
  assert.deepEqual(freed, [50, 100, 54]);
});

test('what is not pulled stays unparsed', () => {
  const reader = new RecordReader(limits);
  reader.push(Buffer.concat([record(Buffer.from('one'), []), record(Buffer.from('two'), [])]));
  assert.equal(Buffer.from(reader.next()!.message.rest()).toString(), 'one');
  assert.equal(reader.isInside, true);
  assert.equal(Buffer.from(reader.next()!.message.rest()).toString(), 'two');
  assert.equal(reader.next(), undefined);
});

const bad = [
  { name: 'a fragment longer than a record may be', stream: Buffer.from([0x80, 0, 0x03, 0xe9]) },
  {
    name: 'fragments that together are too long',
    stream: Buffer.concat([fragment(Buffer.alloc(600), false), Buffer.from([0, 0, 2, 0])]),
  },
  { name: 'endless empty fragments', stream: Buffer.alloc(4 * 201) },
  { name: 'the largest mark there is', stream: Buffer.from([0xff, 0xff, 0xff, 0xff]) },
] as const;
for (const { name, stream } of bad) {
  test(`refused: ${name}`, () => {
    const reader = new RecordReader(limits);
    reader.push(stream);
    assert.throws(() => reader.next(), RecordError);
  });
}
