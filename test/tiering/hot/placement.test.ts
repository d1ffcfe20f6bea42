import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import type { BlobId, Lifetime } from '../../../src/tiering/blobs.ts';
import { openAllocator } from '../../../src/tiering/hot/allocator.ts';
import { MEBIBYTE_BYTES, REGION_BYTES, type DeviceTraits } from '../../../src/tiering/hot/device.ts';
import type { HotBlobs } from '../../../src/tiering/hot/hot-blobs.ts';
import { openBlobs } from '../../../src/tiering/hot/open-blobs.ts';
import { referenceCipher } from '../../../src/workers/reference-cipher.ts';
import { seededRandom } from '../../kv/seeded-random.ts';
import { TestClock } from '../../namespace/world.ts';
import { MemoryDataKeys } from '../memory-data-keys.ts';
import { environmentOf } from './blob-bed.ts';
import { FlashDevice } from './flash-device.ts';

const LONG_BYTES = 38 * MEBIBYTE_BYTES;
const SHORT_BLOBS = 60;
const WRITES = 4_000;

interface Bed {
  readonly device: FlashDevice;
  readonly blobs: HotBlobs;
  readonly put: (length: number, lifetime: Lifetime) => Promise<BlobId>;
  readonly give: (id: BlobId) => Promise<void>;
}

async function open(seed: number, placement: DeviceTraits['placement']): Promise<Bed> {
  const device = new FlashDevice(REGION_BYTES, placement);
  const kv = openOptimistic(new MemoryEngine(), { merge: () => undefined });
  let lastId = 0;
  const blobs = await openBlobs({
    ...{ kv, device, allocator: openAllocator(REGION_BYTES), cipher: referenceCipher() },
    environment: { ...environmentOf(seededRandom(seed)), clock: new TestClock() },
    ...{ dataKeys: new MemoryDataKeys(), nextId: () => ++lastId, inlineBytesMax: 100, trimAfterMs: 0 },
  });
  const put: Bed['put'] = async (length, lifetime) => {
    const staged = await blobs.stage([new Uint8Array(length)], lifetime);
    await kv.transact('buffered', async (tx) => blobs.attach(tx, staged));
    return staged.id;
  };
  const give = (id: BlobId): Promise<void> => kv.transact('buffered', (tx) => blobs.release(tx, id));
  return { device, blobs, put, give };
}

/** Objects that stay, and some of which are replaced now and then, among files that are rewritten all the time. */
async function wear(seed: number, placement: DeviceTraits['placement']): Promise<number> {
  const { device, blobs, put, give } = await open(seed, placement);
  const random = seededRandom(seed);
  const long: BlobId[] = [];
  const short: BlobId[] = [];
  for (let bytes = 0; bytes < LONG_BYTES;) {
    const length = (4 + random.below(28)) * 4_096;
    long.push(await put(length, 'medium'));
    bytes += length;
  }
  for (let write = 0; write < WRITES; write += 1) {
    if (random.below(4) === 0) {
      const at = random.below(long.length);
      await give(long[at]!);
      long[at] = await put((4 + random.below(28)) * 4_096, 'medium');
    } else {
      short.push(await put((1 + random.below(16)) * 4_096, 'short'));
      const oldest = short.length > SHORT_BLOBS ? short.shift() : undefined;
      if (oldest !== undefined) await give(oldest);
    }
    if (write % 20 > 0) continue;
    await blobs.collect();
    await blobs.trim();
  }
  return device.amplification();
}

for (const seed of [1, 2, 3]) {
  test(`lifetimes of writes lower what flash writes for itself, seed ${seed}`, async (context) => {
    const none = await wear(seed, 'none');
    const streams = await wear(seed, 'streams');
    context.diagnostic(
      `write amplification ${none.toFixed(3)} without streams, ${streams.toFixed(3)} with them`,
    );
    assert(none > 1.05, 'without streams the medium moves blocks');
    assert(streams - 1 < 0.9 * (none - 1), `${streams} with streams, ${none} without`);
  });
}
