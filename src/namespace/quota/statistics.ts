import { currentInode } from '../attributes.ts';
import type { Statistics } from '../file-tree.ts';
import type { Ino } from '../namespace.ts';
import type { Parts } from '../parts.ts';
import type { Account } from './account.ts';
import type { Dimension } from './usage.ts';

const INODES_MAX = 2 ** 48;

/** See FileTree.statistics. With a soft limit alone that is the size, as XFS shows quotas of projects. */
export async function statistics(parts: Parts, ino: Ino): Promise<Statistics> {
  const { bytesTotal, bytesFree } = parts.blobs.usage();
  const { bucket } = await currentInode(parts, ino);
  const account = parts.quotas.ledger.ofBucket(bucket);
  const { seconds } = parts.environment.clock.wall();
  const bytes = within(account, 'bytes', { total: bytesTotal, free: bytesFree, seconds });
  const inodes = within(account, 'inodes', { total: INODES_MAX, free: INODES_MAX, seconds });
  return {
    bytesTotal: bytes.total,
    bytesFree: bytes.free,
    inodesTotal: inodes.total,
    inodesFree: inodes.free,
  };
}

interface Space {
  readonly total: number;
  readonly free: number;
}

/** What is used is never shown as more than it is: where the store has less room than the quota leaves, its size is less. */
function within(
  account: Account | undefined,
  dimension: Dimension,
  { seconds, ...store }: Space & { readonly seconds: number },
): Space {
  const limits = account?.limits[dimension];
  const size = limits?.hard ?? limits?.soft;
  if (account === undefined || size === undefined) return store;
  const used = Number(account.used[dimension] + account.pending[dimension]);
  const left = Math.min(Math.max(0, size - used), Number(account.left(dimension, seconds) ?? size));
  const free = Math.min(left, store.free);
  return { total: free < size - used ? used + free : size, free };
}
