import assert from 'node:assert/strict';
import type {
  Durability,
  Entry,
  Key,
  KeyRange,
  Kv,
  KvTransaction,
  Merged,
  ScanOptions,
  Value,
} from '../../kv/kv.ts';
import {
  addShares,
  encodeShares,
  isNothing,
  NO_SHARES,
  subtractShares,
  type Shares,
} from '../census/shares.ts';
import { inodeKey, inoOfInodeKey, isInodeKey, sharesKey, usageKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import type { Hold, Ledger } from './ledger.ts';
import { encodeUsage, negative, ownedOf, type Counted, type Owned } from './usage.ts';

/**
 * The store with usage counted: a transaction that writes inodes changes the usage rows of their owners in the same
 * commit, by merges, so that writers of one bucket do not conflict; and the rows of shares of their buckets. Who changes inodes need not know; and none can forget.
 * Fault('quota-exceeded', 'bucket') when a limit is in the way of what a transaction comes to as a whole.
 */
export const counting = (kv: Kv, ledger: Ledger): Kv => ({
  get: (key) => kv.get(key),
  getMany: (keys) => kv.getMany(keys),
  scan: (range, options) => kv.scan(range, options),
  transact: (durability, body) => transact({ kv, ledger }, durability, body),
  sync: () => kv.sync(),
  get hasStopped() {
    return kv.hasStopped;
  },
  close: () => kv.close(),
});

async function transact<T>(
  { kv, ledger }: { readonly kv: Kv; readonly ledger: Ledger },
  durability: Durability,
  body: (tx: KvTransaction) => Promise<T>,
): Promise<T> {
  const holds: Hold[] = [];
  const giveUp = (): void => {
    for (const hold of holds.splice(0)) ledger.release(hold);
  };
  try {
    return await kv.transact(durability, async (tx) => {
      // An attempt before this one has met a conflict.
      giveUp();
      const counted = new CountingTransaction(tx);
      const result = await body(counted);
      for (const [bucket, change] of counted.shares()) tx.merge(sharesKey(bucket), encodeShares(change));
      const changes = counted.changes();
      if (changes.length === 0) return result;
      if (!counted.isAdmitted) {
        const beyond = counted.beyondReserved(changes);
        ledger.require(beyond);
        holds.push(ledger.hold(beyond));
      }
      for (const change of changes) tx.merge(usageKey(change.owner), encodeUsage(change));
      tx.whenCommitted(() => {
        giveUp();
        ledger.apply(changes);
      });
      return result;
    });
  } finally {
    giveUp();
  }
}

/** The transaction of a counting store, for what inodes alone do not say. */
export function countingOf(tx: KvTransaction): CountingTransaction {
  assert(tx instanceof CountingTransaction);
  return tx;
}

/**
 * Compares inodes as they are written with what they were when the transaction first read them. An inode that is put
 * without having been read is a new one.
 */
class CountingTransaction implements KvTransaction {
  readonly #tx: KvTransaction;
  /** Rows, as most of what is read is not written. */
  readonly #before = new Map<number, Value | undefined>();
  readonly #after = new Map<number, Counted | undefined>();
  readonly #more: Owned[] = [];
  readonly #reserved: Owned[] = [];
  #isAdmitted = false;
  #isLeftOut = false;

  constructor(tx: KvTransaction) {
    this.#tx = tx;
  }

  get isAdmitted(): boolean {
    return this.#isAdmitted;
  }

  /** No limit is in its way: it removes, or writes what was let in before. It is counted all the same. */
  admit(): void {
    this.#isAdmitted = true;
  }

  /** Inodes that it deletes are counted no more: somebody took them off before. */
  leaveOut(): void {
    this.#isLeftOut = true;
  }

  /** Counts what is there in rows of another kind. */
  add(change: Owned): void {
    this.#more.push(change);
  }

  /** Room that was kept for data which goes with the commit: what the transaction adds may take it. */
  takeOver(reserved: Owned): void {
    this.#reserved.push(reserved);
  }

  /** What changes need beside the room that is taken over. */
  beyondReserved(changes: readonly Owned[]): readonly Owned[] {
    return [...changes, ...this.#reserved.map(negative)];
  }

  get(key: Key): Promise<Value | undefined> {
    const reading = this.#tx.get(key);
    return this.#asks(key) ? reading.then((value) => this.#seen(key, value)) : reading;
  }

  getMany(keys: readonly Key[]): Promise<readonly (Value | undefined)[]> {
    const reading = this.#tx.getMany(keys);
    if (!keys.some((key) => this.#asks(key))) return reading;
    const asked = keys.map((key) => this.#asks(key));
    return reading.then((values) => {
      keys.forEach((key, index) => asked[index] === true && this.#seen(key, values[index]));
      return values;
    });
  }

  /** Not for inodes: who changes one reads it by its key. */
  scan(range: KeyRange, options: ScanOptions): AsyncIterable<readonly Entry[]> {
    return this.#tx.scan(range, options);
  }

  put(key: Key, value: Value): void {
    if (isInodeKey(key)) this.#after.set(inoOfInodeKey(key), ownedOf(key, value));
    this.#tx.put(key, value);
  }

  delete(key: Key): void {
    if (isInodeKey(key)) {
      const ino = inoOfInodeKey(key);
      assert(this.#before.has(ino) || this.#after.has(ino), 'an inode is read before it is deleted');
      this.#after.set(ino, undefined);
    }
    this.#tx.delete(key);
  }

  merge(key: Key, operand: Value): Merged {
    return this.#tx.merge(key, operand);
  }

  whenCommitted(effect: () => void): void {
    this.#tx.whenCommitted(effect);
  }

  /** What the transaction comes to for each owner, without those for whom that is nothing. */
  changes(): readonly Owned[] {
    const only = this.#onlyChange();
    if (only !== undefined) return only;
    const sums = new Map<string, Owned>();
    const add = ({ owner, bytes, inodes }: Owned, sign: bigint): void => {
      const key = `${owner.bucket}:${owner.uid}:${owner.gid}`;
      const known = sums.get(key);
      sums.set(key, {
        owner,
        bytes: (known?.bytes ?? 0n) + sign * bytes,
        inodes: (known?.inodes ?? 0n) + sign * inodes,
      });
    };
    for (const [ino, after] of this.#after) {
      const before = this.#countedBefore(ino);
      if (after !== undefined) add(after, 1n);
      if (before !== undefined && !(this.#isLeftOut && after === undefined)) add(before, -1n);
    }
    for (const change of this.#more) add(change, 1n);
    return [...sums.values()].filter(({ bytes, inodes }) => bytes !== 0n || inodes !== 0n);
  }

  /** The change of one that makes one inode and changes no other, as most do. */
  #onlyChange(): readonly Owned[] | undefined {
    if (this.#after.size !== 1 || this.#more.length > 0) return undefined;
    for (const [ino, after] of this.#after) {
      if (after === undefined || this.#before.get(ino) !== undefined) return undefined;
      return after.bytes === 0n && after.inodes === 0n ? [] : [after];
    }
    return undefined;
  }

  /** How the transaction changes what the tiers answer for, by bucket; without those for which that is nothing. */
  shares(): ReadonlyMap<Ino, Shares> {
    const sums = new Map<Ino, Shares>();
    const of = (counted: Counted | undefined): Shares => counted?.shares ?? NO_SHARES;
    for (const [ino, after] of this.#after) {
      const before = this.#countedBefore(ino);
      const bucket = (after ?? before)?.owner.bucket;
      if (bucket === undefined) continue;
      const change = subtractShares(of(after), of(before));
      const sum = addShares(sums.get(bucket) ?? NO_SHARES, change);
      if (isNothing(sum)) sums.delete(bucket);
      else sums.set(bucket, sum);
    }
    return sums;
  }

  /** Is the answer what the inode was before the transaction? */
  #asks(key: Key): boolean {
    return isInodeKey(key) && !this.#after.has(inoOfInodeKey(key));
  }

  #seen(key: Key, value: Value | undefined): Value | undefined {
    this.#before.set(inoOfInodeKey(key), value);
    return value;
  }

  #countedBefore(ino: number): Counted | undefined {
    const row = this.#before.get(ino);
    return row && ownedOf(inodeKey(ino as Ino), row);
  }
}
