import { decodeU64 } from '../kv/tuple.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import {
  bucketOfFiledCountKey,
  decodeFiledCount,
  decodeRow,
  encodeFiledCount,
  filedCountKey,
  filedCountRange,
  filedKey,
  filedRange,
  rowKey,
} from './records.ts';

/** Files new rows of bypasses under their buckets; of each bucket the newest `rowsMax` stay. The orders of those that went. */
export async function fileBypasses(
  tx: KvTransaction,
  orders: readonly number[],
  rowsMax: number,
): Promise<readonly number[]> {
  const removed: number[] = [];
  for (const [bucket, fresh] of await byBucket(tx, orders)) {
    for (const order of fresh) tx.put(filedKey(bucket, order), new Uint8Array(0));
    const countKey = filedCountKey(bucket);
    const rows = decodeFiledCount(await tx.get(countKey)) + fresh.length;
    const old = await oldest(tx, bucket, rows - rowsMax);
    for (const order of old) remove(tx, bucket, order);
    tx.put(countKey, encodeFiledCount(rows - old.length));
    removed.push(...old);
  }
  return removed;
}

/** Removes so many rows, the oldest of those buckets that have most. Their orders. */
export async function thinBypasses(tx: KvTransaction, excess: number): Promise<readonly number[]> {
  const counts = await filedCounts(tx);
  const removed: number[] = [];
  for (const [bucket, share] of sharesOf(counts, excess)) {
    const old = await oldest(tx, bucket, share);
    for (const order of old) remove(tx, bucket, order);
    const left = (counts.get(bucket) ?? 0) - old.length;
    if (left > 0) tx.put(filedCountKey(bucket), encodeFiledCount(left));
    else tx.delete(filedCountKey(bucket));
    removed.push(...old);
  }
  return removed;
}

/** How many each loses, so that all together lose `excess` and nobody loses any while another has more left. */
export function sharesOf(counts: ReadonlyMap<string, number>, excess: number): ReadonlyMap<string, number> {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const shares = new Map<string, number>();
  let sum = 0;
  for (const [index, [, count]] of sorted.entries()) {
    sum += count;
    const losers = index + 1;
    const left = Math.max(0, sum - excess);
    const level = Math.floor(left / losers);
    if (level < (sorted[losers]?.[1] ?? 0)) continue;
    // What does not divide evenly stays with the first.
    const spare = left - level * losers;
    for (const [at, [bucket, rows]] of sorted.slice(0, losers).entries())
      shares.set(bucket, rows - level - (at < spare ? 1 : 0));
    break;
  }
  return shares;
}

async function filedCounts(tx: KvTransaction): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const page of tx.scan(filedCountRange(), { pageEntries: PAGE_ENTRIES_MAX }))
    for (const { key, value } of page) counts.set(bucketOfFiledCountKey(key), decodeFiledCount(value));
  return counts;
}

function remove(tx: KvTransaction, bucket: string, order: number): void {
  tx.delete(rowKey('bypasses', order));
  tx.delete(filedKey(bucket, order));
}

async function byBucket(
  tx: KvTransaction,
  orders: readonly number[],
): Promise<ReadonlyMap<string, readonly number[]>> {
  const buckets = new Map<string, number[]>();
  const rows = await tx.getMany(orders.map((order) => rowKey('bypasses', order)));
  for (const [index, order] of orders.entries()) {
    const bytes = rows[index];
    if (bytes === undefined) continue;
    const { bucket = '' } = decodeRow(order, bytes);
    const known = buckets.get(bucket);
    if (known === undefined) buckets.set(bucket, [order]);
    else known.push(order);
  }
  return buckets;
}

async function oldest(tx: KvTransaction, bucket: string, count: number): Promise<readonly number[]> {
  if (count <= 0) return [];
  for await (const page of tx.scan(filedRange(bucket), { pageEntries: count }))
    return page.map(({ key }) => decodeU64(key, key.length - 8));
  return [];
}
