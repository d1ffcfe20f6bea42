import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { subjectNames } from '../src/certificate-names.ts';

const cases = [
  {
    alternative: 'DNS:a.example, DNS:*.b.example, IP Address:10.0.0.1',
    subject: 'CN=c',
    want: ['a.example', '*.b.example', '10.0.0.1'],
  },
  { alternative: 'IP Address:2001:DB8:0:0:0:0:0:1', subject: '', want: ['2001:DB8:0:0:0:0:0:1'] },
  { alternative: 'URI:"http://x/, DNS:evil.example, y", DNS:a.example', subject: '', want: ['a.example'] },
  { alternative: 'DNS:"evil.example\\u0000.a.example"', subject: 'CN=c', want: ['c'] },
  { alternative: 'email:a@b, othername:<unsupported>', subject: 'O=lab\nCN=c.example', want: ['c.example'] },
  { alternative: undefined, subject: 'C=XX\nCN=node2.lab.example', want: ['node2.lab.example'] },
  { alternative: undefined, subject: 'CN=one\nCN=two', want: [] },
  { alternative: undefined, subject: 'CN=a\\2Cb', want: [] },
  { alternative: undefined, subject: 'O=lab', want: [] },
  { alternative: 'DNS:a"b', subject: 'O=lab', want: [] },
] as const;
for (const { alternative, subject, want } of cases) {
  test(`${alternative ?? 'no alternative name'} and ${JSON.stringify(subject)} name ${want.join(' and ') || 'nobody'}`, () =>
    assert.deepEqual(subjectNames(alternative, subject), want));
}

test('a name inside a quoted value never gets out, and nothing hangs or throws', () => {
  const quoted = fc.string().map((text) => `URI:${JSON.stringify(`${text}, DNS:evil.example, `)}`);
  fc.assert(
    fc.property(quoted, fc.string(), (value, rest) => {
      assert.equal(subjectNames(`${value}, DNS:a.example`, '').includes('evil.example'), false);
      assert(Array.isArray(subjectNames(rest, rest)));
    }),
  );
});
