import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { loadNative } from '../../../src/native.ts';
import { directoryDevices } from '../../../src/tiering/warm/directory-devices.ts';
import { localDevices } from '../../../src/tiering/warm/local-devices.ts';
import { MemoryShardDevices } from '../../../src/tiering/warm/memory-shard-devices.ts';
import type {
  DeviceKind,
  ShardDevice,
  ShardDevices,
  ShardName,
} from '../../../src/tiering/warm/shard-device.ts';
import { noise } from '../../workers/segments.ts';
import { memoryDisks } from './memory-disks.ts';
import { faults, idOf } from './pool-bed.ts';

const identity = { pool: 'a'.repeat(32), device: 'b'.repeat(32) };
const name = (n: number, index = 0, generation = 7): ShardName => ({ id: idOf(n), generation, index });
const textOf = (it: ShardName): string => `${it.id}.${it.generation}.${it.index}`;

interface Bed {
  readonly kind: DeviceKind;
  readonly devices: ShardDevices;
  /** An empty place. */
  readonly fresh: () => Promise<string>;
}

const base = await mkdtemp(path.join(tmpdir(), 'terrace-warm-'));
let count = 0;
const nextPath = (): string => path.join(base, `device-${(count += 1)}`);

const inMemory = new MemoryShardDevices();
const disks = memoryDisks();
const beds: Readonly<Record<string, Bed>> = {
  'a directory': {
    kind: 'directory',
    devices: directoryDevices(),
    async fresh() {
      const directory = nextPath();
      await mkdir(directory);
      return directory;
    },
  },
  'a device in memory': {
    kind: 'directory',
    devices: inMemory,
    async fresh() {
      const place = nextPath();
      inMemory.place(place);
      return place;
    },
  },
  'a simulated disk': { kind: 'block-device', devices: disks.devices, fresh: async () => disks.fresh() },
  'a file for a block device': {
    kind: 'file',
    devices: localDevices(loadNative()),
    async fresh() {
      const file = nextPath();
      await writeFile(file, '');
      await truncate(file, 160 << 20);
      return file;
    },
  },
};

async function names(device: ShardDevice): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const page of device.list()) all.push(...page.map(textOf));
  return all.toSorted();
}

async function check(device: ShardDevice, shard: ShardName, bytes: Uint8Array): Promise<void> {
  assert.equal(await device.lengthOf(shard), bytes.length);
  assert.ok(Buffer.from(bytes).equals(await device.readWhole(shard)), 'all of it');
  const [from, length] = [Math.floor(bytes.length / 3), Math.ceil(bytes.length / 2)];
  const part = Buffer.from(await device.read(shard, from, length));
  assert.ok(part.equals(bytes.subarray(from, from + length)), 'a part of it');
}

for (const [what, { kind, devices, fresh }] of Object.entries(beds)) {
  suite(`${what} as a warm device`, () => {
    const opened = new Set<ShardDevice>();
    let device: ShardDevice;
    let place = '';
    const reopened = async (): Promise<ShardDevice> => {
      await device.close();
      opened.delete(device);
      device = await devices.find(place, identity);
      opened.add(device);
      return device;
    };
    before(async () => {
      place = await fresh();
      device = await devices.make(place, identity);
      opened.add(device);
    });
    after(async () => {
      for (const it of opened) await it.close();
    });

    test('says what it is and keeps an empty list at first', async () => {
      assert.equal(device.kind, kind);
      assert.deepEqual(await names(device), []);
      await device.probe();
    });

    test('keeps shards of every length, over a restart, and gives back any range', async () => {
      const lengths = [4_096, 5_000, 8_192, 528_384, 1_052_672, 2_101_248];
      for (const [n, length] of lengths.entries()) await device.put(name(n), noise(length, n + 1));
      for (const open of [async () => device, reopened]) {
        const it = await open();
        for (const [n, length] of lengths.entries()) await check(it, name(n), noise(length, n + 1));
        await assert.rejects(it.read(name(2), 8_191, 2), faults('corrupt', /too short/));
      }
      assert.deepEqual(await names(device), lengths.map((_, n) => textOf(name(n))).toSorted());
      for (const n of lengths.keys()) await device.delete(name(n));
    });

    test('a shard takes the place of one with its name, and goes when it is deleted', async () => {
      await device.put(name(1), noise(4_096, 1));
      await device.put(name(1), noise(8_192, 2));
      await check(device, name(1), noise(8_192, 2));
      await device.put(name(1, 1), noise(4_096, 3));
      await device.delete(name(1));
      await device.delete(name(1));
      assert.equal(await device.lengthOf(name(1)), undefined);
      await assert.rejects(device.readWhole(name(1)), faults('not-found'));
      await assert.rejects(device.read(name(1), 0, 1), faults('not-found'));
      await reopened();
      assert.deepEqual(await names(device), [textOf(name(1, 1))]);
      await device.delete(name(1, 1));
    });

    test('shards of two generations of a segment are two', async () => {
      await device.put(name(3, 2, 1), noise(4_096, 1));
      await device.put(name(3, 2, 2), noise(4_096, 2));
      await check(device, name(3, 2, 1), noise(4_096, 1));
      await device.delete(name(3, 2, 1));
      await check(await reopened(), name(3, 2, 2), noise(4_096, 2));
      await device.delete(name(3, 2, 2));
    });

    test('lists all of many shards, in pages, with what goes meanwhile or not', async () => {
      const all = Array.from({ length: 150 }, (_, n) => name(n + 100));
      for (const [n, it] of all.entries()) await device.put(it, noise(64, n));
      assert.deepEqual(await names(await reopened()), all.map(textOf).toSorted());
      for (const it of all) await device.delete(it);
      assert.deepEqual(await names(device), []);
    });

    test('tells how much room there is, and all of it is free again when shards go', async () => {
      const empty = await device.space();
      assert.ok(empty.bytesTotal >= empty.bytesFree && empty.bytesFree > 0 && empty.volume !== '');
      if (kind === 'directory') return;
      await device.put(name(1), noise(528_384, 1));
      assert.equal((await device.space()).bytesFree, empty.bytesFree - 528_384);
      await device.delete(name(1));
      assert.equal((await device.space()).bytesFree, empty.bytesFree);
      assert.equal((await (await reopened()).space()).bytesFree, empty.bytesFree);
    });

    test('another device is not found in its place', async () => {
      await device.close();
      opened.delete(device);
      const other = { ...identity, device: 'c'.repeat(32) };
      await assert.rejects(devices.find(place, other), faults('not-found', /another device/));
      device = await devices.make(place, identity);
      opened.add(device);
    });

    test('the place is empty after it has retired', async () => {
      await device.put(name(1), noise(4_096, 1));
      await device.retire();
      await assert.rejects(device.probe(), faults('not-found'));
      await device.close();
      opened.delete(device);
      await assert.rejects(devices.find(place, identity), faults('not-found'));
      device = await devices.make(place, { pool: 'd'.repeat(32), device: 'e'.repeat(32) });
      opened.add(device);
      assert.deepEqual(await names(device), []);
    });
  });
}

after(() => rm(base, { recursive: true }));
