import { execFileSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadNative } from '../src/native.ts';
import type { Device } from '../src/tiering/hot/device.ts';
import { openNativeDevice } from '../src/tiering/hot/native-device.ts';
import { row, type KernelOptions, type KernelRow } from './kernel-rows.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const deviceBytes = 512 * mebibyte;
const rounds = 3;

interface Work {
  readonly name: string;
  readonly bytes: number;
  readonly atOnce: number;
  /** What fio does the same way. */
  readonly fio: readonly string[];
  readonly run: (device: Device, offset: number) => Promise<unknown>;
}

const [page, large] = [randomBytes(4 * kibibyte), randomBytes(mebibyte)];

async function writeDurable(device: Device, offset: number, bytes: Uint8Array): Promise<void> {
  await device.write(offset, [bytes]);
  await device.flush();
}

/** The checksums of a read are those of the bytes that lie everywhere. */
function reading(bytes: Uint8Array): (device: Device) => Promise<Work['run']> {
  return async (device) => {
    let checksums: Uint32Array = new Uint32Array();
    for (let offset = 0; offset < deviceBytes; offset += bytes.length)
      checksums = await device.write(offset, [bytes]);
    await device.flush();
    const rooms: Uint8Array[] = [];
    return async (_device, offset) => {
      const room = rooms.pop() ?? new Uint8Array(bytes.length + 4 * kibibyte);
      await device.read(offset, checksums, room);
      rooms.push(room);
    };
  };
}

const works: readonly (Omit<Work, 'run'> & { readonly prepare: (device: Device) => Promise<Work['run']> })[] =
  [
    {
      name: 'write 4 KiB durable',
      bytes: page.length,
      atOnce: 16,
      fio: ['--rw=randwrite', '--bs=4k', '--numjobs=16', '--fdatasync=1'],
      prepare: () => Promise.resolve((device, offset) => writeDurable(device, offset, page)),
    },
    {
      name: 'write 1 MiB durable',
      bytes: large.length,
      atOnce: 4,
      fio: ['--rw=randwrite', '--bs=1m', '--numjobs=4', '--fdatasync=1'],
      prepare: () => Promise.resolve((device, offset) => writeDurable(device, offset, large)),
    },
    {
      name: 'read 4 KiB',
      bytes: page.length,
      atOnce: 16,
      fio: ['--rw=randread', '--bs=4k', '--numjobs=16'],
      prepare: reading(page),
    },
    {
      name: 'read 1 MiB',
      bytes: large.length,
      atOnce: 4,
      fio: ['--rw=randread', '--bs=1m', '--numjobs=4'],
      prepare: reading(large),
    },
  ];

/** GB/s of `atOnce` callers, each at a random place of its own. */
async function measured(device: Device, { bytes, atOnce, run }: Work, seconds: number): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1000;
  let count = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      await run(device, randomInt(deviceBytes / bytes) * bytes);
      count++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return (count * bytes) / (performance.now() - start) / 1e6;
}

/** The same with fio on a file of its own beside the device; nothing where it is not installed. */
function fioLimit(file: string, options: readonly string[], seconds: number): number | undefined {
  const common = [
    '--name=limit',
    `--filename=${file}`,
    `--size=${deviceBytes}`,
    '--direct=1',
    '--ioengine=psync',
    '--time_based',
    `--runtime=${seconds}`,
    '--group_reporting',
    '--output-format=json',
  ];
  try {
    const said = execFileSync('fio', [...common, ...options], { encoding: 'utf8' });
    const [job] = (JSON.parse(said) as { jobs: { read: Speed; write: Speed }[] }).jobs;
    return job === undefined ? undefined : (job.read.bw_bytes + job.write.bw_bytes) / 1e9;
  } catch {
    // Not installed: the table then has no such limit.
    return undefined;
  }
}

interface Speed {
  readonly bw_bytes: number;
}

/** The hot device beside fio on the same file system, in turns: `npm run bench -- --only device`. */
export async function deviceRows({ seconds }: KernelOptions): Promise<readonly KernelRow[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'terrace-bench-'));
  const device = await openNativeDevice(loadNative(), {
    path: path.join(directory, 'hot'),
    bytes: deviceBytes,
    driver: 'any',
    uuid: randomBytes(16).toString('hex'),
  });
  const file = path.join(directory, 'fio');
  try {
    // fio too gets a file whose every block was written once.
    fioLimit(file, ['--rw=write', '--bs=1m', '--end_fsync=1'], 2);
    const rows: KernelRow[] = [];
    for (const { prepare, ...work } of works) {
      const run = await prepare(device);
      const [ours, theirs]: [number[], (number | undefined)[]] = [[], []];
      for (let round = 0; round < rounds; round++) {
        theirs.push(fioLimit(file, work.fio, seconds));
        ours.push(await measured(device, { ...work, run }, seconds));
      }
      const limits = theirs.filter((it) => it !== undefined);
      const limit = limits.length > 0 ? Math.max(...limits) : undefined;
      rows.push(row(`${work.name}, ${work.atOnce} at once`, Math.max(...ours), 'fio', limit));
    }
    return rows;
  } finally {
    await device.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
