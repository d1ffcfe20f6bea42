import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBucketEncryption, type BucketEncryption } from '../../src/keyring/bucket-encryption.ts';
import type { ContentKey, EncryptionWish } from '../../src/keyring/encryption.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import type { Durability, Kv, KvTransaction } from '../../src/kv/kv.ts';
import type { Bucket, Found, Ino } from '../../src/namespace/namespace.ts';
import type { Device } from '../../src/tiering/hot/device.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { checkSettledStore } from './check-store.ts';
import { faultOf } from './fault-of.ts';
import { imageOf } from './store-image.ts';
import {
  bytes,
  get,
  memoryDevice,
  openStack,
  plainFacet,
  root,
  s3,
  settle,
  silent,
  TestClock,
  text,
  type Media,
  type Stack,
} from './world.ts';

const aes: BucketEncryption = { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false };

interface Opened extends Stack {
  readonly media: Media;
  readonly bucket: Bucket;
  /** All that the device was ever given. */
  readonly written: readonly Uint8Array[];
}

/** Even short content is on the device; `restart` opens the same store again. */
async function open(
  given: { readonly defaultEncryption?: BucketEncryption; readonly media?: Media } = {},
): Promise<Opened> {
  const media = given.media ?? { engine: new MemoryEngine(), device: memoryDevice() };
  const environment = { clock: new TestClock(), random: seededRandom(3), log: silent };
  const { defaultEncryption } = given;
  const written: Uint8Array[] = [];
  const stack = await openStack({
    engine: media.engine,
    device: recording(media.device, written),
    environment,
    inlineBytesMax: 16,
    ...(defaultEncryption !== undefined && { defaultEncryption }),
  });
  const { objects } = stack.namespace;
  const bucket = (await objects.bucket('b')) ?? (await objects.createBucket(s3, 'b'));
  return { ...stack, media, bucket, written };
}

const recording = (device: Device, written: Uint8Array[]): Device => ({
  traits: device.traits,
  bytes: () => device.bytes(),
  write(offset, parts) {
    written.push(...parts.map((part) => Buffer.from(part)));
    return device.write(offset, parts);
  },
  read: (offset, checksums) => device.read(offset, checksums),
  flush: () => device.flush(),
  discard: (extent) => device.discard(extent),
  grow: (size) => device.grow(size),
  close: () => device.close(),
});

const marker = 'the-secret-that-nobody-shall-find-';
const secretText = (length: number): string =>
  marker.repeat(Math.ceil(length / marker.length)).slice(0, length);

async function put(
  stack: Stack,
  bucket: Bucket,
  key: string,
  given: { body: string; under?: ContentKey },
): Promise<Found> {
  const { objects } = stack.namespace;
  const draft = await objects.draft(s3, given.under);
  if (given.body !== '') await draft.write([bytes(given.body)]);
  const facet = plainFacet(`etag-of-${key}`);
  return objects.attach(s3, draft, { bucket: bucket.ino, key: bytes(key), facet, expect: {} });
}

const readFile = async (stack: Stack, ino: Ino, length: number): Promise<string> =>
  text((await stack.namespace.files.read(root, ino, { offset: 0, length })).parts);

const makeFile = async (stack: Stack, bucket: Bucket, name: string): Promise<Ino> => {
  const place = { directory: bucket.ino, name: bytes(name) };
  const request = { mode: { how: 'guarded' }, wish: {} } as const;
  return (await stack.namespace.files.create(root, place, request)).attributes.ino;
};

async function readWithoutKey({ namespace }: Stack, bucket: Bucket, key: string): Promise<void> {
  const object = await namespace.objects.open({ bucket: bucket.ino, key: bytes(key) });
  assert.ok(object !== undefined);
  try {
    for await (const _piece of object.read(0, 1)) assert.fail('it was read');
  } finally {
    await object.close();
  }
}

/** Everything that a thief of the machine would find. */
async function found({ kv, written }: Pick<Opened, 'kv' | 'written'>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
  for await (const page of kv.scan(everything, { pageEntries: 1000 }))
    for (const { key, value } of page) pieces.push(key, value);
  return Buffer.concat([...pieces, ...written]);
}

test('the plain text of encrypted content is nowhere, not even while NFS edits it; the names are', async () => {
  const stack = await open({ defaultEncryption: aes });
  const { bucket, keyring, namespace } = stack;
  const under = keyring.make({ mode: 'AES256' });
  await put(stack, bucket, 'inline-name', { body: secretText(16), under });
  await put(stack, bucket, 'small-name', { body: secretText(40), under });
  await put(stack, bucket, 'large-name', {
    body: secretText(300_000),
    under: keyring.make({ mode: 'AES256' }),
  });
  await put(stack, bucket, 'customers-name', {
    body: secretText(5000),
    under: keyring.make({ mode: 'customer', key: Buffer.alloc(32, 1) }),
  });
  const ino = await makeFile(stack, bucket, 'file-name');
  await namespace.files.write(root, ino, { offset: 0, data: bytes(secretText(70_000)), stable: true });
  await namespace.files.write(root, ino, { offset: 10, data: bytes(secretText(100)), stable: true });
  const all = await found(stack);
  assert.equal(all.includes(marker.slice(0, 16)), false);
  assert.equal(all.includes(Buffer.from(keyring.dataKeys.current().secret)), false);
  for (const name of ['inline-name', 'small-name', 'large-name', 'customers-name', 'file-name'])
    assert.ok(all.includes(name));
  await put(stack, bucket, 'plain', { body: secretText(5000) });
  assert.ok((await found(stack)).includes(marker), 'the search finds what is there');
});

/** As SSE-S3 was before tiering sealed it: a content key of its own. */
const ofEarlier = ({ keyring }: Stack): ContentKey => {
  const secret = Buffer.alloc(32, 9);
  const { encryption } = keyring.make({ mode: 'AES256' });
  const like = { encryption: { ...encryption, contentKeyId: Buffer.alloc(16, 9) }, secret };
  return keyring.make({ mode: 'AES256' }, like);
};

const aes256: EncryptionWish = { mode: 'AES256' };
const kms: EncryptionWish = { mode: 'aws:kms', key: undefined, context: '', bucketKey: false };

const keysMade: readonly [name: string, make: (stack: Stack) => ContentKey][] = [
  ['SSE-S3', ({ keyring }) => keyring.make(aes256)],
  ['SSE-S3 of an earlier build', ofEarlier],
  ['SSE-KMS', ({ keyring }) => keyring.make(kms)],
];
for (const [name, make] of keysMade) {
  test(`an object under ${name} edited over NFS stays so for life, over rotations, and reads the same through both doors`, async () => {
    const stack = await open();
    const { bucket, keyring, namespace, media } = stack;
    const under = make(stack);
    const { attributes } = await put(stack, bucket, 'o', { body: secretText(200_000), under });
    const { ino } = attributes;
    await namespace.files.write(root, ino, { offset: 66_000, data: bytes('edited'), stable: false });
    await namespace.files.commit(root, ino);
    for (const alias of ['terrace/s3', 'aws/s3']) await keyring.rotate(`alias/${alias}`);
    await rewrapped(stack);
    await namespace.files.write(root, ino, { offset: 200_000, data: bytes('appended'), stable: false });
    await namespace.files.commit(root, ino);
    await namespace.files.setAttributes(root, ino, { wish: { size: 200_004 } });
    const expected = `${secretText(200_000).slice(0, 66_000)}edited${secretText(200_000).slice(66_006)}appe`;
    assert.equal((await get(stack, bucket, 'o'))?.toString(), expected);
    assert.equal(await readFile(stack, ino, 300_000), expected);
    const head = await namespace.objects.head({ bucket: bucket.ino, key: bytes('o') });
    const { contentKeyId } = head?.encryption ?? assert.fail('it is not encrypted');
    assert.equal(Buffer.compare(contentKeyId, under.encryption.contentKeyId), 0);
    assert.equal(head?.encryption?.sealed.length, under.encryption.sealed.length);
    assert.equal((await found(stack)).includes('appe'), false);
    const again = await open({ media });
    assert.equal((await get(again, again.bucket, 'o'))?.toString(), expected);
    await settle(again);
    await checkSettledStore(again);
  });
}

test('a file made over NFS is encrypted as its bucket says, else as the gateway does', async () => {
  const stack = await open({ defaultEncryption: aes });
  const { bucket, keyring, namespace } = stack;
  const { objects } = namespace;
  const { id } = await keyring.create('blue');
  const modeOf = async (name: string): Promise<unknown> => {
    const { encryption } = (await objects.head({ bucket: bucket.ino, key: bytes(name) })) ?? {};
    return encryption && [encryption.mode, encryption.keyId];
  };
  await makeFile(stack, bucket, 'one');
  assert.equal(((await modeOf('one')) as string[])[0], 'AES256');
  const document = encodeBucketEncryption({ ...aes, algorithm: 'aws:kms', key: 'alias/blue' });
  await objects.putBucketConfiguration(bucket, 'encryption', document);
  await makeFile(stack, bucket, 'two');
  assert.deepEqual(await modeOf('two'), ['aws:kms', id]);
  await keyring.setState(id, 'disabled');
  assert.equal(await faultOf(makeFile(stack, bucket, 'three')), 'not-permitted');
  const two = (await objects.head({ bucket: bucket.ino, key: bytes('two') }))?.attributes.ino ?? (0 as Ino);
  const write = namespace.files.write(root, two, { offset: 0, data: bytes('x'), stable: false });
  assert.equal(await faultOf(write), 'not-permitted');
});

test('content under a customer’s key is listed, renamed and removed over NFS, and neither read nor written', async () => {
  const stack = await open();
  const { bucket, keyring, namespace } = stack;
  const { files, objects } = namespace;
  const key = Buffer.alloc(32, 4);
  const { attributes } = await put(stack, bucket, 'c', {
    body: 'theirs',
    under: keyring.make({ mode: 'customer', key }),
  });
  const { ino } = attributes;
  const attempts: readonly (() => Promise<unknown>)[] = [
    () => files.read(root, ino, { offset: 0, length: 10 }),
    () => files.write(root, ino, { offset: 0, data: bytes('x'), stable: false }),
    () => files.setAttributes(root, ino, { wish: { size: 0 } }),
    () => readWithoutKey(stack, bucket, 'c'),
  ];
  for (const attempt of attempts) assert.equal(await faultOf(attempt()), 'access-denied');
  // What READ and WRITE would refuse is not granted at open() either.
  assert.equal((await files.access(root, ino, 0x3f)).granted, 0);
  const place = (name: string): { directory: Ino; name: Uint8Array } => ({
    directory: bucket.ino,
    name: bytes(name),
  });
  await files.rename(root, { from: place('c'), to: place('d') });
  const object = await objects.open({ bucket: bucket.ino, key: bytes('d') }, key);
  const pieces: Uint8Array[] = [];
  for await (const piece of object?.read(0, 6) ?? []) pieces.push(piece);
  await object?.close();
  assert.equal(text(pieces), 'theirs');
  await files.remove(root, place('d'));
  await settle(stack);
  await checkSettledStore(stack);
});

/** Modes of a source and of what is copied from it, and whether blobs are shared. */
const splices: readonly [
  name: string,
  from: EncryptionWish | 'earlier' | undefined,
  to: EncryptionWish | undefined,
  shares: boolean,
][] = [
  ['SSE-S3 to SSE-S3', aes256, aes256, true],
  ['SSE-S3 of an earlier build to SSE-S3', 'earlier', aes256, true],
  ['SSE-S3 of an earlier build to SSE-KMS', 'earlier', kms, true],
  ['SSE-KMS to SSE-KMS', kms, { ...kms, mode: 'aws:kms:dsse' }, true],
  ['SSE-S3 to SSE-KMS', aes256, kms, false],
  ['SSE-KMS to SSE-S3', kms, aes256, false],
  ['plain to plain', undefined, undefined, true],
  ['plain to SSE-S3', undefined, aes256, false],
  ['SSE-S3 to plain', aes256, undefined, false],
  ['a customer’s to SSE-S3', { mode: 'customer', key: Buffer.alloc(32, 4) }, aes256, false],
];
for (const [name, from, to, shares] of splices) {
  test(`splicing ${name} ${shares ? 'moves no byte' : 'seals the bytes anew'}`, async () => {
    const stack = await open();
    const { bucket, keyring, namespace, blobs } = stack;
    const under = from === 'earlier' ? ofEarlier(stack) : from && keyring.make(from);
    const body = secretText(150_000);
    await put(stack, bucket, 'from', { body, ...(under !== undefined && { under }) });
    const free = blobs.usage().bytesFree;
    const customerKey = typeof from === 'object' && from.mode === 'customer' ? from.key : undefined;
    const source = await namespace.objects.open({ bucket: bucket.ino, key: bytes('from') }, customerKey);
    assert.ok(source !== undefined);
    const target = to && keyring.make(to, customerKey === undefined ? under : undefined);
    const draft = await namespace.objects.draft(s3, target);
    await draft.splice(source, 0, body.length);
    await source.close();
    const at = { bucket: bucket.ino, key: bytes('to'), facet: plainFacet('e'), expect: {} };
    await namespace.objects.attach(s3, draft, at);
    assert.equal((await get(stack, bucket, 'to'))?.toString(), body);
    assert.equal(blobs.usage().bytesFree === free, shares);
    await settle(stack);
    await checkSettledStore(stack);
  });
}

async function rewrapped({ namespace }: Stack): Promise<void> {
  while ((await namespace.rewrap()) === 'busy');
}

test('a rotation seals every content key anew, of objects, parts and uploads, and moves no content', async () => {
  const stack = await open();
  const { bucket, keyring, namespace, media, blobs } = stack;
  const { objects } = namespace;
  const { id } = await keyring.create(undefined);
  const wish = { mode: 'aws:kms', key: id, context: '', bucketKey: false } as const;
  for (const key of ['a', 'b', 'c'])
    await put(stack, bucket, key, { body: secretText(1000), under: keyring.make(wish) });
  const early = keyring.make(wish);
  const late = await objects.draft(s3, early);
  await late.write([bytes('late')]);
  const upload = await objects.createUpload(s3, {
    ...{ bucket: bucket.ino, key: bytes('u'), facet: plainFacet(''), checksum: undefined },
    encryption: keyring.make(wish).encryption,
  });
  const at = { bucket: bucket.ino, key: bytes('u'), uploadId: upload.uploadId };
  assert.ok(upload.encryption !== undefined);
  const part = await objects.draft(s3, keyring.open(upload.encryption));
  await part.write([bytes('part')]);
  await objects.putPart(at, part, { number: 1, etag: 'p', checksums: [] });
  const used = blobs.usage();
  await keyring.rotate(id);
  assert.deepEqual(keyring.find(id).oldVersions, [1]);
  await rewrapped(stack);
  assert.deepEqual(keyring.find(id).oldVersions, []);
  const { progress } = keyring.find(id);
  assert.deepEqual([progress?.isRunning, progress?.matched], [false, 5]);
  assert.deepEqual(blobs.usage(), used);
  // Begun before the rotation and published after the old version went.
  const facet = plainFacet('late');
  await objects.attach(s3, late, { bucket: bucket.ino, key: bytes('late'), facet, expect: {} });
  await objects.completeUpload(s3, {
    ...at,
    parts: [{ number: 1, etag: 'p' }],
    facet: plainFacet('u'),
    expect: {},
  });
  const again = await open({ media });
  for (const key of ['a', 'b', 'c']) {
    const head = await again.namespace.objects.head({ bucket: bucket.ino, key: bytes(key) });
    assert.equal(head?.encryption?.keyVersion, 2);
    assert.equal((await get(again, bucket, key))?.toString(), secretText(1000));
  }
  assert.equal((await get(again, bucket, 'late'))?.toString(), 'late');
  assert.equal((await get(again, bucket, 'u'))?.toString(), 'part');
});

test('a rotation of the key of SSE-S3 touches just the content keys of earlier builds', async () => {
  const stack = await open({ defaultEncryption: aes });
  const { bucket, keyring, kv } = stack;
  await put(stack, bucket, 'now', { body: secretText(1000), under: keyring.make(aes256) });
  await put(stack, bucket, 'then', { body: secretText(1000), under: ofEarlier(stack) });
  await makeFile(stack, bucket, 'file');
  const inodes = async (): Promise<ReadonlyMap<number, string>> => {
    const { inodes: all } = await imageOf(kv);
    return new Map([...all].map(([ino, inode]) => [ino, JSON.stringify(inode)]));
  };
  const before = await inodes();
  await keyring.rotate('alias/terrace/s3');
  await rewrapped(stack);
  const { progress, oldVersions } = keyring.find('alias/terrace/s3');
  assert.deepEqual([progress?.matched, oldVersions], [1, []]);
  const changed = [...(await inodes())].filter(([ino, inode]) => before.get(ino) !== inode);
  assert.equal(changed.length, 1);
  for (const key of ['now', 'then'])
    assert.equal((await get(stack, bucket, key))?.toString(), secretText(1000));
});

test('a file that NFS makes while the key rotates is under the new version', async () => {
  const stack = await open();
  const { bucket, keyring, kv, namespace } = stack;
  const { id } = await keyring.create('turns');
  const algorithm = { algorithm: 'aws:kms', key: id, bucketKey: false, blocksCustomerKeys: false } as const;
  await namespace.objects.putBucketConfiguration(bucket, 'encryption', encodeBucketEncryption(algorithm));
  const transact: Kv['transact'] = kv.transact.bind(kv);
  let rotation: Promise<unknown> | undefined;
  Object.assign(kv, {
    transact: (durability: Durability, body: (tx: KvTransaction) => Promise<unknown>) =>
      transact(durability, async (tx) => {
        const result = await body(tx);
        if (rotation === undefined) await (rotation = keyring.rotate(id));
        return result;
      }),
  });
  await makeFile(stack, bucket, 'f');
  const head = await namespace.objects.head({ bucket: bucket.ino, key: bytes('f') });
  assert.equal(head?.encryption?.keyVersion, 2);
});

test('a key that something needs is not deleted, one that nothing needs is', async () => {
  const stack = await open();
  const { bucket, keyring, namespace } = stack;
  const { id } = await keyring.create('gone');
  const under = keyring.make({ mode: 'aws:kms', key: id, context: '', bucketKey: false });
  await put(stack, bucket, 'a', { body: 'a', under });
  await keyring.setState(id, 'disabled');
  assert.equal((await keyring.remove(id)).state, 'deleting');
  await rewrapped(stack);
  assert.deepEqual([keyring.find(id).state, keyring.find(id).progress?.matched], ['disabled', 1]);
  await namespace.objects.removeKey({ bucket: bucket.ino, key: bytes('a'), expect: {} });
  await settle(stack);
  await keyring.remove(id);
  await rewrapped(stack);
  assert.equal(await faultOf((async () => keyring.find(id))()), 'not-found');
  assert.equal((await keyring.create('gone')).alias, 'alias/gone');
});
