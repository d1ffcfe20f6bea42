import { access3, fsinfoProperties } from 'nfs-server-ts/nfs3';
import {
  FILE_BYTES_MAX,
  LINKS_MAX,
  NFS_READDIR_BYTES_PREFERRED,
  NFS_TRANSFER_BYTES_MAX,
  POSIX_NAME_BYTES_MAX,
} from '../../limits.ts';
import { timeOf, wishOf } from './attributes.ts';
import type { Rows } from './door.ts';

const CHANGING_ACCESS = access3.ACCESS3_MODIFY | access3.ACCESS3_EXTEND | access3.ACCESS3_DELETE;
const TRANSFER_MULTIPLE = 4096;
const { FSF3_LINK, FSF3_SYMLINK, FSF3_HOMOGENEOUS, FSF3_CANSETTIME } = fsinfoProperties;
const PROPERTIES = FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS | FSF3_CANSETTIME;

/** GETATTR, SETATTR, ACCESS, READLINK and what is asked about the file system. */
export const inodeRows: Rows<
  'GETATTR' | 'SETATTR' | 'ACCESS' | 'READLINK' | 'FSSTAT' | 'FSINFO' | 'PATHCONF'
> = {
  GETATTR: {
    subject: ({ object }) => object,
    fail: () => ({}),
    async run(door, call, { object }) {
      const { ino } = await door.enter(call, object);
      return { obj_attributes: door.fattr3(await door.files.attributes(ino)) };
    },
  },
  SETATTR: {
    subject: ({ object }) => object,
    fail: (after) => ({ obj_wcc: { before: undefined, after } }),
    async run(door, call, { object, new_attributes, guard }) {
      const { ino, caller } = await door.enterToChange(call, object);
      const believed = guard === undefined ? undefined : timeOf(guard);
      const wish = wishOf(new_attributes);
      const { files } = door;
      const change = await (believed === undefined
        ? files.setAttributes(caller, ino, { wish })
        : files.setAttributes(caller, ino, { wish, guard: believed }));
      return { obj_wcc: door.wcc(change) };
    },
  },
  ACCESS: {
    subject: ({ object }) => object,
    fail: (after) => ({ obj_attributes: after }),
    async run(door, call, { object, access }) {
      const { ino, caller, isReadOnly } = await door.enter(call, object);
      const wanted = isReadOnly ? access & ~CHANGING_ACCESS : access;
      const { granted, attributes } = await door.files.access(caller, ino, wanted);
      return { obj_attributes: door.fattr3(attributes), access: granted };
    },
  },
  READLINK: {
    subject: ({ symlink }) => symlink,
    fail: (after) => ({ symlink_attributes: after }),
    async run(door, call, { symlink }) {
      const { ino, caller } = await door.enter(call, symlink);
      const { target, attributes } = await door.files.readlink(caller, ino);
      return { symlink_attributes: door.fattr3(attributes), data: target };
    },
  },
  FSSTAT: {
    subject: ({ fsroot }) => fsroot,
    fail: (after) => ({ obj_attributes: after }),
    async run(door, call, { fsroot }) {
      const { ino } = await door.enter(call, fsroot);
      const { bytesTotal, bytesFree, inodesTotal, inodesFree } = await door.files.statistics(ino);
      return {
        obj_attributes: door.fattr3(await door.files.attributes(ino)),
        ...{ tbytes: bytesTotal, fbytes: bytesFree, abytes: bytesFree },
        ...{ tfiles: inodesTotal, ffiles: inodesFree, afiles: inodesFree },
        // It may change at any moment.
        invarsec: 0,
      };
    },
  },
  FSINFO: {
    subject: ({ fsroot }) => fsroot,
    fail: (after) => ({ obj_attributes: after }),
    async run(door, call, { fsroot }) {
      const { ino } = await door.enter(call, fsroot);
      return {
        obj_attributes: door.fattr3(await door.files.attributes(ino)),
        ...{ rtmax: NFS_TRANSFER_BYTES_MAX, rtpref: NFS_TRANSFER_BYTES_MAX, rtmult: TRANSFER_MULTIPLE },
        ...{ wtmax: NFS_TRANSFER_BYTES_MAX, wtpref: NFS_TRANSFER_BYTES_MAX, wtmult: TRANSFER_MULTIPLE },
        dtpref: NFS_READDIR_BYTES_PREFERRED,
        maxfilesize: FILE_BYTES_MAX,
        time_delta: { seconds: 0, nseconds: 1 },
        properties: PROPERTIES,
      };
    },
  },
  PATHCONF: {
    subject: ({ object }) => object,
    fail: (after) => ({ obj_attributes: after }),
    async run(door, call, { object }) {
      const { ino } = await door.enter(call, object);
      return {
        obj_attributes: door.fattr3(await door.files.attributes(ino)),
        linkmax: LINKS_MAX,
        name_max: POSIX_NAME_BYTES_MAX,
        no_trunc: true,
        chown_restricted: true,
        case_insensitive: false,
        case_preserving: true,
      };
    },
  },
};
