import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MemoryDevice } from '../../../src/tiering/hot/memory-device.ts';
import { contentOf, eraseDisk } from '../../../src/tiering/warm/block/disk-content.ts';
import type { ShardDevice, ShardName } from '../../../src/tiering/warm/shard-device.ts';
import { memoryDisks, DISK_BYTES } from './memory-disks.ts';
import { faults, idOf } from './pool-bed.ts';

const identity = { pool: 'a'.repeat(32), device: 'b'.repeat(32) };
const other = { pool: 'c'.repeat(32), device: 'd'.repeat(32) };
const name = (n: number): ShardName => ({ id: idOf(n), generation: 1, index: 0 });
const KIB = 1_024;
/** Large ones are quick to make. */
const noise = (length: number, seed: number): Uint8Array =>
  Buffer.alloc(length, `content ${seed} of a shard`);

async function writeAt(disk: MemoryDevice, offset: number, bytes: Uint8Array | string): Promise<void> {
  const start = offset - (offset % 4_096);
  const block = Buffer.from(await disk.readUnchecked(start, 4_096));
  block.set(Buffer.from(bytes as string, 'latin1'), offset - start);
  await disk.write(start, [block]);
}

async function contents(device: ShardDevice): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for await (const page of device.list()) {
    for (const it of page) found.set(Number.parseInt(it.id, 16), (await device.lengthOf(it)) ?? 0);
  }
  return found;
}

suite('block devices of the warm pool', () => {
  test('a mebibyte of nonsense in the catalogue costs the shards that it names, and no others', async () => {
    const { devices, disks, fresh } = memoryDisks();
    const place = fresh(1 << 30);
    const device = await devices.make(place, identity);
    const count = 128 * 31 + 40;
    for (let n = 0; n < count; n++) await device.put(name(n), noise(4_096, n));
    await device.close();
    await disks.get(place)!.write(1 << 20, [Buffer.alloc(1 << 20, 'nonsense')]);
    const again = await devices.find(place, identity);
    const { bytesTotal, bytesFree } = await again.space();
    assert.equal(bytesTotal - bytesFree, 40 * 4_096);
    for (let n = 128 * 31; n < count; n++) {
      assert.ok(Buffer.from(noise(4_096, n)).equals(await again.readWhole(name(n))), `shard ${n}`);
    }
  });

  for (const [what, offset, bytes, content] of [
    ['ext4', 1_080, '\x53\xef', /an ext2, ext3 or ext4 file system/],
    ['XFS', 0, 'XFSB', /an XFS file system/],
    ['btrfs', 65_600, '_BHRfS_M', /a btrfs file system/],
    ['LVM', 512, 'LABELONE', /a physical volume of LVM/],
    ['a partition table of old', 510, '\x55\xaa', /a partition table or a boot sector/],
    ['GPT', 512, 'EFI PART', /a partition table \(GPT\)/],
    ['GPT at the end', DISK_BYTES - 512, 'EFI PART', /a partition table \(GPT\)/],
    ['RAID at the end', DISK_BYTES - 8 * KIB, '\xfc\x4e\x2b\xa9', /a member of a RAID/],
    ['LUKS', 0, 'LUKS\xba\xbe', /encrypted content/],
    ['swap', 4_086, 'SWAPSPACE2', /swap space/],
    ['the hot tier', 0, 'TERRACEh', /a hot device of Terrace/],
    ['anything', 700_001, 'x', /content of an unknown kind/],
  ] as const) {
    test(`a disk with ${what} is refused with one sentence that names it, and left as it is`, async () => {
      const { devices, disks, fresh } = memoryDisks();
      const place = fresh();
      const disk = disks.get(place)!;
      await writeAt(disk, offset, bytes);
      const before = [await disk.readUnchecked(0, 1 << 20), await disk.readUnchecked(127 << 20, 1 << 20)];
      const wanted = faults(
        'invalid-argument',
        new RegExp(`carries ${content.source}.*terrace warm erase ${place}`),
      );
      await assert.rejects(devices.make(place, identity), wanted);
      assert.deepEqual(
        [await disk.readUnchecked(0, 1 << 20), await disk.readUnchecked(127 << 20, 1 << 20)],
        before,
      );
      await eraseDisk(disk);
      assert.equal(await contentOf(disk), undefined);
      await devices.make(place, identity);
    });
  }

  test('a device of another pool, and one of this pool that holds shards, are refused', async () => {
    const { devices, fresh } = memoryDisks();
    const place = fresh();
    await (await devices.make(place, other)).close();
    await assert.rejects(
      devices.make(place, identity),
      faults('invalid-argument', /belongs to another pool/),
    );
    const sibling = { pool: other.pool, device: identity.device };
    await (await devices.make(place, sibling)).put(name(1), noise(4_096, 1));
    await assert.rejects(devices.make(place, other), faults('invalid-argument', /as another device of it/));
    assert.deepEqual(await contents(await devices.find(place, sibling)), new Map([[1, 4_096]]));
  });

  test('what was written over the beginning of a device is not taken for it', async () => {
    const { devices, disks, fresh } = memoryDisks();
    const place = fresh();
    await (await devices.make(place, identity)).close();
    await writeAt(disks.get(place)!, 0, 'XFSB');
    await assert.rejects(
      devices.find(place, identity),
      faults('not-found', /something else was written over/),
    );
    await assert.rejects(devices.make(place, identity), faults('invalid-argument', /an XFS file system/));
  });

  test('a superblock that is damaged is made whole from the other one', async () => {
    const { devices, disks, fresh } = memoryDisks();
    const place = fresh();
    await (await devices.make(place, identity)).put(name(1), noise(4_096, 1));
    const disk = disks.get(place)!;
    for (const offset of [0, 512 * KIB]) {
      disk.corrupt(offset + 20, 3);
      const device = await devices.find(place, identity);
      assert.deepEqual(await contents(device), new Map([[1, 4_096]]));
    }
    disk.corrupt(20, 3);
    disk.corrupt(512 * KIB + 20, 3);
    await assert.rejects(devices.find(place, identity), faults('not-found', /both superblocks .* damaged/));
  });

  test('a disk that is too small is refused, and one that has shrunk is not taken for the device', async () => {
    const { devices, disks, fresh } = memoryDisks();
    await assert.rejects(
      devices.make(fresh(64 << 20), identity),
      faults('invalid-argument', /less than 128 MiB/),
    );
    const [large, small] = [fresh(256 << 20), fresh()];
    await (await devices.make(large, identity)).close();
    for (const offset of [0, 512 * KIB]) {
      const block = await disks.get(large)!.readUnchecked(offset, 4_096);
      await disks.get(small)!.write(offset, [block]);
    }
    await assert.rejects(devices.find(small, identity), faults('not-found', /bytes and had/));
  });

  test('a block of the catalogue that rots costs what it alone knew; the device says so and goes on', async () => {
    const { devices, disks, fresh } = memoryDisks();
    const place = fresh();
    const disk = disks.get(place)!;
    const device = await devices.make(place, identity);
    for (let n = 1; n <= 40; n++) await device.put(name(n), noise(8_192, n));
    await device.delete(name(1));
    await device.put(name(41), noise(100_000, 41));
    // Block 0 was written 33 times: the newest version, without shard 1 and with shard 41, is in home 1.
    disk.corrupt((1 << 20) + 512 * KIB + 300, 2);
    const again = await devices.find(place, identity);
    const found = await contents(again);
    assert.equal(found.has(41), false);
    for (let n = 2; n <= 40; n++)
      assert.ok(Buffer.from(noise(8_192, n)).equals(await again.readWhole(name(n))));
    const { bytesTotal, bytesFree } = await again.space();
    assert.equal(bytesTotal - bytesFree, [...found.values()].length * 8_192);
    await again.put(name(41), noise(100_000, 41));
    assert.ok(Buffer.from(noise(100_000, 41)).equals(await again.readWhole(name(41))));
  });

  test('of two entries that claim the same space the later one is true', async () => {
    const { devices, disks, fresh } = memoryDisks();
    const place = fresh();
    const disk = disks.get(place)!;
    const device = await devices.make(place, identity);
    for (let n = 1; n <= 62; n++) await device.put(name(n), noise(4_096, n));
    const old = await disk.readUnchecked(1 << 20, 1 << 20);
    await device.delete(name(3));
    const { bytesFree } = await device.space();
    // All the rest is used, so that the space of shard 3 is.
    for (let n = 100; (await device.space()).bytesFree > 0; n++) {
      await device.put(name(n), noise(Math.min(60 << 20, (await device.space()).bytesFree), n));
    }
    assert.ok(bytesFree > 0);
    const [block] = [old.subarray(128 * 4_096, 129 * 4_096)];
    // The first block is as it was; what it knew since is gone with its newest version.
    const newest = await disk.readUnchecked(1 << 20, 4_096);
    await disk.write((1 << 20) + 512 * KIB, [block]);
    disk.corrupt((1 << 20) + 100, 1);
    assert.equal(newest.length, 4_096);
    const again = await devices.find(place, identity);
    for (const [n, length] of await contents(again)) {
      if (n === 3) continue;
      assert.ok(Buffer.from(noise(length, n)).equals(await again.readWhole(name(n))), `shard ${n}`);
    }
  });

  test('a full device says so, and has room again for what goes', async () => {
    const { devices, fresh } = memoryDisks();
    const device = await devices.make(fresh(), identity);
    const shard = noise(30 << 20, 1);
    for (const n of [1, 2, 3, 4]) await device.put(name(n), shard);
    await assert.rejects(device.put(name(5), shard), faults('no-space', /no room/));
    await device.delete(name(2));
    await device.put(name(5), shard);
    assert.ok(Buffer.from(shard).equals(await device.readWhole(name(5))));
  });

  test('a shard that the catalogue has no entry for is refused, and takes no space', async () => {
    const { devices, fresh } = memoryDisks();
    const device = await devices.make(fresh(), identity);
    const count = 128 * 31;
    for (let n = 0; n < count; n++) await device.put(name(n), noise(4_096, n));
    for (let n = 0; n < 5; n++) {
      await assert.rejects(device.put(name(count), noise(4_096, n)), faults('no-space', /catalogue/));
    }
    for (let n = 0; n < count; n++) await device.delete(name(n));
    const { bytesTotal, bytesFree } = await device.space();
    assert.equal(bytesFree, bytesTotal);
  });

  test('a write that fails leaves nothing, and takes no space', async () => {
    const { devices, disks, fresh } = memoryDisks();
    const place = fresh();
    const disk = disks.get(place)!;
    const device = await devices.make(place, identity);
    await device.put(name(1), noise(4_096, 1));
    const { bytesFree } = await device.space();
    disk.failWhen((operation) => operation === 'write');
    await assert.rejects(device.put(name(2), noise(9_000, 2)), faults('unavailable', /EIO/));
    await assert.rejects(device.put(name(1), noise(9_000, 2)), faults('unavailable', /EIO/));
    await assert.rejects(device.probe(), faults('unavailable', /EIO/));
    disk.failWhen(undefined);
    assert.equal((await device.space()).bytesFree, bytesFree);
    assert.deepEqual(await contents(device), new Map([[1, 4_096]]));
    assert.ok(Buffer.from(noise(4_096, 1)).equals(await device.readWhole(name(1))));
  });
});
