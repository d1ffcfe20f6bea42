import {
  bool,
  enumeration,
  list,
  nothing,
  opaque,
  optional,
  pieces,
  struct,
  u32,
  u64,
  union,
} from './codec.ts';
import type { Codec, Decoded } from './codec.ts';
import type { CallContext } from './rpc.ts';
import {
  cookieverf3,
  createverf3,
  diropargs3,
  fattr3,
  filename3,
  ftype3,
  nameBytesMax,
  nfs_fh3,
  nfspath3,
  nfstime3,
  noWcc,
  post_op_attr,
  post_op_fh3,
  sattr3,
  specdata3,
  wcc_data,
  writeverf3,
  type Fattr3,
  type Nfsstat3Failure,
  type Sattr3,
  type Specdata3,
} from './attributes.ts';

export const NFS_PROGRAM = 100003;
export const NFS_V3 = 3;

/** RFC 1813 §3.3.4. */
export const access3 = {
  ACCESS3_READ: 0x01,
  ACCESS3_LOOKUP: 0x02,
  ACCESS3_MODIFY: 0x04,
  ACCESS3_EXTEND: 0x08,
  ACCESS3_DELETE: 0x10,
  ACCESS3_EXECUTE: 0x20,
} as const;

/** RFC 1813 §3.3.19. */
export const fsinfoProperties = {
  FSF3_LINK: 0x01,
  FSF3_SYMLINK: 0x02,
  FSF3_HOMOGENEOUS: 0x08,
  FSF3_CANSETTIME: 0x10,
} as const;

export const stable_how = enumeration({ UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 });
export type Createhow3 =
  | { readonly mode: 'UNCHECKED'; readonly obj_attributes: Sattr3 }
  | { readonly mode: 'GUARDED'; readonly obj_attributes: Sattr3 }
  | { readonly mode: 'EXCLUSIVE'; readonly verf: Uint8Array };
export const createhow3: Codec<Createhow3> = union(
  'mode',
  enumeration({ UNCHECKED: 0, GUARDED: 1, EXCLUSIVE: 2 }),
  {
    UNCHECKED: struct({ obj_attributes: sattr3 }),
    GUARDED: struct({ obj_attributes: sattr3 }),
    EXCLUSIVE: struct({ verf: createverf3 }),
  },
);

export interface Symlinkdata3 {
  readonly symlink_attributes: Sattr3;
  readonly symlink_data: Uint8Array;
}
export const symlinkdata3: Codec<Symlinkdata3> = struct({
  symlink_attributes: sattr3,
  symlink_data: nfspath3,
});

const devicedata3 = struct({ dev_attributes: sattr3, spec: specdata3 });
const pipedata3 = struct({ pipe_attributes: sattr3 });
export type Mknoddata3 =
  | { readonly type: 'NF3CHR'; readonly dev_attributes: Sattr3; readonly spec: Specdata3 }
  | { readonly type: 'NF3BLK'; readonly dev_attributes: Sattr3; readonly spec: Specdata3 }
  | { readonly type: 'NF3SOCK'; readonly pipe_attributes: Sattr3 }
  | { readonly type: 'NF3FIFO'; readonly pipe_attributes: Sattr3 }
  | { readonly type: 'NF3REG' }
  | { readonly type: 'NF3DIR' }
  | { readonly type: 'NF3LNK' };
/** RFC 1813 §3.3.11. The arms that MKNOD cannot make are empty; the backend answers NFS3ERR_BADTYPE. */
export const mknoddata3: Codec<Mknoddata3> = union('type', ftype3, {
  NF3CHR: devicedata3,
  NF3BLK: devicedata3,
  NF3SOCK: pipedata3,
  NF3FIFO: pipedata3,
  NF3REG: nothing,
  NF3DIR: nothing,
  NF3LNK: nothing,
});
export interface Entry3 {
  readonly fileid: number;
  readonly name: Uint8Array;
  readonly cookie: number;
}
export const entry3: Codec<Entry3> = struct({ fileid: u64, name: filename3, cookie: u64 });
export interface Entryplus3 extends Entry3 {
  readonly name_attributes: Fattr3 | undefined;
  readonly name_handle: Uint8Array | undefined;
}
export const entryplus3: Codec<Entryplus3> = struct({
  fileid: u64,
  name: filename3,
  cookie: u64,
  name_attributes: post_op_attr,
  name_handle: post_op_fh3,
});

export interface Dirlist<Entry> {
  readonly entries: readonly Entry[];
  readonly eof: boolean;
}
export const dirlist3: Codec<Dirlist<Entry3>> = struct({ entries: list(entry3), eof: bool });
export const dirlistplus3: Codec<Dirlist<Entryplus3>> = struct({ entries: list(entryplus3), eof: bool });

const objectFail = struct({ obj_attributes: post_op_attr });
const dirWcc = struct({ dir_wcc: wcc_data });
const fileWcc = struct({ file_wcc: wcc_data });
const renameWcc = struct({ fromdir_wcc: wcc_data, todir_wcc: wcc_data });
const linkResult = struct({ file_attributes: post_op_attr, linkdir_wcc: wcc_data });
const created = struct({ obj: post_op_fh3, obj_attributes: post_op_attr, dir_wcc: wcc_data });
const dirFail = struct({ dir_attributes: post_op_attr });
const noObject = { obj_attributes: undefined };
const noDir = { dir_attributes: undefined };
const noDirWcc = { dir_wcc: noWcc };

export interface Procedure<Args, Ok, Fail> {
  readonly number: number;
  /** Safe to run twice? If not, the reply goes into the duplicate-request cache (RFC 1813 §4.5). */
  readonly isIdempotent: boolean;
  /**
   * What to answer when an argument is a hyper above 2^53-1, which this library cannot hand on. 'clamp': the backend sees
   * 2^53-1, behind which no file has a byte: READ finds the end, COMMIT covers all.
   */
  readonly hyperTooLarge: Nfsstat3Failure | 'clamp';
  /** The argument that says how many bytes of content or entries the caller asks for. The backend sees at most `transferBytesMax`. */
  readonly countIn: 'count' | 'maxcount' | undefined;
  /** What else a reply may hold, where that is more than a few hundred bytes. */
  readonly replyBytes: number;
  readonly args: Codec<Args>;
  readonly resok: Codec<Ok>;
  readonly resfail: Codec<Fail>;
  /** The resfail of a server that has no attributes at hand. */
  readonly failBare: Fail;
}
const procedure = <Args, Ok, Fail>(row: Procedure<Args, Ok, Fail>): Procedure<Args, Ok, Fail> => row;
const short = { countIn: undefined, replyBytes: 0 } as const;
const asks = { isIdempotent: true, hyperTooLarge: 'NFS3ERR_INVAL', ...short } as const;
const changes = { isIdempotent: false, hyperTooLarge: 'NFS3ERR_INVAL', ...short } as const;

/** RFC 1813 §3.3. Dispatch, metrics, tracing and the fuzzers iterate over this table. */
export const procedures = {
  /** Answered by the RPC layer, for every program. */
  NULL: procedure({
    number: 0,
    ...asks,
    args: nothing,
    resok: nothing,
    resfail: nothing,
    failBare: {},
  }),
  GETATTR: procedure({
    number: 1,
    ...asks,
    args: struct({ object: nfs_fh3 }),
    resok: struct({ obj_attributes: fattr3 }),
    resfail: nothing,
    failBare: {},
  }),
  SETATTR: procedure({
    number: 2,
    ...changes,
    args: struct({ object: nfs_fh3, new_attributes: sattr3, guard: optional(nfstime3) }),
    resok: struct({ obj_wcc: wcc_data }),
    resfail: struct({ obj_wcc: wcc_data }),
    failBare: { obj_wcc: noWcc },
  }),
  LOOKUP: procedure({
    number: 3,
    ...asks,
    args: struct({ what: diropargs3 }),
    resok: struct({ object: nfs_fh3, obj_attributes: post_op_attr, dir_attributes: post_op_attr }),
    resfail: dirFail,
    failBare: noDir,
  }),
  ACCESS: procedure({
    number: 4,
    ...asks,
    args: struct({ object: nfs_fh3, access: u32 }),
    resok: struct({ obj_attributes: post_op_attr, access: u32 }),
    resfail: objectFail,
    failBare: noObject,
  }),
  READLINK: procedure({
    number: 5,
    ...asks,
    replyBytes: nameBytesMax,
    args: struct({ symlink: nfs_fh3 }),
    resok: struct({ symlink_attributes: post_op_attr, data: nfspath3 }),
    resfail: struct({ symlink_attributes: post_op_attr }),
    failBare: { symlink_attributes: undefined },
  }),
  READ: procedure({
    number: 6,
    isIdempotent: true,
    hyperTooLarge: 'clamp',
    countIn: 'count',
    replyBytes: 0,
    args: struct({ file: nfs_fh3, offset: u64, count: u32 }),
    resok: struct({ file_attributes: post_op_attr, count: u32, eof: bool, data: pieces }),
    resfail: struct({ file_attributes: post_op_attr }),
    failBare: { file_attributes: undefined },
  }),
  WRITE: procedure({
    number: 7,
    isIdempotent: false,
    hyperTooLarge: 'NFS3ERR_FBIG',
    ...short,
    args: struct({ file: nfs_fh3, offset: u64, count: u32, stable: stable_how, data: opaque(0xffff_ffff) }),
    resok: struct({ file_wcc: wcc_data, count: u32, committed: stable_how, verf: writeverf3 }),
    resfail: fileWcc,
    failBare: { file_wcc: noWcc },
  }),
  CREATE: procedure({
    number: 8,
    ...changes,
    args: struct({ where: diropargs3, how: createhow3 }),
    resok: created,
    resfail: dirWcc,
    failBare: noDirWcc,
  }),
  MKDIR: procedure({
    number: 9,
    ...changes,
    args: struct({ where: diropargs3, attributes: sattr3 }),
    resok: created,
    resfail: dirWcc,
    failBare: noDirWcc,
  }),
  SYMLINK: procedure({
    number: 10,
    ...changes,
    args: struct({
      where: diropargs3,
      symlink: symlinkdata3,
    }),
    resok: created,
    resfail: dirWcc,
    failBare: noDirWcc,
  }),
  MKNOD: procedure({
    number: 11,
    ...changes,
    args: struct({ where: diropargs3, what: mknoddata3 }),
    resok: created,
    resfail: dirWcc,
    failBare: noDirWcc,
  }),
  REMOVE: procedure({
    number: 12,
    ...changes,
    args: struct({ object: diropargs3 }),
    resok: dirWcc,
    resfail: dirWcc,
    failBare: noDirWcc,
  }),
  RMDIR: procedure({
    number: 13,
    ...changes,
    args: struct({ object: diropargs3 }),
    resok: dirWcc,
    resfail: dirWcc,
    failBare: noDirWcc,
  }),
  RENAME: procedure({
    number: 14,
    ...changes,
    args: struct({ from: diropargs3, to: diropargs3 }),
    resok: renameWcc,
    resfail: renameWcc,
    failBare: { fromdir_wcc: noWcc, todir_wcc: noWcc },
  }),
  LINK: procedure({
    number: 15,
    ...changes,
    args: struct({ file: nfs_fh3, link: diropargs3 }),
    resok: linkResult,
    resfail: linkResult,
    failBare: { file_attributes: undefined, linkdir_wcc: noWcc },
  }),
  READDIR: procedure({
    number: 16,
    isIdempotent: true,
    hyperTooLarge: 'NFS3ERR_BAD_COOKIE',
    countIn: 'count',
    replyBytes: 0,
    args: struct({ dir: nfs_fh3, cookie: u64, cookieverf: cookieverf3, count: u32 }),
    resok: struct({
      dir_attributes: post_op_attr,
      cookieverf: cookieverf3,
      reply: dirlist3,
    }),
    resfail: dirFail,
    failBare: noDir,
  }),
  READDIRPLUS: procedure({
    number: 17,
    isIdempotent: true,
    hyperTooLarge: 'NFS3ERR_BAD_COOKIE',
    countIn: 'maxcount',
    replyBytes: 0,
    args: struct({ dir: nfs_fh3, cookie: u64, cookieverf: cookieverf3, dircount: u32, maxcount: u32 }),
    resok: struct({
      dir_attributes: post_op_attr,
      cookieverf: cookieverf3,
      reply: dirlistplus3,
    }),
    resfail: dirFail,
    failBare: noDir,
  }),
  FSSTAT: procedure({
    number: 18,
    ...asks,
    args: struct({ fsroot: nfs_fh3 }),
    resok: struct({
      obj_attributes: post_op_attr,
      tbytes: u64,
      fbytes: u64,
      abytes: u64,
      tfiles: u64,
      ffiles: u64,
      afiles: u64,
      invarsec: u32,
    }),
    resfail: objectFail,
    failBare: noObject,
  }),
  FSINFO: procedure({
    number: 19,
    ...asks,
    args: struct({ fsroot: nfs_fh3 }),
    resok: struct({
      obj_attributes: post_op_attr,
      rtmax: u32,
      rtpref: u32,
      rtmult: u32,
      wtmax: u32,
      wtpref: u32,
      wtmult: u32,
      dtpref: u32,
      maxfilesize: u64,
      time_delta: nfstime3,
      properties: u32,
    }),
    resfail: objectFail,
    failBare: noObject,
  }),
  PATHCONF: procedure({
    number: 20,
    ...asks,
    args: struct({ object: nfs_fh3 }),
    resok: struct({
      obj_attributes: post_op_attr,
      linkmax: u32,
      name_max: u32,
      no_trunc: bool,
      chown_restricted: bool,
      case_insensitive: bool,
      case_preserving: bool,
    }),
    resfail: objectFail,
    failBare: noObject,
  }),
  COMMIT: procedure({
    number: 21,
    isIdempotent: true,
    hyperTooLarge: 'clamp',
    ...short,
    args: struct({ file: nfs_fh3, offset: u64, count: u32 }),
    resok: struct({ file_wcc: wcc_data, verf: writeverf3 }),
    resfail: fileWcc,
    failBare: { file_wcc: noWcc },
  }),
} as const;

export type ProcedureName = keyof typeof procedures;
/** What a backend implements: all but NULL. */
export type BackendProcedureName = Exclude<ProcedureName, 'NULL'>;
export type ArgsOf<Name extends ProcedureName> = Decoded<(typeof procedures)[Name]['args']>;
export type OkOf<Name extends ProcedureName> = Decoded<(typeof procedures)[Name]['resok']>;
export type FailOf<Name extends ProcedureName> = Decoded<(typeof procedures)[Name]['resfail']>;

export type Reply<Ok, Fail> =
  | {
      readonly status: 'NFS3_OK';
      readonly ok: Ok;
      /**
       * Of an idempotent procedure: called when its byte strings are sent, so that their memory may be used again. Never
       * called where the connection breaks first.
       */
      readonly whenSent?: (() => void) | undefined;
    }
  | { readonly status: Nfsstat3Failure; readonly fail: Fail };
export type ReplyOf<Name extends ProcedureName> = Reply<OkOf<Name>, FailOf<Name>>;

/**
 * What a program must supply to be served over NFSv3: one function per procedure, typed from the table.
 * A function that rejects makes the call end in SYSTEM_ERR and is logged: expected failures are statuses. Byte strings in `args`
 * are views of what was received and stay unchanged; byte strings in a reply must stay unchanged until it was sent.
 */
export type Nfs3Program = {
  readonly [Name in BackendProcedureName]: (call: CallContext, args: ArgsOf<Name>) => Promise<ReplyOf<Name>>;
};
