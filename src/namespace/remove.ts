import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { loadDirectory, loadInode, withDirty } from './attributes.ts';
import { transactCopying } from './copying.ts';
import { addMarker, editOf, loadWritable, MARKER_NAME } from './create.ts';
import { isDot, isDotDot, pairOf, printable, requirePosix } from './find.ts';
import { decodeFolder } from './foreign/records.ts';
import { dentryKey, dentryRange, folderKey, inodeKey } from './keys.ts';
import type { Caller, Change, Ino, Name, ObjectAt } from './namespace.ts';
import type { Place } from './file-tree.ts';
import type { Parts } from './parts.ts';
import { EXECUTE, requireBits, requireUnstuck } from './permissions.ts';
import { countingOf } from './quota/counting.ts';
import { decodeInode, type Dentry, type Inode } from './records.ts';
import { requireUnlocked } from './seal.ts';
import type { TreeEdit } from './tree-edit.ts';
import { keyOf, markDeleted, retire, rulesOf, type KeyChange } from './versions.ts';

/** See FileTree.remove. */
export async function remove(parts: Parts, caller: Caller, place: Place): Promise<Change> {
  return removeEntry(parts, caller, place, async (change, named) => {
    if (named.inode.kind === 'directory') throw new Fault('is-directory', 'inode', printable(place.name));
    await removeFile(change, named);
  });
}

/** Finds the entry, lets `take` remove it, and keeps the directory it was in. */
async function removeEntry(
  parts: Parts,
  caller: Caller,
  { directory, name }: Place,
  take: (change: KeyChange, named: NamedInode) => Promise<void>,
): Promise<Change> {
  const { edit, parent } = await transactCopying(parts, async (tx, copy) => {
    countingOf(tx).admit();
    const edit = editOf(parts, tx);
    requireBits(caller, await loadDirectory(tx, directory), EXECUTE);
    const found = await requirePosix(tx, directory, name);
    const parent = await loadWritable(tx, caller, directory);
    const inode = await loadInode(tx, found.dentry.ino);
    requireUnstuck(caller, parent, inode);
    const rules = await rulesOf(tx, parent.bucket);
    const change: KeyChange = { parts, edit, copy, rules, door: 'nfs' };
    await take(change, { parent: directory, name: found.name, dentry: found.dentry, inode });
    await keepDirectory(parts, edit, directory);
    edit.finish();
    return { edit, parent };
  });
  return edit.change(parent);
}

export interface NamedInode {
  readonly parent: Ino;
  readonly name: Name;
  readonly dentry: Dentry;
  readonly inode: Inode;
}

/** Takes away a name that leads to no directory. What the inode was is kept as an old version, or goes with its last name. */
async function removeFile(change: KeyChange, named: NamedInode): Promise<void> {
  await markDeleted(change, await retireName(change, named));
}

/** The same for a name that leads elsewhere from now on. Answers the key; without versioning nobody needs more than a name. */
export async function retireName(
  change: KeyChange,
  { parent, name, dentry, inode }: NamedInode,
): Promise<ObjectAt> {
  const { edit, rules } = change;
  requireUnlocked(inode, edit.now);
  await edit.remove(parent, name, dentry);
  const entry = { parent, name };
  const key = rules.versioning === 'off' ? name : await keyOf(edit.tx, entry);
  const place = { bucket: inode.bucket, key, entry };
  await retire(change, place, inode);
  return place;
}

/**
 * An implicit directory, made by S3 for the keys below it, vanishes with the last of them when S3 deletes that. A file
 * system client does not expect a directory to go away by itself: what empties it here makes it explicit.
 */
export async function keepDirectory(parts: Parts, edit: TreeEdit, directory: Ino): Promise<void> {
  const implicit = await emptiedImplicit(edit, directory);
  if (implicit === undefined) return;
  await addMarker(parts, edit, implicit, await rulesOf(edit.tx, implicit.bucket));
}

/**
 * The directory, when it lies below a bucket and has no entry left after the edits so far, not even a marker, and none that it
 * may still get from an attached bucket.
 */
export async function emptiedImplicit({ tx }: TreeEdit, directory: Ino): Promise<Inode | undefined> {
  const inode = await loadInode(tx, directory);
  if (inode.bucket === inode.ino) return undefined;
  // Most directories have a marker, or are a bucket: a row that is in memory says so sooner than a scan.
  if ((await tx.get(dentryKey(directory, MARKER_NAME))) !== undefined) return undefined;
  // One entry is looked at, not the count: who looks at that conflicts with every other change of a busy directory. The
  // last one, since whoever deletes many keys begins with the first.
  const entries = dentryRange(directory, MARKER_NAME, MARKER_NAME);
  for await (const _page of tx.scan(entries, { reverse: true, pageEntries: 1 })) return undefined;
  const folder = await tx.get(folderKey(directory));
  return folder === undefined || decodeFolder(folder).isWhole ? inode : undefined;
}

/** See FileTree.removeDirectory. */
export async function removeDirectory(parts: Parts, caller: Caller, place: Place): Promise<Change> {
  if (isDot(place.name)) throw new Fault('invalid-argument', 'inode', '.');
  if (isDotDot(place.name)) throw new Fault('not-empty', 'inode', '..');
  return removeEntry(parts, caller, place, async (change, named) => {
    if (named.inode.kind !== 'directory') throw new Fault('not-directory', 'inode', printable(place.name));
    await removeEmptyDirectory(change, named);
  });
}

/** Removes a directory that holds nothing but its own marker. Fault('not-empty') otherwise. */
export async function removeEmptyDirectory(
  change: KeyChange,
  { parent, name, dentry, inode }: NamedInode,
): Promise<void> {
  const { edit } = change;
  const { row } = await edit.load(inode.ino);
  if (row.entries > 1) throw new Fault('not-empty', 'inode', printable(name));
  if (row.entries === 1) await removeMarker(change, inode.ino);
  edit.unmake(inode.ino);
  await edit.remove(parent, name, dentry);
}

async function removeMarker(change: KeyChange, directory: Ino): Promise<void> {
  const marker = await markerOf(change.edit.tx, directory);
  const dirty = marker && change.parts.files.get(marker.inode.ino)?.attributes;
  // A marker with a body shows in the directory, and is somebody's data.
  if (marker === undefined || withDirty(marker.inode, dirty).size > 0)
    throw new Fault('not-empty', 'inode', String(directory));
  await removeFile(change, { parent: directory, name: MARKER_NAME, ...marker });
}

async function markerOf(
  tx: KvTransaction,
  directory: Ino,
): Promise<{ dentry: Dentry; inode: Inode } | undefined> {
  const { file } = await pairOf(tx, directory, MARKER_NAME);
  if (file === undefined) return undefined;
  const bytes = await tx.get(inodeKey(file.ino));
  return bytes === undefined ? undefined : { dentry: file, inode: decodeInode(file.ino, bytes) };
}
