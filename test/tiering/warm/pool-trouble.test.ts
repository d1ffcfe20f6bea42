import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { WarmDevice } from '../../../src/tiering/warm/warm-pool.ts';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import {
  checkImage,
  faults,
  filled,
  openBed,
  openPool,
  placeOf,
  segmentOf,
  settle,
  shape42,
  shardsOf,
} from './pool-bed.ts';

suite('a warm pool in trouble', () => {
  test('a device that turns read-only is read from, stays attached, and is emptied after ten minutes', async () => {
    const { bed, all } = await filled(7, 6);
    await settle(bed);
    const device = (): WarmDevice =>
      bed.pool.state().devices.find(({ path }) => path === '/d1') ?? assert.fail('it has left the pool');
    assert.ok(device().shards > 0);
    const attached = { count: 0 };
    bed.environment.log.info = (event) => (attached.count += event === 'a warm device is there' ? 1 : 0);
    placeOf(bed, '/d1').failure = (operation) =>
      ['put', 'delete', 'probe'].includes(operation) ? 'EROFS' : undefined;
    for (let round = 0; round < 20; round++) {
      bed.clock.pass(10_000);
      for (const { step } of bed.pool.steps) await bed.clock.run(step());
    }
    assert.deepEqual([device().state, device().reason], ['failing', 'it takes no writes']);
    assert.ok(
      bed.pool.alerts().some(({ text }) => /\/d1 with \d+ shards can be read and takes no/.test(text)),
    );
    const before = device().shards;
    const segment = await segmentOf(20, bed.pool.traits.shape);
    await bed.clock.run(bed.pool.put(segment.id, segment.packed));
    assert.equal(device().shards, before, 'nothing new is counted on there');
    for (const it of [...all, segment]) await checkImage(bed, it);
    bed.clock.pass(600_000);
    await settle(bed);
    assert.equal(device().shards, 0, 'its shards lie on others');
    assert.equal(attached.count, 0);
    placeOf(bed, '/d1').failure = undefined;
    await settle(bed);
    assert.equal(device().state, 'in-service');
    for (const it of [...all, segment]) await checkImage(bed, it);
  });

  test('what too many bad sectors keep back is not called lost, while their devices answer', async () => {
    const { bed, all } = await filled(6, 1);
    const [{ id, image }] = all as [(typeof all)[0]];
    for (const { path } of shardsOf(bed, id).filter(({ index }) => index < 3)) {
      placeOf(bed, path).failure = (_operation, name) => (name?.id === id ? 'EIO' : undefined);
    }
    await assert.rejects(bed.clock.run(bed.pool.read(id, 0, image.length)), faults('unavailable'));
    await assert.rejects(bed.clock.run(bed.pool.scrub(id)), faults('unavailable'));
    await settle(bed);
    assert.equal(bed.pool.state().repair.lost, 0);
  });

  test('a device that is only busy is not taken for one with bad sectors', async () => {
    const { bed, all } = await filled(6, 1);
    const [{ id, image }] = all as [(typeof all)[0]];
    await settle(bed);
    const place = placeOf(bed, '/d1');
    let written = 0;
    place.failure = (operation) => {
      if (operation === 'put') written += 1;
      return undefined;
    };
    place.delay = () => bed.clock.sleep(5);
    const crowd = Array.from({ length: 1_100 }, () => bed.pool.read(id, 0, image.length));
    const health = bed.clock.run(bed.pool.scrub(id));
    await bed.clock.run(Promise.allSettled([...crowd, health]));
    assert.equal(written, 0);
  });

  test('devices that are away for a while take no parity away: nothing is written until enough are back', async () => {
    const bed = await openBed();
    const away = ['/d1', '/d2', '/d3', '/d4'];
    for (const path of away) placeOf(bed, path).failure = () => 'EIO';
    for (let n = 1; n <= 4; n++) {
      const segment = await segmentOf(n, bed.pool.traits.shape);
      await assert.rejects(bed.clock.run(bed.pool.put(segment.id, segment.packed)), faults('unavailable'));
    }
    assert.equal(bed.pool.state().shape, undefined);
    assert.ok(bed.pool.alerts().some(({ text }) => /takes no new content: too few/.test(text)));
    for (const path of away) placeOf(bed, path).failure = undefined;
    await settle(bed);
    assert.deepEqual(bed.pool.state().shape, shape42);
  });

  test('what was written with less parity is counted, said, and named to be written anew when devices are there', async () => {
    const { bed, all } = await filled(1, 3);
    assert.ok(bed.pool.alerts().some(({ text }) => /3 segments .* less parity than 4\+2/.test(text)));
    await settle(bed);
    assert.deepEqual(bed.pool.weak?.(), [], 'nothing better can be written now');
    for (const path of ['/n1', '/n2', '/n3', '/n4', '/n5']) {
      bed.devices.place(path);
      await bed.clock.run(bed.pool.add(path));
    }
    await settle(bed);
    assert.deepEqual(new Set(bed.pool.weak?.()), new Set(all.map(({ id }) => id)));
    assert.deepEqual(bed.pool.weak?.(), []);
    for (const { id } of all) await bed.clock.run(bed.pool.delete(id));
    assert.deepEqual(bed.pool.alerts(), []);
  });

  test('shards of segments that restored metadata is too old to know are left, and that is said', async () => {
    const bed = await openBed();
    const { clock } = bed;
    const [old, restored, fresh] = await Promise.all([1, 2, 3].map((n) => segmentOf(n)));
    assert.ok(old !== undefined && restored !== undefined && fresh !== undefined);
    await clock.run(bed.pool.put(old.id, old.packed));
    const range = { start: Uint8Array.of(), end: Uint8Array.of(255) };
    const { entries } = await bed.engine.page(range, {
      reverse: false,
      entriesMax: 1_000,
      bytesMax: 1 << 20,
    });
    await clock.run(bed.pool.put(restored.id, restored.packed));
    const newer = bed.engine;
    bed.engine = new MemoryEngine({}, entries);
    bed.pool = await openPool(bed);
    await settle(bed);
    assert.equal(shardsOf(bed, restored.id).length, 6);
    assert.ok(bed.pool.alerts().some(({ text }) => /hold 6 shards .* newer/.test(text)));
    await clock.run(bed.pool.put(fresh.id, fresh.packed));
    bed.pool.rebuild();
    await settle(bed);
    assert.equal(shardsOf(bed, restored.id).length, 6, 'what is written since then does not end it');
    bed.engine = newer;
    bed.pool = await openPool(bed);
    await checkImage(bed, restored);
  });

  test('sectors that cannot be read cost one shard, which is written anew', async () => {
    const { bed, all } = await filled(6, 2);
    const { id } = all[0]!;
    const { path } = shardsOf(bed, id).find(({ index }) => index === 2)!;
    let isBad = true;
    placeOf(bed, path).failure = (operation, name) => {
      if (name?.id !== id) return undefined;
      if (operation === 'put') isBad = false;
      return isBad ? 'EIO' : undefined;
    };
    for (const segment of all) await checkImage(bed, segment);
    await settle(bed);
    assert.equal(isBad, false);
    assert.equal((await bed.clock.run(bed.pool.scrub(id))).corrupt, 0);
  });

  test('damage that a read meets is repaired by itself', async () => {
    const { bed, all } = await filled(6, 1);
    const [{ id, packed, image }] = all as [(typeof all)[0]];
    await settle(bed);
    const { path } = shardsOf(bed, id).find(({ index }) => index === 1)!;
    const name = { id, generation: 1, index: 1 };
    for (const harm of [
      () => placeOf(bed, path).remove(name),
      () => placeOf(bed, path).corrupt(name, 4_100, 1),
    ]) {
      harm();
      const bytes = await bed.clock.run(bed.pool.read(id, packed.shardBytes, 10));
      const wanted = image.subarray(packed.shardBytes, packed.shardBytes + 10);
      assert.deepEqual(Buffer.from(bytes), Buffer.from(wanted));
      await settle(bed);
      assert.deepEqual(placeOf(bed, path).shard(name), Uint8Array.from(packed.shards[1]!));
    }
  });

  test('a device that serves no shard rests, although its probe and its space answer', async () => {
    const bed = await openBed({ count: 7 });
    placeOf(bed, '/d2').failure = (_operation, name) => (name === undefined ? undefined : 'EIO');
    for (let n = 1; n <= 12; n++) {
      const segment = await segmentOf(n);
      await bed.clock.run(bed.pool.put(segment.id, segment.packed));
      bed.clock.pass(5_000);
      for (const { step } of bed.pool.steps.slice(0, 1)) await bed.clock.run(step());
    }
    assert.equal(bed.pool.state().devices[1]?.state, 'failing');
    assert.ok(bed.pool.alerts().some(({ text }) => /\/d2 fails/.test(text)));
  });

  test('a device that does not keep what is written rests', async () => {
    const bed = await openBed({ count: 7 });
    const lying = placeOf(bed, '/d3');
    const keep = lying.place.bind(lying);
    lying.place = (name, bytes) =>
      keep(
        name,
        bytes.map((byte) => byte ^ 1),
      );
    for (let n = 1; n <= 12; n++) {
      const segment = await segmentOf(n);
      await bed.clock.run(bed.pool.put(segment.id, segment.packed));
    }
    assert.equal(bed.pool.state().devices[2]?.state, 'failing');
    assert.equal(bed.pool.state().devices[2]?.errors, 3, 'it is given nothing more');
  });

  test('a device whose path hangs can be replaced', async () => {
    const { bed, all } = await filled(6, 2);
    placeOf(bed, '/d2').failure = () => 'hang';
    const known = bed.devices.placeOf.bind(bed.devices);
    bed.devices.placeOf = (path) => (path === '/d2' ? new Promise(() => undefined) : known(path));
    bed.devices.place('/new');
    await bed.clock.run(bed.pool.replace('/d2', '/new'));
    await settle(bed);
    assert.equal(placeOf(bed, '/new').names().length, 2);
    for (const segment of all) await checkImage(bed, segment);
  });

  test('a new device whose space hangs is refused, and others can be added', async () => {
    const { bed } = await filled(6, 1);
    bed.devices.place('/slow').failure = (operation) => (operation === 'space' ? 'hang' : undefined);
    await assert.rejects(bed.clock.run(bed.pool.add('/slow')), faults('unavailable', /does not answer/));
    bed.devices.place('/new');
    await bed.clock.run(bed.pool.add('/new'));
    assert.equal(bed.pool.state().devices.length, 7);
  });
});
