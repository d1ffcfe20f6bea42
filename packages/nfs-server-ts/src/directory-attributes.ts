import type { BigIntStats } from 'node:fs';
import type { Fattr3, Nfsstat3Failure, Nfstime3, WccData } from './attributes.ts';

/** Some file systems use all 64 bits of an inode number; two of them fall together with a chance that nobody lives to see. */
const folded = (word: bigint): number => Number(BigInt.asUintN(53, word ^ (BigInt.asUintN(64, word) >> 53n)));

/** RFC 1813 §2.5: times before 1970 and behind 2106 cannot be said. */
function timeOf(nanoseconds: bigint): Nfstime3 {
  const seconds = nanoseconds / 1_000_000_000n;
  if (seconds < 0n || nanoseconds < 0n) return { seconds: 0, nseconds: 0 };
  if (seconds > 0xffff_ffffn) return { seconds: 0xffff_ffff, nseconds: 999_999_999 };
  return { seconds: Number(seconds), nseconds: Number(nanoseconds % 1_000_000_000n) };
}

function typeOf(stats: BigIntStats): Fattr3['type'] {
  if (stats.isFile()) return 'NF3REG';
  if (stats.isDirectory()) return 'NF3DIR';
  if (stats.isSymbolicLink()) return 'NF3LNK';
  if (stats.isBlockDevice()) return 'NF3BLK';
  if (stats.isCharacterDevice()) return 'NF3CHR';
  return stats.isFIFO() ? 'NF3FIFO' : 'NF3SOCK';
}

/** Linux: major and minor number of a device as the system packs them. */
const deviceOf = (rdev: bigint): Fattr3['rdev'] => ({
  specdata1: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xffff_f000n)),
  specdata2: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffff_ff00n)),
});

export const attributesOf = (stats: BigIntStats): Fattr3 => ({
  type: typeOf(stats),
  mode: Number(stats.mode & 0o7777n),
  nlink: Number(stats.nlink),
  uid: Number(stats.uid),
  gid: Number(stats.gid),
  size: Number(stats.size),
  used: Number(stats.blocks) * 512,
  rdev: deviceOf(stats.rdev),
  fsid: folded(stats.dev),
  fileid: folded(stats.ino),
  atime: timeOf(stats.atimeNs),
  mtime: timeOf(stats.mtimeNs),
  ctime: timeOf(stats.ctimeNs),
});

/** What somebody else did between the two looks shows in it as well; the client then takes its cache for stale, and is right. */
export const wccOf = (before: BigIntStats, after: BigIntStats): WccData => ({
  before: { size: Number(before.size), mtime: timeOf(before.mtimeNs), ctime: timeOf(before.ctimeNs) },
  after: attributesOf(after),
});

const statusByCode: Readonly<Record<string, Nfsstat3Failure>> = {
  EPERM: 'NFS3ERR_PERM',
  ENOENT: 'NFS3ERR_NOENT',
  EIO: 'NFS3ERR_IO',
  ENXIO: 'NFS3ERR_NXIO',
  EACCES: 'NFS3ERR_ACCES',
  EEXIST: 'NFS3ERR_EXIST',
  EXDEV: 'NFS3ERR_XDEV',
  ENODEV: 'NFS3ERR_NODEV',
  ENOTDIR: 'NFS3ERR_NOTDIR',
  EISDIR: 'NFS3ERR_ISDIR',
  EINVAL: 'NFS3ERR_INVAL',
  EFBIG: 'NFS3ERR_FBIG',
  ENOSPC: 'NFS3ERR_NOSPC',
  EROFS: 'NFS3ERR_ROFS',
  EMLINK: 'NFS3ERR_MLINK',
  ENAMETOOLONG: 'NFS3ERR_NAMETOOLONG',
  ENOTEMPTY: 'NFS3ERR_NOTEMPTY',
  EDQUOT: 'NFS3ERR_DQUOT',
  ESTALE: 'NFS3ERR_STALE',
  ENOTSUP: 'NFS3ERR_NOTSUPP',
  EOPNOTSUPP: 'NFS3ERR_NOTSUPP',
  // A file has been swapped for a symlink since it was looked at, or is in use.
  ELOOP: 'NFS3ERR_STALE',
  EBUSY: 'NFS3ERR_ACCES',
  EMFILE: 'NFS3ERR_JUKEBOX',
  ENFILE: 'NFS3ERR_JUKEBOX',
};

/** What the system's error means to a client; `undefined`: it is none of the system's. */
export function statusOf(failure: unknown): Nfsstat3Failure | undefined {
  if (!(failure instanceof Error) || !('code' in failure)) return undefined;
  return statusByCode[String(failure.code)];
}
