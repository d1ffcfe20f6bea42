import type { Kv } from '../../kv/kv.ts';
import { PAGE_ENTRIES_MAX, QUOTA_OWNERS_PER_COMMIT } from '../../limits.ts';
import {
  allInodes,
  allParts,
  allUsage,
  COUNTED_KEY,
  finishedRange,
  inoOfInodeKey,
  uploadOfFinishedKey,
  uploadOfPartKey,
  usageKey,
} from '../keys.ts';
import { decodePart } from '../upload-records.ts';
import { encodeUsage, ownedOf, type Owned } from './usage.ts';

/** What a full count of all inodes comes to, by owner. Nothing may be under way. */
async function countedUsage(kv: Kv): Promise<readonly Owned[]> {
  const sums = new Map<string, Owned>();
  const left = await leftOut(kv);
  for await (const page of kv.scan(allInodes(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) {
      const owned = left.has(inoOfInodeKey(key)) ? undefined : ownedOf(key, value);
      if (owned === undefined) continue;
      const { bucket, uid, gid } = owned.owner;
      const name = `${bucket}:${uid}:${gid}`;
      const { bytes, inodes } = sums.get(name) ?? { bytes: 0n, inodes: 0n };
      sums.set(name, { owner: owned.owner, bytes: bytes + owned.bytes, inodes: inodes + owned.inodes });
    }
  }
  return [...sums.values()].filter(({ bytes, inodes }) => bytes !== 0n || inodes !== 0n);
}

/** Parts of uploads that were completed or aborted are counted no more, although the collector has yet to take them away. */
async function leftOut(kv: Kv): Promise<ReadonlySet<number>> {
  const finished = new Set<number>();
  for await (const page of kv.scan(finishedRange(), { pageEntries: PAGE_ENTRIES_MAX }))
    for (const { key } of page) finished.add(uploadOfFinishedKey(key));
  const inos = new Set<number>();
  if (finished.size === 0) return inos;
  for await (const page of kv.scan(allParts(), { pageEntries: PAGE_ENTRIES_MAX }))
    for (const { key, value } of page)
      if (finished.has(uploadOfPartKey(key))) inos.add(decodePart(value).ino);
  return inos;
}

/**
 * Counts a store that was written before usage was: once, before anything else. It takes about as long as reading all
 * inodes does. Begins again when it was broken off. True when there was something to count.
 */
export async function ensureCounted(kv: Kv): Promise<boolean> {
  if ((await kv.get(COUNTED_KEY)) !== undefined) return false;
  for await (const page of kv.scan(allUsage(), { pageEntries: PAGE_ENTRIES_MAX })) {
    await kv.transact('buffered', async (tx) => {
      for (const { key } of page) tx.delete(key);
    });
  }
  const counted = await countedUsage(kv);
  for (let start = 0; start < counted.length; start += QUOTA_OWNERS_PER_COMMIT) {
    const some = counted.slice(start, start + QUOTA_OWNERS_PER_COMMIT);
    await kv.transact('buffered', async (tx) => {
      for (const owned of some) tx.put(usageKey(owned.owner), encodeUsage(owned));
    });
  }
  await kv.transact('durable', async (tx) => {
    tx.put(COUNTED_KEY, new Uint8Array(0));
  });
  return counted.length > 0;
}
