import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { parseClient } from '../../src/config/export-client.ts';
import { UsageError } from '../../src/config/usage-error.ts';

suite('clients of an export rule', () => {
  const accepted = [
    { text: '*', want: { kind: 'everyone' } },
    { text: '10.0.0.0/8', want: { kind: 'network', address: '10.0.0.0', bits: 8 } },
    { text: '0.0.0.0/0', want: { kind: 'network', address: '0.0.0.0', bits: 0 } },
    { text: '192.0.2.7', want: { kind: 'network', address: '192.0.2.7', bits: 32 } },
    { text: 'fd00::/8', want: { kind: 'network', address: 'fd00::', bits: 8 } },
    { text: '::1', want: { kind: 'network', address: '::1', bits: 128 } },
    { text: 'Build.Example.com', want: { kind: 'host', name: 'build.example.com' } },
    { text: 'localhost', want: { kind: 'host', name: 'localhost' } },
    { text: 'n0de_1', want: { kind: 'host', name: 'n0de_1' } },
  ] as const;
  for (const { text, want } of accepted) {
    test(`${text} is ${want.kind}`, () => assert.deepEqual(parseClient(text), want));
  }

  const patterns = [
    { text: '*.example.com', name: 'a.example.com', want: true },
    { text: '*.example.com', name: 'A.Example.COM', want: true },
    { text: '*.example.com', name: 'a.b.example.com', want: true },
    { text: '*.example.com', name: 'example.com', want: false },
    { text: '*.example.com', name: 'a.example.com.evil.net', want: false },
    { text: 'node?.example.com', name: 'node7.example.com', want: true },
    { text: 'node?.example.com', name: 'node17.example.com', want: false },
    { text: 'node*', name: 'nodexexample', want: true },
    { text: '*.example.com', name: 'axexample.com', want: false },
  ];
  for (const { text, name, want } of patterns) {
    test(`${text} ${want ? 'holds' : 'does not hold'} ${name}`, () => {
      const parsed = parseClient(text);
      assert(parsed.kind === 'pattern');
      assert.equal(parsed.matches(name), want);
    });
  }

  const refused = [
    '',
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0',
    '1.2.3.4.5',
    '-a',
    'a-',
    'a..b',
    'a/b',
    'a b',
  ];
  for (const text of [...refused, '*.*.*.*.*', 'a'.repeat(254), '(a+)*', '@group', '10.0.0.0/']) {
    test(`'${text}' is no client`, () => assert.throws(() => parseClient(text), UsageError));
  }

  test('anything is a client or a UsageError', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        try {
          assert(parseClient(text).kind);
        } catch (failure) {
          assert(failure instanceof UsageError);
        }
      }),
    ));
});
