import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookIntoColdStoreOn } from '../../../src/tiering/cold/look-into-cold-store.ts';
import { unchanged } from '../../../src/tiering/cold/object-store.ts';
import { packedImage } from '../../../src/tiering/packed-image.ts';
import type { SegmentStore } from '../../../src/tiering/segment-store.ts';
import { unwritten } from '../../../src/tiering/unwritten-segments.ts';
import { referenceErasure } from '../../../src/workers/reference-erasure.ts';
import { referenceReduction } from '../../../src/workers/reference-reduction.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { packedSegment, segmentId } from '../packed-segments.ts';
import { coldSettingsOfTests, coldWorld, idsOf, type ColdWorld } from './cold-world.ts';

const lookInto = ({ bucket, environment }: ColdWorld): Promise<SegmentStore> =>
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
      const found = unwritten(await lookInto(world));
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

test('a prefix that no gateway has used is none', async () => {
  const world = coldWorld();
  await world.simulation.run(
    assert.rejects(lookInto(world), { code: 'not-found', detail: /is no cold store/ }),
  );
});
