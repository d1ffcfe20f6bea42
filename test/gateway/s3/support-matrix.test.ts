import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as sdk from '@aws-sdk/client-s3';
import { documentedOperations, renderSupport } from '../../../src/gateway/s3/support-matrix.ts';
import { operations } from '../../../src/gateway/s3/table.ts';
import { unbuiltOperations } from '../../../src/gateway/s3/unbuilt.ts';

test('docs/s3.md is what `npm run docs` writes', () =>
  assert.equal(readFileSync('docs/s3.md', 'utf8'), renderSupport()));

test('every operation that the AWS SDK has is in the document once', () => {
  const known = new Set(documentedOperations());
  assert.equal(known.size, documentedOperations().length);
  const commands = Object.keys(sdk).filter((name) => /^[A-Z].*Command$/.test(name));
  assert(commands.length > 100);
  assert.deepEqual(
    commands.map((name) => name.replace(/Command$/, '')).filter((name) => !known.has(name)),
    [],
  );
});

test('no operation is both built and not', () => {
  const built = new Set(operations.map(({ name }) => name));
  assert.deepEqual(
    unbuiltOperations.filter(({ name }) => built.has(name)),
    [],
  );
});
