import type { Time } from '../environment.ts';
import { Fault } from '../fault.ts';
import { EXTENTS_TRUNCATED_MAX, FILE_BYTES_MAX } from '../limits.ts';
import {
  attributesOf,
  directoryAttributes,
  loadNamed,
  loadWholeDirectory,
  staleHandle,
} from './attributes.ts';
import { encodeDirectory } from './directory-row.ts';
import { contentOf } from './content-key.ts';
import { findPosix } from './find.ts';
import { inOpenVersion, mustFork } from './fork.ts';
import { NO_CONTENT, replaceRanges, type HeldContent } from './extents.ts';
import { directoryKey, endOfExtentKey, extentRange } from './keys.ts';
import type { Attributes, Caller, Change, Ino } from './namespace.ts';
import type { AttributeWish, Place } from './file-tree.ts';
import { MODE_BITS } from './new-inode.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import {
  isInGroup,
  isOwner,
  isSuperuser,
  requireBits,
  requireContentAccess,
  SET_GID,
  SET_UID,
  WRITE,
} from './permissions.ts';
import { decodeExtent, type Inode } from './records.ts';
import { advance, compareTimes, laterOf } from './time.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { dropContent } from './unlink.ts';
import { requireFile } from './write.ts';
import { writeOut } from './write-out.ts';

export interface AttributeRequest {
  readonly wish: AttributeWish;
  readonly guard?: Time | undefined;
  /** Only while this leads to the inode: else Fault('stale-handle'). */
  readonly under?: Place | undefined;
}

/** See FileTree.setAttributes. */
export async function setAttributes(
  parts: Parts,
  caller: Caller,
  ino: Ino,
  request: AttributeRequest,
): Promise<Change> {
  return inOpenVersion(parts, ino, async () => {
    const changed = await settled(parts, ino, () => apply(parts, caller, ino, request));
    return changed === 'fork' ? undefined : changed;
  });
}

/** Runs `change` while nothing that NFS has written to the file is uncommitted, again as long as it says `undefined`. */
export async function settled<Result>(
  parts: Parts,
  ino: Ino,
  change: () => Promise<Result | undefined>,
): Promise<Result> {
  return parts.files.withoutNewWriters(ino, async () => {
    for (;;) {
      await writeOut(parts, ino);
      const result = await parts.files.exclusive(ino, async () =>
        // Written to again, by who had been admitted, before the lock was ours: that data comes first.
        parts.files.get(ino) === undefined ? change() : undefined,
      );
      if (result !== undefined) return result;
    }
  });
}

/** `undefined`: the file is shorter than before and not yet as short as it should be. 'fork': its version is sealed. */
async function apply(
  parts: Parts,
  caller: Caller,
  ino: Ino,
  { wish, guard, under }: AttributeRequest,
): Promise<Change | 'fork' | undefined> {
  return parts.kv.transact('durable', async (tx) => {
    const inode = await loadNamed(tx, ino);
    if (under !== undefined && (await findPosix(tx, under.directory, under.name))?.dentry.ino !== ino)
      throw staleHandle(ino);
    const now = parts.environment.clock.wall();
    if (inode.kind === 'directory') return changeDirectory(tx, caller, ino, { wish, guard, now });
    const before = attributesOf(inode);
    requireGuard(before, guard);
    requireAllowed(caller, inode, wish);
    if (wish.size !== undefined) contentOf(parts, inode.encryption);
    // Of a version that is sealed S3 has shown both, and when it was made: they stay.
    if (changesVersion(inode, wish) && (await mustFork(tx, inode, now))) return 'fork';
    const step = wish.size === undefined ? undefined : await truncationStep(tx, inode, wish.size);
    if (step !== undefined) {
      await putInode(tx, await resized(parts, tx, inode, step));
      return undefined;
    }
    const changed = changedInode(caller, inode, { wish, now });
    const after = wish.size === undefined ? changed : await resized(parts, tx, changed, wish.size);
    await putInode(tx, after);
    return { before, after: attributesOf(after) };
  });
}

const changesVersion = ({ mtime }: Inode, wish: AttributeWish): boolean =>
  wish.size !== undefined ||
  wish.mtime === 'now' ||
  (wish.mtime !== undefined && compareTimes(wish.mtime, mtime) !== 0);

/** A directory's times live in its row; what else is set lives in its inode. */
async function changeDirectory(
  tx: KvTransaction,
  caller: Caller,
  ino: Ino,
  { wish, guard, now }: AttributeRequest & { now: Time },
): Promise<Change> {
  if (wish.size !== undefined) throw new Fault('is-directory', 'inode', String(ino));
  const { inode, row } = await loadWholeDirectory(tx, ino);
  const before = directoryAttributes(inode, row);
  requireGuard(before, guard);
  requireAllowed(caller, inode, wish);
  const seen = { ...inode, mtime: row.mtime, ctime: laterOf(inode.ctime, row.ctime) };
  const after = changedInode(caller, seen, { wish, now });
  await putInode(tx, after);
  const changedRow = { ...row, mtime: after.mtime, ctime: after.ctime };
  tx.put(directoryKey(ino), encodeDirectory(changedRow));
  return { before, after: directoryAttributes(after, changedRow) };
}

function requireGuard(before: Attributes, guard: Time | undefined): void {
  if (guard === undefined || compareTimes(before.ctime, guard) === 0) return;
  throw new Fault('not-sync', 'inode', `ctime of ${before.ino} differs from the guard`);
}

const notPermitted = (inode: Inode): Fault =>
  new Fault('not-permitted', 'inode', `not the owner of ${inode.ino}`);

/** POSIX chmod(), chown(), utimensat(), truncate(): who may do which of them. */
function requireAllowed(caller: Caller, inode: Inode, wish: AttributeWish): void {
  const owner = isOwner(caller, inode);
  if (wish.mode !== undefined && !owner) throw notPermitted(inode);
  if (wish.uid !== undefined && wish.uid !== inode.uid && !isSuperuser(caller)) throw notPermitted(inode);
  if (wish.gid !== undefined && wish.gid !== inode.gid && !isSuperuser(caller)) {
    if (!owner || !isInGroup(caller, wish.gid)) throw notPermitted(inode);
  }
  if ((wish.uid !== undefined || wish.gid !== undefined) && !owner) throw notPermitted(inode);
  const setsTime = typeof wish.atime === 'object' || typeof wish.mtime === 'object';
  if (setsTime && !owner) throw notPermitted(inode);
  if ((wish.atime !== undefined || wish.mtime !== undefined) && !owner) requireBits(caller, inode, WRITE);
  if (wish.size !== undefined) {
    requireFile(inode);
    requireContentAccess(caller, inode, WRITE);
    if (wish.size > FILE_BYTES_MAX) throw new Fault('too-large', 'inode', String(wish.size));
  }
}

const timeOf = (wish: Time | 'now' | undefined, old: Time, now: Time): Time =>
  wish === undefined ? old : wish === 'now' ? now : wish;

function changedInode(
  caller: Caller,
  inode: Inode,
  { wish, now }: { wish: AttributeWish; now: Time },
): Inode {
  return {
    ...inode,
    mode: changedMode(caller, inode, wish),
    uid: wish.uid ?? inode.uid,
    gid: wish.gid ?? inode.gid,
    atime: timeOf(wish.atime, inode.atime, now),
    mtime: timeOf(wish.mtime, wish.size === undefined ? inode.mtime : now, now),
    ctime: advance(inode.ctime, now),
  };
}

/** Set-ID bits go with a change of owner and a truncation, and set-group-ID is not for groups one is no member of. */
function changedMode(caller: Caller, inode: Inode, wish: AttributeWish): number {
  let mode = (wish.mode ?? inode.mode) & MODE_BITS;
  if (inode.kind === 'directory') return mode;
  const changesOwner = wish.uid !== undefined || wish.gid !== undefined;
  const losesSetId = changesOwner || (wish.size !== undefined && !isSuperuser(caller));
  if (losesSetId) mode &= ~SET_UID;
  if (losesSetId && (mode & 0o010) !== 0) mode &= ~SET_GID;
  if (wish.mode !== undefined && !isSuperuser(caller) && !isInGroup(caller, wish.gid ?? inode.gid))
    mode &= ~SET_GID;
  return mode;
}

/** Where a truncation must stop first, because one transaction cannot give up all extents behind `size`. */
async function truncationStep(tx: KvTransaction, inode: Inode, size: number): Promise<number | undefined> {
  // To nothing is one number for the collector; short lists are in the record.
  if (inode.extents !== undefined || size === 0 || size >= inode.size) return undefined;
  const options = { reverse: true, pageEntries: EXTENTS_TRUNCATED_MAX };
  let left = EXTENTS_TRUNCATED_MAX;
  for await (const page of tx.scan(extentRange(inode.contentId, size), options)) {
    left -= page.length;
    const last = page.at(-1);
    if (left > 0 || last === undefined) continue;
    const { offset } = decodeExtent(endOfExtentKey(last.key), last.value);
    return offset > size ? offset : undefined;
  }
  return undefined;
}

async function resized(parts: Parts, tx: KvTransaction, inode: Inode, size: number): Promise<Inode> {
  const { sequence, blobs } = parts;
  let place: HeldContent = inode;
  if (size === 0 && inode.extents === undefined) {
    await dropContent(parts, tx, inode);
    place = NO_CONTENT;
  } else if (size < inode.size) {
    const gone = { start: size, end: FILE_BYTES_MAX, fresh: [] };
    place = await replaceRanges({ tx, blobs, nextId: () => sequence.next() }, inode, [gone]);
  }
  return { ...inode, ...place, size, contentGeneration: sequence.next() };
}
