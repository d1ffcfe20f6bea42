import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordCache } from '../../src/kv/cache.ts';
import { bytes, text } from './rows.ts';

const value = Buffer.alloc(100, 'v');
const count = (cache: RecordCache, prefix: string, of: number): number =>
  Array.from({ length: of }, (_, index) => cache.find(`${prefix}${index}`)).filter(
    (found) => found !== undefined,
  ).length;

test('the cache knows values, absence and what it does not know', () => {
  const cache = new RecordCache(10_000);
  cache.put('there', bytes('1'));
  cache.put('gone', undefined);
  assert.equal(text(cache.find('there')?.value), '1');
  assert.deepEqual([cache.find('gone')?.value, cache.find('gone') === undefined], [undefined, false]);
  assert.equal(cache.find('unknown'), undefined);
  cache.put('there', undefined);
  assert.equal(cache.find('there')?.value, undefined);
});

test('the bytes of keys and values stay below the bound, also when values grow', () => {
  const cache = new RecordCache(100_000);
  for (let index = 0; index < 1000; index++) cache.put(`k${index}`, value);
  const many = count(cache, 'k', 1000);
  assert(many > 200 && many < 300, String(many));
  for (let index = 0; index < 1000; index++) cache.put(`k${index}`, Buffer.alloc(10_000));
  const few = count(cache, 'k', 1000);
  assert(few > 5 && few < 10, String(few));
});

test('a pass over many cold rows leaves the hot ones', () => {
  const cache = new RecordCache(100_000);
  for (let index = 0; index < 50; index++) cache.put(`hot${index}`, value);
  for (let index = 0; index < 10_000; index++) {
    cache.put(`cold${index}`, value);
    cache.find(`hot${index % 50}`);
  }
  assert.equal(count(cache, 'hot', 50), 50);
});

test('a value too large for the cache takes the place of the old one by absence from it', () => {
  const cache = new RecordCache(1_000_000);
  cache.put('a', value);
  cache.put('a', Buffer.alloc(16 * 1024 + 1));
  assert.equal(cache.find('a'), undefined);
  cache.put('a', Buffer.alloc(16 * 1024));
  assert.equal(cache.find('a')?.value?.length, 16 * 1024);
});

test('a small value does not keep a large buffer alive', () => {
  const cache = new RecordCache(10_000);
  const page = Buffer.alloc(1_000_000, 'p');
  cache.put('a', page.subarray(10, 20));
  const kept = cache.find('a')?.value;
  assert.equal(text(kept), 'pppppppppp');
  assert(kept !== undefined && kept.buffer.byteLength < 1000);
});
