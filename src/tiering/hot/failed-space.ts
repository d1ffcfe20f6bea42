import assert from 'node:assert/strict';
import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Key, Kv, Value } from '../../kv/kv.ts';
import { decodeU64, prefixRange, tupleKey } from '../../kv/tuple.ts';
import { BLOB_SCAN_PAGE_ROWS } from '../../limits.ts';
import {
  HOT_EXAMINE_REST_MS,
  HOT_HELD_SHARE_MAX,
  HOT_RETIRED_BLOCKS_MAX,
  HOT_SUSPECTS_MAX,
} from '../../limits/tiering.ts';
import type { BlobTables } from './blob-records.ts';
import { BLOCK_BYTES, MEBIBYTE_BYTES, type Allocator, type Device, type DeviceExtent } from './device.ts';

interface Parts {
  readonly kv: Kv;
  readonly tables: Pick<BlobTables, 'retired'>;
  readonly device: Device;
  readonly allocator: Allocator;
  readonly environment: Pick<Environment, 'clock' | 'random' | 'log'>;
}

/**
 * Places of the device where a read or write has failed. What is there stays as long as somebody names it. When it is freed it
 * is not given out again before it was written and read back; a block that fails that, while another place of the device does
 * not, is retired: a durable row keeps it from ever being given out.
 */
export class FailedSpace {
  readonly #parts: Parts;
  /** Where something failed since the start; the place may be in use. */
  #suspects: DeviceExtent[] = [];
  /** Free, and not the allocator's. */
  readonly #held: DeviceExtent[] = [];
  #retiredCount: number;
  #retiredBytes: number;
  #restsUntil = -Infinity;

  constructor(parts: Parts, retired: readonly DeviceExtent[]) {
    this.#parts = parts;
    this.#retiredCount = retired.length;
    this.#retiredBytes = bytesOf(retired);
  }

  /** Of the device, in bytes: what is retired, and what waits to be examined. */
  get bytes(): { readonly retired: number; readonly held: number } {
    return { retired: this.#retiredBytes, held: bytesOf(this.#held) };
  }

  /** The device, whose failures are noted here. */
  noticing(device: Device): Device {
    const noted = (extent: DeviceExtent, code: Fault['code']) => (cause: unknown) => {
      if (cause instanceof Fault && cause.code === code) this.#suspect(extent);
      throw cause;
    };
    return {
      traits: device.traits,
      bytes: () => device.bytes(),
      write: (offset, parts, lifetime) => {
        const length = parts.reduce((sum, part) => sum + part.length, 0);
        const extent = { offset, length: Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES };
        return device.write(offset, parts, lifetime).catch(noted(extent, 'unavailable'));
      },
      read: (offset, checksums, room) => {
        const extent = { offset, length: checksums.length * BLOCK_BYTES };
        return device.read(offset, checksums, room).catch(noted(extent, 'corrupt'));
      },
      flush: () => device.flush(),
      discard: (extent) => device.discard(extent),
      grow: (bytes) => device.grow(bytes),
      close: () => device.close(),
    };
  }

  /**
   * Of space that is nobody's any more, what may be given out again; the rest is kept here. A device that fails as a whole must not
   * seem to be full: no more than a share of it is kept, and the rest may be tried again.
   */
  sift(extents: readonly DeviceExtent[]): readonly DeviceExtent[] {
    if (this.#suspects.length === 0) return extents;
    const good: DeviceExtent[] = [];
    let room = this.#parts.allocator.bytesTotal() * HOT_HELD_SHARE_MAX - bytesOf(this.#held);
    for (const extent of extents) {
      if (!this.#isSuspect(extent)) good.push(extent);
      else
        for (const piece of piecesOf(extent)) {
          const isHeld = piece.length <= room && this.#isSuspect(piece);
          if (isHeld) room -= piece.length;
          (isHeld ? this.#held : good).push(piece);
        }
    }
    return good;
  }

  /** Examines one extent that waits for it, where there is one. */
  async step(): Promise<'busy' | 'idle'> {
    const { clock } = this.#parts.environment;
    const [extent] = this.#held;
    if (extent === undefined || clock.monotonic() < this.#restsUntil) return 'idle';
    const bad = await this.#badBlocks(extent);
    if (bad.length > 0 && !(await this.#worksElsewhere())) {
      // The device as a whole, not this place.
      this.#restsUntil = clock.monotonic() + HOT_EXAMINE_REST_MS;
      return 'idle';
    }
    await this.#retire(bad);
    this.#held.shift();
    this.#suspects = this.#suspects.flatMap((suspect) => [...without(suspect, extent)]);
    this.#release(extent, bad);
    return 'busy';
  }

  #release(extent: DeviceExtent, bad: readonly DeviceExtent[]): void {
    const { allocator } = this.#parts;
    if (bad.length === 0) {
      allocator.release(extent);
      return;
    }
    const badAt = new Set(bad.map(({ offset }) => offset));
    for (const block of blocksOf(extent)) if (!badAt.has(block.offset)) allocator.release(block);
  }

  #isSuspect(extent: DeviceExtent): boolean {
    return this.#suspects.some((suspect) => overlap(suspect, extent));
  }

  #suspect(extent: DeviceExtent): void {
    if (this.#suspects.length >= HOT_SUSPECTS_MAX) return;
    if (!this.#suspects.some((known) => isWithin(extent, known))) this.#suspects.push(extent);
  }

  async #badBlocks(extent: DeviceExtent): Promise<readonly DeviceExtent[]> {
    if (await this.#works(extent)) return [];
    const bad: DeviceExtent[] = [];
    for (const block of blocksOf(extent)) if (!(await this.#works(block))) bad.push(block);
    return bad;
  }

  /** Whether what is written there is read back. */
  async #works({ offset, length }: DeviceExtent): Promise<boolean> {
    const { device, environment } = this.#parts;
    try {
      const checksums = await device.write(offset, [environment.random.bytes(length)]);
      await device.read(offset, checksums);
      return true;
    } catch (cause) {
      if (cause instanceof Fault) return false;
      throw cause;
    }
  }

  async #worksElsewhere(): Promise<boolean> {
    const { allocator } = this.#parts;
    const [block] = allocator.allocate(BLOCK_BYTES) ?? [];
    if (block === undefined) return false;
    try {
      return await this.#works(block);
    } finally {
      allocator.release(block);
    }
  }

  /** Those that there are no more rows for are kept from being given out until the next start. */
  async #retire(blocks: readonly DeviceExtent[]): Promise<void> {
    if (blocks.length === 0) return;
    const { kv, tables, environment } = this.#parts;
    const kept = blocks.slice(0, Math.max(0, HOT_RETIRED_BLOCKS_MAX - this.#retiredCount));
    await kv.transact('durable', async (tx) => {
      for (const block of kept) tx.put(retiredKey(tables, block), RETIRED);
    });
    this.#retiredCount += blocks.length;
    this.#retiredBytes += bytesOf(blocks);
    environment.log.warn('hot tier: blocks of the device fail and are not used any more', {
      blocks: blocks.length,
      first: blocks[0]?.offset,
    });
  }
}

/** Blocks that rows keep from being given out. */
export async function retiredBlocks(
  kv: Kv,
  tables: Pick<BlobTables, 'retired'>,
): Promise<readonly DeviceExtent[]> {
  const blocks: DeviceExtent[] = [];
  const range = prefixRange(Uint8Array.of(tables.retired));
  for await (const page of kv.scan(range, { pageEntries: BLOB_SCAN_PAGE_ROWS })) {
    for (const { key, value } of page) {
      assert(value[0] === VERSION, `a retired block of unknown version ${value[0]}`);
      blocks.push({ offset: decodeU64(key, 1) * BLOCK_BYTES, length: BLOCK_BYTES });
    }
  }
  return blocks;
}

/** They are in use again: a program that did not know them has given them out. */
export async function unretire(
  kv: Kv,
  tables: Pick<BlobTables, 'retired'>,
  blocks: readonly DeviceExtent[],
): Promise<void> {
  if (blocks.length === 0) return;
  await kv.transact('durable', async (tx) => {
    for (const block of blocks) tx.delete(retiredKey(tables, block));
  });
}

const VERSION = 1;
const RETIRED: Value = Uint8Array.of(VERSION);

const retiredKey = ({ retired }: Pick<BlobTables, 'retired'>, { offset }: DeviceExtent): Key =>
  tupleKey(retired, [offset / BLOCK_BYTES]);

const bytesOf = (extents: readonly DeviceExtent[]): number =>
  extents.reduce((sum, { length }) => sum + length, 0);

export const overlap = (a: DeviceExtent, b: DeviceExtent): boolean =>
  a.offset < b.offset + b.length && b.offset < a.offset + a.length;

/** What is left of an extent, which may be more than one. */
function* without(extent: DeviceExtent, gone: DeviceExtent): Generator<DeviceExtent> {
  const [end, goneEnd] = [extent.offset + extent.length, gone.offset + gone.length];
  const before = Math.min(end, gone.offset) - extent.offset;
  if (before > 0) yield { offset: extent.offset, length: before };
  const from = Math.max(extent.offset, goneEnd);
  if (from < end) yield { offset: from, length: end - from };
}

const isWithin = (inner: DeviceExtent, outer: DeviceExtent): boolean =>
  inner.offset >= outer.offset && inner.offset + inner.length <= outer.offset + outer.length;

const blocksOf = (extent: DeviceExtent): Generator<DeviceExtent> => cut(extent, BLOCK_BYTES);
/** What one step examines at a time. */
const piecesOf = (extent: DeviceExtent): Generator<DeviceExtent> => cut(extent, MEBIBYTE_BYTES);

function* cut({ offset, length }: DeviceExtent, bytes: number): Generator<DeviceExtent> {
  const end = offset + length;
  for (let at = offset; at < end; at += bytes) yield { offset: at, length: Math.min(bytes, end - at) };
}
