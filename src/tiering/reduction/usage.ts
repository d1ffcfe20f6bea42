import type { Kv, KvTransaction } from '../../kv/kv.ts';
import { decodeCounts, encodeCounts } from '../counts.ts';
import type { ChunkStoreUsage } from './chunk-store.ts';
import type { ChunkTables } from './tables.ts';

const members = [
  'blobs',
  'chunks',
  'segments',
  'bytesLogical',
  'bytesUnique',
  'bytesLive',
  'bytesStored',
] as const satisfies readonly (keyof ChunkStoreUsage)[];

export type UsageChange = Partial<ChunkStoreUsage>;

/** What a chunk store keeps: a row that every transaction adds to, and the same in memory, exact at any moment. */
export class Usage {
  readonly #key: Uint8Array;
  #now: readonly number[];

  private constructor(key: Uint8Array, now: readonly number[]) {
    this.#key = key;
    this.#now = now;
  }

  static async open(kv: Kv, tables: ChunkTables): Promise<Usage> {
    return new Usage(tables.usage, decodeCounts(await kv.get(tables.usage), members.length));
  }

  /** Counts with the commit of `tx`. */
  change(tx: KvTransaction, change: UsageChange): void {
    const changes = members.map((member) => change[member] ?? 0);
    if (changes.every((count) => count === 0)) return;
    tx.merge(this.#key, encodeCounts(changes));
    tx.whenCommitted(() => {
      this.#now = this.#now.map((count, index) => count + (changes[index] ?? 0));
    });
  }

  now(): ChunkStoreUsage {
    const counts = members.map((member, index) => [member, this.#now[index] ?? 0] as const);
    return Object.fromEntries(counts) as Record<(typeof members)[number], number>;
  }
}
