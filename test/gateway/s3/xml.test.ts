import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { S3Error } from '../../../src/gateway/s3/errors.ts';
import { fromXml } from '../../../src/gateway/s3/xml-schema.ts';
import { parseXml, xmlElement, xmlText, type XmlNode } from '../../../src/gateway/s3/xml.ts';

const parse = (text: string): XmlNode => parseXml([Buffer.from(text)]);

test('any text that a key can hold survives being written and parsed', () =>
  fc.assert(
    fc.property(
      fc
        .array(
          fc.oneof(
            fc.string({ unit: 'grapheme' }),
            fc.integer({ min: 1, max: 31 }).map((code) => String.fromCharCode(code)),
          ),
        )
        .map((pieces) => pieces.join('')),
      (text) => assert.equal(parse(xmlElement('Key', text)).text, text),
    ),
    { numRuns: 500, seed: 7 },
  ));

const texts = [
  { text: 'plain', want: 'plain' },
  { text: `<a href="x">'&'</a>`, want: '&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;&lt;/a&gt;' },
  { text: 'a\rb\nc\td', want: 'a&#xd;b&#xa;c&#x9;d' },
  { text: 'bell\u0007', want: 'bell&#x7;' },
  { text: 'é日本🎉', want: 'é日本🎉' },
];
for (const { text, want } of texts) {
  test(`${JSON.stringify(text)} is written as ${want}`, () => assert.equal(xmlText(text), want));
}

const read = [
  { name: 'a prefix before names', document: '<s3:Key xmlns:s3="x">k</s3:Key>', want: 'k' },
  { name: 'a byte order mark', document: '\ufeff<Key>k</Key>', want: 'k' },
  {
    name: 'a declaration and comments',
    document: '<?xml version="1.0"?><!-- c --><Key>a<!-- c -->b</Key>',
    want: 'ab',
  },
  { name: 'character data', document: '<Key><![CDATA[<&>]]></Key>', want: '<&>' },
  {
    name: 'references in any form',
    document: '<Key>&#65;&#x42;&#x0001;&#2;&#xD;</Key>',
    want: 'AB\u0001\u0002\r',
  },
  { name: 'raw control characters', document: '<Key>a\u0001b</Key>', want: 'a\u0001b' },
];
for (const { name, document, want } of read) {
  test(`a document with ${name} is read`, () => assert.equal(parse(document).text, want));
}

const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
const refused = [
  { name: 'nothing in it', document: '' },
  { name: 'an open element', document: '<a>' },
  { name: 'two roots', document: '<a/><b/>' },
  { name: 'a document type', document: '<!DOCTYPE a><a/>' },
  { name: 'entities that grow', document: '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>' },
  {
    name: 'an external entity',
    document: '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
  },
  { name: 'an entity that is not known', document: '<a>&nbsp;</a>' },
  { name: 'a reference to NUL', document: '<a>&#0;</a>' },
  { name: 'elements 17 deep', document: nested(17) },
  { name: 'more than 100,000 elements', document: `<a>${'<b/>'.repeat(100_000)}</a>` },
  { name: 'a control character and a character that stands for one', document: '<a>\u0001\ufdd1</a>' },
];
for (const { name, document } of refused) {
  test(`a document with ${name} is MalformedXML`, () =>
    assert.throws(() => parse(document), { name: 'S3Error', code: 'MalformedXML' }));
}

test('elements 16 deep are read', () => assert.equal(parse(nested(16)).name, 'a'));

test('a document of more than 8 MiB is MaxMessageLengthExceeded', () =>
  assert.throws(() => parseXml([Buffer.alloc(8 * 1024 ** 2 + 1, ' ')]), {
    code: 'MaxMessageLengthExceeded',
  }));

test('any text is a tree or an error of S3', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '<a>',
      '</a>',
      '<b x="1"/>',
      '&amp;',
      '&#1;',
      '&#xfdd1;',
      ']]>',
      '<![CDATA[',
      '<!--',
      '<!DOCTYPE',
      '<?x?>',
      '\u0001',
    ),
    fc.string({ maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        assert.equal(typeof parse(pieces.join('')).name, 'string');
      } catch (error) {
        assert(error instanceof S3Error, String(error));
      }
    }),
    { numRuns: 3000, seed: 8 },
  );
});

test('an element becomes a value in the shape of its schema', () => {
  const schema = Type.Object({
    Quiet: Type.Optional(Type.Boolean()),
    Count: Type.Optional(Type.Integer()),
    Object: Type.Array(Type.Object({ Key: Type.String() })),
  });
  const node = parse(
    '<D><Quiet>true</Quiet><Count> 12 </Count><Object><Key>a</Key></Object><Object><Key>b</Key></Object><X/></D>',
  );
  assert.deepEqual(fromXml(schema, node), { Quiet: true, Count: 12, Object: [{ Key: 'a' }, { Key: 'b' }] });
  assert.deepEqual(fromXml(schema, parse('<D/>')), { Object: [] });
  assert.throws(() => fromXml(schema, parse('<D><Count>1</Count><Count>2</Count></D>')), {
    code: 'MalformedXML',
  });
});
