import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/fault.ts';
import { codeOf, S3Error } from '../../../src/gateway/s3/errors.ts';
import { publishing } from '../../../src/gateway/s3/publish.ts';
import type { Expectation } from '../../../src/namespace/namespace.ts';

const outrun = new Fault('conflict', 'store', 'still conflicts');
const cases: readonly { readonly name: string; readonly expect: Expectation; readonly want: string }[] = [
  { name: 'an unconditional change', expect: {}, want: 'SlowDown' },
  { name: 'If-Match', expect: { ifMatch: ['e'] }, want: 'ConditionalRequestConflict' },
  { name: 'If-None-Match', expect: { ifNoneMatch: ['*'] }, want: 'ConditionalRequestConflict' },
];
for (const { name, expect, want } of cases)
  test(`${name} that others outrun again and again is ${want}`, async () => {
    const change = publishing({ key: 'k', expect }, () => Promise.reject(outrun));
    const failure: unknown = await change.catch((cause: unknown) => cause);
    const code = failure instanceof Fault ? codeOf(failure) : failure instanceof S3Error && failure.code;
    assert.equal(code, want);
  });
