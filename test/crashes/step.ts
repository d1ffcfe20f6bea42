import type { Random } from '../../src/environment.ts';
import type { Contents } from './content.ts';
import type { Doors } from './look.ts';
import type { FileNode, Tree, TreeNode } from './tree.ts';

/** One operation of an actor, before it is asked for. */
export interface Step {
  readonly name: string;
  /** What is there when it has been acknowledged; absent: what was there before. */
  readonly after?: Tree;
  /** What else may be there when no answer came: parts of it. */
  readonly partly?: readonly Tree[];
  /** Resolves with its acknowledgement. May answer with what is there, where the answer says more than `after` does. */
  run(): Promise<Tree | undefined>;
}

/** What an actor gives to the operations that it may choose. */
export interface Hands {
  readonly tree: Tree;
  readonly doors: Doors;
  readonly random: Random;
  readonly contents: Contents;
  readonly bucket: string;
  /** Its directory, and the handle of it. */
  readonly prefix: string;
  readonly uploads: Map<string, Upload>;
  newId(): number;
  /** The handle of what `path` leads to; `''` is the directory of the actor. */
  handle(path: string): Promise<Uint8Array>;
  learn(node: TreeNode, handle: Uint8Array | undefined): void;
}

/** A multipart upload that goes on after a crash. */
export interface Upload {
  readonly path: string;
  readonly parts: readonly UploadedPart[];
  /** Its completion was asked for. */
  readonly isEnding: boolean;
}
export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  readonly content: Uint8Array;
}

/** `undefined`: there is nothing to do it with. */
export type Operation = (hands: Hands) => Step | undefined;

const directories = ['d1', 'd2', 'd3'] as const;
const names = ['a', 'b', 'c', 'd'] as const;
/** What one file may have: an actor holds all of its contents in memory. */
export const fileBytesMax = 3_000_000;

export function choose<T>(random: Random, choices: readonly T[]): T | undefined {
  return choices[random.below(Math.max(choices.length, 1))];
}

/** Where a file may be, of directories that are there. */
export function places({ tree }: Hands): readonly string[] {
  const there = directories.filter((path) => tree.has(path));
  return [...names, ...there.flatMap((path) => [`${path}/a`, `${path}/b`])];
}

export const freePlace = (hands: Hands): string | undefined =>
  choose(
    hands.random,
    places(hands).filter((path) => !hands.tree.has(path)),
  );

export const freeDirectory = ({ tree, random }: Hands): string | undefined =>
  choose(
    random,
    directories.filter((path) => !tree.has(path)),
  );

export const aDirectory = ({ tree, random }: Hands): string | undefined =>
  choose(
    random,
    directories.filter((path) => tree.has(path)),
  );

/** A name of a file, or of a file or symlink. */
export function aFile(
  { tree, random }: Hands,
  fits: (node: FileNode) => boolean = () => true,
): { readonly path: string; readonly node: FileNode } | undefined {
  const files = [...tree].flatMap(([path, node]) =>
    node.kind === 'file' && fits(node) ? [{ path, node }] : [],
  );
  return choose(random, files);
}
export const aName = ({ tree, random }: Hands): string | undefined =>
  choose(
    random,
    [...tree].filter(([, { kind }]) => kind !== 'directory').map(([path]) => path),
  );

export function parentOf(path: string): { readonly parent: string; readonly name: Uint8Array } {
  const at = path.lastIndexOf('/');
  return { parent: path.slice(0, Math.max(at, 0)), name: Buffer.from(path.slice(at + 1)) };
}
