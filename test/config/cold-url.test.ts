import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseColdUrl } from '../../src/config/cold-url.ts';
import { loadConfig } from '../../src/config/load.ts';
import { coldSettings } from '../../src/gateway/cold-settings.ts';

const urls = [
  { written: 's3://cold', want: ['cold', '', undefined, undefined] },
  { written: 's3://cold/', want: ['cold', '', undefined, undefined] },
  { written: 's3://cold/a/b/', want: ['cold', 'a/b', undefined, undefined] },
  { written: 's3://cold/a?region=eu-west-1', want: ['cold', 'a', undefined, 'eu-west-1'] },
  {
    written: 's3://cold/a?endpoint=http://127.0.0.1:9000',
    want: ['cold', 'a', 'http://127.0.0.1:9000', 'us-east-1'],
  },
  {
    written: 's3://cold?endpoint=https://s3.example.org/&region=x',
    want: ['cold', '', 'https://s3.example.org', 'x'],
  },
  { written: 'cold', want: /is no bucket of S3: write s3:\/\/BUCKET/ },
  { written: 'http://cold/a', want: /is no bucket of S3/ },
  { written: 's3:///a', want: /"" is no name of a bucket/ },
  { written: 's3://Cold', want: /"Cold" is no name of a bucket/ },
  { written: 's3://cold/a//b', want: /"a\/\/b" is no prefix/ },
  { written: 's3://cold/../b', want: /is no prefix/ },
  { written: 's3://cold/a b', want: /is no prefix/ },
  { written: `s3://cold/${'a'.repeat(901)}`, want: /is no prefix/ },
  { written: 's3://cold?endpoint=localhost:9000', want: /is no endpoint: write http:\/\/HOST:PORT/ },
  { written: 's3://cold?endpoint=http://h:1/path', want: /is no endpoint/ },
  { written: 's3://cold?endpoint=http://user@h:1', want: /is no endpoint/ },
  { written: 's3://cold?region=EU', want: /"EU" is no region/ },
  { written: 's3://cold?endpont=http://h:1', want: /no parameter "endpont"; did you mean "endpoint"/ },
] as const;
for (const { written, want } of urls) {
  test(`--cold ${written.slice(0, 60)} is ${want instanceof RegExp ? 'refused' : 'taken'}`, () => {
    if (want instanceof RegExp) return assert.throws(() => parseColdUrl(written), want);
    const { bucket, prefix, endpoint, region } = parseColdUrl(written);
    return assert.deepEqual([bucket, prefix, endpoint, region], want);
  });
}

const flags = new Map([['--cold', 's3://cold/one?endpoint=http://127.0.0.1:9000']]);
const load = (variables: Readonly<Record<string, string>>) => loadConfig({ flags, variables }).config;

test('the settings of the cold store are those of the config', () => {
  const keys = {
    TERRACE_COLD_ACCESS_KEY_ID: 'AKIACOLD',
    TERRACE_COLD_SECRET_ACCESS_KEY: 'a secret of length',
  };
  assert.equal(coldSettings(loadConfig({ flags: new Map(), variables: {} }).config), undefined);
  assert.deepEqual(coldSettings(load(keys)), {
    place: { bucket: 'cold', prefix: 'one', endpoint: 'http://127.0.0.1:9000', region: 'us-east-1' },
    credentials: { accessKeyId: 'AKIACOLD', secretAccessKey: 'a secret of length' },
    storageClass: 'STANDARD',
    layout: 'packed',
    shape: { data: 16, parity: 2 },
    imageBytesMax: 2 << 20,
    requestsMax: 32,
    recall: { days: 7, speed: 'Standard' },
  });
  assert.equal(coldSettings(load({}))?.credentials, undefined);
});

const contradictions = [
  { variables: { TERRACE_COLD_ACCESS_KEY_ID: 'AKIACOLD' }, want: /belong together: set both or none/ },
  { variables: { TERRACE_COLD_REQUESTS: '1025' }, want: /cold.requests: 1025 are too many/ },
  { variables: { TERRACE_COLD_STORAGE_CLASS: 'FROZEN' }, want: /write one of STANDARD, / },
] as const;
for (const { variables, want } of contradictions) {
  test(`${Object.keys(variables).join()} alone is refused where it makes no sense`, () => {
    assert.throws(() => load(variables), want);
  });
}

const codes = [
  { written: '16+2', want: { data: 16, parity: 2 } },
  { written: 'none', want: { data: 1, parity: 0 } },
] as const;
for (const { written, want } of codes) {
  test(`cold.ec ${written} is a shape of stripes`, () =>
    assert.deepEqual(coldSettings(load({ TERRACE_COLD_EC: written }))?.shape, want));
}

test('cold.ec takes no more shards than there may be', () =>
  assert.throws(() => load({ TERRACE_COLD_EC: '30+3' }), /makes too many shards/));

test('keys without a cold store are no mistake: another gateway of the same environment may have one', () => {
  const variables = {
    TERRACE_COLD_ACCESS_KEY_ID: 'AKIACOLD',
    TERRACE_COLD_SECRET_ACCESS_KEY: 'a secret of length',
  };
  const { config } = loadConfig({ flags: new Map(), variables });
  assert.equal(coldSettings(config), undefined);
});
