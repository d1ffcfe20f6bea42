import type { KvReader, KvTransaction } from '../kv/kv.ts';
import { facetOf, loadInode } from './attributes.ts';
import { forgetBelonging, putBelonging } from './belonging.ts';
import type { CopyContent } from './copying.ts';
import { nullVersionKey, versionKey } from './keys.ts';
import { parentOf, withoutName } from './names.ts';
import type { Ino, Name, ObjectAt, ObjectKey } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import type { EntryName, Inode } from './records.ts';
import { isSealed, needsFork, openVersion, requireUnlocked } from './seal.ts';
import type { TreeEdit } from './tree-edit.ts';
import { dropInode, forgetWhenCommitted, unlink } from './unlink.ts';
import { encodeNullOrder, encodeVersion, newestRow, rowOf, type PlacedVersion } from './version-rows.ts';
import { NULL_VERSION, type BucketRules, type VersionId } from './version.ts';

export async function rulesOf(reader: KvReader, bucket: Ino): Promise<BucketRules> {
  return (await loadInode(reader, bucket)).rules;
}

/** One transaction that changes what keys lead to in a bucket. */
export interface KeyChange {
  readonly parts: Parts;
  readonly edit: TreeEdit;
  readonly copy: CopyContent;
  readonly rules: BucketRules;
  /**
   * S3 keeps every version that was ever visible to it. Over NFS what was made and went away without a pause, as
   * programs do with files beside the one they mean, leaves no trace.
   */
  readonly door: 's3' | 'nfs';
}

/** A key and the entry it leads to. */
export interface KeyPlace extends ObjectAt {
  readonly entry: EntryName;
}

/**
 * The inode that an entry led to loses that name, which leads elsewhere or nowhere from now on: it becomes an old version
 * of the key where the rules want that.
 */
export async function retire(change: KeyChange, place: KeyPlace, inode: Inode): Promise<void> {
  const { parts, edit } = change;
  if (!isKept(change, place.entry.name, inode)) {
    await unlink(parts, edit, inode, place.entry);
    return;
  }
  if (inode.linkCount > 1) {
    await keepCopy(change, place, inode);
    await unlink(parts, edit, inode, place.entry);
    return;
  }
  await keepVersion(change, place, { ...inode, linkCount: 0, names: withoutName(inode, place.entry) });
  forgetWhenCommitted(parts, edit.tx, inode.ino);
}

/** Does the version of an inode stay when the name leads elsewhere? */
export function isKept(
  { rules, door, edit }: Pick<KeyChange, 'rules' | 'door'> & { readonly edit: Pick<TreeEdit, 'now'> },
  name: Name,
  inode: Inode,
): boolean {
  if (rules.versioning === 'off') return false;
  if (door === 'nfs' && isSillyRename(name) && !isOfS3(inode)) return false;
  if (rules.versioning === 'suspended') return inode.version.id !== NULL_VERSION;
  return door === 's3' || isSealed(inode, edit.now);
}

/** What S3 has written was never open, and lies in no other key's history, whatever its name. */
const isOfS3 = ({ version }: Inode): boolean => version.openUntil === 0;

/** Where the Linux client puts a file that is removed while it is open; its content is in the history of its own key. */
const SILLY_RENAME = /^\.nfs[0-9a-f]{16,}$/;
export const isSillyRename = (name: Name): boolean => SILLY_RENAME.test(Buffer.from(name).toString('latin1'));

/** Before an inode goes on as another version: this one stays in the history of each of the names. */
export async function keepUnder(change: KeyChange, inode: Inode, names: readonly EntryName[]): Promise<void> {
  for (const entry of names) {
    const place = { bucket: inode.bucket, key: await keyOf(change.edit.tx, entry) };
    await keepCopy(change, place, inode);
    await dropNullVersion(change, place);
  }
}

/**
 * The inode as it may be linked to a key. A version that the key has had, or that is older than the last of those, would
 * come back out of its order: the file goes on as a new one then, under all of its names.
 */
export async function linkable(change: KeyChange, inode: Inode, at: ObjectAt): Promise<Inode> {
  const { parts, edit, rules } = change;
  if (rules.versioning === 'off') return inode;
  const isOwn = await isNewIn(change, inode, at);
  if (!isOwn) requireUnlocked(inode, edit.now);
  if (!isOwn && needsFork(inode, rules, edit.now)) await keepUnder(change, inode, inode.names);
  const linked = isOwn ? inode : { ...inode, ...openVersion(parts, rules, edit.now) };
  if (linked.version.id === NULL_VERSION) await dropNullVersion(change, at);
  return linked;
}

async function isNewIn(
  { edit: { tx }, rules }: KeyChange,
  { version: { id } }: Inode,
  at: ObjectAt,
): Promise<boolean> {
  if (id === NULL_VERSION) return rules.versioning === 'suspended' || (await rowOf(tx, at, id)) === undefined;
  return ((await newestRow(tx, at))?.order ?? 0) < id;
}

/** The inode goes on under another name or with another content: its version stays in a copy. */
async function keepCopy(change: KeyChange, place: ObjectAt, inode: Inode): Promise<void> {
  const { edit, copy } = change;
  const { contentGeneration } = inode;
  // As it was seen: an ETag made from the inode's number would not be the same for another one.
  const facet = { ...facetOf(inode), contentGeneration };
  const content = await copy(edit.tx, inode);
  await keepVersion(change, place, { ...inode, ...content, facet, linkCount: 0, names: [] });
}

async function keepVersion(
  { parts, edit: { tx, now } }: KeyChange,
  { bucket, key }: ObjectAt,
  inode: Inode,
): Promise<void> {
  const versionId = inode.version.id;
  // A hard link that came back with its directory may have left the same version here.
  const same = await rowOf(tx, { bucket, key }, versionId);
  if (same !== undefined) await dropVersion(parts, tx, { bucket, key }, same);
  // Of the same sequence, so that a null version, which has been the latest until now, is newer than all others.
  const order = versionId === NULL_VERSION ? parts.sequence.next() : versionId;
  const version = { id: versionId, openUntil: 0 };
  await putInode(tx, { ...inode, version });
  putBelonging(tx, inode.ino, { key, upload: 0, part: 0 });
  putRow(tx, { bucket, key }, { order, row: { versionId, ino: inode.ino, at: now } });
}

/** Before a null version becomes current or a delete marker: there is one at most. */
export async function dropNullVersion(
  { parts, edit: { tx }, rules }: Pick<KeyChange, 'parts' | 'edit' | 'rules'>,
  at: ObjectAt,
): Promise<void> {
  if (rules.versioning !== 'suspended') return;
  const placed = await rowOf(tx, at, NULL_VERSION);
  if (placed !== undefined) await dropVersion(parts, tx, at, placed);
}

/** The same for a name that is about to be entered. */
export async function dropNullVersionOf(
  change: Pick<KeyChange, 'parts' | 'edit' | 'rules'>,
  bucket: Ino,
  entry: EntryName,
): Promise<void> {
  if (change.rules.versioning !== 'suspended') return;
  await dropNullVersion(change, { bucket, key: await keyOf(change.edit.tx, entry) });
}

/** Removes one that is not current, for good. */
export async function dropVersion(
  parts: Parts,
  tx: KvTransaction,
  at: ObjectAt,
  { order, row }: PlacedVersion,
): Promise<void> {
  forgetRow(tx, at, { order, row });
  if (row.ino !== undefined) await dropInode(parts, tx, await loadInode(tx, row.ino));
}

function putRow(tx: KvTransaction, { bucket, key }: ObjectAt, { order, row }: PlacedVersion): void {
  tx.put(versionKey(bucket, key, order), encodeVersion(row));
  if (row.versionId === NULL_VERSION) tx.put(nullVersionKey(bucket, key), encodeNullOrder(order));
}

function forgetRow(tx: KvTransaction, { bucket, key }: ObjectAt, { order, row }: PlacedVersion): void {
  tx.delete(versionKey(bucket, key, order));
  if (row.versionId === NULL_VERSION) tx.delete(nullVersionKey(bucket, key));
}

/** After the key has come to lead nowhere. The id of the delete marker, if one was made. */
export async function markDeleted(change: KeyChange, at: ObjectAt): Promise<VersionId | undefined> {
  const { parts, edit, rules, door } = change;
  if (rules.versioning === 'off') return undefined;
  if (door === 'nfs') {
    const newest = await newestRow(edit.tx, at);
    if (newest?.row.ino === undefined) return undefined;
  }
  await dropNullVersion(change, at);
  const order = parts.sequence.next();
  const versionId = rules.versioning === 'enabled' ? (order as VersionId) : NULL_VERSION;
  putRow(edit.tx, at, { order, row: { versionId, ino: undefined, at: edit.now } });
  return versionId;
}

/** Takes the newest old version of a key off its row, to become current; `undefined` when there is none. */
export async function takeNewest(tx: KvTransaction, at: ObjectAt): Promise<Inode | undefined> {
  const newest = await newestRow(tx, at);
  if (newest?.row.ino === undefined) return undefined;
  forgetRow(tx, at, newest);
  forgetBelonging(tx, newest.row.ino);
  return loadInode(tx, newest.row.ino);
}

/** The key of a name: the names on the way from the bucket, with slashes between them. */
export async function keyOf(reader: KvReader, { parent, name }: EntryName): Promise<ObjectKey> {
  let key: ObjectKey = name;
  let at = await loadInode(reader, parent);
  while (at.ino !== at.bucket) {
    key = Buffer.concat([at.names[0]?.name ?? new Uint8Array(0), SLASH, key]);
    at = await loadInode(reader, parentOf(at));
  }
  return key;
}

const SLASH = Uint8Array.of(0x2f);
