import assert from 'node:assert/strict';
import { pairOf } from '../find.ts';
import { inodeKey } from '../keys.ts';
import type { Ino } from '../namespace.ts';
import { emptiedImplicit } from '../remove.ts';
import type { TreeEdit } from '../tree-edit.ts';

/** Takes away a directory that nobody made and that holds nothing, and those above it that held nothing else. */
export async function pruneUpwards(edit: TreeEdit, directory: Ino): Promise<void> {
  let at: Ino | undefined = directory;
  while (at !== undefined) {
    if ((await edit.tx.get(inodeKey(at))) === undefined) return;
    const inode = await emptiedImplicit(edit, at);
    const entry = inode?.names[0];
    if (inode === undefined || entry === undefined) return;
    const { directory: dentry } = await pairOf(edit.tx, entry.parent, entry.name);
    assert(dentry?.ino === at, 'a directory has the name that its inode says');
    edit.unmake(at);
    await edit.remove(entry.parent, entry.name, dentry);
    at = entry.parent;
  }
}
