import type { Entry } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { MemorySegmentStore } from '../../src/tiering/memory-segment-store.ts';
import { openChunkStore } from '../../src/tiering/reduction/open-chunk-store.ts';
import { referenceReduction } from '../../src/workers/reference-reduction.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { moveAllDown } from '../namespace/recovered-tree.ts';
import {
  bytes,
  memoryDevice,
  openStack,
  plainFacet,
  put,
  root,
  s3,
  silent,
  TestClock,
  type Stack,
} from '../namespace/world.ts';
import { settingsDefault } from '../tiering/reduction/chunk-bed.ts';
import { noise } from '../workers/segments.ts';

/** Every row of a store in which a little of everything has happened. */
export async function livedInRows(): Promise<readonly Entry[]> {
  const clock = new TestClock();
  const segments = new MemorySegmentStore({ shape: { data: 2, parity: 1 }, imageBytesMax: 1 << 20 });
  const stack = await openStack({
    ...{ engine: new MemoryEngine(), device: memoryDevice(), inlineBytesMax: 100 },
    environment: { clock, random: seededRandom(1), log: silent },
    defaultEncryption: { algorithm: 'AES256', bucketKey: false, blocksCustomerKeys: false },
    lower: async (given) => {
      const parts = { ...given, segments, reduction: referenceReduction(), settings: settingsDefault };
      return [{ chunks: await openChunkStore({ ...parts, tier: 'warm' }), segments }];
    },
  });
  await live(stack);
  const rows: Entry[] = [];
  const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
  for await (const page of stack.kv.scan(everything, { pageEntries: 1000 })) rows.push(...page);
  return rows;
}

async function live(stack: Stack): Promise<void> {
  const { files, objects, quotas } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  const versioned = await objects.createBucket(s3, 'versioned');
  const by = { name: 'root', door: 's3' } as never;
  await objects.changeBucketRules({ ...versioned, by }, { versioning: 'enabled' });
  for (const body of ['old', 'new']) await put(stack, versioned, 'k', body);
  await put(stack, bucket, 'inline', 'small');
  await put(stack, bucket, 'd/device', noise(9000, 1));
  await put(stack, bucket, 'moved', noise(9000, 2));
  const made = await files.create(
    root,
    { directory: bucket.ino, name: bytes('long') },
    { mode: { how: 'guarded' }, wish: { mode: 0o600 } },
  );
  for (let nth = 0; nth < 40; nth += 1)
    await files.write(root, made.attributes.ino, {
      offset: nth * 70_000,
      data: noise(200, nth),
      stable: true,
    });
  await files.link(root, made.attributes.ino, { directory: bucket.ino, name: bytes('another name') });
  await quotas.set({ kind: 'bucket', bucket }, { bytes: { hard: 1e9 } } as never);
  const upload = { bucket: bucket.ino, key: bytes('u'), facet: plainFacet('u') };
  for (const isCompleted of [false, true]) {
    const { uploadId } = await objects.createUpload(s3, { ...upload, checksum: undefined });
    const draft = await objects.draft(s3);
    await draft.write([noise(300, 3)]);
    const part = { number: 1, etag: 'p', checksums: [] };
    await objects.putPart({ ...upload, uploadId }, draft, part);
    if (isCompleted) await objects.completeUpload(s3, { ...upload, uploadId, parts: [part], expect: {} });
  }
  await moveAllDown(stack);
  await put(stack, bucket, 'hot', noise(9000, 4));
  await put(stack, bucket, 'inline too', 'small');
}
