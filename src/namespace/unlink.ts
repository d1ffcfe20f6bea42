import type { KvTransaction } from '../kv/kv.ts';
import { forgetBelonging } from './belonging.ts';
import { nextCtime } from './attributes.ts';
import { decodeU64, encodeU64 } from '../kv/tuple.ts';
import type { ContentPlace } from './extents.ts';
import { inodeKey, orphanKey } from './keys.ts';
import type { Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { countingOf } from './quota/counting.ts';
import { putInode } from './put-inode.ts';
import { withoutName } from './names.ts';
import type { EntryName, Inode } from './records.ts';
import type { TreeEdit } from './tree-edit.ts';

/** The generation that a content had when nobody owned it any more: who still reads it compares. 0: nobody does. */
export const encodeOrphan = (contentGeneration: number): Uint8Array => encodeU64(contentGeneration);
export const decodeOrphan = (row: Uint8Array): number => decodeU64(row, 0);

/** Gives up the references of a content: at once where they are few, else by the collector. */
export async function dropContent(
  { blobs }: Parts,
  tx: KvTransaction,
  place: ContentPlace & Pick<Inode, 'contentGeneration'>,
): Promise<void> {
  if (place.extents === undefined) tx.put(orphanKey(place.contentId), encodeOrphan(place.contentGeneration));
  else for (const { blob } of place.extents) await blobs.release(tx, blob);
}

/** Takes one name away from an inode that is no directory; the last one takes the inode with it. */
export async function unlink(
  parts: Parts,
  { tx, now }: TreeEdit,
  inode: Inode,
  name: EntryName,
): Promise<void> {
  if (inode.linkCount > 1) {
    const names = withoutName(inode, name);
    const ctime = nextCtime(parts, inode, now);
    await putInode(tx, { ...inode, linkCount: inode.linkCount - 1, names, ctime });
    return;
  }
  await dropInode(parts, tx, inode);
}

/** Deletes an inode that nothing names any more, with its content and what was written to it. */
export async function dropInode(parts: Parts, tx: KvTransaction, inode: Inode): Promise<void> {
  tx.delete(inodeKey(inode.ino));
  if (inode.linkCount === 0) forgetBelonging(tx, inode.ino);
  await dropContent(parts, tx, inode);
  forgetWhenCommitted(parts, tx, inode.ino);
}

/** What NFS has written to the inode and not committed goes with its last name. */
export function forgetWhenCommitted({ files }: Pick<Parts, 'files'>, tx: KvTransaction, ino: Ino): void {
  const reservation = files.get(ino)?.reservation;
  if (reservation !== undefined) countingOf(tx).takeOver(reservation.owned());
  tx.whenCommitted(() => {
    const file = files.get(ino);
    if (file !== undefined) files.forget(file);
  });
}
