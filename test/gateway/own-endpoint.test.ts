import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOwnEndpoint } from '../../src/gateway/own-endpoint.ts';

const cases = [
  { endpoint: 'http://127.0.0.1:9000', own: { host: '127.0.0.1', port: 9000 }, want: true },
  { endpoint: 'http://127.0.0.1:9000', own: { host: '0.0.0.0', port: 9000 }, want: true },
  { endpoint: 'http://127.0.0.1:9000', own: { host: '::', port: 9000 }, want: true },
  { endpoint: 'http://127.0.0.1', own: { host: '127.0.0.1', port: 80 }, want: true },
  { endpoint: 'https://127.0.0.1', own: { host: '127.0.0.1', port: 443 }, want: true },
  { endpoint: 'http://127.0.0.1:9001', own: { host: '127.0.0.1', port: 9000 }, want: false },
  { endpoint: 'http://192.0.2.1:9000', own: { host: '::', port: 9000 }, want: false },
  { endpoint: 'http://127.0.0.1:9000', own: undefined, want: false },
  { endpoint: undefined, own: { host: '127.0.0.1', port: 9000 }, want: false },
] as const;

for (const { endpoint, own, want } of cases)
  test(`${endpoint ?? 'AWS'} is ${want ? '' : 'not '}the door at ${own?.host ?? 'no'}:${own?.port ?? 'port'}`, async () => {
    assert.equal(await isOwnEndpoint(endpoint, own), want);
  });
