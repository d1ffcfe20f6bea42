import assert from 'node:assert/strict';
import { Fault } from '../../../fault.ts';
import { WARM_SHARD_EXTENTS_MAX } from '../../../limits/tiering.ts';
import { BLOCK_BYTES, type DeviceExtent } from '../../hot/device.ts';
import type { RawDisk } from '../../raw-disk.ts';
import type { DeviceKind, DeviceSpace, ShardDevice, ShardName } from '../shard-device.ts';
import type { Catalogue, PlacedEntry } from './catalogue.ts';
import { eraseDisk } from './disk-content.ts';
import type { FreeSpace } from './free-space.ts';
import { bytesOfEntries, PROBE_OFFSET, type Geometry, type Superblock } from './superblock.ts';
import { isStillThere } from './superblock-copies.ts';

/** An open disk of this machine, or a simulated one. */
export interface OpenedDisk {
  readonly disk: RawDisk;
  readonly kind: DeviceKind;
  /** Disks with the same one are the same. */
  readonly volume: string;
}

export interface BlockDeviceParts extends OpenedDisk {
  readonly superblock: Superblock;
  readonly catalogue: Catalogue;
  readonly free: FreeSpace;
}

/**
 * Shards on a block device. A shard is written to free space and made durable, then its entry of the catalogue, which is
 * made durable too. Space of shards that went is used again only when that they went is durable: what an entry says is there is there.
 */
export class BlockDevice implements ShardDevice {
  readonly kind: DeviceKind;
  readonly #disk: RawDisk;
  readonly #volume: string;
  readonly #superblock: Superblock;
  readonly #catalogue: Catalogue;
  readonly #free: FreeSpace;
  /** Space of shards whose deletion is written and not durable yet. */
  #freed: DeviceExtent[] = [];
  #probes = 0;
  #changing: Promise<unknown> = Promise.resolve();

  constructor({ disk, kind, volume, superblock, catalogue, free }: BlockDeviceParts) {
    this.kind = kind;
    this.#disk = disk;
    this.#volume = volume;
    this.#superblock = superblock;
    this.#catalogue = catalogue;
    this.#free = free;
  }

  put(name: ShardName, bytes: Uint8Array): Promise<void> {
    assert(bytes.length > 0, 'a shard is not empty');
    return this.#alone(async () => {
      const before = await this.#catalogue.find(name);
      if (before === undefined && this.#catalogue.entriesFree === 0) {
        throw new Fault('no-space', 'device', 'the catalogue of the device is full');
      }
      const extents = await this.#allocated(bytes.length);
      try {
        await this.#writeTo(extents, bytes);
        await this.#flush();
      } catch (cause) {
        for (const extent of extents) this.#free.release(extent);
        throw cause;
      }
      // If this fails, nobody knows which entry is on the medium: the space of both stays as it is until the device is opened again.
      await this.#catalogue.set({ name, bytes: bytes.length, extents }, before);
      await this.#flush();
      for (const extent of before?.entry.extents ?? []) this.#free.release(extent);
    });
  }

  async read(name: ShardName, offset: number, length: number): Promise<Uint8Array> {
    const { entry } = await this.#there(name);
    if (offset + length > entry.bytes) {
      throw new Fault('corrupt', 'device', `shard ${textOf(name)} is too short`);
    }
    const first = offset - (offset % BLOCK_BYTES);
    const pieces = piecesOf(entry.extents, first, Math.ceil((offset + length) / BLOCK_BYTES) * BLOCK_BYTES);
    const read = await Promise.all(
      pieces.map((piece) => this.#disk.readUnchecked(piece.offset, piece.length)),
    );
    const bytes = read.length === 1 ? read[0]! : Buffer.concat(read);
    return bytes.subarray(offset - first, offset - first + length);
  }

  async readWhole(name: ShardName): Promise<Uint8Array> {
    const { entry } = await this.#there(name);
    return this.read(name, 0, entry.bytes);
  }

  async lengthOf(name: ShardName): Promise<number | undefined> {
    return (await this.#catalogue.find(name))?.entry.bytes;
  }

  delete(name: ShardName): Promise<void> {
    return this.#alone(async () => {
      const placed = await this.#catalogue.find(name);
      if (placed === undefined) return;
      await this.#catalogue.clear(placed);
      this.#freed.push(...placed.entry.extents);
    });
  }

  list(): AsyncIterable<readonly ShardName[]> {
    return this.#catalogue.pages();
  }

  space(): Promise<DeviceSpace> {
    const { dataStart, dataEnd }: Geometry = this.#superblock.geometry;
    const freed = this.#freed.reduce((sum, { length }) => sum + length, 0);
    const bytesFree = Math.min(this.#free.bytes + freed, bytesOfEntries(this.#catalogue.entriesFree));
    return Promise.resolve({ bytesTotal: dataEnd - dataStart, bytesFree, volume: this.#volume });
  }

  probe(): Promise<void> {
    return this.#alone(async () => {
      if (!(await isStillThere(this.#disk, this.#superblock))) {
        throw new Fault('not-found', 'device', 'another device is there');
      }
      this.#probes += 1;
      const bytes = Buffer.alloc(BLOCK_BYTES, `probe ${this.#probes}\n`);
      await this.#disk.write(PROBE_OFFSET, [bytes]);
      await this.#flush();
      const back = await this.#disk.readUnchecked(PROBE_OFFSET, BLOCK_BYTES);
      if (Buffer.compare(back, bytes) === 0) return;
      throw new Fault('unavailable', 'device', 'the device does not keep what is written');
    });
  }

  async retire(): Promise<void> {
    await this.probe();
    await this.#alone(() => eraseDisk(this.#disk));
  }

  close(): Promise<void> {
    return this.#disk.close();
  }

  async #there(name: ShardName): Promise<PlacedEntry> {
    const placed = await this.#catalogue.find(name);
    if (placed === undefined) throw new Fault('not-found', 'device', `there is no shard ${textOf(name)}`);
    return placed;
  }

  async #allocated(bytes: number): Promise<readonly DeviceExtent[]> {
    const length = Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
    const extents = this.#free.allocate(length, WARM_SHARD_EXTENTS_MAX);
    if (extents !== undefined) return extents;
    if (this.#freed.length > 0) await this.#flush();
    const afterwards = this.#free.allocate(length, WARM_SHARD_EXTENTS_MAX);
    if (afterwards !== undefined) return afterwards;
    throw new Fault('no-space', 'device', `there is no room for a shard of ${bytes} bytes`);
  }

  async #writeTo(extents: readonly DeviceExtent[], bytes: Uint8Array): Promise<void> {
    let at = 0;
    const writes = extents.map(({ offset, length }) => {
      const piece = bytes.subarray(at, at + length);
      at += length;
      return this.#disk.write(offset, [piece]);
    });
    // All have ended when one has failed: nothing is written to space that is free again.
    const failed = (await Promise.allSettled(writes)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason as unknown;
  }

  async #flush(): Promise<void> {
    const covered = this.#freed;
    this.#freed = [];
    try {
      await this.#disk.flush();
    } catch (cause) {
      this.#freed = [...covered, ...this.#freed];
      throw cause;
    }
    // Changes come one at a time: none was written meanwhile.
    this.#catalogue.flushed();
    for (const extent of covered) this.#free.release(extent);
  }

  /** One change after the other. */
  #alone<T>(body: () => Promise<T>): Promise<T> {
    const mine = this.#changing.then(body);
    this.#changing = mine.catch(() => undefined);
    return mine;
  }
}

/** The parts of extents that hold bytes `from` to `to` of what lies in all of them. */
function piecesOf(extents: readonly DeviceExtent[], from: number, to: number): readonly DeviceExtent[] {
  const pieces: DeviceExtent[] = [];
  let start = 0;
  for (const { offset, length } of extents) {
    const first = Math.max(from, start);
    const end = Math.min(to, start + length);
    if (first < end) pieces.push({ offset: offset + first - start, length: end - first });
    start += length;
  }
  return pieces;
}

const textOf = ({ id, generation, index }: ShardName): string => `${id}.${generation}.${index}`;
