import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Kv } from '../../../src/kv/kv.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import { loadNative } from '../../../src/native.ts';
import type { BlobId, Blobs } from '../../../src/tiering/blobs.ts';
import { openAllocator } from '../../../src/tiering/hot/allocator.ts';
import { openNativeDevice, type NativeDevice } from '../../../src/tiering/hot/native-device.ts';
import { openBlobs } from '../../../src/tiering/hot/open-blobs.ts';
import { nativeCipher } from '../../../src/workers/native-cipher.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { MemoryDataKeys } from '../memory-data-keys.ts';
import { content, environmentOf } from './blob-bed.ts';

const MEBIBYTE = 1 << 20;
const GROW_BYTES = 64 * MEBIBYTE;
let lastId = 0;

function openDevice(directory: string): Promise<NativeDevice> {
  return openNativeDevice(loadNative(), {
    path: path.join(directory, 'hot'),
    bytes: 1,
    driver: 'any',
    uuid: '11'.repeat(16),
  });
}

function openOn(kv: Kv, device: NativeDevice): Promise<Blobs> {
  return openBlobs({
    kv,
    device,
    allocator: openAllocator(device.bytes()),
    environment: environmentOf(seededRandom(1)),
    cipher: nativeCipher(loadNative()),
    dataKeys: new MemoryDataKeys(),
    nextId: () => ++lastId,
    growth: {
      growBytes: GROW_BYTES,
      bytesMax: 2 * GROW_BYTES,
      freeBytesMin: 0,
      freeBytes: () => Promise.resolve(4 * GROW_BYTES),
    },
  });
}

async function put(kv: Kv, blobs: Blobs, bytes: Uint8Array): Promise<BlobId> {
  const staged = await blobs.stage([bytes]);
  await blobs.flush([staged]);
  await kv.transact('durable', async (tx) => blobs.attach(tx, staged));
  return staged.id;
}

test('blobs on a real file are there after reopening, and the file grows', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'terrace-blobs-'));
  const kv = openOptimistic(new MemoryEngine(), { merge: () => undefined });
  const lengths = [10, 20_000, MEBIBYTE, MEBIBYTE + 1, 40 * MEBIBYTE, 40 * MEBIBYTE];
  const first = await openDevice(directory);
  const before = await openOn(kv, first);
  const ids: BlobId[] = [];
  for (const [seed, length] of lengths.entries()) ids.push(await put(kv, before, content(length, seed)));
  assert.equal(first.bytes(), 2 * GROW_BYTES);
  const usage = before.usage();
  await before.close();
  await first.close();

  const second = await openDevice(directory);
  const after = await openOn(kv, second);
  assert.deepEqual(after.usage(), usage);
  for (const [seed, length] of lengths.entries()) {
    const bytes = await after.read(ids[seed]!, 3, length - 5);
    assert(Buffer.from(bytes).equals(Buffer.from(content(length, seed).subarray(3, length - 2))));
  }
  await after.close();
  await second.close();
  rmSync(directory, { recursive: true });
});
