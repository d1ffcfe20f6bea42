import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { xmlDate } from '../../../src/gateway/s3/timestamp.ts';

test('a time in XML is what Date makes of its seconds, in any year', () =>
  fc.assert(
    fc.property(
      fc.oneof(fc.integer({ min: -(2 ** 36), max: 2 ** 42 }), fc.constantFrom(0, -1, 59, 86_399, 86_400)),
      (seconds) => assert.equal(xmlDate({ seconds }), new Date(seconds * 1000).toISOString()),
    ),
  ));
