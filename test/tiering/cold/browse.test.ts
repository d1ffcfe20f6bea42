import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { MemoryObjectStore } from '../../../src/tiering/cold/memory-object-store.ts';
import type { ObjectStore } from '../../../src/tiering/cold/object-store.ts';
import { attachedRole } from '../../../src/tiering/cold/sdk-failure.ts';
import { sdkObjectStore } from '../../../src/tiering/cold/sdk-object-store.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { keys, liveDoor } from '../../gateway/s3/live-door.ts';
import { Simulation } from '../../simulation/simulation.ts';

const { signal } = new AbortController();
const compute = referenceCompute();

async function aTerrace(context: TestContext): Promise<ObjectStore> {
  const { s3, port } = await liveDoor(context);
  await s3.send(new CreateBucketCommand({ Bucket: 'theirs' }));
  const endpoint = `http://127.0.0.1:${port}`;
  const place = { bucket: 'theirs', prefix: '', endpoint, region: 'us-east-1' };
  const credentials = { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey };
  const how = { socketsMax: 2, storageClass: 'STANDARD', compute, role: attachedRole };
  const store = sdkObjectStore({ place, credentials, ...how });
  context.after(() => store.close());
  return store;
}

const stores = [
  { name: 'a second Terrace', open: aTerrace },
  { name: 'memory', open: async () => new MemoryObjectStore(new Simulation(1)) },
] as const;

async function upload(store: ObjectStore, key: string, text: string): Promise<string> {
  const bytes = Buffer.from(text);
  const { crc64nvme = bytes } = compute.digest(['crc64nvme'], [bytes]);
  return (await store.put(key, { bytes, crc64nvme, condition: { kind: 'absent' } }, signal)).etag;
}

/** All that lies below a prefix, folders with their slash, in pages. */
async function browsed(store: ObjectStore, prefix: string, entriesMax: number): Promise<readonly string[][]> {
  const pages: string[][] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const page = await store.browse(prefix, { after, entriesMax }, signal);
    pages.push([...page.objects.map(({ key }) => key), ...page.folders].sort());
    after = page.next;
  }
  return pages;
}

const uploaded = [
  'a',
  'a/',
  'a/b',
  'a/c/d',
  'a/c/e',
  'a/ü',
  'a0',
  'b/x',
  'b/y',
  'c',
  '\u{ff5e}/z',
  '\u{1f600}',
];
const listings = [
  { prefix: '', entriesMax: 3, want: [['a', 'a/', 'a0'], ['b/', 'c', '\u{ff5e}/'], ['\u{1f600}']] },
  { prefix: '', entriesMax: 1, want: [['a'], ['a/'], ['a0'], ['b/'], ['c'], ['\u{ff5e}/'], ['\u{1f600}']] },
  { prefix: 'a/', entriesMax: 1_000, want: [['a/', 'a/b', 'a/c/', 'a/ü']] },
  { prefix: 'a/c/', entriesMax: 2, want: [['a/c/d', 'a/c/e']] },
  { prefix: 'nothing/', entriesMax: 2, want: [[]] },
];

for (const { name, open } of stores) {
  test(`${name} lists a folder page by page, each entry once, in the order of UTF-8`, async (context) => {
    const store = await open(context);
    for (const key of uploaded) await upload(store, key, key);
    for (const { prefix, entriesMax, want } of listings) {
      assert.deepEqual(await browsed(store, prefix, entriesMax), want, `${prefix} by ${entriesMax}`);
    }
  });

  test(`${name} says of a listed object what a read of it can rely on`, async (context) => {
    const store = await open(context);
    const etag = await upload(store, 'key', 'content');
    const [listed] = (await store.browse('', { after: '', entriesMax: 1 }, signal)).objects;
    assert(listed !== undefined);
    const { modifiedAt, ...rest } = listed;
    assert.deepEqual(rest, { key: 'key', objectBytes: 7, etag, storageClass: 'STANDARD' });
    assert(Number.isInteger(modifiedAt));
    const range = { offset: 1, length: 3, etag };
    assert.equal(Buffer.from((await store.get('key', range, signal)).bytes).toString(), 'ont');
    await store.delete('key', signal);
    await upload(store, 'key', 'another');
    const refused = { code: 'precondition-failed', subject: 'object' };
    await assert.rejects(store.get('key', range, signal), refused);
  });
}
