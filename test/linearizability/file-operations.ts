import type { Ino } from '../../src/namespace/namespace.ts';
import * as posix from '../namespace/model/posix.ts';
import { appearances, type ModelDirectory, type ModelNode } from '../namespace/model/tree.ts';
import { brief, freshContent, memberships, pick, type Maker, type Operation } from './operation.ts';
import { directoryAt, inoOf, nodeAt, outcomeOf } from './tree-specification.ts';

const fileNames = ['a', 'b'] as const;
const directoryNames = ['d', 'e'] as const;

const modelPlace = (tree: ModelDirectory, directory: Ino, name: string): posix.ModelPlace => ({
  directory: directoryAt(tree, directory),
  name,
});

const learner = (handles: Ino[]) => (outcome: string) => {
  if (!outcome.startsWith('!')) handles.push(Number(outcome) as Ino);
};

/** All that was written to a file before is on stable storage now. */
function settle(node: ModelNode): void {
  if (node.kind !== 'directory') node.earlier = [];
}

function lookup(maker: Maker): Operation {
  const isDirectory = maker.random.below(2) === 0;
  const directory = pick(maker, maker.directories);
  const name = pick(maker, isDirectory ? directoryNames : fileNames);
  return {
    name: `LOOKUP ${directory} ${name}`,
    apply(tree, seen) {
      const found = outcomeOf(() => inoOf(tree, posix.lookup(modelPlace(tree, directory, name)), seen));
      // In a directory that goes with its last name, neither is there.
      return found === '!stale-handle' && seen === '!not-found' ? seen : found;
    },
    run: async () => String(await maker.doors.lookup(directory, name)),
    learn: learner(isDirectory ? maker.directories : maker.files),
  };
}

function create(maker: Maker): Operation {
  const how = pick(maker, ['guarded', 'unchecked'] as const);
  const [directory, name] = [pick(maker, maker.directories), pick(maker, fileNames)];
  const size = maker.random.below(2) === 0 ? 0 : undefined;
  return {
    name: `CREATE ${directory} ${name} ${how} ${size ?? ''}`,
    apply(tree, seen) {
      const file = posix.create(modelPlace(tree, directory, name), how, size);
      if (size !== undefined) settle(file);
      return inoOf(tree, file, seen);
    },
    run: async () => String(await maker.doors.create(directory, name, { how, size })),
    learn: learner(maker.files),
  };
}

function makeDirectory(maker: Maker): Operation {
  const [directory, name] = [pick(maker, maker.directories), pick(maker, directoryNames)];
  return {
    name: `MKDIR ${directory} ${name}`,
    apply: (tree, seen) => inoOf(tree, posix.makeDirectory(modelPlace(tree, directory, name)), seen),
    run: async () => String(await maker.doors.makeDirectory(directory, name)),
    learn: learner(maker.directories),
  };
}

function remove(maker: Maker): Operation {
  const [directory, name] = [pick(maker, maker.directories), pick(maker, fileNames)];
  return {
    name: `REMOVE ${directory} ${name}`,
    apply: (tree) => posix.remove(modelPlace(tree, directory, name)),
    run: () => maker.doors.remove(directory, name),
  };
}

function removeDirectory(maker: Maker): Operation {
  const [directory, name] = [pick(maker, maker.directories), pick(maker, directoryNames)];
  return {
    name: `RMDIR ${directory} ${name}`,
    apply: (tree) => posix.removeDirectory(modelPlace(tree, directory, name)),
    run: () => maker.doors.removeDirectory(directory, name),
  };
}

function rename(maker: Maker): Operation {
  const names = pick(maker, [fileNames, directoryNames]);
  const from = { directory: pick(maker, maker.directories), name: pick(maker, names) };
  const to = { directory: pick(maker, maker.directories), name: pick(maker, names) };
  return {
    name: `RENAME ${from.directory} ${from.name} ${to.directory} ${to.name}`,
    apply(tree) {
      const target = modelPlace(tree, to.directory, to.name);
      posix.rename(modelPlace(tree, from.directory, from.name), target);
    },
    run: () => maker.doors.rename(from, to),
  };
}

function readDirectory(maker: Maker): Operation {
  const directory = pick(maker, maker.directories);
  const shown = (tree: ModelDirectory): readonly string[] =>
    [...appearances(directoryAt(tree, directory))]
      .filter(([, { entry }]) => entry !== '')
      .map(([name]) => name);
  return {
    name: `READDIR ${directory}`,
    isPure: true,
    partsOf: memberships(`READDIR ${directory}`, [...fileNames, ...directoryNames], shown),
    apply: (tree) => shown(tree).join(' '),
    run: async () => [...(await maker.doors.readDirectory(directory))].sort().join(' '),
  };
}

function write(maker: Maker): Operation {
  const [ino, data] = [pick(maker, maker.files), freshContent(maker)];
  const [offset, stable] = [pick(maker, [0, 0, 3, 70]), maker.random.below(3) === 0];
  return {
    name: `WRITE ${ino} ${offset} ${brief(data)}${stable ? ' stable' : ''}`,
    apply(tree, seen) {
      const node = nodeAt(tree, ino);
      if (node.kind !== 'directory')
        node.earlier = [...(node.earlier ?? []), { content: node.content, etag: node.etag }];
      posix.write(node, offset, data);
      // Others may see what is not durable yet. When the file is removed before it is, the write fails all the same.
      if (stable && seen === 'done') settle(node);
      return stable && seen === '!stale-handle' ? seen : undefined;
    },
    run: () => maker.doors.write(ino, { offset, stable }, data),
  };
}

function commit(maker: Maker): Operation {
  const ino = pick(maker, maker.files);
  return {
    name: `COMMIT ${ino}`,
    apply: (tree) => settle(nodeAt(tree, ino)),
    run: () => maker.doors.commit(ino),
  };
}

function truncate(maker: Maker): Operation {
  const [ino, size] = [pick(maker, maker.files), pick(maker, [0, 2, 65])];
  return {
    name: `SETATTR ${ino} size ${size}`,
    apply(tree) {
      const node = nodeAt(tree, ino);
      posix.truncate(node, size);
      settle(node);
    },
    run: () => maker.doors.truncate(ino, size),
  };
}

function readFile(maker: Maker): Operation {
  const ino = pick(maker, maker.files);
  return {
    name: `READ ${ino}`,
    isPure: true,
    apply: (tree) => posix.read(nodeAt(tree, ino), 0, Infinity),
    run: () => maker.doors.readFile(ino),
  };
}

export const nameOperations = [
  ...[lookup, lookup, create, create, makeDirectory],
  ...[remove, removeDirectory, rename, rename, readDirectory],
];
export const contentOperations = [write, write, truncate, readFile, readFile, commit];
