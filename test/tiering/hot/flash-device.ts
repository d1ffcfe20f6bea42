import assert from 'node:assert/strict';
import {
  BLOCK_BYTES,
  type Device,
  type DeviceExtent,
  type DeviceTraits,
  type Lifetime,
} from '../../../src/tiering/hot/device.ts';

/** Blocks that flash erases at once: 1 MiB. */
const BLOCKS_PER_ERASE_UNIT = 256;
/** What the medium has more than it shows. */
const SPARE_SHARE = 0.1;
/** Erase units that are kept empty for the medium's own moves. */
const EMPTY_MIN = 4;

interface EraseUnit {
  /** Which block lies in each place; `undefined`: none any more. */
  readonly places: (number | undefined)[];
  live: number;
}

type Stream = Lifetime | 'moved';

/**
 * The wear of flash, without its bytes: blocks are written to erase units one after the other, one unit open for each stream;
 * when empty ones run out, the unit with the least in it is emptied by writing that anew. What streams keep apart ends
 * together and need not be moved.
 */
export class FlashDevice implements Device {
  readonly traits: DeviceTraits;
  readonly #bytes: number;
  readonly #where = new Map<number, { readonly unit: EraseUnit; readonly place: number }>();
  readonly #empty: EraseUnit[];
  readonly #full = new Set<EraseUnit>();
  readonly #open = new Map<Stream, EraseUnit>();
  #blocksWritten = 0;
  #blocksMoved = 0;

  constructor(bytes: number, placement: DeviceTraits['placement']) {
    this.traits = { discard: 'device', placement };
    this.#bytes = bytes;
    const count = Math.ceil((bytes * (1 + SPARE_SHARE)) / (BLOCKS_PER_ERASE_UNIT * BLOCK_BYTES));
    this.#empty = Array.from({ length: count }, () => ({ places: [], live: 0 }));
  }

  /** Blocks that the medium has written for each that it was given. */
  amplification(): number {
    return (this.#blocksWritten + this.#blocksMoved) / this.#blocksWritten;
  }

  bytes(): number {
    return this.#bytes;
  }

  async write(
    offset: number,
    parts: readonly Uint8Array[],
    lifetime: Lifetime = 'medium',
  ): Promise<Uint32Array> {
    const count = Math.ceil(parts.reduce((sum, { length }) => sum + length, 0) / BLOCK_BYTES);
    const stream = this.traits.placement === 'streams' ? lifetime : 'medium';
    for (let index = 0; index < count; index += 1) {
      const block = offset / BLOCK_BYTES + index;
      this.#forget(block);
      this.#place(block, stream);
      this.#blocksWritten += 1;
      while (this.#empty.length < EMPTY_MIN) this.#clean();
    }
    return new Uint32Array(count);
  }

  /** Nothing is kept but where it lies. */
  async read(_offset: number, checksums: Uint32Array): Promise<Uint8Array> {
    return new Uint8Array(checksums.length * BLOCK_BYTES);
  }

  async discard({ offset, length }: DeviceExtent): Promise<void> {
    for (let at = offset; at < offset + length; at += BLOCK_BYTES) this.#forget(at / BLOCK_BYTES);
  }

  async flush(): Promise<void> {
    await Promise.resolve();
  }

  async grow(): Promise<void> {
    await Promise.resolve();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #forget(block: number): void {
    const found = this.#where.get(block);
    if (found === undefined) return;
    this.#where.delete(block);
    found.unit.places[found.place] = undefined;
    found.unit.live -= 1;
  }

  #place(block: number, stream: Stream): void {
    let unit = this.#open.get(stream);
    if (unit === undefined) {
      unit = this.#empty.pop();
      assert(unit !== undefined, 'the medium has no empty unit left');
      this.#open.set(stream, unit);
    }
    unit.places.push(block);
    unit.live += 1;
    this.#where.set(block, { unit, place: unit.places.length - 1 });
    if (unit.places.length < BLOCKS_PER_ERASE_UNIT) return;
    this.#full.add(unit);
    this.#open.delete(stream);
  }

  /** Empties the unit with the least in it. */
  #clean(): void {
    let victim: EraseUnit | undefined;
    for (const unit of this.#full) if (victim === undefined || unit.live < victim.live) victim = unit;
    assert(victim !== undefined && victim.live < BLOCKS_PER_ERASE_UNIT, 'there is something to win');
    this.#full.delete(victim);
    for (const block of [...victim.places]) {
      if (block === undefined) continue;
      this.#forget(block);
      this.#place(block, this.traits.placement === 'streams' ? 'moved' : 'medium');
      this.#blocksMoved += 1;
    }
    victim.places.length = 0;
    this.#empty.push(victim);
  }
}
