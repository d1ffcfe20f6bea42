import { Fault } from '../../../fault.ts';
import { BLOCK_BYTES } from '../../hot/device.ts';
import type { RawDisk } from '../../raw-disk.ts';
import { emptyBlock, readBlockHead, sealedBlock } from './catalogue-block.ts';
import { BLOCKS_PER_GROUP, GROUP_BYTES, REGION_BYTES, type Geometry } from './superblock.ts';

/** What one version of a block holds; 0: it has never been written. */
export interface BlockVersion {
  readonly bytes: Uint8Array;
  readonly sequence: number;
}

/** Which of its two homes has the newest version of a block, where that is not known. */
const UNKNOWN = 2;

/**
 * The blocks of a catalogue on their device. A change goes to the home that does not have the last durable version: a write that
 * is torn leaves the block as it was then, however many came before it without a flush.
 */
export class CatalogueBlocks {
  readonly geometry: Geometry;
  readonly count: number;
  readonly #disk: RawDisk;
  readonly #device: string;
  readonly #homes: Uint8Array;
  /** Blocks whose newest version a power loss may take. */
  readonly #undurable = new Set<number>();

  constructor(disk: RawDisk, of: { readonly device: string; readonly geometry: Geometry }) {
    this.geometry = of.geometry;
    this.count = of.geometry.groups * BLOCKS_PER_GROUP;
    this.#disk = disk;
    this.#device = of.device;
    this.#homes = new Uint8Array(this.count).fill(UNKNOWN);
  }

  /**
   * The newest versions of the blocks of a group, `undefined` for those that have none; nothing when no block of it has any.
   */
  async group(group: number): Promise<readonly (BlockVersion | undefined)[] | undefined> {
    const first = group * BLOCKS_PER_GROUP;
    const start = this.#offsetOf(first, 0);
    const whole = await this.#disk.readUnchecked(start, GROUP_BYTES).catch((cause: unknown) => {
      if (!(cause instanceof Fault)) throw cause;
      return undefined;
    });
    const bytes = whole ?? (await this.#readable(start));
    const versions = Array.from({ length: BLOCKS_PER_GROUP }, (_, nth) => {
      const homes = [0, 1].map((home) => {
        const at = this.#offsetOf(first + nth, home) - start;
        return this.#versionOf(first + nth, bytes.subarray(at, at + BLOCK_BYTES));
      });
      return this.#newest(first + nth, homes);
    });
    return whole !== undefined && versions.every((version) => version === undefined) ? undefined : versions;
  }

  /** The newest sound version: an older one where the newest has rotted. */
  async read(number: number): Promise<BlockVersion> {
    const home = this.#homes[number]!;
    const known = home === UNKNOWN ? undefined : await this.#readHome(number, home);
    if (known !== undefined) return known;
    const homes = [await this.#readHome(number, 0), await this.#readHome(number, 1)];
    return this.#newest(number, homes) ?? { bytes: emptyBlock(), sequence: 0 };
  }

  /** Writes the successor of `before`; not durable before `flushed`. One write at a time. */
  async write(number: number, before: BlockVersion, bytes: Uint8Array): Promise<BlockVersion> {
    const sequence = before.sequence + (this.#undurable.has(number) ? 2 : 1);
    const sealed = sealedBlock(bytes, { device: this.#device, number, sequence });
    const home = sequence % 2;
    await this.#disk.write(this.#offsetOf(number, home), [sealed]);
    this.#homes[number] = home;
    this.#undurable.add(number);
    return { bytes: sealed, sequence };
  }

  /** All that was written is durable. */
  flushed(): void {
    this.#undurable.clear();
  }

  #newest(number: number, homes: readonly (BlockVersion | undefined)[]): BlockVersion | undefined {
    const [newest] = homes
      .filter((version) => version !== undefined)
      .toSorted((a, b) => b.sequence - a.sequence);
    if (newest !== undefined) this.#homes[number] = newest.sequence % 2;
    return newest;
  }

  async #readHome(number: number, home: number): Promise<BlockVersion | undefined> {
    return this.#versionOf(number, await this.#disk.readUnchecked(this.#offsetOf(number, home), BLOCK_BYTES));
  }

  /** `undefined` for what was torn, has rotted or belongs to a device that was here before. */
  #versionOf(number: number, bytes: Uint8Array): BlockVersion | undefined {
    const head = readBlockHead(bytes);
    const isOurs = head?.device === this.#device && head.number === number && head.sequence > 0;
    return isOurs ? { bytes, sequence: head.sequence } : undefined;
  }

  /** A group block by block, with zeros for blocks that cannot be read. */
  async #readable(start: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(GROUP_BYTES);
    let failure: Fault | undefined;
    let count = 0;
    for (let at = 0; at < GROUP_BYTES; at += BLOCK_BYTES) {
      try {
        bytes.set(await this.#disk.readUnchecked(start + at, BLOCK_BYTES), at);
        count += 1;
      } catch (cause) {
        if (!(cause instanceof Fault)) throw cause;
        failure = cause;
      }
    }
    if (count === 0 && failure !== undefined) throw failure;
    return bytes;
  }

  #offsetOf(number: number, home: number): number {
    const group = Math.floor(number / BLOCKS_PER_GROUP);
    const nth = number % BLOCKS_PER_GROUP;
    return REGION_BYTES + group * GROUP_BYTES + home * (GROUP_BYTES / 2) + nth * BLOCK_BYTES;
  }
}
