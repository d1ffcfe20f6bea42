import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { loadInode, nextCtime } from './attributes.ts';
import { editOf, loadWritable } from './create.ts';
import {
  findPosix,
  isDot,
  isDotDot,
  nameToMake,
  pairOf,
  printable,
  requirePosix,
  type FoundEntry,
} from './find.ts';
import { inodeKey } from './keys.ts';
import type { Caller, Change, Ino, Name, Place } from './namespace.ts';
import { parentOf, withName, withoutName } from './names.ts';
import type { Parts } from './parts.ts';
import { isOwner, requireBits, requireUnstuck, WRITE } from './permissions.ts';
import { encodeInode, type Inode } from './records.ts';
import { keepDirectory, removeEmptyDirectory, removeFile } from './remove.ts';
import type { TreeEdit } from './tree-edit.ts';

/** See FileTree.rename. Whatever lies below a directory, its rename moves one entry. */
export async function rename(
  parts: Parts,
  caller: Caller,
  { from, to }: { from: Place; to: Place },
): Promise<{ from: Change; to: Change }> {
  if ([from, to].some(({ name }) => isDot(name) || isDotDot(name))) {
    throw new Fault('invalid-argument', 'inode', 'rename of . or ..');
  }
  const { edit, source, target } = await parts.kv.transact('durable', async (tx) => {
    const edit = editOf(parts, tx);
    const source = await loadWritable(tx, caller, from.directory);
    const target = await loadWritable(tx, caller, to.directory);
    if (source.bucket !== target.bucket) throw new Fault('cross-bucket', 'inode', printable(to.name));
    const moving = await requirePosix(tx, source.ino, from.name);
    const inode = await loadInode(tx, moving.dentry.ino);
    requireUnstuck(caller, source, inode);
    edit.touch(source.ino);
    edit.touch(target.ino);
    const found = await findPosix(tx, target.ino, to.name);
    const replaced =
      found === undefined ? undefined : { ...found, inode: await loadInode(tx, found.dentry.ino) };
    // POSIX rename(): two names of one file stay as they are.
    if (replaced?.inode.ino !== inode.ino)
      await move(parts, edit, { caller, source, target, moving, inode, replaced, to });
    edit.finish();
    return { edit, source, target };
  });
  return { from: edit.change(source), to: edit.change(target) };
}

interface Move {
  readonly caller: Caller;
  readonly source: Inode;
  readonly target: Inode;
  readonly moving: FoundEntry;
  readonly inode: Inode;
  readonly replaced: (FoundEntry & { readonly inode: Inode }) | undefined;
  readonly to: Place;
}

async function move(parts: Parts, edit: TreeEdit, request: Move): Promise<void> {
  const { caller, source, target, moving, inode, replaced, to } = request;
  const isDirectory = inode.kind === 'directory';
  if (isDirectory && source.ino !== target.ino) {
    await requireNotBelow(edit.tx, inode.ino, target);
    // The directory's own `..` changes: POSIX rename(), [EACCES].
    if (!isOwner(caller, inode)) requireBits(caller, inode, WRITE);
  }
  if (replaced !== undefined) await displace(parts, edit, { caller, target, replaced, isDirectory });
  const name: Name = replaced?.name ?? nameToMake(to.name);
  await edit.remove(source.ino, moving.name, moving.dentry);
  const beside = await pairOf(edit.tx, target.ino, name);
  edit.add(target.ino, name, { ino: inode.ino, kind: inode.kind, beside });
  const ctime = nextCtime(parts, inode, edit.now);
  const left = { ...inode, names: withoutName(inode, { parent: source.ino, name: moving.name }) };
  const names = withName(left, { parent: target.ino, name });
  edit.tx.put(inodeKey(inode.ino), encodeInode({ ...left, names, ctime }));
  if (source.ino !== target.ino) await keepDirectory(parts, edit, source.ino);
}

async function displace(
  parts: Parts,
  edit: TreeEdit,
  {
    caller,
    target,
    replaced,
    isDirectory,
  }: Pick<Move, 'caller' | 'target'> & { replaced: NonNullable<Move['replaced']>; isDirectory: boolean },
): Promise<void> {
  requireUnstuck(caller, target, replaced.inode);
  const named = { parent: target.ino, ...replaced };
  if (replaced.inode.kind === 'directory') {
    if (!isDirectory) throw new Fault('is-directory', 'inode', printable(replaced.name));
    await removeEmptyDirectory(parts, edit, named);
    return;
  }
  if (isDirectory) throw new Fault('not-directory', 'inode', printable(replaced.name));
  await removeFile(parts, edit, named);
}

/** A directory cannot move below itself. Every parent on the way is part of what the transaction read. */
async function requireNotBelow(tx: KvTransaction, moving: Ino, target: Inode): Promise<void> {
  for (let at = target; at.bucket !== at.ino; at = await loadInode(tx, parentOf(at))) {
    if (at.ino === moving)
      throw new Fault('invalid-argument', 'inode', 'a directory cannot move below itself');
  }
}
