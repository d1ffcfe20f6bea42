import type { Random } from '../../src/environment.ts';
import type { Bucket, Expectation, Ino } from '../../src/namespace/namespace.ts';
import * as objects from '../namespace/model/objects.ts';
import * as posix from '../namespace/model/posix.ts';
import { appearances, type ModelDirectory } from '../namespace/model/tree.ts';
import { bytes, get, plainFacet, root, s3, text, type Stack } from '../namespace/world.ts';
import type { Parts } from './history.ts';
import { directoryAt, inoOf, nodeAt, outcomeOf } from './tree-specification.ts';

/** One operation on the model and on a namespace; both answer what it comes to, or throw the fault. */
export interface Operation {
  readonly name: string;
  /** Answers nothing for what merely succeeds. */
  apply(tree: ModelDirectory, seen: string | undefined): string | void;
  run(): Promise<string | void>;
  /** Hears of the outcome. */
  readonly learn?: (outcome: string) => void;
  /** It changes nothing. */
  readonly isPure?: boolean;
  /** What a list says of each thing that it could show: it may come by them one after the other. */
  readonly partsOf?: (outcome: string) => Parts<ModelDirectory> | undefined;
}

/** Who makes operations: a namespace, the handles that a client has come by, and chance. */
export interface Maker {
  readonly stack: Stack;
  readonly bucket: Bucket;
  readonly random: Random;
  /** Directories and files that a LOOKUP or CREATE led to, perhaps gone by now. */
  readonly directories: Ino[];
  readonly files: Ino[];
}

const keys = ['a', 'b', 'd/a', 'd/b', 'e/a'] as const;
/** Keys that a listing may have, of directories too. */
const listable = ['', 'd/', 'e/', 'd/d/', 'd/e/', 'e/d/', 'e/e/'].flatMap((path) =>
  ['', 'a', 'b'].map((name) => path + name).filter((key) => key !== ''),
);
const fileNames = ['a', 'b'] as const;
const directoryNames = ['d', 'e'] as const;
/** More than there ever are: what is listed is listed at once. */
const ENTRIES_MAX = 100;
const READ_BYTES_MAX = 1000;
let contents = 0;

const pick = <T>({ random }: Maker, choices: readonly T[]): T => choices[random.below(choices.length)] as T;

/** Short ones lie in rows, long ones on the device. */
const freshContent = (maker: Maker): string => {
  contents += 1;
  return `${contents}`.padEnd(pick(maker, [4, 60]), '.');
};

function put(maker: Maker): Operation {
  const { stack, bucket } = maker;
  const [key, content] = [pick(maker, keys), freshContent(maker)];
  const isNew = maker.random.below(3) === 0;
  const expect: Expectation = isNew ? { ifNoneMatch: ['*'] } : {};
  return {
    name: `PUT ${key} ${content.trim()}${isNew ? ' if absent' : ''}`,
    apply(tree) {
      objects.put(tree, key, { content, etag: content, condition: isNew ? 'absent' : 'none' });
    },
    async run() {
      const draft = await stack.namespace.objects.draft(s3);
      try {
        await draft.write([bytes(content)]);
        const facet = plainFacet(content);
        await stack.namespace.objects.attach(s3, draft, {
          bucket: bucket.ino,
          key: bytes(key),
          facet,
          expect,
        });
      } finally {
        await draft.discard();
      }
    },
  };
}

function read(maker: Maker): Operation {
  const { stack, bucket } = maker;
  const key = pick(maker, keys);
  return {
    name: `GET ${key}`,
    isPure: true,
    apply: (tree) => objects.head(tree, key)?.content ?? 'none',
    run: async () => (await get(stack, bucket, key))?.toString() ?? 'none',
  };
}

function removeKey(maker: Maker): Operation {
  const { stack, bucket } = maker;
  const key = pick(maker, keys);
  return {
    name: `DELETE ${key}`,
    apply: (tree) => objects.removeKey(tree, key, 'none'),
    async run() {
      await stack.namespace.objects.removeKey({ bucket: bucket.ino, key: bytes(key), expect: {} });
    },
  };
}

function renameKey(maker: Maker): Operation {
  const { stack, bucket } = maker;
  const [from, to] = [pick(maker, keys), pick(maker, keys)];
  const named = (key: string): { key: Uint8Array; expect: Expectation } => ({ key: bytes(key), expect: {} });
  return {
    name: `RenameObject ${from} ${to}`,
    apply(tree) {
      objects.renameKey(tree, { from, to, condition: 'none' });
    },
    async run() {
      await stack.namespace.objects.renameKey(s3, bucket.ino, { from: named(from), to: named(to) });
    },
  };
}

function list(maker: Maker): Operation {
  const { stack, bucket } = maker;
  const prefix = pick(maker, ['', '', 'd/']);
  const name = `LIST ${prefix}`;
  const shown = (tree: ModelDirectory): readonly string[] => objects.list(tree, prefix, '');
  const names = listable.filter((key) => key.startsWith(prefix));
  return {
    name,
    isPure: true,
    partsOf: memberships(name, names, shown),
    apply: (tree) => shown(tree).join(' '),
    async run() {
      const all = { prefix: bytes(prefix), after: bytes(''), delimiter: undefined, entriesMax: ENTRIES_MAX };
      const { entries } = await stack.namespace.objects.list(bucket.ino, all);
      return entries.map((entry) => text(entry.kind === 'object' ? entry.key : entry.prefix)).join(' ');
    },
  };
}

/**
 * Whether each of `names` is in a list: what is there all the time is shown, and what never is, is not. Of what is renamed
 * meanwhile a list may show both names, or none.
 */
const memberships =
  (
    name: string,
    names: readonly string[],
    shown: (tree: ModelDirectory) => readonly string[],
  ): NonNullable<Operation['partsOf']> =>
  (outcome) => {
    if (outcome.startsWith('!')) return undefined;
    const listed = new Set(outcome.split(' ').filter((one) => one !== ''));
    return [...new Set([...names, ...listed])].map((one) => ({
      name: `${name}: ${one}`,
      outcome: String(listed.has(one)),
      apply(tree) {
        const found = outcomeOf(() => String(shown(tree).includes(one)));
        // A directory that goes while it is listed is listed as empty, as POSIX has it.
        return found === '!stale-handle' ? 'false' : found;
      },
    }));
  };

const place = (directory: Ino, name: string): { directory: Ino; name: Uint8Array } => ({
  directory,
  name: bytes(name),
});

const modelPlace = (tree: ModelDirectory, directory: Ino, name: string): posix.ModelPlace => ({
  directory: directoryAt(tree, directory),
  name,
});

const learner = (handles: Ino[]) => (outcome: string) => {
  if (!outcome.startsWith('!')) handles.push(Number(outcome) as Ino);
};

function lookup(maker: Maker): Operation {
  const { stack } = maker;
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
    async run() {
      const found = await stack.namespace.files.lookup(root, place(directory, name));
      return String(found.attributes.ino);
    },
    learn: learner(isDirectory ? maker.directories : maker.files),
  };
}

function create(maker: Maker): Operation {
  const { stack } = maker;
  const how = pick(maker, ['guarded', 'unchecked'] as const);
  const [directory, name] = [pick(maker, maker.directories), pick(maker, fileNames)];
  const size = maker.random.below(2) === 0 ? 0 : undefined;
  return {
    name: `CREATE ${directory} ${name} ${how} ${size ?? ''}`,
    apply: (tree, seen) => inoOf(tree, posix.create(modelPlace(tree, directory, name), how, size), seen),
    async run() {
      const request = { mode: { how }, wish: { mode: 0o644, size } };
      const made = await stack.namespace.files.create(root, place(directory, name), request);
      return String(made.attributes.ino);
    },
    learn: learner(maker.files),
  };
}

function makeDirectory(maker: Maker): Operation {
  const { stack } = maker;
  const [directory, name] = [pick(maker, maker.directories), pick(maker, directoryNames)];
  return {
    name: `MKDIR ${directory} ${name}`,
    apply: (tree, seen) => inoOf(tree, posix.makeDirectory(modelPlace(tree, directory, name)), seen),
    async run() {
      const made = await stack.namespace.files.makeDirectory(root, place(directory, name), {});
      return String(made.attributes.ino);
    },
    learn: learner(maker.directories),
  };
}

function remove(maker: Maker): Operation {
  const { stack } = maker;
  const [directory, name] = [pick(maker, maker.directories), pick(maker, fileNames)];
  return {
    name: `REMOVE ${directory} ${name}`,
    apply: (tree) => posix.remove(modelPlace(tree, directory, name)),
    async run() {
      await stack.namespace.files.remove(root, place(directory, name));
    },
  };
}

function removeDirectory(maker: Maker): Operation {
  const { stack } = maker;
  const [directory, name] = [pick(maker, maker.directories), pick(maker, directoryNames)];
  return {
    name: `RMDIR ${directory} ${name}`,
    apply: (tree) => posix.removeDirectory(modelPlace(tree, directory, name)),
    async run() {
      await stack.namespace.files.removeDirectory(root, place(directory, name));
    },
  };
}

function rename(maker: Maker): Operation {
  const { stack } = maker;
  const names = pick(maker, [fileNames, directoryNames]);
  const [oldDirectory, newDirectory] = [pick(maker, maker.directories), pick(maker, maker.directories)];
  const [oldName, newName] = [pick(maker, names), pick(maker, names)];
  return {
    name: `RENAME ${oldDirectory} ${oldName} ${newDirectory} ${newName}`,
    apply(tree) {
      const to = modelPlace(tree, newDirectory, newName);
      posix.rename(modelPlace(tree, oldDirectory, oldName), to);
    },
    async run() {
      const places = { from: place(oldDirectory, oldName), to: place(newDirectory, newName) };
      await stack.namespace.files.rename(root, places);
    },
  };
}

function readDirectory(maker: Maker): Operation {
  const { stack } = maker;
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
    async run() {
      const page = { after: 0, entriesMax: ENTRIES_MAX };
      const { entries } = await stack.namespace.files.entries(root, directory, page);
      return entries
        .map(({ name }) => text(name))
        .sort()
        .join(' ');
    },
  };
}

function write(maker: Maker): Operation {
  const { stack } = maker;
  const [ino, data] = [pick(maker, maker.files), freshContent(maker)];
  const [offset, stable] = [pick(maker, [0, 0, 3, 70]), maker.random.below(3) === 0];
  return {
    name: `WRITE ${ino} ${offset} ${data.trim()}${stable ? ' stable' : ''}`,
    apply(tree, seen) {
      posix.write(nodeAt(tree, ino), offset, data);
      // Others may see what is not durable yet. When the file is removed before it is, the write fails all the same.
      return stable && seen === '!stale-handle' ? seen : undefined;
    },
    async run() {
      await stack.namespace.files.write(root, ino, { offset, data: bytes(data), stable });
    },
  };
}

function truncate(maker: Maker): Operation {
  const { stack } = maker;
  const [ino, size] = [pick(maker, maker.files), pick(maker, [0, 2, 65])];
  return {
    name: `SETATTR ${ino} size ${size}`,
    apply: (tree) => posix.truncate(nodeAt(tree, ino), size),
    async run() {
      await stack.namespace.files.setAttributes(root, ino, { wish: { size } });
    },
  };
}

function readFile(maker: Maker): Operation {
  const { stack } = maker;
  const ino = pick(maker, maker.files);
  return {
    name: `READ ${ino}`,
    isPure: true,
    apply: (tree) => posix.read(nodeAt(tree, ino), 0, READ_BYTES_MAX),
    async run() {
      const range = { offset: 0, length: READ_BYTES_MAX };
      return text((await stack.namespace.files.read(root, ino, range)).parts);
    },
  };
}

function commit(maker: Maker): Operation {
  const { stack } = maker;
  const ino = pick(maker, maker.files);
  return {
    name: `COMMIT ${ino}`,
    isPure: true,
    apply(tree) {
      nodeAt(tree, ino);
    },
    async run() {
      await stack.namespace.files.commit(root, ino);
    },
  };
}

const byNames = [
  put,
  put,
  put,
  read,
  read,
  removeKey,
  renameKey,
  list,
  lookup,
  lookup,
  create,
  create,
].concat([makeDirectory, remove, removeDirectory, rename, rename, readDirectory]);
const byHandles = [write, write, truncate, readFile, readFile, commit];

export const anyOperation = (maker: Maker): Operation => {
  const isByHandle = maker.files.length > 0 && maker.random.below(3) === 0;
  return pick(maker, isByHandle ? byHandles : byNames)(maker);
};
