import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/tiering/hot/device.ts';
import { openAllocator } from '../../src/tiering/hot/allocator.ts';
import { BLOB_TABLES, blobKey, decodeDeviceBlob } from '../../src/tiering/hot/blob-records.ts';
import { DEVICE_UNIT_BYTES, MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import type { MemorySegmentStore } from '../../src/tiering/memory-segment-store.ts';
import { openTiering, type Tiering } from '../../src/tiering/open-tiering.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import type { LowerTier } from '../../src/tiering/tier.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { environmentOf } from './hot/blob-bed.ts';
import { ChunkBed } from './reduction/chunk-bed.ts';
import { noLabels } from './no-labels.ts';

const marker = 'the-secret-that-nobody-shall-find-';
const text = Buffer.from(marker.repeat(600));

interface World {
  readonly bed: ChunkBed;
  readonly tiering: Tiering;
  /** All that the device and the segment store were ever given. */
  readonly written: Uint8Array[];
}

/** A hot device above a chunk store that reduces and seals as in a gateway. */
async function open(cipher: 'aes-256-gcm' | 'none' = 'aes-256-gcm'): Promise<World> {
  const bed = await ChunkBed.open({ settings: { cipher } });
  const memory = new MemoryDevice({ bytes: DEVICE_UNIT_BYTES });
  const written: Uint8Array[] = [];
  const device: Device = {
    traits: memory.traits,
    bytes: () => memory.bytes(),
    write(offset, parts) {
      written.push(...parts.map((part) => Uint8Array.from(part)));
      return memory.write(offset, parts);
    },
    read: (offset, checksums) => memory.read(offset, checksums),
    flush: () => memory.flush(),
    discard: (extent) => memory.discard(extent),
    grow: (size) => memory.grow(size),
    close: () => memory.close(),
  };
  const put: MemorySegmentStore['put'] = bed.segments.put.bind(bed.segments);
  Object.assign(bed.segments, {
    put: (...[id, packed]: Parameters<typeof put>) => {
      written.push(...packed.shards);
      return put(id, packed);
    },
  });
  let lastId = 0;
  const tiering = await openTiering({
    hot: {
      ...{ kv: bed.kv, device, allocator: openAllocator(device.bytes()), nextId: () => ++lastId },
      ...{ environment: environmentOf(bed.random), cipher: referenceCipher(), dataKeys: bed.dataKeys },
    },
    lower: [{ chunks: bed.chunks, segments: bed.segments }],
    ...{ labels: noLabels, migrationBytesPerSecond: 0, scrubBytesPerSecond: 0, wake: () => undefined },
  });
  return { bed, tiering, written };
}

async function put({ bed, tiering: { blobs } }: World): Promise<BlobId> {
  const staged = await blobs.stageSealed([text]);
  await blobs.flush([staged]);
  await bed.kv.transact('durable', async (tx) => blobs.attach(tx, staged));
  return staged.id;
}

async function move({ tiering }: World, ids: readonly BlobId[], to: 'hot' | LowerTier): Promise<void> {
  const moving = tiering.tiers.migrate({ blobs: ids, to, trigger: 'order' });
  await new Promise((resolve) => setImmediate(resolve));
  while ((await tiering.steps.migrate()) === 'busy');
  assert.equal((await moving).outcome, 'completed');
}

/** Everything that a thief of all disks would find. */
async function everythingOf({ bed, written }: World): Promise<Buffer> {
  const pieces: Uint8Array[] = [...written];
  const everything = { start: Uint8Array.of(0), end: Uint8Array.of(0xff) };
  for await (const page of bed.kv.scan(everything, { pageEntries: 100 }))
    for (const { value } of page) pieces.push(value);
  return Buffer.concat(pieces);
}

test('what was staged sealed is reduced below, and is in plain text in no tier, on no way and not when it comes back', async () => {
  const world = await open();
  const { bed, tiering } = world;
  const ids = [await put(world), await put(world), await put(world)];
  await move(world, ids, 'warm');
  assert.deepEqual(await tiering.tiers.placesOf(ids.slice(0, 1)), [{ length: text.length, tiers: ['warm'] }]);
  const { bytesStored } = bed.chunks.usage();
  assert.ok(bytesStored > 0 && bytesStored < text.length, `${bytesStored} bytes of ${3 * text.length}`);
  for (const id of ids) assert.ok(text.equals(await tiering.blobs.read(id, 0, text.length)));
  await move(world, ids, 'hot');
  for (const id of ids) {
    const row = (await bed.kv.get(blobKey(BLOB_TABLES.device, id))) ?? assert.fail('it is not hot');
    assert.equal(decodeDeviceBlob(row).keyId, bed.dataKeys.keyIdNow);
    assert.ok(text.equals(await tiering.blobs.read(id, 0, text.length)));
  }
  assert.equal((await everythingOf(world)).includes(marker.slice(0, 16)), false);
  const bare = await open('none');
  await move(bare, [await put(bare)], 'warm');
  assert.ok((await everythingOf(bare)).includes(marker.slice(0, 16)), 'the search finds what is there');
});
