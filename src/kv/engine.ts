import type { Closable } from '../scope.ts';
import type { Entry, Key, KeyRange, Value } from './kv.ts';

/** One change of a batch; `undefined` deletes. */
export interface Write {
  readonly key: Key;
  readonly value: Value | undefined;
}

export interface PageOptions {
  readonly reverse: boolean;
  readonly entriesMax: number;
  /** The page ends after the entry that reaches this many bytes of keys and values. */
  readonly bytesMax: number;
}

export interface Page {
  /** In the order of the scan. Empty only when `isLast`. */
  readonly entries: readonly Entry[];
  /** Nothing of the range lies beyond the entries. */
  readonly isLast: boolean;
}

/**
 * What `optimistic.ts` needs of a storage engine that this process owns alone: plain reads, and batches that are
 * applied in the order of the calls. Reads see every batch whose `write` resolved, perhaps also later ones.
 */
export interface KvEngine extends Closable {
  /** Answers at once where the rows are in memory, else by a promise: a hop between threads costs more than the read. */
  getMany(keys: readonly Key[]): readonly (Value | undefined)[] | Promise<readonly (Value | undefined)[]>;
  page(range: KeyRange, options: PageOptions): Page | Promise<Page>;
  /**
   * Applies `batch` atomically, after every batch of an earlier call. With `durable` it resolves when this and every
   * earlier batch is on stable storage, else when it is visible. A rejection means that the outcome is unknown: stop.
   */
  write(batch: readonly Write[], durable: boolean): Promise<void>;
  /** Resolves when every batch written before the call is durable. */
  sync(): Promise<void>;
}
