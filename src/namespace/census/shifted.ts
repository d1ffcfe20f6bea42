import type { KvTransaction } from '../../kv/kv.ts';
import { BLOB_HOLDERS_MAX } from '../../limits.ts';
import type { ShiftedBlob } from '../../tiering/blob-labels.ts';
import { extentsHeld } from '../extents.ts';
import { holdersOf, type Holder } from '../holders.ts';
import { inodeKey, recountKey, sharesKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { putInode } from '../put-inode.ts';
import { decodeInode, isPart, type Inode } from '../records.ts';
import { changedBelow, isSameBelow } from './bytes-below.ts';
import {
  addShares,
  encodeShares,
  isNothing,
  NO_SHARES,
  sharesOf,
  subtractShares,
  type Shares,
} from './shares.ts';

const NOTHING = new Uint8Array(0);

/**
 * See BlobLabels.shifted: the files that show the blobs are told, and the sums of their buckets. What cannot be known here is left
 * to the census: a file that is still being written has no inode yet, and of a blob that very many files show not all are known.
 */
export async function shifted(tx: KvTransaction, blobs: readonly ShiftedBlob[]): Promise<void> {
  const holders = await holdersOf(
    tx,
    blobs.map(({ id }) => id),
  );
  const inodes = await inodesOf(tx, new Set(holders.flat().map(({ ino }) => ino)));
  const after = new Map(inodes);
  for (const [index, blob] of blobs.entries()) {
    const known = holders[index] ?? [];
    if (known.length === 0 || known.length >= BLOB_HOLDERS_MAX) tx.put(recountKey(0), NOTHING);
    for (const { ino, base } of distinct(known)) {
      const inode = after.get(ino);
      if (inode === undefined) tx.put(recountKey(ino), NOTHING);
      else after.set(ino, await changed(tx, inode, { ...blob, base }));
    }
  }
  await putChanged(tx, inodes, after);
}

async function inodesOf(tx: KvTransaction, inos: ReadonlySet<Ino>): Promise<ReadonlyMap<Ino, Inode>> {
  const all = [...inos];
  const rows = await tx.getMany(all.map(inodeKey));
  return new Map(
    all.flatMap((ino, index) => {
      const row = rows[index];
      return row === undefined ? [] : [[ino, decodeInode(ino, row)] as const];
    }),
  );
}

async function changed(
  tx: KvTransaction,
  inode: Inode,
  { id, length, base, from, to }: ShiftedBlob & Pick<Holder, 'base'>,
): Promise<Inode> {
  const extents = await extentsHeld(tx, inode, { blob: id, base, length });
  const bytes = extents.reduce((sum, extent) => sum + extent.length, 0);
  return { ...inode, below: changedBelow(changedBelow(inode.below, from, -bytes), to, bytes) };
}

async function putChanged(
  tx: KvTransaction,
  before: ReadonlyMap<Ino, Inode>,
  after: ReadonlyMap<Ino, Inode>,
): Promise<void> {
  const sums = new Map<Ino, Shares>();
  for (const [ino, inode] of after) {
    const old = before.get(ino);
    if (old === undefined || isSameBelow(old.below, inode.below)) continue;
    await putInode(tx, inode);
    const change = subtractShares(sharesOfInode(inode), sharesOfInode(old));
    sums.set(inode.bucket, addShares(sums.get(inode.bucket) ?? NO_SHARES, change));
  }
  for (const [bucket, change] of sums)
    if (!isNothing(change)) tx.merge(sharesKey(bucket), encodeShares(change));
}

const sharesOfInode = (inode: Inode): Shares => sharesOf({ ...inode, isPart: isPart(inode) }) ?? NO_SHARES;

/** One that names another piece of the same blob may be there twice. */
const distinct = (holders: readonly Holder[]): readonly Holder[] =>
  holders.filter(
    ({ ino, base }, index) =>
      holders.findIndex((other) => other.ino === ino && other.base === base) === index,
  );
