import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAuthorization, parseAuthorization, parseCredential } from '../../src/signing/authorization.ts';
import { canonicalPath, decodePercent, encodePercent, encodePercentPath } from '../../src/signing/percent.ts';
import { algorithm, canonicalQuery, canonicalRequest, scopeText } from '../../src/signing/sigv4.ts';
import { isSkewed, secondsOfTimestamp, timestampOfSeconds } from '../../src/signing/timestamp.ts';

test('any text survives percent-encoding, and encoding is canonical', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const encoded = encodePercent(text);
      assert.match(encoded, /^[A-Za-z0-9\-._~%]*$/);
      assert.equal(decodePercent(encoded), text);
      assert.equal(encodePercent(decodePercent(encoded)), encoded);
    }),
    { numRuns: 500, seed: 1 },
  ));

test('however a path is encoded on the wire, its canonical form is one', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.func(fc.boolean()), (key, lower) => {
      const path = `/bucket/${key}`;
      const wire = [...Buffer.from(path, 'utf8')]
        .map((byte, index) => {
          const character = String.fromCharCode(byte);
          if (character === '/' || (/[A-Za-z0-9$,:;=@!*'()~_.-]/.test(character) && lower(index)))
            return character;
          const digits = byte.toString(16).padStart(2, '0');
          return `%${lower(byte, index) ? digits : digits.toUpperCase()}`;
        })
        .join('');
      assert.equal(canonicalPath(wire), encodePercentPath(path));
    }),
    { numRuns: 500, seed: 2 },
  ));

test('the canonical query does not depend on the order that parameters were sent in', () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string())), fc.nat(), (pairs, turn) => {
      const sent = pairs.map(([name, value]) => `${encodePercent(name)}=${encodePercent(value)}`);
      const cut = pairs.length === 0 ? 0 : turn % pairs.length;
      const turned = [...sent.slice(cut), ...sent.slice(0, cut)];
      assert.equal(canonicalQuery(turned.join('&')), canonicalQuery(sent.join('&')));
      assert.equal(canonicalQuery(sent.join('&')).split('&').length, Math.max(pairs.length, 1));
    }),
    { numRuns: 300, seed: 3 },
  ));

test('bytes that are no UTF-8 are refused in a path and in a query', () => {
  for (const wrong of ['/%ff', '/a%2', '/%zz', '/\u00ff'])
    assert.throws(() => canonicalPath(wrong), { code: 'invalid-argument', subject: 'request' }, wrong);
  assert.throws(() => canonicalQuery('a=%c3'), { code: 'invalid-argument', subject: 'request' });
});

test('white space around and inside of header values counts once, and a header that is missing is empty', () =>
  assert.equal(
    canonicalRequest(
      { method: 'GET', path: '/', rawQuery: '', headers: { host: ' a  b ', 'x-amz-date': '1' } },
      ['host', 'x-amz-absent', 'x-amz-date'],
      'hash',
    ),
    'GET\n/\n\nhost:a b\nx-amz-absent:\nx-amz-date:1\n\nhost;x-amz-absent;x-amz-date\nhash',
  ));

const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const scopes = fc.record({
  accessKey: fc.stringMatching(/^[A-Za-z0-9/]{0,8}[A-Z]$/),
  day: fc.stringMatching(/^\d{8}$/),
  region: word,
  service: word,
});

test('an Authorization header is read as it was written', () =>
  fc.assert(
    fc.property(scopes, fc.array(word, { minLength: 1 }), word, (scope, names, signed) => {
      const header = formatAuthorization(scope, names, signed);
      assert(header.startsWith(`${algorithm} `));
      const { credential, signedHeaders, signature } = parseAuthorization(header.slice(algorithm.length + 1));
      assert.deepEqual([signedHeaders.split(';'), signature], [names, signed]);
      assert.equal(credential, `${scope.accessKey}/${scopeText(scope)}`);
      assert.deepEqual(parseCredential(credential), { ...scope, terminal: 'aws4_request' });
    }),
    { numRuns: 200, seed: 4 },
  ));

test('whatever a client writes as Authorization is read without a failure', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const { credential } = parseAuthorization(text);
      const scope = parseCredential(credential);
      assert(scope === undefined || scope.accessKey !== '');
    }),
    { numRuns: 500, seed: 5 },
  ));

test('a timestamp is read as it was written, to the second', () =>
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), (seconds) =>
      assert.equal(secondsOfTimestamp(timestampOfSeconds(seconds)), seconds),
    ),
    { numRuns: 200, seed: 6 },
  ));

const skews = [
  { now: 1000, signedAt: 100, want: false },
  { now: 100, signedAt: 1000, want: false },
  { now: 1001, signedAt: 100, want: true },
  { now: 100, signedAt: 1001, want: true },
] as const;
for (const { now, signedAt, want } of skews) {
  test(`a request signed at ${signedAt} and taken at ${now} is ${want ? 'skewed' : 'in time'}`, () =>
    assert.equal(isSkewed(now, signedAt), want));
}
