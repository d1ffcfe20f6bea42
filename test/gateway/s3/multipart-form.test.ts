import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from '../../../src/gateway/s3/errors.ts';
import type { RequestBody } from '../../../src/gateway/s3/http.ts';
import { boundaryOf, MultipartForm } from '../../../src/gateway/s3/multipart-form.ts';
import { FORM_FIELDS_BYTES_MAX } from '../../../src/limits/s3.ts';

/** The bytes in pieces of the given lengths, the last of which is repeated; several pieces make a batch. */
function bodyOf(bytes: Uint8Array, lengths: readonly number[] = [bytes.length], batch = 1): RequestBody {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Math.max(1, lengths[Math.min(pieces.length, lengths.length - 1)] ?? 1);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return {
    next: () => Promise.resolve(pieces.length === 0 ? undefined : pieces.splice(0, batch)),
    letGo: () => undefined,
    keep: () => true,
  };
}

interface Decoded {
  readonly fields: Readonly<Record<string, string>>;
  readonly filename: string | undefined;
  readonly content: Buffer;
}

async function decode(body: RequestBody, boundary = 'B'): Promise<Decoded> {
  const form = new MultipartForm(body, boundary);
  const { values, filename } = await form.fields();
  const content: Uint8Array[] = [];
  for (let batch = await form.next(); batch !== undefined; batch = await form.next()) {
    assert(batch.length > 0 && batch.every((piece) => piece.length > 0), 'a batch has content');
    content.push(...batch);
  }
  assert.equal(await form.next(), undefined);
  return { fields: Object.fromEntries(values), filename, content: Buffer.concat(content) };
}

const field = (name: string, value: string, boundary = 'B'): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (content: string, disposition = 'name="file"; filename="f"'): string =>
  `--B\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: text/plain\r\n\r\n${content}\r\n`;

const accepted: readonly { readonly name: string; readonly form: string; readonly want: Partial<Decoded> }[] =
  [
    {
      name: 'fields and a file',
      form: `${field('Key', 'k')}${field('b', '')}${file('abc')}--B--\r\n`,
      want: { fields: { key: 'k', b: '' } },
    },
    {
      name: 'no line end behind the last boundary',
      form: `${field('key', 'k')}${file('abc')}--B--`,
      want: {},
    },
    {
      name: 'a preamble and an epilogue',
      form: `to whom it concerns\r\n${field('key', 'k')}${file('abc')}--B--\r\nthe end`,
      want: { fields: { key: 'k' } },
    },
    { name: 'an empty file', form: `${file('')}--B--`, want: { content: Buffer.from('') } },
    {
      name: 'fields behind the file, which are ignored',
      form: `${file('abc')}${field('key', 'k')}--B--`,
      want: { fields: {} },
    },
    {
      name: 'a field that comes twice',
      form: `${field('a', '1')}${field('A', '2')}${file('abc')}--B--`,
      want: { fields: { a: '1,2' } },
    },
    { name: 'blanks behind a boundary', form: `${file('abc').replace('--B', '--B \t')}--B--`, want: {} },
    {
      name: 'a file that holds what looks like a boundary',
      form: `${file('\r\n--A\r\n-B--\r\r\n--')}--B--`,
      want: { content: Buffer.from('\r\n--A\r\n-B--\r\r\n--') },
    },
    {
      name: 'a file name with quotes and a path',
      form: `${file('abc', 'name="file"; filename="C:\\dir\\a\\"b.txt"')}--B--`,
      want: { filename: 'C:\\dir\\a"b.txt' },
    },
    {
      name: 'a file name in UTF-8 as RFC 8187 writes it',
      form: `${file('abc', `name=file; filename="x"; filename*=utf-8''%C3%A9`)}--B--`,
      want: { filename: '\u00c3\u00a9' },
    },
    {
      name: 'a file without a name',
      form: `${file('abc', 'name="FILE"')}--B--`,
      want: { filename: undefined },
    },
    {
      name: 'headers in any case',
      form: `${file('abc').replace('Content-Disposition', 'CONTENT-disposition')}--B--`,
      want: {},
    },
  ];

for (const { name, form, want } of accepted) {
  test(`a form with ${name} is decoded, however it is cut`, async () => {
    const bytes = Buffer.from(form, 'latin1');
    for (const length of [1, 2, 3, 7, bytes.length]) {
      const decoded = await decode(bodyOf(bytes, [length], 3));
      assert.deepEqual({ ...decoded, ...want }, decoded);
      if (want.content === undefined) assert.equal(decoded.content.toString(), 'abc');
    }
  });
}

const refused: readonly { readonly name: string; readonly form: string; readonly code: string }[] = [
  { name: 'nothing', form: '', code: 'MalformedPOSTRequest' },
  { name: 'another boundary', form: file('abc').replaceAll('--B', '--C'), code: 'MalformedPOSTRequest' },
  { name: 'no end behind the file', form: file('abc'), code: 'MalformedPOSTRequest' },
  {
    name: 'an end in the middle of a field',
    form: field('key', 'k').slice(0, -2),
    code: 'MalformedPOSTRequest',
  },
  {
    name: 'more than blanks behind a boundary',
    form: `${file('abc').replace('--B', '--Bx')}--B--`,
    code: 'MalformedPOSTRequest',
  },
  {
    name: 'a part without a name',
    form: `${file('abc', 'filename="f"')}--B--`,
    code: 'MalformedPOSTRequest',
  },
  {
    name: 'a part that is no form data',
    form: `${file('abc').replace('form-data', 'attachment')}--B--`,
    code: 'MalformedPOSTRequest',
  },
  { name: 'a part without headers', form: `--B\r\n\r\nabc\r\n--B--`, code: 'MalformedPOSTRequest' },
  { name: 'no file', form: `${field('key', 'k')}--B--`, code: 'InvalidArgument' },
  { name: 'two files', form: `${file('abc')}${file('def')}--B--`, code: 'InvalidArgument' },
  {
    name: 'a field that is too long',
    form: `${field('key', 'k'.repeat(FORM_FIELDS_BYTES_MAX))}${file('abc')}--B--`,
    code: 'MaxPostPreDataLengthExceeded',
  },
  {
    name: 'a field without an end',
    form: field('key', 'k'.repeat(FORM_FIELDS_BYTES_MAX * 2)).trimEnd(),
    code: 'MaxPostPreDataLengthExceeded',
  },
  {
    name: 'too much behind the file',
    form: `${file('abc')}${field('x', 'k'.repeat(FORM_FIELDS_BYTES_MAX))}--B--`,
    code: 'MaxPostPreDataLengthExceeded',
  },
];

const isRefusal = (code: string) => (failure: unknown) => failure instanceof S3Error && failure.code === code;

for (const { name, form, code } of refused) {
  test(`a form with ${name} is ${code}`, async () => {
    const bytes = Buffer.from(form, 'latin1');
    for (const length of [5, 1000, bytes.length])
      await assert.rejects(decode(bodyOf(bytes, [length])), isRefusal(code));
  });
}

/** Pieces that look like delimiters, and any others. */
const tricky = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      '-',
      '--',
      '\r\n--',
      '\r\n--bo',
      '\r\n--boundar',
      'boundary',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 8 }) },
);

test('whatever a file holds and however it is cut, it comes out whole and in views of what came in', async () => {
  const content = fc
    .array(tricky, { maxLength: 30 })
    .map((pieces) => pieces.join('').replaceAll('\r\n--boundary', ''));
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(content, cuts, fc.integer({ min: 1, max: 5 }), async (text, lengths, batch) => {
      const head = `${field('key', 'k', 'boundary')}--boundary\r\nContent-Disposition: form-data; name="file"\r\n\r\n`;
      const bytes = Buffer.from(`${head}${text}\r\n--boundary--\r\n`, 'latin1');
      const decoded = await decode(bodyOf(bytes, lengths, batch), 'boundary');
      assert.equal(decoded.content.toString('latin1'), text);
    }),
    { numRuns: 500 },
  );
});

test('any bytes are decoded or refused as S3 refuses them', async () => {
  const piece = fc.oneof(
    tricky,
    fc.constantFrom(
      '--B',
      '\r\n--B',
      '\r\n\r\n',
      'Content-Disposition: form-data; name="a"',
      '; name="file"',
      '--B--',
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      async (pieces, length) => {
        try {
          await decode(bodyOf(Buffer.from(pieces.join(''), 'latin1'), [length]));
        } catch (failure) {
          assert(failure instanceof S3Error, String(failure));
        }
      },
    ),
    { numRuns: 500 },
  );
});

const types = [
  { type: 'multipart/form-data; boundary=x', want: 'x' },
  { type: 'Multipart/Form-Data; charset=utf-8; Boundary="a b"', want: 'a b' },
  { type: 'text/plain; boundary=x', want: undefined },
  { type: undefined, want: undefined },
  { type: 'multipart/form-data', want: 'MalformedPOSTRequest' },
  { type: 'multipart/form-data; boundary=', want: 'MalformedPOSTRequest' },
  { type: `multipart/form-data; boundary=${'x'.repeat(201)}`, want: 'MalformedPOSTRequest' },
] as const;

for (const { type, want } of types) {
  test(`the boundary of ${String(type).slice(0, 60)} is ${want}`, () => {
    if (want === 'MalformedPOSTRequest') assert.throws(() => boundaryOf(type), isRefusal(want));
    else assert.equal(boundaryOf(type), want);
  });
}
