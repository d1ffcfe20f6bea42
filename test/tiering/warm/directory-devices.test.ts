import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Fault } from '../../../src/fault.ts';
import { directoryDevices } from '../../../src/tiering/warm/directory-devices.ts';
import type { ShardDevice, ShardName } from '../../../src/tiering/warm/shard-device.ts';
import { noise } from '../../workers/segments.ts';
import { idOf } from './pool-bed.ts';

const identity = { pool: 'a'.repeat(32), device: 'b'.repeat(32) };
const other = { pool: 'c'.repeat(32), device: 'd'.repeat(32) };
const name = (n: number, index = 0): ShardName => ({ id: idOf(n), generation: 7, index });

async function names(device: ShardDevice): Promise<readonly string[]> {
  const all: string[] = [];
  for await (const page of device.list())
    all.push(...page.map((it) => `${it.id}.${it.generation}.${it.index}`));
  return all.toSorted();
}

const refuses =
  (detail: RegExp, code = 'invalid-argument') =>
  (cause: unknown) =>
    cause instanceof Fault && cause.code === code && cause.subject === 'device' && detail.test(cause.detail);

suite('directories as warm devices', () => {
  const devices = directoryDevices();
  let base = '';
  let count = 0;
  const fresh = async (): Promise<string> => {
    count += 1;
    const directory = path.join(base, `device-${count}`);
    await mkdir(directory);
    return directory;
  };
  before(async () => {
    base = await mkdtemp(path.join(tmpdir(), 'terrace-warm-'));
  });
  after(() => rm(base, { recursive: true }));

  test('a probe writes to the medium: the marker alone does not make a device well', async () => {
    const directory = await fresh();
    const device = await devices.make(directory, identity);
    await device.probe();
    await device.probe();
    const file = path.join(directory, 'incoming', 'probe');
    await rm(file);
    await mkdir(file);
    await assert.rejects(device.probe(), refuses(/EISDIR/, 'unavailable'));
    await rm(path.join(directory, 'incoming'), { recursive: true });
    await assert.rejects(device.probe(), refuses(/the directory has gone/, 'unavailable'));
  });

  test('a write that fails leaves nothing behind', async () => {
    const directory = await fresh();
    const device = await devices.make(directory, identity);
    await device.put(name(1), noise(5_000, 1));
    const [fan = ''] = await readdir(path.join(directory, 'shards'));
    await rm(path.join(directory, 'shards', fan), { recursive: true });
    await writeFile(path.join(directory, 'shards', fan), '');
    await assert.rejects(device.put(name(1), noise(5_000, 1)), refuses(/ENOTDIR/, 'unavailable'));
    assert.deepEqual(await readdir(path.join(directory, 'incoming')), []);
  });

  test('keeps shards of every length, over a restart, and gives back any range', async () => {
    const directory = await fresh();
    const made = await devices.make(directory, identity);
    for (const [n, length] of [4096, 8192, 524_288, 528_384, 1_052_672].entries()) {
      const bytes = noise(length, n + 1);
      await made.put(name(n), bytes);
      const device = await devices.find(directory, identity);
      assert.equal(await device.lengthOf(name(n)), length);
      assert.ok(Buffer.from(bytes).equals(await device.readWhole(name(n))), `${length} bytes`);
      assert.deepEqual(
        Buffer.from(await device.read(name(n), 100, 50)),
        Buffer.from(bytes.subarray(100, 150)),
      );
      await assert.rejects(device.read(name(n), length - 1, 2), refuses(/too short/, 'corrupt'));
    }
    assert.equal((await names(made)).length, 5);
    assert.deepEqual(await readdir(path.join(directory, 'incoming')), []);
  });

  test('a shard takes the place of one with its name, and goes when it is deleted', async () => {
    const device = await devices.make(await fresh(), identity);
    await device.put(name(1), noise(4096, 1));
    await device.put(name(1), noise(8192, 2));
    assert.equal(await device.lengthOf(name(1)), 8192);
    await device.put(name(1, 1), noise(4096, 3));
    await device.delete(name(1));
    await device.delete(name(1));
    assert.equal(await device.lengthOf(name(1)), undefined);
    await assert.rejects(device.readWhole(name(1)), refuses(/ENOENT/, 'not-found'));
    assert.deepEqual(await names(device), [`${idOf(1)}.7.1`]);
  });

  test('many reads past the cache at a time share its memory', async () => {
    const device = await devices.make(await fresh(), identity);
    const shards = Array.from({ length: 20 }, (_, n) => noise(12_288, n + 50));
    await Promise.all(shards.map((bytes, n) => device.put(name(n), bytes)));
    const read = await Promise.all(shards.map((_, n) => device.readWhole(name(n))));
    for (const [n, bytes] of read.entries()) assert.ok(Buffer.from(shards[n]!).equals(bytes));
  });

  test('what a crash left on its way is gone at the next start', async () => {
    const directory = await fresh();
    await devices.make(directory, identity);
    await writeFile(path.join(directory, 'incoming', 'half'), 'x');
    await devices.find(directory, identity);
    assert.deepEqual(await readdir(path.join(directory, 'incoming')), []);
  });

  test('a crash while a device is made is made good by the next attempt', async () => {
    const directory = await fresh();
    await mkdir(path.join(directory, 'incoming'));
    await writeFile(path.join(directory, 'incoming', 'terrace-warm-device.json'), '{');
    await devices.make(directory, identity);
    await devices.make(directory, identity);
    assert.match(await readFile(path.join(directory, 'terrace-warm-device.json'), 'utf8'), /"pool":"aaaa/);
  });

  for (const { what, prepare, detail } of [
    {
      what: 'a directory of another pool',
      prepare: (it: string) => devices.make(it, other),
      detail: /belongs to another pool/,
    },
    {
      what: 'another device of this pool',
      prepare: async (it: string) => {
        const device = await devices.make(it, { ...identity, device: other.device });
        await device.put(name(1), noise(4096, 1));
      },
      detail: /as another device/,
    },
    {
      what: 'a directory with files',
      prepare: (it: string) => writeFile(path.join(it, 'a'), ''),
      detail: /is not empty/,
    },
    {
      what: 'a directory with shards and no marker',
      prepare: async (it: string) => {
        const device = await devices.make(it, identity);
        await device.put(name(1), noise(4096, 1));
        await rm(path.join(it, 'terrace-warm-device.json'));
      },
      detail: /is not empty/,
    },
    {
      what: 'a file',
      prepare: async (it: string) => {
        await rm(it, { recursive: true });
        await writeFile(it, '');
      },
      detail: /ENOTDIR/,
    },
    {
      what: 'a place below nothing',
      prepare: (it: string) => rm(it, { recursive: true }),
      detail: /There is no directory/,
      below: 'x',
    },
  ] as { what: string; prepare: (it: string) => Promise<unknown>; detail: RegExp; below?: string }[]) {
    test(`refuses ${what} with one sentence, and leaves it as it is`, async () => {
      const directory = await fresh();
      await prepare(directory);
      const before = await readdir(path.dirname(directory), { recursive: true });
      const place = what.includes('below') ? path.join(directory, 'x') : directory;
      await assert.rejects(devices.make(place, identity), refuses(detail));
      assert.deepEqual(await readdir(path.dirname(directory), { recursive: true }), before);
    });
  }

  test('says when the device at a path is gone or another one', async () => {
    const directory = await fresh();
    const device = await devices.make(directory, identity);
    await device.probe();
    await rename(directory, `${directory}-moved`);
    await assert.rejects(device.probe(), refuses(/no longer/, 'not-found'));
    await assert.rejects(device.put(name(1), noise(4096, 1)), refuses(/has gone/, 'unavailable'));
    await assert.rejects(devices.find(directory, identity), refuses(/no such directory/, 'not-found'));
    await mkdir(directory);
    await assert.rejects(device.put(name(1), noise(4096, 1)), refuses(/has gone/, 'unavailable'));
    await assert.rejects(devices.find(directory, identity), refuses(/is empty/, 'not-found'));
    await devices.make(directory, other);
    await assert.rejects(devices.find(directory, identity), refuses(/another device/, 'not-found'));
    assert.deepEqual(await names(await devices.find(`${directory}-moved`, identity)), []);
  });

  test('a device that retires leaves an empty directory', async () => {
    const directory = await fresh();
    const device = await devices.make(directory, identity);
    await device.put(name(1), noise(4096, 1));
    await device.retire();
    assert.deepEqual(await readdir(directory), []);
  });

  test('one directory has one place, whatever it is called', async () => {
    const directory = await fresh();
    await symlink(directory, `${directory}-link`);
    assert.equal(await devices.placeOf(`${directory}-link`), await devices.placeOf(`${directory}/.`));
  });

  test('tells how much room there is', async () => {
    const { bytesTotal, bytesFree, volume } = await (await devices.make(await fresh(), identity)).space();
    assert.ok(bytesTotal > bytesFree && bytesFree > 0 && volume !== '');
  });
});
