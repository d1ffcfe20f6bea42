import { Fault } from '../fault.ts';
import { FILE_BYTES_MAX, INODE_NAMES_MAX, LINKS_MAX, SYMLINK_BYTES_MAX } from '../limits.ts';
import { attempting } from './attempts.ts';
import {
  attributes,
  attributesOf,
  currentInode,
  directoryAttributes,
  ifStale,
  loadDirectory,
  loadNamed,
  loadWholeDirectory,
  nextCtime,
} from './attributes.ts';
import { encryptionOfNew } from './content-key.ts';
import { transactCopying } from './copying.ts';
import { findPosix, isDot, isDotDot, nameToMake, printable, type Pair } from './find.ts';
import type { Attributes, Caller, Change, Ino, Kind, Name, PosixName } from './namespace.ts';
import type { AttributeWish, Created, CreateMode, SpecialFile, Place } from './file-tree.ts';
import { DIRECTORY_MODE, newInode, OBJECT_MODE, ownership } from './new-inode.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import { EXECUTE, isInGroup, isSuperuser, requireBits, WRITE } from './permissions.ts';
import type { Inode } from './records.ts';
import { withName } from './names.ts';
import { openVersion } from './seal.ts';
import { setAttributes } from './set-attributes.ts';
import { TreeEdit } from './tree-edit.ts';
import type { KvTransaction } from '../kv/kv.ts';
import type { BucketRules } from './version.ts';
import { dropNullVersionOf, keyOf, linkable, rulesOf, type KeyChange } from './versions.ts';

export const editOf = (
  { environment, sequence }: Pick<Parts, 'environment' | 'sequence'>,
  tx: KvTransaction,
): TreeEdit => new TreeEdit(tx, { now: environment.clock.wall(), nextId: () => sequence.next() });

/** Names in the root are buckets, which are made and removed through S3 or the admin API. */
function requireInBucket(directory: Inode): void {
  if (directory.bucket === 0) throw new Fault('access-denied', 'inode', 'the root holds buckets only');
}

/** The directory, in which the caller may change names. */
export async function loadWritable(tx: KvTransaction, caller: Caller, ino: Ino): Promise<Inode> {
  const directory = await loadDirectory(tx, ino);
  requireBits(caller, directory, WRITE | EXECUTE);
  requireInBucket(directory);
  return directory;
}

const NOTHING_BESIDE: Pair = { file: undefined, directory: undefined };

const existing = (name: PosixName): Fault => new Fault('exists', 'inode', printable(name));

/** The name of a new entry, which nothing in the directory appears under. */
async function requireFree(
  tx: KvTransaction,
  caller: Caller,
  parent: Inode,
  posixName: PosixName,
): Promise<Name> {
  requireBits(caller, parent, EXECUTE);
  if ((await findPosix(tx, parent.ino, posixName)) !== undefined) throw existing(posixName);
  const name = nameToMake(posixName);
  requireBits(caller, parent, WRITE);
  requireInBucket(parent);
  return name;
}

interface Made {
  readonly inode: Inode;
  readonly parent: Inode;
  readonly edit: TreeEdit;
}

/** Enters a new inode, made by `born` from the directory it goes into, unless the name is taken. */
async function enter(
  parts: Parts,
  caller: Caller,
  { directory, name: posixName }: Place,
  born: (at: Birthplace) => Inode | Promise<Inode>,
): Promise<Made> {
  return parts.kv.transact('durable', async (tx) => {
    const edit = editOf(parts, tx);
    const parent = await loadDirectory(tx, directory);
    const name = await requireFree(tx, caller, parent, posixName);
    const rules = await rulesOf(tx, parent.bucket);
    const inode = await born({ edit, parent, name, rules });
    const entered = edit.add(directory, name, { ino: inode.ino, kind: inode.kind, beside: NOTHING_BESIDE });
    if (inode.kind === 'directory') await enterDirectory(parts, edit, inode, rules);
    else {
      await dropNullVersionOf({ parts, edit, rules }, parent.bucket, { parent: directory, name });
      await putInode(tx, inode, entered);
    }
    edit.finish();
    return { inode, parent, edit };
  });
}

interface Birthplace {
  readonly edit: TreeEdit;
  readonly parent: Inode;
  readonly name: Name;
  readonly rules: BucketRules;
}

/** What a new inode of a caller is before its kind shows. */
function bornOf(
  parts: Parts,
  caller: Caller,
  { edit, parent, name, rules, kind, wish }: Birthplace & { kind: Kind; wish: AttributeWish },
): Inode {
  const { now } = edit;
  const { sequence } = parts;
  const given = {
    ino: sequence.next() as Ino,
    bucket: parent.bucket,
    kind,
    now,
    contentGeneration: sequence.next(),
  };
  const { uid, gid, mode } = ownership(caller, parent, { kind, wish });
  const inode = newInode({ ...given, uid, gid, mode });
  const { version, lock } = kind === 'directory' ? inode : openVersion(parts, rules, now);
  const mayGive = wish.gid !== undefined && (isSuperuser(caller) || isInGroup(caller, wish.gid));
  return {
    ...inode,
    version,
    lock,
    names: [{ parent: parent.ino, name }],
    atime: typeof wish.atime === 'object' ? wish.atime : now,
    mtime: typeof wish.mtime === 'object' ? wish.mtime : now,
    uid: wish.uid !== undefined && isSuperuser(caller) ? wish.uid : uid,
    gid: mayGive ? wish.gid : gid,
  };
}

/** See FileTree.create. */
export async function create(
  parts: Parts,
  caller: Caller,
  place: Place,
  { mode, wish }: { mode: CreateMode; wish: AttributeWish },
): Promise<Created> {
  const size = wish.size ?? 0;
  if (size > FILE_BYTES_MAX) throw new Fault('too-large', 'inode', String(size));
  const createVerifier = mode.how === 'exclusive' ? Buffer.from(mode.verifier) : new Uint8Array(0);
  const make = async (): Promise<Created> => {
    const { inode, parent, edit } = await enter(parts, caller, place, async (at) => ({
      ...bornOf(parts, caller, { ...at, kind: 'file', wish }),
      size,
      createVerifier,
      encryption: await encryptionOfNew(parts, at.edit.tx, at.parent.bucket),
    }));
    return { directory: edit.change(parent), attributes: attributesOf(inode) };
  };
  return attempting('inode', () =>
    make().catch((fault: unknown) => {
      if (!(fault instanceof Fault && fault.code === 'exists') || mode.how === 'guarded') throw fault;
      return openExisting(parts, caller, place, { createVerifier, wish, fault }).catch(ifStale);
    }),
  );
}

/**
 * UNCHECKED opens what is there and may truncate it; EXCLUSIVE succeeds again for the same verifier (RFC 1813 §3.3.8).
 * `undefined`: it is there no longer.
 */
async function openExisting(
  parts: Parts,
  caller: Caller,
  { directory, name }: Place,
  { createVerifier, wish, fault }: { createVerifier: Uint8Array; wish: AttributeWish; fault: Fault },
): Promise<Created | undefined> {
  const [found, whole] = await parts.kv.transact('buffered', async (tx) => [
    await findPosix(tx, directory, name),
    await loadWholeDirectory(tx, directory),
  ]);
  // `.` and `..` are no entries, and always there.
  if (found === undefined && (isDot(name) || isDotDot(name))) throw fault;
  if (found === undefined) return undefined;
  const inode = await currentInode(parts, found.dentry.ino);
  const isExclusive = createVerifier.length > 0;
  if (isExclusive && Buffer.compare(inode.createVerifier, createVerifier) !== 0) throw fault;
  if (inode.kind === 'directory')
    throw isExclusive ? fault : new Fault('is-directory', 'inode', printable(name));
  if (inode.kind !== 'file') throw fault;
  const directoryNow = directoryAttributes(whole.inode, whole.row);
  const unchanged = { before: directoryNow, after: directoryNow };
  if (isExclusive || wish.size === undefined)
    return { directory: unchanged, attributes: attributesOf(inode) };
  const under = { directory, name };
  const { after } = await setAttributes(parts, caller, inode.ino, { wish: { size: wish.size }, under });
  return { directory: unchanged, attributes: after };
}

/** See FileTree.makeDirectory. An explicit directory holds a file without a name: the object `x/y/` in S3. */
export async function makeDirectory(
  parts: Parts,
  caller: Caller,
  place: Place,
  wish: AttributeWish,
): Promise<Created> {
  const withMode = { ...wish, mode: wish.mode ?? DIRECTORY_MODE };
  const made = await enter(parts, caller, place, (at) => {
    return bornOf(parts, caller, { ...at, kind: 'directory', wish: withMode });
  });
  return { directory: made.edit.change(made.parent), attributes: made.edit.change(made.inode).after };
}

async function enterDirectory(parts: Parts, edit: TreeEdit, inode: Inode, rules: BucketRules): Promise<void> {
  edit.makeDirectory(inode);
  await addMarker(parts, edit, inode, rules);
}

export const MARKER_NAME: Name = new Uint8Array(0);

/** Makes `directory` explicit: it stays when it is empty, and S3 sees it as an object whose key ends in a slash. */
export async function addMarker(
  parts: Parts,
  edit: TreeEdit,
  directory: Inode,
  rules: BucketRules,
): Promise<void> {
  const { bucket, uid, gid } = directory;
  const { sequence } = parts;
  const ino = sequence.next() as Ino;
  const contentGeneration = sequence.next();
  const birth = { ino, bucket, uid, gid, contentGeneration, now: edit.now };
  const born = newInode({ ...birth, kind: 'file', mode: OBJECT_MODE });
  const entry = { parent: directory.ino, name: MARKER_NAME };
  const names = [entry];
  await dropNullVersionOf({ parts, edit, rules }, bucket, entry);
  const marker = { ...born, ...openVersion(parts, rules, edit.now), names };
  const headers = { 'content-type': 'application/x-directory' };
  const nothing = { metadata: {}, checksums: [], parts: [], tags: [], storageClass: 'STANDARD' };
  const facet = { etag: EMPTY_MD5, headers, ...nothing, contentGeneration };
  edit.add(directory.ino, MARKER_NAME, { ino, kind: 'file', beside: NOTHING_BESIDE });
  await putInode(edit.tx, { ...marker, facet });
}

/** ETag of no bytes. */
const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';

/** See FileTree.makeSpecial. */
export async function makeSpecial(
  parts: Parts,
  caller: Caller,
  place: Place,
  { special, wish }: { special: SpecialFile; wish: AttributeWish },
): Promise<Created> {
  if (special.kind === 'symlink') requireTarget(special.target);
  const { kind } = special;
  // POSIX mknod(), [EPERM]: a node that anybody made would open the devices of every client to him.
  if ('device' in special && !isSuperuser(caller)) throw new Fault('not-permitted', 'inode', kind);
  const made = await enter(parts, caller, place, (at) => {
    const inode = bornOf(parts, caller, { ...at, kind, wish });
    if (special.kind === 'symlink') {
      return { ...inode, mode: 0o777, target: Buffer.from(special.target), size: special.target.length };
    }
    return 'device' in special ? { ...inode, device: special.device } : inode;
  });
  return { directory: made.edit.change(made.parent), attributes: attributesOf(made.inode) };
}

function requireTarget(target: Uint8Array): void {
  if (target.length > SYMLINK_BYTES_MAX)
    throw new Fault('name-too-long', 'inode', `target of ${target.length} bytes`);
  if (target.length === 0) throw new Fault('invalid-argument', 'inode', 'a symlink needs a target');
}

/** See FileTree.link. */
export async function link(
  parts: Parts,
  caller: Caller,
  ino: Ino,
  { directory, name: posixName }: Place,
): Promise<{ directory: Change; attributes: Attributes }> {
  const { parent, edit } = await transactCopying(parts, async (tx, copy) => {
    const edit = editOf(parts, tx);
    const inode = await loadNamed(tx, ino);
    const parent = await loadDirectory(tx, directory);
    const name = await requireFree(tx, caller, parent, posixName);
    if (inode.kind === 'directory') throw new Fault('not-permitted', 'inode', 'directories have one name');
    if (inode.bucket !== parent.bucket) throw new Fault('cross-bucket', 'inode', printable(posixName));
    // Each of its names is a key with a history of its own, and each of them must be found.
    const rules = await rulesOf(tx, inode.bucket);
    const linksMax = rules.versioning === 'off' ? LINKS_MAX : INODE_NAMES_MAX;
    if (inode.linkCount >= linksMax) throw new Fault('too-many-links', 'inode', String(inode.linkCount));
    const entry = { parent: directory, name };
    const key = rules.versioning === 'off' ? name : await keyOf(tx, entry);
    const change: KeyChange = { parts, edit, copy, rules, door: 'nfs' };
    const linked = await linkable(change, inode, { bucket: inode.bucket, key });
    const { linkCount } = inode;
    const ctime = nextCtime(parts, inode, edit.now);
    const names = withName(inode, entry);
    edit.add(directory, name, { ino, kind: inode.kind, beside: NOTHING_BESIDE });
    await putInode(tx, { ...linked, linkCount: linkCount + 1, names, ctime });
    edit.finish();
    return { parent, edit };
  });
  return { directory: edit.change(parent), attributes: await attributes(parts, ino) };
}
