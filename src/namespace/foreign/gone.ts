import { pairOf } from '../find.ts';
import { broughtKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import type { Inode } from '../records.ts';
import type { TreeEdit } from '../tree-edit.ts';
import { dropInode } from '../unlink.ts';
import { untouched, type Bringing, type ForeignParts } from './bring.ts';
import { decodeBrought } from './records.ts';

export interface GoneKey {
  readonly bucket: Ino;
  readonly key: string;
  /** Rows with a content generation behind it are younger than the look that did not find the key. */
  readonly mark: number;
}

/** What was made of a key that is there no longer goes, unless it was changed here. The directories that it was in. */
export async function removeGone(
  { parts, edit }: Pick<Bringing, 'parts' | 'edit'>,
  { bucket, key, mark }: GoneKey,
): Promise<readonly Ino[]> {
  const rowKey = broughtKey(bucket, 'object', key);
  const row = await edit.tx.get(rowKey);
  if (row === undefined) return [];
  const brought = decodeBrought(row);
  if (brought.contentGeneration > mark) return [];
  edit.tx.delete(rowKey);
  const inode = await untouched(parts, edit, brought);
  return inode === undefined ? [] : dropWithNames(parts, edit, inode);
}

/** Takes an inode away with all of its names; nothing, where it has more of them than it knows. */
async function dropWithNames(parts: ForeignParts, edit: TreeEdit, inode: Inode): Promise<readonly Ino[]> {
  if (inode.names.length !== inode.linkCount) return [];
  for (const { parent, name } of inode.names) {
    const { file } = await pairOf(edit.tx, parent, name);
    if (file?.ino === inode.ino) await edit.remove(parent, name, file);
  }
  await dropInode(parts, edit.tx, inode);
  return inode.names.map(({ parent }) => parent);
}
