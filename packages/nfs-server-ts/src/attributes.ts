import assert from 'node:assert/strict';
import { enumeration, fixed, nothing, opaque, optional, struct, u32, u64, union } from './codec.ts';
import type { Codec, Decoded } from './codec.ts';
import type { XdrWriter } from './xdr.ts';

/** RFC 1813 §2.6. Names are the RFC's, verbatim, so that text search finds the paragraph. */
export const nfsstat3 = {
  NFS3_OK: 0,
  NFS3ERR_PERM: 1,
  NFS3ERR_NOENT: 2,
  NFS3ERR_IO: 5,
  NFS3ERR_NXIO: 6,
  NFS3ERR_ACCES: 13,
  NFS3ERR_EXIST: 17,
  NFS3ERR_XDEV: 18,
  NFS3ERR_NODEV: 19,
  NFS3ERR_NOTDIR: 20,
  NFS3ERR_ISDIR: 21,
  NFS3ERR_INVAL: 22,
  NFS3ERR_FBIG: 27,
  NFS3ERR_NOSPC: 28,
  NFS3ERR_ROFS: 30,
  NFS3ERR_MLINK: 31,
  NFS3ERR_NAMETOOLONG: 63,
  NFS3ERR_NOTEMPTY: 66,
  NFS3ERR_DQUOT: 69,
  NFS3ERR_STALE: 70,
  NFS3ERR_REMOTE: 71,
  NFS3ERR_BADHANDLE: 10001,
  NFS3ERR_NOT_SYNC: 10002,
  NFS3ERR_BAD_COOKIE: 10003,
  NFS3ERR_NOTSUPP: 10004,
  NFS3ERR_TOOSMALL: 10005,
  NFS3ERR_SERVERFAULT: 10006,
  NFS3ERR_BADTYPE: 10007,
  NFS3ERR_JUKEBOX: 10008,
} as const;
export type Nfsstat3 = keyof typeof nfsstat3;
export type Nfsstat3Failure = Exclude<Nfsstat3, 'NFS3_OK'>;

/** RFC 1813 §2.4: NFS3_FHSIZE, and the size of verifiers and cookie verifiers. */
export const handleBytesMax = 64;
export const verifierBytes = 8;
/**
 * What a name or a symlink's target may have on the wire, in bytes. RFC 1813 does not limit them: a name that is too long for
 * the backend is the backend's NFS3ERR_NAMETOOLONG, not malformed XDR.
 */
export const nameBytesMax = 16_384;

export const nfs_fh3 = opaque(handleBytesMax);
export const filename3 = opaque(nameBytesMax);
export const nfspath3 = opaque(nameBytesMax);
export const cookieverf3 = fixed(verifierBytes);
export const createverf3 = fixed(verifierBytes);
export const writeverf3 = fixed(verifierBytes);

const ftypes = { NF3REG: 1, NF3DIR: 2, NF3BLK: 3, NF3CHR: 4, NF3LNK: 5, NF3SOCK: 6, NF3FIFO: 7 } as const;
export const ftype3 = enumeration(ftypes);
/** RFC 1813 §2.5. Types of values have names, so that the declarations of the table stay readable, to people and to tsc. */
export interface Nfstime3 {
  readonly seconds: number;
  readonly nseconds: number;
}
export const nfstime3: Codec<Nfstime3> = struct({ seconds: u32, nseconds: u32 });
export interface Specdata3 {
  readonly specdata1: number;
  readonly specdata2: number;
}
export const specdata3: Codec<Specdata3> = struct({ specdata1: u32, specdata2: u32 });

/** RFC 1813 §2.5.5. */
export interface Fattr3 {
  readonly type: Decoded<typeof ftype3>;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly used: number;
  readonly rdev: Specdata3;
  readonly fsid: number;
  readonly fileid: number;
  readonly atime: Nfstime3;
  readonly mtime: Nfstime3;
  readonly ctime: Nfstime3;
}

/** Member by member: what the faster `fattr3` must agree with. */
export const fattr3Plain: Codec<Fattr3> = struct({
  type: ftype3,
  mode: u32,
  nlink: u32,
  uid: u32,
  gid: u32,
  size: u64,
  used: u64,
  rdev: specdata3,
  fsid: u64,
  fileid: u64,
  atime: nfstime3,
  mtime: nfstime3,
  ctime: nfstime3,
});

function writeHyper(writer: XdrWriter, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'not a safe integer >= 0');
  writer.u64(value);
}

function writeTime(writer: XdrWriter, time: Nfstime3): void {
  writer.u32(time.seconds);
  writer.u32(time.nseconds);
}

/** Nearly every reply carries one, a READDIRPLUS a thousand: written without a call per member through a table. */
export const fattr3: Codec<Fattr3> = {
  shape: fattr3Plain.shape,
  read: (reader) => ({
    type: ftype3.read(reader),
    mode: reader.u32(),
    nlink: reader.u32(),
    uid: reader.u32(),
    gid: reader.u32(),
    size: reader.u64(),
    used: reader.u64(),
    rdev: { specdata1: reader.u32(), specdata2: reader.u32() },
    fsid: reader.u64(),
    fileid: reader.u64(),
    atime: { seconds: reader.u32(), nseconds: reader.u32() },
    mtime: { seconds: reader.u32(), nseconds: reader.u32() },
    ctime: { seconds: reader.u32(), nseconds: reader.u32() },
  }),
  write(writer, value) {
    writer.u32(ftypes[value.type]);
    writer.u32(value.mode);
    writer.u32(value.nlink);
    writer.u32(value.uid);
    writer.u32(value.gid);
    writeHyper(writer, value.size);
    writeHyper(writer, value.used);
    writer.u32(value.rdev.specdata1);
    writer.u32(value.rdev.specdata2);
    writeHyper(writer, value.fsid);
    writeHyper(writer, value.fileid);
    writeTime(writer, value.atime);
    writeTime(writer, value.mtime);
    writeTime(writer, value.ctime);
  },
};

export const post_op_attr: Codec<Fattr3 | undefined> = optional(fattr3);
export const post_op_fh3: Codec<Uint8Array | undefined> = optional(nfs_fh3);

export interface WccAttr {
  readonly size: number;
  readonly mtime: Nfstime3;
  readonly ctime: Nfstime3;
}
export const wcc_attr: Codec<WccAttr> = struct({ size: u64, mtime: nfstime3, ctime: nfstime3 });
export interface WccData {
  readonly before: WccAttr | undefined;
  readonly after: Fattr3 | undefined;
}
export const wcc_data: Codec<WccData> = struct({ before: optional(wcc_attr), after: post_op_attr });
/** RFC 1813 §2.6: a server that has no attributes at hand says nothing about them. */
export const noWcc: WccData = { before: undefined, after: undefined };

const time_how = enumeration({ DONT_CHANGE: 0, SET_TO_SERVER_TIME: 1, SET_TO_CLIENT_TIME: 2 });
export type SetTime =
  | { readonly set_it: 'DONT_CHANGE' }
  | { readonly set_it: 'SET_TO_SERVER_TIME' }
  | { readonly set_it: 'SET_TO_CLIENT_TIME'; readonly time: Nfstime3 };
/** RFC 1813 §2.5.9, set_atime and set_mtime. */
export const set_time: Codec<SetTime> = union('set_it', time_how, {
  DONT_CHANGE: nothing,
  SET_TO_SERVER_TIME: nothing,
  SET_TO_CLIENT_TIME: struct({ time: nfstime3 }),
});
export interface Sattr3 {
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly size: number | undefined;
  readonly atime: SetTime;
  readonly mtime: SetTime;
}
export const sattr3: Codec<Sattr3> = struct({
  mode: optional(u32),
  uid: optional(u32),
  gid: optional(u32),
  size: optional(u64),
  atime: set_time,
  mtime: set_time,
});

export interface Diropargs3 {
  readonly dir: Uint8Array;
  readonly name: Uint8Array;
}
export const diropargs3: Codec<Diropargs3> = struct({ dir: nfs_fh3, name: filename3 });
