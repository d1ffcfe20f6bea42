import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookIntoColdStoreOn, type FoundColdStore } from '../../../src/tiering/cold/look-into-cold-store.ts';
import { unchanged } from '../../../src/tiering/cold/object-store.ts';
import { packedImage } from '../../../src/tiering/packed-image.ts';
import { unwritten } from '../../../src/tiering/unwritten-segments.ts';
import { referenceErasure } from '../../../src/workers/reference-erasure.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { packedSegment, segmentId } from '../packed-segments.ts';
import { coldSettingsOfTests, coldWorld, idsOf, type ColdWorld } from './cold-world.ts';

const lookInto = ({ bucket, environment }: ColdWorld): Promise<FoundColdStore> =>
  lookIntoColdStoreOn({ ...unchanged(bucket), close: () => Promise.resolve() }, coldSettingsOfTests, {
    environment,
    ...{ compute: referenceCompute(), erasure: referenceErasure(), reduction: referenceReduction() },
  });

test('a cold store whose gateway is gone is read without a trace, and what is gone there is remembered', async () => {
  const world = coldWorld();
  const { simulation, bucket } = world;
  await simulation.run(
    (async () => {
      const { store } = await world.open();
      const packed = await packedSegment(1);
      await store.put(segmentId(1), packed);
      const before = bucket.keys();
      const { segments, nativeBuckets } = await lookInto(world);
      assert.equal(nativeBuckets, 0);
      const found = unwritten(segments);
      const image = Buffer.concat(packedImage(packed).data);
      assert.deepEqual(await idsOf(found), [segmentId(1)]);
      assert.equal(await found.imageBytes(segmentId(1)), image.length);
      assert.deepEqual(Buffer.from(await found.read(segmentId(1), 0, image.length)), image);
      await assert.rejects(found.read(segmentId(2), 0, 1), { code: 'not-found' });
      assert.deepEqual([...found.lost], [segmentId(2)]);
      await assert.rejects(found.put(segmentId(3), packed), { code: 'read-only' });
      await assert.rejects(found.delete(segmentId(1)), { code: 'read-only' });
      assert.equal((await found.scrub(segmentId(1))).checked, 0);
      assert.deepEqual(bucket.keys(), before);
      await found.close();
      await store.close();
    })(),
  );
});

test('buckets with objects under their own keys are counted, the folders of the gateway itself are not', async () => {
  const world = coldWorld();
  const { simulation, bucket } = world;
  await simulation.run(
    (async () => {
      const { store } = await world.open();
      await store.put(segmentId(1), await packedSegment(1));
      const body = Buffer.from('content');
      const { crc64nvme = body } = referenceCompute().digest(['crc64nvme'], [body]);
      const upload = { bytes: body, crc64nvme, condition: { kind: 'absent' } } as const;
      const buckets = Array.from({ length: 1_003 }, (_, index) => `b${index}`);
      const keys = [...buckets.map((name) => `one/${name}/k`), 'one/b0/l', 'one/probe/x', 'onely/b/k', 'b/k'];
      for (const key of keys) await bucket.put(key, upload, new AbortController().signal);
      const { segments, nativeBuckets } = await lookInto(world);
      assert.equal(nativeBuckets, buckets.length);
      await segments.close();
      await store.close();
    })(),
  );
});

test('a prefix that no gateway has used is none', async () => {
  const world = coldWorld();
  await world.simulation.run(
    assert.rejects(lookInto(world), { code: 'not-found', detail: /is no cold store/ }),
  );
});
