import type { Fattr3, Sattr3, SetTime, WccData } from 'nfs-server-ts/attributes';
import type { Time } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Attributes, Change, Kind } from '../../namespace/namespace.ts';
import type { AttributeWish } from '../../namespace/file-tree.ts';

const SECONDS_MAX = 0xffff_ffff;
const NANOSECONDS_MAX = 999_999_999;
const MODE_BITS = 0o7777;

const ftypeOf = {
  file: 'NF3REG',
  directory: 'NF3DIR',
  symlink: 'NF3LNK',
  fifo: 'NF3FIFO',
  socket: 'NF3SOCK',
  block: 'NF3BLK',
  character: 'NF3CHR',
} as const satisfies Record<Kind, Fattr3['type']>;

/** nfstime3 has 32 unsigned bits of seconds: what lies outside shows as the nearest that can be said. */
const nfstimeOf = ({ seconds, nanoseconds }: Time): Fattr3['mtime'] => ({
  seconds: Math.min(Math.max(seconds, 0), SECONDS_MAX),
  nseconds: nanoseconds,
});

/** RFC 1813 §2.5. `fsid` is one for the whole tree. */
export const fattr3Of = (attributes: Attributes, fsid: number): Fattr3 => ({
  type: ftypeOf[attributes.kind],
  mode: attributes.mode & MODE_BITS,
  nlink: attributes.linkCount,
  uid: attributes.uid,
  gid: attributes.gid,
  size: attributes.size,
  used: attributes.allocatedBytes,
  rdev: { specdata1: attributes.device.major, specdata2: attributes.device.minor },
  fsid,
  fileid: attributes.ino,
  atime: nfstimeOf(attributes.atime),
  mtime: nfstimeOf(attributes.mtime),
  ctime: nfstimeOf(attributes.ctime),
});

/** RFC 1813 §2.6. Before and after were taken together with the change, so clients may keep their caches across it. */
export const wccOf = ({ before, after }: Change, fsid: number): WccData => ({
  before: { size: before.size, mtime: nfstimeOf(before.mtime), ctime: nfstimeOf(before.ctime) },
  after: fattr3Of(after, fsid),
});

function wishedTime(wish: SetTime): Time | 'now' | undefined {
  if (wish.set_it === 'DONT_CHANGE') return undefined;
  return wish.set_it === 'SET_TO_SERVER_TIME' ? 'now' : timeOf(wish.time);
}

/** Faults: 'invalid-argument' when the nanoseconds are more than a second. */
export function timeOf({ seconds, nseconds }: Fattr3['mtime']): Time {
  if (nseconds > NANOSECONDS_MAX) throw new Fault('invalid-argument', 'request', `${nseconds} nanoseconds`);
  return { seconds, nanoseconds: nseconds };
}

export const wishOf = (sattr: Sattr3): AttributeWish => ({
  mode: sattr.mode === undefined ? undefined : sattr.mode & MODE_BITS,
  uid: sattr.uid,
  gid: sattr.gid,
  size: sattr.size,
  atime: wishedTime(sattr.atime),
  mtime: wishedTime(sattr.mtime),
});
