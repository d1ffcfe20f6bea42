import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatAddress, isLoopback, parseAddress, parseNetwork } from '../../src/config/address.ts';
import { UsageError } from '../../src/config/usage-error.ts';

suite('addresses', () => {
  const cases = [
    ['127.0.0.1:9000', '127.0.0.1', 9000, '127.0.0.1:9000'],
    ['localhost:0', 'localhost', 0, 'localhost:0'],
    ['[::1]:2049', '::1', 2049, '[::1]:2049'],
    [':9001', '::', 9001, '[::]:9001'],
  ] as const;
  for (const [text, host, port, written] of cases) {
    test(`${text} is port ${port} of ${host}`, () => {
      assert.deepEqual(parseAddress(text), { host, port });
      assert.equal(formatAddress({ host, port }), written);
    });
  }

  for (const text of [
    '',
    '9000',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '::1:80',
    '[127.0.0.1]:80',
    'a b:1',
  ]) {
    test(`"${text}" is no address`, () => assert.throws(() => parseAddress(text), UsageError));
  }

  const reach = [
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['::', false],
    ['127.example.com', false],
    ['10.0.0.1', false],
  ] as const;
  for (const [host, want] of reach) {
    test(`${host} is ${want ? '' : 'not '}for this machine only`, () => assert.equal(isLoopback(host), want));
  }
});

suite('networks', () => {
  for (const text of ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1/128', '0.0.0.0/0']) {
    test(`${text} is a network`, () => assert.equal(parseNetwork(text), text));
  }
  for (const text of [
    '',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0/8',
    'example.com',
    '10.0.0.0/8/8',
    '10.0.0.0/x',
  ]) {
    test(`"${text}" is no network`, () => assert.throws(() => parseNetwork(text), UsageError));
  }
});
