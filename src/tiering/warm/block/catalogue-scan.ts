import { WARM_CATALOGUE_GROUPS_UNWRITTEN } from '../../../limits/tiering.ts';
import type { DeviceExtent } from '../../hot/device.ts';
import { entryAt, entryPlaceAt, type CatalogueEntry, type EntryPlace } from './catalogue-block.ts';
import type { CatalogueBlocks } from './catalogue-blocks.ts';
import { ShardIndex } from './shard-index.ts';
import { BLOCKS_PER_GROUP, ENTRIES_PER_BLOCK } from './superblock.ts';

/** What a device says of itself when it is opened. */
export interface Scanned {
  readonly index: ShardIndex;
  /** Entries in use, by block. */
  readonly used: Uint8Array;
  /** Of the data area, ascending: what no entry has. */
  readonly free: readonly DeviceExtent[];
  /** The greatest of an entry. */
  readonly sequence: number;
}

/** One extent of an entry, in arrays of numbers: a large device has millions. */
interface Extents {
  readonly offsets: number[];
  readonly ends: number[];
  readonly slots: number[];
  readonly sequences: number[];
  readonly fingerprints: number[];
}

/**
 * Reads the whole catalogue. Where a block has rotted and an older version of it counts, entries may come back that were gone: of
 * two that have the same name or the same space, the one that was put later is true, the other one is dropped.
 */
export async function scanCatalogue(blocks: CatalogueBlocks): Promise<Scanned> {
  const scan = new Scan(blocks);
  let unwritten = 0;
  for (let group = 0; group < blocks.geometry.groups; group++) {
    const versions = await blocks.group(group);
    // One alone is damage: they are filled from the lowest on.
    unwritten = versions === undefined ? unwritten + 1 : 0;
    if (unwritten === WARM_CATALOGUE_GROUPS_UNWRITTEN) break;
    if (versions === undefined) continue;
    for (const [nth, version] of versions.entries()) {
      if (version !== undefined) scan.take(group * BLOCKS_PER_GROUP + nth, version.bytes);
    }
  }
  await scan.dropNamesakes();
  return scan.done();
}

class Scan {
  readonly #blocks: CatalogueBlocks;
  readonly #index = new ShardIndex();
  readonly #used: Uint8Array;
  readonly #extents: Extents = { offsets: [], ends: [], slots: [], sequences: [], fingerprints: [] };
  /** Fingerprints that came twice. */
  readonly #twice = new Set<number>();
  readonly #dropped = new Set<number>();
  #sequence = 0;

  constructor(blocks: CatalogueBlocks) {
    this.#blocks = blocks;
    this.#used = new Uint8Array(blocks.count);
  }

  take(number: number, bytes: Uint8Array): void {
    for (let position = 0; position < ENTRIES_PER_BLOCK; position++) {
      const entry = entryPlaceAt(bytes, position, this.#blocks.geometry);
      if (entry !== undefined) this.#takeEntry(number * ENTRIES_PER_BLOCK + position, entry);
    }
  }

  #takeEntry(slot: number, { fingerprint, sequence, extents }: EntryPlace): void {
    if (this.#index.slotsOf(fingerprint).next().done !== true) this.#twice.add(fingerprint);
    this.#index.add(fingerprint, slot);
    this.#used[Math.floor(slot / ENTRIES_PER_BLOCK)]! += 1;
    this.#sequence = Math.max(this.#sequence, sequence);
    for (const { offset, length } of extents) {
      this.#extents.offsets.push(offset);
      this.#extents.ends.push(offset + length);
      this.#extents.slots.push(slot);
      this.#extents.sequences.push(sequence);
      this.#extents.fingerprints.push(fingerprint);
    }
  }

  async dropNamesakes(): Promise<void> {
    for (const fingerprint of this.#twice) {
      const newest = new Map<string, { readonly slot: number; readonly sequence: number }>();
      for (const slot of [...this.#index.slotsOf(fingerprint)]) {
        const entry = await this.#entryOf(slot);
        if (entry === undefined) continue;
        const { name, sequence } = entry;
        const text = `${name.id}.${name.generation}.${name.index}`;
        const other = newest.get(text);
        const isNewer = other === undefined || other.sequence < sequence;
        if (other !== undefined) this.#drop(isNewer ? other.slot : slot, fingerprint);
        if (isNewer) newest.set(text, { slot, sequence });
      }
    }
  }

  done(): Scanned {
    const order = Uint32Array.from(this.#extents.offsets.keys());
    order.sort((a, b) => this.#extents.offsets[a]! - this.#extents.offsets[b]!);
    this.#dropOverlaps(order);
    const free = this.#gaps(order);
    return { index: this.#index, used: this.#used, free, sequence: this.#sequence };
  }

  #dropOverlaps(order: Uint32Array): void {
    const { offsets, ends, slots, sequences, fingerprints } = this.#extents;
    let last: number | undefined;
    for (const at of order) {
      if (this.#dropped.has(slots[at]!)) continue;
      if (last === undefined || this.#dropped.has(slots[last]!) || ends[last]! <= offsets[at]!) last = at;
      else if (sequences[last]! < sequences[at]!) {
        this.#drop(slots[last]!, fingerprints[last]!);
        last = at;
      } else this.#drop(slots[at]!, fingerprints[at]!);
    }
  }

  #gaps(order: Uint32Array): readonly DeviceExtent[] {
    const { dataStart, dataEnd } = this.#blocks.geometry;
    const { offsets, ends, slots } = this.#extents;
    const free: DeviceExtent[] = [];
    let from = dataStart;
    for (const at of order) {
      if (this.#dropped.has(slots[at]!)) continue;
      if (offsets[at]! > from) free.push({ offset: from, length: offsets[at]! - from });
      from = ends[at]!;
    }
    if (from < dataEnd) free.push({ offset: from, length: dataEnd - from });
    return free;
  }

  #drop(slot: number, fingerprint: number): void {
    if (this.#dropped.has(slot)) return;
    this.#dropped.add(slot);
    this.#index.remove(fingerprint, slot);
    this.#used[Math.floor(slot / ENTRIES_PER_BLOCK)]! -= 1;
  }

  async #entryOf(slot: number): Promise<CatalogueEntry | undefined> {
    const { bytes } = await this.#blocks.read(Math.floor(slot / ENTRIES_PER_BLOCK));
    return entryAt(bytes, slot % ENTRIES_PER_BLOCK, this.#blocks.geometry);
  }
}
