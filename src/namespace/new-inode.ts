import type { Time } from '../environment.ts';
import { SET_GID } from './permissions.ts';
import { NO_CONTENT } from './extents.ts';
import type { Attributes, Caller, Ino, Kind } from './namespace.ts';
import type { AttributeWish } from './file-tree.ts';
import { NO_LOCK, NO_RULES, NO_VERSION, NOTHING_BELOW, NOTHING_RARE, type Inode } from './records.ts';

export const MODE_BITS = 0o7777;
/** What a client that leaves the mode open gets; an exclusive create sets it by a SETATTR that follows. */
const MODE_DEFAULT = 0o600;
export const OBJECT_MODE = 0o644;
export const DIRECTORY_MODE = 0o755;

export interface Birth {
  readonly ino: Ino;
  readonly bucket: Ino;
  readonly kind: Kind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly now: Time;
  readonly contentGeneration: number;
}

/** Each member by name, here and where records are read: V8 is ten times slower at objects that are put together by spreads. */
export function newInode(birth: Birth): Inode {
  const { now } = birth;
  return {
    ino: birth.ino,
    bucket: birth.bucket,
    kind: birth.kind,
    mode: birth.mode,
    uid: birth.uid,
    gid: birth.gid,
    linkCount: 1,
    size: 0,
    atime: now,
    mtime: now,
    ctime: now,
    contentGeneration: birth.contentGeneration,
    below: NOTHING_BELOW,
    device: NOTHING_RARE.device,
    names: [],
    target: NOTHING_RARE.target,
    createVerifier: NOTHING_RARE.createVerifier,
    extents: NO_CONTENT.extents,
    contentId: NO_CONTENT.contentId,
    facet: undefined,
    encryption: undefined,
    version: NO_VERSION,
    lock: NO_LOCK,
    rules: NO_RULES,
    xattrs: NOTHING_RARE.xattrs,
  };
}

/** Owner and mode of what a caller makes in a directory: with set-group-ID the directory's group is inherited. */
export function ownership(
  caller: Caller,
  directory: Pick<Attributes, 'mode' | 'gid'>,
  { kind, wish }: { kind: Kind; wish: AttributeWish },
): Pick<Inode, 'uid' | 'gid' | 'mode'> {
  const inherits = (directory.mode & SET_GID) !== 0;
  const mode = (wish.mode ?? MODE_DEFAULT) & MODE_BITS;
  return {
    uid: caller.uid,
    gid: inherits ? directory.gid : caller.gid,
    mode: inherits && kind === 'directory' ? mode | SET_GID : mode,
  };
}
