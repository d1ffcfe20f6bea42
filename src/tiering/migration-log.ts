import type { Kv, KvTransaction } from '../kv/kv.ts';
import { MIGRATION_HISTORY_MAX } from '../limits/tiering.ts';
import {
  decodeCounts,
  decodeOrder,
  decodeProgress,
  decodeRecord,
  encodeCounts,
  encodeOrder,
  encodeProgress,
  encodeRecord,
  historyKey,
  historyRange,
  idOfOrderKey,
  orderKey,
  orderRange,
  stateKey,
  TOTALS_KEY,
  type MigrationCounts,
  type MigrationProgress,
} from './migration-records.ts';
import type { MigrationOrder, MigrationRecord } from './tiers.ts';

/** A migration that has begun and has not ended. */
export interface BegunMigration {
  readonly id: number;
  readonly order: MigrationOrder;
  readonly progress: MigrationProgress;
}

/** Rows more than the history may have: those of orders that came from several policies at once go one by one. */
const TRIM_PAGE_ROWS = 2 * MIGRATION_HISTORY_MAX;

/** The rows of migrations. */
export class MigrationLog {
  readonly #kv: Kv;

  constructor(kv: Kv) {
    this.#kv = kv;
  }

  /** What the last process has left, in the order in which it was begun. */
  async begun(): Promise<readonly BegunMigration[]> {
    const found: BegunMigration[] = [];
    for await (const page of this.#kv.scan(orderRange, { pageEntries: 16 })) {
      for (const { key, value } of page) {
        const id = idOfOrderKey(key);
        const state = await this.#kv.get(stateKey(id));
        if (state === undefined) continue;
        found.push({ id, order: decodeOrder(value), progress: decodeProgress(state) });
      }
    }
    return found;
  }

  async begin({ id, order, progress }: BegunMigration): Promise<void> {
    await this.#kv.transact('durable', async (tx) => {
      tx.put(orderKey(id), encodeOrder(order));
      tx.put(stateKey(id), encodeProgress(progress));
    });
  }

  /** Where it is matters only to who looks: what counts is written by `noteIn` with the switch. */
  async note(id: number, progress: MigrationProgress): Promise<void> {
    await this.#kv.transact('buffered', async (tx) => this.noteIn(tx, id, progress));
  }

  noteIn(tx: KvTransaction, id: number, progress: MigrationProgress): void {
    tx.put(stateKey(id), encodeProgress(progress));
  }

  /** Its rows go, and what it was becomes history. Answers the counts of all until now. */
  async end(record: MigrationRecord): Promise<MigrationCounts> {
    const { id, policy, outcome, bytes } = record;
    return this.#kv.transact('durable', async (tx) => {
      tx.delete(orderKey(id));
      tx.delete(stateKey(id));
      await this.#trim(tx, policy);
      tx.put(historyKey(policy, id), encodeRecord(record));
      const before = decodeCounts(await tx.get(TOTALS_KEY));
      const counts = {
        completed: before.completed + (outcome === 'completed' ? 1 : 0),
        failed: before.failed + (outcome === 'failed' ? 1 : 0),
        bytes: before.bytes + bytes,
      };
      tx.put(TOTALS_KEY, encodeCounts(counts));
      return counts;
    });
  }

  async counts(): Promise<MigrationCounts> {
    return decodeCounts(await this.#kv.get(TOTALS_KEY));
  }

  /** Newest first. */
  async history(policy: string | undefined): Promise<readonly MigrationRecord[]> {
    const options = { reverse: true, pageEntries: MIGRATION_HISTORY_MAX };
    for await (const page of this.#kv.scan(historyRange(policy), options)) {
      return page.map(({ key, value }) => decodeRecord(key, value, policy));
    }
    return [];
  }

  /** Makes room for one more. */
  async #trim(tx: KvTransaction, policy: string | undefined): Promise<void> {
    for await (const page of tx.scan(historyRange(policy), { pageEntries: TRIM_PAGE_ROWS })) {
      const tooMany = page.length + 1 - MIGRATION_HISTORY_MAX;
      for (const { key } of page.slice(0, Math.max(0, tooMany))) tx.delete(key);
      return;
    }
  }
}
