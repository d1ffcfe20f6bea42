import { decodeU64 } from '../kv/tuple.ts';
import type { KvTransaction } from '../kv/kv.ts';
import {
  decodeFiledCount,
  decodeRow,
  encodeFiledCount,
  filedCountKey,
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

/** Removes rows of bypasses, and what says where they belong. */
export async function removeBypasses(tx: KvTransaction, orders: readonly number[]): Promise<void> {
  for (const [bucket, old] of await byBucket(tx, orders)) {
    const countKey = filedCountKey(bucket);
    const rows = decodeFiledCount(await tx.get(countKey)) - old.length;
    if (rows > 0) tx.put(countKey, encodeFiledCount(rows));
    else tx.delete(countKey);
    for (const order of old) remove(tx, bucket, order);
  }
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
