import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf, needsAliasRow, posixNameOf, wantedBy } from '../../src/namespace/alias.ts';
import { appearance } from './model/tree.ts';

const raw = (text: string): Buffer => Buffer.from(text, 'latin1');
const digest = (name: string): string => Buffer.from(digestOf(raw(name))).toString('hex');

const cases = [
  { name: 'plain', isClash: false, want: 'plain' },
  { name: 'plain', isClash: true, want: '.s3:~plain' },
  { name: '', isClash: false, want: '.s3:=' },
  { name: '', isClash: true, want: '.s3:~' },
  { name: '.', isClash: false, want: '.s3:=%2e' },
  { name: '..', isClash: false, want: '.s3:=%2e%2e' },
  { name: '..', isClash: true, want: '.s3:~%2e%2e' },
  { name: '...', isClash: false, want: '...' },
  { name: 'a\0b', isClash: false, want: '.s3:=a%00b' },
  { name: '100%', isClash: false, want: '100%' },
  { name: '100%', isClash: true, want: '.s3:~100%25' },
  { name: '.s3:x', isClash: false, want: '.s3:=.s3:x' },
  { name: '.s3', isClash: false, want: '.s3' },
  { name: 'n'.repeat(255), isClash: false, want: 'n'.repeat(255) },
  { name: 'n'.repeat(250), isClash: true, want: `.s3:~${'n'.repeat(250)}` },
  {
    name: 'n'.repeat(251),
    isClash: true,
    want: `.s3:#~${digest('n'.repeat(251))}-${'n'.repeat(216)}`,
  },
  {
    name: 'n'.repeat(300),
    isClash: false,
    want: `.s3:#=${digest('n'.repeat(300))}-${'n'.repeat(216)}`,
  },
] as const;

for (const { name, isClash, want } of cases) {
  test(`${JSON.stringify(name.slice(0, 12))} of ${name.length} bytes appears as ${want.slice(0, 20)}`, () => {
    assert.equal(Buffer.from(posixNameOf(raw(name), isClash)).toString('latin1'), want);
    assert(want.length <= 255);
  });
}

/** Bytes that matter to the escape, and some that do not. */
const byte = fc.constantFrom('.', 's', '3', ':', '=', '~', '#', '%', '2', 'e', '0', '\0', 'a', '\xff');
const name = fc.oneof(
  fc.array(byte, { maxLength: 8 }).map((bytes) => bytes.join('')),
  fc.array(byte, { minLength: 80, maxLength: 320 }).map((bytes) => bytes.join('')),
  fc.array(byte, { maxLength: 6 }).map((bytes) => `.s3:${bytes.join('')}`),
);

test('an escape leads back to its name, and is the one that its table says', () =>
  fc.assert(
    fc.property(name, fc.boolean(), (text, isClash) => {
      const posixName = posixNameOf(raw(text), isClash);
      assert.equal(Buffer.from(posixName).toString('latin1'), appearance(text, isClash));
      assert(posixName.length >= 1 && posixName.length <= 255 && !posixName.includes(0));
      const wanted = wantedBy(posixName);
      assert(wanted !== undefined);
      if (wanted.how === 'digest') {
        assert(needsAliasRow(raw(text)), 'a digest is led back by a row');
        assert.deepEqual(Buffer.from(wanted.digest), Buffer.from(digestOf(raw(text))));
      } else assert.equal(Buffer.from(wanted.name).toString('latin1'), text);
      if (wanted.how !== 'name') assert.equal(wanted.isClash, isClash);
    }),
    { numRuns: 3000 },
  ));

test('two entries never have one PosixName', () =>
  fc.assert(
    fc.property(name, name, fc.boolean(), fc.boolean(), (one, other, oneClashes, otherClashes) => {
      fc.pre(one !== other || oneClashes !== otherClashes);
      assert.notDeepEqual(posixNameOf(raw(one), oneClashes), posixNameOf(raw(other), otherClashes));
    }),
    { numRuns: 3000 },
  ));

for (const text of ['.s3:', '.s3:x', '.s3:#', '.s3:#=12-x', `.s3:#?${'0'.repeat(32)}-`]) {
  test(`${text} is no escape`, () => assert.equal(wantedBy(raw(text)), undefined));
}
