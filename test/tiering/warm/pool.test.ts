import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MemoryEngine } from '../../../src/kv/memory.ts';
import { openOptimistic } from '../../../src/kv/optimistic.ts';
import { hasWarmPool } from '../../../src/tiering/warm/open-warm-pool.ts';
import { SHARD_HEADER_BYTES } from '../../../src/workers/segment.ts';
import {
  checkImage,
  faults,
  filled,
  idOf,
  openBed,
  openPool,
  placeOf,
  segmentOf,
  settle,
  shape42,
  shardsOf,
  type PoolBed,
} from './pool-bed.ts';

suite('warm pool', () => {
  test('every range of a segment reads as it was packed, over shard borders as well', async () => {
    const { bed, all } = await filled();
    const [{ id, image, packed }] = all as [(typeof all)[0]];
    for (const [start, length] of [
      [0, image.length],
      [5, 1],
      [packed.shardBytes - 3, 7],
      [packed.shardBytes, packed.shardBytes],
      [image.length - 64, 64],
    ] as const) {
      const bytes = await bed.clock.run(bed.pool.read(id, start, length));
      assert.deepEqual(Buffer.from(bytes), Buffer.from(image.subarray(start, start + length)));
    }
    assert.equal(shardsOf(bed, id).length, 6);
    assert.equal(new Set(shardsOf(bed, id).map(({ path }) => path)).size, 6);
  });

  test('put is idempotent, delete as well, and what is deleted is not found', async () => {
    const { bed, all } = await filled(6, 1);
    const [{ id, packed }] = all as [(typeof all)[0]];
    await bed.clock.run(bed.pool.put(id, packed));
    await bed.clock.run(bed.pool.delete(id));
    await bed.clock.run(bed.pool.delete(id));
    await assert.rejects(bed.clock.run(bed.pool.read(id, 0, 1)), faults('not-found'));
    await assert.rejects(bed.clock.run(bed.pool.scrub(id)), faults('not-found'));
    assert.deepEqual(shardsOf(bed, id), []);
  });

  test('lists segments in ascending order, strictly after one', async () => {
    const { bed } = await filled(6, 5);
    const ids: string[] = [];
    for await (const page of bed.pool.list(idOf(2))) ids.push(...page);
    assert.deepEqual(ids, [idOf(3), idOf(4), idOf(5)]);
  });

  test('any two devices may be lost: everything is read, and made anew on those that replace them', async () => {
    for (const [a, b] of [
      ['/d1', '/d2'],
      ['/d3', '/d6'],
    ] as const) {
      const { bed, all } = await filled();
      for (const path of [a, b]) placeOf(bed, path).lose();
      for (const segment of all) await checkImage(bed, segment);
      await settle(bed);
      assert.equal(bed.pool.state().devices.filter(({ state }) => state === 'missing').length, 2);
      await bed.clock.run(bed.pool.replace(a, a));
      bed.devices.place('/new');
      await bed.clock.run(bed.pool.replace(b, '/new'));
      await settle(bed);
      const { shardsMissing, devices } = bed.pool.state();
      assert.equal(shardsMissing, 0);
      assert.deepEqual(
        devices.map(({ state }) => state),
        Array.from({ length: 6 }, () => 'in-service'),
      );
      for (const { id } of all) {
        const health = await bed.clock.run(bed.pool.scrub(id));
        assert.deepEqual(health, { checked: 6, corrupt: 0, healed: 0, isWhole: true });
      }
    }
  });

  test('one device more lost than there is parity: a clear error for what is gone, all else is served', async () => {
    const { bed, all } = await filled(9, 12);
    for (const path of ['/d1', '/d2', '/d3']) placeOf(bed, path).lose();
    await settle(bed);
    for (const { id, image } of all.filter((segment) => shardsOf(bed, segment.id).length < 4)) {
      const perhaps = faults('unavailable', /devices do not answer|do not answer now/);
      await assert.rejects(bed.clock.run(bed.pool.read(id, 0, image.length)), perhaps);
      await assert.rejects(bed.clock.run(bed.pool.scrub(id)), perhaps, 'they may come back');
    }
    bed.pool.rebuild();
    await settle(bed);
    const lost = ['/d1', '/d2', '/d3'];
    for (const segment of all) {
      const left = shardsOf(bed, segment.id).length;
      if (left >= 4) await checkImage(bed, segment);
      else {
        const { image } = segment;
        const wrong = faults('corrupt', /devices do not answer: \/d/);
        await assert.rejects(bed.clock.run(bed.pool.read(segment.id, 0, image.length)), wrong);
        assert.equal((await bed.clock.run(bed.pool.scrub(segment.id))).isWhole, false);
      }
    }
    assert.ok(all.some(({ id }) => shardsOf(bed, id).length < 4) && lost.length === 3);
    assert.ok(all.some(({ id }) => shardsOf(bed, id).length >= 4));
    assert.ok(bed.pool.alerts().some(({ text }) => /lost more shards than they can/.test(text)));
  });

  test('a bit that flips anywhere is not read, and scrub heals it', async () => {
    const { bed, all } = await filled(6, 1);
    const [segment] = all as [(typeof all)[0]];
    const bytes = SHARD_HEADER_BYTES + segment.packed.shardBytes;
    for (let at = 0; at < bytes; at += 997) {
      const { path, index } = shardsOf(bed, segment.id)[at % 6]!;
      const name = { id: segment.id, generation: 1, index };
      placeOf(bed, path).corrupt(name, at, at);
      await checkImage(bed, segment);
      const health = await bed.clock.run(bed.pool.scrub(segment.id));
      assert.deepEqual(health, { checked: 6, corrupt: 1, healed: 1, isWhole: true });
      assert.deepEqual(placeOf(bed, path).shard(name), Uint8Array.from(segment.packed.shards[index]!));
    }
  });

  for (const { devices, shape, severity } of [
    { devices: 7, shape: '4+2', severity: undefined },
    { devices: 6, shape: '4+2', severity: undefined },
    { devices: 5, shape: '3+2', severity: 'degraded' },
    { devices: 3, shape: '1+2', severity: 'degraded' },
    { devices: 2, shape: '1+1', severity: 'critical' },
    { devices: 1, shape: '1+0', severity: 'critical' },
  ]) {
    test(`on ${devices} devices 4+2 is kept as ${shape}, and that is said`, async () => {
      const { bed, all } = await filled(devices, 2);
      const { data, parity } = bed.pool.traits.shape;
      assert.equal(`${data}+${parity}`, shape);
      for (const segment of all) await checkImage(bed, segment);
      assert.equal(bed.pool.alerts()[0]?.severity, severity);
    });
  }

  test('a device that fails while it is written is left out, and gets its shard when it works again', async () => {
    const bed = await openBed();
    placeOf(bed, '/d2').failure = () => 'EIO';
    const segment = await segmentOf(1);
    await bed.clock.run(bed.pool.put(segment.id, segment.packed));
    assert.equal(shardsOf(bed, segment.id).length, 5);
    await checkImage(bed, segment);
    await settle(bed);
    assert.ok(bed.pool.alerts().some(({ text }) => /\/d2 .*(fails|missing)/.test(text)));
    placeOf(bed, '/d2').failure = undefined;
    await settle(bed);
    assert.equal(shardsOf(bed, segment.id).length, 6);
    assert.deepEqual(bed.pool.alerts(), []);
  });

  test('with more devices than a stripe needs, one that fails is replaced by another at once', async () => {
    const bed = await openBed({ count: 7 });
    placeOf(bed, '/d2').failure = () => 'EIO';
    for (let n = 1; n <= 8; n++) {
      const segment = await segmentOf(n);
      await bed.clock.run(bed.pool.put(segment.id, segment.packed));
      assert.equal(shardsOf(bed, segment.id).length, 6);
    }
  });

  test('a device that does not keep what it is given is found by reading back', async () => {
    const bed = await openBed({ count: 7 });
    const lying = placeOf(bed, '/d3');
    const keep = lying.place.bind(lying);
    lying.place = (name, bytes) =>
      keep(
        name,
        bytes.map((byte, at) => (at === 5_000 ? byte ^ 1 : byte)),
      );
    for (let n = 1; n <= 6; n++) {
      const segment = await segmentOf(n);
      await bed.clock.run(bed.pool.put(segment.id, segment.packed));
      assert.deepEqual((await bed.clock.run(bed.pool.scrub(segment.id))).corrupt, 0);
    }
    await settle(bed);
    assert.deepEqual(lying.names(), []);
    assert.ok((bed.pool.state().devices[2]?.errors ?? 0) > 0);
  });

  test('a device that hangs does not hold up reads nor writes', async () => {
    const { bed, all } = await filled(6, 3);
    placeOf(bed, '/d4').failure = () => 'hang';
    for (const segment of all) await checkImage(bed, segment);
    const fresh = await segmentOf(9);
    await bed.clock.run(bed.pool.put(fresh.id, fresh.packed));
    await checkImage(bed, fresh);
    assert.deepEqual(bed.pool.traits.shape, { data: 3, parity: 2 });
  });

  test('a read goes a second way when the first is slower than usual', async () => {
    const { bed, all } = await filled(6, 1);
    const [segment] = all as [(typeof all)[0]];
    for (const { path } of shardsOf(bed, segment.id)) {
      const place = placeOf(bed, path);
      place.delay = () => bed.clock.sleep(1);
    }
    for (let turn = 0; turn < 60; turn++) await checkImage(bed, segment);
    const { path } = shardsOf(bed, segment.id).find(({ index }) => index === 0)!;
    placeOf(bed, path).delay = () => bed.clock.sleep(4_000);
    const begunAt = bed.clock.monotonic();
    await bed.clock.run(bed.pool.read(segment.id, 0, 100));
    assert.ok(bed.clock.monotonic() - begunAt < 100, `${bed.clock.monotonic() - begunAt} ms`);
  });

  test('nothing is written when fewer devices take shards than may be lost one more of', async () => {
    const bed = await openBed();
    for (const path of ['/d1', '/d2']) placeOf(bed, path).failure = () => 'EIO';
    const segment = await segmentOf(1);
    await assert.rejects(bed.clock.run(bed.pool.put(segment.id, segment.packed)), faults('unavailable'));
    assert.deepEqual(shardsOf(bed, segment.id), []);
    for (const path of bed.paths) placeOf(bed, path).failure = (it) => (it === 'put' ? 'ENOSPC' : undefined);
    await assert.rejects(bed.clock.run(bed.pool.put(segment.id, segment.packed)), faults('no-space'));
  });

  test('shards of another encoding of a segment are never mixed in', async () => {
    const { bed, all } = await filled(6, 1);
    const [segment] = all as [(typeof all)[0]];
    const other = await segmentOf(1, shape42, { generation: 2 });
    for (const { path, index } of shardsOf(bed, segment.id)) {
      const bytes = Uint8Array.from(other.packed.shards[index]!);
      if (index < 2) placeOf(bed, path).place({ id: segment.id, generation: 1, index }, bytes);
      placeOf(bed, path).place({ id: segment.id, generation: 2, index }, bytes);
    }
    await checkImage(bed, segment);
    const health = await bed.clock.run(bed.pool.scrub(segment.id));
    assert.deepEqual(health, { checked: 6, corrupt: 2, healed: 2, isWhole: true });
    bed.pool = await openPool(bed);
    await settle(bed);
    assert.equal(shardsOf(bed, segment.id).length, 6, 'what nobody names is swept');
    await checkImage(bed, segment);
  });
});

suite('devices of a warm pool', () => {
  test('a pool starts with devices missing, says so, and takes them back', async () => {
    const { bed, all } = await filled();
    placeOf(bed, '/d5').isPlugged = false;
    bed.pool = await openPool(bed);
    assert.equal(bed.pool.state().devices[4]?.state, 'missing');
    assert.ok(bed.pool.alerts().some(({ text }) => /\/d5 with 4 shards is missing/.test(text)));
    for (const segment of all) await checkImage(bed, segment);
    const fresh = await segmentOf(9, bed.pool.traits.shape);
    await bed.clock.run(bed.pool.put(fresh.id, fresh.packed));
    placeOf(bed, '/d5').isPlugged = true;
    await settle(bed);
    assert.deepEqual(bed.pool.alerts(), []);
    assert.deepEqual(bed.pool.traits.shape, shape42);
    await checkImage(bed, fresh);
  });

  test('a pool is known by its rows, also when the config names no device any more', async () => {
    const { bed, all } = await filled(6, 1);
    const kv = openOptimistic(bed.engine, { merge: () => undefined });
    assert.equal(await bed.clock.run(hasWarmPool(kv)), true);
    assert.equal(await hasWarmPool(openOptimistic(new MemoryEngine(), { merge: () => undefined })), false);
    bed.pool = await openPool({ ...bed, paths: [] });
    await checkImage(bed, all[0]!);
  });

  test('shards that lie elsewhere than their stripe says are taken over, and not swept as long as they are the only ones', async () => {
    const { bed, all } = await filled(10);
    const [segment = assert.fail()] = all;
    const places = bed.paths.map((path) => placeOf(bed, path));
    const spare = places.filter((place) => place.names().every(({ id }) => id !== segment.id));
    // As rows of before have it, after more were moved than may be lost.
    const homes = places.filter((place) => place.names().some(({ id }) => id === segment.id));
    for (const [at, to] of spare.entries()) {
      const from = homes[at] ?? assert.fail();
      const name = from.names().find(({ id }) => id === segment.id) ?? assert.fail();
      to.place(name, from.shard(name) ?? assert.fail());
      from.remove(name);
    }
    assert.equal(spare.length, 4);
    await bed.pool.close();
    bed.pool = await openPool(bed);
    await settle(bed);
    await checkImage(bed, segment);
    assert.equal(shardsOf(bed, segment.id).length, 6);
  });

  test('what a device missed while it was away is swept and made anew', async () => {
    const { bed, all } = await filled(6, 3);
    placeOf(bed, '/d5').isPlugged = false;
    await settle(bed);
    await bed.clock.run(bed.pool.delete(all[0]!.id));
    assert.equal(shardsOf(bed, all[0]!.id).length, 1);
    placeOf(bed, '/d5').isPlugged = true;
    await settle(bed);
    assert.equal(shardsOf(bed, all[0]!.id).length, 0);
    assert.equal(shardsOf(bed, all[1]!.id).length, 6);
  });

  test('a device that stays away is given up: its shards are made anew where there is a device for them', async () => {
    const { bed, all } = await filled(7, 8);
    placeOf(bed, '/d1').isPlugged = false;
    await settle(bed);
    assert.ok(bed.pool.state().shardsMissing > 0);
    bed.clock.pass(700_000);
    await settle(bed);
    assert.equal(bed.pool.state().shardsMissing, 0);
    for (const segment of all) await checkImage(bed, segment);
    placeOf(bed, '/d1').isPlugged = true;
    await settle(bed);
    for (const { id } of all) assert.equal(shardsOf(bed, id).length, 6, 'what came back is swept');
  });

  test('a device that is drained gives its shards to others and is then nobody’s', async () => {
    const { bed, all } = await filled(7, 8);
    await bed.clock.run(bed.pool.drain('/d3'));
    assert.equal(bed.pool.state().devices[2]?.isDraining, true);
    await settle(bed);
    assert.deepEqual(placeOf(bed, '/d3').names(), []);
    assert.equal(placeOf(bed, '/d3').identity, undefined);
    assert.equal(bed.pool.state().devices.length, 6);
    for (const segment of all) await checkImage(bed, segment);
    bed.pool = await openPool(bed);
    assert.equal(bed.pool.state().devices.length, 6, 'the config does not bring it back');
    await bed.clock.run(bed.pool.add('/d3'));
    assert.equal(bed.pool.state().devices.length, 7);
  });

  test('draining waits while there is no device for a shard, and can be taken back', async () => {
    const { bed } = await filled(7, 4);
    await bed.clock.run(bed.pool.drain('/d3'));
    await assert.rejects(bed.clock.run(bed.pool.drain('/d4')), faults('conflict', /add a device first/));
    await assert.rejects(bed.clock.run(bed.pool.drain('/d3')), faults('conflict', /on its way out/));
    await bed.clock.run(bed.pool.add('/d3'));
    assert.equal(bed.pool.state().devices[2]?.state, 'in-service');
  });

  test('a device can be replaced while it works: its shards go to the new one', async () => {
    const { bed, all } = await filled(6, 4);
    bed.devices.place('/new');
    await bed.clock.run(bed.pool.replace('/d2', '/new'));
    await settle(bed);
    assert.deepEqual(placeOf(bed, '/d2').names(), []);
    assert.equal(placeOf(bed, '/new').names().length, 4);
    for (const segment of all) await checkImage(bed, segment);
  });

  test('shards move to a device that was added, until all are about as full', async () => {
    const { bed, all } = await filled(6, 40, { bytesTotal: 80 << 20 });
    for (const place of bed.devices.places.values()) place.bytesTotal = (64 << 20) + (2 << 20);
    await settle(bed);
    bed.devices.place('/new', { bytesTotal: (64 << 20) + (2 << 20) });
    await bed.clock.run(bed.pool.add('/new'));
    await settle(bed);
    const counts = bed.pool.state().devices.map(({ shards }) => shards);
    assert.ok(Math.min(...counts) >= 20, `${counts.join(' ')}`);
    assert.equal(
      counts.reduce((sum, count) => sum + count),
      240,
    );
    for (const segment of all) await checkImage(bed, segment);
  });

  for (const { name, act, code, detail } of [
    {
      name: 'one that is there already',
      act: (bed: PoolBed) => bed.pool.add('/d1'),
      code: 'exists',
      detail: /already/,
    },
    {
      name: 'one within another',
      act: (bed: PoolBed) => bed.pool.add('/d1/in'),
      code: 'invalid-argument',
      detail: /one is in the other/,
    },
    {
      name: 'one around another',
      act: (bed: PoolBed) => bed.pool.add('/'),
      code: 'invalid-argument',
      detail: /one is in the other/,
    },
    {
      name: 'one that is not there',
      act: (bed: PoolBed) => bed.pool.add('/nothing'),
      code: 'invalid-argument',
      detail: /There is no directory/,
    },
    {
      name: 'an unknown one to be drained',
      act: (bed: PoolBed) => bed.pool.drain('/x'),
      code: 'not-found',
      detail: /no device of the warm pool/,
    },
    {
      name: 'one by another of the pool',
      act: (bed: PoolBed) => bed.pool.replace('/d1', '/d2'),
      code: 'exists',
      detail: /is a device/,
    },
    {
      name: 'one by itself while it is there',
      act: (bed: PoolBed) => bed.pool.replace('/d1', '/d1'),
      code: 'exists',
      detail: /is a device/,
    },
  ] as const) {
    test(`refuses ${name}, and nothing changes`, async () => {
      const { bed } = await filled(6, 1);
      await assert.rejects(bed.clock.run(act(bed)), faults(code, detail));
      assert.deepEqual(
        bed.pool.state().devices.map(({ state }) => state),
        Array.from({ length: 6 }, () => 'in-service'),
      );
      bed.pool = await openPool(bed);
      assert.equal(bed.pool.state().devices.length, 6);
    });
  }
});
