import assert from 'node:assert/strict';
import { WARM_CATALOGUE_BLOCKS_CACHED_MAX, WARM_PAGE_ENTRIES_MAX } from '../../../limits/tiering.ts';
import type { ShardName } from '../shard-device.ts';
import { entryAt, entryPlaceAt, fingerprintOf, withEntry, type CatalogueEntry } from './catalogue-block.ts';
import type { BlockVersion, CatalogueBlocks } from './catalogue-blocks.ts';
import type { Scanned } from './catalogue-scan.ts';
import type { ShardIndex } from './shard-index.ts';
import { ENTRIES_PER_BLOCK } from './superblock.ts';

/** An entry and the slot that it has. */
export interface PlacedEntry {
  readonly slot: number;
  readonly entry: CatalogueEntry;
}

/** Which shards there are and where, as the blocks on the device say. Changes come one at a time. */
export class Catalogue {
  readonly #blocks: CatalogueBlocks;
  readonly #index: ShardIndex;
  /** Entries in use, by block. */
  readonly #used: Uint8Array;
  readonly #cache = new Map<number, BlockVersion>();
  /** Grows with every change: what was read before may be out of date. */
  #changes = 0;
  /** No block before it has a free entry. */
  #firstFree = 0;
  #sequence: number;

  constructor(blocks: CatalogueBlocks, { index, used, sequence }: Scanned) {
    this.#blocks = blocks;
    this.#index = index;
    this.#used = used;
    this.#sequence = sequence;
  }

  get count(): number {
    return this.#index.count;
  }

  get entriesFree(): number {
    return this.#blocks.count * ENTRIES_PER_BLOCK - this.#index.count;
  }

  async find(name: ShardName): Promise<PlacedEntry | undefined> {
    for (const slot of [...this.#index.slotsOf(fingerprintOf(name))]) {
      const { bytes } = await this.#block(Math.floor(slot / ENTRIES_PER_BLOCK));
      const entry = entryAt(bytes, slot % ENTRIES_PER_BLOCK, this.#blocks.geometry);
      if (entry !== undefined && isSameName(entry.name, name)) return { slot, entry };
    }
    return undefined;
  }

  /** Writes the entry of a shard in the place of `before`, if it has one; not durable yet. */
  async set(entry: Omit<CatalogueEntry, 'sequence'>, before: PlacedEntry | undefined): Promise<void> {
    const slot = before?.slot ?? (await this.#freeSlot());
    this.#sequence += 1;
    await this.#change(slot, { ...entry, sequence: this.#sequence });
    if (before !== undefined) return;
    this.#index.add(fingerprintOf(entry.name), slot);
    this.#used[Math.floor(slot / ENTRIES_PER_BLOCK)]! += 1;
  }

  /** Takes an entry out; not durable yet. */
  async clear({ slot, entry }: PlacedEntry): Promise<void> {
    await this.#change(slot, undefined);
    const number = Math.floor(slot / ENTRIES_PER_BLOCK);
    this.#index.remove(fingerprintOf(entry.name), slot);
    this.#used[number]! -= 1;
    this.#firstFree = Math.min(this.#firstFree, number);
  }

  /** All changes are durable. */
  flushed(): void {
    this.#blocks.flushed();
  }

  async *pages(): AsyncGenerator<readonly ShardName[]> {
    let page: ShardName[] = [];
    for (let number = 0; number < this.#blocks.count; number++) {
      if (this.#used[number] === 0) continue;
      const { bytes } = await this.#block(number);
      for (let position = 0; position < ENTRIES_PER_BLOCK; position++) {
        const entry = entryAt(bytes, position, this.#blocks.geometry);
        if (entry !== undefined) page.push(entry.name);
      }
      if (page.length + ENTRIES_PER_BLOCK <= WARM_PAGE_ENTRIES_MAX) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async #change(slot: number, entry: CatalogueEntry | undefined): Promise<void> {
    const number = Math.floor(slot / ENTRIES_PER_BLOCK);
    const before = await this.#block(number);
    const changed = withEntry(before.bytes, slot % ENTRIES_PER_BLOCK, entry);
    this.#changes += 1;
    const after = await this.#blocks.write(number, before, changed);
    this.#changes += 1;
    this.#keep(number, after);
  }

  async #freeSlot(): Promise<number> {
    let number = this.#firstFree;
    while (number < this.#blocks.count && this.#used[number] === ENTRIES_PER_BLOCK) number += 1;
    this.#firstFree = number;
    assert(number < this.#blocks.count, 'a free entry was counted before one is wanted');
    const { bytes } = await this.#block(number);
    for (let position = 0; position < ENTRIES_PER_BLOCK; position++) {
      if (entryPlaceAt(bytes, position, this.#blocks.geometry) === undefined) {
        return number * ENTRIES_PER_BLOCK + position;
      }
    }
    assert.fail('a block has the free entry that was counted');
  }

  /** A block as it is now, without entries that are none any more. */
  async #block(number: number): Promise<BlockVersion> {
    for (;;) {
      const cached = this.#cache.get(number);
      if (cached !== undefined) return cached;
      const changes = this.#changes;
      const { bytes, sequence } = await this.#blocks.read(number);
      if (changes !== this.#changes) continue;
      const version = { bytes: this.#cleaned(number, bytes), sequence };
      this.#keep(number, version);
      return version;
    }
  }

  /** An older version of a block, which counts when the newest has rotted, may have entries that went since. */
  #cleaned(number: number, bytes: Uint8Array): Uint8Array {
    let cleaned = bytes;
    for (let position = 0; position < ENTRIES_PER_BLOCK; position++) {
      const entry = entryPlaceAt(bytes, position, this.#blocks.geometry);
      const slot = number * ENTRIES_PER_BLOCK + position;
      if (entry === undefined || this.#index.has(entry.fingerprint, slot)) continue;
      cleaned = withEntry(cleaned, position, undefined);
    }
    return cleaned;
  }

  #keep(number: number, version: BlockVersion): void {
    this.#cache.delete(number);
    this.#cache.set(number, version);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= WARM_CATALOGUE_BLOCKS_CACHED_MAX) break;
      this.#cache.delete(oldest);
    }
  }
}

const isSameName = (a: ShardName, b: ShardName): boolean =>
  a.id === b.id && a.generation === b.generation && a.index === b.index;
