import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../kv/seeded-random.ts';
import { NativeBed } from './native-bed.ts';

const text = (length: number, seed = 'a'): string => seed.repeat(length);

test('an object that moves to the cold tier lies under its own key with its bytes, type and metadata', async () => {
  const bed = await NativeBed.open();
  await bed.put('dir/one', text(5_000));
  await bed.put('small', 'inline');
  for (const key of ['dir/one', 'small']) assert.equal((await bed.move(key)).outcome, 'completed');
  assert.deepEqual(bed.store.keys(), ['pre/bucket/dir/one', 'pre/bucket/small']);
  assert.equal(bed.lying('pre/bucket/dir/one'), text(5_000));
  assert.equal(bed.store.about('pre/bucket/small').headers['content-type'], 'text/plain');
  assert.deepEqual(await bed.formsOf('dir/one'), ['pre/bucket/dir/one']);
  assert.equal(await bed.get('dir/one'), text(5_000));
  assert.equal(await bed.get('small'), 'inline');
  await bed.reopen();
  assert.equal(await bed.get('dir/one'), text(5_000));
});

test('an object is put in parts above a size, and read back whole', async () => {
  const bed = await NativeBed.open();
  const content = Buffer.from(bed.random.bytes(50_001)).toString('latin1');
  await bed.put('long', Buffer.from(content, 'latin1'));
  await bed.move('long');
  assert.equal(bed.lying('pre/bucket/long'), content);
  assert.equal(bed.asked.filter((it) => it.startsWith('putPart')).length, 7);
  assert.equal(await bed.get('long'), content);
  assert.equal(bed.store.begun(), 0);
});

test('a sparse file of many blobs lies there with its holes as zeros', async () => {
  const bed = await NativeBed.open();
  await bed.put('file', text(3_000, 'a'));
  await bed.write('file', 10_000, text(2_000, 'b'));
  await bed.write('file', 15_000, text(2_000, 'c'));
  const want = text(3_000, 'a') + text(7_000, '\0') + text(2_000, 'b') + text(3_000, '\0') + text(2_000, 'c');
  await bed.move('file');
  assert.equal(bed.lying('pre/bucket/file'), want);
  assert.equal(await bed.get('file'), want);
  assert.ok((await bed.formsOf('file')).every((form) => form === 'pre/bucket/file'));
});

test('a file that is changed in place and moved again replaces its object; what is only partly shown is packed', async () => {
  const bed = await NativeBed.open();
  await bed.put('file', text(9_000, 'a'));
  await bed.write('file', 20_000, text(3_000, 'b'));
  await bed.move('file');
  await bed.write('file', 4_000, text(100, 'X'));
  assert.equal(bed.lying('pre/bucket/file').length, 23_000);
  await bed.move('file');
  const want = text(4_000, 'a') + text(100, 'X') + text(4_900, 'a') + text(11_000, '\0') + text(3_000, 'b');
  assert.equal(bed.lying('pre/bucket/file'), want);
  assert.equal(await bed.get('file'), want);
  const forms = await bed.formsOf('file');
  assert.deepEqual([...new Set(forms)].sort(), ['packed', 'pre/bucket/file']);
  await bed.clear();
  assert.deepEqual(await bed.rows(), { objects: 1, leads: 0 });
});

test('an object that is gone here goes there, and not before its last reader', async () => {
  const bed = await NativeBed.open();
  await bed.put('one', text(5_000));
  await bed.move('one');
  await bed.copy('one', 'two');
  await bed.delete('one');
  await bed.clear();
  assert.deepEqual(bed.store.keys(), ['pre/bucket/one']);
  assert.equal(await bed.get('two'), text(5_000));
  await bed.delete('two');
  await bed.clear();
  assert.deepEqual(bed.store.keys(), []);
  assert.deepEqual(await bed.rows(), { objects: 0, leads: 0 });
});

test('nothing is deleted there while metadata that were set back are held', async () => {
  const bed = await NativeBed.open();
  await bed.put('one', text(5_000));
  await bed.move('one');
  await bed.delete('one');
  bed.mayForget = false;
  await bed.clear();
  assert.deepEqual(bed.store.keys(), ['pre/bucket/one']);
  bed.mayForget = true;
  await bed.clear();
  assert.deepEqual(bed.store.keys(), []);
});

test('what newer metadata may need is not replaced: the new content is packed', async () => {
  const bed = await NativeBed.open();
  await bed.put('one', text(5_000, 'a'));
  await bed.move('one');
  bed.mayForget = false;
  await bed.put('one', text(4_000, 'b'));
  await bed.put('two', text(4_000, 'c'));
  for (const key of ['one', 'two']) assert.equal((await bed.move(key)).outcome, 'completed');
  assert.deepEqual([await bed.formsOf('one'), await bed.formsOf('two')], [['packed'], ['pre/bucket/two']]);
  assert.equal(bed.lying('pre/bucket/one'), text(5_000, 'a'));
  assert.equal(await bed.get('one'), text(4_000, 'b'));
});

test('what is renamed stays under the key of its move; a new object of that name moves it aside', async () => {
  const bed = await NativeBed.open();
  await bed.put('one', text(5_000, 'a'));
  await bed.move('one');
  await bed.rename('one', 'two');
  assert.deepEqual(await bed.formsOf('two'), ['pre/bucket/one']);
  await bed.put('one', text(4_000, 'b'));
  await bed.move('one');
  assert.equal(bed.lying('pre/bucket/one'), text(4_000, 'b'));
  assert.deepEqual(await bed.formsOf('one'), ['pre/bucket/one']);
  assert.deepEqual(await bed.formsOf('two'), ['packed']);
  assert.equal(await bed.get('two'), text(5_000, 'a'));
  assert.equal(await bed.get('one'), text(4_000, 'b'));
});

test('old versions are packed when the current one needs the key', async () => {
  const bed = await NativeBed.open();
  const { objects } = bed.stack.namespace;
  await objects.changeBucketRules(bed.bucket, { versioning: 'enabled' });
  await bed.put('one', text(5_000, 'a'));
  await bed.move('one');
  const old = await bed.blobsOf('one');
  await bed.put('one', text(4_000, 'b'));
  await bed.move('one');
  assert.equal(bed.lying('pre/bucket/one'), text(4_000, 'b'));
  assert.deepEqual(await bed.stack.tiering.tiers.coldFormOf(old[0]!), { kind: 'packed', because: 'version' });
});

test('what others have put under a key is neither replaced nor deleted, and the content stays here', async () => {
  const bed = await NativeBed.open();
  await bed.outsider('pre/bucket/one', 'theirs');
  await bed.put('one', text(5_000, 'a'));
  const { outcome, error } = await bed.move('one');
  assert.equal(outcome, 'failed');
  assert.match(error ?? '', /pre\/bucket\/one in the cold store was put there, or changed, by somebody else/);
  assert.deepEqual(await bed.formsOf('one'), ['hot']);
  assert.deepEqual(bed.stack.tiering.tiers.changedOutside(), { keys: ['pre/bucket/one'], lost: [] });
  await bed.delete('one');
  await bed.clear();
  assert.equal(bed.lying('pre/bucket/one'), 'theirs');
});

test('an object of ours that others have replaced is not overwritten, and their bytes are never given for ours', async () => {
  const bed = await NativeBed.open();
  await bed.put('one', text(5_000, 'a'));
  await bed.move('one');
  await bed.outsider('pre/bucket/one', text(5_000, 'b'));
  await assert.rejects(bed.get('one'), { code: 'corrupt', subject: 'blob' });
  assert.deepEqual(bed.stack.tiering.tiers.changedOutside().lost, ['pre/bucket/one']);
  await bed.put('one', text(6_000, 'c'));
  assert.equal((await bed.move('one')).outcome, 'failed');
  assert.equal(await bed.get('one'), text(6_000, 'c'));
  await bed.clear();
  assert.equal(bed.lying('pre/bucket/one'), text(5_000, 'b'));
});

test('others of the same batch move although one must stay', async () => {
  const bed = await NativeBed.open();
  await bed.outsider('pre/bucket/b', 'theirs');
  for (const key of ['a', 'b', 'c']) await bed.put(key, text(5_000, key));
  const blobs = (await Promise.all(['a', 'b', 'c'].map((key) => bed.blobsOf(key)))).flat();
  const { outcome, blobs: moved } = await bed.migrate(blobs);
  assert.deepEqual([outcome, moved], ['failed', 2]);
  const forms = await Promise.all(['a', 'b', 'c'].map((key) => bed.formsOf(key)));
  assert.deepEqual(forms.flat(), ['pre/bucket/a', 'hot', 'pre/bucket/c']);
});

test('damage in the store is found by reads and by a scrub, and a copy elsewhere goes on without it', async () => {
  const bed = await NativeBed.open();
  for (const key of ['one', 'two']) {
    await bed.put(key, text(5_000, 'a'));
    await bed.move(key);
  }
  await bed.move('two', 'hot');
  for (const key of ['one', 'two']) bed.store.corrupt(`pre/bucket/${key}`, 3_000);
  await assert.rejects(bed.get('one'), { code: 'corrupt', subject: 'blob' });
  const report = await bed.stack.tiering.tiers.scrub(() => undefined);
  assert.deepEqual([report.corrupt, report.healed, report.unrecoverable], [2, 1, 1]);
  assert.deepEqual(await bed.formsOf('two'), ['hot']);
  await bed.move('two');
  assert.equal(bed.lying('pre/bucket/two'), text(5_000, 'a'));
  assert.equal(await bed.get('two'), text(5_000, 'a'));
});

test('what the store does not answer for is unknown to a scrub, and sound when it is back', async () => {
  const bed = await NativeBed.open();
  await bed.put('one', text(5_000, 'a'));
  await bed.move('one');
  const scrub = async (): Promise<readonly number[]> => {
    const { checked, corrupt, unknown } = await bed.stack.tiering.tiers.scrub(() => undefined);
    return [checked, corrupt, unknown];
  };
  bed.isAway = true;
  assert.deepEqual(await scrub(), [0, 0, 1]);
  bed.isAway = false;
  assert.deepEqual(await scrub(), [1, 0, 0]);
});

test('content of SSE-S3 lies there only where the store says that it encrypts it', async () => {
  const defaultEncryption = { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false } as const;
  for (const seals of [true, false]) {
    const bed = await NativeBed.open({ defaultEncryption, seals });
    await bed.create('one');
    await bed.write('one', 0, text(5_000, 'a'));
    assert.equal((await bed.move('one')).outcome, 'completed');
    assert.deepEqual(await bed.formsOf('one'), [seals ? 'pre/bucket/one' : 'packed']);
    assert.deepEqual(bed.store.keys(), seals ? ['pre/bucket/one'] : []);
    assert.equal(await bed.get('one'), text(5_000, 'a'));
  }
});

test('without the layout nothing new lies so, and what does stays readable', async () => {
  const bed = await NativeBed.open();
  await bed.put('one', text(5_000, 'a'));
  await bed.move('one');
  bed.isWanted = false;
  await bed.reopen();
  await bed.put('two', text(5_000, 'b'));
  await bed.move('two');
  assert.deepEqual([await bed.formsOf('one'), await bed.formsOf('two')], [['pre/bucket/one'], ['packed']]);
  assert.equal(await bed.get('one'), text(5_000, 'a'));
});

const otherBytes = [
  ['replaced', (bed: NativeBed) => bed.outsider('pre/bucket/file', text(1_500_000, 'X'))],
  ['replaced by something longer', (bed: NativeBed) => bed.outsider('pre/bucket/file', text(1_500_001, 'X'))],
  ['taken away', (bed: NativeBed) => bed.store.delete('pre/bucket/file', new AbortController().signal)],
  ['damaged', (bed: NativeBed) => bed.store.corrupt('pre/bucket/file', 1_400_000)],
] as const;

for (const [what, change] of otherBytes) {
  test(`a later blob of an object that was ${what} meanwhile keeps its copy here`, async () => {
    const bed = await NativeBed.open();
    await bed.put('file', text(1_500_000));
    const [first, second] = await bed.blobsOf('file');
    await bed.migrate([first!]);
    await change(bed);
    const { outcome, error } = await bed.migrate([second!]);
    assert.equal(outcome, 'failed');
    assert.match(error ?? '', /pre\/bucket\/file in the cold store was put there, or changed/);
    assert.deepEqual(await bed.formsOf('file'), ['pre/bucket/file', 'hot']);
    assert.deepEqual(bed.stack.tiering.tiers.changedOutside().keys, ['pre/bucket/file']);
  });
}

test('an object that was damaged where nothing of it is needed yet is uploaded again', async () => {
  const bed = await NativeBed.open();
  await bed.put('file', text(1_500_000));
  const [first, second] = await bed.blobsOf('file');
  await bed.migrate([first!]);
  bed.store.corrupt('pre/bucket/file', 1_400_000);
  assert.equal((await bed.migrate([second!])).outcome, 'failed');
  assert.equal((await bed.migrate([second!])).outcome, 'completed');
  assert.deepEqual(await bed.formsOf('file'), ['pre/bucket/file', 'pre/bucket/file']);
  const isWhole = [bed.lying('pre/bucket/file'), await bed.get('file')].map((it) => it === text(1_500_000));
  assert.deepEqual(isWhole, [true, true]);
});

test('a store that does not seal uploads in parts gets no content in parts that must be sealed', async () => {
  const defaultEncryption = { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false } as const;
  const bed = await NativeBed.open({ defaultEncryption, ignores: 'sealing of parts' });
  await bed.create('long');
  await bed.write('long', 0, text(30_000));
  assert.equal((await bed.move('long')).outcome, 'completed');
  assert.deepEqual(await bed.formsOf('long'), ['packed']);
  assert.deepEqual([bed.store.keys(), bed.store.begun()], [[], 0]);
  await bed.clear();
  assert.deepEqual(await bed.rows(), { objects: 0, leads: 0 });
});

test('what somebody puts under a key while its parts are on their way is not replaced, whatever the store checks', async () => {
  const bed = await NativeBed.open({ ignores: 'conditions of parts' });
  await bed.put('long', text(50_000));
  let theirs: Promise<void> | undefined;
  bed.store.failWhen((name) => {
    if (name === 'putPart') theirs ??= bed.outsider('pre/bucket/long', 'theirs');
    return undefined;
  });
  assert.equal((await bed.move('long')).outcome, 'failed');
  await theirs;
  assert.deepEqual([bed.lying('pre/bucket/long'), bed.store.begun()], ['theirs', 0]);
  assert.deepEqual(await bed.formsOf('long'), ['hot']);
});

test('a key that fails again and again keeps the sweep from no other one', async () => {
  const bed = await NativeBed.open();
  const keys = ['a', 'b', 'c'];
  for (const key of keys) {
    await bed.put(key, text(5_000, key));
    await bed.move(key);
    await bed.delete(key);
  }
  bed.store.failWhen((_, key) => (key === 'pre/bucket/a' ? 'error' : undefined));
  await bed.clear();
  assert.deepEqual(bed.store.keys(), ['pre/bucket/a']);
  bed.store.failWhen(undefined);
  await bed.clear();
  assert.deepEqual(bed.store.keys(), []);
  assert.deepEqual(await bed.rows(), { objects: 0, leads: 0 });
});

test('an upload in parts that could not be abandoned is when the next one of its key begins', async () => {
  const bed = await NativeBed.open();
  await bed.put('long', text(50_000));
  bed.store.failWhen((name) => (name === 'putPart' || name === 'abandon' ? 'error' : undefined));
  assert.equal((await bed.move('long')).outcome, 'failed');
  assert.equal(bed.store.begun(), 1);
  bed.store.failWhen(undefined);
  assert.equal((await bed.move('long')).outcome, 'completed');
  assert.equal(bed.store.begun(), 0);
  assert.deepEqual(await bed.formsOf('long'), ['pre/bucket/long']);
});

test('a blob that ends while it moves aside keeps the new object from nothing', async () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const bed = await NativeBed.open({ isSlow: true, random: seededRandom(seed) });
    await bed.put('one', text(5_000, 'a'));
    await bed.move('one');
    await bed.copy('one', 'two');
    await bed.put('one', text(4_000, 'b'));
    await bed.delete('two');
    let ending: Promise<unknown> | undefined;
    bed.store.failWhen(() => {
      ending ??= bed.stack.blobs.collect();
      return undefined;
    });
    assert.equal((await bed.move('one')).outcome, 'completed', `seed ${seed}`);
    await ending;
    assert.deepEqual(await bed.formsOf('one'), ['pre/bucket/one']);
    assert.equal(await bed.get('one'), text(4_000, 'b'));
  }
});

test('an object whose key the store refuses is packed, and others of its batch are not', async () => {
  for (const refused of ['head', 'put', 'begin']) {
    const bed = await NativeBed.open();
    const length = refused === 'begin' ? 30_000 : 5_000;
    for (const key of ['a', 'b', 'c']) await bed.put(key, text(length, key));
    bed.store.failWhen((name, key) => (name === refused && key === 'pre/bucket/b' ? 'refused' : undefined));
    const blobs = (await Promise.all(['a', 'b', 'c'].map((key) => bed.blobsOf(key)))).flat();
    assert.equal((await bed.migrate(blobs)).outcome, 'completed', refused);
    const forms = await Promise.all(['a', 'b', 'c'].map((key) => bed.formsOf(key)));
    assert.deepEqual(forms.flat(), ['pre/bucket/a', 'packed', 'pre/bucket/c']);
    const { tiers } = bed.stack.tiering;
    assert.deepEqual(await tiers.coldFormOf(blobs[1]!), { kind: 'packed', because: 'refused' });
  }
});
