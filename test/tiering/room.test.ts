import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../src/fault.ts';
import { ROOM_PATIENCE_MS } from '../../src/limits/tiering.ts';
import { Room } from '../../src/tiering/room.ts';
import { ManualClock } from './warm/manual-clock.ts';

const MIB = 1 << 20;
const DEVICE_MIB = 16;

/** A device that is full from the start, and a lower tier that takes what `evictable` says, a little in each round. */
class World {
  readonly clock = new ManualClock();
  readonly room: Room;
  bytesFree = 0;
  evictable = 0;

  constructor() {
    this.room = new Room({
      clock: this.clock,
      facts: () => ({
        bytesTotal: DEVICE_MIB * MIB,
        bytesFree: this.bytesFree,
        bytesClean: DEVICE_MIB * MIB,
      }),
      evict: async () => {
        await this.clock.sleep(1);
        const bytes = Math.min(2 * MIB, this.evictable);
        this.evictable -= bytes;
        this.bytesFree += bytes;
        return { bytes };
      },
      collect: () => Promise.resolve(false),
      wake: () => undefined,
    });
  }

  /** Space is taken some time after the writer was let in, as on a device. */
  write(): Promise<void> {
    return this.room.admit(MIB, async () => {
      await this.clock.sleep(1);
      this.bytesFree -= MIB;
      assert.ok(this.bytesFree >= 0, 'a writer was let in and there was no room for it');
    });
  }

  /** When somebody who wanted to write was refused. */
  async refusedAfterMs(): Promise<number> {
    const since = this.clock.monotonic();
    await assert.rejects(this.clock.run(this.write()), (cause) => {
      return cause instanceof Fault && cause.code === 'no-space';
    });
    return this.clock.monotonic() - since;
  }
}

test('writers that wait together are let in for what has become free, and no more of them', async () => {
  const world = new World();
  world.evictable = DEVICE_MIB * MIB;
  await world.clock.run(Promise.all(Array.from({ length: DEVICE_MIB }, () => world.write())));
  assert.equal(world.bytesFree, 0);
});

test('where nothing can be freed a writer waits for a while before it is refused, and those after it are refused at once', async () => {
  const world = new World();
  assert.ok((await world.refusedAfterMs()) >= ROOM_PATIENCE_MS);
  assert.ok((await world.refusedAfterMs()) < ROOM_PATIENCE_MS / 10);
  world.evictable = MIB;
  await world.clock.run(world.write());
  assert.ok((await world.refusedAfterMs()) >= ROOM_PATIENCE_MS, 'something was freed since');
});

test('what becomes free while a writer waits, as when an upload ends, lets it in', async () => {
  const world = new World();
  const written = world.write();
  const freed = world.clock.sleep(ROOM_PATIENCE_MS / 2).then(() => (world.evictable = MIB));
  await world.clock.run(Promise.all([written, freed]));
});
