import assert from 'node:assert/strict';
import { test } from 'node:test';
import { behindPrefix } from '../../../src/namespace/behind-prefix.ts';
import { continuationToken, markerOf, positionOfMarker } from '../../../src/gateway/s3/continuation.ts';
import { afterMarker, listPage } from '../../../src/gateway/s3/listing.ts';
import { makeEntriesOlder } from '../../namespace/older-entries.ts';
import { openWatched } from '../../namespace/watched-kv.ts';
import { bytes, text } from '../../namespace/world.ts';

const readsMax = 50;

const stores = [
  { store: 'whose entries say what is shown', isOlder: false, readsMin: 1 },
  { store: 'whose entries lead to inodes only', isOlder: true, readsMin: 2 },
] as const;

for (const { store, isOlder, readsMin } of stores) {
  test(`a page from which a key is removed while it is read is not taken for the last one, in a store ${store}`, async () => {
    for (let moment = 1; ; moment += 1) {
      assert(moment < readsMax);
      const { at, kv } = await openWatched('off');
      for (const key of ['a', 'b', 'c', 'd', 'e']) await at.put(key, '');
      if (isOlder) await makeEntriesOlder(kv);
      let reads = 0;
      kv.onRead = async () => {
        reads += 1;
        if (reads !== moment) return;
        kv.onRead = () => Promise.resolve();
        await at.remove('b');
      };
      const query = { prefix: bytes(''), delimiter: undefined, after: bytes(''), entriesMax: 3 };
      const { entries, isTruncated } = await listPage(at.world.namespace.objects, at.bucket.ino, query);
      const shown = entries.map((entry) => text(entry.kind === 'object' ? entry.key : entry.prefix)).join('');
      assert.match(shown, /^abc$|^acd$/);
      assert.equal(isTruncated, true);
      if (reads >= moment) continue;
      assert(moment > readsMin, 'it was removed after each read of a page');
      return;
    }
  });
}

test('a page whose keys all go away while it is read goes on behind them', async () => {
  const { at, kv } = await openWatched('off');
  for (const key of ['a', 'b', 'c', 'd', 'e']) await at.put(key, '');
  await makeEntriesOlder(kv);
  kv.onRead = async () => {
    kv.onRead = () => Promise.resolve();
    for (const key of ['a', 'b', 'c']) await at.remove(key);
  };
  const query = { prefix: bytes(''), delimiter: undefined, after: bytes(''), entriesMax: 2 };
  const { entries, isTruncated } = await listPage(at.world.namespace.objects, at.bucket.ino, query);
  assert.deepEqual(
    entries.map((entry) => entry.kind === 'object' && text(entry.key)),
    ['d', 'e'],
  );
  assert.equal(isTruncated, false);
});

test('behind a prefix, however long, lie all of its keys and nothing else', () => {
  for (const length of [1, 255, 1023, 1024, 1025, 5000]) {
    const prefix = Buffer.alloc(length, 0x78);
    const last = Buffer.concat([prefix, Buffer.alloc(255, 0xff)]);
    const other = Buffer.concat([prefix.subarray(0, -1), Buffer.from('y')]);
    assert(Buffer.compare(last, behindPrefix(prefix)) < 0);
    assert(Buffer.compare(behindPrefix(prefix), other) < 0);
    const after = afterMarker(`${prefix.toString()}/`, { prefix: '', delimiter: '/' });
    assert(Buffer.compare(Buffer.from(`${prefix.toString()}/${'\u{10ffff}'.repeat(63)}`), after) < 0);
  }
});

const positions = [
  { kind: 'key', bytes: Buffer.from('plain é 日本'), isText: true },
  { kind: 'prefix', bytes: Buffer.from('a/'), isText: true },
  { kind: 'key', bytes: Buffer.from('\ufffd'), isText: true },
  { kind: 'key', bytes: Buffer.from([0x61, 0xff]), isText: false },
  { kind: 'prefix', bytes: Buffer.from([0xc3, 0x2f]), isText: false },
  { kind: 'key', bytes: Buffer.from([0xef, 0xbb, 0xbf, 0x61]), isText: true },
  { kind: 'key', bytes: Buffer.from([0xed, 0xa0, 0x80]), isText: false },
  {
    kind: 'key',
    bytes: Buffer.from(`\u{10fffd}${continuationToken({ kind: 'key', bytes: Buffer.from('z') })}`),
    isText: false,
  },
] as const;

for (const { kind, bytes: position, isText } of positions) {
  test(`the marker of ${kind} ${position.toString('hex')} leads on exactly behind it`, () => {
    const marker = markerOf({ kind, bytes: position });
    assert.equal(marker === position.toString(), isText);
    const found = positionOfMarker(marker);
    assert.deepEqual(
      found && { ...found, bytes: Buffer.from(found.bytes) },
      isText ? undefined : { kind, bytes: position },
    );
    const want = kind === 'key' ? position : Buffer.from(behindPrefix(position));
    assert.deepEqual(Buffer.from(afterMarker(marker, { prefix: '', delimiter: '/' })), want);
  });
}

test('a text of a client that begins like a token is a text', () => {
  for (const marker of ['\u{10fffd}', '\u{10fffd}bm9uc2Vuc2U=', 'x\u{10fffd}AQBhzg=='])
    assert.deepEqual(
      Buffer.from(afterMarker(marker, { prefix: '', delimiter: undefined })),
      Buffer.from(marker),
    );
});
