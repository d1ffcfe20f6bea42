import assert from 'node:assert/strict';
import { Fault } from '../../src/fault.ts';
import type { Kv, KvReader, KvTransaction } from '../../src/kv/kv.ts';
import { decodeU64, encodeU64, prefixRange, tupleKey } from '../../src/kv/tuple.ts';
import type { BlobId } from '../../src/tiering/blobs.ts';
import type {
  BlobToStore,
  ChunkStore,
  ChunkStoreUsage,
  StoredBlob,
} from '../../src/tiering/reduction/chunk-store.ts';
import type { LowerTier } from '../../src/tiering/tier.ts';

const RECIPES = 0x48;

/** What survives a crash: contents by number, whole or damaged. */
export class ChunkMedia {
  readonly contents = new Map<number, Uint8Array>();
  readonly damaged = new Set<number>();
  lastNumber = 0;
}

export interface ChunkStoreOptions {
  readonly kv: Kv;
  readonly tier: LowerTier;
  readonly media: ChunkMedia;
  /** Before every effect. */
  readonly delay?: (label: string) => Promise<void>;
  /** A fault to throw at the next step of this name. */
  readonly fault?: (label: 'store' | 'attach' | 'read') => Fault | undefined;
}

/** A lower tier in memory: one recipe row and one content for each copy, nothing is shared. */
export class MemoryChunkStore implements ChunkStore {
  readonly tier: LowerTier;
  readonly #options: ChunkStoreOptions;
  readonly #staged = new Map<StoredBlob, number>();
  #scrubbed: readonly number[] | undefined;
  /** Of a staged store: blobs that were recalled, and how often somebody has asked. */
  readonly recalled = new Set<BlobId>();
  isStaged = false;

  constructor(options: ChunkStoreOptions) {
    this.tier = options.tier;
    this.#options = options;
  }

  async store(blobs: readonly BlobToStore[]): Promise<readonly StoredBlob[]> {
    await this.#pause('store');
    const { media } = this.#options;
    const stored = blobs.map(({ id, bytes }) => {
      const number = ++media.lastNumber;
      media.contents.set(number, Uint8Array.from(bytes));
      const each = { id, length: bytes.length };
      this.#staged.set(each, number);
      return each;
    });
    await this.#options.delay?.(`${this.tier} stored`);
    return stored;
  }

  async attach(tx: KvTransaction, stored: StoredBlob): Promise<void> {
    const number = this.#staged.get(stored);
    assert(number !== undefined, `blob ${stored.id} is not stored`);
    assert.equal(await tx.get(this.#key(stored.id)), undefined, `blob ${stored.id} has a copy already`);
    const fault = this.#options.fault?.('attach');
    if (fault !== undefined) throw fault;
    tx.put(this.#key(stored.id), Buffer.concat([encodeU64(number), encodeU64(stored.length)]));
    tx.whenCommitted(() => this.#staged.delete(stored));
  }

  async describe(): Promise<void> {
    await Promise.resolve();
  }

  discard(stored: StoredBlob): void {
    assert(this.#staged.delete(stored), `blob ${stored.id} is not stored`);
  }

  async release(tx: KvTransaction, id: BlobId): Promise<boolean> {
    const row = await tx.get(this.#key(id));
    if (row !== undefined) tx.delete(this.#key(id));
    return row !== undefined;
  }

  async lengthsOf(reader: KvReader, ids: readonly BlobId[]): Promise<readonly (number | undefined)[]> {
    const rows = await reader.getMany(ids.map((id) => this.#key(id)));
    return rows.map((row) => row && decodeU64(row, 8));
  }

  async blobsAfter(after: BlobId, countMax: number): Promise<readonly StoredBlob[]> {
    const range = { ...this.#range(), start: this.#key((after + 1) as BlobId) };
    for await (const page of this.#options.kv.scan(range, { pageEntries: countMax })) {
      return page.map(({ key, value }) => ({ id: decodeU64(key, 2) as BlobId, length: decodeU64(value, 8) }));
    }
    return [];
  }

  async read(id: BlobId, offset: number, length: number): Promise<Uint8Array> {
    const row = await this.#options.kv.get(this.#key(id));
    if (row === undefined) throw new Fault('not-found', 'blob', `blob ${id}`);
    await this.#pause('read');
    if (this.isStaged && !this.recalled.has(id)) throw new Fault('recall-pending', 'store', `blob ${id}`);
    const number = decodeU64(row, 0);
    const { contents, damaged } = this.#options.media;
    const bytes = contents.get(number);
    if (bytes === undefined) {
      const now = await this.#options.kv.get(this.#key(id));
      if (now !== undefined && decodeU64(now, 0) !== number) return this.read(id, offset, length);
      throw new Fault('not-found', 'store', `content ${number} of blob ${id}`);
    }
    if (damaged.has(number)) throw new Fault('corrupt', 'blob', `blob ${id}`);
    assert(offset + length <= bytes.length, `range ${offset}+${length} of ${bytes.length}`);
    return bytes.slice(offset, offset + length);
  }

  async recall(id: BlobId): Promise<boolean> {
    const isHere = this.recalled.has(id);
    this.recalled.add(id);
    return isHere || !this.isStaged;
  }

  /** Everything that no row names. */
  async collect(): Promise<boolean> {
    const { media } = this.#options;
    // First: what is stored after this is not looked at.
    const before = [...media.contents.keys()];
    const staged = new Set(this.#staged.values());
    const live = new Set(await this.#numbers());
    const dead = before.filter((number) => !live.has(number) && !staged.has(number));
    for (const number of dead) media.contents.delete(number);
    return dead.length > 0;
  }

  async scrub(): ReturnType<ChunkStore['scrub']> {
    this.#scrubbed ??= [...this.#options.media.contents.keys()].sort((a, b) => a - b);
    const [number, ...rest] = this.#scrubbed;
    this.#scrubbed = number === undefined ? undefined : rest;
    if (number === undefined) return undefined;
    const sound = { checked: 1, corrupt: 0, healed: 0, isWhole: true, lost: [], unknown: 0 };
    if (this.#options.fault?.('read')?.code === 'unavailable') return { ...sound, checked: 0, unknown: 1 };
    const isDamaged = this.#options.media.damaged.has(number);
    const lost = isDamaged ? await this.#blobsOf(number) : [];
    return { ...sound, corrupt: isDamaged ? 1 : 0, isWhole: !isDamaged, lost };
  }

  async restartScrub(): Promise<void> {
    this.#scrubbed = undefined;
    await Promise.resolve();
  }

  usage(): ChunkStoreUsage {
    const { contents } = this.#options.media;
    const bytes = [...contents.values()].reduce((sum, each) => sum + each.length, 0);
    const counts = { blobs: contents.size, chunks: contents.size, deltas: 0, segments: contents.size };
    return { ...counts, bytesLogical: bytes, bytesUnique: bytes, bytesLive: bytes, bytesStored: bytes };
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  /** Makes the copy of a blob unreadable. */
  async damage(id: BlobId): Promise<void> {
    const row = await this.#options.kv.get(this.#key(id));
    assert(row !== undefined, `blob ${id} has no copy in the ${this.tier} tier`);
    this.#options.media.damaged.add(decodeU64(row, 0));
  }

  async #blobsOf(wanted: number): Promise<readonly BlobId[]> {
    const found: BlobId[] = [];
    for await (const page of this.#options.kv.scan(this.#range(), { pageEntries: 100 })) {
      for (const { key, value } of page) {
        if (decodeU64(value, 0) === wanted) found.push(decodeU64(key, 2) as BlobId);
      }
    }
    return found;
  }

  async #numbers(): Promise<readonly number[]> {
    const found: number[] = [];
    for await (const page of this.#options.kv.scan(this.#range(), { pageEntries: 100 })) {
      found.push(...page.map(({ value }) => decodeU64(value, 0)));
    }
    return found;
  }

  async #pause(label: 'store' | 'read'): Promise<void> {
    await this.#options.delay?.(`${this.tier} ${label}`);
    const fault = this.#options.fault?.(label);
    if (fault !== undefined) throw fault;
  }

  #key(id: BlobId): Uint8Array {
    return Buffer.concat([this.#prefix(), tupleKey(0, [id]).subarray(1)]);
  }

  #prefix(): Uint8Array {
    return Uint8Array.of(RECIPES, this.tier === 'warm' ? 1 : 2);
  }

  #range() {
    return prefixRange(this.#prefix());
  }
}
