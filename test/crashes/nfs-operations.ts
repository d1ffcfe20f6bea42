import type { Diropargs3 } from 'nfs-server-ts/attributes';
import { unchanged } from 'nfs-server-ts/test/support/client';
import { Cut, WrongAnswer, type Stable } from './doors.ts';
import { read } from './look.ts';
import {
  aDirectory,
  aFile,
  aName,
  choose,
  fileBytesMax,
  freeDirectory,
  freePlace,
  parentOf,
  places,
  type Hands,
  type Operation,
  type Step,
} from './step.ts';
import {
  changed,
  renamed,
  visible,
  withEntry,
  without,
  written,
  type FileNode,
  type LooseWrite,
  type Tree,
  type TreeNode,
} from './tree.ts';

const modes = [0o600, 0o640, 0o644, 0o755] as const;
const pipelinedWritesMax = 4;
/** Of one WRITE, as FSINFO says; and of one of several that are one after the other. */
const callBytesMax = 1 << 20;
const pieceBytes = 256 << 10;
const nothing = new Uint8Array(0);

const where = async (hands: Hands, path: string): Promise<Diropargs3> => {
  const { parent, name } = parentOf(path);
  return { dir: await hands.handle(parent), name };
};

const create: Operation = (hands) => {
  const path = freePlace(hands);
  if (path === undefined) return undefined;
  const mode = choose(hands.random, modes) ?? 0o644;
  const node: FileNode = { kind: 'file', id: hands.newId(), durable: nothing, loose: [] };
  const attributes = { ...unchanged, mode };
  const isExclusive = hands.random.below(4) === 0;
  const how = isExclusive
    ? ({ mode: 'EXCLUSIVE', verf: hands.random.bytes(8) } as const)
    : ({ mode: hands.random.below(2) === 0 ? 'GUARDED' : 'UNCHECKED', obj_attributes: attributes } as const);
  return {
    name: 'create',
    after: withEntry(hands.tree, path, isExclusive ? node : { ...node, mode }),
    async run() {
      const { obj } = await hands.doors.nfs.ok('CREATE', { where: await where(hands, path), how });
      hands.learn(node, obj);
      return undefined;
    },
  };
};

const createAgain: Operation = (hands) => {
  const path = aName(hands);
  if (path === undefined) return undefined;
  const how = { mode: 'GUARDED', obj_attributes: unchanged } as const;
  return {
    name: 'create of what is there',
    async run() {
      await hands.doors.nfs.status('CREATE', { where: await where(hands, path), how }, ['NFS3ERR_EXIST']);
      return undefined;
    },
  };
};

/** What NFS writes has no ETag that is known. */
function withoutEtag({ etag: _etag, ...node }: FileNode): FileNode {
  return node;
}

/** All that was written to the file before is durable as well (ADR 3). */
const settled = (node: FileNode, durable: Uint8Array): FileNode => ({
  ...withoutEtag(node),
  durable,
  loose: [],
});

function change(hands: Hands, node: FileNode): LooseWrite | undefined {
  const { length } = visible(node);
  const isAppend = hands.random.below(3) === 0;
  const offset = isAppend ? length : hands.random.below(length + 5000);
  const data = hands.contents.next();
  return data.length === 0 || offset + data.length > fileBytesMax ? undefined : { offset, data };
}

const writeStable: Operation = (hands) => {
  const file = aFile(hands);
  const write = file && change(hands, file.node);
  if (file === undefined || write === undefined) return undefined;
  const stable: Stable = hands.random.below(3) === 0 ? 'DATA_SYNC' : 'FILE_SYNC';
  const after = changed(hands.tree, settled(file.node, written(visible(file.node), write)));
  if (write.data.length > callBytesMax) return writeLong(hands, file, { ...write, after });
  return {
    name: 'write stable',
    after,
    async run() {
      await hands.doors.nfs.write(await hands.handle(file.path), write, stable);
      return undefined;
    },
  };
};

/** As a client writes what is longer than one call: unstable, in pieces that are under way together, and a COMMIT. */
function writeLong(
  hands: Hands,
  { path, node }: { readonly path: string; readonly node: FileNode },
  { offset, data, after }: LooseWrite & { readonly after: Tree },
): Step {
  const pieces = Array.from({ length: Math.ceil(data.length / pieceBytes) }, (_, index) => ({
    offset: offset + index * pieceBytes,
    data: data.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  }));
  return {
    name: 'write in pieces',
    after,
    partly: [changed(hands.tree, { ...withoutEtag(node), loose: [...node.loose, ...pieces] })],
    async run() {
      const file = await hands.handle(path);
      await all(pieces.map((piece) => hands.doors.nfs.write(file, piece, 'UNSTABLE')));
      await hands.doors.nfs.commit(file);
      return undefined;
    },
  };
}

/** None is under way any more when one has failed. */
async function all(calls: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(calls);
  const failures = outcomes.flatMap((it) => (it.status === 'rejected' ? [it.reason as Error] : []));
  const worst = failures.find((failure) => !(failure instanceof Cut)) ?? failures[0];
  if (worst !== undefined) throw worst;
}

const writeUnstable: Operation = (hands) => {
  const file = aFile(hands, ({ loose }) => loose.length < 12);
  if (file === undefined) return undefined;
  const writes: LooseWrite[] = [];
  let offset = hands.random.below(visible(file.node).length + 5000);
  for (let count = hands.random.below(pipelinedWritesMax); count >= 0; count -= 1) {
    const data = hands.contents.next().subarray(0, callBytesMax);
    if (data.length === 0 || offset + data.length > fileBytesMax) continue;
    writes.push({ offset, data });
    offset += data.length + hands.random.below(2) * 100;
  }
  if (writes.length === 0) return undefined;
  return {
    name: 'write unstable',
    after: changed(hands.tree, { ...withoutEtag(file.node), loose: [...file.node.loose, ...writes] }),
    async run() {
      const handle = await hands.handle(file.path);
      await all(writes.map((write) => hands.doors.nfs.write(handle, write, 'UNSTABLE')));
      return undefined;
    },
  };
};

const commit: Operation = (hands) => {
  const file = aFile(hands, ({ loose }) => loose.length > 0);
  if (file === undefined) return undefined;
  return {
    name: 'commit',
    after: changed(hands.tree, settled(file.node, visible(file.node))),
    async run() {
      await hands.doors.nfs.commit(await hands.handle(file.path));
      return undefined;
    },
  };
};

const truncate: Operation = (hands) => {
  const file = aFile(hands);
  if (file === undefined) return undefined;
  const before = visible(file.node);
  const size = hands.random.below(before.length + 6000);
  const durable = Buffer.alloc(size);
  durable.set(before.subarray(0, size));
  return {
    name: 'truncate',
    after: changed(hands.tree, settled(file.node, durable)),
    async run() {
      const object = await hands.handle(file.path);
      await hands.doors.nfs.ok('SETATTR', {
        object,
        new_attributes: { ...unchanged, size },
        guard: undefined,
      });
      return undefined;
    },
  };
};

const changeMode: Operation = (hands) => {
  const file = aFile(hands);
  const mode = choose(hands.random, modes) ?? 0o644;
  if (file === undefined) return undefined;
  return {
    name: 'setattr',
    after: changed(hands.tree, { ...file.node, mode }),
    async run() {
      const object = await hands.handle(file.path);
      await hands.doors.nfs.ok('SETATTR', {
        object,
        new_attributes: { ...unchanged, mode },
        guard: undefined,
      });
      return undefined;
    },
  };
};

function rename(hands: Hands, from: string | undefined, to: string | undefined): ReturnType<Operation> {
  if (from === undefined || to === undefined) return undefined;
  // POSIX: a rename between two names of one file does nothing.
  if (hands.tree.get(from)?.id === hands.tree.get(to)?.id) return undefined;
  return {
    name: 'rename',
    after: renamed(hands.tree, from, to),
    async run() {
      const args = { from: await where(hands, from), to: await where(hands, to) };
      await hands.doors.nfs.ok('RENAME', args);
      return undefined;
    },
  };
}
const renameFile: Operation = (hands) => rename(hands, aName(hands), choose(hands.random, places(hands)));
const renameDirectory: Operation = (hands) => rename(hands, aDirectory(hands), freeDirectory(hands));

const remove: Operation = (hands) => {
  const path = aName(hands);
  if (path === undefined) return undefined;
  return {
    name: 'remove',
    after: without(hands.tree, path),
    async run() {
      await hands.doors.nfs.ok('REMOVE', { object: await where(hands, path) });
      return undefined;
    },
  };
};

const makeDirectory: Operation = (hands) => {
  const path = freeDirectory(hands);
  if (path === undefined) return undefined;
  const node: TreeNode = { kind: 'directory', id: hands.newId() };
  return {
    name: 'mkdir',
    after: withEntry(hands.tree, path, node),
    async run() {
      const { obj } = await hands.doors.nfs.ok('MKDIR', {
        where: await where(hands, path),
        attributes: unchanged,
      });
      hands.learn(node, obj);
      return undefined;
    },
  };
};

const removeDirectory: Operation = (hands) => {
  const path = aDirectory(hands);
  if (path === undefined) return undefined;
  const isEmpty = ![...hands.tree.keys()].some((each) => each.startsWith(`${path}/`));
  return {
    name: isEmpty ? 'rmdir' : 'rmdir of what is not empty',
    ...(isEmpty && { after: without(hands.tree, path) }),
    async run() {
      const object = await where(hands, path);
      await hands.doors.nfs.status('RMDIR', { object }, [isEmpty ? 'NFS3_OK' : 'NFS3ERR_NOTEMPTY']);
      return undefined;
    },
  };
};

const link: Operation = (hands) => {
  const [file, path] = [aFile(hands), freePlace(hands)];
  if (file === undefined || path === undefined) return undefined;
  return {
    name: 'link',
    after: withEntry(hands.tree, path, file.node),
    async run() {
      await hands.doors.nfs.ok('LINK', {
        file: await hands.handle(file.path),
        link: await where(hands, path),
      });
      return undefined;
    },
  };
};

const symlink: Operation = (hands) => {
  const path = freePlace(hands);
  if (path === undefined) return undefined;
  const id = hands.newId();
  const target = `leads/nowhere/${id}`;
  const data = { symlink_attributes: unchanged, symlink_data: Buffer.from(target) };
  return {
    name: 'symlink',
    after: withEntry(hands.tree, path, { kind: 'symlink', id, target }),
    async run() {
      await hands.doors.nfs.ok('SYMLINK', { where: await where(hands, path), symlink: data });
      return undefined;
    },
  };
};

const readFile: Operation = (hands) => {
  const file = aFile(hands);
  if (file === undefined) return undefined;
  return {
    name: 'read',
    async run() {
      const content = await read(hands.doors.nfs, await hands.handle(file.path));
      if (!Buffer.from(visible(file.node)).equals(content)) {
        throw new WrongAnswer(`READ of ${hands.prefix}/${file.path} is not what was written`);
      }
      return undefined;
    },
  };
};

/** What comes up more often stands there more often. */
export const nfsOperations: readonly Operation[] = [
  ...[
    create,
    create,
    createAgain,
    writeStable,
    writeStable,
    writeStable,
    writeUnstable,
    writeUnstable,
    commit,
  ],
  ...[commit, truncate, changeMode, renameFile, renameFile, renameDirectory, remove, makeDirectory],
  ...[removeDirectory, link, symlink, readFile, readFile],
];
