import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAllocator } from '../../../src/tiering/hot/allocator.ts';
import { BlobSpace } from '../../../src/tiering/hot/blob-space.ts';
import type { Device } from '../../../src/tiering/hot/device.ts';

const UNIT = 67_108_864;
const UNITS_MAX = 3;

/** A device that only has a size, and a file system that answers when it is told to. */
class World {
  readonly allocator = openAllocator(UNIT);
  readonly space: BlobSpace;
  readonly #waiting: (() => void)[] = [];
  #bytes = UNIT;

  constructor() {
    const device: Pick<Device, 'bytes' | 'grow'> = {
      bytes: () => this.#bytes,
      grow: (bytes) => {
        this.#bytes = bytes;
        return Promise.resolve();
      },
    };
    this.space = new BlobSpace({
      device: device as Device,
      allocator: this.allocator,
      growth: {
        growBytes: UNIT,
        bytesMax: UNITS_MAX * UNIT,
        freeBytesMin: 0,
        freeBytes: () => new Promise((resolve) => this.#waiting.push(() => resolve(100 * UNIT))),
      },
      trims: { held: { bytes: 0, ended: undefined }, freed: () => undefined },
      failed: { sift: (extents) => extents },
      collect: () => Promise.resolve(false),
    });
  }

  /** The file system answers everybody who asks before `done` is, who asked last first. */
  async answering<T>(done: Promise<T>, watch: () => void = () => undefined): Promise<T> {
    let isDone = false;
    const settle = (): boolean => (isDone = true);
    done.then(settle, settle);
    while (!isDone) {
      watch();
      this.#waiting.pop()?.();
      await new Promise(setImmediate);
    }
    return done;
  }
}

test('while a device grows, what it gains is counted once', async () => {
  const world = new World();
  await world.answering(world.space.refresh());
  let bytesTaken = 0;
  for (let unit = 0; unit < UNITS_MAX; unit++) {
    await world.answering(world.space.allocate(UNIT), () => {
      assert.ok(world.space.usage().bytesTotal <= UNITS_MAX * UNIT, 'more than it can ever have');
    });
    bytesTaken += UNIT;
    assert.equal(world.space.usage().bytesFree, UNITS_MAX * UNIT - bytesTaken);
  }
  await assert.rejects(world.answering(world.space.allocate(4_096)), { code: 'no-space' });
});

test('a question to the file system that is under way while the device grows does not count the growth twice', async () => {
  const world = new World();
  await world.answering(world.space.allocate(UNIT));
  const both = Promise.all([world.space.refresh(), world.space.allocate(UNIT)]);
  await new Promise(setImmediate);
  await world.answering(both);
  assert.deepEqual(world.space.usage(), { bytesTotal: UNITS_MAX * UNIT, bytesFree: UNIT });
});
