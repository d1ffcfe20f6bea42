// CPU of a warm device for each shard, a directory beside a disk: node dist/bench/warm-devices.js DIR DISK
// Both must be empty; they stay marked as devices of a pool that nobody has.
import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { loadNative } from '../src/native.ts';
import type { SegmentId } from '../src/tiering/segment-store.ts';
import { localDevices } from '../src/tiering/warm/local-devices.ts';
import type { ShardDevice, ShardName } from '../src/tiering/warm/shard-device.ts';

/** A data shard of a full segment in 4+2, with its header. */
const SHARD_BYTES = 528_384;
const RANGE_BYTES = 65_536;
const ROUNDS = 6;
const SHARDS_PER_ROUND = 60;
const READS_PER_ROUND = 300;

type Work = (device: ShardDevice, nameOf: (nth: number) => ShardName, nth: number) => Promise<unknown>;

const bytes = randomBytes(SHARD_BYTES);
const works: readonly { readonly name: string; readonly count: number; readonly work: Work }[] = [
  { name: 'put', count: SHARDS_PER_ROUND, work: (device, nameOf, nth) => device.put(nameOf(nth), bytes) },
  {
    name: 'readWhole',
    count: SHARDS_PER_ROUND,
    work: (device, nameOf, nth) => device.readWhole(nameOf(nth)),
  },
  {
    name: 'read 64 KiB',
    count: READS_PER_ROUND,
    work: (device, nameOf, nth) =>
      device.read(nameOf(nth % SHARDS_PER_ROUND), 4_096 * (1 + ((nth * 7) % 100)), RANGE_BYTES),
  },
  {
    name: 'lengthOf',
    count: READS_PER_ROUND,
    work: (device, nameOf, nth) => device.lengthOf(nameOf(nth % SHARDS_PER_ROUND)),
  },
  { name: 'delete', count: SHARDS_PER_ROUND, work: (device, nameOf, nth) => device.delete(nameOf(nth)) },
];

const median = (all: readonly number[]): number =>
  all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;

const places = process.argv.slice(2);
const devices = localDevices(loadNative());
const opened = await Promise.all(
  places.map((place, at) =>
    devices.make(place, { pool: 'ab'.repeat(16), device: String(at).padStart(32, '0') }),
  ),
);
const samples = new Map<string, { readonly cpu: number[]; readonly wall: number[] }>();

for (let round = 0; round < ROUNDS; round++) {
  // In turns, so that a noisy minute does not meet one of them only.
  for (const device of round % 2 === 0 ? opened : opened.toReversed()) {
    const nameOf = (nth: number): ShardName => {
      const number = round * SHARDS_PER_ROUND + nth;
      return { id: number.toString(16).padStart(32, '0') as SegmentId, generation: 1, index: 0 };
    };
    for (const { name, count, work } of works) {
      const key = `${name}, ${device.kind}`;
      const sample = samples.get(key) ?? { cpu: [], wall: [] };
      samples.set(key, sample);
      const [cpu, begunAt] = [process.cpuUsage(), performance.now()];
      for (let nth = 0; nth < count; nth++) await work(device, nameOf, nth);
      const { user, system } = process.cpuUsage(cpu);
      sample.cpu.push((user + system) / count);
      sample.wall.push(((performance.now() - begunAt) * 1_000) / count);
    }
  }
}
for (const device of opened) await device.close();
for (const [key, { cpu, wall }] of samples) {
  console.log(`${key.padEnd(28)} ${median(cpu).toFixed(0)} µs of CPU, ${median(wall).toFixed(0)} µs`);
}
