import type { Fault, FaultCode } from '../../fault.ts';
import type { Nfsstat3Failure } from 'nfs-server-ts/attributes';
import type { BackendProcedureName } from 'nfs-server-ts/nfs3';
import type { Mountstat3 } from 'nfs-server-ts/mount3';

/** A failure that only the protocol knows: what is wrong with a handle, a cookie, a type. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: Nfsstat3Failure;

  constructor(status: Nfsstat3Failure) {
    super(status);
    this.status = status;
  }
}

/** RFC 1813 §2.6. One row per fault; the compiler rejects a missing row. */
const byFault = {
  'not-found': 'NFS3ERR_NOENT',
  exists: 'NFS3ERR_EXIST',
  'not-empty': 'NFS3ERR_NOTEMPTY',
  'not-directory': 'NFS3ERR_NOTDIR',
  'is-directory': 'NFS3ERR_ISDIR',
  'name-too-long': 'NFS3ERR_NAMETOOLONG',
  'invalid-argument': 'NFS3ERR_INVAL',
  'not-supported': 'NFS3ERR_NOTSUPP',
  'not-permitted': 'NFS3ERR_PERM',
  'access-denied': 'NFS3ERR_ACCES',
  'read-only': 'NFS3ERR_ROFS',
  'cross-bucket': 'NFS3ERR_XDEV',
  'too-many-links': 'NFS3ERR_MLINK',
  'stale-handle': 'NFS3ERR_STALE',
  'precondition-failed': 'NFS3ERR_NOT_SYNC',
  'not-sync': 'NFS3ERR_NOT_SYNC',
  'range-not-satisfiable': 'NFS3ERR_INVAL',
  'too-large': 'NFS3ERR_FBIG',
  'too-small': 'NFS3ERR_TOOSMALL',
  'quota-exceeded': 'NFS3ERR_DQUOT',
  'no-space': 'NFS3ERR_NOSPC',
  'checksum-mismatch': 'NFS3ERR_IO',
  corrupt: 'NFS3ERR_IO',
  // The client tries again later instead of failing the application.
  conflict: 'NFS3ERR_JUKEBOX',
  'recall-pending': 'NFS3ERR_JUKEBOX',
  throttled: 'NFS3ERR_JUKEBOX',
  unavailable: 'NFS3ERR_JUKEBOX',
  fenced: 'NFS3ERR_JUKEBOX',
} as const satisfies Record<FaultCode, Nfsstat3Failure>;

type Short<Status> = Status extends `NFS3ERR_${infer Rest}` ? Rest : never;
type ShortStatus = Short<Nfsstat3Failure>;

/** §2.6 allows them to every procedure: JUKEBOX is nobody's own, the others head each list. */
const always = ['STALE', 'BADHANDLE', 'SERVERFAULT', 'JUKEBOX'] as const satisfies readonly ShortStatus[];
const making = [
  'IO',
  'ACCES',
  'EXIST',
  'NOTDIR',
  'NOSPC',
  'ROFS',
  'NAMETOOLONG',
  'DQUOT',
  'NOTSUPP',
] as const;

/** The ERRORS list of each procedure, RFC 1813 §3.3. */
const legal: Readonly<Record<BackendProcedureName, readonly ShortStatus[]>> = {
  GETATTR: ['IO'],
  SETATTR: ['PERM', 'IO', 'ACCES', 'INVAL', 'NOSPC', 'ROFS', 'DQUOT', 'NOT_SYNC'],
  LOOKUP: ['IO', 'NOENT', 'ACCES', 'NOTDIR', 'NAMETOOLONG'],
  ACCESS: ['IO'],
  READLINK: ['IO', 'INVAL', 'ACCES', 'NOTSUPP'],
  READ: ['IO', 'NXIO', 'ACCES', 'INVAL'],
  WRITE: ['IO', 'ACCES', 'FBIG', 'DQUOT', 'NOSPC', 'ROFS', 'INVAL'],
  CREATE: making,
  MKDIR: making,
  SYMLINK: making,
  MKNOD: [...making, 'BADTYPE'],
  // ISDIR is not in the RFC's list, but is what every server answers to REMOVE of a directory.
  REMOVE: ['NOENT', 'IO', 'ACCES', 'NOTDIR', 'NAMETOOLONG', 'ROFS', 'ISDIR'],
  RMDIR: ['NOENT', 'IO', 'ACCES', 'INVAL', 'EXIST', 'NOTDIR', 'NAMETOOLONG', 'ROFS', 'NOTEMPTY', 'NOTSUPP'],
  RENAME: [
    ...['NOENT', 'IO', 'ACCES', 'EXIST', 'XDEV', 'NOTDIR', 'ISDIR', 'INVAL', 'NOSPC', 'ROFS', 'MLINK'],
    ...['NAMETOOLONG', 'NOTEMPTY', 'DQUOT', 'NOTSUPP'],
  ] as ShortStatus[],
  LINK: [
    ...['IO', 'ACCES', 'EXIST', 'XDEV', 'NOTDIR', 'INVAL', 'NOSPC', 'ROFS', 'MLINK', 'NAMETOOLONG'],
    ...['DQUOT', 'NOTSUPP'],
  ] as ShortStatus[],
  READDIR: ['IO', 'ACCES', 'NOTDIR', 'BAD_COOKIE', 'TOOSMALL'],
  READDIRPLUS: ['IO', 'ACCES', 'NOTDIR', 'BAD_COOKIE', 'TOOSMALL', 'NOTSUPP'],
  FSSTAT: ['IO'],
  FSINFO: [],
  PATHCONF: [],
  // The RFC lists only IO. That there is no room shows here first, and clients tell their programs what they are told.
  COMMIT: ['IO', 'NOSPC', 'DQUOT', 'ROFS'],
};

/** What to say where a status is not on the procedure's list: the first that is. SERVERFAULT when none is. */
const insteadOf: Partial<Readonly<Record<ShortStatus, readonly ShortStatus[]>>> = {
  PERM: ['ACCES', 'STALE'],
  ROFS: ['ACCES', 'STALE'],
  NOENT: ['STALE'],
  // §3.2: a name that cannot be is ACCES.
  INVAL: ['ACCES', 'IO'],
  ISDIR: ['INVAL', 'ACCES', 'IO'],
  NOTDIR: ['INVAL', 'ACCES', 'IO'],
  NAMETOOLONG: ['INVAL', 'ACCES'],
  NOTEMPTY: ['EXIST'],
  XDEV: ['ACCES'],
  FBIG: ['INVAL', 'NOSPC'],
  MLINK: ['NOSPC', 'ACCES'],
  DQUOT: ['NOSPC', 'IO'],
  NOSPC: ['IO'],
  NOT_SYNC: ['IO'],
  TOOSMALL: ['INVAL', 'IO'],
  BADTYPE: ['INVAL', 'NOTSUPP'],
};

/** What lies below files must not look like a file when it is not there or not enabled: a key, or content that no tier has. */
function statusOfFault({ code, subject }: Fault): Nfsstat3Failure {
  if (subject === 'key' && code !== 'corrupt') return 'NFS3ERR_ACCES';
  const isContent = subject === 'blob' || subject === 'device' || subject === 'store';
  return isContent && code === 'not-found' ? 'NFS3ERR_IO' : byFault[code];
}

/** The status that the procedure may end with, by the RFC, for what went wrong. */
export function statusFor(procedure: BackendProcedureName, failure: Fault | Refused): Nfsstat3Failure {
  const wanted = failure instanceof Refused ? failure.status : statusOfFault(failure);
  const short = wanted.slice('NFS3ERR_'.length) as ShortStatus;
  // Not on every list, but what servers answer to every procedure of a caller that the export keeps out. Linux would take the
  // STALE that is on the lists for the end of the file, and never ask again when the rules let it in once more.
  if (short === 'ACCES') return 'NFS3ERR_ACCES';
  const allowed: readonly ShortStatus[] = [...always, ...legal[procedure]];
  const candidates = [short, ...(insteadOf[short] ?? [])];
  return `NFS3ERR_${candidates.find((candidate) => allowed.includes(candidate)) ?? 'SERVERFAULT'}`;
}

/** RFC 1813, appendix I: MNT's statuses, for faults on the way along a path. */
const mountByFault: Partial<Readonly<Record<FaultCode, Exclude<Mountstat3, 'MNT3_OK'>>>> = {
  'not-found': 'MNT3ERR_NOENT',
  'stale-handle': 'MNT3ERR_NOENT',
  'not-directory': 'MNT3ERR_NOTDIR',
  'access-denied': 'MNT3ERR_ACCES',
  'name-too-long': 'MNT3ERR_NAMETOOLONG',
  'invalid-argument': 'MNT3ERR_INVAL',
};
export const mountStatusFor = (fault: Fault): Exclude<Mountstat3, 'MNT3_OK'> =>
  mountByFault[fault.code] ?? 'MNT3ERR_IO';
