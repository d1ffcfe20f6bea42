import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import type { SegmentId } from '../../../src/tiering/segment-store.ts';
import type { FoundDevice } from '../../../src/tiering/warm/found-devices.ts';
import { FoundShards } from '../../../src/tiering/warm/found-shards.ts';
import { MemoryShardDevices, type MemoryPlace } from '../../../src/tiering/warm/memory-shard-devices.ts';
import { idOf, reduction, segmentOf, shape42, type Segment } from './pool-bed.ts';

const pool = 'a'.repeat(32);

interface Bed {
  readonly places: readonly MemoryPlace[];
  readonly devices: readonly FoundDevice[];
  readonly open: () => Promise<FoundShards>;
}

/** Six devices that know nothing of each other. */
async function openBed(): Promise<Bed> {
  const memory = new MemoryShardDevices();
  const paths = [1, 2, 3, 4, 5, 6].map((number) => `/d${number}`);
  const places = paths.map((path) => memory.place(path));
  const devices = await Promise.all(
    paths.map(async (path, index): Promise<FoundDevice> => {
      const device = String(index).repeat(32);
      return { path, pool, device, shards: await memory.make(path, { pool, device }) };
    }),
  );
  const open = (): Promise<FoundShards> =>
    FoundShards.open({
      devices,
      reduction,
      scratch: openOptimistic(new MemoryEngine(), { merge: () => undefined }),
    });
  return { places, devices, open };
}

/** One shard on each device, the first one at `first`. */
function lay({ places }: Bed, { id, packed }: Segment, { generation = 1, first = 0 } = {}): void {
  for (const [index, shard] of packed.shards.entries())
    places[(first + index) % places.length]?.place({ id, generation, index }, shard);
}

async function idsOf(found: FoundShards, after?: SegmentId): Promise<readonly SegmentId[]> {
  const ids: SegmentId[] = [];
  for await (const page of found.list(after)) ids.push(...page);
  return ids;
}

const gone = { name: 'Fault', code: 'corrupt', subject: 'store' };

test('segments are read from whatever shards are left, as long as there are as many as hold data', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('sound', 'missing', 'damaged', 'unreadable'), { minLength: 6, maxLength: 6 }),
      fc.nat(5),
      async (states, first) => {
        const bed = await openBed();
        const segment = await segmentOf(1, shape42);
        lay(bed, segment, { first });
        for (const [at, state] of states.entries()) {
          const place = bed.places[at];
          const [name] = place?.names() ?? [];
          assert(place !== undefined && name !== undefined);
          if (state === 'missing') place.remove(name);
          if (state === 'damaged') place.corrupt(name, 4096 + 17, 3);
          if (state === 'unreadable') place.failure = (call) => (call === 'readWhole' ? 'EIO' : undefined);
        }
        const found = await bed.open();
        const sound = states.filter((state) => state === 'sound').length;
        if (sound === 0 && states.every((state) => state === 'missing')) {
          assert.deepEqual(await idsOf(found), []);
          return;
        }
        assert.deepEqual(await idsOf(found), [segment.id]);
        if (sound < 4) return assert.rejects(found.read(segment.id, 0, 1), gone);
        assert.equal(await found.imageBytes(segment.id), segment.image.length);
        const bytes = await found.read(segment.id, 5, segment.image.length - 5);
        assert(Buffer.from(bytes).equals(Buffer.from(segment.image.subarray(5))));
      },
    ),
    { numRuns: 40 },
  ));

test('of two encodings of a segment the newer one counts if it is whole, and shards of both never mix', async () => {
  const bed = await openBed();
  const old = await segmentOf(1, shape42, { generation: 1 });
  const young = await segmentOf(1, shape42, { generation: 2 });
  lay(bed, old);
  for (const index of [0, 1, 2])
    bed.places[index]?.place({ id: young.id, generation: 2, index }, young.packed.shards[index]!);
  const partly = await (await bed.open()).read(old.id, 0, old.image.length);
  assert(Buffer.from(partly).equals(Buffer.from(old.image)), 'the newer one was never finished');
  lay(bed, young, { generation: 2 });
  const wholly = await (await bed.open()).read(old.id, 0, young.image.length);
  assert(Buffer.from(wholly).equals(Buffer.from(young.image)));
});

test('segments are listed in order, once each, and nothing can be written', async () => {
  const bed = await openBed();
  for (const number of [3, 1, 2]) lay(bed, await segmentOf(number), { first: number });
  const found = await bed.open();
  assert.equal(found.shards, 18);
  assert.deepEqual(await idsOf(found), [1, 2, 3].map(idOf));
  assert.deepEqual(await idsOf(found, idOf(1)), [2, 3].map(idOf));
  await assert.rejects(found.put(), { code: 'read-only' });
  await assert.rejects(found.delete(), { code: 'read-only' });
  await assert.rejects(found.read(idOf(1), 0, 1 << 20), gone);
});
