import { access3, fsinfoProperties } from './nfs3.ts';
import type { ArgsOf, BackendProcedureName, OkOf } from './nfs3.ts';
import type { Diropargs3, Sattr3 } from './attributes.ts';
import type { Backend } from './tcp.ts';
import { systemClock, type Clock } from './environment.ts';
import type { MountResult } from './mount3.ts';
import {
  checkCookie,
  checkName,
  checkNewName,
  cookieVerifier,
  isDotDot,
  pathconf,
  targetBytesMax,
  transferBytesMax,
} from './posix-answers.ts';
import { fitReaddir, fitReaddirplus } from './readdir.ts';
import { answering, Refused, refuseIf, type PlainProgram } from './refused.ts';
import { attributesOf, MemoryTree, nameKey, wccBefore, wccOf, type MemoryNode } from './memory-tree.ts';
import type { CallContext } from './rpc.ts';

const handleBytes = 8;
/** All content is in memory: one buffer cannot be much larger. */
const fileBytesMax = 1_073_741_824;
const bytesTotal = 1_099_511_627_776;
const allAccess = Object.values(access3).reduce((bits, bit) => bits | bit, 0);
/** Nothing survives the process, and nothing is lost before: one verifier for its life is right (RFC 1813 §3.3.7). */
const writeVerifier = new Uint8Array(8);

/**
 * A tree in memory that anyone may change: it checks no permission and bounds nothing, and is gone with the process.
 * For tests, for trying a client, and to show what a backend looks like.
 */
export function memoryBackend({ clock = systemClock }: { clock?: Clock } = {}): Backend {
  const tree = new MemoryTree(clock);
  return {
    nfs: answering({
      ...onAttributes(tree),
      ...onContent(tree),
      ...onNew(tree),
      ...onNames(tree),
      ...onLists(tree),
    }),
    mounts: {
      mount: (_call, path) => Promise.resolve(mount(tree, path)),
      exports: () => Promise.resolve([{ ex_dir: Buffer.from('/'), ex_groups: [] }]),
    },
  };
}

function mount(tree: MemoryTree, path: Uint8Array): MountResult {
  let node: MemoryNode | undefined = tree.root;
  for (const name of nameKey(path).split('/')) {
    if (name !== '' && node !== undefined) node = tree.find(node, Buffer.from(name, 'latin1'));
  }
  if (node === undefined) return { status: 'MNT3ERR_NOENT' };
  if (node.type !== 'NF3DIR') return { status: 'MNT3ERR_NOTDIR' };
  return { status: 'MNT3_OK', ok: { fhandle: handleOf(node), auth_flavors: [1, 0] } };
}

function handleOf(node: MemoryNode): Uint8Array {
  const handle = Buffer.alloc(handleBytes);
  handle.writeDoubleBE(node.id);
  return handle;
}

function nodeOf(tree: MemoryTree, handle: Uint8Array): MemoryNode {
  refuseIf(handle.length !== handleBytes, 'NFS3ERR_BADHANDLE');
  const node = tree.node(Buffer.from(handle.buffer, handle.byteOffset, handle.length).readDoubleBE());
  if (node === undefined) throw new Refused('NFS3ERR_STALE');
  return node;
}

function directoryOf(tree: MemoryTree, handle: Uint8Array): MemoryNode {
  const node = nodeOf(tree, handle);
  refuseIf(node.type !== 'NF3DIR', 'NFS3ERR_NOTDIR');
  return node;
}

function regularOf(tree: MemoryTree, handle: Uint8Array): MemoryNode {
  const node = nodeOf(tree, handle);
  refuseIf(node.type === 'NF3DIR', 'NFS3ERR_ISDIR');
  refuseIf(node.type !== 'NF3REG', 'NFS3ERR_INVAL');
  return node;
}

interface Place {
  readonly directory: MemoryNode;
  readonly name: Uint8Array;
}

/** Where a name may be made; that `.` and `..` are there already shows then. */
function newPlaceOf(tree: MemoryTree, { dir, name }: Diropargs3): Place {
  const directory = directoryOf(tree, dir);
  checkName(name);
  return { directory, name };
}

/** Where a name may be removed or renamed: `.` and `..` may not. */
function placeOf(tree: MemoryTree, { dir, name }: Diropargs3): Place {
  const directory = directoryOf(tree, dir);
  checkNewName(name);
  return { directory, name };
}

function existing(tree: MemoryTree, directory: MemoryNode, name: Uint8Array): MemoryNode {
  checkName(name);
  const node = tree.find(directory, name);
  if (node === undefined) throw new Refused('NFS3ERR_NOENT');
  return node;
}

function setAttributes(tree: MemoryTree, node: MemoryNode, wish: Sattr3): void {
  if (wish.size !== undefined) {
    refuseIf(node.type === 'NF3DIR', 'NFS3ERR_ISDIR');
    refuseIf(node.type !== 'NF3REG', 'NFS3ERR_INVAL');
    refuseIf(wish.size > fileBytesMax, 'NFS3ERR_NOSPC');
  }
  tree.setAttributes(node, wish);
}

type Part<Name extends BackendProcedureName> = Pick<PlainProgram, Name>;

const onAttributes = (
  tree: MemoryTree,
): Part<'GETATTR' | 'SETATTR' | 'ACCESS' | 'FSSTAT' | 'FSINFO' | 'PATHCONF'> => ({
  GETATTR: (_call, { object }) => ({ obj_attributes: attributesOf(nodeOf(tree, object)) }),
  SETATTR(_call, { object, new_attributes, guard }) {
    const node = nodeOf(tree, object);
    const { seconds, nseconds } = node.ctime;
    const isGuarded = guard !== undefined && (guard.seconds !== seconds || guard.nseconds !== nseconds);
    refuseIf(isGuarded, 'NFS3ERR_NOT_SYNC');
    const before = wccBefore(node);
    setAttributes(tree, node, new_attributes);
    node.verifier = undefined;
    return { obj_wcc: wccOf(before, node) };
  },
  ACCESS: (_call, { object, access }) => ({
    obj_attributes: attributesOf(nodeOf(tree, object)),
    access: access & allAccess,
  }),
  FSSTAT: (_call, { fsroot }) => ({
    obj_attributes: attributesOf(nodeOf(tree, fsroot)),
    ...{ tbytes: bytesTotal, fbytes: bytesTotal, abytes: bytesTotal },
    ...{ tfiles: 1e9, ffiles: 1e9 - tree.nodeCount, afiles: 1e9 - tree.nodeCount },
    invarsec: 0,
  }),
  FSINFO: (_call, { fsroot }) => ({
    obj_attributes: attributesOf(nodeOf(tree, fsroot)),
    ...{ rtmax: transferBytesMax, rtpref: transferBytesMax, rtmult: 4096 },
    ...{ wtmax: transferBytesMax, wtpref: transferBytesMax, wtmult: 4096 },
    dtpref: 65_536,
    maxfilesize: fileBytesMax,
    time_delta: { seconds: 0, nseconds: 1 },
    properties: Object.values(fsinfoProperties).reduce((bits, bit) => bits | bit, 0),
  }),
  PATHCONF: (_call, { object }) => ({
    obj_attributes: attributesOf(nodeOf(tree, object)),
    ...pathconf,
    // Anyone may do anything here.
    chown_restricted: false,
  }),
});

const onContent = (tree: MemoryTree): Part<'READ' | 'WRITE' | 'COMMIT' | 'READLINK'> => ({
  READ(_call, { file, offset, count }) {
    const node = regularOf(tree, file);
    const data = tree.read(node, offset, Math.min(count, transferBytesMax));
    const eof = offset + data.length >= node.size;
    return { file_attributes: attributesOf(node), count: data.length, eof, data: [data] };
  },
  WRITE(_call, { file, offset, count, data }) {
    const node = regularOf(tree, file);
    refuseIf(count !== data.length, 'NFS3ERR_INVAL');
    refuseIf(offset + count > fileBytesMax, 'NFS3ERR_FBIG');
    const before = wccBefore(node);
    tree.write(node, offset, data);
    return { file_wcc: wccOf(before, node), count, committed: 'FILE_SYNC', verf: writeVerifier };
  },
  COMMIT(_call, { file }) {
    const node = regularOf(tree, file);
    return { file_wcc: wccOf(wccBefore(node), node), verf: writeVerifier };
  },
  READLINK(_call, { symlink }) {
    const node = nodeOf(tree, symlink);
    refuseIf(node.type !== 'NF3LNK', 'NFS3ERR_INVAL');
    return { symlink_attributes: attributesOf(node), data: node.target };
  },
});

type Making = Pick<MemoryNode, 'type'> & Partial<Pick<MemoryNode, 'target' | 'rdev'>>;

/** Makes a node at a name that must be free; the answer of CREATE, MKDIR, SYMLINK and MKNOD. */
function makeAt(
  tree: MemoryTree,
  call: CallContext,
  { at, making, wish }: { at: Diropargs3; making: Making; wish: Sattr3 | undefined },
): { node: MemoryNode; ok: OkOf<'CREATE'> } {
  const { directory, name } = newPlaceOf(tree, at);
  refuseIf(tree.find(directory, name) !== undefined, 'NFS3ERR_EXIST');
  refuseIf((making.target?.length ?? 0) > targetBytesMax, 'NFS3ERR_NAMETOOLONG');
  const before = wccBefore(directory);
  const node = tree.make(making.type, call, making);
  tree.attach(directory, name, node);
  if (wish !== undefined) setAttributes(tree, node, wish);
  return { node, ok: madeOk(node, wccOf(before, directory)) };
}

const madeOk = (node: MemoryNode, dir_wcc: OkOf<'CREATE'>['dir_wcc']): OkOf<'CREATE'> => ({
  obj: handleOf(node),
  obj_attributes: attributesOf(node),
  dir_wcc,
});

const onNew = (tree: MemoryTree): Part<'CREATE' | 'MKDIR' | 'SYMLINK' | 'MKNOD'> => ({
  CREATE(call, { where, how }) {
    const { directory, name } = newPlaceOf(tree, where);
    const present = tree.find(directory, name);
    const wish = how.mode === 'EXCLUSIVE' ? undefined : how.obj_attributes;
    if (present === undefined) {
      const { node, ok } = makeAt(tree, call, { at: where, making: { type: 'NF3REG' }, wish });
      if (how.mode === 'EXCLUSIVE') node.verifier = Uint8Array.from(how.verf);
      return ok;
    }
    const isRetry =
      how.mode === 'EXCLUSIVE' && present.verifier?.every((byte, index) => byte === how.verf[index]);
    refuseIf(how.mode !== 'UNCHECKED' && isRetry !== true, 'NFS3ERR_EXIST');
    refuseIf(present.type !== 'NF3REG', 'NFS3ERR_EXIST');
    if (wish?.size !== undefined) setAttributes(tree, present, wish);
    return madeOk(present, wccOf(wccBefore(directory), directory));
  },
  MKDIR: (call, { where, attributes }) =>
    makeAt(tree, call, { at: where, making: { type: 'NF3DIR' }, wish: { ...attributes, size: undefined } })
      .ok,
  SYMLINK(call, { where, symlink: { symlink_attributes, symlink_data } }) {
    const making: Making = { type: 'NF3LNK', target: Uint8Array.from(symlink_data) };
    return makeAt(tree, call, { at: where, making, wish: { ...symlink_attributes, size: undefined } }).ok;
  },
  MKNOD(call, { where, what }) {
    if (what.type === 'NF3CHR' || what.type === 'NF3BLK') {
      const making: Making = { type: what.type, rdev: what.spec };
      return makeAt(tree, call, { at: where, making, wish: { ...what.dev_attributes, size: undefined } }).ok;
    }
    if (what.type !== 'NF3SOCK' && what.type !== 'NF3FIFO') throw new Refused('NFS3ERR_BADTYPE');
    const wish = { ...what.pipe_attributes, size: undefined };
    return makeAt(tree, call, { at: where, making: { type: what.type }, wish }).ok;
  },
});

const onNames = (tree: MemoryTree): Part<'LOOKUP' | 'REMOVE' | 'RMDIR' | 'RENAME' | 'LINK'> => ({
  LOOKUP(_call, { what }) {
    const directory = directoryOf(tree, what.dir);
    const node = existing(tree, directory, what.name);
    return {
      object: handleOf(node),
      obj_attributes: attributesOf(node),
      dir_attributes: attributesOf(directory),
    };
  },
  REMOVE(_call, { object }) {
    const { directory, name } = placeOf(tree, object);
    refuseIf(existing(tree, directory, name).type === 'NF3DIR', 'NFS3ERR_ISDIR');
    const before = wccBefore(directory);
    tree.detach(directory, name);
    return { dir_wcc: wccOf(before, directory) };
  },
  RMDIR(_call, { object }) {
    // RFC 1813 §3.3.13: `..` is not empty, as the directory itself is in it.
    refuseIf(isDotDot(object.name), 'NFS3ERR_EXIST');
    const { directory, name } = placeOf(tree, object);
    const node = existing(tree, directory, name);
    refuseIf(node.type !== 'NF3DIR', 'NFS3ERR_NOTDIR');
    refuseIf(node.entries.size > 0, 'NFS3ERR_NOTEMPTY');
    const before = wccBefore(directory);
    tree.detach(directory, name);
    return { dir_wcc: wccOf(before, directory) };
  },
  RENAME: (_call, args) => rename(tree, args),
  LINK(_call, { file, link }) {
    const node = nodeOf(tree, file);
    refuseIf(node.type === 'NF3DIR', 'NFS3ERR_INVAL');
    const { directory, name } = newPlaceOf(tree, link);
    refuseIf(tree.find(directory, name) !== undefined, 'NFS3ERR_EXIST');
    const before = wccBefore(directory);
    tree.attach(directory, name, node);
    return { file_attributes: attributesOf(node), linkdir_wcc: wccOf(before, directory) };
  },
});

/** RFC 1813 §3.3.14: what is at the new name is replaced when both are directories, or neither is. */
function rename(tree: MemoryTree, args: ArgsOf<'RENAME'>): OkOf<'RENAME'> {
  const from = placeOf(tree, args.from);
  const to = placeOf(tree, args.to);
  const node = existing(tree, from.directory, from.name);
  const replaced = tree.find(to.directory, to.name);
  for (let above: MemoryNode | undefined = to.directory; above !== undefined; above = above.parent) {
    refuseIf(above === node, 'NFS3ERR_INVAL');
  }
  const before = [wccBefore(from.directory), wccBefore(to.directory)] as const;
  if (replaced !== node) {
    if (replaced !== undefined) {
      refuseIf((replaced.type === 'NF3DIR') !== (node.type === 'NF3DIR'), 'NFS3ERR_EXIST');
      refuseIf(replaced.entries.size > 0, 'NFS3ERR_NOTEMPTY');
      tree.detach(to.directory, to.name);
    }
    tree.move(from, to);
  }
  return { fromdir_wcc: wccOf(before[0], from.directory), todir_wcc: wccOf(before[1], to.directory) };
}

interface Listed {
  readonly name: Uint8Array;
  readonly node: MemoryNode;
  readonly cookie: number;
}

/** Everything behind a cookie, `.` and `..` first. */
function listed(directory: MemoryNode, after: number): Listed[] {
  const dots: Listed[] = [
    { name: Buffer.from('.'), node: directory, cookie: 1 },
    { name: Buffer.from('..'), node: directory.parent ?? directory, cookie: 2 },
  ];
  return [...dots, ...directory.entries.values()].filter(({ cookie }) => cookie > after);
}

const onLists = (tree: MemoryTree): Part<'READDIR' | 'READDIRPLUS'> => ({
  READDIR(_call, { dir, cookie, cookieverf, count }) {
    checkCookie(cookie, cookieverf);
    const directory = directoryOf(tree, dir);
    const all = listed(directory, cookie);
    const fitting = fitReaddir(all, { count: Math.min(count, transferBytesMax) });
    refuseIf(fitting === 0 && all.length > 0, 'NFS3ERR_TOOSMALL');
    const entries = all.slice(0, fitting).map((entry) => ({
      fileid: entry.node.id,
      name: entry.name,
      cookie: entry.cookie,
    }));
    const reply = { entries, eof: fitting === all.length };
    return { dir_attributes: attributesOf(directory), cookieverf: cookieVerifier, reply };
  },
  READDIRPLUS(_call, { dir, cookie, cookieverf, dircount, maxcount }) {
    checkCookie(cookie, cookieverf);
    const directory = directoryOf(tree, dir);
    const all = listed(directory, cookie);
    const budget = { dircount, maxcount: Math.min(maxcount, transferBytesMax), handleLength: handleBytes };
    const fitting = fitReaddirplus(all, budget);
    refuseIf(fitting === 0 && all.length > 0, 'NFS3ERR_TOOSMALL');
    const entries = all.slice(0, fitting).map((entry) => ({
      fileid: entry.node.id,
      name: entry.name,
      cookie: entry.cookie,
      name_attributes: attributesOf(entry.node),
      name_handle: handleOf(entry.node),
    }));
    const reply = { entries, eof: fitting === all.length };
    return { dir_attributes: attributesOf(directory), cookieverf: cookieVerifier, reply };
  },
});
