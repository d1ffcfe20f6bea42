import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import { loadNative } from '../../../src/native.ts';
import { findDevice } from '../../../src/tiering/warm/found-devices.ts';
import { localDevices } from '../../../src/tiering/warm/local-devices.ts';
import { noise } from '../../workers/segments.ts';
import { idOf } from './pool-bed.ts';

const identity = { pool: 'a'.repeat(32), device: 'b'.repeat(32) };
const name = { id: idOf(1), generation: 7, index: 2 };
const base = await mkdtemp(path.join(tmpdir(), 'terrace-found-'));
after(() => rm(base, { recursive: true }));

async function shardsIn(place: string): Promise<readonly unknown[]> {
  const { shards, pool, device } = await findDevice(loadNative(), place);
  assert.deepEqual({ pool, device }, identity);
  const found: unknown[] = [];
  for await (const page of shards.list()) found.push(...page);
  assert.deepEqual(Buffer.from(await shards.readWhole(name)), Buffer.from(noise(9000, 1)));
  await shards.close();
  return found;
}

suite('a device that nobody knows any more', () => {
  test('is told from its marker, and stays as it is to the last file', async () => {
    const place = path.join(base, 'directory');
    await mkdir(place);
    const device = await localDevices(loadNative()).make(place, identity);
    await device.put(name, noise(9000, 1));
    await device.close();
    await writeFile(path.join(place, 'incoming', 'on its way'), 'left by a crash');
    const before = await readdir(place, { recursive: true });
    assert.deepEqual(await shardsIn(place), [name]);
    assert.deepEqual(await readdir(place, { recursive: true }), before);
  });

  test('is told from one superblock when the other is damaged, and no byte of the disk changes', async () => {
    const place = path.join(base, 'disk');
    await writeFile(place, '');
    await truncate(place, 128 << 20);
    const device = await localDevices(loadNative()).make(place, identity);
    await device.put(name, noise(9000, 1));
    await device.close();
    const handle = await open(place, 'r+');
    await handle.write(Buffer.from('damage'), 0, 6, 100);
    await handle.close();
    const sum = async (): Promise<string> =>
      createHash('sha256')
        .update(await readFile(place))
        .digest('hex');
    const before = await sum();
    assert.deepEqual(await shardsIn(place), [name]);
    assert.equal(await sum(), before);
  });

  test('anything else is refused in a sentence', async () => {
    const empty = path.join(base, 'empty');
    await mkdir(empty);
    const blank = path.join(base, 'blank');
    await writeFile(blank, '');
    await truncate(blank, 128 << 20);
    const cases = [
      [empty, /has no marker/],
      [blank, /has no superblock/],
      [path.join(base, 'none'), /There is nothing at/],
    ] as const;
    for (const [place, detail] of cases) await assert.rejects(findDevice(loadNative(), place), { detail });
  });
});
