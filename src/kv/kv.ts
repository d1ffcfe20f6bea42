import type { Closable } from '../scope.ts';

export type Key = Uint8Array;
export type Value = Uint8Array;
export interface Entry {
  readonly key: Key;
  readonly value: Value;
}

/** Half-open interval [start, end) in unsigned bytewise order. */
export interface KeyRange {
  readonly start: Key;
  readonly end: Key;
}

export interface ScanOptions {
  readonly reverse?: boolean;
  /** Upper bound on entries per yielded page: one native crossing per page, never per entry. */
  readonly pageEntries: number;
}

/**
 * Reads outside a transaction see the latest commit. What they return is durable when the commit was a durable one:
 * a read that meets a commit still on its way to the disk waits for it, so that nobody acts on what a crash could undo.
 * Returned bytes belong to the store: never modify them.
 */
export interface KvReader {
  get(key: Key): Promise<Value | undefined>;
  /** Same order as `keys`; absent keys are `undefined`. */
  getMany(keys: readonly Key[]): Promise<readonly (Value | undefined)[]>;
  /** Pages of at most `pageEntries`; never an empty page. Outside a transaction each page sees the latest commit. */
  scan(range: KeyRange, options: ScanOptions): AsyncIterable<readonly Entry[]>;
}

/** What a merged row was and became; filled when `transact` has resolved. */
export interface Merged {
  before: Value | undefined;
  after: Value | undefined;
}

/**
 * Reads see one snapshot plus this transaction's own writes. Serializable: when something that was read (a key or a
 * scanned range) has changed before the commit, `body` runs again.
 */
export interface KvTransaction extends KvReader {
  /** `key` and `value` belong to the store from here on, here and in the calls below: never modify them afterwards. */
  put(key: Key, value: Value): void;
  delete(key: Key): void;
  /**
   * Applies the store's `Merge` function at commit, in commit order, without a read that could conflict: counters and
   * times of a busy directory. A key that is merged must not be read, put or deleted in the same transaction.
   */
  merge(key: Key, operand: Value): Merged;
  /** Runs `effect` once, after the commit that succeeded is durable (buffered: visible). Never after a fault. */
  whenCommitted(effect: () => void): void;
}

/** Folds an operand into a row; `undefined` deletes it. Pure. Given by the owner of the records when the store opens. */
export type Merge = (key: Key, existing: Value | undefined, operand: Value) => Value | undefined;

/**
 * `buffered`: visible to every later read of this process, may be lost by a crash, never torn or reordered.
 * `durable`: survives power loss once the promise resolves.
 */
export type Durability = 'buffered' | 'durable';

/** An ordered map from bytes to bytes with serializable transactions. */
export interface Kv extends KvReader, Closable {
  /**
   * Runs `body` and commits its writes atomically; concurrent commits share one durable write (group commit).
   * `body` may run more than once (conflict), so it must have no other effect than through `whenCommitted`. It must not
   * wait for another transaction: after several conflicts it runs while the commits of all others wait.
   * Resolves, or rejects with what `body` threw, only when every commit that `body` observed is durable.
   */
  transact<T>(durability: Durability, body: (tx: KvTransaction) => Promise<T>): Promise<T>;
  /** Resolves when everything committed before the call is durable. */
  sync(): Promise<void>;
  /** A commit has failed: nothing is read or written any more, and the next start may find that commit done. */
  readonly hasStopped: boolean;
}
