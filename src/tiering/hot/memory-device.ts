import assert from 'node:assert/strict';
import type { Random } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import { crc32c } from '../../workers/crc.ts';
import type { RawDisk } from '../raw-disk.ts';
import { BLOCK_BYTES, type Device, type DeviceExtent, type DeviceTraits } from './device.ts';

/** What a disk writes at once: a crash leaves each sector old or new, never half. */
const SECTOR_BYTES = 512;
/** The device's size is a multiple of this. */
export const DEVICE_UNIT_BYTES = 67_108_864;

/** What a discarded block reads as. */
const NOTHING = new Uint8Array(BLOCK_BYTES).fill(0xdd);

/** What a disk can fail at. */
export type DeviceOperation = 'read' | 'write' | 'flush' | 'discard';
/** Whether, or how, it fails at this extent; a flush has none. */
type Failing = (operation: DeviceOperation, extent: DeviceExtent) => boolean | 'ENOSPC';

/** A call on its way, and what it is when it fails. */
interface Arrival {
  readonly operation: DeviceOperation;
  readonly extent: DeviceExtent;
  readonly failure?: 'corrupt' | 'unavailable';
}

const NOWHERE: DeviceExtent = { offset: 0, length: 0 };

/** One block that was written after the last flush: what it held before, to be restored sector by sector. */
interface Unflushed {
  readonly block: number;
  readonly before: Uint8Array | undefined;
}

/** The device in memory that misbehaves as a disk may: the reference of the native one, and the one of simulations. */
export class MemoryDevice implements Device, RawDisk {
  readonly traits: DeviceTraits = { discard: 'device', placement: 'none' };
  readonly #blocks = new Map<number, Uint8Array>();
  #unflushed: Unflushed[] = [];
  #bytes: number;
  readonly #bytesMax: number;
  #failing: Failing | undefined;
  #isClosed = false;
  /** Counts crashes: what the process before a crash had under way must not reach the medium after it. */
  #life = 0;
  #flushCount = 0;
  #discardedBytes = 0;

  constructor(options: { readonly bytes: number; readonly bytesMax?: number }) {
    assert(options.bytes % DEVICE_UNIT_BYTES === 0, `size ${options.bytes}`);
    this.#bytes = options.bytes;
    this.#bytesMax = options.bytesMax ?? options.bytes;
  }

  bytes(): number {
    return this.#bytes;
  }

  /** Flushes that reached the medium. */
  flushCount(): number {
    return this.#flushCount;
  }

  async write(offset: number, parts: readonly Uint8Array[]): Promise<Uint32Array> {
    const blocks = intoBlocks(parts);
    this.#checkRange(offset, blocks.length * BLOCK_BYTES);
    const first = offset / BLOCK_BYTES;
    const extent = { offset, length: blocks.length * BLOCK_BYTES };
    await this.#arrive({ operation: 'write', extent }, () => {
      for (const [index, bytes] of blocks.entries()) {
        this.#unflushed.push({ block: first + index, before: this.#blocks.get(first + index) });
        this.#blocks.set(first + index, bytes);
      }
    });
    return Uint32Array.from(blocks, crc32c);
  }

  async read(offset: number, checksums: Uint32Array): Promise<Uint8Array> {
    this.#checkRange(offset, checksums.length * BLOCK_BYTES);
    const extent = { offset, length: checksums.length * BLOCK_BYTES };
    await this.#arrive({ operation: 'read', extent, failure: 'corrupt' });
    const bytes = new Uint8Array(checksums.length * BLOCK_BYTES);
    for (const [index, checksum] of checksums.entries()) {
      const at = offset + index * BLOCK_BYTES;
      const block = this.#blocks.get(at / BLOCK_BYTES) ?? new Uint8Array(BLOCK_BYTES);
      if (crc32c(block) !== checksum)
        throw new Fault('corrupt', 'device', `block at ${at} fails its checksum`);
      bytes.set(block, index * BLOCK_BYTES);
    }
    return bytes;
  }

  async readUnchecked(offset: number, length: number): Promise<Uint8Array> {
    this.#checkRange(offset, length);
    await this.#arrive({ operation: 'read', extent: { offset, length } });
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += BLOCK_BYTES) {
      const block = this.#blocks.get((offset + at) / BLOCK_BYTES);
      if (block !== undefined) bytes.set(block, at);
    }
    return bytes;
  }

  async flush(): Promise<void> {
    const covered = this.#unflushed.length;
    await this.#arrive({ operation: 'flush', extent: NOWHERE }, () => {
      this.#unflushed = this.#unflushed.slice(covered);
      this.#flushCount++;
    });
  }

  /** What is read there afterwards is neither what was there nor zeros, so that nobody relies on it. */
  async discard({ offset, length }: DeviceExtent): Promise<void> {
    this.#checkRange(offset, length);
    await this.#arrive({ operation: 'discard', extent: { offset, length } }, () => {
      const [first, end] = [offset / BLOCK_BYTES, (offset + length) / BLOCK_BYTES];
      this.#unflushed = this.#unflushed.filter(({ block }) => block < first || block >= end);
      for (const block of this.#blocks.keys()) {
        if (block >= first && block < end) this.#blocks.set(block, NOTHING);
      }
      this.#discardedBytes += length;
    });
  }

  /** Bytes that were given back. */
  discardedBytes(): number {
    return this.#discardedBytes;
  }

  async grow(bytes: number): Promise<void> {
    await this.#arrive({ operation: 'write', extent: NOWHERE });
    const wanted = Math.ceil(bytes / DEVICE_UNIT_BYTES) * DEVICE_UNIT_BYTES;
    if (wanted > this.#bytesMax)
      throw new Fault('no-space', 'device', `ENOSPC: cannot grow to ${wanted} bytes`);
    this.#bytes = Math.max(this.#bytes, wanted);
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  /** Power loss: each sector that was written after the last flush is lost or kept, as `random` says. */
  crash(random: Random): void {
    for (const { block, before } of this.#unflushed.toReversed()) {
      const torn = Uint8Array.from(this.#blocks.get(block) ?? new Uint8Array(BLOCK_BYTES));
      for (let at = 0; at < BLOCK_BYTES; at += SECTOR_BYTES) {
        if (random.below(2) === 0) continue;
        torn.fill(0, at, at + SECTOR_BYTES);
        if (before !== undefined) torn.set(before.subarray(at, at + SECTOR_BYTES), at);
      }
      this.#blocks.set(block, torn);
    }
    this.#unflushed = [];
    this.#isClosed = false;
    this.#life++;
  }

  /** Flips one bit on the medium. */
  corrupt(offset: number, bit: number): void {
    const block = Math.floor(offset / BLOCK_BYTES);
    const flipped = Uint8Array.from(this.#blocks.get(block) ?? new Uint8Array(BLOCK_BYTES));
    flipped[offset % BLOCK_BYTES]! ^= 1 << (bit % 8);
    this.#blocks.set(block, flipped);
  }

  /** From now on operations for which `decide` says so fail as a broken disk does; `undefined` heals it. */
  failWhen(decide: Failing | undefined): void {
    this.#failing = decide;
  }

  /** `effect` happens at once when it arrives: nothing of a process reaches the medium after its power was lost. */
  async #arrive(
    { operation, extent, failure = 'unavailable' }: Arrival,
    effect: () => void = () => undefined,
  ): Promise<void> {
    if (this.#isClosed) throw new Fault('unavailable', 'device', 'the device is closed');
    // A turn of the loop between call and effect, as a real device has, so that races show.
    const life = this.#life;
    await Promise.resolve();
    if (life !== this.#life) throw new Fault('unavailable', 'device', `power was lost during ${operation}`);
    const failing = this.#failing?.(operation, extent) ?? false;
    if (failing === 'ENOSPC') throw new Fault('no-space', 'device', `ENOSPC: ${operation} failed`);
    if (failing) throw new Fault(failure, 'device', `EIO: ${operation} failed at ${extent.offset}`);
    effect();
  }

  #checkRange(offset: number, length: number): void {
    assert(offset % BLOCK_BYTES === 0, `offset ${offset} is not aligned`);
    assert(
      offset >= 0 && offset + length <= this.#bytes,
      `range ${offset}+${length} lies outside the device`,
    );
  }
}

function intoBlocks(parts: readonly Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Uint8Array(Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return Array.from({ length: whole.length / BLOCK_BYTES }, (_, index) =>
    whole.slice(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
  );
}
