import type { Kv } from '../../kv/kv.ts';
import { PAGE_ENTRIES_MAX, QUOTA_OWNERS_PER_COMMIT } from '../../limits.ts';
import { allInodes, allShares, recountKey, SHARED_OUT_KEY, sharesKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { ownedOf } from '../quota/usage.ts';
import { addShares, encodeShares, isNothing, NO_SHARES, type Shares } from './shares.ts';

/**
 * Counts a store that was written before shares were: once, before anything else. All counts as hot at first, unless its inode
 * says otherwise; the census then looks at every file. Begins again when it was broken off. True when there was something to count.
 */
export async function ensureShares(kv: Kv): Promise<boolean> {
  if ((await kv.get(SHARED_OUT_KEY)) !== undefined) return false;
  for await (const page of kv.scan(allShares(), { pageEntries: PAGE_ENTRIES_MAX })) {
    await kv.transact('buffered', async (tx) => {
      for (const { key } of page) tx.delete(key);
    });
  }
  const counted = [...(await countedShares(kv))].filter(([, shares]) => !isNothing(shares));
  for (let start = 0; start < counted.length; start += QUOTA_OWNERS_PER_COMMIT) {
    const some = counted.slice(start, start + QUOTA_OWNERS_PER_COMMIT);
    await kv.transact('buffered', async (tx) => {
      for (const [bucket, shares] of some) tx.put(sharesKey(bucket), encodeShares(shares));
    });
  }
  await kv.transact('durable', async (tx) => {
    if (counted.length > 0) tx.put(recountKey(0), new Uint8Array(0));
    tx.put(SHARED_OUT_KEY, new Uint8Array(0));
  });
  return counted.length > 0;
}

async function countedShares(kv: Kv): Promise<ReadonlyMap<Ino, Shares>> {
  const sums = new Map<Ino, Shares>();
  for await (const page of kv.scan(allInodes(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) {
      const { owner, shares } = ownedOf(key, value) ?? {};
      if (owner === undefined || shares === undefined) continue;
      sums.set(owner.bucket, addShares(sums.get(owner.bucket) ?? NO_SHARES, shares));
    }
  }
  return sums;
}
