import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { loadInode, nextCtime } from './attributes.ts';
import { transactCopying } from './copying.ts';
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
import { dentryRange, entryOfDentryKey } from './keys.ts';
import { LockRefusal } from './lock.ts';
import type { Caller, Change, Ino, Name } from './namespace.ts';
import type { Place } from './file-tree.ts';
import { noteMoved } from './moved-keys.ts';
import { parentOf, withName, withoutName } from './names.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import { isOwner, requireBits, requireUnstuck, WRITE } from './permissions.ts';
import { countingOf } from './quota/counting.ts';
import type { EntryName, Inode } from './records.ts';
import { keepDirectory, removeEmptyDirectory, retireName } from './remove.ts';
import { needsFork, openVersion, requireUnlocked } from './seal.ts';
import {
  dropNullVersionOf,
  isSillyRename,
  keepUnder,
  keyOf,
  markDeleted,
  rulesOf,
  type KeyChange,
} from './versions.ts';

/** See FileTree.rename. Whatever lies below a directory, its rename moves one entry. */
export async function rename(
  parts: Parts,
  caller: Caller,
  { from, to }: { from: Place; to: Place },
): Promise<{ from: Change; to: Change }> {
  if ([from, to].some(({ name }) => isDot(name) || isDotDot(name))) {
    throw new Fault('invalid-argument', 'inode', 'rename of . or ..');
  }
  const { edit, source, target } = await transactCopying(parts, async (tx, copy) => {
    // It is how a client removes a file that is open.
    if (isSillyRename(to.name)) countingOf(tx).admit();
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
    const change: KeyChange = { parts, edit, copy, rules: await rulesOf(tx, source.bucket), door: 'nfs' };
    // POSIX rename(): two names of one file stay as they are.
    if (replaced?.inode.ino !== inode.ino)
      await move(change, { caller, source, target, moving, inode, replaced, to });
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

async function move(change: KeyChange, request: Move): Promise<void> {
  const { parts, edit } = change;
  const { caller, source, target, moving, inode, replaced, to } = request;
  const isDirectory = inode.kind === 'directory';
  if (isDirectory && source.ino !== target.ino) {
    await requireNotBelow(edit.tx, inode.ino, target);
    // The directory's own `..` changes: POSIX rename(), [EACCES].
    if (!isOwner(caller, inode)) requireBits(caller, inode, WRITE);
  }
  if (isDirectory) await requireMovable(change, inode);
  else requireUnlocked(inode, edit.now);
  if (replaced !== undefined) await displace(change, { caller, target, replaced, isDirectory });
  const name: Name = replaced?.name ?? nameToMake(to.name);
  await edit.remove(source.ino, moving.name, moving.dentry);
  const beside = await pairOf(edit.tx, target.ino, name);
  const { ordinal } = replaced?.dentry ?? {};
  edit.add(target.ino, name, { ino: inode.ino, kind: inode.kind, beside, ordinal });
  if (!isDirectory) await dropNullVersionOf(change, target.bucket, { parent: target.ino, name });
  const ctime = nextCtime(parts, inode, edit.now);
  const left = { ...inode, names: withoutName(inode, { parent: source.ino, name: moving.name }) };
  const names = withName(left, { parent: target.ino, name });
  const entry = { parent: source.ino, name: moving.name };
  const version = isDirectory ? {} : await leaveKey(change, inode, entry);
  if (isDirectory) await noteMoved(change, inode.bucket, entry);
  await putInode(edit.tx, { ...left, ...version, names, ctime });
  if (source.ino !== target.ino) await keepDirectory(parts, edit, source.ino);
}

/**
 * The file goes on under another key: to S3 that is a new version there and a deletion here, so that what was sealed
 * stays in the history of the key it leaves, and of every other that leads to it.
 */
async function leaveKey(
  change: KeyChange,
  inode: Inode,
  entry: EntryName,
): Promise<Partial<Pick<Inode, 'version' | 'lock'>>> {
  const { parts, edit, rules } = change;
  if (rules.versioning === 'off') return {};
  const place = { bucket: inode.bucket, key: await keyOf(edit.tx, entry) };
  if (needsFork(inode, rules, edit.now))
    await keepUnder(change, inode, [entry, ...withoutName(inode, entry)]);
  await markDeleted(change, place);
  return openVersion(parts, rules, edit.now);
}

/** A directory takes the keys below it along, and what is locked must stay under its key. */
async function requireMovable({ edit, rules }: KeyChange, { ino }: Inode): Promise<void> {
  if (rules.objectLock === undefined) return;
  for await (const page of edit.tx.scan(dentryRange(ino, EMPTY, EMPTY), { pageEntries: 2 })) {
    if (page.some(({ key }) => entryOfDentryKey(key).length > 0))
      throw new LockRefusal('where object lock is on, directories move only while empty', undefined);
  }
  const { file: marker } = await pairOf(edit.tx, ino, EMPTY);
  if (marker !== undefined) requireUnlocked(await loadInode(edit.tx, marker.ino), edit.now);
}

const EMPTY = new Uint8Array(0);

async function displace(
  change: KeyChange,
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
    await removeEmptyDirectory(change, named);
    return;
  }
  if (isDirectory) throw new Fault('not-directory', 'inode', printable(replaced.name));
  await retireName(change, named);
}

/** A directory cannot move below itself. Every parent on the way is part of what the transaction read. */
async function requireNotBelow(tx: KvTransaction, moving: Ino, target: Inode): Promise<void> {
  for (let at = target; at.bucket !== at.ino; at = await loadInode(tx, parentOf(at))) {
    if (at.ino === moving)
      throw new Fault('invalid-argument', 'inode', 'a directory cannot move below itself');
  }
}
