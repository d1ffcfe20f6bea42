import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { boundedText, RecordReader, RecordWriter, textRecord } from '../src/codec.ts';

const { encode, decode } = textRecord(3, 'thing');

test('a record of one text is read as it was written', () =>
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(decode(encode(text)), text))));

const broken = [
  {
    name: 'of another version',
    bytes: textRecord(4, 'thing').encode('x'),
    says: /thing of an unknown version/,
  },
  {
    name: 'that goes on behind its text',
    bytes: new RecordWriter().number(3).text('x').number(0).finish(),
    says: /behind its end/,
  },
];
for (const { name, bytes, says } of broken)
  test(`a record ${name} is refused`, () => assert.throws(() => decode(bytes), says));

const texts = [
  {
    name: 'just as long as it may be is whole, also where a chunk ends within a character',
    max: 5,
    want: 'a€b',
  },
  { name: 'one byte longer is none', max: 4, want: undefined },
];
for (const { name, max, want } of texts)
  test(`a text ${name}`, async () => {
    const bytes = Buffer.from('a€b');
    assert.equal(await boundedText([bytes.subarray(0, 2), bytes.subarray(2)], max), want);
  });

test('a writer that begins while another is at work, or has grown, writes a record of its own', () => {
  const outer = new RecordWriter().text('outer');
  const inner = new RecordWriter().text('x'.repeat(10_000)).finish();
  const next = new RecordWriter().text('next').finish();
  const whole = outer.bytes(next).finish();
  const reader = new RecordReader(whole);
  assert.equal(reader.text(), 'outer');
  assert.deepEqual(Buffer.from(reader.bytes()), Buffer.from(next));
  assert.equal(new RecordReader(inner).text().length, 10_000);
  assert.equal(new RecordReader(next).text(), 'next');
});
