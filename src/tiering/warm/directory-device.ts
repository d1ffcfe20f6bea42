import { mkdir, open, opendir, readdir, rename, rm, stat, statfs, unlink } from 'node:fs/promises';
import path from 'node:path';
import { Fault, type FaultCode } from '../../fault.ts';
import { WARM_PAGE_ENTRIES_MAX } from '../../limits/tiering.ts';
import { crc32c } from '../../workers/crc.ts';
import { IMAGE_BYTES_MAX, SHARD_HEADER_BYTES } from '../../workers/segment.ts';
import type { SegmentId } from '../segment-store.ts';
import { isMarkedAs, MARKER_NAME } from './device-marker.ts';
import type { DirectReads } from './direct-reads.ts';
import type { DeviceIdentity, DeviceSpace, ShardDevice, ShardName } from './shard-device.ts';

/** Below the directory of a device: shards on their way, and those that are there. */
export const INCOMING_NAME = 'incoming';
export const SHARDS_NAME = 'shards';
/** What a probe writes to `incoming` and reads back. */
const PROBE_NAME = 'probe';
const PROBE_BYTES = 4_096;
/** Of a marker, as far as it is read. */
const MARKER_BYTES_MAX = 4_096;
/** Directories that shards are spread over: about 500 files in each when a device of 1 TiB is full. */
const FAN_OUT = 4_096;

/**
 * Shards as files of a directory: `shards/XXX/ID.GENERATION.INDEX`, where XXX spreads them. A shard is written to
 * `incoming`, synced, renamed and its directory synced. Nothing makes the directories above: where another file system was
 * mounted, or none is any more, a write fails.
 */
export class DirectoryDevice implements ShardDevice {
  readonly kind = 'directory';
  readonly #path: string;
  readonly #identity: DeviceIdentity;
  readonly #direct: DirectReads;
  /** Directories whose entry in `shards` this process has synced: one of an earlier process may not have come to that. */
  readonly #syncedFans = new Set<string>();
  #probes = 0;

  constructor(directory: string, identity: DeviceIdentity, direct: DirectReads) {
    this.#path = directory;
    this.#identity = identity;
    this.#direct = direct;
  }

  async put(name: ShardName, bytes: Uint8Array): Promise<void> {
    const incoming = path.join(this.#path, INCOMING_NAME, fileName(name));
    const target = this.#fileOf(name);
    await translated(async () => {
      await this.#moveIn(incoming, target, bytes);
    }).catch((cause: unknown) => {
      if (!(cause instanceof Fault && cause.code === 'not-found')) throw cause;
      throw new Fault('unavailable', 'device', `the directory has gone: ${cause.detail}`, { cause });
    });
  }

  /** A write that fails leaves nothing: where there is no space, that would take some. */
  async #moveIn(incoming: string, target: string, bytes: Uint8Array): Promise<void> {
    const fan = path.dirname(target);
    try {
      await writeSynced(incoming, bytes);
      await rename(incoming, target).catch(async (cause: unknown) => {
        if (!isCode(cause, 'ENOENT')) throw cause;
        await this.#makeFan(fan);
        await rename(incoming, target);
      });
    } catch (cause) {
      await unlink(incoming).catch(() => undefined);
      throw cause;
    }
    await syncDirectory(fan);
    if (this.#syncedFans.has(fan)) return;
    await syncDirectory(path.dirname(fan));
    this.#syncedFans.add(fan);
  }

  read(name: ShardName, offset: number, length: number): Promise<Uint8Array> {
    return translated(async () => {
      await using handle = await open(this.#fileOf(name), 'r');
      const target = Buffer.allocUnsafe(length);
      for (let at = 0; at < length;) {
        const { bytesRead } = await handle.read(target, at, length - at, offset + at);
        if (bytesRead === 0) throw new Fault('corrupt', 'device', `${fileName(name)} is too short`);
        at += bytesRead;
      }
      return target;
    });
  }

  readWhole(name: ShardName): Promise<Uint8Array> {
    return translated(() => this.#direct.read(this.#fileOf(name), SHARD_HEADER_BYTES + IMAGE_BYTES_MAX));
  }

  async lengthOf(name: ShardName): Promise<number | undefined> {
    return translated(() => ifThere(stat(this.#fileOf(name)).then(({ size }) => size)));
  }

  async delete(name: ShardName): Promise<void> {
    await translated(() => ifThere(unlink(this.#fileOf(name))));
  }

  async *list(): AsyncIterable<readonly ShardName[]> {
    const shards = path.join(this.#path, SHARDS_NAME);
    let page: ShardName[] = [];
    for (const fan of await translated(() => readdir(shards))) {
      const files = await translated(() => opendir(path.join(shards, fan)));
      for await (const { name: file } of files) {
        const name = parseFileName(file);
        if (name !== undefined) page.push(name);
        if (page.length < WARM_PAGE_ENTRIES_MAX) continue;
        yield page;
        page = [];
      }
    }
    if (page.length > 0) yield page;
  }

  async space(): Promise<DeviceSpace> {
    return translated(async () => {
      const [{ blocks, bavail, bsize }, { dev }] = await Promise.all([statfs(this.#path), stat(this.#path)]);
      return { bytesTotal: blocks * bsize, bytesFree: bavail * bsize, volume: String(dev) };
    });
  }

  async probe(): Promise<void> {
    const isOurs = await translated(() => isMarkedAs(this.#path, this.#identity));
    if (!isOurs) throw new Fault('not-found', 'device', `${this.#path} is no longer this device`);
    this.#probes += 1;
    try {
      await this.#tryMedium(Buffer.alloc(PROBE_BYTES, `probe ${this.#probes}\n`));
    } catch (cause) {
      // A file system that met errors turns read-only: whether its disk still answers is another question.
      if (cause instanceof Fault && cause.code === 'read-only') await this.readMarkerFromMedium();
      throw cause;
    }
  }

  /** A medium that died answers from the cache for long. */
  async readMarkerFromMedium(): Promise<void> {
    const marker = path.join(this.#path, MARKER_NAME);
    await translated(() => this.#direct.read(marker, MARKER_BYTES_MAX));
  }

  /** The marker may come from a cache for as long as the process lives: this may not. */
  async #tryMedium(bytes: Uint8Array): Promise<void> {
    const file = path.join(this.#path, INCOMING_NAME, PROBE_NAME);
    const back = await translated(async () => {
      await writeSynced(file, bytes);
      return this.#direct.read(file, PROBE_BYTES);
    }).catch((cause: unknown) => {
      if (!(cause instanceof Fault && cause.code === 'not-found')) throw cause;
      throw new Fault('unavailable', 'device', `the directory has gone: ${cause.detail}`, { cause });
    });
    if (Buffer.compare(back, bytes) === 0) return;
    throw new Fault('unavailable', 'device', `${this.#path} does not keep what is written`);
  }

  async retire(): Promise<void> {
    await this.probe();
    await translated(async () => {
      for (const name of [SHARDS_NAME, INCOMING_NAME, MARKER_NAME]) {
        await rm(path.join(this.#path, name), { recursive: true, force: true });
      }
      await syncDirectory(this.#path);
    });
  }

  /** What was on its way when the process ended was acknowledged by nobody. It may stay where nothing can be written. */
  async clearIncoming(): Promise<void> {
    const incoming = path.join(this.#path, INCOMING_NAME);
    await translated(async () => {
      const left = (await readdir(incoming)).filter((name) => name !== PROBE_NAME);
      for (const name of left) await ifThere(unlink(path.join(incoming, name)));
    }).catch((cause: unknown) => {
      if (!(cause instanceof Fault && cause.code === 'read-only')) throw cause;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #fileOf(name: ShardName): string {
    const fan = crc32c(Buffer.from(name.id, 'hex')) % FAN_OUT;
    return path.join(this.#path, SHARDS_NAME, fan.toString(16).padStart(3, '0'), fileName(name));
  }

  async #makeFan(directory: string): Promise<void> {
    await mkdir(directory).catch((cause: unknown) => {
      if (!isCode(cause, 'EEXIST')) throw cause;
    });
  }
}

const fileName = ({ id, generation, index }: ShardName): string => `${id}.${generation}.${index}`;

function parseFileName(file: string): ShardName | undefined {
  const [, id, generation, index] = /^([0-9a-f]{32})\.(\d{1,16})\.(\d{1,3})$/.exec(file) ?? [];
  if (id === undefined) return undefined;
  return { id: id as SegmentId, generation: Number(generation), index: Number(index) };
}

export async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(file, 'w', 0o600);
  await handle.writeFile(bytes);
  await handle.sync();
}

export async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, 'r');
  await handle.sync();
}

const codes: Readonly<Record<string, FaultCode>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EROFS: 'read-only',
};

/** What the system says as a fault of the device. */
async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw new Fault(codes[code] ?? 'unavailable', 'device', message, { cause });
  }
}

export const isCode = (cause: unknown, code: string): boolean =>
  (cause as NodeJS.ErrnoException).code === code;

export const ifThere = <T>(wanted: Promise<T>): Promise<T | undefined> =>
  wanted.catch((cause: unknown) => {
    if (isCode(cause, 'ENOENT')) return undefined;
    throw cause;
  });
