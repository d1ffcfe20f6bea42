import assert from 'node:assert/strict';
import {
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test as runner } from 'node:test';
import { Fault } from '../../../src/fault.ts';
import { loadNative } from '../../../src/native.ts';
import { BLOCK_BYTES, type Device } from '../../../src/tiering/hot/device.ts';
import { DEVICE_UNIT_BYTES, MemoryDevice } from '../../../src/tiering/hot/memory-device.ts';
import {
  openNativeDevice,
  type NativeDevice,
  type NativeDeviceOptions,
} from '../../../src/tiering/hot/native-device.ts';
import { crc32c } from '../../../src/workers/crc.ts';
import { seededRandom } from '../../kv/seeded-random.ts';

const MEBIBYTE = 1 << 20;
/** The superblock region at the start of a file. */
const REGION_BYTES = MEBIBYTE;
const addon = loadNative();

async function withDirectory(use: (file: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'terrace-hot-'));
  try {
    await use(path.join(directory, 'hot'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function openAt(file: string, driver: NativeDeviceOptions['driver'] = 'any'): Promise<NativeDevice> {
  return openNativeDevice(addon, { path: file, bytes: 1, driver, uuid: '11'.repeat(16) });
}

const beds: Readonly<Record<string, (use: (device: Device) => Promise<void>) => Promise<void>>> = {
  memory: (use) => use(new MemoryDevice({ bytes: DEVICE_UNIT_BYTES, bytesMax: 2 * DEVICE_UNIT_BYTES })),
  io_uring: (use) => withNative('io_uring', use),
  threads: (use) => withNative('threads', use),
};

function withNative(driver: 'io_uring' | 'threads', use: (device: Device) => Promise<void>): Promise<void> {
  return withDirectory(async (file) => {
    const device = await openAt(file, driver);
    assert.equal(device.driver, driver);
    await use(device);
    await device.close();
  });
}

function pattern(length: number, seed: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = at * 31 + (at >> 8) + seed;
  return bytes;
}

/** What the device holds after a write: whole blocks, zeros behind the end. */
function padded(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes], Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES);
}

const isFault =
  (code: string, detail: RegExp = /./) =>
  (cause: unknown): boolean =>
    cause instanceof Fault && cause.subject === 'device' && cause.code === code && detail.test(cause.message);

const writes = [
  { name: 'one byte', offset: 0, lengths: [1] },
  { name: 'one block', offset: 3 * BLOCK_BYTES, lengths: [BLOCK_BYTES] },
  { name: 'parts that straddle blocks', offset: 16 * BLOCK_BYTES, lengths: [5000, 0, 1, 8192, 3] },
  { name: 'more than the greatest transfer', offset: 4 * MEBIBYTE, lengths: [MEBIBYTE + 1, 2 * MEBIBYTE] },
  { name: 'the last block', offset: DEVICE_UNIT_BYTES - BLOCK_BYTES, lengths: [100] },
];

/** Containers often forbid io_uring; the gateway uses threads there. */
const isUringAllowed = await withUring();

async function withUring(): Promise<boolean> {
  let isAllowed = true;
  await withDirectory(async (file) => {
    const device = await openAt(file, 'any');
    isAllowed = device.driver === 'io_uring';
    await device.close();
  });
  return isAllowed;
}

for (const [bed, withDevice] of Object.entries(beds)) {
  const test = bed === 'io_uring' && !isUringAllowed ? runner.skip : runner;
  for (const { name, offset, lengths } of writes) {
    test(`${bed}: ${name} is read as it was written, with the CRC32C of each block`, () =>
      withDevice(async (device) => {
        const parts = lengths.map((length, index) => pattern(length, index));
        const want = padded(parts);
        const checksums = await device.write(offset, parts);
        assert.equal(checksums.length * BLOCK_BYTES, want.length);
        checksums.forEach((checksum, index) =>
          assert.equal(checksum, crc32c(want.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES))),
        );
        assert(Buffer.from(await device.read(offset, checksums)).equals(want));
        const last = checksums.length - 1;
        const tail = await device.read(offset + last * BLOCK_BYTES, checksums.subarray(last));
        assert(Buffer.from(tail).equals(want.subarray(last * BLOCK_BYTES)));
      }));
  }

  test(`${bed}: what is discarded may be anything, what lies beside it stays, and it can be written again`, () =>
    withDevice(async (device) => {
      if (device.traits.discard === 'none') return;
      const [before, gone, behind] = [pattern(MEBIBYTE, 1), pattern(2 * MEBIBYTE, 2), pattern(MEBIBYTE, 3)];
      const checksums = await device.write(0, [before, gone, behind]);
      const perMebibyte = MEBIBYTE / BLOCK_BYTES;
      await device.discard({ offset: MEBIBYTE, length: 2 * MEBIBYTE });
      assert(Buffer.from(await device.read(0, checksums.subarray(0, perMebibyte))).equals(before));
      assert(
        Buffer.from(await device.read(3 * MEBIBYTE, checksums.subarray(3 * perMebibyte))).equals(behind),
      );
      const middle = checksums.subarray(perMebibyte, 3 * perMebibyte);
      await assert.rejects(device.read(MEBIBYTE, middle), isFault('corrupt'));
      await device.write(MEBIBYTE, [gone]);
      await device.flush();
      assert(Buffer.from(await device.read(MEBIBYTE, middle)).equals(gone));
    }));

  test(`${bed}: hundreds of writes, reads and flushes at once do not mix`, () =>
    withDevice(async (device) => {
      const written = await Promise.all(
        Array.from({ length: 300 }, async (_, index) => {
          const checksums = await device.write(index * 2 * BLOCK_BYTES, [pattern(5000 + index, index)]);
          if (index % 5 === 0) await device.flush();
          return checksums;
        }),
      );
      await Promise.all(
        written.map(async (checksums, index) => {
          const bytes = await device.read(index * 2 * BLOCK_BYTES, checksums);
          assert(Buffer.from(bytes).equals(padded([pattern(5000 + index, index)])));
        }),
      );
    }));

  test(`${bed}: a block that differs from its checksum is named`, () =>
    withDevice(async (device) => {
      const checksums = await device.write(MEBIBYTE, [pattern(400 * BLOCK_BYTES, 9)]);
      checksums[300]! ^= 1;
      const wrong = MEBIBYTE + 300 * BLOCK_BYTES;
      await assert.rejects(
        device.read(MEBIBYTE, checksums),
        isFault('corrupt', new RegExp(`block at ${wrong} `)),
      );
    }));

  test(`${bed}: growth adds usable space`, () =>
    withDevice(async (device) => {
      await device.grow(DEVICE_UNIT_BYTES + 1);
      assert.equal(device.bytes(), 2 * DEVICE_UNIT_BYTES);
      const checksums = await device.write(2 * DEVICE_UNIT_BYTES - BLOCK_BYTES, [pattern(9, 9)]);
      assert.deepEqual(
        (await device.read(2 * DEVICE_UNIT_BYTES - BLOCK_BYTES, checksums))[8],
        pattern(9, 9)[8],
      );
    }));

  test(`${bed}: growth beyond all room is refused and changes nothing`, () =>
    withDevice(async (device) => {
      await assert.rejects(device.grow(2 ** 52), isFault('no-space', /ENOSPC|EFBIG/));
      assert.equal(device.bytes(), DEVICE_UNIT_BYTES);
    }));

  test(`${bed}: ranges outside the device or off the blocks are refused before anything is written`, () =>
    withDevice(async (device) => {
      await assert.rejects(device.write(DEVICE_UNIT_BYTES, [pattern(1, 1)]), /outside/);
      await assert.rejects(device.write(512, [pattern(1, 1)]), /aligned/);
      await assert.rejects(device.read(DEVICE_UNIT_BYTES - BLOCK_BYTES, new Uint32Array(2)), /outside/);
    }));

  test(`${bed}: closing waits for what is under way and refuses what comes later`, () =>
    withDevice(async (device) => {
      const writing = device.write(0, [pattern(MEBIBYTE, 1)]);
      const closing = device.close();
      await Promise.allSettled([writing, closing]);
      await assert.rejects(device.flush(), isFault('unavailable', /closed/));
    }));
}

runner('content, size and identity are those of the file after reopening', () =>
  withDirectory(async (file) => {
    const before = await openAt(file);
    const checksums = await before.write(0, [pattern(100, 1)]);
    await before.grow(2 * DEVICE_UNIT_BYTES);
    await before.flush();
    await before.close();
    const after = await openNativeDevice(addon, {
      path: file,
      bytes: 1,
      driver: 'any',
      uuid: '22'.repeat(16),
    });
    assert.equal(after.uuid, before.uuid);
    assert.equal(after.bytes(), 2 * DEVICE_UNIT_BYTES);
    assert.equal((await after.read(0, checksums))[99], pattern(100, 1)[99]);
    assert.equal(statSync(file).size, REGION_BYTES + 2 * DEVICE_UNIT_BYTES);
    await after.close();
  }),
);

runner('a flipped bit in the file is found', () =>
  withDirectory(async (file) => {
    for (const driver of ['any', 'threads'] as const) {
      const device = await openAt(file, driver);
      const checksums = await device.write(0, [pattern(3 * BLOCK_BYTES, 1)]);
      await device.flush();
      const descriptor = openSync(file, 'r+');
      const at = REGION_BYTES + BLOCK_BYTES + 77;
      const byte = Buffer.alloc(1);
      readSync(descriptor, byte, 0, 1, at);
      byte[0]! ^= 8;
      writeSync(descriptor, byte, 0, 1, at);
      closeSync(descriptor);
      await assert.rejects(device.read(0, checksums), isFault('corrupt', /block at 4096 /));
      assert.equal((await device.read(0, checksums.subarray(0, 1))).length, BLOCK_BYTES);
      await device.close();
    }
  }),
);

runner('a device that is open is refused to a second opener, in one sentence', () =>
  withDirectory(async (file) => {
    const device = await openAt(file);
    await assert.rejects(openAt(file), isFault('unavailable', /in use by another process$/));
    await device.close();
    await (await openAt(file)).close();
  }),
);

runner('a file that is not ours is refused and left untouched', () =>
  withDirectory(async (file) => {
    writeFileSync(file, 'my thesis');
    await assert.rejects(openAt(file), isFault('invalid-argument', /left untouched$/));
    assert.equal(readFileSync(file, 'utf8'), 'my thesis');
    await assert.rejects(
      openAt(path.dirname(file)),
      isFault('invalid-argument', /neither a file nor a block device$/),
    );
    await assert.rejects(openAt(path.join(file, 'below')), isFault('unavailable', /ENOTDIR/));
  }),
);

runner('memory: a crash keeps what was flushed and leaves sectors of the rest old or new', async () => {
  const device = new MemoryDevice({ bytes: DEVICE_UNIT_BYTES });
  const flushed = await device.write(0, [pattern(BLOCK_BYTES, 1)]);
  await device.flush();
  const fresh = pattern(100 * BLOCK_BYTES, 2);
  const checksums = await device.write(BLOCK_BYTES, [fresh]);
  device.crash(seededRandom(4));
  assert.equal((await device.read(0, flushed)).length, BLOCK_BYTES);
  await assert.rejects(device.read(BLOCK_BYTES, checksums), isFault('corrupt'));
});

runner('memory: what was under way in a crash never reaches the medium', async () => {
  const device = new MemoryDevice({ bytes: DEVICE_UNIT_BYTES });
  const writing = device.write(0, [pattern(BLOCK_BYTES, 1)]);
  device.crash(seededRandom(1));
  await assert.rejects(writing, isFault('unavailable', /power/));
  assert.equal(
    (await device.read(0, Uint32Array.of(crc32c(new Uint8Array(BLOCK_BYTES))))).length,
    BLOCK_BYTES,
  );
});

runner('memory: injected errors and flipped bits show', async () => {
  const device = new MemoryDevice({ bytes: DEVICE_UNIT_BYTES });
  const checksums = await device.write(0, [pattern(BLOCK_BYTES, 1)]);
  device.failWhen((operation) => operation === 'read');
  await assert.rejects(device.read(0, checksums), isFault('corrupt', /EIO/));
  device.failWhen((operation) => operation === 'write');
  await assert.rejects(device.write(0, [pattern(1, 1)]), isFault('unavailable', /EIO/));
  device.failWhen(undefined);
  device.corrupt(1000, 3);
  await assert.rejects(device.read(0, checksums), isFault('corrupt'));
});

runner('blocks that the medium does not give are lost, those beside them are not', () =>
  withDirectory(async (file) => {
    const device = await openAt(file);
    const [first, last] = [0, 32 * MEBIBYTE];
    const checksums = await device.write(first, [pattern(BLOCK_BYTES, 1)]);
    await device.write(last, [pattern(BLOCK_BYTES, 1)]);
    await device.flush();
    truncateSync(file, 16 * MEBIBYTE);
    await assert.rejects(device.read(last, checksums), isFault('corrupt', /EIO/));
    assert.equal((await device.read(first, checksums)).length, BLOCK_BYTES);
    await device.close();
  }),
);

runner('a file that gives space back to its file system takes less of it', () =>
  withDirectory(async (file) => {
    const device = await openAt(file);
    assert.equal(device.traits.placement, 'none');
    const before = statSync(file).blocks;
    if (device.traits.discard === 'file') {
      await device.discard({ offset: 8 * MEBIBYTE, length: 32 * MEBIBYTE });
      assert(statSync(file).blocks <= before - (32 * MEBIBYTE) / 512);
    }
    await assert.rejects(device.discard({ offset: 64 * MEBIBYTE, length: MEBIBYTE }), /outside the device/);
    await assert.rejects(device.discard({ offset: 0, length: 100 }), /nothing to transfer/);
    await device.close();
  }),
);
