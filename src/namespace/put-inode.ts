import type { KvTransaction } from '../kv/kv.ts';
import { dentryKey, entryName, inodeKey } from './keys.ts';
import { encodeListedDentry } from './listed.ts';
import { decodeDentry, encodeInode, type Inode } from './records.ts';
import type { Entered } from './tree-edit.ts';

/**
 * Writes the row of an inode, and into the entry of its first name what listings show of it (ADR 33). Whatever changes an
 * inode goes through here, after the entry was made or moved; other names of it say nothing, and lead to the inode.
 * `entered`: the entry of the first name, where the same transaction has just made it.
 */
export async function putInode(tx: KvTransaction, inode: Inode, entered?: Entered): Promise<void> {
  tx.put(inodeKey(inode.ino), encodeInode(inode));
  if (entered !== undefined) {
    tx.put(entered.key, encodeListedDentry(entered.dentry, inode));
    return;
  }
  const [first] = inode.names;
  if (first === undefined || inode.kind === 'directory') return;
  const key = dentryKey(first.parent, entryName(first.name, false));
  const row = await tx.get(key);
  const dentry = row && decodeDentry(row);
  if (row === undefined || dentry?.ino !== inode.ino) return;
  const listed = encodeListedDentry(dentry, inode);
  if (Buffer.compare(listed, row) !== 0) tx.put(key, listed);
}
