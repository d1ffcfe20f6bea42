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
] as const satisfies readonly Exclude<keyof ChunkStoreUsage, 'deltas'>[];

export type UsageChange = Partial<ChunkStoreUsage>;

/** What a chunk store keeps: two rows that every transaction adds to, and the same in memory, exact at any moment. */
export class Usage {
  readonly #tables: ChunkTables;
  #now: readonly number[];
  #deltas: number;

  private constructor(tables: ChunkTables, now: readonly number[], deltas: number) {
    this.#tables = tables;
    this.#now = now;
    this.#deltas = deltas;
  }

  static async open(kv: Kv, tables: ChunkTables): Promise<Usage> {
    const [usage, deltas] = await kv.getMany([tables.usage, tables.deltas]);
    return new Usage(tables, decodeCounts(usage, members.length), decodeCounts(deltas, 1)[0] ?? 0);
  }

  /** Counts with the commit of `tx`. */
  change(tx: KvTransaction, change: UsageChange): void {
    const { deltas = 0 } = change;
    if (deltas !== 0) {
      tx.merge(this.#tables.deltas, encodeCounts([deltas]));
      tx.whenCommitted(() => (this.#deltas += deltas));
    }
    const changes = members.map((member) => change[member] ?? 0);
    if (changes.every((count) => count === 0)) return;
    tx.merge(this.#tables.usage, encodeCounts(changes));
    tx.whenCommitted(() => {
      this.#now = this.#now.map((count, index) => count + (changes[index] ?? 0));
    });
  }

  now(): ChunkStoreUsage {
    const counts = members.map((member, index) => [member, this.#now[index] ?? 0] as const);
    return {
      ...(Object.fromEntries(counts) as Record<(typeof members)[number], number>),
      deltas: this.#deltas,
    };
  }
}
