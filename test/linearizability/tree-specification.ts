import { createHash } from 'node:crypto';
import { Fault } from '../../src/fault.ts';
import type { Ino } from '../../src/namespace/namespace.ts';
import {
  ModelDirectory,
  directoriesOf,
  fail,
  type ModelFile,
  type ModelNode,
} from '../namespace/model/tree.ts';
import type { Specification } from './check.ts';

/** The tree of one bucket, as the model of the namespace has it. */
export const treeSpecification = (bucket: Ino): Specification<ModelDirectory> => {
  const initial = new ModelDirectory(undefined);
  initial.ino = bucket;
  return { initial, clone: (tree) => cloned(tree, undefined), text: textOf };
};

function cloned(directory: ModelDirectory, parent: ModelDirectory | undefined): ModelDirectory {
  const copy = new ModelDirectory(parent);
  copy.ino = directory.ino;
  for (const [name, node] of directory.entries)
    copy.entries.set(name, node.kind === 'directory' ? cloned(node, copy) : { ...node });
  return copy;
}

function textOf(directory: ModelDirectory): string {
  const entries = [...directory.entries].sort(([one], [other]) => (one < other ? -1 : 1));
  const inner = entries.map(([name, node]) =>
    node.kind === 'directory' ? name + textOf(node) : `${name}=${fileText(node)}`,
  );
  return `(${directory.ino ?? ''} ${inner.join(' ')})`;
}

function fileText({ ino, content, etag, earlier = [] }: ModelFile): string {
  const contents = [...earlier, { content, etag }].map(
    (each) => `${short(each.content)}${each.etag === undefined ? '*' : ''}`,
  );
  return `${ino ?? ''}:${contents.join('<')}`;
}

const CONTENT_CHARS_MAX = 100;

const short = (content: string): string =>
  content.length <= CONTENT_CHARS_MAX ? content : createHash('sha1').update(content).digest('base64');

const nodesOf = (tree: ModelDirectory): readonly ModelNode[] =>
  directoriesOf(tree).flatMap((directory) => [directory, ...directory.entries.values()]);

/** What a handle leads to; like a real one it leads nowhere once the last name has gone. */
export const nodeAt = (tree: ModelDirectory, ino: Ino): ModelNode =>
  nodesOf(tree).find((node) => node.ino === ino) ?? fail('stale-handle');

export function directoryAt(tree: ModelDirectory, ino: Ino): ModelDirectory {
  const node = nodeAt(tree, ino);
  return node.kind === 'directory' ? node : fail('not-directory');
}

/** The number of an inode: the one that was seen when the model has none yet and nothing else has it. */
export function inoOf(tree: ModelDirectory, node: ModelNode, seen: string | undefined): string {
  const ino = Number(seen) as Ino;
  const isFree = Number.isSafeInteger(ino) && !nodesOf(tree).some((other) => other.ino === ino);
  if (node.ino === undefined && isFree) node.ino = ino;
  return String(node.ino);
}

/** What a step comes to, faults included. */
export function outcomeOf(step: () => string | void): string {
  try {
    return step() ?? 'done';
  } catch (failure) {
    if (failure instanceof Fault) return `!${failure.code}`;
    throw failure;
  }
}

/** The same of the real one. */
export async function outcomeOfRun(run: () => Promise<string | void>): Promise<string> {
  try {
    return (await run()) ?? 'done';
  } catch (failure) {
    if (failure instanceof Fault) return `!${failure.code}`;
    throw failure;
  }
}
