import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/fault.ts';
import { HOT_READ_MS_MAX, HOT_SILENT_MS_MAX } from '../../../src/limits/tiering.ts';
import { BLOCK_BYTES, type Device } from '../../../src/tiering/hot/device.ts';
import { DEVICE_UNIT_BYTES, MemoryDevice } from '../../../src/tiering/hot/memory-device.ts';
import { watchedDevice, type WatchedDevice } from '../../../src/tiering/hot/watched-device.ts';
import { Rooms } from '../../../src/tiering/rooms.ts';
import { silent } from '../../namespace/world.ts';
import { Simulation } from '../../simulation/simulation.ts';
import { SlowDevice } from '../../simulation/slow-device.ts';

interface Bed {
  readonly simulation: Simulation;
  readonly memory: MemoryDevice;
  readonly slow: SlowDevice;
  readonly device: WatchedDevice;
  readonly checksums: Uint32Array;
}

/** A device with one block written at its start. */
async function opened(): Promise<Bed> {
  const simulation = new Simulation(1);
  const memory = new MemoryDevice({ bytes: DEVICE_UNIT_BYTES });
  const slow = new SlowDevice(memory, (label) => simulation.latency(label));
  const device = watchedDevice(slow, { clock: simulation.clock, log: silent });
  const checksums = await within(simulation, device.write(0, [Buffer.from('content')]));
  return { simulation, memory, slow, device, checksums };
}

async function within<T>(simulation: Simulation, done: Promise<T>): Promise<T> {
  const outcome = await simulation.run(done);
  assert(outcome !== undefined);
  return outcome.value;
}

const isSilence = (cause: unknown): boolean =>
  cause instanceof Fault && cause.code === 'unavailable' && /does not answer/.test(cause.detail);

test('failures of each operation are counted, the last one is told with its place', async () => {
  const { simulation, memory, device, checksums } = await opened();
  memory.failWhen(() => true);
  const calls: readonly (() => Promise<unknown>)[] = [
    () => device.read(0, checksums),
    () => device.write(0, [new Uint8Array(1)]),
    () => device.flush(),
    () => device.write(BLOCK_BYTES, [new Uint8Array(1)]),
  ];
  for (const call of calls) {
    await assert.rejects(within(simulation, call()), /EIO/);
  }
  const { failures, lastFailure, silentMs } = device.health();
  assert.deepEqual(
    { failures, silentMs },
    { failures: { read: 1, write: 2, flush: 1 }, silentMs: undefined },
  );
  assert.match(lastFailure?.text ?? '', /write: EIO: write failed at 4096/);
});

test('a device that is only refused for want of room has not failed', async () => {
  const { simulation, device } = await opened();
  await assert.rejects(within(simulation, device.grow(2 * DEVICE_UNIT_BYTES)), /no-space/);
  assert.deepEqual(device.health().failures, { read: 0, write: 0, flush: 0 });
});

test('a read of a device that hangs is given up, later ones are refused at once, and all goes on when it answers', async () => {
  const { simulation, slow, device, checksums } = await opened();
  slow.hang();
  const begunAt = simulation.clock.monotonic();
  await assert.rejects(within(simulation, device.read(0, checksums)), isSilence);
  const ms = simulation.clock.monotonic() - begunAt;
  assert(ms >= HOT_SILENT_MS_MAX && ms < HOT_SILENT_MS_MAX + 2000, `given up after ${ms} ms`);
  assert((device.health().silentMs ?? 0) >= HOT_SILENT_MS_MAX);
  const probe = device.write(BLOCK_BYTES, [Buffer.from('waits')]);
  const refusedAt = simulation.clock.monotonic();
  await assert.rejects(within(simulation, device.read(0, checksums)), isSilence);
  await assert.rejects(within(simulation, device.write(0, [new Uint8Array(1)])), isSilence);
  assert.equal(simulation.clock.monotonic(), refusedAt);
  slow.resume();
  assert.equal((await within(simulation, probe)).length, 1, 'a write that was under way is done');
  assert.equal(device.health().silentMs, undefined);
  const bytes = await within(simulation, device.read(0, checksums));
  assert.equal(Buffer.from(bytes.subarray(0, 7)).toString(), 'content');
});

test('one read that is lost is given up after a minute, while others are answered', async () => {
  const { simulation, slow, device, checksums } = await opened();
  slow.lose('read');
  const lost = device.read(0, checksums);
  lost.catch(() => undefined);
  await within(simulation, simulation.clock.sleep(1000));
  for (let count = 0; count < 100; count += 1) {
    await within(simulation, device.read(0, checksums));
    await within(simulation, simulation.clock.sleep(1000));
  }
  await assert.rejects(lost, isSilence);
  assert(HOT_READ_MS_MAX <= 100_000);
  assert.equal(device.health().silentMs, undefined);
});

test('a device that was idle behind a lost call is asked again', async () => {
  const { simulation, slow, device, checksums } = await opened();
  slow.lose('write');
  device.write(BLOCK_BYTES, [new Uint8Array(1)]).catch(() => undefined);
  await within(simulation, simulation.clock.sleep(3 * HOT_SILENT_MS_MAX));
  assert(device.health().silentMs !== undefined);
  await within(simulation, device.read(0, checksums));
  assert.equal(device.health().silentMs, undefined);
});

test('memory that a read which was given up may still fill is nobody’s room any more', async () => {
  const { simulation, slow, device, checksums } = await opened();
  const rooms = new Rooms();
  const lent: Uint8Array[] = [];
  const read = (): Promise<unknown> =>
    rooms.lend(2 * BLOCK_BYTES, async (room) => {
      lent.push(room);
      // As a reader does that finds another copy.
      await device.read(0, checksums, room).catch(() => undefined);
    });
  await within(simulation, read());
  await within(simulation, read());
  assert.equal(lent[1], lent[0], 'rooms are used again');
  slow.hang();
  await within(simulation, read());
  slow.resume();
  await within(simulation, read());
  assert.equal(lent[2], lent[0]);
  assert.notEqual(lent[3], lent[0]);
});

test('closing does not wait for the next look', async () => {
  const { simulation, device } = await opened();
  const closes: Device = device;
  await within(simulation, closes.close());
});
