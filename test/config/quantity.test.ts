import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, formatQuantity, parseDuration, parseQuantity } from '../../src/config/quantity.ts';
import { UsageError } from '../../src/config/usage-error.ts';

suite('quantities as people write them', () => {
  const cases = [
    ['4096', 4096],
    ['64k', 64_000],
    ['64K', 64_000],
    ['64Ki', 65_536],
    ['10Gi', 10 * 1024 ** 3],
    ['10 GiB', 10 * 1024 ** 3],
    ['10GB', 10_000_000_000],
    ['1.5T', 1_500_000_000_000],
    ['0.5Pi', 1024 ** 5 / 2],
    ['2m', 2_000_000],
    ['1.1k', 1100],
    ['0', 0],
  ] as const;
  for (const [text, want] of cases)
    test(`${text} is ${want} bytes`, () => assert.equal(parseQuantity(text), want));

  for (const text of ['', 'k', '12Q', '-1', '1e9', '1i', '.5G', '1.G', '99999P', '1 2', '٣k']) {
    test(`"${text}" is no quantity`, () => assert.throws(() => parseQuantity(text), UsageError));
  }

  test('what is written of a number of bytes is read as that number', () =>
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.constantFrom(1, 1000, 1024, 1024 ** 3), (count, unit) => {
        const bytes = count * unit;
        fc.pre(Number.isSafeInteger(bytes));
        assert.equal(parseQuantity(formatQuantity(bytes)), bytes);
      }),
    ));
});

suite('durations', () => {
  const cases = [
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ] as const;
  for (const [text, want] of cases)
    test(`${text} is ${want} ms`, () => assert.equal(parseDuration(text), want));

  for (const text of ['', '30', 's', '-1s', '1y', '1h30m']) {
    test(`"${text}" is no duration`, () => assert.throws(() => parseDuration(text), UsageError));
  }

  test('what is written of a duration is read as that duration', () =>
    fc.assert(fc.property(fc.nat(), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms))));
});
