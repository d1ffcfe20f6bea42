import type { Diropargs3 } from 'nfs-server-ts/attributes';
import type { ArgsOf, OkOf } from 'nfs-server-ts/nfs3';
import type { CallContext } from 'nfs-server-ts/rpc';
import type { Caller, Ino, PosixName } from '../../namespace/namespace.ts';
import type { AttributeWish, Created, CreateMode, SpecialFile } from '../../namespace/file-tree.ts';
import { wishOf } from './attributes.ts';
import type { Door, Rows } from './door.ts';
import { Refused } from './errors.ts';

interface Place {
  readonly caller: Caller;
  readonly directory: Ino;
  readonly name: PosixName;
}

async function placeToChange(door: Door, call: CallContext, { dir, name }: Diropargs3): Promise<Place> {
  const { ino, caller } = await door.enterToChange(call, dir);
  return { caller, directory: ino, name };
}

const createdOk = (door: Door, { directory, attributes }: Created): OkOf<'CREATE'> => ({
  obj: door.seal(attributes),
  obj_attributes: door.fattr3(attributes),
  dir_wcc: door.wcc(directory),
});

const dirWcc = (after: OkOf<'REMOVE'>['dir_wcc']['after']): OkOf<'REMOVE'> => ({
  dir_wcc: { before: undefined, after },
});

function createModeOf(how: ArgsOf<'CREATE'>['how']): { mode: CreateMode; wish: AttributeWish } {
  if (how.mode === 'EXCLUSIVE') return { mode: { how: 'exclusive', verifier: how.verf }, wish: {} };
  const wish = wishOf(how.obj_attributes);
  return { mode: { how: how.mode === 'GUARDED' ? 'guarded' : 'unchecked' }, wish };
}

/** RFC 1813 §3.3.11: MKNOD makes devices, sockets and FIFOs; anything else is BADTYPE. */
function specialOf(what: ArgsOf<'MKNOD'>['what']): { special: SpecialFile; wish: AttributeWish } {
  switch (what.type) {
    case 'NF3CHR':
    case 'NF3BLK': {
      const device = { major: what.spec.specdata1, minor: what.spec.specdata2 };
      const kind = what.type === 'NF3CHR' ? 'character' : 'block';
      return { special: { kind, device }, wish: wishOf(what.dev_attributes) };
    }
    case 'NF3SOCK':
      return { special: { kind: 'socket' }, wish: wishOf(what.pipe_attributes) };
    case 'NF3FIFO':
      return { special: { kind: 'fifo' }, wish: wishOf(what.pipe_attributes) };
    case 'NF3REG':
    case 'NF3DIR':
    case 'NF3LNK':
      throw new Refused('NFS3ERR_BADTYPE');
  }
}

/** The procedures that make something under a name. */
export const makingRows: Rows<'CREATE' | 'MKDIR' | 'SYMLINK' | 'MKNOD'> = {
  CREATE: {
    subject: ({ where }) => where.dir,
    fail: dirWcc,
    async run(door, call, { where, how }) {
      const { caller, directory, name } = await placeToChange(door, call, where);
      const { mode, wish } = createModeOf(how);
      return createdOk(door, await door.files.create(caller, { directory, name }, { mode, wish }));
    },
  },
  MKDIR: {
    subject: ({ where }) => where.dir,
    fail: dirWcc,
    async run(door, call, { where, attributes }) {
      const { caller, directory, name } = await placeToChange(door, call, where);
      return createdOk(door, await door.files.makeDirectory(caller, { directory, name }, wishOf(attributes)));
    },
  },
  SYMLINK: {
    subject: ({ where }) => where.dir,
    fail: dirWcc,
    async run(door, call, { where, symlink: { symlink_attributes, symlink_data } }) {
      const { caller, directory, name } = await placeToChange(door, call, where);
      const special: SpecialFile = { kind: 'symlink', target: symlink_data };
      const wish = wishOf(symlink_attributes);
      return createdOk(door, await door.files.makeSpecial(caller, { directory, name }, { special, wish }));
    },
  },
  MKNOD: {
    subject: ({ where }) => where.dir,
    fail: dirWcc,
    async run(door, call, { where, what }) {
      const { caller, directory, name } = await placeToChange(door, call, where);
      const { special, wish } = specialOf(what);
      return createdOk(door, await door.files.makeSpecial(caller, { directory, name }, { special, wish }));
    },
  },
};

/** The procedures that find, move and remove names. */
export const nameRows: Rows<'LOOKUP' | 'REMOVE' | 'RMDIR' | 'RENAME' | 'LINK'> = {
  LOOKUP: {
    subject: ({ what }) => what.dir,
    fail: (after) => ({ dir_attributes: after }),
    async run(door, call, { what }) {
      const { ino, caller } = await door.enter(call, what.dir);
      const { attributes, directory } = await door.files.lookup(caller, { directory: ino, name: what.name });
      return {
        object: door.seal(attributes),
        obj_attributes: door.fattr3(attributes),
        dir_attributes: door.fattr3(directory),
      };
    },
  },
  REMOVE: {
    subject: ({ object }) => object.dir,
    fail: dirWcc,
    async run(door, call, { object }) {
      const { caller, directory, name } = await placeToChange(door, call, object);
      return { dir_wcc: door.wcc(await door.files.remove(caller, { directory, name })) };
    },
  },
  RMDIR: {
    subject: ({ object }) => object.dir,
    fail: dirWcc,
    async run(door, call, { object }) {
      const { caller, directory, name } = await placeToChange(door, call, object);
      return { dir_wcc: door.wcc(await door.files.removeDirectory(caller, { directory, name })) };
    },
  },
  RENAME: {
    subject: ({ from }) => from.dir,
    fail: (after) => ({
      fromdir_wcc: { before: undefined, after },
      todir_wcc: { before: undefined, after: undefined },
    }),
    async run(door, call, args) {
      const from = await placeToChange(door, call, args.from);
      const to = await placeToChange(door, call, args.to);
      const change = await door.files.rename(from.caller, { from, to });
      return { fromdir_wcc: door.wcc(change.from), todir_wcc: door.wcc(change.to) };
    },
  },
  LINK: {
    subject: ({ file }) => file,
    fail: (after) => ({ file_attributes: after, linkdir_wcc: { before: undefined, after: undefined } }),
    async run(door, call, { file, link }) {
      const { ino } = await door.enterToChange(call, file);
      const { caller, directory, name } = await placeToChange(door, call, link);
      const linked = await door.files.link(caller, ino, { directory, name });
      return { file_attributes: door.fattr3(linked.attributes), linkdir_wcc: door.wcc(linked.directory) };
    },
  },
};
