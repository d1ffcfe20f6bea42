import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, Expectation } from '../../src/namespace/namespace.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { bytes, get, listed, openWorld, put, root, s3, settle, type World } from './world.ts';

interface Scene extends World {
  readonly bucket: Bucket;
}

async function scene(keys: readonly string[]): Promise<Scene> {
  const world = await openWorld();
  const at = { ...world, bucket: await world.namespace.objects.createBucket(root, 'b') };
  for (const key of keys) await put(at, at.bucket, key, `content of ${key}`);
  return at;
}

interface Wish {
  readonly token?: string;
  readonly from: string;
  readonly to: string;
  readonly source?: Expectation;
  readonly target?: Expectation;
}

const rename = (at: Scene, { from, to, token, source = {}, target = {} }: Wish): Promise<unknown> =>
  at.namespace.objects.renameKey(s3, at.bucket.ino, {
    from: { key: bytes(from), expect: source },
    to: { key: bytes(to), expect: target },
    token,
  });

const moves: readonly (Wish & { readonly keys: readonly string[]; readonly left: readonly string[] })[] = [
  { keys: ['a'], from: 'a', to: 'b', left: ['b'] },
  { keys: ['a'], from: 'a', to: 'a', left: ['a'] },
  { keys: ['a'], from: 'a', to: 'a/b', left: ['a/b'] },
  { keys: ['a/b'], from: 'a/b', to: 'a', left: ['a'] },
  { keys: ['x/y/z'], from: 'x/y/z', to: 'x/z', left: ['x/z'] },
  { keys: ['x/y/z'], from: 'x/y/z', to: 'x/y/w/v', left: ['x/y/w/v'] },
  { keys: ['x/y/z', 'x/o'], from: 'x/y/z', to: 'q', left: ['q', 'x/o'] },
  { keys: ['a', 'b'], from: 'a', to: 'b', left: ['b'] },
  { keys: ['a', 'a/b'], from: 'a', to: 'a/b', left: ['a/b'] },
  { keys: ['a//b'], from: 'a//b', to: '../c', left: ['../c'] },
];

for (const { keys, left, ...wish } of moves) {
  test(`${keys.join(', ')}: ${wish.from} renamed to ${wish.to} leaves ${left.join(', ')}`, async () => {
    const at = await scene(keys);
    await rename(at, wish);
    assert.deepEqual(await listed(at, at.bucket), left);
    assert.equal(String(await get(at, at.bucket, wish.to)), `content of ${wish.from}`);
    await settle(at);
    await checkSettledStore(at);
  });
}

const refusals: readonly (Wish & { readonly code: string | undefined })[] = [
  { from: 'missing', to: 'a', code: 'not-found' },
  { from: 'a', to: 'b', source: { ifMatch: ['etag-of-a'] }, code: undefined },
  { from: 'a', to: 'b', source: { ifMatch: ['other'] }, code: 'precondition-failed' },
  { from: 'a', to: 'b', source: { ifNoneMatch: ['etag-of-a'] }, code: 'precondition-failed' },
  { from: 'a', to: 'b', source: { ifModifiedSince: 0 }, code: undefined },
  { from: 'a', to: 'b', source: { ifUnmodifiedSince: 0 }, code: 'precondition-failed' },
  { from: 'a', to: 'b', target: { ifNoneMatch: ['*'] }, code: 'precondition-failed' },
  { from: 'a', to: 'c', target: { ifNoneMatch: ['*'] }, code: undefined },
  { from: 'a', to: 'c', target: { ifMatch: ['*'] }, code: 'precondition-failed' },
  { from: 'a', to: 'b', target: { ifMatch: ['etag-of-a'] }, code: 'precondition-failed' },
  { from: 'a', to: 'b', target: { ifSize: 1 }, code: 'precondition-failed' },
  { from: 'a', to: 'c', target: { ifSize: 1 }, code: undefined },
  { from: 'a', to: 'c', target: { ifModifiedSince: 0 }, code: 'precondition-failed' },
];

test('a rename happens when source and target are what was expected, else nothing changes', async () => {
  for (const { code, ...wish } of refusals) {
    const at = await scene(['a', 'b']);
    const outcome = code === undefined ? rename(at, wish).then(() => undefined) : faultOf(rename(at, wish));
    assert.equal(await outcome, code, JSON.stringify(wish));
    if (code !== undefined) assert.deepEqual(await listed(at, at.bucket), ['a', 'b']);
  }
});

test('of two names of one file, a rename of one to the other leaves the other', async () => {
  const at = await scene(['a']);
  const { files, objects } = at.namespace;
  const found = await objects.head({ bucket: at.bucket.ino, key: bytes('a') });
  assert(found !== undefined);
  await files.link(root, found.attributes.ino, { directory: at.bucket.ino, name: bytes('b') });
  await rename(at, { from: 'a', to: 'b' });
  assert.deepEqual(await listed(at, at.bucket), ['b']);
  assert.equal((await files.attributes(found.attributes.ino)).linkCount, 1);
  await checkSettledStore(at);
});

test('what was written over NFS and is not durable yet goes with the name', async () => {
  const at = await scene(['a']);
  const found = await at.namespace.objects.head({ bucket: at.bucket.ino, key: bytes('a') });
  assert(found !== undefined);
  await at.namespace.files.write(root, found.attributes.ino, {
    offset: 0,
    data: bytes('CON'),
    stable: false,
  });
  await rename(at, { from: 'a', to: 'd/b' });
  assert.equal(String(await get(at, at.bucket, 'd/b')), 'CONtent of a');
});

test('a rename sent again with its token succeeds, with another or none it finds no source', async () => {
  const at = await scene(['a']);
  await rename(at, { from: 'a', to: 'b', token: 'once' });
  await rename(at, { from: 'a', to: 'b', token: 'once' });
  assert.equal(await faultOf(rename(at, { from: 'a', to: 'b', token: 'twice' })), 'not-found');
  assert.equal(await faultOf(rename(at, { from: 'a', to: 'b' })), 'not-found');
  assert.equal(await faultOf(rename(at, { from: 'a', to: 'c', token: 'once' })), 'not-found');
});
