import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  READ_AHEAD_BYTES_MAX,
  READ_AHEAD_BYTES_MIN,
  READ_AHEAD_FILES_MAX,
  READ_AHEAD_TOTAL_BYTES_MAX,
} from '../../src/limits.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import { ReadAhead } from '../../src/namespace/read-ahead.ts';
import { MemoryDevice } from '../../src/tiering/hot/memory-device.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { bytes, openStack, root, s3, silent, TestClock } from './world.ts';

const MIB = 1 << 20;
const file = 5 as Ino;
const at = (start: number, length = 4096): { start: number; end: number } => ({ start, end: start + length });

const cases = [
  { name: 'a first read in the middle', reads: [at(MIB)], want: [undefined] },
  {
    name: 'the second of two reads in a row',
    reads: [at(MIB), at(MIB + 4096)],
    want: [undefined, { start: MIB + 8192, end: MIB + 8192 + READ_AHEAD_BYTES_MIN }],
  },
  {
    name: 'reads far apart',
    reads: [at(0), at(50 * MIB), at(20 * MIB)],
    want: [undefined, undefined, undefined],
  },
  {
    name: 'the same place again',
    reads: [at(MIB), at(MIB), at(MIB)],
    want: [undefined, undefined, undefined],
  },
  { name: 'the end of the file', reads: [at(99 * MIB), at(100 * MIB - 4096)], want: [undefined, undefined] },
] as const;

for (const { name, reads, want } of cases) {
  test(`read ahead of ${name}`, () => {
    const readAhead = new ReadAhead();
    assert.deepEqual(
      reads.map((range) => readAhead.wanted(file, range, 100 * MIB)),
      want,
    );
  });
}

test('a stream, whatever its order within the window, is brought whole, once, and never far ahead', () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), fc.nat(), (together, seed) => {
      const readAhead = new ReadAhead();
      const random = seededRandom(seed);
      const size = 32 * MIB;
      const chunk = 64 << 10;
      let brought = 2 * chunk * together;
      for (let start = 0; start < size; start += chunk * together) {
        const reads = [...Array(together).keys()].map((index) => start + index * chunk);
        for (let left = reads.length; left > 0; left -= 1) {
          const [offset = 0] = reads.splice(random.below(left), 1);
          const range = readAhead.wanted(file, at(offset, chunk), size);
          if (range === undefined) continue;
          assert.ok(range.start <= brought + chunk * together, `a gap before ${range.start}`);
          assert.ok(range.end <= start + chunk * together + READ_AHEAD_BYTES_MAX);
          brought = Math.max(brought, range.end);
        }
      }
      assert.equal(brought, size);
    }),
  ));

test('only so much is under way, and only so many files are followed', async () => {
  const readAhead = new ReadAhead();
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  readAhead.run({ start: 0, end: READ_AHEAD_TOTAL_BYTES_MAX }, () => finished);
  readAhead.wanted(file, at(MIB), 100 * MIB);
  assert.equal(readAhead.wanted(file, at(MIB + 4096), 100 * MIB), undefined);
  finish();
  await readAhead.settled();
  assert.notEqual(readAhead.wanted(file, at(MIB + 8192), 100 * MIB), undefined);
  for (let other = 0; other < READ_AHEAD_FILES_MAX; other += 1) {
    readAhead.wanted((100 + other) as Ino, at(MIB), 100 * MIB);
  }
  assert.equal(readAhead.wanted(file, at(MIB + 12_288), 100 * MIB), undefined);
});

test('who reads a file from front to back finds it in memory, and reads what is there after a change', async () => {
  const device = new MemoryDevice({ bytes: 64 << 20 });
  let reads = 0;
  const environment = { clock: new TestClock(), random: seededRandom(1), log: silent };
  const counting = {
    traits: device.traits,
    bytes: () => device.bytes(),
    write: device.write.bind(device),
    read: (...asked: Parameters<typeof device.read>) => {
      reads += 1;
      return device.read(...asked);
    },
    flush: device.flush.bind(device),
    discard: device.discard.bind(device),
    grow: device.grow.bind(device),
    close: device.close.bind(device),
  };
  const stack = await openStack({ engine: new MemoryEngine(), device: counting, environment });
  const { files, objects } = stack.namespace;
  const bucket = await objects.createBucket(s3, 'b');
  const made = await files.create(
    root,
    { directory: bucket.ino, name: bytes('f') },
    { mode: { how: 'guarded' }, wish: {} },
  );
  const { ino } = made.attributes;
  const plain = Buffer.from(
    Uint8Array.from({ length: 4 * MIB }, (_, index) => (index * 7 + (index >> 12)) % 251),
  );
  for (let start = 0; start < plain.length; start += MIB) {
    const data = plain.subarray(start, start + MIB);
    await files.write(root, ino, { offset: start, data, stable: false });
  }
  await files.commit(root, ino);
  const readAll = async (): Promise<Buffer> => {
    const found: Buffer[] = [];
    for (let offset = 0; offset < plain.length; offset += 16_384) {
      const { parts, letGo } = await files.read(root, ino, { offset, length: 16_384 });
      found.push(Buffer.concat(parts));
      letGo();
    }
    return Buffer.concat(found);
  };
  reads = 0;
  assert.ok(plain.equals(await readAll()));
  assert.ok(reads <= 24, `${reads} reads of the device for ${plain.length / 16_384} of the file`);
  plain.fill(9, 100_000, 300_000);
  await files.write(root, ino, { offset: 100_000, data: plain.subarray(100_000, 300_000), stable: true });
  assert.ok(plain.equals(await readAll()));
  await stack.namespace.close();
});
