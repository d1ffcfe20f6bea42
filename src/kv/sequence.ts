import assert from 'node:assert/strict';
import type { Closable } from '../scope.ts';
import { SEQUENCE_LEASE } from '../limits.ts';
import { decodeU64, encodeU64 } from './tuple.ts';
import type { Key, Kv } from './kv.ts';

/** Numbers that only grow and are never given twice, also across crashes: inode numbers, ordinals, generations, ids. */
export interface Sequence extends Closable {
  /** The next number, below 2^53. Synchronous: a lease of numbers was made durable before. */
  next(): number;
}

/**
 * A sequence whose row at `key` holds the first number that was never leased. A crash skips the rest of a lease.
 * `stopped` is told when a lease cannot be extended; numbers go on until the lease at hand is used up.
 */
export async function openSequence(kv: Kv, key: Key, stopped: (cause: unknown) => void): Promise<Sequence> {
  const lease = (): Promise<number> =>
    kv.transact('durable', async (tx) => {
      const row = await tx.get(key);
      const start = row === undefined ? 1 : decodeU64(row, 0);
      tx.put(key, encodeU64(start + SEQUENCE_LEASE));
      return start;
    });
  let next = await lease();
  let end = next + SEQUENCE_LEASE;
  let extending: Promise<void> | undefined;
  /** Another process never shares the row, so that leases follow one another without a gap. */
  const extend = async (): Promise<void> => {
    const start = await lease();
    assert.equal(start, end, 'sequence leases are contiguous');
    end += SEQUENCE_LEASE;
    extending = undefined;
  };
  return {
    next() {
      assert(next < end, 'sequence: the lease ran out before the next one was durable');
      if (extending === undefined && end - next < SEQUENCE_LEASE / 2) {
        extending = extend();
        extending.catch(stopped);
      }
      return next++;
    },
    async close() {
      await extending;
    },
  };
}
